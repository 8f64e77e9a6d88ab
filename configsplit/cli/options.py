"""Options that several verbs have, by the names of their records, with their types."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, cast

if TYPE_CHECKING:
    from configsplit.containers.container import Format
    from configsplit.models.document import Match
    from configsplit.models.results import Check


class Loading(TypedDict):
    """How the model is read."""

    weights: Path | None
    custom_objects: tuple[str, ...]
    by_name: bool
    match: Match
    dequantize: bool


class Limited(TypedDict):
    """What Keras may take."""

    timeout: float | None
    memory: float | None
    unconfined: bool


class Writing(TypedDict):
    """How an edited model is written and shown."""

    out: Path
    format: Format | None
    with_weights: bool
    verify: Check
    force: bool
    as_json: bool
    verbose: bool


def loading(options: Loading) -> Loading:
    """Of all options those that say how the model is read."""
    given: Mapping[str, object] = options
    return cast("Loading", {name: given[name] for name in Loading.__annotations__})
