"""What a live model is to those who write annotations: neither Keras has types of its own, and both have these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from configsplit.errors import Json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@runtime_checkable
class LiveLayer(Protocol):
    """A layer of Keras 3 or tf_keras."""

    @property
    def name(self) -> str: ...
    def count_params(self) -> int: ...
    def get_weights(self) -> list[NDArray[np.generic]]: ...
    def set_weights(self, weights: list[NDArray[np.generic]]) -> None: ...
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


@runtime_checkable
class LiveModel(LiveLayer, Protocol):
    """A model of Keras 3 or tf_keras, built."""

    @property
    def layers(self) -> Sequence[LiveLayer]: ...
    def to_json(self) -> str: ...
    def save(self, filepath: str) -> None: ...
    def predict(self, x: Any) -> Any: ...


class Shaped(Protocol):
    """An array, a tensor, a spec: anything with a shape and a dtype."""

    @property
    def shape(self) -> Any: ...
    @property
    def dtype(self) -> Any: ...


Shape: TypeAlias = Sequence[int | None]
Inputs: TypeAlias = Shaped | Shape | Sequence["Inputs"] | Mapping[str, "Inputs"]
"""What a model is called on: arrays, shapes with None for the batch, anything with a shape and a dtype; or a list or dict of
these."""

Fragment: TypeAlias = LiveLayer | Mapping[str, Json]
"""What is put into a live model: a model, a layer, or the configuration of either as ``{"class_name": ..., "config": ...}``."""
