"""The .keras zip archive: its members, checked before any is read. Nothing is ever extracted by its own name."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import IO

from configsplit.containers.opening import MAX_TEXT
from configsplit.containers.system.window import CHUNK, Span, Window
from configsplit.containers.zip_structure import OddError, places
from configsplit.errors import StoreError

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ARRAY = ".npy"
MAX_MEMBERS = 100_000
MAX_RATIO = 200
SMALL = 64 << 20

_ENCRYPTED = 0x1
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Archive:
    """The members of a .keras archive, all checked. It reads through a descriptor that someone else owns."""

    def __init__(self, span: Span, where: str) -> None:
        self.span = span
        self.where = where
        try:
            self._zip = zipfile.ZipFile(Window(span))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise self._damaged(f"the archive is truncated or damaged: {error}") from error
        infos = self._zip.infolist()
        self.members = {info.filename: info for info in infos}
        self._check_names(infos)
        for info in infos:
            self._check_size(info)
        try:
            self._places = places(span, infos, self._zip.start_dir)
        except OddError as error:
            raise self._hostile("archive-damaged", f"readers differ in what the archive holds: {error}") from None

    def _check_names(self, infos: list[zipfile.ZipInfo]) -> None:
        if len(infos) > MAX_MEMBERS:
            raise self._hostile("archive-bomb", f"the archive has {len(infos)} members")
        if len(self.members) != len(infos):
            twice = Counter(info.filename for info in infos).most_common(1)[0][0]
            message = f"two members are called {twice!r}; readers differ in which they take"
            raise self._hostile("archive-duplicate-member", message)
        for info in infos:
            if not is_safe_name(info.orig_filename.removesuffix("/")):
                raise self._hostile("archive-unsafe-name", f"the member name {info.orig_filename!r} leads out of the archive")

    def _check_size(self, info: zipfile.ZipInfo) -> None:
        if info.flag_bits & _ENCRYPTED:
            raise self._hostile("archive-encrypted", f"the member {info.filename!r} is encrypted")
        if info.compress_type not in _PACKINGS:
            raise self._hostile("archive-packing", f"the member {info.filename!r} is packed by method {info.compress_type}")
        stored = info.compress_type == zipfile.ZIP_STORED
        if info.header_offset + info.compress_size > self.span.length or (stored and info.file_size != info.compress_size):
            message = f"the member {info.filename!r} is larger than the archive, or its sizes disagree"
            raise self._hostile("archive-damaged", message)
        if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
            raise self._hostile("archive-bomb", f"the member {info.filename!r} unpacks to {info.file_size} bytes")

    def text(self, name: str) -> bytes:
        """A small member, whole."""
        info = self.members.get(name)
        if info is None:
            raise StoreError(f"the archive has no {name}", code="not-a-model", where=self.where, hint=self.guess())
        if info.file_size > MAX_TEXT:
            raise self._hostile("config-too-large", f"{name} has {info.file_size} bytes")
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, piece by piece; the checksum is held against them at the end."""
        try:
            with self._zip.open(self.members[name]) as member:
                while piece := member.read(CHUNK):
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise self._damaged(f"the member {name!r} is damaged: {error}") from error

    def place(self, name: str) -> Span:
        """The span of a stored member's bytes."""
        return Span(self.span.fd, self.span.offset + self._places[name], self.members[name].compress_size)

    @property
    def is_npz(self) -> bool:
        """Whether all members are arrays of numpy."""
        return bool(self.members) and all(name.endswith(ARRAY) for name in self.members)

    def is_stored(self, name: str) -> bool:
        return self.members[name].compress_type == zipfile.ZIP_STORED

    def unpacked(self, name: str, scratch: str | None) -> IO[bytes]:
        """A packed member, unpacked into a nameless temporary file. Raises StoreError as `chunks` does."""
        from tempfile import TemporaryFile

        file = TemporaryFile(dir=scratch)  # noqa: SIM115 - the caller closes it
        try:
            for piece in self.chunks(name):
                file.write(piece)
            file.flush()
        except BaseException:
            file.close()
            raise
        return file

    def guess(self) -> str:
        """What an archive without config.json is."""
        names = list(self.members)
        if any(name.endswith(("/data.pkl", "data.pkl")) for name in names):
            return "this is a PyTorch file; it is a pickle and not opened"
        return "this is a NumPy .npz file; it has no architecture" if self.is_npz else f"its members are {names[:5]}"

    def _damaged(self, message: str) -> StoreError:
        return StoreError(message, code="archive-damaged", where=self.where, hint="copy or download the file again")

    def _hostile(self, code: str, message: str) -> StoreError:
        hint = "no Keras release writes this: the file is damaged or hostile"
        return StoreError(message, code=code, where=self.where, hint=hint)


def is_safe_name(name: str) -> bool:
    """Whether a name with ``/`` stays below where it is put, on every system."""
    if not name or "\\" in name or "\0" in name or ":" in name.split("/", 1)[0]:
        return False
    return all(piece not in ("", ".", "..") for piece in name.split("/"))
