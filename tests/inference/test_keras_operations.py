"""Every operation class of Keras 3: what its rule says beside what the real class declares, and, where that is not what it
computes, beside what it computes."""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from live import inferred, keras, live, outputs, tf
from operation_cases import CALLS, OPAQUE, Call, T
from support.thinned import thinned

from configsplit.catalog.operations.layers import snake
from configsplit.catalog.operations.operation_table import KERAS
from configsplit.inference import counted

DECLARED_OTHERWISE = {
    "Abs": "of a complex tensor is real",
    "AdaptiveAveragePool": "two sizes are taken for one",
    "AdaptiveMaxPool": "two sizes are taken for one",
    "Angle": "of a complex tensor is real",
    "BitwiseAnd": "operands are broadcast",
    "BitwiseLeftShift": "operands are broadcast",
    "BitwiseOr": "operands are broadcast",
    "BitwiseRightShift": "operands are broadcast",
    "BitwiseXor": "operands are broadcast",
    "CategoricalCrossentropy": "an axis that is not the last",
    "Imag": "of a complex tensor is real",
    "LeftShift": "operands are broadcast",
    "MultiHot": "is a float",
    "Real": "of a complex tensor is real",
    "RightShift": "operands are broadcast",
    "Rot90": "half a turn keeps the shape",
}
"""Where the class's own declaration (Keras 3.15) is not what it computes; the rule tells what is computed."""


def _classes() -> dict[str, Any]:
    """Every class of keras.src.ops that can stand in a graph."""
    for module in pkgutil.walk_packages(keras.src.ops.__path__, "keras.src.ops."):
        if not module.name.endswith("_test"):
            importlib.import_module(module.name)
    found: dict[str, Any] = {}
    todo = [keras.Operation]
    while todo:
        for cls in todo.pop().__subclasses__():
            todo.append(cls)
            if cls.__module__.startswith("keras.src.ops."):
                found[cls.__name__] = cls
    return found


CLASSES = _classes()
BY_CLASS: dict[str, list[Call]] = defaultdict(list)
for _call in CALLS:
    BY_CLASS[_call.name].append(_call)


def test_every_operation_class_has_a_rule_and_calls_or_a_reason_to_have_none() -> None:
    assert set(BY_CLASS) == CLASSES.keys() - OPAQUE.keys()
    assert {name for name in CLASSES if snake(name) not in KERAS} == set(OPAQUE)


def _given(call: Call, make: Any) -> tuple[Any, ...]:
    """The arguments with a tensor in place of every T."""

    def leaf(value: Any) -> Any:
        if isinstance(value, T):
            return make(value)
        if isinstance(value, list) or type(value) is tuple:
            return type(value)(leaf(item) for item in value)
        return value

    return tuple(leaf(item) for item in call.args)


def _model(call: Call) -> tuple[Any, list[Any]]:
    """The call as a model, and its outputs. Raises whatever Keras raises where it refuses the call."""
    made: dict[T, Any] = {}

    def symbolic(spec: T) -> Any:
        return made.setdefault(spec, keras.Input(batch_shape=spec.shape, dtype=spec.dtype))

    flat = tf.nest.flatten(CLASSES[call.name](**call.init)(*_given(call, symbolic), **call.kwargs))
    model = keras.Model(list(made.values()), flat)
    model.to_json()  # some outputs cannot be written
    return model, flat


def _computed(call: Call) -> list[tuple[tuple[int, ...], str]]:
    def real(spec: T) -> Any:
        return tf.constant(np.ones([3 if size is None else size for size in spec.shape]), spec.dtype)

    flat = tf.nest.flatten(CLASSES[call.name](**call.init)(*_given(call, real), **call.kwargs))
    return [(tuple(item.shape), item.dtype.name) for item in map(tf.convert_to_tensor, flat)]


def _concrete(found: list[Any]) -> list[Any]:
    return [(tuple(3 if size is None else size for size in shape), dtype) for shape, dtype in found]


REFUSALS = (ValueError, TypeError, AttributeError, IndexError, NotImplementedError, tf.errors.InvalidArgumentError)


@pytest.mark.parametrize("name", thinned(sorted(BY_CLASS), 80))
def test_outputs_are_what_keras_declares_or_computes(name: str) -> None:
    taken = 0
    for call in BY_CLASS[name]:
        try:
            model, flat = _model(call)
        except REFUSALS:
            continue  # a dtype or shape that Keras does not take; some call of the class has to be left
        taken += 1
        inference = inferred(model)
        found, declared = outputs(inference), [live(tensor) for tensor in flat]
        if found != declared:
            assert name in DECLARED_OTHERWISE, (call, found, declared, inference.reasons)
            assert all(shape is not None for shape, _ in found)
            assert _concrete(found) == _computed(_at(call, 3)), call
    assert taken


def _at(call: Call, size: int) -> Call:
    """The call with open sizes closed, but for those that a size beside them settles."""
    tensors = [item for item in call.args if isinstance(item, T)]
    longest = max(tensors, key=lambda spec: len(spec.shape)) if tensors else None

    def closed(spec: T) -> T:
        known = [tuple(other.shape) for other in tensors if len(other.shape) == len(spec.shape)]
        columns = zip(*known, strict=True)
        found = [next((item for item in column if item not in (None, 1)), size) for column in columns]
        return T(tuple(found[place] if item is None else item for place, item in enumerate(spec.shape)), spec.dtype)

    return call if longest is None else call._replace(args=tuple(closed(i) if isinstance(i, T) else i for i in call.args))


@pytest.mark.parametrize("negative_slope", [0.0, 0.1])
def test_an_activation_called_on_a_tensor_is_an_operation_of_its_own(negative_slope: float) -> None:
    x = keras.Input((4, 6), dtype="int32")
    y = keras.activations.relu(x, negative_slope=negative_slope)
    assert outputs(inferred(keras.Model(x, y))) == [live(y)]


A, B = T((None, 4, 6)), T((None, 6, 5))

MACS: list[tuple[Call, int]] = [
    (Call("Matmul", {}, (A, B)), 4 * 6 * 5),
    (Call("Matmul", {}, (A, T((6, 5)))), 4 * 6 * 5),
    (Call("Dot", {}, (A, T((6,)))), 4 * 6),
    (Call("Inner", {}, (A, T((5, 6)))), 4 * 5 * 6),
    (Call("Tensordot", {"axes": ((2,), (0,))}, (A, T((6, 7)))), 4 * 6 * 7),
    (Call("Tensordot", {"axes": 2}, (A, T((4, 6, 7)))), 4 * 6 * 7),
    (Call("Einsum", {"subscripts": "bij,bjk->bik"}, (A, B)), 4 * 6 * 5),
    (Call("Einsum", {"subscripts": "bij,bjk->b"}, (A, B)), 4 * 6 * 5),
    (Call("Einsum", {"subscripts": "bij->bji"}, (A,)), 0),
    (Call("Conv", {"padding": "same"}, (T((None, 9, 10, 3)), T((3, 2, 3, 5)))), 90 * 3 * 2 * 3 * 5),
    (Call("Conv", {"strides": 2}, (T((None, 9, 10, 3)), T((3, 2, 3, 5)))), 4 * 5 * 3 * 2 * 3 * 5),
    (Call("DepthwiseConv", {"padding": "same"}, (T((None, 9, 10, 3)), T((3, 2, 3, 2)))), 90 * 3 * 2 * 3 * 2),
    (
        Call("SeparableConv", {"padding": "same"}, (T((None, 9, 10, 3)), T((3, 2, 3, 2)), T((1, 1, 6, 5)))),
        90 * (3 * 2 * 3 * 2 + 6 * 5),
    ),
    (Call("ConvTranspose", {"strides": 2}, (T((None, 9, 10, 3)), T((3, 2, 5, 3)))), 90 * 3 * 2 * 5 * 3),
    (Call("DotProductAttention", {}, (T((None, 7, 2, 4)), T((None, 5, 2, 4)), T((None, 5, 2, 4)))), 2 * 2 * (7 * 5 * 4)),
    (Call("Multiply", {}, (A, A)), 0),
]


@pytest.mark.parametrize(("call", "expected"), MACS, ids=lambda item: getattr(item, "name", ""))
def test_operations_count_their_multiplications(call: Call, expected: int) -> None:
    found = counted(inferred(_model(call)[0]))
    assert not found.unknown
    assert found.operations == expected
