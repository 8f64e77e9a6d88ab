"""One old layer as several of Keras 3: what its rule works with."""

from __future__ import annotations

from typing import Any

from configsplit.ir.graph import Layer, Shape, Use
from configsplit.ir.recipes import Recipe, Slot
from configsplit.migration import objects
from configsplit.migration.building import Building
from configsplit.migration.outcome import Stop


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
        found = [at for at, name in enumerate(names) if name.endswith(ends) and not self._longer(name, suffix, names)]
        if names and len(found) != 1:
            raise Stop("convert-weights-unknown", f"the file has no weight {suffix!r} for it", "see what wrote the file")
        return Recipe((found[0],)) if found else None

    def at(self, number: int) -> Recipe | None:
        """The weight of that number in ``layer.weights``; None in an architecture without weights."""
        return Recipe((number,)) if number < len(self.building.weights(self.layer.name).shapes) else None

    @staticmethod
    def _longer(name: str, suffix: str, names: Any) -> bool:
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
        found = tuple(size for size in self.shape[1:] if size is not None)
        if len(found) != len(self.shape) - 1:
            raise Stop("convert-shape-unknown", "the shape of what it takes is not fixed", "give it with --shape")
        return found

    def done(self, use: Use) -> None:
        self.building.outputs_are(self.layer, self.number, use)
        if self.first:
            self.building.note(
                self.layer.name, f"this {self.layer.class_name} is several layers now: Keras 3 has no such class"
            )
