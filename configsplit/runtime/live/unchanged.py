"""Somebody's live layer is run at inference to see what it gives, and stays as it was.

A call may count, move averages or step a generator of random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from configsplit.runtime.frameworks import Framework


@contextmanager
def unchanged(layer: Any) -> Iterator[None]:
    """Put back what running a layer or model inside the block changes.

    Trainable weights are not looked at: at inference no call sets them, and copies of all of them would double the memory.
    """
    tensors = [each for each in getattr(layer, "non_trainable_variables", ()) if hasattr(each, "shape")]
    kept = [np.array(each) for each in tensors]
    try:
        yield
    finally:
        for variable, value in zip(tensors, kept, strict=True):
            if np.asarray(variable).tobytes() != value.tobytes():
                variable.assign(value)


def at_inference(layer: Any, args: Any, kwargs: Any, works: Framework) -> Any:
    """What a layer gives inside a model that is called with ``training=False``.

    Whatever Keras does not hand on, all layers inside it get from the outermost one: by itself, one that takes no ``training``
    lets those behind a Resizing train, whose default that is (Keras 3.15).
    """

    class Outermost(works.module.layers.Layer):  # type: ignore[misc,name-defined]
        def call(self, _: Any, training: bool | None = None) -> Any:
            return layer(*args, **kwargs)

    with unchanged(layer):
        return Outermost()(np.zeros((), "float32"), training=False)
