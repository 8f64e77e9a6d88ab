"""BatchNormalization of kinds that Keras 3 does not have, as several layers and operations."""

from __future__ import annotations

from configsplit.ir.graph import Layer, Use
from configsplit.ir.recipes import Recipe
from configsplit.migration.building import Building
from configsplit.migration.configs import converted
from configsplit.migration.outcome import Stop
from configsplit.migration.parts import Parts


def of_sample(building: Building, layer: Layer, number: int) -> None:
    """Mode 1 of Keras 1: each sample by its own mean and deviation, epsilon added to both."""
    parts = Parts(building, layer, number)
    epsilon = layer.config.get("epsilon", 1e-5)
    mean = parts.op("numpy.Mean", "mean", parts.input, axis=-1, keepdims=True)
    variance = parts.op("numpy.Var", "variance", parts.input, axis=-1, keepdims=True)
    deviation = parts.op("numpy.Sqrt", "deviation", parts.op("numpy.Add", "offset", variance, epsilon))
    scale = parts.op("numpy.Add", "scale", deviation, epsilon)
    normal = parts.op("numpy.TrueDivide", "normal", parts.op("numpy.Subtract", "centered", parts.input, mean), scale)
    parts.done(parts.affine("gamma", normal, parts.weight("gamma"), parts.weight("beta"), last=True))


def of_batch(building: Building, layer: Layer, number: int) -> None:
    """Mode 2 of Keras 1: by the mean and variance of the batch, also when it predicts; what was stored of others is unused."""
    parts = Parts(building, layer, number)
    rank = len(parts.shape)
    if not rank:
        raise Stop("convert-shape-unknown", "the shape of what it takes is not known", "give it with --shape")
    axis = int(layer.config.get("axis", -1)) % rank
    others = tuple(place for place in range(rank) if place != axis)
    mean = parts.op("numpy.Mean", "mean", parts.input, axis=others, keepdims=True)
    variance = parts.op("numpy.Var", "variance", parts.input, axis=others, keepdims=True)
    offset = parts.op("numpy.Add", "offset", variance, layer.config.get("epsilon", 1e-5))
    inverse = parts.op("math.Rsqrt", "inverse", offset)
    normal = parts.op("numpy.Multiply", "normal", parts.op("numpy.Subtract", "centered", parts.input, mean), inverse)
    parts.done(_affine_along(parts, normal, axis))


def _affine_along(parts: Parts, use: Use, axis: int) -> Use:
    """``x * gamma + beta``, one of each for each place along an axis."""
    parts.sizes()
    letters = "abcdefgh"[: len(parts.shape)]
    config = {
        "equation": f"{letters},{letters[axis]}->{letters}",
        "output_shape": parts.shape[1:],
        "activation": "linear",
        "bias_axes": letters[axis],
    }
    beta = parts.weight("beta")
    shape = (-1, *(1,) * (len(parts.shape) - 1 - axis))
    wide = beta if beta is None or len(shape) == 1 else beta.then("reshape", shape)
    return parts.call("gamma", "EinsumDense", config, use, parts.weight("gamma"), wide)


def along_several(building: Building, layer: Layer, number: int) -> None:
    """Along several axes at once: those are laid flat for a normalization along one, and taken apart again."""
    parts = Parts(building, layer, number)
    sizes, rank = parts.sizes(), len(parts.shape)
    axes = sorted({int(axis) % rank for axis in layer.config["axis"]})
    if 0 in axes:
        raise Stop("convert-setting", "the BatchNormalization goes along the samples", "no model can use that: leave it out")
    others = [place for place in range(1, rank) if place not in axes]
    order = [*others, *axes]
    there, back = tuple(order), tuple(order.index(place) + 1 for place in range(1, rank))
    moved = [sizes[place - 1] for place in order]
    flat = (*moved[: len(others)], -1)
    config = dict(converted("BatchNormalization", layer.config | {"axis": -1}))
    count = len(building.weights(layer.name).shapes)
    weights = [Recipe((at,)).then("reshape", (-1,)) for at in range(min(count, _weights(layer)))]
    value = parts.call("order", "Permute", {"dims": there}, parts.input) if there != tuple(range(1, rank)) else parts.input
    value = parts.call("flat", "Reshape", {"target_shape": flat}, value)
    value = parts.call("normal", "BatchNormalization", config, value, *weights)
    value = parts.call("apart", "Reshape", {"target_shape": tuple(moved)}, value)
    parts.done(parts.call("back", "Permute", {"dims": back}, value) if there != tuple(range(1, rank)) else value)


def _weights(layer: Layer) -> int:
    """Gamma, beta, mean and variance; what ``renorm`` keeps besides, it uses in training alone."""
    return 2 + bool(layer.config.get("center", True)) + bool(layer.config.get("scale", True))
