"""The gate before any framework: a document with a hazard is refused, not built."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from configsplit.errors import DocumentError
from configsplit.report.hazards import hazards


def refuse_hazards(document: Any, *, classes: Collection[str] = (), allow_lambda: bool = False) -> None:
    """Raises DocumentError for the first hazard; see `configsplit.report.hazards.hazards` for the arguments."""
    for hazard in hazards(document, classes=classes, allow_lambda=allow_lambda):
        raise DocumentError(hazard.message, code=hazard.code, where=hazard.where, hint=hazard.hint)
