"""A digest that was begun ahead is the digest of the file that is cut, or is not used."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from configsplit.stores import Ahead, Source


def source(path: Path) -> Source:
    opened = Source(path=path)
    assert opened.kind == "json"
    return opened


@pytest.mark.parametrize("size", [10, 3 << 20])
def test_the_digest(size: int, tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_bytes(b"{" * size)
    with Ahead(path) as ahead, source(path) as opened:
        assert ahead.sha256(opened) == hashlib.sha256(b"{" * size).hexdigest()


def test_a_file_that_took_its_place_is_read_anew(tmp_path: Path) -> None:
    path, other = tmp_path / "m.json", tmp_path / "n.json"
    path.write_bytes(b"{" * (3 << 20))
    other.write_bytes(b"[" * (3 << 20))
    with Ahead(path) as ahead:
        ahead._thread.join()
        os.replace(other, path)  # noqa: PTH105
        with source(path) as opened:
            assert ahead.sha256(opened) == hashlib.sha256(b"[" * (3 << 20)).hexdigest()


def test_it_is_called_off_and_says_nothing_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(b"{" * (64 << 20))
    with Ahead(tmp_path / "m.json") as ahead:
        pass
    assert not ahead._thread.is_alive()
    with Ahead(tmp_path / "missing.json"), Ahead(tmp_path):
        pass
