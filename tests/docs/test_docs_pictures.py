"""The picture that README.md and docs/plot.md show is what the tool draws."""

from __future__ import annotations

from support.pictures import PICTURE, ROOT, picture


def test_the_picture_is_what_is_drawn() -> None:
    assert PICTURE.read_text("utf-8") == picture(), "run: make generated"


def test_it_is_shown() -> None:
    shown = [page for page in ("README.md", "docs/plot.md") if f"{PICTURE.name})" in (ROOT / page).read_text("utf-8")]
    assert shown == ["README.md", "docs/plot.md"]
