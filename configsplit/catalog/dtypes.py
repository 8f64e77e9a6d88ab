"""The names of dtypes and of dtype policies."""

from __future__ import annotations

from configsplit.catalog.words import words

DTYPES = words("""
    float16 bfloat16 float32 float64 half float double float8_e4m3fn float8_e5m2 bool string int int4 int8 int16 int32 int64
    uint4 uint8 uint16 uint32 uint64 complex64 complex128 qint8 quint8 qint16 quint16 qint32 variant resource
    """)
"""What TensorFlow or Keras calls a dtype."""

MIXED = words("mixed_float16 mixed_bfloat16")


def is_policy(name: str) -> bool:
    """Whether a name may be that of a dtype policy: a dtype, a mixed one, a quantized one, or one that is yet to be found.

    Args:
        name: as a config has it.

    Returns:
        False where no release of Keras takes it.
    """
    return name in DTYPES or name in MIXED or "_from_" in name or name.startswith("_infer")
