"""YAML (recipes, tables of devices, profiles, architectures) as plain values; a hostile text ends soon, and in an error.

PyYAML's safe loader makes no objects of Python. Beside that it lets aliases stand for more values than memory holds, meets
odd scalars with whatever error they cause, and takes the last of two equal keys.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

MAX_TEXT = 1 << 18
MAX_VALUES = 100_000
"""Values of a text with every alias written out."""

Construct: TypeAlias = Callable[[Any, Any], Any]
"""Makes the value of a tagged node; it gets PyYAML's loader and node. Raises ValueError where the node is no such value."""

_NO_TAGS: Mapping[str, Construct] = MappingProxyType({})

_CONSTRUCTION = (RecursionError, TypeError, ValueError, AttributeError, LookupError, ArithmeticError)
"""What scalars of a declared kind meet that are none: ``!!int x``, ``2001-99-99``."""


class YamlError(ValueError):
    """Why a text is no YAML that anybody would write."""


def yaml_values(
    text: str, *, most_text: int = MAX_TEXT, most_values: int = MAX_VALUES, tags: Mapping[str, Construct] = _NO_TAGS
) -> Any:
    """The values of a text.

    Args:
        text: one document.
        most_text: so many characters it may have.
        most_values: so many values, with every alias written out.
        tags: how values of tags are made that the safe loader does not know.

    Raises:
        ImportError: PyYAML is not installed.
        YamlError: it is not YAML, says a key twice, or is too large with its aliases written out.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """A key that stands twice is a mistake, not a replacement; keys that merge others in are none."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            seen: set[Hashable] = set()
            for key, _ in node.value:
                word = self.construct_object(key, deep=True)
                if isinstance(word, Hashable) and word in seen:
                    raise yaml.MarkedYAMLError(problem=f"the key {word!r} stands twice", problem_mark=key.start_mark)
                seen.add(word)
            return super().construct_mapping(node, deep=deep)

    if len(text) > most_text:
        raise YamlError(f"it has {len(text)} characters; {most_text} is the limit")
    for tag, construct in tags.items():
        Loader.add_constructor(tag, construct)
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node, most_values)
        return loader.construct_document(node)
    except YamlError:
        raise
    except (yaml.YAMLError, *_CONSTRUCTION) as error:
        raise YamlError(str(error)) from None


def _check_size(root: Any, most: int) -> None:
    """Count the values with every alias written out; iterative."""
    sizes: dict[int, int] = {}
    above: set[int] = set()
    todo = [(root, False)]
    while todo:
        node, counted = todo.pop()
        if counted:
            sizes[id(node)] = 1 + sum(sizes[id(each)] for each in _inside(node))
            if sizes[id(node)] > most:
                raise YamlError(f"with its aliases expanded it has more than {most} values")
        elif id(node) in above and id(node) not in sizes:
            raise YamlError("an alias is inside the value that it stands for")
        elif id(node) not in sizes:
            above.add(id(node))
            todo += [(node, True), *((each, False) for each in _inside(node))]


def _inside(node: Any) -> list[Any]:
    if not isinstance(node.value, list):
        return []
    return [each for item in node.value for each in (item if isinstance(item, tuple) else (item,))]


# An architecture as Keras 1 and 2 and TF up to 2.5 write it with ``to_yaml()``, as plain values.
#
# It may have tags of Python: tuples, lists that TensorFlow watches, numbers of numpy. These are read as what they hold.
# Nothing is imported or called; any other tag is an error.


_MOST_TEXT = 4 << 20
_MOST_VALUES = 1_000_000

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
        most_text=_MOST_TEXT,
        most_values=_MOST_VALUES,
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
