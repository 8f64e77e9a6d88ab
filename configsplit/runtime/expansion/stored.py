"""Under which name Keras keeps each weight of a model in a file: its own saver is run on a file that only takes names down.

No value is read, so that a model whose weights were never made can be asked too.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from configsplit.errors import RuntimeUnavailableError
from configsplit.runtime.frameworks import Framework


class _Entries(dict[str, Any]):
    """What a layer's ``save_own_variables`` fills; Keras 3 has attributes beside the values."""

    attrs: dict[str, Any] = {}  # noqa: RUF012 - nobody reads them


def stored_names(model: Any, works: Framework, *, attributes_first: bool = False) -> dict[str, Any]:
    """Each array that Keras would write: its name in the file -> the variable, or what the layer makes of it. Keras 3.0 to 3.3
    went in the order of attributes, of which ``layers`` is one (``attributes_first``).
    """
    library = importlib.import_module(f"{works.name}.src.saving.saving_lib")
    if not all(hasattr(library, name) for name in ("_save_state", "_walk_saveable", "H5IOStore")):
        raise RuntimeUnavailableError(
            f"{works.name} {works.version} saves weights in a way that configsplit does not know",
            code="runtime-unknown-release",
            hint="install a release that configsplit was tested with, see docs/stability.md",
        )
    groups: dict[str, _Entries] = {}

    def make(_: Any, path: str, metadata: Any = None) -> _Entries:
        return groups.setdefault(f"{path}/vars" if path else "vars", _Entries())

    taker = type("NameTaker", (library.H5IOStore,), {"__init__": lambda _: None, "__bool__": lambda _: True, "make": make})
    with _older_walk(library) if attributes_first else nullcontext():
        library._save_state(model, taker(), None, inner_path="", visited_saveables=set())
    return {f"{group}/{name}": value for group, entries in groups.items() for name, value in entries.items()}


@contextmanager
def _older_walk(library: Any) -> Iterator[None]:
    """Keras walked through all attributes by name before it took the layers of a functional model first."""
    original = library._walk_saveable

    def by_name(saveable: Any) -> Iterator[tuple[str, Any]]:
        children = list(original(saveable))
        first = children[:1] if children and children[0][0] == "layers" else []
        rest = children[len(first) :]
        if first and all(name != "layers" for name, _ in rest):
            rest = sorted([*first, *rest], key=lambda child: child[0])
        yield from rest

    library._walk_saveable = by_name
    try:
        yield
    finally:
        library._walk_saveable = original
