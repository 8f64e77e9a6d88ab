"""Files that were fetched for the time of one command: records name the address that they came from, not where they lay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*(::|://)", re.IGNORECASE)
_ADDRESSES: dict[Path, str] = {}


@contextmanager
def came_from(addresses: Mapping[Path, str]) -> Iterator[None]:
    """Within the ``with`` block these files are known to have come from these addresses."""
    _ADDRESSES.update(addresses)
    try:
        yield
    finally:
        for path in addresses:
            del _ADDRESSES[path]


def address_of(path: Path | None) -> str | None:
    """Where a file was fetched from; None if it was not."""
    return None if path is None else _ADDRESSES.get(path)


def is_remote(address: str) -> bool:
    """Whether an address is a URL rather than a path."""
    return _ADDRESS.match(address) is not None
