"""``configsplit join``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from configsplit.cli.edited import write
from configsplit.cli.options import Writing

if TYPE_CHECKING:
    from configsplit.rewrites.compose import By


def join(models: tuple[Path, ...], by: By, custom_objects: tuple[str, ...], **options: Unpack[Writing]) -> None:
    """Put together, write, show."""
    from configsplit.verbs import join

    write(join.join(*models, by=by, custom_objects=custom_objects), options)
