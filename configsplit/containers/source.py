"""A model on disk, opened: which kind of file it is, its architecture as text, its weights, its assets."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

from configsplit.containers import archive, kinds
from configsplit.containers.shard_index import is_index, shard_names
from configsplit.containers.system.errors import system_faults
from configsplit.containers.system.files import open_regular, read_at
from configsplit.containers.system.window import Span, sha256, sha256_and_crc32, stream
from configsplit.errors import StoreError

if TYPE_CHECKING:
    from configsplit.containers.weights import WeightFile

Kind = Literal["json", "keras", "h5", "dir"]


def open_source(path: Path | str, weights: Path | str | None = None, scratch: str | None = None) -> Source:
    """Open a model file; close the result, or use it in a ``with`` statement.

    ``weights`` is a file of weights beside the architecture. ``scratch`` is a folder for unpacking a packed member.

    Raises:
        StoreError: it cannot be read, is not a model (the message names what it is), or is damaged or hostile.
    """
    source = Source(path=Path(path), weights_path=None if weights is None else Path(weights), scratch=scratch)
    try:
        source.config_text  # noqa: B018 - reads and checks the architecture
    except BaseException:
        source.close()
        raise
    return source


def digest(path: Path | str, stop: Event | None = None) -> str:
    """SHA-256 of any one file, whatever it is; of the index of sharded weights, that of the `sha256sum` listing of index and
    shards. May run in a thread.

    Raises:
        StoreError: it cannot be read.
    """
    index = Path(path)
    own, text = _digest_one(index, stop)
    if text is None:
        return own
    shards = [(name, _digest_one(index.with_name(name), stop)[0]) for name in shard_names(text, str(index))]
    return hashlib.sha256("".join(f"{sha}  {name}\n" for name, sha in [(index.name, own), *shards]).encode()).hexdigest()


def _digest_one(path: Path, stop: Event | None) -> tuple[str, str | None]:
    """SHA-256 of a file, and its text if it is the index of sharded weights."""
    with system_faults(path):
        fd, status = open_regular(path)
        try:
            size = status.st_size
            own = sha256([Span(fd, 0, size)], stop)
            if size > archive.MAX_TEXT or not is_index(read_at(fd, kinds.HEAD, 0)):
                return own, None
            return own, read_at(fd, size, 0).decode("utf-8", "replace")
        finally:
            os.close(fd)


@dataclass(kw_only=True, eq=False)
class Source:
    """One model on disk. Everything in it is read when it is first asked for, and only then.

    Attributes:
        path: the file or folder.
        weights_path: a file of weights that was named beside it.
        kind: ``"json"``, ``"keras"`` (zip), ``"h5"`` or ``"dir"`` (a .keras saved unzipped).
    """

    path: Path
    weights_path: Path | None = None
    scratch: str | None = None
    _opened: list[tuple[Path, int, tuple[int, int, int]]] = field(default_factory=list, repr=False)
    _stack: ExitStack = field(default_factory=ExitStack, repr=False)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    @cached_property
    def kind(self) -> Kind:
        if self.path.is_dir():
            return "dir"
        span = self._span
        with system_faults(self.path):
            try:
                found = kinds.kind_of(span.fd, span.length)
            except StoreError as error:
                raise error.within(str(self.path)) from None
        return "keras" if found == "zip" else "h5" if found == "h5" else "json"

    @cached_property
    def _span(self) -> Span:
        return self._open(self.path)

    def _open(self, path: Path) -> Span:
        with system_faults(path):
            fd, status = open_regular(path)
            self._stack.callback(os.close, fd)
        self._opened.append((path, fd, _stamp(status)))
        return Span(fd, 0, status.st_size)

    def is_as(self, other: Source) -> bool:
        """Whether both have opened the same one file, in the same state."""
        return self._files()[:1] == other._files()[:1] != []

    def _files(self) -> list[tuple[int, ...]]:
        return [(found.st_dev, found.st_ino, *was) for _, fd, was in self._opened for found in [os.fstat(fd)]]

    def check_unchanged(self) -> None:
        """Call it before a commit: what was copied is worth nothing if the source was written to meanwhile.

        Raises:
            StoreError: a file has another size or time of change than when it was opened, or its path leads to another.
        """
        changed = [path for path, fd, was in self._opened if _stamp(os.fstat(fd)) != was or not _leads_to(path, fd)]
        if changed:
            hint = "wait until the program that writes it is done"
            raise StoreError("the file changed while it was read", code="source-changed", where=str(changed[0]), hint=hint)

    @cached_property
    def _archive(self) -> archive.Archive:
        return archive.Archive(self._span, str(self.path))

    @cached_property
    def _own_weights(self) -> WeightFile | None:
        """The weights inside the model file itself."""
        if self.kind == "json":
            return None
        if self.kind == "h5":
            return self._weight_file(self._span, str(self.path))
        if self.kind == "dir":
            file = self.path / archive.WEIGHTS
            return self._weight_file(self._open(file), str(file)) if file.exists() else None
        return self._archived_weights(self._archive, str(self.path))

    def _archived_weights(self, zipped: archive.Archive, where: str) -> WeightFile | None:
        if archive.WEIGHTS not in zipped.members:
            if other := sorted({"model.weights.npz", "model.weights.json"} & set(zipped.members)):
                raise _unread(f"the weights are in {other[0]}", where)
            return None
        if zipped.is_stored(archive.WEIGHTS):
            return self._weight_file(zipped.place(archive.WEIGHTS), f"{where}:{archive.WEIGHTS}")
        with system_faults(where):
            file = self._stack.enter_context(zipped.unpacked(archive.WEIGHTS, self.scratch))
        span = Span(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        return self._weight_file(span, f"{where}:{archive.WEIGHTS}")

    def _weight_file(self, span: Span, where: str) -> WeightFile:
        from configsplit.containers.weights import WeightFile  # h5py is loaded here and not before

        return self._stack.enter_context(WeightFile(span, where))

    @cached_property
    def weights(self) -> WeightFile | None:
        """The weights: those named beside the model, or its own; None where it has none.

        Raises:
            StoreError: they are no Keras weights, damaged or hostile.
        """
        found = self._own_weights if self.weights_path is None else self._named_weights(self.weights_path)
        if found is None or (found is self._own_weights and self.kind == "h5" and "model_weights" not in found.groups):
            return None
        found.layout  # noqa: B018 - refuses what has no layout
        return found

    def _named_weights(self, path: Path) -> WeightFile:
        span = self._open(path)
        found = kinds.kind_of(span.fd, span.length)
        if found == "h5":
            return self._weight_file(span, str(path))
        if found == "json":
            return self._sharded_weights(path, span)
        inside = self._archived_weights(archive.Archive(span, str(path)), str(path)) if found == "zip" else None
        if inside is None:
            hint = "name an .h5 file of weights"
            raise StoreError("the file holds no weights", code="weights-layout", where=str(path), hint=hint)
        return inside

    def _sharded_weights(self, index: Path, span: Span) -> WeightFile:
        from configsplit.containers.shards import open_shards

        def open_one(path: Path) -> WeightFile:
            part = self._open(path)
            if kinds.kind_of(part.fd, part.length) != "h5":
                raise StoreError("this shard is no HDF5 file", code="weights-shards", where=str(path))
            return self._weight_file(part, str(path))

        return open_shards(index, kinds.decode_text(self._whole_file(span), str(index)), open_one)

    @cached_property
    def config_text(self) -> str:
        """The architecture, as JSON text.

        Raises:
            StoreError: the file has none.
        """
        if self.kind == "h5":
            return self._h5_text()
        name = archive.CONFIG if self.kind != "json" else ""
        raw = self._member(name) if name else self._whole_file(self._span)
        return kinds.decode_text(raw, f"{self.path}:{name}" if name else str(self.path))

    def _h5_text(self) -> str:
        file = self._own_weights
        text = file.text("", "model_config") if file else None
        if text is not None and len(text) <= archive.MAX_TEXT:
            return text
        if text is not None:
            raise _too_large(len(text), self.path)
        what = "only weights" if file and (self._has_layout(file)) else "neither an architecture nor weights of Keras"
        raise StoreError(
            f"the HDF5 file holds {what}",
            code="not-a-model",
            where=str(self.path),
            hint="name the architecture (.json) as MODEL and give this file as --weights",
        )

    @staticmethod
    def _has_layout(file: WeightFile) -> bool:
        try:
            return bool(file.layout)
        except StoreError:
            return False

    def _member(self, name: str) -> bytes:
        if self.kind == "keras":
            return self._archive.text(name)
        file = self.path / name
        if not file.is_file():
            saved = (self.path / "saved_model.pb").exists() or (self.path / "keras_metadata.pb").exists()
            what = "a TensorFlow SavedModel" if saved else f"a folder without {name}"
            hint = "save the model as .keras or .h5" if saved else "name a model file, or a folder saved with zipped=False"
            raise StoreError(f"this is {what}", code="not-a-model", where=str(self.path), hint=hint)
        return self._whole_file(self._open(file))

    def _whole_file(self, span: Span) -> bytes:
        if span.length > archive.MAX_TEXT:
            raise _too_large(span.length, self.path)
        return b"".join(bytes(piece) for piece in stream([span]))

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """metadata.json, or the root attributes ``keras_version`` and ``backend``; empty for .json.

        Raises:
            StoreError: metadata.json is no JSON object.
        """
        if self.kind == "h5":
            file = self._own_weights
            found = {name: file.text("", name) for name in ("keras_version", "backend")} if file else {}
            return {name: text for name, text in found.items() if text is not None}
        if self.kind == "json" or not self._has_member(archive.METADATA):
            return {}
        try:
            found = json.loads(self._member(archive.METADATA))
        except ValueError as error:
            message = f"metadata.json is not valid JSON: {error}"
            raise StoreError(message, code="archive-damaged", where=str(self.path)) from error
        return found if isinstance(found, dict) else {}

    def _has_member(self, name: str) -> bool:
        return name in self._archive.members if self.kind == "keras" else (self.path / name).is_file()

    @property
    def metadata_text(self) -> str:
        """metadata.json as it stands; "" where there is none."""
        if self.kind not in ("keras", "dir") or not self._has_member(archive.METADATA):
            return ""
        return self._member(archive.METADATA).decode("utf-8", "replace")

    @cached_property
    def training_config(self) -> bool:
        """Whether a legacy file holds the state of training (``training_config``, ``optimizer_weights``)."""
        file = self._own_weights if self.kind == "h5" else None
        return file is not None and (file.text("", "training_config") is not None or "optimizer_weights" in file.groups)

    @cached_property
    def assets(self) -> tuple[str, ...]:
        """Names of all assets (``assets/layers/string_lookup/vocabulary.txt``), in the order of the file.

        Raises:
            StoreError: a folder's assets hold a symbolic link, which could lead anywhere.
        """
        if self.kind == "keras":
            return tuple(name for name in self._archive.members if name.startswith("assets/") and not name.endswith("/"))
        return tuple(self._asset_files()) if self.kind == "dir" else ()

    def _asset_files(self) -> Iterator[str]:
        for folder, folders, files in os.walk(self.path / "assets"):
            folders.sort()
            for name in sorted(files + folders):
                file = Path(folder, name)
                if file.is_symlink():
                    hint = "copy the folder with `cp -rL`"
                    raise StoreError("an asset is a symbolic link", code="asset-link", where=str(file), hint=hint)
                if name in files:
                    yield file.relative_to(self.path).as_posix()

    def asset_size(self, name: str) -> int:
        return self._archive.members[name].file_size if self.kind == "keras" else (self.path / name).stat().st_size

    def asset(self, name: str) -> Iterator[bytes]:
        """The bytes of an asset, piece by piece. Raises StoreError where it is damaged."""
        if self.kind == "keras":
            return self._archive.chunks(name)
        return (bytes(piece) for piece in stream([self._open(self.path / name)]))

    def sha256(self, stop: Event | None = None) -> str:
        """SHA-256 of the file; of a folder, that of its `sha256sum` listing, sorted by name. May run in a thread.

        The checksum of an archive's weights is held against them on the way.

        Raises:
            StoreError: the archive's checksum does not match, or the file changed.
        """
        if self.kind == "dir":
            return self._folder_sha256(stop)
        member = self._archive.members.get(archive.WEIGHTS) if self.kind == "keras" else None
        if member is None or not self._archive.is_stored(archive.WEIGHTS):
            return sha256([self._span], stop)
        digest, checksum = sha256_and_crc32(self._span, self._archive.place(archive.WEIGHTS), stop)
        if checksum != member.CRC:
            raise StoreError(
                "the weights are damaged: their checksum does not match",
                code="archive-damaged",
                where=str(self.path),
                hint="copy or download the file again",
            )
        return digest

    def _folder_sha256(self, stop: Event | None) -> str:
        names = sorted([*(n for n in (archive.CONFIG, archive.METADATA, archive.WEIGHTS) if self._has_member(n)), *self.assets])
        lines = [f"{sha256([self._open(self.path / name)], stop)}  {name}\n" for name in names]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def _too_large(size: int, path: Path) -> StoreError:
    hint = "256 MiB is the limit; no Keras model comes near it"
    return StoreError(f"the architecture has {size} bytes", code="config-too-large", where=str(path), hint=hint)


def _unread(message: str, where: str) -> StoreError:
    hint = "load the model in Keras and save it as .keras, or its weights as one .weights.h5"
    return StoreError(message, code="weights-layout", where=where, hint=hint)


def _leads_to(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except OSError:
        return False


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    """The time of change, unlike that of writing, cannot be set back."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
