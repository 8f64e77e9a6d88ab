"""A random masked model while it is being drawn: plain JSON records, and what is known of each tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal, TypeVar

Generation = Literal["keras2", "keras3"]
Spec = dict[str, Any]
"""A layer or a model as JSON: class, name, config; for wrappers what they hold, for models their layers or steps."""

T = TypeVar("T")

BATCH, STEPS, SENTENCES, FEATURES = 6, 4, 3, 3
"""Sizes in all models. Words of a sentence are STEPS; a document has SENTENCES."""

UNCHANGING = ("cast", "cast", "stop_gradient", "reshape", "transpose", "multiply")
"""Operations of one tensor that change no shape; the first gives back the very tensor that it takes."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """What is known of a tensor: its name ``layer@call:output``, its shape without the batch, and whether a mask is on it.

    ``kind`` is "ids" (whole numbers for an Embedding), "float" or "bool". ``masked`` leads the drawing to layers that use
    masks; nothing depends on its being right.
    """

    shape: tuple[int, ...]
    kind: Literal["ids", "float", "bool"] = "float"
    masked: bool = False
    ref: str = ""

    @property
    def rank(self) -> int:
        return len(self.shape)

    def like(self, *shape: int, masked: bool | None = None) -> Tensor:
        """A new tensor of floats."""
        return Tensor(shape or self.shape, masked=self.masked if masked is None else masked)


Made = tuple[Spec, list[Tensor]]
"""A layer, and what its outputs are like."""


@dataclass(slots=True)
class Sketch:
    """Chance, names that are given once, and the values that Masking layers look for.

    Args:
        chance: any source of random numbers; Hypothesis has one that it can shrink.
        generation: "keras2" (as tf_keras has it) or "keras3".
        operations: whether the file can hold operations (an ``.h5`` of Keras 3 cannot).
        custom: how often a class that nobody has declared is taken where it would fit.
    """

    chance: Random
    generation: Generation = "keras3"
    operations: bool = True
    custom: float = 0.2
    count: int = 0
    values: set[float] = field(default_factory=lambda: {0.0})

    def often(self, share: float) -> bool:
        return self.chance.random() < share

    def pick(self, items: Sequence[T]) -> T:
        return items[self.chance.randrange(len(items))]

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind.lower()[:12]}_{self.count}"

    def layer(self, class_name: str, **config: Any) -> Spec:
        return {"class": class_name, "name": self.name(class_name), "config": config}

    def wrapper(self, class_name: str, held: Spec, **config: Any) -> Spec:
        return {**self.layer(class_name, **config), "held": held}

    def input(self, tensor: Tensor) -> Spec:
        dtypes = {"ids": ("int32", "int32", "int64", "float32"), "float": ("float32",), "bool": ("bool",)}[tensor.kind]
        return {"name": self.name("in"), "shape": list(tensor.shape), "dtype": self.pick(dtypes), "ids": tensor.kind == "ids"}


def named(made: Made, call: int = 0) -> list[Tensor]:
    """The outputs of a layer with their names."""
    spec, outputs = made
    return [replace(each, ref=f"{spec['name']}@{call}:{number}") for number, each in enumerate(outputs)]
