"""KerasHub's backbones, if it is installed (`pip install 'configsplit[kerashub]'`); the table is in docs/kerashub.md."""

from __future__ import annotations

import pytest
from support import kerashub

pytestmark = pytest.mark.exhaustive
pytest.importorskip("keras_hub")


@pytest.mark.parametrize("name", kerashub.configs())
def test_no_part_of_a_backbone_gives_other_numbers(name: str) -> None:
    """What is refused, or fails in the library, is told in docs/kerashub.md."""
    row = kerashub.measure([name])[0]
    assert not [key for key in kerashub.KINDS if row[key].startswith("different")]
