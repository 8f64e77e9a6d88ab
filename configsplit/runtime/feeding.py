"""What models are fed with when they are run: numbers that are drawn, or the user's own from an ``.npz`` file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from configsplit.catalog.facts import LayerFacts
from configsplit.containers.npz import read_arrays
from configsplit.errors import VerificationError
from configsplit.plugins.registry import plugins
from configsplit.runtime import arrays
from configsplit.runtime.arrays import RAW, Array, Stored, as_bfloat16, encode
from configsplit.runtime.examine import Examined
from configsplit.runtime.input_uses import Reach
from configsplit.runtime.inputs import Hints, Range, make_inputs, read_hints

Specs = Sequence[Mapping[str, Any]]
"""``{"name", "shape", "dtype"}`` of every input of a model, in its order."""

_OTHERS = (7, 5, 3, 2, 1, 16, 32, 64, 128, 224)
"""Sizes for open dimensions where a model does not take the usual one: it has as many positions as its author gave it."""


_FEW_IDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What models are run on.

    Attributes:
        samples, seed: how many samples are drawn, and from which seed.
        arrays: the user's own in an ``.npz`` file, by the names of the inputs or in their order. Nothing is drawn then.
        ranges: ``LOW,HIGH`` for every input of numbers, ``INPUT=LOW,HIGH`` for one.
        free_dimension: size of the dimensions that are open, where the default does not suit.
    """

    samples: int = 4
    seed: int = 0
    arrays: str | Path | None = None
    ranges: tuple[str, ...] = ()
    free_dimension: int | None = None


def choices(specs: Specs, hints: Hints, feed: Feed) -> list[list[Stored]]:
    """Inputs to run a model on, the best first: where it has open sizes, it may take only some. Last come small ids, for a
    model that computes with what it looks up: adds an offset, say.

    Raises:
        StoreError: the user's file cannot be read.
        VerificationError: what the user gives does not fit the model's inputs.
    """
    if feed.arrays is not None:
        return [given_inputs(Path(feed.arrays), specs)]
    ranges = read_ranges(feed.ranges, specs, hints)
    is_open = any(None in list(spec["shape"] or ())[1:] for spec in specs)
    sizes: list[int | None] = [feed.free_dimension]
    if is_open and feed.free_dimension is None:
        sizes = list(dict.fromkeys((hints.free_dimension, *_OTHERS)))
    make = partial(make_inputs, specs, hints, samples=feed.samples, seed=feed.seed, ranges=ranges)
    looked_up = any("int" in str(spec["dtype"]) or hints.of(number).limit for number, spec in enumerate(specs))
    small = [make(free_dimension=sizes[0], limit=_FEW_IDS)] if looked_up else []
    return [*(make(free_dimension=size) for size in sizes), *small]


@dataclass(frozen=True, slots=True, kw_only=True)
class FedInput:
    """What an input was given: its name, and the shape and dtype of the array."""

    name: str
    shape: tuple[int, ...]
    dtype: str


def save_choices(folder: Path, examined: Examined, specs: Specs, feed: Feed, facts: Mapping[str, LayerFacts]) -> list[str]:
    """Write inputs that a worker may choose from; the best already lies where they are read."""
    made = choices(specs, read_hints(examined.text, examined.words, facts), feed)
    places = [folder / f"choice-{number}.npz" for number in range(len(made))]
    for place, tensors in zip(places, made, strict=True):
        arrays.save(place, tensors)
    arrays.save(folder / "inputs.npz", made[0])
    return [str(place) for place in places]


def fed_inputs(folder: Path, names: Sequence[str]) -> tuple[FedInput, ...]:
    """What the models were fed with in the end."""
    fed = zip(names, arrays.load(folder / "inputs.npz"), strict=True)
    return tuple(FedInput(name=name, shape=tuple(each.values.shape), dtype=each.dtype) for name, each in fed)


def facts_of(custom_objects: Sequence[str]) -> Mapping[str, LayerFacts]:
    return plugins(custom_objects).facts()


# The user's own arrays.


def given_inputs(path: Path, specs: Specs) -> list[Stored]:
    """The arrays of an ``.npz`` file as the inputs of a model, held against what it declares.

    Raises:
        StoreError: the file cannot be read.
        VerificationError: an array is missing, or of another shape or kind than its input, or stands for none.
    """
    ordered = _in_order(read_arrays(path), [str(spec["name"]) for spec in specs], path)
    made = [_fitting(values, spec) for values, spec in zip(ordered, specs, strict=True)]
    counts = {spec["name"]: values.shape[:1] for values, spec in zip(ordered, specs, strict=True)}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name!r} {count[0] if count else 'none'}" for name, count in counts.items())
        raise _unfit(f"the inputs have different numbers of samples: {told}", str(path), "give every input as many")
    return made


def _in_order(named: Mapping[str, Array], names: Sequence[str], path: Path) -> list[Array]:
    """By name, where the file has just the names of the inputs; else as `numpy.savez` numbers what it is given in order."""
    for keys in (names, [f"arr_{number}" for number in range(len(names))]):
        if named.keys() == set(keys):
            return [named[key] for key in keys]
    raise _unfit(
        f"the file has the arrays {', '.join(map(repr, named)) or 'none'}, the model the inputs {', '.join(map(repr, names))}",
        str(path),
        "save them by name, numpy.savez(FILE, input_name=array), or all in the model's order, numpy.savez(FILE, array, array)",
    )


def _fitting(values: Array, spec: Mapping[str, Any]) -> Stored:
    name, shape, dtype = str(spec["name"]), spec["shape"], str(spec["dtype"] or "float32")
    if shape is not None:
        pairs = zip(shape, values.shape, strict=False)
        if len(shape) != len(values.shape) or any(size not in (None, given) for size, given in pairs):
            told = ", ".join("any" if size is None else str(size) for size in shape)
            raise _unfit(f"the array for {name!r} has the shape {values.shape}, the input ({told})", name)
    return _as_dtype(values, dtype, name)


def _as_dtype(values: Array, dtype: str, name: str) -> Stored:
    """An array in the type of its input. Floats are rounded to it, anything else must be in it without loss."""
    wrong = _unfit(f"the array for {name!r} is {values.dtype}, and what it holds is no {dtype}", name)
    if dtype == "string" or values.dtype.kind in "SU":
        if dtype != "string" or values.dtype.kind not in "SU":
            raise wrong
        return encode(values.astype(object) if values.dtype.kind == "S" else values)
    if dtype == "bfloat16" and values.dtype.kind in "fiu":
        return as_bfloat16(values)
    if dtype in RAW:
        raise wrong
    wanted = np.dtype(dtype)
    if values.dtype.kind == "c" != wanted.kind:
        raise wrong
    with np.errstate(all="ignore"):
        made = values.astype(wanted)
    rounded = values.dtype.kind == wanted.kind == "f" and bool((np.isfinite(values) == np.isfinite(made)).all())
    if not rounded and ((wanted.kind == "b") != (values.dtype.kind == "b") or not np.array_equal(made, values)):
        raise wrong
    return Stored(dtype, np.ascontiguousarray(made).reshape(made.shape))


def _unfit(message: str, where: str, hint: str = "give what the model's input takes") -> VerificationError:
    return VerificationError(message, code="inputs-unfit", where=where, hint=hint)


# Bounds for what is drawn.


def read_ranges(texts: Sequence[str], specs: Specs, hints: Hints) -> dict[int, Range]:
    """Bounds by the place of the input; one that is named wins over one for all."""
    names = [str(spec["name"]) for spec in specs]
    told: dict[int, Range] = {}
    for text in sorted(texts, key=lambda each: "=" in each):
        name, equals, bounds = text.rpartition("=")
        if equals and name not in names:
            raise _no_range(f"the model has no input {name!r}", name, f"its inputs: {', '.join(map(repr, names))}")
        asked = _bounds(bounds, text)
        for number, spec in enumerate(specs):
            if names[number] == name if equals else str(spec["dtype"]) not in ("string", "bool"):
                _check_range(asked, spec, hints.of(number))
                told[number] = asked
    return told


def _bounds(text: str, whole: str) -> Range:
    try:
        low, high = (float(item) for item in text.split(","))
    except ValueError:
        low, high = math.inf, -math.inf
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise _no_range(f"{whole!r} gives no range", whole, "write LOW,HIGH or INPUT=LOW,HIGH: --input-range image=0,1")
    return Range(low, high)


def _check_range(asked: Range, spec: Mapping[str, Any], reach: Reach) -> None:
    name, dtype = str(spec["name"]), str(spec["dtype"] or "float32")
    if dtype in ("string", "bool"):
        raise _no_range(f"the input {name!r} takes no numbers but {dtype}", name, "leave it out")
    limit, whole = reach.certain, "int" in dtype or reach.limit > 0
    if whole and math.ceil(asked.low) > math.floor(asked.high):
        raise _no_range(f"no whole number lies between {asked.low:g} and {asked.high:g}", name, "widen the range")
    if limit and not (asked.low >= 0 and asked.high < limit):
        message = f"the input {name!r} is looked up in a layer that knows 0 to {limit - 1}"
        raise _no_range(message, name, f"write {name}=0,{limit - 1} or less")
    most = np.iinfo(dtype) if "int" in dtype else np.finfo("float32" if dtype == "bfloat16" else dtype)
    if asked.low < float(most.min) or asked.high > float(most.max):
        raise _no_range(f"{asked.low:g} to {asked.high:g} is more than {dtype} holds", name, f"{most.min} to {most.max}")


def _no_range(message: str, where: str, hint: str) -> VerificationError:
    return VerificationError(message, code="input-range", where=where, hint=hint)
