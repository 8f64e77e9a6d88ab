"""Makes the helpers of this folder importable, and lets a small library like KerasHub lie where a user has one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent)]
LIBRARY = Path(__file__).resolve().parent / "library"


@pytest.fixture(scope="session", autouse=True)
def _on_path() -> Iterator[None]:
    """The library lies where a user has it: on PYTHONPATH, which the worker inherits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(LIBRARY))
        patch.syspath_prepend(str(LIBRARY))
        yield


@pytest.fixture(scope="session")
def smallhub(_on_path: None) -> Any:
    import smallhub

    return smallhub


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, smallhub: Any) -> Any:
    from expansion_models import World

    return World(tmp_path_factory.mktemp("smallhub"), smallhub)
