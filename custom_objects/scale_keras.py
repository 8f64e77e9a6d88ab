"""The `Scale` layer for Keras 3."""

from __future__ import annotations

from typing import Any

import keras

OLD_NAMES = {"one": "ones", "zero": "zeros"}
"""Initializers as Keras 1 called them, which is how the configs of ported networks still do."""


class Scale(keras.layers.Layer):  # type: ignore[misc]
    """``x * gamma + beta``, with gamma and beta along one axis.

    ``momentum`` has no effect and never had; it is kept, as the initializers' names are, because configs hold it.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float | None = None,
        gamma_init: str | None = None,
        beta_init: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = axis
        self.momentum = momentum
        self.gamma_init = gamma_init
        self.beta_init = beta_init

    def build(self, input_shape: Any) -> None:
        size = input_shape[self.axis]
        initial = [OLD_NAMES.get(name, name) for name in (self.gamma_init or "ones", self.beta_init or "zeros")]
        self.gamma = self.add_weight(name="gamma", shape=(size,), initializer=initial[0])
        self.beta = self.add_weight(name="beta", shape=(size,), initializer=initial[1])
        self.along = [1] * len(input_shape)
        self.along[self.axis] = size

    def call(self, inputs: Any) -> Any:
        return inputs * keras.ops.reshape(self.gamma, self.along) + keras.ops.reshape(self.beta, self.along)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The keys that the layer was made with, and no more."""
        optional = {"momentum": self.momentum, "gamma_init": self.gamma_init, "beta_init": self.beta_init}
        given = {key: value for key, value in optional.items() if value is not None}
        return {**super().get_config(), "axis": self.axis, **given}
