"""Configs of built-in layers with one thing wrong, drawn at random, and what real Keras says of each."""

from __future__ import annotations

import importlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice, repeat
from typing import Any, TypeAlias

from support.layer_cases import CASES

_KEPT = ("name",)
_NAMED = ("activation", "initializer", "regularizer", "constraint")


@dataclass(frozen=True)
class Bad:
    """A document with one layer whose config was changed, and the layer alone."""

    title: str
    document: str
    entry: dict[str, Any]
    alone: bool
    """Whether the layer takes one tensor, so that it can be inserted by itself."""
    shape: tuple[int | None, ...]
    dtype: str


Sound: TypeAlias = tuple[Any, dict[str, Any], str]
"""A case of a framework as a document, with the name of its layer."""


@cache
def sound(name: str, number: int) -> Sound | None:
    """A case of a framework; None where this framework does not build it."""
    return _made(name, CASES[number])


def _made(name: str, case: Any) -> Sound | None:
    framework = importlib.import_module(name)
    if case.only not in ("", name) or not hasattr(framework.layers, case.name):
        return None
    framework.backend.clear_session()
    try:
        layer = getattr(framework.layers, case.name)(**case.kwargs)
        inputs = [_input(framework, spec) for spec in case.inputs]
        outputs = layer(inputs, **case.call) if case.listed else layer(*inputs, **case.call)
        document = json.loads(framework.Model(inputs, outputs).to_json())
        framework.models.model_from_json(json.dumps(document))
    except Exception:  # noqa: BLE001  # a case that this framework does not build is no matter here
        return None
    return case, document, layer.name


def classes() -> list[str]:
    return sorted({case.name for case in CASES})


def of_class(name: str, class_name: str) -> Iterator[Bad]:
    """Of the first and the last case of a class every key with every value that is tried, one at a time."""
    cases = [case for case in CASES if case.name == class_name and "dtype" not in case.kwargs]
    for made in filter(None, (_made(name, case) for case in {id(case): case for case in (cases[0], cases[-1])}.values())):
        _, document, layer = made
        config = _entry(document, layer)["config"]
        for key in config:
            for value in (*_others(key, config[key]), *_odd(key, config[key])):
                yield _changed(name, made, lambda changed, key=key, value=value: _put(changed, key, value))


def changed_entry(name: str, class_name: str, title: str, change: Callable[[dict[str, Any]], None]) -> tuple[str, str] | None:
    """The first case of a class with its entry changed: a title, and the document; None where a framework has no such case."""
    number = next((number for number, case in enumerate(CASES) if case.name == class_name and case.only in ("", name)), None)
    made = None if number is None else sound(name, number)
    if made is None:
        return None
    document = json.loads(json.dumps(made[1]))
    change(_entry(document, made[2]))
    return f"{name} {class_name} {title}", json.dumps(document)


SHAPES: tuple[tuple[int | None, ...], ...] = (
    (None,),
    (None, 4),
    (None, 7, 4),
    (None, 3, 3, 4),
    (None, 5, 6, 7, 4),
    (None, None, None),
    (None, 7, None),
    (None, 3, 3, None),
    (None, 2, 4),
    (None, 1, 1, 4),
)


def given_other_shapes(name: str, class_name: str) -> Iterator[Bad]:
    """The first case of a class on tensors of other shapes, where it takes one tensor."""
    case = next(each for each in CASES if each.name == class_name)
    made = _made(name, case) if len(case.inputs) == 1 and not case.call else None
    if made is None:
        return
    for shape in SHAPES:
        bad = _changed(name, made, lambda config: "as it is")
        document = json.loads(bad.document)
        for entry in document["config"]["layers"]:
            _reshape(entry, shape)
        yield replace(bad, title=f"{name} {case.id} on {shape}", document=json.dumps(document), alone=False)


def _reshape(entry: dict[str, Any], shape: tuple[int | None, ...]) -> None:
    entry.pop("build_config", None)
    if entry["class_name"] == "InputLayer":
        key = "batch_shape" if "batch_shape" in entry["config"] else "batch_input_shape"
        entry["config"][key] = list(shape)
    for node in entry["inbound_nodes"]:
        for tensor in node["args"] if isinstance(node, dict) else ():
            tensor["config"]["shape"] = list(shape)


def _put(config: dict[str, Any], key: str, value: Any) -> str:
    config[key] = value
    return f"{key} = {value!r}"


def _entry(document: dict[str, Any], layer: str) -> dict[str, Any]:
    (entry,) = (each for each in document["config"]["layers"] if each["config"].get("name") == layer)
    found: dict[str, Any] = entry
    return found


def _input(framework: Any, spec: Any) -> Any:
    shape, dtype = spec if isinstance(spec[0], tuple) else (spec, "float32")
    return framework.Input(batch_shape=shape, dtype=dtype)


def drawn(name: str, count: int, seed: int) -> Iterator[Bad]:
    """So many bad configs of a framework's classes."""
    chance, several = random.Random(seed), len(CASES)
    tried = (sound(name, chance.randrange(several)) for _ in repeat(None))
    for made in islice(filter(None, tried), count):
        yield _changed(name, made, lambda config: _spoil(config, chance))


def _changed(name: str, made: Sound, change: Callable[[dict[str, Any]], str]) -> Bad:
    """A document in which the config of the layer was changed; ``change`` tells in words what it did."""
    case, document, layer = made
    document = json.loads(json.dumps(document))
    entry = _entry(document, layer)
    before = json.dumps(entry["config"])
    title = f"{name} {case.name}: {change(entry['config'])} of {before}"
    shape, dtype = case.inputs[0] if isinstance(case.inputs[0][0], tuple) else (case.inputs[0], "float32")
    entry = {key: entry[key] for key in ("module", "class_name", "config", "registered_name") if key in entry}
    return Bad(title, json.dumps(document), entry, len(case.inputs) == 1 and not case.call, shape, dtype)


def _spoil(config: dict[str, Any], chance: random.Random) -> str:
    kind = chance.choice(("misspelt", "missing", "added", "value", "value", "value"))
    keys = [key for key in config if key not in _KEPT]
    if kind == "value":
        changes = [(key, value) for key in keys for value in _others(key, config[key])]
        if changes:
            key, value = chance.choice(changes)
            config[key] = value
            return f"{key} = {value!r}"
    if kind == "misspelt":
        key = chance.choice(keys)
        config[_misspelt(key, chance)] = config.pop(key)
        return f"{key} misspelt as {list(config)[-1]}"
    if kind == "missing":
        key = chance.choice(keys)
        del config[key]
        return f"{key} missing"
    key = chance.choice(("units", "filter", "rates", "kernel", "nb_filter", "paddings", "output_dim", "activations"))
    if key not in config:
        config[key] = 1
    return f"{key} added"


def _misspelt(word: str, chance: random.Random) -> str:
    place = chance.randrange(1, len(word))
    return chance.choice((word[:place] + word[place + 1 :], word[:place] + word[place - 1] + word[place:], f"{word}s"))


def _others(key: str, value: Any) -> Iterator[Any]:
    """Values out of range, of the kind that the value is."""
    if key in ("trainable", "dtype", "seed", "vocabulary", "equation", "vocabulary_dtype", "encoding", "name"):
        return
    if any(key.endswith(each) for each in _NAMED):
        if value is not None and key != "activity_regularizer":
            yield from ("gloort_uniform", "reluu", {"class_name": "Zerros", "config": {}})
    elif isinstance(value, bool):
        return
    elif isinstance(value, str):
        yield from (value + "x", "smae", "nothing")
    elif isinstance(value, int):
        yield from (-1, 0)
    elif isinstance(value, float):
        yield from (-0.5, 1.5)
    elif isinstance(value, list) and value and all(isinstance(each, int) for each in value):
        yield from ([0] * len(value), [-1] * len(value), [*value, 1], 0, -1)


_OF_A_WORD = ("pad_to_max_tokens", "trainable", "dtype", "name", "vocabulary", "vocabulary_dtype", "equation", "encoding")
_SHAPES = ("query_shape", "key_shape", "value_shape", "batch_input_shape")
"""Keys that tf_keras writes beside the arguments of a class."""


def _odd(key: str, value: Any) -> Iterator[Any]:
    """Values of another kind, and numbers that some shape does not fit."""
    if key in (*_OF_A_WORD, *_SHAPES) or any(key.endswith(each) for each in _NAMED):
        return
    if isinstance(value, bool):
        yield not value
    elif value is None:
        yield from (0, -1, "nothing", 1.5)
    else:
        yield None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from (7, -2.0) if isinstance(value, float) else (7,)
