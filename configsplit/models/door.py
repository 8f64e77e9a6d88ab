"""The one door upward: what results can do that is the work of rooms above them, which are loaded when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from configsplit.containers.container import Format

if TYPE_CHECKING:
    from configsplit.models.results import Edited, Parts, SavedFile
    from configsplit.saving.parts import Saved


def save_parts(parts: Parts, directory: str | Path, **how: Any) -> Saved:
    """As `configsplit.saving.parts.save`."""
    from configsplit.saving.parts import save

    return save(parts, directory, **how)


def save_edited(edited: Edited, path: str | Path, **how: Any) -> SavedFile:
    """As `configsplit.saving.model.save`."""
    from configsplit.saving.model import save

    return save(edited, path, **how)


def native_format(edited: Edited) -> Format:
    """The format in which the weights of a result are."""
    from configsplit.saving.model import native

    return native(edited)


def picture(result: object) -> str:
    """What a notebook shows below a result."""
    from configsplit.verbs import shown

    return shown.picture(result)
