"""Entry points without ``importlib.metadata``: the same, or left to it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from configsplit.plugins import loading as module

GROUP = f"[{module.GROUP}]"


def test_our_own_list_says_what_importlib_says() -> None:
    own = module._own_file()
    assert own is None or sorted(module._read(own)) == sorted(module._installed())


@pytest.mark.parametrize(("folder", "certain"), [("configsplit-0.1.0.dist-info", True), ("other-1.0.dist-info", False)])
def test_a_package_of_somebody_else_is_left_to_importlib(
    folder: str, certain: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "entry_points.txt").write_text(f"[x]\na = b\n\n{GROUP}\nscale = some.module\none = m:L\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(sys, "meta_path", [])
    own = module._own_file()
    assert (own is not None) == certain
    if own is not None:
        wanted = [("scale", "some.module", "", "configsplit"), ("one", "m", "L", "configsplit")]
        assert [tuple(point) for point in module._read(own)] == wanted


def test_a_zip_on_the_path_is_left_to_importlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "packages.zip").write_bytes(b"")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "packages.zip")])
    assert module._own_file() is None


def test_what_is_installed_meanwhile_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is remembered, until a place where packages lie, or the places themselves, are others."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    before = module.points()
    assert module.points() is before
    lists = tmp_path / "other-1.0.dist-info"
    lists.mkdir()
    (lists / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (lists / "entry_points.txt").write_text(f"{GROUP}\nnew = some.module\n")
    after = module.points()
    assert {*after} - {*before} == {("new", "some.module", "", "other")}
    monkeypatch.setattr(sys, "path", sys.path[:-1])
    assert {*module.points()} == {*before}
