"""One world for all tests of faults: loading the package once saves a minute."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_verbs import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("faults"))
    yield made
    made.close()
