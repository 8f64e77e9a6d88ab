"""Archives around a model: ``.gz``, ``.tar``, ``.tar.gz`` of a file or folder, and zip archives that are no model themselves.

Members are read where they lie, or from a temporary file without a name; nothing is unpacked by its own name. What leads out of
the archive, is a link, stands in it twice, or unpacks to far more than the archive has is refused.
"""

from __future__ import annotations

import gzip
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import PurePosixPath

from configsplit.containers.archive import CONFIG, MAX_MEMBERS, MAX_RATIO, SMALL, Archive, is_safe_name
from configsplit.containers.container import METADATA, PROGRAM, Container
from configsplit.containers.kinds import is_tar
from configsplit.containers.opening import Files, Opened
from configsplit.containers.system.errors import system_faults
from configsplit.containers.system.files import read_at
from configsplit.containers.system.window import CHUNK, Span, Window, stream
from configsplit.errors import StoreError

_FOLDERS = (CONFIG, PROGRAM, METADATA)
_TEXTS = (".json", ".yaml", ".yml")
_BLOCK = 512
_LONGEST_NAME = 1 << 16
_MOST_PADDING = 1 << 20

Members = Mapping[str, Callable[[], Span]]
"""The members of an archive by name -> what opens each."""


class _Alone(Container):
    """A container that is nothing but an archive around a model."""

    def config_text(self) -> str:
        hint = "name a model file, or an archive with one"
        raise StoreError(
            f"there is no model in this {self.kind} archive", code="not-a-model", where=str(self.opened.path), hint=hint
        )

    def weights(self) -> None:
        return None


class Gzipped(_Alone):
    kind = "gzip"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return opened.head.startswith(b"\x1f\x8b\x08")

    def members(self) -> Members:
        name = self.opened.path.name
        inside = f"{name[:-4]}.tar" if name.lower().endswith(".tgz") else name.removesuffix(".gz") or "model"
        return {inside: cache(self._unpacked)}

    def _unpacked(self) -> Span:
        opened = self.opened
        return unpacked(self._pieces(), opened.files, max(SMALL, MAX_RATIO * opened.span.length), str(opened.path))

    def _pieces(self) -> Iterator[bytes]:
        try:
            with gzip.GzipFile(fileobj=Window(self.opened.span)) as packed:
                while piece := packed.read(CHUNK):
                    yield piece
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise _damaged(f"the archive is truncated or damaged: {error}", str(self.opened.path)) from None


class Tarred(_Alone):
    kind = "tar"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return is_tar(opened)

    def members(self) -> Members:
        members: dict[str, Callable[[], Span]] = {}
        for name, span in _tarred(self.opened):
            if name in members:
                message = f"two members are called {name!r}; readers differ in which they take"
                raise _hostile("archive-duplicate-member", message, str(self.opened.path))
            members[name] = partial(Span, *span)
            if len(members) > MAX_MEMBERS:
                raise _hostile("archive-bomb", "the archive has too many members", str(self.opened.path))
        return members


def zipped(archive: Archive, files: Files) -> Members:
    """The members of a zip archive, of which packed ones are unpacked when they are opened."""
    room = [max(SMALL, MAX_RATIO * archive.span.length)]

    def opened(name: str) -> Span:
        if archive.is_stored(name):
            return archive.place(name)
        span = unpacked(archive.chunks(name), files, room[0], archive.where)
        room[0] -= span.length
        return span

    for name, info in archive.members.items():
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _hostile("archive-link", f"the member {name!r} is a link", archive.where)
    return {name: cache(partial(opened, name)) for name in archive.members if not name.endswith("/")}


def unpacked(pieces: Iterable[bytes], files: Files, most: int, where: str) -> Span:
    """Bytes in a temporary file without a name, which goes when ``files`` are closed."""
    size = 0
    with system_faults(where):
        from tempfile import TemporaryFile

        file = TemporaryFile(dir=files.scratch)  # noqa: SIM115 - closed with the others
        files.stack.enter_context(file)
        for piece in pieces:
            if (size := size + len(piece)) > most:
                raise _hostile("archive-bomb", f"the archive unpacks to more than {most} bytes", where)
            file.write(piece)
        file.flush()
        return Span(file.fileno(), 0, os.fstat(file.fileno()).st_size)


def model_in(names: Iterable[str], is_model: Callable[[str], bool], where: str) -> str:
    """The one of many members that is a model (or has weights): a folder, or a file; an architecture as text where there is
    nothing else. "" where none is, "." where the archive itself is the folder.
    """
    files = [PurePosixPath(name) for name in names if not _is_of_a_system(name)]
    folders = {file.parent for file in files if file.name in _FOLDERS}
    folders = {each for each in folders if not folders & {*each.parents}}
    apart = [str(file) for file in files if not folders & {*file.parents} and is_model(str(file))]
    models = [*sorted(map(str, folders)), *(name for name in apart if not name.endswith(_TEXTS))] or apart
    if len(models) > 1:
        raise StoreError(
            f"the archive holds {len(models)} models or files of weights: {models[:5]}",
            code="archive-several",
            where=where,
            hint="unpack it, and name the one that you mean",
        )
    return models[0] if models else ""


def _is_of_a_system(name: str) -> bool:
    """Whether macOS or a shell puts it beside the files of people."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].startswith(".")


# Tar, read by hand: a header is 512 bytes, and what it says is held against what there is.


def _tarred(opened: Opened) -> Iterator[tuple[str, Span]]:
    """The files of a tar archive."""
    where, whole = str(opened.path), opened.span
    at, name, size = 0, "", None
    while True:
        with system_faults(where):
            head = read_at(whole.fd, min(_BLOCK, max(0, whole.length - at)), whole.offset + at)
        if not head.strip(b"\0"):
            break
        kind, own, long = _header(head, where)
        if size is not None and kind not in b"xgL":
            own = size
        at += _BLOCK
        if at + own > whole.length:
            raise _damaged("the archive ends before a member does", where)
        span = Span(whole.fd, whole.offset + at, own)
        if kind in b"xgL":
            name, size = _extended(kind, span, name, size, where)
        else:
            told = (name or long).removeprefix("./")
            if not is_safe_name(told.removesuffix("/")) and told not in ("", ".", "./"):
                raise _hostile("archive-unsafe-name", f"the member name {told!r} leads out of the archive", where)
            if kind not in b"0\x007" + b"5":
                raise _hostile("archive-link", f"the member {told!r} is a link, a device, or a file with holes", where)
            if kind != b"5":
                yield told, span
            name, size = "", None
        at += -(-own // _BLOCK) * _BLOCK
    _check_rest(Span(whole.fd, whole.offset + at, max(0, whole.length - at)), where)


def _header(head: bytes, where: str) -> tuple[bytes, int, str]:
    """The kind of a member, its size and its name."""
    blank = head[:148] + b" " * 8 + head[156:]
    if len(head) < _BLOCK or _number(head[148:156]) != sum(blank):
        raise _damaged("the header of a member is truncated or damaged", where)
    name, before = head[:100], head[345:500] if head[257:263] == b"ustar\0" else b""
    path = b"/".join(each for each in (before.split(b"\0")[0], name.split(b"\0")[0]) if each)
    if (size := _number(head[124:136])) < 0:
        raise _damaged("a member has no size", where)
    return head[156:157], size, _text(path, where)


def _number(field: bytes) -> int:
    """A number in octal digits, or (beyond 8 GB) in bytes; -1 where it is none."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b"\0 ")
    return int(digits, 8) if digits and not digits.strip(b"01234567") else -1


def _extended(kind: bytes, span: Span, name: str, size: int | None, where: str) -> tuple[str, int | None]:
    """The name and size that stand before a member, where they do not fit into its header."""
    if span.length > _LONGEST_NAME:
        raise _hostile("archive-bomb", f"a name in the archive has {span.length} bytes", where)
    data = b"".join(map(bytes, stream([span])))
    if kind == b"L":
        return _text(data.rstrip(b"\0"), where), size
    for key, value in _records(data, where):
        if key.startswith("GNU.sparse") or (kind == b"g" and key in ("path", "size")):
            raise _hostile("archive-link", "the archive has files with holes, or one name for all members", where)
        if key == "size":
            size = int(value) if value.isdecimal() and len(value) < 20 else -1
            if size < 0:
                raise _damaged("a member has no size", where)
        name = value if key == "path" else name
    return name, size


def _records(data: bytes, where: str) -> Iterator[tuple[str, str]]:
    """``27 path=a/long/name\\n`` and the like, each with its own length."""
    while data:
        digits, _, _ = data.partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 9 else 0
        key, equals, value = data[len(digits) + 1 : length].partition(b"=")
        if length > len(data) or not equals or not value.endswith(b"\n"):
            raise _damaged("a name in the archive is damaged", where)
        yield _text(key, where), _text(value[:-1], where)
        data = data[length:]


def _check_rest(span: Span, where: str) -> None:
    """Behind the last member stand zeros: another archive would be seen by some readers alone."""
    if span.length < _BLOCK or span.length > _MOST_PADDING or any(any(piece) for piece in stream([span])):
        raise _damaged("the archive does not end where its last member does", where)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _damaged("a name in the archive is no text", where) from None


def _damaged(message: str, where: str) -> StoreError:
    return StoreError(message, code="archive-damaged", where=where, hint="copy or download the file again")


def _hostile(code: str, message: str, where: str) -> StoreError:
    return StoreError(
        message, code=code, where=where, hint="unpack it yourself if you trust who made it, and name the model in it"
    )
