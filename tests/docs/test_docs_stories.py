"""The pages of docs/howto are what happens, each from its first line to its last."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.stories import PAGES, carried_out, pictures, plain


def test_there_are_the_twelve_jobs() -> None:
    assert len([page for page in PAGES if page.stem != "index"]) == 12


@pytest.mark.usefixtures("near_worker")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_what_happens(page: Path, tmp_path: Path) -> None:
    """Its commands print what is shown, its Python runs, its pictures are those that its commands draw."""
    assert plain(carried_out(page, tmp_path)) == plain(page.read_text("utf-8")), "run: make generated"
    for name in pictures(page):
        assert (tmp_path / name).read_text("utf-8") == (page.parent / name).read_text("utf-8"), "run: make generated"
    assert pictures(page) or page.stem == "index"
