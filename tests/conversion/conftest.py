"""Keras 3 in a process of its own, for all tests of conversion."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from support.conversion import Bench
from support.frameworks import FrameworkProcess, process_for


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, processes: dict[str, FrameworkProcess]) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), process_for(processes, "keras2"))
    yield made
    made.close()
