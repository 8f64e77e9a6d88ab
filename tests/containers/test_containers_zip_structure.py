"""Archives put together beforehand are those of ``zipfile``, byte for byte; large numbers go into ZIP64 fields."""

from __future__ import annotations

import io
import zipfile
import zlib

import pytest

from configsplit.containers import zip_structure
from configsplit.containers.zip_structure import Entry, headers

CONTENTS = {
    "metadata.json": b"{}",
    "config.json": b'{"class_name": "Functional"}',
    "model.weights.h5": bytes(range(256)) * 40,
    "assets/größe.txt": b"",
}


def ours(contents: dict[str, bytes]) -> bytes:
    heads = headers([Entry(name, len(data), zlib.crc32(data)) for name, data in contents.items()])
    return b"".join(piece for pair in zip(heads, contents.values(), strict=False) for piece in pair) + heads[-1]


def theirs(contents: dict[str, bytes], *, force: bool = False) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in contents.items():
                info = zipfile.ZipInfo(name)
                info.external_attr, info.create_system, info.file_size = 0o600 << 16, 3, len(data)
                with archive.open(info, "w", force_zip64=force and len(data) > zipfile.ZIP64_LIMIT) as sink:
                    sink.write(data)
        return file.getvalue()


def test_the_bytes_are_those_of_zipfile() -> None:
    assert ours(CONTENTS) == theirs(CONTENTS)
    assert ours({}) == theirs({})


@pytest.mark.parametrize("limit", [100, 10_000, 10_300])
def test_large_members_and_places_are_those_of_zipfile(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A low limit puts a size, a place, or the directory's own place above it."""
    monkeypatch.setattr(zip_structure, "LIMIT", limit)
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    made = ours(CONTENTS)
    assert made == theirs(CONTENTS, force=True)
    with zipfile.ZipFile(io.BytesIO(made)) as file:
        assert {name: file.read(name) for name in file.namelist()} == CONTENTS


def test_many_members_are_those_of_zipfile() -> None:
    many = {f"assets/{number}": b"" for number in range(70_000)}
    assert ours(many) == theirs(many)


def test_five_gigabytes_are_told_in_full() -> None:
    """Only headers: the bytes between them are thought of."""
    sizes = [10, 5 << 30, 7]
    heads = headers([Entry(f"m{number}", size, 0) for number, size in enumerate(sizes)])
    at = len(heads[0]) + sizes[0]
    directory = io.BytesIO(heads[-1])
    infos = _directory(directory, start=sum(map(len, heads[:-1])) + sum(sizes))
    assert [(info.file_size, info.header_offset) for info in infos] == [
        (10, 0),
        (5 << 30, at),
        (7, at + len(heads[1]) + sizes[1]),
    ]


def _directory(file: io.BytesIO, start: int) -> list[zipfile.ZipInfo]:
    """Read a directory as if ``start`` bytes stood before it."""

    class Behind(io.RawIOBase):
        at = 0

        def seekable(self) -> bool:
            return True

        def readable(self) -> bool:
            return True

        def tell(self) -> int:
            return self.at

        def seek(self, offset: int, whence: int = 0) -> int:
            self.at = offset + (0, self.at, start + len(file.getvalue()))[whence]
            return self.at

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            data = file.getvalue()[self.at - start : self.at - start + len(buffer)]
            buffer[: len(data)] = data
            self.at += len(data)
            return len(data)

    return zipfile.ZipFile(Behind()).infolist()  # type: ignore[arg-type]
