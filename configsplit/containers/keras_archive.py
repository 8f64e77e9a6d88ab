"""The ``.keras`` archive of Keras 3 and TF 2.12 on, zipped or as a plain folder: config.json, HDF5 weights, assets."""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from configsplit.containers.archive import CONFIG, METADATA, WEIGHTS, Archive
from configsplit.containers.arrays import Arrays, Listed
from configsplit.containers.container import Container, digest_of_file, listing_digest
from configsplit.containers.kinds import decode_text, is_zip
from configsplit.containers.opening import Opened
from configsplit.containers.system.errors import system_faults
from configsplit.containers.system.hashing import sha256, sha256_and_crc32
from configsplit.containers.system.window import Span, stream
from configsplit.errors import StoreError

if TYPE_CHECKING:
    from configsplit.containers.json_text import JsonText
    from configsplit.containers.packed import Members

SHARD_INDEX = "model.weights.json"
"""What stands in a folder in the place of its weights where these are in shards."""


class _Members(Container):
    """A container with members of the names that Keras gives them."""

    @abstractmethod
    def _has(self, name: str) -> bool: ...

    @abstractmethod
    def _member(self, name: str) -> bytes: ...

    def config_text(self) -> str:
        return decode_text(self._member(CONFIG), f"{self.opened.path}:{CONFIG}")

    def metadata(self) -> dict[str, Any]:
        if not self._has(METADATA):
            return {}
        try:
            metadata = json.loads(self._member(METADATA))
        except ValueError as error:
            message = f"metadata.json is not valid JSON: {error}"
            raise StoreError(message, code="archive-damaged", where=str(self.opened.path)) from error
        return metadata if isinstance(metadata, dict) else {}

    def metadata_text(self) -> str:
        return self._member(METADATA).decode("utf-8", "replace") if self._has(METADATA) else ""

    def _weight_file(self, span: Span, where: str) -> Arrays:
        from configsplit.containers.weights import WeightFile  # the readers of HDF5 are loaded here and not before

        return self.opened.files.stack.enter_context(WeightFile(span, where))


class KerasArchive(_Members):
    kind = "keras"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return is_zip(opened)

    @cached_property
    def _archive(self) -> Archive:
        return Archive(self.opened.span, str(self.opened.path))

    def members(self) -> Members:
        """None of an archive of Keras, or of numpy; of another one all, since one of them may be the model."""
        archive = self._archive
        if archive.is_npz or not {CONFIG, METADATA, WEIGHTS}.isdisjoint(archive.members):
            return {}
        from configsplit.containers.packed import zipped

        return zipped(archive, self.opened.files)

    def _has(self, name: str) -> bool:
        return name in self._archive.members

    def _member(self, name: str) -> bytes:
        return self._archive.text(name)

    def weights(self) -> Arrays | None:
        archive, where = self._archive, str(self.opened.path)
        if WEIGHTS not in archive.members:
            if other := sorted({"model.weights.npz", "model.weights.json"} & set(archive.members)):
                hint = "load the model in Keras and save it as .keras, or its weights as one .weights.h5"
                raise StoreError(f"the weights are in {other[0]}", code="weights-layout", where=where, hint=hint)
            return None
        if archive.is_stored(WEIGHTS):
            return self._weight_file(archive.place(WEIGHTS), f"{where}:{WEIGHTS}")
        files = self.opened.files
        with system_faults(where):
            file = files.stack.enter_context(archive.unpacked(WEIGHTS, files.scratch))
        span = Span(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        return self._weight_file(span, f"{where}:{WEIGHTS}")

    def named_weights(self, architecture: Callable[[], str]) -> Arrays | None:
        if not self._archive.is_npz:
            return self.weights()
        from configsplit.containers.npz import npz_weights  # numpy is loaded here and not before

        return npz_weights(self._archive, architecture())

    def arrays(self) -> Mapping[str, Listed] | None:
        if not self._archive.is_npz:
            return None
        from configsplit.containers.npz import listed

        return dict(listed(self._archive))

    def assets(self) -> tuple[str, ...]:
        return tuple(name for name in self._archive.members if name.startswith("assets/") and not name.endswith("/"))

    def asset_size(self, name: str) -> int:
        return self._archive.members[name].file_size

    def asset(self, name: str) -> Iterator[bytes]:
        return self._archive.chunks(name)

    def sha256(self, stop: Event | None = None) -> str:
        """The checksum of the weights is held against them on the way."""
        member, span = self._archive.members.get(WEIGHTS), self.opened.span
        if member is None or not self._archive.is_stored(WEIGHTS):
            return digest_of_file(self.opened, stop)
        digest, checksum = sha256_and_crc32(span, self._archive.place(WEIGHTS), stop)
        if checksum != member.CRC:
            raise StoreError(
                "the weights are damaged: their checksum does not match",
                code="archive-damaged",
                where=str(self.opened.path),
                hint="copy or download the file again",
            )
        return digest


class KerasFolder(_Members):
    kind = "dir"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return opened.is_folder

    def _has(self, name: str) -> bool:
        return self.opened.has(name)

    def _member(self, name: str) -> bytes:
        if not self.opened.has(name):
            raise self._foreign(name)
        return self.opened.small(self.opened.member(name))

    def _foreign(self, name: str) -> StoreError:
        what, hint = f"this is a folder without {name}", "name a model file, or a folder saved with zipped=False"
        return StoreError(what, code="not-a-model", where=str(self.opened.path), hint=hint)

    def weights(self) -> Arrays | None:
        file = self.opened.path / WEIGHTS
        if not self.opened.lists(WEIGHTS) and self.opened.lists(SHARD_INDEX):
            return self._sharded().named_weights(self.config_text)
        return self._weight_file(self.opened.member(WEIGHTS), str(file)) if self.opened.lists(WEIGHTS) else None

    def _sharded(self) -> JsonText:
        from configsplit.containers.json_text import JsonText

        return JsonText(Opened(self.opened.path / SHARD_INDEX, self.opened.files))

    def named_weights(self, architecture: Callable[[], str]) -> Arrays | None:
        if (weights := self.weights()) is None:
            self.opened.files.open(self.opened.path)  # this folder is no file of weights
        return weights

    def assets(self) -> tuple[str, ...]:
        return tuple(self._assets())

    def _assets(self) -> Iterator[str]:
        """Raises StoreError where one is a symbolic link, which could lead anywhere."""
        if self.opened.around is not None:
            packed = self.opened.files.below(self.opened.path / "assets")
            yield from sorted(path.relative_to(self.opened.path).as_posix() for path in packed)
        for folder, folders, files in os.walk(self.opened.path / "assets"):
            folders.sort()
            for name in sorted(files + folders):
                file = Path(folder, name)
                if file.is_symlink():
                    hint = "copy the folder with `cp -rL`"
                    raise StoreError("an asset is a symbolic link", code="asset-link", where=str(file), hint=hint)
                if name in files:
                    yield file.relative_to(self.opened.path).as_posix()

    def asset_size(self, name: str) -> int:
        return self.opened.files.size_of(self.opened.path / name)

    def asset(self, name: str) -> Iterator[bytes]:
        return (bytes(piece) for piece in stream([self.opened.member(name)]))

    def sha256(self, stop: Event | None = None) -> str:
        from configsplit.containers.shard_index import shard_names

        names = [*filter(self._has, (CONFIG, METADATA, WEIGHTS)), *self.assets()]
        if WEIGHTS not in names and self._has(SHARD_INDEX):
            names += [SHARD_INDEX, *shard_names(self._sharded().config_text(), str(self.opened.path / SHARD_INDEX))]
        names.sort()
        return listing_digest((name, sha256([self.opened.member(name)], stop)) for name in names)
