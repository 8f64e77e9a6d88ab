"""Which tensors have a row for each sample that a model is given: what ``tf.shape(x)[0]`` may be taken for.

A layer of Keras keeps samples apart and in order; of a TensorFlow function it has to be known. Where it is not, a shape that
is taken from such a tensor counts as unknown.
"""

from __future__ import annotations

from typing import Any

from configsplit.catalog.table import class_facts
from configsplit.catalog.tensorflow import table
from configsplit.catalog.tensorflow.call import Samples, plain_constant
from configsplit.conversion.building import Building
from configsplit.graph.model import Layer, TensorRef, Use

_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})


def follow(building: Building, layer: Layer, number: int) -> None:
    """Note whether the outputs of a call, which has just been converted, have a row for each sample."""
    if layer.class_name in _OPERATIONS:
        keeps = layer.class_name != "TensorFlowOpLayer" and _function_keeps(building, layer, number)
    elif layer.is_input:
        keeps = not building.path or len(building.old.input_refs()) == 1
    else:
        known = layer.model is not None or not (
            class_facts(layer.class_name).code_key or layer.class_name in building.around.facts
        )
        uses = layer.calls[number].uses()
        keeps = known and _is_keras(layer) and bool(uses) and all(use.ref in building.samples for use in uses)
    if keeps:
        outputs = max((ref.output for ref in building.tensors if ref[:2] == (layer.name, number)), default=-1) + 1
        building.samples |= {TensorRef(layer.name, number, output): None for output in range(outputs)}


def _is_keras(layer: Layer) -> bool:
    """Whether Keras has a class of that name; what another class does with its samples, nobody knows."""
    from configsplit.inference import BUILT_IN

    return layer.model is not None or layer.class_name in BUILT_IN


def _function_keeps(building: Building, layer: Layer, number: int) -> bool:
    title = str(layer.config.get("function", "getitem"))
    name, function = title.rpartition(".")[2], table.function(title)
    rows = "" if function is None else function.rows
    node = layer.calls[number]
    uses = [use for use in node.uses() if use.ref not in building.symbols]
    if not uses or TensorRef(layer.name, number) in building.symbols:
        return False
    ranks = [_rank(building, use) for use in uses]
    if None in ranks:
        return False
    if rows == "each":
        widest = max(rank or 0 for rank in ranks)
        return all(use.ref in building.samples for use, rank in zip(uses, ranks, strict=True) if rank == widest)
    if uses[0].ref not in building.samples:
        return False
    given = {key: plain_constant(value) for key, value in node.kwargs.items()}
    return rows == "images" or _arranges(building, name, given, ranks[0] or 0, uses)


def _arranges(building: Building, name: str, given: dict[str, Any], rank: int, uses: list[Use]) -> bool:
    """Functions that leave the first axis alone as long as their arguments do not name it."""
    axis = given.get("axis")
    if name.startswith("reduce_"):
        return axis is not None and 0 not in _places(axis, rank)
    if name == "concat":
        return type(axis) is int and axis % rank != 0 and all(use.ref in building.samples for use in uses)
    if name == "expand_dims":
        return type(axis) is int and axis % (rank + 1) != 0
    if name == "squeeze":
        return axis not in (None, ()) and 0 not in _places(axis, rank)
    if name == "transpose":
        perm = given.get("perm")
        return type(perm) is tuple and bool(perm) and perm[0] == 0
    if name == "matmul":
        return rank > 2 and all(use.ref in building.samples for use in uses)
    if name == "reshape":
        return _first_is_samples(building, given.get("shape"))
    if name == "getitem":
        first = given.get("slice_spec")
        first = first[0] if type(first) is tuple and first else first
        return isinstance(first, dict) and first.keys() >= {"start"} and not any(first.get(end) for end in ("start", "stop"))
    return False


def _places(axis: Any, rank: int) -> list[int]:
    return [int(each) % rank for each in (axis if type(axis) is tuple else (axis,))]


def _first_is_samples(building: Building, shape: Any) -> bool:
    if type(shape) is tuple and shape and type(shape[0]) is Use:
        shape = shape[0]
    known = building.symbols.get(shape.ref) if type(shape) is Use else None
    return known is not None and known.sizes[0] is Samples.NUMBER


def _rank(building: Building, use: Use) -> int | None:
    shape = building.spec(use.ref).shape
    return None if shape is None else len(shape)
