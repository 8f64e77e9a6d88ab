"""New files put together from moves: which subtree of which source goes where."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from configsplit.containers import archive, zip_structure
from configsplit.containers.hdf5.plain_format import Unplain
from configsplit.containers.hdf5.write_plain import PlainSkeleton
from configsplit.containers.source import Asset
from configsplit.containers.system.direct import write_new
from configsplit.containers.system.errors import hdf5_write_faults, system_faults
from configsplit.containers.system.files import room_in
from configsplit.containers.system.hashing import digest_of
from configsplit.containers.system.threads import Workers
from configsplit.containers.system.window import Cancelled, Piece, Span, stream
from configsplit.errors import StoreError, WeightsError

if TYPE_CHECKING:
    from configsplit.containers.arrays import Arrays
    from configsplit.containers.hdf5.write_h5py import Skeleton


class Move(NamedTuple):
    """The subtree (or the dataset) at ``src`` of a source goes to ``dst``.

    ``rename`` is the layer's new name, for the ``name`` attribute that Keras 3.6 and later keep beside the weights.
    """

    source: Arrays
    src: str
    dst: str
    rename: str | None = None


class Empty(NamedTuple):
    """The group of a layer without weights: ``dst/vars``, with the layer's name where Keras would leave it."""

    dst: str
    name: str | None = None


class Fresh(NamedTuple):
    """A dataset whose values (a numpy array) were computed."""

    dst: str
    values: Any


class Relaid(NamedTuple):
    """A dataset whose values were computed into a scratch file: its type as HDF5 encodes it, its shape, and its bytes."""

    dst: str
    type_key: bytes
    shape: tuple[int, ...]
    place: Span


Item = Move | Empty | Fresh | Relaid


class Stored(NamedTuple):
    """A dataset of some file."""

    source: Arrays
    path: str


class LegacyLayer(NamedTuple):
    """A layer of a legacy file.

    ``group`` is its group in ``source``; a layer without weights needs neither. ``weights`` overrides the group's own list:
    pairs of the weight's name in the new file and either the path of a dataset in ``source``, a `Stored` one of any file, a
    `Relaid` one, or a numpy array.
    """

    name: str
    source: Arrays | None = None
    group: str = ""
    weights: tuple[tuple[str, Any], ...] | None = None


class Written(NamedTuple):
    """A finished file."""

    path: Path
    sha256: str
    bytes: int


class Member(NamedTuple):
    """One member of a new archive, or the whole of a new plain file."""

    name: str
    size: int
    pieces: Callable[[], Iterable[Piece]]


@dataclass(kw_only=True, eq=False)
class Job:
    """A file that is ready to be written: what is left is moving bytes, which may run in a thread (`Workers.submit`)."""

    path: Path
    members: tuple[Member, ...]
    zipped: bool
    _owned: list[int] = field(default_factory=list, repr=False)

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members)

    def run(self, stop: Event | None = None) -> Written:
        """Write the file; it must not exist. Raises StoreError if the disk is full or refuses, or a source changed."""
        try:
            if stop is not None and stop.is_set():
                raise Cancelled
            with system_faults(self.path):
                _check_room(self.path.parent, self.size)
                content = self._content(stop)
                size = sum(member.size for member in content)
                with Workers(1) as beside:
                    digest = beside.submit(lambda called_off: digest_of(stream(_pieces_of(content), called_off)))
                    write_new(self.path, size, stream(_pieces_of(content), stop))
                return Written(self.path, digest.result(), size)
        finally:
            self.close()

    def _content(self, stop: Event | None) -> list[Member]:
        """Everything that the file is made of, in order; the checksums of an archive are taken for it."""
        if not self.zipped:
            return [*self.members]
        entries = [zip_structure.Entry(member.name, member.size, _checksum(member, stop)) for member in self.members]
        heads = [_raw_member(head) for head in zip_structure.headers(entries)]
        return [*chain.from_iterable(zip(heads, self.members, strict=False)), heads[-1]]

    def close(self) -> None:
        """Let go of the skeleton; only needed for a job that is not run."""
        while self._owned:
            os.close(self._owned.pop())


def _pieces_of(content: Sequence[Member]) -> Iterator[Piece]:
    return chain.from_iterable(member.pieces() for member in content)


def _checksum(member: Member, stop: Event | None) -> int:
    value = 0
    for piece in stream(member.pieces(), stop):
        value = zlib.crc32(piece, value)
    return value


def _check_room(folder: Path, size: int) -> None:
    room = room_in(folder)
    if room is not None and size > room:
        raise StoreError(
            f"{size} bytes are to be written, {room} are free",
            code="disk-full",
            where=str(folder),
            hint="free some space or choose another --out; nothing was written",
        )


def prepare_text(path: Path, text: str) -> Job:
    """A text file in UTF-8."""
    return prepare_bytes(path, text.encode("utf-8"))


def prepare_bytes(path: Path, data: bytes) -> Job:
    """A file of these bytes."""
    return Job(path=path, members=(_raw_member(data, path.name),), zipped=False)


def prepare_archive(
    path: Path, *, config_text: str, metadata_text: str, items: Iterable[Item], assets: Sequence[Asset] = ()
) -> Job:
    """A ``.keras`` archive: members, order, packing and modes as Keras writes them.

    Raises:
        StoreError: a source is damaged, or the folder of ``path`` cannot be written.
        WeightsError: two weights go to the same place, or a source lacks one.
    """
    for asset in assets:
        if not archive.is_safe_name(asset.name):
            raise StoreError("the name leads out of the archive", code="archive-unsafe-name", where=asset.name)
    moved = tuple(items)
    weights, owned = _weights_member(path, lambda skeleton: _add_items(skeleton, moved))
    texts = (_text_member(archive.METADATA, metadata_text), _text_member(archive.CONFIG, config_text))
    extra = tuple(Member(asset.name, asset.size, asset.chunks) for asset in assets)
    return Job(path=path, members=(*texts, weights, *extra), zipped=True, _owned=owned)


def prepare_h5(path: Path, *, attributes: Mapping[str, str], layers: Sequence[LegacyLayer], like: Arrays | None = None) -> Job:
    """A whole model in legacy HDF5. ``attributes`` are the root's: ``model_config``, ``keras_version``, ``backend``.

    ``like`` is a legacy file whose habits are kept: kind of strings, ``top_level_model_weights``.

    Raises:
        StoreError, WeightsError: as `prepare_archive` does.
    """

    def build(skeleton: Skeleton | PlainSkeleton) -> None:
        for name, text in attributes.items():
            skeleton.set_text("", name, text)
        versions = {name: text for name, text in attributes.items() if name in ("keras_version", "backend")}
        _add_layers(skeleton, "model_weights", layers, versions, like)

    member, owned = _weights_member(path, build)
    return Job(path=path, members=(member,), zipped=False, _owned=owned)


def prepare_weights(
    path: Path,
    *,
    items: Iterable[Item] = (),
    layers: Sequence[LegacyLayer] | None = None,
    attributes: Mapping[str, str] | None = None,
    like: Arrays | None = None,
) -> Job:
    """A file of weights alone: in the v3 layout from ``items``, or in the legacy one from ``layers`` and ``attributes``. Raises
    StoreError or WeightsError as `prepare_archive` does.
    """

    moved = tuple(items)

    def build(skeleton: Skeleton | PlainSkeleton) -> None:
        _add_items(skeleton, moved)
        if layers is not None:
            _add_layers(skeleton, "", layers, attributes or {}, like)

    member, owned = _weights_member(path, build)
    return Job(path=path, members=(member,), zipped=False, _owned=owned)


def _text_member(name: str, text: str) -> Member:
    return _raw_member(text.encode("utf-8"), name)


def _raw_member(data: bytes, name: str = "") -> Member:
    return Member(name, len(data), lambda: (data,))


def _weights_member(path: Path, build: Callable[[Skeleton | PlainSkeleton], None]) -> tuple[Member, list[int]]:
    """The HDF5 file as a member, and the descriptors that it needs open."""
    try:
        plain = PlainSkeleton()
        build(plain)
        return _pieces_member(plain.finish()), []
    except Unplain:
        from configsplit.containers.hdf5.write_h5py import Skeleton  # h5py is loaded here and not before

    with Skeleton(path.with_name(f".{path.name}.skeleton")) as skeleton:
        with hdf5_write_faults(path):
            build(skeleton)
        fd, spans = skeleton.finish()
    return _pieces_member(spans), [fd]


def _pieces_member(pieces: Sequence[Piece]) -> Member:
    size = sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)
    return Member(archive.WEIGHTS, size, lambda: pieces)


def _add_items(skeleton: Skeleton | PlainSkeleton, items: Iterable[Item]) -> None:
    for item in items:
        if isinstance(item, Move):
            skeleton.copy_tree(item.source, item.src, item.dst, item.rename)
        elif isinstance(item, Fresh):
            skeleton.write(item.dst, item.values)
        elif isinstance(item, Relaid):
            skeleton.place_dataset(item.type_key, item.shape, item.place, item.dst)
        else:
            group = f"{item.dst}/vars" if item.dst else "vars"
            skeleton.group(group)
            if item.name is not None:
                skeleton.set_name(group, item.name)


def _add_layers(
    skeleton: Skeleton | PlainSkeleton,
    root: str,
    layers: Sequence[LegacyLayer],
    versions: Mapping[str, str],
    like: Arrays | None,
) -> None:
    fixed = like is not None and like.fixed_strings
    skeleton.group(root)
    skeleton.set_names(root, "layer_names", [layer.name for layer in layers], fixed=fixed)
    for name, text in versions.items():
        if like is None or like.text(like.layout.container, name) is not None:  # Keras 1 has them at the root alone
            skeleton.set_text(root, name, text)
    for layer in layers:
        _add_layer(skeleton, f"{root}/{layer.name}".lstrip("/"), layer, fixed)
    top = "top_level_model_weights"  # Keras 3 and TF 2.8 on write it even where it is empty
    if like is None or f"{like.layout.container}/{top}".lstrip("/") in like.groups:
        skeleton.group(place := f"{root}/{top}".lstrip("/"))
        skeleton.set_names(place, "weight_names", (), fixed=fixed)


def _add_layer(skeleton: Skeleton | PlainSkeleton, place: str, layer: LegacyLayer, fixed: bool) -> None:
    source, group = layer.source, layer.group
    whole = source is not None and layer.weights is None
    weights: Sequence[tuple[str, Any]] = layer.weights or ()
    if source is not None and whole:
        weights = [(name, f"{group}/{name}") for name in source.weight_names(group)]
    if source is not None and whole and source.groups[group].attributes:
        skeleton.copy_attributes(source, group, place)  # verbatim: the kind of strings, the chunks
    else:
        skeleton.group(place)
        skeleton.set_names(place, "weight_names", [name for name, _ in weights], fixed=fixed)
    for name, values in weights:
        if isinstance(values, Stored):
            skeleton.copy_dataset(values.source, values.path, f"{place}/{name}")
        elif isinstance(values, str):
            if source is None:
                raise WeightsError("a path of a weight needs a source", code="weights-missing", where=layer.name)
            skeleton.copy_dataset(source, values, f"{place}/{name}")
        elif isinstance(values, Relaid):
            skeleton.place_dataset(values.type_key, values.shape, values.place, f"{place}/{name}")
        else:
            skeleton.write(f"{place}/{name}", values)
