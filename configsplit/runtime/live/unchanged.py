"""Somebody's live model stays as it was when it is run here to see what it gives.

A call may count, move averages (a layer of KerasHub trains unless it is told not to) or step a generator of random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


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
