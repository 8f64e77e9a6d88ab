"""Files written past the page cache: the same bytes wherever the file system lets us, and where it does not."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from configsplit.containers.system import direct, window
from configsplit.containers.system.direct import WORTH, write_new
from configsplit.containers.system.window import CHUNK, Span, first_difference, stream
from configsplit.errors import StoreError

SIZES = [0, 1, 4096, WORTH - 1, WORTH, WORTH + 1, WORTH + 4096, 3 * CHUNK + 77]


def data(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@pytest.mark.parametrize("size", SIZES)
def test_every_size_is_written_whole(size: int, tmp_path: Path) -> None:
    write_new(tmp_path / "file", size, stream([data(size)]))
    assert (tmp_path / "file").read_bytes() == data(size)


def test_large_files_are_written_past_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags: list[int] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, how, *mode: (flags.append(how), real(path, how, *mode))[1])
    write_new(tmp_path / "large", WORTH, stream([data(WORTH)]))
    write_new(tmp_path / "small", 10, stream([data(10)]))
    assert [bool(each & os.O_DIRECT) for each in flags] == [True, False]


def refusing(real: Callable[..., int], when: Callable[..., bool]) -> Callable[..., int]:
    def call(*arguments: object) -> int:
        if when(*arguments):
            raise OSError(errno.EINVAL, "Invalid argument")
        return real(*arguments)

    return call


def test_a_file_system_that_refuses_to_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", refusing(os.open, lambda _, how, *__: bool(how & os.O_DIRECT)))
    write_new(tmp_path / "file", WORTH + 5, stream([data(WORTH + 5)]))
    assert (tmp_path / "file").read_bytes() == data(WORTH + 5)


def test_a_file_system_that_refuses_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def is_direct(fd: int, _: object) -> bool:
        return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)

    monkeypatch.setattr(os, "write", refusing(os.write, is_direct))
    write_new(tmp_path / "file", WORTH + 5, stream([data(WORTH + 5)]))
    assert (tmp_path / "file").read_bytes() == data(WORTH + 5)


def test_another_refusal_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", refusing(os.write, lambda *_: True))
    with pytest.raises(OSError, match="Invalid argument"):
        write_new(tmp_path / "file", WORTH, stream([data(WORTH)]))


@pytest.mark.parametrize("more", [-1, 1])
def test_a_source_of_another_size_is_refused(more: int, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="another size"):
        write_new(tmp_path / "file", 1000, stream([data(1000 + more)]))


def test_files_without_direct_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows."""
    monkeypatch.setattr(direct, "_DIRECT", 0)
    write_new(tmp_path / "file", WORTH + 5, stream([data(WORTH + 5)]))
    assert (tmp_path / "file").read_bytes() == data(WORTH + 5)


@pytest.mark.parametrize("refused", [0, errno.EOPNOTSUPP, errno.EINVAL])
def test_comparing_reads_past_the_cache_where_it_can(refused: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def preadv(fd: int, buffers: list[memoryview], at: int, flags: int = 0) -> int:
        asked.append(flags)
        if flags and refused:
            raise OSError(refused, "no")
        return real(fd, buffers, at)

    real = os.preadv
    monkeypatch.setattr(os, "preadv", preadv)
    monkeypatch.setattr(window, "_PASSING", 0x80)
    (tmp_path / "a").write_bytes(data(CHUNK + 9))
    (tmp_path / "b").write_bytes(data(CHUNK + 8) + b"!")
    with (tmp_path / "a").open("rb") as one, (tmp_path / "b").open("rb") as other:
        spans = [(Span(one.fileno(), at, 9), Span(other.fileno(), at, 9)) for at in (0, CHUNK)]
        assert first_difference(spans[:1]) is None
        assert first_difference(spans) == 1
    assert 0x80 in asked


def test_an_error_while_comparing_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def preadv(*_: object) -> int:
        raise OSError(errno.EIO, "broken")

    (tmp_path / "a").write_bytes(data(9))
    monkeypatch.setattr(os, "preadv", preadv)
    with (tmp_path / "a").open("rb") as one, pytest.raises(OSError, match="broken"):
        first_difference([(Span(one.fileno(), 0, 9), Span(one.fileno(), 0, 9))])
