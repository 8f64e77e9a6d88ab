"""Weights that TensorFlow.js quantized, restored as it restores them (``io_utils.ts``, ``decodeWeight``), bit for bit.

``uint8`` and ``uint16`` are steps of a scale from a least value on, computed in 64 bits and rounded to the type of the weight;
``float16`` is widened.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from configsplit.containers.system.window import Span, stream

if TYPE_CHECKING:
    import numpy as np

_SIZES = {"uint8": 1, "uint16": 2, "float16": 2}
_MOST = 2.0**62
"""Beyond it JavaScript's whole numbers and ours would differ."""


class Packing(NamedTuple):
    """How a weight is quantized: the type of what is stored, and what one step of it is worth, from where on."""

    dtype: str
    scale: float = 1.0
    least: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of a value."""
        return _SIZES[self.dtype]

    @property
    def lost(self) -> str:
        """What cannot be restored, for people."""
        if self.dtype == "float16":
            return "float16 has kept 11 of 24 bits"
        return f"{self.dtype} has kept {256**self.size} values of each, and rounded to the nearest"


def packing_of(told: object, dtype: str) -> Packing | None:
    """The packing that an entry of the manifest tells of a weight of this type; None where TensorFlow.js knows no such one."""
    if not isinstance(told, Mapping):
        return None
    kind = told.get("dtype")
    if kind == "float16":
        return Packing(kind) if dtype == "float32" else None
    scale: Any = told.get("scale")
    least: Any = told.get("min")
    if kind not in ("uint8", "uint16") or dtype not in ("float32", "int32"):
        return None
    if type(scale) not in (int, float) or type(least) not in (int, float):
        return None
    packing = Packing(kind, float(scale), float(least))
    return packing if math.isfinite(packing.scale) and abs(packing.least) + 65535 * abs(packing.scale) < _MOST else None


class Restored:
    """A quantized array, which is computed when it is asked for."""

    def __init__(self, pieces: Sequence[Span], shape: tuple[int, ...], dtype: str, packing: Packing) -> None:
        self._pieces, self._shape, self._dtype, self.packing = pieces, shape, dtype, packing

    def __call__(self) -> np.ndarray[Any, Any]:
        import numpy as np  # values are asked for where they are computed with, and by nobody who copies them

        raw = b"".join(bytes(piece) for piece in stream(self._pieces))
        stored = np.frombuffer(raw, np.dtype(self.packing.dtype).newbyteorder("<")).reshape(self._shape)
        if self.packing.dtype == "float16":
            return stored.astype(np.float32)
        values = stored.astype(np.float64) * self.packing.scale + self.packing.least
        if self._dtype == "float32":
            with np.errstate(over="ignore"):  # as in JavaScript, what is too large is infinite
                return values.astype(np.float32)
        below = np.floor(values)
        return (below + (values - below >= 0.5)).astype(np.int64).astype(np.int32)  # Math.round: halves go up
