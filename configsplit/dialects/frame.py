"""The frame of a document, held against what pydantic's documents (`schema/frame.py`) say that it must have.

Nearly all documents have it, which is seen at once. pydantic, which takes as long to load as all else that reads a file, looks
at the others: it alone refuses, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from configsplit.graph.json import FrozenDict

Frame: TypeAlias = Literal["Envelope", "SequentialConfig", "LegacyConfig", "Keras3Config", "KerasTensorConfig"]
"""Names of the documents of `schema/frame.py`."""

_SIZES = frozenset({int, type(None)})
_HISTORY = (str, int, int)


def hold(wanted: Frame, value: Any, where: str = "") -> None:
    """Check ``value`` against a document. Raises DocumentError for the first violation, with its path and how many more
    there are.
    """
    if not _SEEN[wanted](value):
        from configsplit.dialects.schema import frame

        frame.validate(getattr(frame, wanted), value, where)


# What is seen at once to be as it must. All of it pydantic would take; not all that it takes is seen.


def _is_envelope(value: Any) -> bool:
    return _is_chained(value) and type(value["config"]) in (FrozenDict, tuple)


def _is_chained(entry: Any) -> bool:
    return type(entry) is FrozenDict and "config" in entry and _is_name(entry.get("class_name"))


def _is_name(value: Any) -> bool:
    return type(value) is str and value != ""


def _is_sequential(config: Any) -> bool:
    if type(config) is not FrozenDict or not (config.get("name") is None or _is_name(config["name"])):
        return False
    return type(layers := config.get("layers")) is tuple and all(map(_is_chained, layers))


def _is_legacy(config: Any) -> bool:
    return _is_functional(config) and all(map(_is_legacy_entry, config["layers"]))


def _is_functional(config: Any) -> bool:
    if type(config) is not FrozenDict or "input_layers" not in config or "output_layers" not in config:
        return False
    return _is_name(config.get("name")) and type(config.get("layers")) is tuple


def _is_legacy_entry(entry: Any) -> bool:
    if type(entry) is not FrozenDict or "config" not in entry or type(entry.get("inbound_nodes")) is not tuple:
        return False
    name, class_name = entry.get("name"), entry.get("class_name")
    return type(name) is type(class_name) is str and "" not in (name, class_name)


def _is_keras3(config: Any) -> bool:
    return _is_functional(config) and all(map(_is_keras3_entry, config["layers"]))


def _is_keras3_entry(entry: Any) -> bool:
    return _is_legacy_entry(entry) and all(map(_is_call, entry["inbound_nodes"]))


def _is_call(node: Any) -> bool:
    return type(node) is FrozenDict and type(node.get("args")) is tuple and type(node.get("kwargs")) is FrozenDict


def is_described(config: Any) -> bool:
    """Whether a tensor is written as Keras 3 writes it: with shape, dtype and history, and nothing else."""
    if type(config) is not FrozenDict or len(config) != 3 or type(config.get("dtype")) is not str:
        return False
    shape, history = config.get("shape"), config.get("keras_history")
    if type(shape) is not tuple or not _SIZES.issuperset(map(type, shape)):
        return False
    return type(history) is tuple and tuple(map(type, history)) == _HISTORY and history[0] != "" and min(history[1:]) >= 0


_SEEN: dict[Frame, Callable[[Any], bool]] = {
    "Envelope": _is_envelope,
    "SequentialConfig": _is_sequential,
    "LegacyConfig": _is_legacy,
    "Keras3Config": _is_keras3,
    "KerasTensorConfig": is_described,
}
