"""What Keras makes of a tensor that is handed to a model whose input is declared otherwise.

Functional models of tf.keras and Keras 3 (and what Sequential models build of themselves) cast each argument to the dtype of
their input, and squeeze or expand its last axis where it is of one rank more or less. Nothing in a document says so.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from configsplit.graph.model import Shape, TensorSpec

RankChange = Literal["squeeze", "expand"]


def rank_change(given: Shape | None, declared: Shape | None) -> RankChange | None:
    """Whether the last axis is squeezed away or one is put behind it; None where the ranks are equal, or cannot be told.

    An axis of unknown size is squeezed: Keras looks at the tensor itself, and fails where it is not of size 1.
    """
    if given is None or declared is None:
        return None
    if len(given) == len(declared) + 1 and given[-1] in (1, None):
        return "squeeze"
    return "expand" if len(given) == len(declared) - 1 and declared[-1] == 1 else None


def conformed(given: TensorSpec, declared: TensorSpec) -> TensorSpec:
    """A tensor as the layers inside receive it: of the shape that it has, of the rank and dtype that are declared."""
    change, shape = rank_change(given.shape, declared.shape), given.shape
    if shape is None:
        shape = declared.shape
    elif change is not None:
        shape = shape[:-1] if change == "squeeze" else (*shape, 1)
    return replace(declared, shape=shape, dtype=declared.dtype or given.dtype)
