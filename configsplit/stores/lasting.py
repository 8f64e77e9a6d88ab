"""When what was written has to survive a power cut: at once, or where many small files are written, later and all together."""

from __future__ import annotations

import os

_AT_ONCE = [True]


def settle(fd: int) -> None:
    """Make a file or folder last, unless somebody has promised to do it later."""
    if _AT_ONCE[0]:
        os.fsync(fd)


def settle_later() -> None:
    """From now on this process leaves it to another to call ``os.sync``: a disk takes milliseconds for every file."""
    _AT_ONCE[0] = False
