"""Where the outputs of each model go: into a folder of its own, or as files that mirror the zoo."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from configsplit.batches.recipe import Recipe, Step
from configsplit.batches.step_options import STEP_VERBS
from configsplit.containers.fetched import is_remote
from configsplit.errors import DocumentError

MIRROR = "mirror"
_OWN_FOLDER = "{path}"


@dataclass(frozen=True, slots=True)
class Place:
    """``folder``: below the output. ``stem``: what the one file of a model is called there but for its suffix; None where the
    folder is the model's own."""

    folder: str
    stem: str | None = None

    @property
    def path(self) -> str:
        return self.folder if self.stem is None else f"{self.folder}/{self.stem}".lstrip("/")


def lay_out(recipe: Recipe, names: Iterable[str], out: str) -> dict[str, Place]:
    """The place of every model, no two of which share one. Raises DocumentError if the layout gives no place, or two models
    would share one.
    """
    layout = recipe.output.layout
    if layout is None:
        layout = MIRROR if _leaves_one_file(recipe) else _OWN_FOLDER
    mirrors = layout == MIRROR
    places = _mirrored(recipe, list(names), out) if mirrors else {name: Place(_folder(layout, name)) for name in names}
    _check(places)
    return places


def _leaves_one_file(recipe: Recipe) -> bool:
    every = [recipe.do, *(override.do for override in recipe.overrides if override.do is not None)]
    return all(_is_single(steps) for steps in every)


def _is_single(steps: Iterable[Step]) -> bool:
    """Whether one step gives a model, and none leaves anything else; `verify` writes nothing."""
    leaving = [step.verb for step in steps if step.verb != "verify"]
    return len(leaving) == 1 and (leaving[0] == "convert" or (leaving[0] != "run" and STEP_VERBS[leaving[0]].gives == "file"))


def _mirrored(recipe: Recipe, names: list[str], out: str) -> dict[str, Place]:
    """``a/b/model.h5`` goes to ``a/b/model.SUFFIX``. Of two in one folder that differ in their suffix alone each keeps it."""
    if not _leaves_one_file(recipe):
        raise _refusal(MIRROR, "the steps leave more than one file for each model", f"write {_OWN_FOLDER}")
    paths = {name: PurePosixPath(name) for name in names}
    stems = Counter(path.with_name(path.stem) for path in paths.values())
    places = {}
    for name, path in paths.items():
        alone = stems[path.with_name(path.stem)] == 1
        places[name] = Place("" if len(path.parts) == 1 else str(path.parent), path.stem if alone else path.name)
        if path.parts[0].startswith(".staging-") or (path.parts[0] == "run" and len(path.parts) > 1 and is_remote(out)):
            raise _refusal(MIRROR, f"{name!r} would lie where the batch keeps its own files", f"write {_OWN_FOLDER}")
    return places


def _folder(layout: str, name: str) -> str:
    path = PurePosixPath(name)
    parent = "" if str(path.parent) == "." else str(path.parent)
    fields = {"path": name, "folder": parent, "stem": path.stem, "suffix": path.suffix.removeprefix(".")}
    told = f"write mirror, or a path of {', '.join(f'{{{field}}}' for field in fields)}"
    if strange := re.sub(rf"{{({'|'.join(fields)})}}|[^{{}}]", "", layout):
        raise _refusal(layout, f"the layout has {strange!r} beside what is filled in", told)
    made = re.sub(r"{(\w+)}", lambda match: fields[match[1]], layout)
    steps = [step for step in made.split("/") if step]
    if not steps or {".", ".."} & set(steps) or "\0" in made:
        raise _refusal(layout, f"the layout gives {made!r} for {name!r}, which is no folder", told)
    return "/".join(["models", *steps])


def _refusal(layout: str, message: str, hint: str) -> DocumentError:
    return DocumentError(message, code="recipe-layout", where=layout, hint=hint)


def _check(places: Mapping[str, Place]) -> None:
    """Every model has a place of its own, and none lies in that of another."""
    owners: dict[str, str] = {}
    for name, place in places.items():
        if (other := owners.setdefault(place.path, name)) != name:
            raise _collision(other, name, place.path)
    for name, place in places.items():
        for above in PurePosixPath(place.path).parents[:-1]:
            taken = str(above) if place.stem is None else str(above.with_suffix(""))
            if (other := owners.get(taken, name)) != name:
                raise _collision(other, name, str(above))


def _collision(one: str, other: str, place: str) -> DocumentError:
    message = f"{one!r} and {other!r} would both be written into {place!r}"
    return _refusal("output.layout", message, "the layout {path} tells all models apart")
