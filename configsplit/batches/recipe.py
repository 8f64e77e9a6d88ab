"""The recipe of a batch: which models, what to do with each, and how far to go when something fails. The pydantic document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, create_model, model_validator

from configsplit.batches.step_options import STEP_VERBS, Bytes, Strict, Texts, listed, options_of
from configsplit.verbs.schemas import DRAFT

Verify = Literal["none", "proof", "numeric"]
Cause = Literal["killed", "memory", "timeout", "remote"]

DEFAULT_INCLUDE = ("*.keras", "*.h5", "*.hdf5", "*.json")
DEFAULT_EXCLUDE = ("*.weights.h5", "*.provenance.json", "manifest.json", ".*")


class _Step(Strict):
    """One verb with its options, and what it works on.

    ``of`` names an earlier step whose file is worked on in place of the model itself; ``name`` is the folder of the result, the
    verb by default. ``missing: skip`` skips a model that has no layer of the name that the step asks for.
    ``run`` is any verb of the command line, as it is written there: ``freeze {model} --layer c1 --out {out}/frozen.keras``.
    """

    run: str | None = None
    name: str = Field(default="", pattern=r"^[\w.-]*$")
    of: str = ""
    missing: Literal["fail", "skip"] = "fail"

    @model_validator(mode="after")
    def _one_verb(self) -> Self:
        given = [verb for verb in STEPS if getattr(self, verb) is not None]
        if len(given) != 1:
            raise ValueError(f"a step is one verb, and this one has {' and '.join(given) or 'none'}")
        return self

    @property
    def verb(self) -> str:
        return next(verb for verb in STEPS if getattr(self, verb) is not None)

    @property
    def options(self) -> Any:
        """What it says to its verb."""
        return getattr(self, self.verb)


STEPS = (*STEP_VERBS, "run")
"""The verbs that a step may have."""

if TYPE_CHECKING:
    Step = _Step
else:
    _VERBS = {name: (options_of(verb) | None, None) for name, verb in STEP_VERBS.items()}
    Step = create_model("Step", __base__=_Step, __doc__=_Step.__doc__, **_VERBS)


Steps = Annotated[
    tuple[Step, ...],
    BeforeValidator(listed, json_schema_input_type=Step | Annotated[tuple[Step, ...], Field(min_length=1)]),
    Field(min_length=1),
]
"""One step, or several in order."""


class Limits(Strict):
    """What one model may take. A worker that passes a limit is killed, and the model is failed or tried again."""

    seconds: float | None = Field(default=3600, gt=0)
    memory: Bytes | None = Field(default=None, description="Bytes of memory of the worker and all that it has started.")
    source: Bytes | None = Field(default=None, description="Models with larger files are skipped.")
    recycle: Bytes = Field(default=512_000_000, description="A worker that holds more than this after a model is replaced.")


Causes = Annotated[tuple[Cause, ...], BeforeValidator(listed, json_schema_input_type=Cause | tuple[Cause, ...])]


class Retry(Strict):
    """How often a model is tried again, and after what."""

    times: int = Field(default=1, ge=0, le=100)
    after: Causes = (
        "killed",
        "memory",
        "remote",
    )


class Models(Strict):
    """Which files are models. A pattern without ``/`` is held against names, another against the path within the zoo."""

    include: Texts = DEFAULT_INCLUDE
    exclude: Texts = ()
    weights: str = Field(default="", description="Weights beside a .json: `{stem}.weights.h5`; used where it exists.")


class Output(Strict):
    """Where the results of a model go: a folder of its own below ``models/``, or (``mirror``) a file beside its neighbours."""

    layout: str | None = Field(
        default=None,
        description="`mirror` (the default where the steps leave one file), or of {path}, {folder}, {stem}, {suffix}.",
    )


class Override(Strict):
    """Settings for some models; of several that match, the last one wins, key by key."""

    models: Texts
    skip: str | None = Field(default=None, description="Leave these models out, for this reason.")
    do: Steps | None = None
    verify: Verify | None = None
    plugins: Texts | None = None
    limits: Limits | None = None
    retry: Retry | None = None
    weights: str | None = None


class Recipe(Strict):
    """The whole recipe."""

    recipe: Literal[1] = 1
    models: Models = Models()
    plugins: Texts = ()
    do: Steps
    verify: Verify = "proof"
    limits: Limits = Limits()
    retry: Retry = Retry()
    output: Output = Output()
    overrides: tuple[Override, ...] = ()


# The JSON Schema of recipes, generated from the pydantic document; a test holds the committed file against it.
#
# ``python -m configsplit.batches.recipe FOLDER`` writes it.


NAME = "recipe"


def text() -> str:
    """The schema as its file holds it."""
    made = Recipe.model_json_schema(by_alias=True)
    whole = {"$schema": DRAFT, "$id": f"configsplit:{NAME}", **made, "title": "A recipe of configsplit batch"}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1], f"{NAME}.schema.json").write_text(text(), "utf-8")
