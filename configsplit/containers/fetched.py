"""Files that were fetched for the time of one command, or of which only what is asked for is.

Records name the address that each came from, not where it lay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from configsplit.containers.system.files import Elsewhere, forget, number_of
from configsplit.containers.system.window import Span

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*(::|://)", re.IGNORECASE)
_ADDRESSES: dict[Path, str] = {}
_SPANS: dict[Path, Span] = {}
_BESIDE: dict[Path, Callable[[str], None]] = {}


@contextmanager
def came_from(path: Path, address: str, beside: Callable[[str], None] | None = None) -> Iterator[None]:
    """Within the ``with`` block a file or folder is known to have come from an address.

    ``beside`` brings a file of that name from where it came from into its folder, if there is one.
    """
    _ADDRESSES[path] = address
    if beside is not None:
        _BESIDE[path.parent] = beside
    try:
        yield
    finally:
        del _ADDRESSES[path]
        _BESIDE.pop(path.parent, None)


@contextmanager
def lies_elsewhere(path: Path, file: Elsewhere) -> Iterator[None]:
    """Within the ``with`` block what is read of the file at a path is what ``file`` gives; that at the path has holes."""
    with ExitStack() as stack:
        number = number_of(file)
        stack.callback(forget, number)
        _SPANS[path] = Span(number, 0, file.size)
        stack.callback(_SPANS.pop, path)
        yield


def address_of(path: Path | None) -> str | None:
    """Where a file was fetched from; None if it was not."""
    return None if path is None else _ADDRESSES.get(path)


def is_remote(address: str) -> bool:
    """Whether an address is a URL rather than a path."""
    return _ADDRESS.match(address) is not None


def elsewhere(path: Path) -> Span | None:
    """What is read of a file that lies elsewhere; None of a file of this machine."""
    return _SPANS.get(path)


def is_skimmed(path: Path) -> bool:
    """Whether of a file, or of one in a folder, only what is asked for is fetched."""
    return any(path == each or path in each.parents for each in _SPANS)


def bring(path: Path) -> None:
    """A file beside one that was fetched is fetched when it is first asked for. Raises StoreError where it cannot be."""
    if (beside := _BESIDE.get(path.parent)) is not None and not path.exists():
        beside(path.name)
