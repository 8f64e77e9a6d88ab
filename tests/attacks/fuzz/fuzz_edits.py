"""Edits: what is done to a seed, as plain JSON, so that every input that ever failed is kept as a few lines.

An edit of a document is ``["set", path, value]``, ``["del", path]`` or ``["dup", path]`` (an item or key once more); an edit of
bytes is ``["put", at, hex]``, ``["cut", at]`` or ``["repeat", at, size]``. A value may be large without being spelt:
``{"$deep": 500}``, ``{"$long": 100000}``, ``{"$wide": 1000}``, ``{"$number": "1e999"}``.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

Edit: TypeAlias = list[Any]
Path: TypeAlias = tuple[str | int, ...]

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 0.5, -0.0, 2.5, 10**9, -(10**9), 2**63, 10**30, -(10**400), 1e-300, 1e308),
    *(float("nan"), float("inf"), float("-inf"), "", "a", "same", "valid", "channels_first", "float16", "bfloat16", "uint8"),
    *("nonsense", "\ud800", "a/b", "a:1", "a@2", "../x", "\n", "0", "-1", "None", "linear", "mixed_float16"),
    *([], {}, [[]], [{}], [None], [None, None], [None, 4], [None, 0], [None, -3], [-1], [1, 2, 3], [0, 0], [None, 2, 2, 1]),
    *({"$deep": 500}, {"$deep": 700}, {"$long": 100_000}, {"$wide": 3000}, {"$number": "1E400"}, {"$number": "-0"}),
    *(
        {"class_name": "Dense", "config": {}},
        {"class_name": "__tuple__", "items": [1]},
        {"a": None},
        ["x", 0, 0],
        ["x", 0, 0, {}],
    ),
)


def text_of(document: Any) -> str:
    """The document as JSON text, short names of large values written out."""
    return json.dumps(_spelt(document)).replace('"$number:', "").replace(':number$"', "")


def _spelt(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1 and next(iter(value)).startswith("$") and (made := _large(*next(iter(value.items())))) is not None:
            return made
        return {key: _spelt(item) for key, item in value.items()}
    return [_spelt(item) for item in value] if isinstance(value, list) else value


_LARGEST = 10_000_000


def _large(name: str, size: Any) -> Any:
    if not isinstance(size, str if name == "$number" else int) or (isinstance(size, int) and size > _LARGEST):
        return None  # a later edit has changed the size itself
    if name == "$deep":
        made: Any = []
        for _ in range(size):
            made = [made]
        return made
    if name == "$number":
        return f"$number:{size}:number$"
    return {"$long": "x", "$wide": [1]}[name] * size if name in ("$long", "$wide") else None


def places(document: Any) -> Iterator[Path]:
    """Every place in a document but the document itself."""
    todo: list[tuple[Path, Any]] = [((), document)]
    while todo:
        path, item = todo.pop()
        for key, value in item.items() if isinstance(item, dict) else enumerate(item):
            yield (*path, key)
            if isinstance(value, (dict, list)):
                todo.append(((*path, key), value))


def at(document: Any, path: Sequence[str | int]) -> Any:
    for step in path:
        document = document[step]
    return document


def draw(document: Any, rng: random.Random, classes: Sequence[str]) -> Edit:
    """One edit of a document, of a kind that reaches far into what reads it."""
    found = list(places(document))
    inner = [each for each in found if "layers" in each and each[-1] not in ("name", "class_name", "config", "inbound_nodes")]
    path = rng.choice(inner if inner and rng.random() < 0.8 else found)
    configs = [each for each in found if "layers" in each and "config" in each[each.index("layers") : -1]]
    kind = rng.randrange(16)
    if kind >= 12 and (edit := _rewired(document, found, rng, other=kind == 12)):
        return edit
    if kind < 1:
        return ["del", list(path)]
    if kind < 2:
        return ["dup", list(path)]
    if kind < 4:
        return ["set", list(path), copy.deepcopy(at(document, rng.choice(found)))]
    if kind < 5:
        value = at(document, path)
        return ["set", list(path), rng.choice(([value], {"a": value}, str(value), {"class_name": "X", "config": value}))]
    if kind < 7 and (named := [each for each in found if each[-1] == "class_name"]):
        return ["set", list(rng.choice(named)), rng.choice(classes)]
    if kind < 8 and (lists := [each for each in found if isinstance(at(document, each), list)]):
        return ["set", list(path := rng.choice(lists)), _reshuffled(at(document, path), rng)]
    if kind < 11 and configs:
        return ["set", list(rng.choice(configs)), rng.choice(VALUES)]
    return ["set", list(path), rng.choice(VALUES)]


_STRUCTURE = ("InputLayer", "Functional", "Model", "Sequential", "TimeDistributed", "Bidirectional", "Lambda", "Add")


def _rewired(document: Any, found: list[Path], rng: random.Random, *, other: bool) -> Edit | None:
    """Another layer or number in a reference, or another class that changes what the references mean."""
    if other:
        named = [each for each in found if each[-1] == "class_name" and "inbound_nodes" not in each]
        return ["set", list(rng.choice(named)), rng.choice(_STRUCTURE)] if named else None
    inside = [each for each in found if {"inbound_nodes", "input_layers", "output_layers"} & set(each)]
    leaf = [each for each in inside if type(at(document, each)) in (str, int)]
    if not leaf:
        return None
    names = [at(document, each) for each in found if each[-1] == "name" and isinstance(at(document, each), str)]
    path = rng.choice(leaf)
    if isinstance(at(document, path), int):
        return ["set", list(path), rng.choice((0, 1, 1, 2, 3, -1, 70_000))]
    return ["set", list(path), rng.choice(names or ["x"])]


def _reshuffled(items: list[Any], rng: random.Random) -> list[Any]:
    made = copy.deepcopy(items)
    if made and rng.random() < 0.4:
        del made[rng.randrange(len(made))]
    elif made and rng.random() < 0.5:
        made.insert(rng.randrange(len(made) + 1), copy.deepcopy(rng.choice(made)))
    else:
        rng.shuffle(made)
    return made


def draw_bytes(data: bytes, rng: random.Random) -> Edit:
    """One edit of bytes: numbers at structures are the favourites of a parser."""
    where = rng.randrange(max(len(data), 1))
    kind = rng.randrange(8)
    if kind == 0:
        return ["cut", where]
    if kind == 1:
        return ["repeat", where, rng.choice((1, 8, 40, 512))]
    piece = rng.choice((b"\0", b"\1", b"\xff", b"\x80", b"\xff" * 8, b"\0" * 8, rng.randbytes(1), rng.randbytes(4)))
    if kind == 2 and len(data) > 16:  # an address or size from elsewhere in the file
        start = 8 * rng.randrange(len(data) // 8)
        return ["put", where - where % 8, data[start : start + 8].hex()]
    return ["put", where, piece.hex()]


def apply(document: Any, edits: Sequence[Edit]) -> Any:
    """The document with all edits made."""
    made = {"": copy.deepcopy(document)}
    for kind, path, *rest in edits:
        *above, last = ["", *path]
        holder = at(made, above)
        if kind == "set":
            holder[last] = copy.deepcopy(rest[0])
        elif kind == "del":
            del holder[last]
        elif isinstance(holder, list):
            holder.insert(last, copy.deepcopy(holder[last]))
        else:
            holder[f"{last}_2"] = copy.deepcopy(holder[last])
    return made[""]


def apply_bytes(data: bytes, edits: Sequence[Edit]) -> bytes:
    """The bytes with all edits made."""
    for kind, where, *rest in edits:
        if kind == "cut":
            data = data[:where]
        elif kind == "repeat":
            data = data[:where] + data[where : where + rest[0]] + data[where:]
        else:
            piece = bytes.fromhex(rest[0])
            data = data[:where] + piece + data[where + len(piece) :]
    return data
