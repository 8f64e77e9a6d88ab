"""`inspect` of a file that holds weights alone: its groups, their shapes, and what kind of layers would have such weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path

from configsplit.catalog.layers.of_weights import likely_class
from configsplit.containers.arrays import STATE_GROUPS, Arrays
from configsplit.containers.source import Source
from configsplit.errors import Json, StoreError
from configsplit.graph.walking import grouped


@dataclass(frozen=True, slots=True)
class StoredLayer:
    """A group of weights: its name in the file, each weight with its shape and dtype, and a class that would have such ones."""

    name: str
    weights: tuple[tuple[str, tuple[int, ...], str], ...]
    likely: str = ""


@dataclass(frozen=True, slots=True)
class StoredWeights:
    """What a file of weights holds: its layout (``legacy``, ``v3``, ``tf213``), its layers in order, numbers in all of them."""

    file: str
    bytes: int
    layout: str
    layers: tuple[StoredLayer, ...]
    parameters: int

    def as_json(self) -> dict[str, Json]:
        weights = ("name", "shape", "dtype")
        layers = [
            {**asdict(layer), "weights": [dict(zip(weights, each, strict=True)) for each in layer.weights]}
            for layer in self.layers
        ]
        return {**asdict(self), "format": "weights", "layers": layers}


def inspect_weights(file: str | Path) -> StoredWeights:
    """Look at a file that holds weights and no architecture.

    Args:
        file: an ``.h5`` or ``.weights.h5`` file.

    Returns:
        Its groups, in the order in which they stand in it.

    Raises:
        StoreError: it holds no weights of Keras, or cannot be read.
    """
    with Source(path=Path(file), weights_path=Path(file)) as source:
        arrays = source.weights
        if arrays is None:
            raise StoreError("the file holds no weights", code="weights-layout", where=str(file))
        layers = tuple(_legacy(arrays) if arrays.layout.kind == "legacy" else _numbered(arrays))
        numbers = sum(prod(shape) for layer in layers for _, shape, _ in layer.weights)
        return StoredWeights(Path(file).name, Path(file).stat().st_size, arrays.layout.kind, layers, numbers)


def _legacy(arrays: Arrays) -> Iterator[StoredLayer]:
    """One group for each layer; that of a nested model holds the weights of all its layers."""
    container = arrays.layout.container
    for name in arrays.layer_names:
        group = f"{container}/{name}" if container else name
        names = arrays.weight_names(group) if group in arrays.groups else ()
        if names:
            yield _layer(name, arrays, [f"{group}/{each}" for each in names], names)


def _numbered(arrays: Arrays) -> Iterator[StoredLayer]:
    """One group for each layer and each layer inside another, with its variables by number, or what else a layer saves."""
    groups = grouped((path.rpartition("/")[0], path) for path in arrays.datasets if path.partition("/")[0] not in STATE_GROUPS)
    for group, paths in groups.items():
        name = arrays.vars_name(group.removesuffix("/vars")) if group.endswith("/vars") else None
        told = group.removesuffix("/vars")
        numbers = [path.rpartition("/")[2] for path in paths]
        order = sorted(range(len(paths)), key=lambda at: (not numbers[at].isdigit(), numbers[at].zfill(9)))
        title = f"{told} ({name})" if name else told
        yield _layer(title, arrays, [paths[at] for at in order], [numbers[at] for at in order])


def _layer(name: str, arrays: Arrays, paths: Sequence[str], names: Sequence[str]) -> StoredLayer:
    infos = [arrays.datasets[path] for path in paths]
    weights = tuple((each, tuple(info.shape), info.dtype) for each, info in zip(names, infos, strict=True))
    bare = [each.rpartition("/")[2].partition(":")[0] for each in names]
    likely = likely_class(bare, [shape for _, shape, _ in weights])
    settings = "" if likely is None else ", ".join(f"{key}={value}" for key, value in likely[1].items())
    return StoredLayer(name, weights, "" if likely is None else f"{likely[0]}({settings})")
