"""Layers as people name them: a name, ``OUTER/INNER``, or a pattern in which ``*`` stands for any part of a name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from configsplit.errors import TensorReferenceError, nearest
from configsplit.ir.graph import LayerPath, Model, walk

_JOINT = "\0"


def matching(model: Model, pattern: str) -> dict[LayerPath, tuple[str, ...]]:
    """The layers that a pattern names, each with what its stars stand for; a layer of that very name wins.

    Raises:
        TensorReferenceError: there is none.
    """
    paths = [path for path, layer in walk(model) if not layer.implicit]
    exact = [path for path in paths if "/".join(path) == pattern]
    if exact:
        return {min(exact, key=len): ()}
    pieces = (re.escape(piece).replace("/", f"[/{_JOINT}]") for piece in pattern.split("*"))
    compiled = re.compile(f"([^{_JOINT}]*)".join(pieces), re.DOTALL)
    matches = ((path, compiled.fullmatch(_JOINT.join(path))) for path in paths)
    found = {path: match.groups() for path, match in matches if match is not None} if "*" in pattern else {}
    if not found:
        raise TensorReferenceError(
            f"the model has no layer {pattern!r}",
            code="reference-unknown-layer",
            hint=nearest(pattern, ("/".join(path) for path in paths)),
        )
    return found


def layer_paths(model: Model, patterns: Iterable[str]) -> list[LayerPath]:
    """All layers that any of the patterns names, each once.

    Raises:
        TensorReferenceError: a pattern names none.
    """
    return list(dict.fromkeys(path for pattern in patterns for path in matching(model, pattern)))


def new_names(model: Model, renames: Iterable[tuple[str, str]]) -> dict[LayerPath, str]:
    """The new name of each layer that a pair of patterns names; the stars on both sides correspond.

    Raises:
        TensorReferenceError: a pattern names no layer, or two pairs name one layer.
    """
    names: dict[LayerPath, str] = {}
    for old, new in renames:
        for path, stars in matching(model, old).items():
            name = _filled(old, new, path, stars)
            if names.setdefault(path, name) != name:
                raise TensorReferenceError(
                    f"{'/'.join(path)!r} would get two names, {names[path]!r} and {name!r}",
                    code="rename-twice",
                    where="/".join(path),
                    hint="name it in one OLD=NEW only",
                )
    return {path: name for path, name in names.items() if name != path[-1]}


def _filled(old: str, new: str, path: LayerPath, stars: tuple[str, ...]) -> str:
    if new.count("*") > len(stars):
        raise TensorReferenceError(
            f"{new!r} has more stars than {old!r}", code="rename-pattern", where=old, hint="write block*=stage*, say"
        )
    given = iter(stars[len(stars) - new.count("*") :])
    name = re.sub(r"\*", lambda _: next(given), new)
    outer = "/".join(path[:-1])
    return name.removeprefix(f"{outer}/") if outer else name
