"""What a rewrite asks of those who know the dialect about models that stand in the config of a wrapper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from configsplit.algorithms.cuts import Choice
from configsplit.errors import CutError
from configsplit.inference import Inference
from configsplit.ir.graph import Layer, Model, TensorRef, TensorSpec
from configsplit.ir.values import FrozenDict

Specs = Mapping[TensorRef, TensorSpec]
"""What is known of tensors of one model."""

NO_SPECS: Specs = MappingProxyType({})


class Wrapping(Protocol):
    """Models in the config of a wrapper, which only those who know the dialect can read, write and describe."""

    @property
    def choice(self) -> Choice:
        """Which of the legal cuts through a tensor is meant."""

    def read(self, layer: Layer) -> Model:
        """The model in a wrapper. Raises CutError where there is none that could be divided."""

    def write(self, model: Model) -> FrozenDict:
        """The entry of a model, as it stands in a wrapper's config."""

    def specs(self, model: Model, given: Specs) -> Specs:
        """Shape and dtype of every tensor of a model; ``given`` is what the user says, and wins."""

    def infer(self, model: Model, given: Specs) -> Inference:
        """The same with all that is known of nested models."""

    def conforms(self, place: str) -> bool:
        """Whether Keras conforms what is handed to a model to the dtype and rank of the model's input, asked for a place that
        needs it. Raises CutError where it does, and the document cannot hold the operations that say so."""

    def check_masks(self, model: Model, name: str, calls: Sequence[int], inner: Model) -> None:
        """Raises CutError if a mask would be lost between the parts of the model in the wrapper ``name``."""


def known(wrapping: Wrapping | None, name: str) -> Wrapping:
    """Raises CutError where nobody can read wrappers: nothing in them can have been named there."""
    if wrapping is None:
        raise CutError(f"what is in {name!r} cannot be named here", code="cut-not-openable", where=name)
    return wrapping
