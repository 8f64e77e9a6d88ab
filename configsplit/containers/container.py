"""What a kind of file or folder has to tell of the model in it. One file for each kind; `source` knows them all."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Event
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, get_args

from configsplit.containers.arrays import Arrays, Listed
from configsplit.containers.opening import MAX_TEXT, Opened
from configsplit.containers.shard_index import is_index, shard_names
from configsplit.containers.system.hashing import sha256
from configsplit.containers.system.window import Span
from configsplit.errors import StoreError

Format = Literal["keras", "h5", "json"]
"""What is written; `configsplit.saving.writer` says how."""

FileFormat: TypeAlias = Format | Literal["tfjs"]
"""The same, with what only conversions write."""

SUFFIXES: dict[str, Format] = {".keras": "keras", ".h5": "h5", ".hdf5": "h5", ".json": "json"}
HOLDS: dict[FileFormat, tuple[str, ...]] = {
    "keras": ("v3", "tf213"),
    "h5": ("legacy",),
    "json": ("v3", "tf213", "legacy"),
    "tfjs": ("legacy",),
}
"""The layouts of weights that stand in each, in it or (``json``) beside it."""
PROGRAM, METADATA = "saved_model.pb", "keras_metadata.pb"
"""What a SavedModel of Keras 2 has its architecture in."""

READ_BY_KERAS = frozenset({"json", "keras", "h5", "dir"})
"""The kinds of files that Keras reads, too."""


def whole_format(layout: str) -> Format:
    """The format of whole models in which weights of such a layout stand."""
    known: tuple[Format, ...] = get_args(Format)
    return next(format_ for format_ in known if layout in HOLDS[format_])


class Container(Protocol):
    """A model on disk. A new kind tells how it is known, its architecture and its arrays; the rest may be left as it is.

    Attributes:
        kind: its name, which records keep.
        written_as: the format in which parts of it are written, unless somebody asks for another.
        dequantize: whether quantized weights are to be taken as what is left of them.
    """

    kind: ClassVar[str]
    written_as: ClassVar[Format] = "keras"
    dequantize: bool = False
    opened: Opened

    def __init__(self, opened: Opened) -> None:
        self.opened = opened

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        """Whether it is one of this kind, by its content and never by its name."""
        ...

    def config_text(self) -> str:
        """The architecture, as JSON text. Raises StoreError if there is none, or it is damaged."""
        ...

    def weights(self) -> Arrays | None:
        """The weights of the model in it; None where it has none. Raises StoreError if they are damaged or hostile."""
        ...

    def members(self) -> Mapping[str, Callable[[], Span]]:
        """Of an archive that is no model, but has one in it, its members by name -> what opens each. Raises StoreError if it is
        damaged or hostile.
        """
        return {}

    def named_weights(self, architecture: Callable[[], str]) -> Arrays | None:
        """The weights in it where somebody names it as a file of weights alone, for an ``architecture`` as JSON text."""
        return self.weights()

    def arrays(self) -> Mapping[str, Listed] | None:
        """The arrays in it in their own order, by names that need not mean anything; None where it keeps no order. Raises
        StoreError if they are damaged or hostile.
        """
        return None

    def weights_at(self) -> Mapping[str, str]:
        """For weights that are named beside it: where each array lies in their file, if it is called otherwise there."""
        return {}

    def metadata(self) -> Mapping[str, Any]:
        """What it says of the release that wrote it: ``keras_version``, ``backend``."""
        return {}

    def metadata_text(self) -> str:
        """``metadata.json`` as it stands; "" where there is none."""
        return ""

    def assets(self) -> tuple[str, ...]:
        """Names of all assets (``assets/layers/string_lookup/vocabulary.txt``), in the order of the container."""
        return ()

    def asset_size(self, name: str) -> int:
        raise KeyError(name)

    def asset(self, name: str) -> Iterator[bytes]:
        """The bytes of an asset, piece by piece. Raises StoreError where it is damaged."""
        raise KeyError(name)

    def sha256(self, stop: Event | None = None) -> str:
        """SHA-256 of the file (`digest_of_file`); of a folder, that of its `sha256sum` listing, sorted by name. May run in a
        thread. Raises StoreError if it is damaged, or changed.
        """
        return digest_of_file(self.opened, stop)


class WeightsAlone(Container, Protocol):
    """A container of weights without an architecture: no model by itself, weights for one that is named beside it.

    Attributes:
        called: what a person calls such a file.
    """

    called: ClassVar[str]

    def config_text(self) -> str:
        raise StoreError(
            f"this is {self.called}: weights without an architecture",
            code="not-a-model",
            where=str(self.opened.path),
            hint="name the architecture (.json) as MODEL and give this file as --weights",
        )

    def weights(self) -> None:
        return None


def digest_of_file(opened: Opened, stop: Event | None = None) -> str:
    """SHA-256 of any one file; of the index of sharded weights, that of the listing of index and shards."""
    own = sha256([opened.span], stop)
    if opened.span.length > MAX_TEXT or not is_index(opened.head):
        return own
    names = shard_names(opened.small(opened.span).decode("utf-8", "replace"), str(opened.path))
    shards = [(name, sha256([opened.beside(name)], stop)) for name in names]
    return listing_digest([(opened.path.name, own), *shards])


def listing_digest(digests: Iterable[tuple[str, str]]) -> str:
    """SHA-256 of what `sha256sum` prints of several files: names with their digests."""
    return hashlib.sha256("".join(f"{sha}  {name}\n" for name, sha in digests).encode()).hexdigest()
