"""Layers of Keras 1 and 2 that Keras 3 has no class for, put together from several that compute the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configsplit.ir.graph import Layer
from configsplit.ir.recipes import Recipe
from configsplit.migration import objects
from configsplit.migration.building import Building
from configsplit.migration.parts import Parts

Rule = Callable[[Building, Layer, int], None]


def _dense(parts: Parts, units: int, activation: Any) -> dict[str, Any]:
    config = parts.layer.config
    kept = {"units": units, "activation": objects.activation(activation), "use_bias": bool(config.get("bias", True))}
    return kept | {"kernel_initializer": objects.trained("kernel_initializer", config.get("init", "glorot_uniform"))}


def _highway(building: Building, layer: Layer, number: int) -> None:
    parts = Parts(building, layer, number)
    size = int(parts.shape[-1] or 0)
    bias = bool(layer.config.get("bias", True))
    pairs = [
        (parts.weight("W"), parts.weight("b") if bias else None),
        (parts.weight("W_carry"), parts.weight("b_carry") if bias else None),
    ]
    new = parts.call("transform", "Dense", _dense(parts, size, layer.config.get("activation")), parts.input, *pairs[0])
    gate = parts.call("carry", "Dense", _dense(parts, size, "sigmoid"), parts.input, *pairs[1])
    taken = parts.op("numpy.Multiply", "taken", new, gate)
    kept = parts.op("numpy.Multiply", "kept", parts.op("numpy.Subtract", "rest", 1.0, gate), parts.input)
    parts.done(parts.op("numpy.Add", "", taken, kept, own=number == 0))


def _maxout(building: Building, layer: Layer, number: int) -> None:
    parts = Parts(building, layer, number)
    pieces, units, size = int(layer.config["nb_feature"]), int(layer.config["output_dim"]), parts.shape[-1]
    kernel, bias = parts.weight("W"), parts.weight("b") if layer.config.get("bias", True) else None
    relaid = None if kernel is None else kernel.then("transpose", (1, 0, 2)).then("reshape", (size, pieces * units))
    flat = None if bias is None else bias.then("reshape", (-1,))
    found = parts.call("pieces", "Dense", _dense(parts, pieces * units, "linear"), parts.input, relaid, flat)
    split = parts.call("split", "Reshape", {"target_shape": (pieces, units)}, found)
    parts.done(parts.op("numpy.Max", "", split, own=number == 0, axis=1, keepdims=False))


def _softplus(building: Building, layer: Layer, number: int) -> None:
    """``alphas * softplus(betas * x)``."""
    parts = Parts(building, layer, number)
    inner = parts.affine("betas", parts.input, parts.weight("betas"), None, offset=False)
    parts.done(parts.affine("alphas", parts.op("nn.Softplus", "softplus", inner), parts.weight("alphas"), None, offset=False))


def _srelu(building: Building, layer: Layer, number: int) -> None:
    """Three pieces: below ``t_left``, between, and above ``t_left + |t_right|``, each with its slope."""
    parts = Parts(building, layer, number)
    left, right = parts.weight("t_left"), parts.weight("t_right")
    low, high = parts.weight("a_left"), parts.weight("a_right")
    ones = None if left is None else left.then("ones_like")
    back = None if left is None else left.then("negate")
    bound = None if right is None else right.then("abs").then("negate")
    steeper = None if high is None else high.then("add", -1.0)
    start = parts.affine("from_left", parts.input, ones, back)
    middle = parts.call("left", "PReLU", {"shared_axes": layer.config.get("shared_axes")}, start, low)
    above = parts.op("nn.Relu", "above", parts.affine("from_right", start, ones, bound))
    more = parts.affine("right", above, steeper, None, offset=False)
    parts.done(parts.affine("to_left", parts.op("numpy.Add", "pieces", middle, more), ones, left))


def _fourier(building: Building, layer: Layer, number: int) -> None:
    """RandomFourierFeatures: ``cos(x kernel / scale + bias)``, of which only the scale was ever trained."""
    parts = Parts(building, layer, number)
    config = {"units": int(layer.config["output_dim"]), "activation": "linear", "use_bias": True, "trainable": False}
    count = len(building.weights(layer.name).shapes)
    kernel = Recipe((1, 0)).then("divide") if count else None
    found = parts.call("features", "Dense", config, parts.input, kernel, parts.at(2))
    parts.done(parts.op("numpy.Cos", "", found, own=number == 0))


KERAS1: Mapping[str, Rule] = {
    "Highway": _highway,
    "MaxoutDense": _maxout,
    "ParametricSoftplus": _softplus,
    "SReLU": _srelu,
}
"""Classes that Keras 1 alone had."""

KERAS2: Mapping[str, Rule] = {"RandomFourierFeatures": _fourier}
