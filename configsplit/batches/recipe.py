"""The recipe of a batch: which models, what to do with each, and how far to go when something fails. The pydantic document."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from configsplit.boundaries.costs import read_amount
from configsplit.verbs.schemas import DRAFT

VERSION: Literal[1] = 1

Verify = Literal["none", "proof", "numeric"]
Format = Literal["keras", "h5", "json"]
Cause = Literal["killed", "memory", "timeout", "remote"]

DEFAULT_INCLUDE = ("*.keras", "*.h5", "*.hdf5", "*.json")
DEFAULT_EXCLUDE = ("*.weights.h5", "*.provenance.json", "manifest.json", ".*")


def _listed(value: Any) -> Any:
    """One item stands for a list of one."""
    return [value] if isinstance(value, (str, dict)) else value


def _bytes(value: Any) -> Any:
    """``4GB`` as a number of bytes; what is none is left for pydantic to refuse."""
    found = read_amount(value)
    return value if found is None else int(found)


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0, json_schema_extra={"type": ["integer", "string"]})]


class Strict(BaseModel):
    """Base of all records: an unknown key is a mistake, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))


class Split(Strict):
    """Options of ``split``: ``at`` or ``stages``.

    ``at`` lists successive cuts. Each is a reference (``conv4_block18_out``, ``A,B``), a pattern (``block*_out``: a cut at
    every layer that matches, in the model's order, unless ``pick`` says which), or a share (``half the MACs``, ``30% of the
    params``).
    ``stages`` is a number, or ``4 by params``.
    """

    at: Texts = ()
    pick: Literal["all", "first", "middle", "last"] = "all"
    boundary: Literal["smallest", "early", "late"] = "smallest"
    max_tensors: int | None = Field(default=None, ge=1, description="For shares: at most so many tensors across.")
    stages: int | str | None = None
    balance: Literal["params", "macs", "bytes", "latency"] | None = None
    slack: float = Field(default=0, ge=0, le=1000, description="Per cent.")
    profile: str | None = None
    devices: str | None = None
    max_boundary_bytes: Bytes | None = None
    max_stage_bytes: Bytes | None = None
    shape: Texts = ()
    boundary_dtype: str | None = None
    to: Format | None = None
    weights: bool = True

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.at) == (self.stages is not None):
            raise ValueError("give either `at` (where to cut) or `stages` (how many parts)")
        return self


class Written(Strict):
    """Options of every verb that writes one file."""

    format: Format | None = None
    weights: bool = True


class Extract(Written):
    """Options of ``extract``."""

    from_: Texts = Field(default=(), alias="from")
    to: Texts = ()
    shape: Texts = ()


class Insert(Written):
    """Options of ``insert``. ``model`` is a path beside the recipe."""

    after: str
    before: Texts = ()
    model: str
    donor_weights: str | None = None


class Replace(Written):
    """Options of ``replace``. ``model`` is a path beside the recipe."""

    from_: Texts = Field(alias="from")
    to: Texts
    model: str
    donor_weights: str | None = None


class Remove(Written):
    """Options of ``remove``."""

    layer: Texts


class Rename(Written):
    """Options of ``rename``: ``OLD=NEW``, patterns too."""

    names: Texts


class Freeze(Written):
    """Options of ``freeze``."""

    before: Texts = ()
    after: Texts = ()
    layer: Texts = ()
    unfreeze: bool = False


class Join(Written):
    """Options of ``join``: without ``models`` it undoes the split named by ``of``; with them the model feeds these in turn."""

    models: Texts = ()
    by: Literal["position", "name"] = "position"


class Convert(Strict):
    """Options of ``convert``. ``lambda`` lists ``NAME=MODULE:FUNCTION``."""

    lambdas: Texts = Field(default=(), alias="lambda")
    shape: Texts = ()
    backend: Literal["tensorflow", "theano", "cntk"] | None = None
    weights: bool = True


class Cuts(Strict):
    """Options of ``cuts``."""

    max_tensors: int | None = Field(default=None, ge=0)
    max_bytes: Bytes | None = None
    before: str | None = None
    after: str | None = None
    sort: Literal["position", "bytes", "balance"] | None = None
    shape: Texts = ()


class Layers(Strict):
    """Options of ``layers``."""

    before: Texts = ()
    after: Texts = ()


class Nothing(Strict):
    """A verb without options."""


class Check(Strict):
    """Options of ``verify``, which holds the output of an earlier step (``of``) against the model."""

    numeric: bool = False
    samples: int = Field(default=4, ge=1)
    seed: int = 0


class Step(Strict):
    """One verb with its options, and what it works on.

    ``of`` names an earlier step whose file is worked on in place of the model itself; ``name`` is the folder of the result, the
    verb by default. ``missing: skip`` skips a model that has no layer of the name that the step asks for, or is of Keras 3
    already where it is to be converted.
    ``run`` is any verb of the command line, as it is written there: ``plot {model} --out {out}/graph.svg``.
    """

    split: Split | None = None
    extract: Extract | None = None
    insert: Insert | None = None
    replace: Replace | None = None
    remove: Remove | None = None
    rename: Rename | None = None
    freeze: Freeze | None = None
    join: Join | None = None
    verify: Check | None = None
    inspect: Nothing | None = None
    cuts: Cuts | None = None
    layers: Layers | None = None
    convert: Convert | None = None
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


STEPS = tuple(name for name in Step.model_fields if name not in ("name", "of", "missing"))
"""The verbs that a step may have."""


class Limits(Strict):
    """What one model may take. A worker that passes a limit is killed, and the model is failed or tried again."""

    seconds: float | None = Field(default=3600, gt=0)
    memory: Bytes | None = Field(default=None, description="Bytes of memory of the worker and all that it has started.")
    source: Bytes | None = Field(default=None, description="Models with larger files are skipped.")
    recycle: Bytes = Field(default=512_000_000, description="A worker that holds more than this after a model is replaced.")


class Retry(Strict):
    """How often a model is tried again, and after what."""

    times: int = Field(default=1, ge=0, le=100)
    after: Annotated[tuple[Cause, ...], BeforeValidator(_listed)] = ("killed", "memory", "remote")


class Models(Strict):
    """Which files are models. A pattern without ``/`` is held against names, another against the path within the zoo."""

    include: Texts = DEFAULT_INCLUDE
    exclude: Texts = ()
    weights: str = Field(default="", description="Weights beside a .json: `{stem}.weights.h5`; used where it exists.")


class Output(Strict):
    """Where the results of a model go, below ``models/``."""

    layout: str = Field(default="{path}", description="Of {path}, {folder}, {stem}, {suffix}.")


class Override(Strict):
    """Settings for some models; of several that match, the last one wins, key by key."""

    models: Texts
    skip: str | None = Field(default=None, description="Leave these models out, for this reason.")
    do: Annotated[tuple[Step, ...] | None, BeforeValidator(_listed)] = None
    verify: Verify | None = None
    plugins: Texts | None = None
    limits: Limits | None = None
    retry: Retry | None = None
    weights: str | None = None


class Recipe(Strict):
    """The whole recipe."""

    recipe: Literal[1] = VERSION
    models: Models = Models()
    plugins: Texts = ()
    do: Annotated[tuple[Step, ...], BeforeValidator(_listed), Field(min_length=1)]
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
