"""One old layer as several of Keras 3: what its rule works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configsplit.catalog.keras3 import objects
from configsplit.catalog.keras3.configs import converted
from configsplit.catalog.keras3.objects import built_in
from configsplit.catalog.keras3.refusals import Replacement, Stop
from configsplit.catalog.layers.keras1 import MODES
from configsplit.catalog.recipes import Recipe, Slot
from configsplit.conversion.building import Building, Made
from configsplit.conversion.layers.lambdas import replaced
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Node, Shape, TensorRef, Use


class Parts:
    """The parts of one layer, made with its first call and called again with every other."""

    def __init__(self, building: Building, layer: Layer, number: int) -> None:
        self.building, self.layer, self.number = building, layer, number
        self.name = building.names[layer.name]
        first = building.moved(layer.calls[number].args[0])
        self.input: Use = first[0] if type(first) is tuple else first
        self.first = number == min(range(len(layer.calls)))
        spec = building.spec(layer.calls[number].uses()[0].ref)
        self.shape: Shape = spec.shape or ()
        self.dtype = objects.policy(layer.config.get("dtype"))

    def weight(self, suffix: str) -> Recipe | None:
        """The weight of that name; None in an architecture without weights."""
        names = self.building.weights(self.layer.name).names
        ends = (f"_{suffix}:0", f"_{suffix}", f"/{suffix}:0")
        places = [at for at, name in enumerate(names) if name.endswith(ends) and not self._longer(name, suffix)]
        if names and len(places) != 1:
            raise Stop("convert-weights-unknown", f"the file has no weight {suffix!r} for it", "see what wrote the file")
        return Recipe((places[0],)) if places else None

    def at(self, number: int) -> Recipe | None:
        """The weight of that number in ``layer.weights``; None in an architecture without weights."""
        return Recipe((number,)) if number < len(self.building.weights(self.layer.name).shapes) else None

    @staticmethod
    def _longer(name: str, suffix: str) -> bool:
        """``hw_W_carry`` ends with ``_carry``, and is not the weight ``carry``."""
        return suffix == "b" and name.endswith("_carry_b:0")

    def layer_of(self, suffix: str, class_name: str, config: dict[str, Any], *weights: Recipe | None) -> str:
        """A part that is a layer; its name."""
        name = f"{self.name}_{suffix}"
        if self.first:
            slots = tuple(Slot(f"vars/{at}", recipe) for at, recipe in enumerate(weights) if recipe is not None)
            kept = {"trainable": self.layer.config.get("trainable", True), "dtype": self.dtype}
            config = {**kept, **config}
            places = tuple(f"vars/{at}" for at in range(len(self.building.weights(self.layer.name).shapes)))
            made = self.building.layer(class_name, name, config, old=self.layer.name, slots=slots, old_places=places)
            self.building.parts[(self.layer.name, suffix)] = made
        return self.building.parts[(self.layer.name, suffix)]

    def call(self, suffix: str, class_name: str, config: dict[str, Any], use: Use, *weights: Recipe | None) -> Use:
        return self.building.call(self.layer_of(suffix, class_name, config, *weights), use)

    def affine(
        self, suffix: str, use: Use, kernel: Recipe | None, bias: Recipe | None, *, last: bool = False, offset: bool = True
    ) -> Use:
        """``x * kernel + bias``, one number for each place in a sample (or along the last axis alone)."""
        self.sizes()
        letters = "abcdefgh"[: len(self.shape)]
        kept = letters[-1] if last else letters[1:]
        config = {
            "equation": f"{letters},{kept}->{letters}",
            "output_shape": self.shape[1:],
            "activation": "linear",
            "bias_axes": kept if offset else None,
        }
        return self.call(suffix, "EinsumDense", config, use, kernel, *([bias] if offset else []))

    def op(self, kind: str, suffix: str, *args: Any, own: bool = False, **config: Any) -> Use:
        return self.building.operation(kind, self.name if own else f"{self.name}_{suffix}", args, config, own=own)

    def sizes(self) -> tuple[int, ...]:
        """The shape of one sample. Raises Stop where a size is open."""
        sizes = tuple(size for size in self.shape[1:] if size is not None)
        if len(sizes) != len(self.shape) - 1:
            raise Stop("convert-shape-unknown", "the shape of its input is not fixed", "give it with --shape")
        return sizes

    def done(self, use: Use) -> None:
        self.building.outputs_are(self.layer, self.number, use)
        if self.first:
            self.building.note(
                self.layer.name, f"this {self.layer.class_name} is now several layers: Keras 3 has no such class"
            )


# Layers of Keras 1 and 2 that Keras 3 has no class for, put together from several that compute the same.


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
    dense = parts.call("pieces", "Dense", _dense(parts, pieces * units, "linear"), parts.input, relaid, flat)
    split = parts.call("split", "Reshape", {"target_shape": (pieces, units)}, dense)
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
    features = parts.call("features", "Dense", config, parts.input, kernel, parts.at(2))
    parts.done(parts.op("numpy.Cos", "", features, own=number == 0))


KERAS1: Mapping[str, Rule] = {
    "Highway": _highway,
    "MaxoutDense": _maxout,
    "ParametricSoftplus": _softplus,
    "SReLU": _srelu,
}
"""Classes that Keras 1 alone had."""

KERAS2: Mapping[str, Rule] = {"RandomFourierFeatures": _fourier}


NORMALIZATION = "BatchNormalization"

# BatchNormalization of kinds that Keras 3 does not have, as several layers and operations.


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
        raise Stop("convert-shape-unknown", "the shape of its input is unknown", "give it with --shape")
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
        raise Stop("convert-setting", "the BatchNormalization goes along the samples", "no model can use that: remove it")
    others = [place for place in range(1, rank) if place not in axes]
    order = [*others, *axes]
    there, back = tuple(order), tuple(order.index(place) + 1 for place in range(1, rank))
    moved = [sizes[place - 1] for place in order]
    flat = (*moved[: len(others)], -1)
    config = dict(converted(NORMALIZATION, layer.config | {"axis": -1}))
    count = len(building.weights(layer.name).shapes)
    weights = [Recipe((at,)).then("reshape", (-1,)) for at in range(min(count, _weights(layer)))]
    value = parts.call("order", "Permute", {"dims": there}, parts.input) if there != tuple(range(1, rank)) else parts.input
    value = parts.call("flat", "Reshape", {"target_shape": flat}, value)
    value = parts.call("normal", NORMALIZATION, config, value, *weights)
    value = parts.call("apart", "Reshape", {"target_shape": tuple(moved)}, value)
    parts.done(parts.call("back", "Permute", {"dims": back}, value) if there != tuple(range(1, rank)) else value)


def _weights(layer: Layer) -> int:
    """Gamma, beta, mean and variance; what ``renorm`` keeps besides, it uses in training alone."""
    return 2 + bool(layer.config.get("center", True)) + bool(layer.config.get("scale", True))


# The Merge layer of Keras 1, whose mode says which layer of Keras 3 it is.


EPSILON = 1e-7
"""What Keras 1 never divided by less than."""


def convert(building: Building, layer: Layer, number: int, given: Mapping[str, Replacement]) -> None:
    """One call of a Merge. Raises Stop if its mode is code, and the user gave nothing in its place."""
    mode = layer.config.get("mode", "sum")
    tensors = building.moved(layer.calls[number].args[0])
    if mode == "cos":
        building.outputs_are(layer, number, _cosine(building, layer, tensors))
    elif isinstance(mode, str) and mode in MODES:
        name = building.names[layer.name]
        made = building.add(name, Made(_entry(layer, name, mode), old=layer.name))
        made.calls[number] = Node((tensors,))
        building.tensors[TensorRef(layer.name, number)] = TensorRef(name, number)
    else:
        replaced(building, layer, number, given)


def _entry(layer: Layer, name: str, mode: str) -> FrozenDict:
    config: dict[str, Any] = {"name": name, "trainable": True, "dtype": "float32"}
    if mode == "concat":
        config["axis"] = layer.config.get("concat_axis", -1)
    if mode == "dot":
        config |= {"axes": layer.config.get("dot_axes", -1), "normalize": False}
    return built_in("keras.layers", MODES[mode], config)


def _cosine(building: Building, layer: Layer, tensors: Any) -> Use:
    """``x.y / max(sqrt(x.x * y.y), epsilon)``, as Keras 1 computes it; a later Dot normalizes each side by itself."""
    one, other = tensors
    name, config = building.names[layer.name], {"axes": layer.config.get("dot_axes", -1), "normalize": False}

    def dot(left: Use, right: Use) -> Use:
        return building.call(building.layer("Dot", f"{name}_dot", config), (left, right))

    both = building.operation("numpy.Multiply", f"{name}_squares", (dot(one, one), dot(other, other)))
    root = building.operation("numpy.Sqrt", f"{name}_norm", (both,))
    floor = building.operation("numpy.Maximum", f"{name}_floor", (root, EPSILON))
    return building.operation("numpy.TrueDivide", name, (dot(one, other), floor), own=True)
