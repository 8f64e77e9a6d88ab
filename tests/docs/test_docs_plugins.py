"""docs/plugins.md shows the plug-in that ships, and names every field of a declaration."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from configsplit.catalog.facts import LayerFacts
from configsplit.plugins.loading import GROUP

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text("utf-8")


def test_the_plug_in_that_is_shown_is_the_one_that_ships() -> None:
    assert (ROOT / "custom_objects" / "scale.py").read_text("utf-8").strip() in PAGE


def test_every_field_is_explained() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [field.name for field in fields(LayerFacts)]


def test_the_entry_point_group_is_named() -> None:
    assert f'[project.entry-points."{GROUP}"]' in PAGE
