"""Layers of Keras 1 that Keras 3 has no class for, put together from several that compute the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from configsplit.ir.graph import Layer, Shape, Use
from configsplit.ir.recipes import Recipe, Slot
from configsplit.migration import objects
from configsplit.migration.building import Building
from configsplit.migration.outcome import Stop

Rule = Callable[[Building, Layer, int], None]


def rule(layer: Layer) -> Rule | None:
    """The rule of a layer's class, None where Keras 3 has it."""
    if layer.class_name == "BatchNormalization" and layer.config.get("mode") == 1:
        return _normalized
    return _RULES.get(layer.class_name)


class _Parts:
    """The parts of one layer, made with its first call and called again with every other."""

    def __init__(self, building: Building, layer: Layer, number: int) -> None:
        self.building, self.layer, self.number = building, layer, number
        self.name = building.names[layer.name]
        first = building.moved(layer.calls[number].args[0])
        self.input: Use = first[0] if type(first) is tuple else first
        self.first = number == min(range(len(layer.calls)))
        spec = building.spec(layer.calls[number].uses()[0].ref)
        self.shape: Shape = spec.shape or ()

    def weight(self, suffix: str) -> Recipe | None:
        """The weight of that name; None in an architecture without weights."""
        names = self.building.weights(self.layer.name).names
        ends = (f"_{suffix}:0", f"_{suffix}", f"/{suffix}:0")
        found = [at for at, name in enumerate(names) if name.endswith(ends) and not self._longer(name, suffix, names)]
        if names and len(found) != 1:
            raise Stop("convert-weights-unknown", f"the file has no weight {suffix!r} for it", "see what wrote the file")
        return Recipe((found[0],)) if found else None

    @staticmethod
    def _longer(name: str, suffix: str, names: Any) -> bool:
        """``hw_W_carry`` ends with ``_carry``, and is not the weight ``carry``."""
        return suffix == "b" and name.endswith("_carry_b:0")

    def layer_of(self, suffix: str, class_name: str, config: dict[str, Any], *weights: Recipe | None) -> str:
        """A part that is a layer; its name."""
        name = f"{self.name}_{suffix}"
        if self.first:
            slots = tuple(Slot(f"vars/{at}", recipe) for at, recipe in enumerate(weights) if recipe is not None)
            trainable = {"trainable": self.layer.config.get("trainable", True)}
            config = {**trainable, **config}
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
        if None in self.shape[1:] or not self.shape:
            raise Stop("convert-shape-unknown", "the shape of what it takes is not fixed", "give it with --shape")
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

    def done(self, use: Use) -> None:
        self.building.outputs_are(self.layer, self.number, use)
        if self.first:
            self.building.note(
                self.layer.name, f"this {self.layer.class_name} is several layers now: Keras 3 has no such class"
            )


def _dense(parts: _Parts, units: int, activation: Any) -> dict[str, Any]:
    config = parts.layer.config
    kept = {"units": units, "activation": objects.activation(activation), "use_bias": bool(config.get("bias", True))}
    return kept | {"kernel_initializer": objects.trained("kernel_initializer", config.get("init", "glorot_uniform"))}


def _highway(building: Building, layer: Layer, number: int) -> None:
    parts = _Parts(building, layer, number)
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
    parts = _Parts(building, layer, number)
    pieces, units, size = int(layer.config["nb_feature"]), int(layer.config["output_dim"]), parts.shape[-1]
    kernel, bias = parts.weight("W"), parts.weight("b") if layer.config.get("bias", True) else None
    relaid = None if kernel is None else kernel.then("transpose", (1, 0, 2)).then("reshape", (size, pieces * units))
    flat = None if bias is None else bias.then("reshape", (-1,))
    found = parts.call("pieces", "Dense", _dense(parts, pieces * units, "linear"), parts.input, relaid, flat)
    split = parts.call("split", "Reshape", {"target_shape": (pieces, units)}, found)
    parts.done(parts.op("numpy.Max", "", split, own=number == 0, axis=1, keepdims=False))


def _softplus(building: Building, layer: Layer, number: int) -> None:
    """``alphas * softplus(betas * x)``."""
    parts = _Parts(building, layer, number)
    inner = parts.affine("betas", parts.input, parts.weight("betas"), None, offset=False)
    parts.done(parts.affine("alphas", parts.op("nn.Softplus", "softplus", inner), parts.weight("alphas"), None, offset=False))


def _srelu(building: Building, layer: Layer, number: int) -> None:
    """Three pieces: below ``t_left``, between, and above ``t_left + |t_right|``, each with its slope."""
    parts = _Parts(building, layer, number)
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


def _normalized(building: Building, layer: Layer, number: int) -> None:
    """BatchNormalization of mode 1: each sample by its own mean and deviation, epsilon added to both."""
    parts = _Parts(building, layer, number)
    epsilon = layer.config.get("epsilon", 1e-5)
    mean = parts.op("numpy.Mean", "mean", parts.input, axis=-1, keepdims=True)
    variance = parts.op("numpy.Var", "variance", parts.input, axis=-1, keepdims=True)
    deviation = parts.op("numpy.Sqrt", "deviation", parts.op("numpy.Add", "offset", variance, epsilon))
    scale = parts.op("numpy.Add", "scale", deviation, epsilon)
    normal = parts.op("numpy.TrueDivide", "normal", parts.op("numpy.Subtract", "centered", parts.input, mean), scale)
    parts.done(parts.affine("gamma", normal, parts.weight("gamma"), parts.weight("beta"), last=True))


_RULES: dict[str, Rule] = {
    "Highway": _highway,
    "MaxoutDense": _maxout,
    "ParametricSoftplus": _softplus,
    "SReLU": _srelu,
}
