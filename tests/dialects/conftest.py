"""One long-lived process for each framework; makes `support` and the documents of the laws importable."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "laws"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.frameworks import FrameworkProcess


@pytest.fixture(scope="session")
def processes() -> Iterator[dict[str, FrameworkProcess]]:
    found: dict[str, FrameworkProcess] = {}
    yield found
    for process in found.values():
        process.close()
