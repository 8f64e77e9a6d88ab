"""TensorFlow's functions for networks that look at no window: dropout, moments, normalization."""

from __future__ import annotations

from typing import Any

from configsplit.catalog.operations.arguments import Arguments
from configsplit.catalog.operations.common import reduced, same
from configsplit.catalog.rules import Outputs
from configsplit.catalog.tensorflow.call import OperationCall
from configsplit.catalog.tensorflow.declare import Function, function
from configsplit.graph.model import TensorSpec, Use

# --------------------------------------------------------------------------------------------------------------- dropout


TOLD_TO_TRAIN = "model(x) does that as before, but model.predict(x) of Keras 3 tells every layer that it does not train"
"""What a call with ``training=True`` has become: Keras 3 overrules it, Keras 2 did not."""


def dropout(op: OperationCall) -> Use:
    """A function called in a graph drops whether the model trains or not; a layer does that is told to train."""
    kept = op.static("keep_prob")
    rate = op.static("rate", 0.0 if kept is None else 1.0 - float(kept))
    shape = op.static("noise_shape")
    spec = op.spec("x")
    config = {"rate": float(rate), "noise_shape": shape, "seed": op.static("seed"), "dtype": spec.dtype or "float32"}
    name = op.building.layer("Dropout", "dropout", config)
    op.building.note(op.layer, f"is now a Dropout called with training=True: {TOLD_TO_TRAIN}")
    return op.building.call(name, op.tensor("x"), training=True)


# --------------------------------------------------------------------------------------------------------- normalization


def _moments(given: Arguments) -> Outputs:
    return (TensorSpec(reduced(given, "axes"), given.operand("x").dtype),) * 2


def moments(op: OperationCall) -> tuple[Use, ...]:
    keep = bool(op.static("keepdims", False))
    return op.outputs(op.emit("nn.Moments", op.tensor("x"), axes=op.static("axes"), keepdims=keep), 2)


def batch_normalization(op: OperationCall) -> Use:
    """``x * inv + (offset - mean * inv)`` with ``inv = scale / sqrt(variance + epsilon)``, in TensorFlow's own order."""
    spread = op.emit("numpy.Add", op.tensor("variance", "x"), op.static("variance_epsilon", 0.001))
    inverse: Any = op.emit("math.Rsqrt", spread)
    if op.has("scale"):
        inverse = op.emit("numpy.Multiply", inverse, op.tensor("scale", "x"))
    shift: Any = op.emit("numpy.Multiply", op.tensor("mean", "x"), inverse)
    shift = op.emit("numpy.Subtract", op.tensor("offset", "x"), shift) if op.has("offset") else op.emit("numpy.Negative", shift)
    return op.emit("numpy.Add", op.emit("numpy.Multiply", op.tensor("x"), inverse), shift)


def concatenated_relu(op: OperationCall) -> Use:
    pair = op.tensor(0), op.emit("numpy.Negative", op.tensor(0))
    return op.emit("nn.Relu", op.emit("numpy.Concatenate", pair, axis=op.static("axis", -1)))


FUNCTIONS: dict[str, Function] = {
    **function("dropout", "x rate noise_shape seed keep_prob", same, dropout, rows="each", gives_back="perhaps"),
    **function("moments", "x axes shift keepdims|keep_dims", _moments, moments),
    **function("batch_normalization", "x mean variance offset scale variance_epsilon", same, batch_normalization, rows="each"),
    **function("crelu", "features axis", None, concatenated_relu),
}
