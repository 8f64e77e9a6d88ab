"""KerasHub's backbones, if it is installed (`pip install 'configsplit[kerashub]'`); the table is in docs/kerashub.md."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import kerashub

pytestmark = pytest.mark.exhaustive
pytest.importorskip("keras_hub")

REFUSED: dict[str, set[str]] = {}
"""What cannot be done with a backbone."""


@pytest.mark.parametrize("name", kerashub.configs())
def test_a_backbone(name: str, tmp_path: Path) -> None:
    row = kerashub.measure([name])[0]
    assert {key for key in kerashub.KINDS if row[key] != "yes"} == REFUSED.get(name, set())
