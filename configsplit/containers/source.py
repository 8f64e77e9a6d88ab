"""A model on disk, opened: which kind of container it is, its architecture as text, its weights, its assets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import Event
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from configsplit.containers.archive import CONFIG
from configsplit.containers.arrays import Arrays
from configsplit.containers.container import METADATA, PROGRAM, Container, Format, digest_of_file
from configsplit.containers.fetched import is_skimmed
from configsplit.containers.kinds import foreign, two_kinds
from configsplit.containers.opening import Files, Opened
from configsplit.errors import StoreError
from configsplit.telling import decided

if TYPE_CHECKING:
    from configsplit.containers.by_order import Wanted


DEEPEST = 3
"""Archives in archives: ``.zip`` of ``.tar.gz`` of ``.keras``."""

FOLDERS = (CONFIG, PROGRAM, METADATA)
"""Files by which the folder of a model is known, whatever it is called."""
_WEB = "model.json"

Order: TypeAlias = "Callable[[str], Sequence[Wanted]]"
"""From an architecture's text to the weights that it must have, in the order of ``model.get_weights()``."""


def containers() -> Iterator[type[Container]]:
    """Every kind of container, each loaded when none before it has recognised the file or folder: the first that does is the
    one it is.

    An archive comes before HDF5: a member of it may lie where a user block would end, as the first of a tar archive does;
    safetensors before JSON: its first byte is a number, which may be that of a bracket. `KerasFolder` takes every folder, and
    says what is in one that it cannot read.
    """
    from configsplit.containers.keras_archive import KerasArchive, KerasFolder

    yield KerasArchive
    from configsplit.containers.packed import Gzipped, Tarred

    yield Tarred
    from configsplit.containers.h5_model import H5Model

    yield H5Model
    from configsplit.containers.safetensors import Safetensors

    yield Safetensors
    from configsplit.containers.tfjs import TfjsModel

    yield TfjsModel
    from configsplit.containers.expanded import Expanded

    yield Expanded
    from configsplit.containers.json_text import JsonText

    yield JsonText
    from configsplit.containers.yaml_text import YamlText

    yield YamlText
    from configsplit.containers.saved_model import SavedModel

    yield from (SavedModel, KerasFolder)
    from configsplit.containers.checkpoint import Checkpoint

    yield from (Checkpoint, Gzipped)


def _model_in(path: Path, files: Files) -> Path:
    """The file that is the model: the ``model.json`` in a folder of TensorFlow.js; else what was named."""
    if not path.is_dir() or any((path / name).exists() for name in FOLDERS) or not (path / _WEB).is_file():
        return path
    opened = Opened(path, files)
    known = any(each.recognises(opened) for each in containers() if each.kind != "dir")
    return path if known else path / _WEB


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files in a folder; links lead nowhere."""
    if not path.is_dir():
        return path.stat().st_size
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(file.lstat().st_size for file in files if not file.is_symlink())


def container_at(path: Path, files: Files) -> Container:
    """What is at a path, or in the archive at it."""
    opened = Opened(path, files)
    for _ in range(DEEPEST):
        container = _container_of(opened)
        if (inside := _inside(container)) is None:
            return container
        opened = inside
    container = _container_of(opened)
    if _inside(container) is None:
        return container
    hint = "unpack it, and name the model in it"
    raise StoreError("there are archives inside archives", code="archive-nested", where=str(path), hint=hint)


def _container_of(opened: Opened) -> Container:
    for each in containers():
        if each.recognises(opened):
            if both := two_kinds(opened):
                hint = "no Keras release writes this: the file is damaged or hostile"
                raise StoreError(
                    f"this is {both}: readers would disagree", code="file-two-kinds", where=str(opened.path), hint=hint
                )
            return each(opened)
    raise foreign(opened.head).within(str(opened.path))


def _inside(container: Container) -> Opened | None:
    """The model in an archive that is none itself."""
    archive, members = container.opened, container.members()
    archive.files.add({archive.path / name: opens for name, opens in members.items()})

    def is_model(name: str) -> bool:
        opened = Opened(archive.path / name, archive.files)
        return any(each.recognises(opened) for each in containers())

    if not members:
        return None
    from configsplit.containers.packed import model_in

    name = model_in(members, is_model, str(archive.path))
    return Opened(archive.path / name, archive.files, archive.around or archive) if name else None


def open_source(
    path: Path | str,
    weights: Path | str | None = None,
    scratch: str | None = None,
    *,
    by_name: bool = False,
    order: Order | None = None,
    dequantize: bool = False,
) -> Source:
    """Open a model file; close the result, or use it in a ``with`` statement.

    ``weights`` is a file of weights beside the architecture, of which layers take theirs ``by_name`` if it may be another
    model's; with ``order``, which tells the weights of an architecture, in the order of the file; with ``dequantize``, those
    that are quantized as what is left of them. ``scratch`` is a folder for unpacking a packed member.

    Raises:
        StoreError: it cannot be read, is not a model (the message names what it is), or is damaged or hostile.
    """
    apart = None if weights is None else Path(weights)
    source = Source(path=Path(path), weights_path=apart, scratch=scratch, by_name=by_name, order=order, dequantize=dequantize)
    try:
        source.config_text  # noqa: B018 - reads and checks the architecture
    except BaseException:
        source.close()
        raise
    return source


def digest(path: Path | str, stop: Event | None = None) -> str:
    """SHA-256 of any one file, whatever it is; of what lies in several, that of their `sha256sum` listing. May run in a thread.
    Raises StoreError if it cannot be read.
    """
    from configsplit.containers.checkpoint import Checkpoint
    from configsplit.containers.saved_model import SavedModel
    from configsplit.containers.tfjs import TfjsModel

    with Files() as files:
        opened = Opened(Path(path), files)
        several = next((each for each in (Checkpoint, TfjsModel, SavedModel) if each.recognises(opened)), None)
        return digest_of_file(opened, stop) if several is None else several(opened).sha256(stop)


class Source:
    """One model on disk. Everything in it is read when it is first asked for, and only then.

    Attributes:
        path: the file or folder.
        weights_path: a file of weights that was named beside it.
        by_name: whether layers take their weights of that by their names.
        order: what tells the weights of an architecture, where they are taken in the order of the file.
        dequantize: whether quantized weights are taken as what is left of them.
        is_closed: whether nothing more can be read from it.
    """

    def __init__(
        self,
        *,
        path: Path,
        weights_path: Path | None = None,
        scratch: str | None = None,
        by_name: bool = False,
        order: Order | None = None,
        dequantize: bool = False,
    ) -> None:
        self._files = Files(scratch)
        if weights_path is not None:
            from configsplit.containers.checkpoint import index_of

            weights_path = index_of(weights_path)
        self.path, self.weights_path = _model_in(path, self._files), weights_path
        self.by_name, self.order, self.dequantize = by_name, order, dequantize
        self.is_closed = False

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.is_closed = True
        self._files.stack.close()

    @cached_property
    def _container(self) -> Container:
        return self._at(self.path)

    @cached_property
    def _named(self) -> Container:
        """What was named as weights."""
        return self._at(self.weights_path or self.path)

    def _at(self, path: Path) -> Container:
        container = container_at(path, self._files)
        container.dequantize = self.dequantize
        return container

    @property
    def kind(self) -> str:
        """The name of its kind: ``"json"``, ``"keras"`` (zip), ``"h5"``, ``"dir"`` (a .keras saved unzipped), or another of
        `containers`."""
        return self._container.kind

    @property
    def is_packed(self) -> bool:
        """Whether the model or its weights lie in an archive around them."""
        named = (self._container,) if self.weights_path is None else (self._container, self._named)
        return any(each.opened.around is not None for each in named)

    @property
    def written_as(self) -> Format:
        """The format in which parts of it are written, unless somebody asks for another."""
        return self._container.written_as

    def check_unchanged(self) -> None:
        """Call it before a commit: what was copied is worth nothing if the source was written to meanwhile. Raises StoreError
        if a file changed since it was opened.
        """
        self._files.check_unchanged()

    @cached_property
    def weights(self) -> Arrays | None:
        """The weights: those named beside the model, or its own; None where it has none. Raises StoreError if they are no Keras
        weights, damaged or hostile.
        """
        weights = self._container.weights() if self.weights_path is None else self._named_weights()
        if weights is not None:
            weights.layout  # noqa: B018 - refuses what has no layout
        return weights

    def _named_weights(self) -> Arrays:
        weights = self._matched_weights()
        for each in weights.matched:
            decided(lambda each=each: f"{each.stored} is {each.weight}, by {each.by}")  # type: ignore[misc]
        return weights

    def _matched_weights(self) -> Arrays:
        if self.order is not None:
            from configsplit.containers.by_order import by_order

            return by_order(self.order(self.config_text), self._named.arrays(), str(self.weights_path))
        weights = self._named.named_weights(lambda: self.config_text)
        if weights is None:
            hint = "name an .h5 file of weights"
            raise StoreError("the file holds no weights", code="weights-layout", where=str(self.weights_path), hint=hint)
        if at := self._container.weights_at():
            from configsplit.containers.expanded import RenamedArrays

            weights = RenamedArrays(weights, at)
        weights.by_name = self.by_name
        return weights

    @cached_property
    def config_text(self) -> str:
        """The architecture, as JSON text. Raises StoreError if the file has none."""
        return self._container.config_text()

    @cached_property
    def metadata(self) -> Mapping[str, Any]:
        """metadata.json, or what else tells ``keras_version`` and ``backend``; empty where nothing does. Raises StoreError if
        metadata.json is no JSON object.
        """
        return self._container.metadata()

    @property
    def metadata_text(self) -> str:
        """metadata.json as it stands; "" where there is none."""
        return self._container.metadata_text()

    @cached_property
    def assets(self) -> tuple[str, ...]:
        """Names of all assets (``assets/layers/string_lookup/vocabulary.txt``), in the order of the file. Raises StoreError if
        a folder's assets hold a symbolic link, which could lead anywhere.
        """
        return self._container.assets()

    def asset_size(self, name: str) -> int:
        return self._container.asset_size(name)

    def asset(self, name: str) -> Iterator[bytes]:
        """The bytes of an asset, piece by piece. Raises StoreError where it is damaged."""
        return self._container.asset(name)

    def sha256(self, stop: Event | None = None, *, text: bool = False) -> str:
        """SHA-256 of the file; of a folder, that of its `sha256sum` listing, sorted by name. May run in a thread.

        The checksum of an archive's weights is held against them on the way. With ``text``, and of what lies elsewhere, that of
        the architecture's text.

        Raises:
            StoreError: the archive's checksum does not match, or the file changed.
        """
        if text or is_skimmed(self.path):
            return sha256(self.config_text.encode("utf-8", "surrogatepass")).hexdigest()
        return _digest_of(self._container, stop)

    def weights_sha256(self, stop: Event | None = None) -> str | None:
        """The same of the weights that were named beside it; None where none were."""
        return None if self.weights_path is None else _digest_of(self._named, stop)


def _digest_of(container: Container, stop: Event | None) -> str:
    """The digest of the file or folder that was named; what lies in an archive is held against its own checksums, too."""
    digest = container.sha256(stop)
    return digest if container.opened.around is None else digest_of_file(container.opened.around, stop)


# What lies in an archive beside the weights: vocabularies and the like, which go where the weights of their layer go.


ASSETS = "assets/"


class Asset(NamedTuple):
    """A member beside the weights (``assets/...``): its name, its size, and its bytes piece by piece."""

    name: str
    size: int
    chunks: Callable[[], Iterable[bytes]]

    @classmethod
    def of(cls, source: Source, name: str, new_name: str | None = None) -> Asset:
        return cls(new_name or name, source.asset_size(name), lambda: source.asset(name))

    @classmethod
    def moved(cls, source: Source, groups: Mapping[str, str]) -> list[Asset]:
        """The assets of a source that go along when ``groups`` of weights move: a vocabulary lies under its layer's group."""
        assets: list[Asset] = []
        for name in source.assets:
            group = name.removeprefix(ASSETS)
            while group and group not in groups:
                group = group.rpartition("/")[0]
            if group:
                rest = name.removeprefix(ASSETS).removeprefix(group)
                assets.append(cls.of(source, name, f"{ASSETS}{groups[group]}{rest}"))
        return assets
