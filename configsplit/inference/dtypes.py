"""The dtype that several operands have together, by Keras 3's rules of promotion."""

from __future__ import annotations

from collections.abc import Iterable

_ABOVE = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "int8": ("int16",),
    "int16": ("int32",),
    "uint16": ("int32", "uint32"),
    "int32": ("int64",),
    "uint32": ("int64", "uint64"),
    "int64": ("float",),
    "uint64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64",),
    "float64": (),
}
"""What each dtype widens to. ``int`` and ``float`` are Python's numbers, which have a kind but no width."""


def _closed() -> dict[str, frozenset[str]]:
    """Each dtype with all that it can become; the table above is ordered, so its end is known first."""
    found: dict[str, frozenset[str]] = {}
    for name, above in reversed(_ABOVE.items()):
        found[name] = frozenset({name}).union(*(found[other] for other in above))
    return found


_REACHES = _closed()
INTEGERS = frozenset(name for name in _ABOVE if name.startswith(("int", "uint")))


_AS_KERAS_HAS_IT = {"int": "int32", "float": "float32", "uint64": "uint32"}


def promote(dtypes: Iterable[str]) -> str | None:
    """The narrowest dtype that holds all of them, ``int`` and ``float`` as 32 bits; None where one is not known.

    Dtypes that do not take part in promotion (``string``, ``complex64``) stay what they are among themselves.
    """
    several = set(dtypes)
    if len(several) == 1:
        (only,) = several
        return _AS_KERAS_HAS_IT.get(only, only)
    if not several or not several <= _REACHES.keys():
        return None
    common = frozenset.intersection(*(_REACHES[name] for name in several))
    least = next(name for name in common if len(_REACHES[name]) == len(common))
    return _AS_KERAS_HAS_IT.get(least, least)
