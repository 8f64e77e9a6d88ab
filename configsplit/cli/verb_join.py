"""``configsplit join``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from configsplit.cli.edited import write


def join(models: tuple[Path, ...], by: str, custom_objects: tuple[str, ...], **options: Any) -> None:
    """Put together, write, show."""
    from configsplit.verbs import join

    write(join.join(*models, by=by, custom_objects=custom_objects), options)  # type: ignore[arg-type]
