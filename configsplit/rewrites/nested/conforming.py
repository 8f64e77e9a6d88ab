"""What Keras does in passing to a tensor that is handed to a nested model, as layers of the graph.

The layers of a nested model that is opened would get the tensor as it is: where the model's input is of another dtype or rank,
a cast, and a squeeze or an axis more, stand before them instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from configsplit.errors import CutError, ShapeError
from configsplit.graph.model import Layer, TensorRef, TensorSpec, Use, free_name
from configsplit.inference import Inference
from configsplit.inference.conforming import conformed, rank_change
from configsplit.rewrites import casts
from configsplit.rewrites.nested.wrapping import Specs

Operations = Callable[[str], bool]
"""Whether Keras, in the release of a document, conforms what is handed to a model; given the place that needs an operation.
Raises CutError where it does, and the document cannot hold operations."""


def _always(place: str) -> bool:
    return True


class Arriving(NamedTuple):
    """What is known of the tensors of a model of which something is opened, and whether it can hold operations."""

    inference: Inference
    operations: Operations = _always

    @property
    def specs(self) -> Specs:
        return self.inference.specs


@dataclass(slots=True)
class Conforming:
    """The operations that are put in while one nested model is opened. ``taken`` are the names that are used."""

    dialect: str
    arriving: Arriving
    taken: set[str]
    made: list[Layer] = field(default_factory=list)

    def argument(self, use: Use, declared: TensorSpec, place: str) -> Use:
        """The argument as the layers inside receive it; ``declared`` is the input that it is handed to, at ``place``."""
        given = self.arriving.specs.get(use.ref, TensorSpec())
        if not self._differs(given, declared) or not self.arriving.operations(place):
            return use
        if given.shape is None and declared.shape is not None:
            raise ShapeError(
                f"{place} cannot be opened: the shape of {use.ref.layer!r}, which is handed to it, is unknown",
                code="shape-unknown",
                where=place,
                hint=f"give it: --shape {use.ref.layer}=None,28,28,128, or declare its class in a plug-in",
            )
        if given.sparse and not declared.sparse and self.dialect == "keras3":
            raise CutError(
                f"{place} cannot be opened: Keras makes the sparse tensor {use.ref.layer!r} dense in passing",
                code="cut-not-openable",
                where=place,
            )
        change = rank_change(given.shape, declared.shape)
        if change is not None:
            make = casts.squeeze if change == "squeeze" else casts.expand
            use = self._put(make(self.dialect, self._name(use, change), use), conformed(given, replace(declared, dtype=None)))
        if declared.dtype not in (None, given.dtype):
            cast = casts.cast(self.dialect, self._name(use, str(declared.dtype)), use, str(declared.dtype))
            use = self._put(cast, conformed(given, declared))
        return use

    def _differs(self, given: TensorSpec, declared: TensorSpec) -> bool:
        """Whether the tensor is, or may be, of another dtype, rank or kind than what is declared."""
        shapes = declared.shape is not None and (given.shape is None or rank_change(given.shape, declared.shape) is not None)
        kinds = given.sparse and not declared.sparse and self.dialect == "keras3"
        return shapes or kinds or declared.dtype not in (None, given.dtype)

    def _name(self, use: Use, what: str) -> str:
        return free_name(f"{use.ref.layer}_{what}", self.taken)

    def _put(self, layer: Layer, spec: TensorSpec) -> Use:
        self.made.append(layer)
        return Use(TensorRef(layer.name), spec=spec)
