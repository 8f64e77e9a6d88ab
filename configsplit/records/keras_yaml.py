"""An architecture as Keras 1 and 2 and TF up to 2.5 write it with ``to_yaml()``, as plain values.

It may have tags of Python: tuples, lists that TensorFlow watches, numbers of numpy. These are read as what they hold. Nothing
is imported or called; any other tag is an error.
"""

from __future__ import annotations

import struct
from typing import Any

from configsplit.records.yaml_text import yaml_values

MAX_TEXT = 4 << 20
MAX_VALUES = 1_000_000

_PYTHON = "tag:yaml.org,2002:python/"
_APPLY = f"{_PYTHON}object/apply:"
_PACKED = {"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q", "u1": "B", "u2": "H", "f2": "e", "f4": "f", "f8": "d"}


def architecture_values(text: str) -> Any:
    """The values of an architecture in YAML.

    Args:
        text: what `to_yaml()` gave.

    Returns:
        Objects, lists, texts, numbers, None; of a hostile text also dates and bytes, which no architecture has.

    Raises:
        ImportError: PyYAML is not installed.
        YamlError: it is not YAML, has other tags, says a key twice, or is too large with its aliases written out.
    """
    return yaml_values(
        text,
        most_text=MAX_TEXT,
        most_values=MAX_VALUES,
        tags={
            f"{_PYTHON}tuple": _sequence,
            f"{_PYTHON}unicode": lambda loader, node: loader.construct_scalar(node),
            f"{_APPLY}tensorflow.python.training.tracking.data_structures.ListWrapper": _watched,
            f"{_APPLY}numpy.core.multiarray.scalar": _number,
            f"{_APPLY}numpy.dtype": lambda loader, node: loader.construct_mapping(node, deep=True),
        },
    )


def _sequence(loader: Any, node: Any) -> list[Any]:
    items: list[Any] = loader.construct_sequence(node, deep=True)
    return items


def _watched(loader: Any, node: Any) -> Any:
    (items,) = _sequence(loader, node)
    return items


def _number(loader: Any, node: Any) -> Any:
    """A scalar of numpy: its dtype, and its bytes in the order of the machine that wrote it."""
    dtype, packed = _sequence(loader, node)
    form = (">" if dtype["state"][1] == ">" else "<") + _PACKED[dtype["args"][0]]
    if len(packed) != struct.calcsize(form):
        raise ValueError(f"a number of {len(packed)} bytes")
    return struct.unpack(form, packed)[0]
