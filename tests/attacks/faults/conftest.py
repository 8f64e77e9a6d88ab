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


@pytest.fixture(scope="session")
def other(world: World) -> Iterator[World]:
    """A second process in the same world."""
    made = World(world.folder, first=100_000)
    yield made
    made.close()
