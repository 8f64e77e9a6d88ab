"""The pictures that pages show are what the tool draws."""

from __future__ import annotations

import pytest
from support.pictures import PICTURES, ROOT, picture


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_what_is_drawn(name: str) -> None:
    assert (ROOT / "docs" / name).read_text("utf-8") == picture(name), "run: make generated"


def test_they_are_shown() -> None:
    pages = {"README.md": ["cut.svg"], "docs/plot.md": ["cut.svg"], "docs/index.md": ["cut.svg"]}
    pages["docs/how-it-works.md"] = ["cut.svg", "mask.svg"]
    for page, names in pages.items():
        text = (ROOT / page).read_text("utf-8")
        assert [name for name in PICTURES if f"{name})" in text] == names
