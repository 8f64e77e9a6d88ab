"""A layers model of TensorFlow.js written: ``model.json`` and shards of four megabytes, as its own converter lays them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from configsplit.containers.arrays import Arrays
from configsplit.containers.system.window import Piece, Span
from configsplit.containers.tfjs import ITEM_SIZE
from configsplit.containers.writing import Job, LegacyLayer, Member, Relaid, prepare_text
from configsplit.errors import WeightsError
from configsplit.graph.json import FrozenDict, dumps, loads

SHARD = 4 << 20
"""Bytes of a shard, but for the last."""


class _Weight(NamedTuple):
    """A weight: its name, its shape and type, and its bytes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    data: Piece


def prepare_tfjs(path: Path, text: str, layers: Sequence[LegacyLayer], versions: dict[str, str]) -> list[Job]:
    """The files of a layers model.

    Args:
        path: that of ``model.json``; the shards stand beside it.
        text: the architecture, of Keras 2.
        layers: its weights, as for an ``.h5`` file.
        versions: ``keras_version`` and ``backend``.

    Returns:
        What writes each; the first is that of ``model.json``.

    Raises:
        WeightsError: TensorFlow.js has no such type of weights.
    """
    weights = [each for layer in layers for each in _weights(layer)]
    shards = list(_shards([each.data for each in weights]))
    names = [f"group1-shard{number + 1}of{len(shards)}.bin" for number in range(len(shards))]
    listed = [FrozenDict({"name": each.name, "shape": each.shape, "dtype": each.dtype}) for each in weights]
    release = versions.get("keras_version", "")
    index = {
        "format": "layers-model",
        "generatedBy": f"keras v{release}",
        "convertedBy": "configsplit",
        "modelTopology": FrozenDict({**versions, "model_config": loads(text)}),
        "weightsManifest": (FrozenDict({"paths": tuple(names), "weights": tuple(listed)}),) if weights else (),
    }
    jobs = [prepare_text(path, dumps(FrozenDict(index)))]
    for name, pieces in zip(names, shards, strict=True):
        member = Member(name, sum(map(_size, pieces)), lambda pieces=pieces: pieces)  # type: ignore[misc]
        jobs.append(Job(path=path.with_name(name), members=(member,), zipped=False))
    return jobs


def _weights(layer: LegacyLayer) -> Iterator[_Weight]:
    for name, value in layer.weights or ():
        if isinstance(value, Relaid):
            raise _type(name, "one in a new layout")
        if layer.source is None:
            raise AssertionError(name)
        info = layer.source.datasets[value]
        if info.dtype not in ITEM_SIZE:
            raise _type(name, info.dtype)
        yield _Weight(name, info.shape, info.dtype, _data(layer.source, value))


def _data(source: Arrays, path: str) -> Piece:
    return source.place(path) or source.read(path).tobytes()


def _type(name: str, dtype: str) -> WeightsError:
    return WeightsError(
        f"the weight {name!r} is of the type {dtype}, which TensorFlow.js does not have",
        code="weights-type",
        where=name,
        hint="it has float32, int32 and bool; save the model in float32",
    )


def _shards(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The bytes of all weights in a row, cut into shards."""
    shard: list[Piece] = []
    room = SHARD
    for piece in pieces:
        at, size = 0, _size(piece)
        while at < size:
            taken = min(room, size - at)
            shard.append(_slice(piece, at, taken))
            at, room = at + taken, room - taken
            if room == 0:
                yield shard
                shard, room = [], SHARD
    if shard:
        yield shard


def _size(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length


def _slice(piece: Piece, at: int, size: int) -> Piece:
    return piece[at : at + size] if isinstance(piece, bytes) else Span(piece.fd, piece.offset + at, size)
