"""A layers model of TensorFlow.js: ``model.json`` with the architecture and a manifest of weights, and binary shards beside it.

The manifest lists groups: files whose bytes follow one another, and the weights in them, one behind the other, by name, shape
and type (https://github.com/tensorflow/tfjs, ``io/types.ts``). Each weight belongs to the layer that its name begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from math import prod
from threading import Event
from typing import TYPE_CHECKING, Any

from configsplit.containers.addresses import LEGACY_WEIGHTS
from configsplit.containers.arrays import Arrays, Listed, ListedArrays
from configsplit.containers.container import Container, listing_digest
from configsplit.containers.json_text import JsonText
from configsplit.containers.kinds import decode_text
from configsplit.containers.opening import Opened
from configsplit.containers.quantized import Packing, Restored, packing_of
from configsplit.containers.system.hashing import sha256
from configsplit.containers.system.window import Span, stream
from configsplit.errors import DocumentError, StoreError
from configsplit.graph.json import dumps, loads
from configsplit.graph.walking import everything

if TYPE_CHECKING:
    import numpy as np

_KEYS = re.compile(rb'"(?:modelTopology|weightsManifest)"\s*:|"format"\s*:\s*"(?:layers|graph)-model"')
_SHARD = re.compile(r"[^/\\:\x00]+")
_ORDER = (
    *("gamma", "beta", "moving_mean", "moving_variance"),
    *("depthwise_kernel", "pointwise_kernel", "kernel", "recurrent_kernel", "bias"),
)
"""The order in which Keras's layers have their weights (`Layer.weights`), of those that may have one shape."""
MOST_SHARDS = 10_000
MOST_WEIGHTS = 1_000_000
LARGEST = 1 << 48
ITEM_SIZE = {"float32": 4, "int32": 4, "bool": 1, "complex64": 8}
"""Types of TensorFlow.js; its strings are no weights."""


class TfjsModel(Container):
    kind = "tfjs"
    written_as = "h5"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return JsonText.recognises(opened) and _KEYS.search(opened.head) is not None

    @cached_property
    def _index(self) -> Mapping[str, Any]:
        try:
            index = loads(decode_text(self.opened.small(self.opened.span), str(self.opened.path)))
        except DocumentError as error:
            raise error.within(str(self.opened.path)) from None
        if not isinstance(index, Mapping):
            raise self._refusal("the file is no JSON object")
        return index

    @cached_property
    def _topology(self) -> Mapping[str, Any]:
        topology = self._index.get("modelTopology")
        if isinstance(topology, Mapping) and "node" in topology:
            raise StoreError(
                "this is a graph model of TensorFlow.js: operations without layers",
                code="not-a-model",
                where=str(self.opened.path),
                hint="give the Keras model it was converted from, or save that as a layers model",
            )
        if not isinstance(topology, Mapping):
            raise self._refusal("there is no modelTopology")
        return topology

    def config_text(self) -> str:
        return dumps(self._topology.get("model_config", self._topology))

    def metadata(self) -> dict[str, str]:
        texts = {name: self._topology.get(name) for name in ("keras_version", "backend")}
        return {name: value for name, value in texts.items() if isinstance(value, str)}

    @cached_property
    def _has_shards(self) -> bool:
        """False where not one of the shards lies beside it: the architecture is alone. A model may have no weights."""
        if not self._names:
            return "weightsManifest" in self._index
        beside = [self.opened.path.with_name(name) for name in self._names]
        return any(self.opened.files.is_file(path) or path.exists() or path.is_symlink() for path in beside)

    def weights(self) -> Arrays | None:
        if not self._has_shards:
            return None
        homes = dict(_homes(self._topology.get("model_config", self._topology)))
        listed: dict[str, Listed] = {}
        for group in self._groups:
            for name, array in self._arrays(group):
                if not (home := _home(name, homes)):
                    raise self._refusal(f"the weight {name!r} begins with the name of no layer, or of several")
                if f"{home}/{name}" in listed:
                    raise self._refusal(f"the weight {name!r} is there twice")
                listed[f"{home}/{name}"] = array
        self._check_order(listed)
        weights = ListedArrays(str(self.opened.path), LEGACY_WEIGHTS, listed)
        weights.notes = _lost([array.data for array in listed.values() if isinstance(array.data, Restored)])
        return weights

    def _check_order(self, names: Iterable[str]) -> None:
        """TensorFlow.js finds weights by name, and Keras by their order: one that is told by its name must stand in it."""
        last: dict[str, tuple[int, str]] = {}
        for path in names:
            scope, _, name = path.rpartition("/")
            if name not in _ORDER:
                continue
            place, before = last.get(scope, (-1, ""))
            if _ORDER.index(name) < place:
                raise self._refusal(f"{scope!r} has {before!r} before {name!r}: no Keras orders its weights so")
            last[scope] = _ORDER.index(name), name

    @cached_property
    def _groups(self) -> tuple[Mapping[str, Any], ...]:
        groups = self._index.get("weightsManifest", ())
        if not isinstance(groups, tuple) or not all(isinstance(group, Mapping) for group in groups):
            raise self._refusal("weightsManifest is no list of groups")
        return groups

    @cached_property
    def _names(self) -> list[str]:
        """Every file of the manifest: plain names in the folder of ``model.json``."""
        names = [name for group in self._groups for name in self._paths(group)]
        if len(names) > MOST_SHARDS or len(set(names)) != len(names):
            raise self._refusal("a shard is named twice, or there are too many")
        for name in names:
            if not isinstance(name, str) or not _SHARD.fullmatch(name) or name.startswith("."):
                raise self._refusal(f"the manifest names {name!r}, which is no plain name of a file beside it")
        return names

    def _paths(self, group: Mapping[str, Any]) -> list[Any]:
        """The files of one group; browsers that save a model write ``./`` before each."""
        return [name.removeprefix("./") if isinstance(name, str) else name for name in self._list(group, "paths")]

    @cached_property
    def _shards(self) -> Mapping[str, Span]:
        return {name: self.opened.beside(name) for name in self._names}

    def _list(self, group: Mapping[str, Any], key: str) -> tuple[Any, ...]:
        listed = group.get(key)
        if not isinstance(listed, tuple) or len(listed) > MOST_WEIGHTS:
            raise self._refusal(f"a group of the manifest has no list of {key}")
        return listed

    def _arrays(self, group: Mapping[str, Any]) -> Iterator[tuple[str, Listed]]:
        """The weights of a group, where they lie in the row of its files."""
        spans = [self._shards[name] for name in self._paths(group)]
        at = 0
        for entry in self._list(group, "weights"):
            name, shape, dtype, packing = self._entry(entry)
            size = prod(shape) * (ITEM_SIZE[dtype] if packing is None else packing.size)
            pieces = list(_pieces(spans, at, size))
            if sum(piece.length for piece in pieces) != size:
                raise self._refusal(f"the shards end before {name!r} does: a download that did not finish")
            at += size
            if packing is not None:
                yield name, Listed(shape, dtype, prod(shape) * ITEM_SIZE[dtype], Restored(pieces, shape, dtype, packing))
                continue
            data = pieces[0] if len(pieces) == 1 else _Joined(pieces, shape, dtype)
            yield name, Listed(shape, dtype, size, data)
        if at != sum(span.length for span in spans):
            raise self._refusal("the shards have more bytes than the manifest has weights")

    def _entry(self, entry: object) -> tuple[str, tuple[int, ...], str, Packing | None]:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
            raise self._refusal("a weight of the manifest has no name")
        name, shape, dtype = entry["name"], entry.get("shape"), entry.get("dtype")
        if dtype not in ITEM_SIZE:
            raise self._refusal(f"the weight {name!r} is of the type {dtype!r}")
        if not isinstance(shape, tuple) or not all(type(size) is int and 0 <= size < LARGEST for size in shape):
            raise self._refusal(f"the weight {name!r} has no shape")
        if prod(shape) > LARGEST or len(shape) > 32 or not all(name.split("/")):
            raise self._refusal(f"the weight {name!r} is no array")
        if entry.get("quantization") is None:
            return name, shape, dtype, None
        if not self.dequantize:
            raise StoreError(
                f"the weight {name!r} is quantized: its original values are lost",
                code="weights-quantized",
                where=str(self.opened.path),
                hint="give the Keras model itself, or its weights as .h5; `convert --dequantize` accepts the rounded values",
            )
        if (packing := packing_of(entry["quantization"], dtype)) is None:
            raise self._refusal(f"the weight {name!r} is quantized in a way that TensorFlow.js does not know")
        return name, shape, dtype, packing

    def sha256(self, stop: Event | None = None) -> str:
        """Of the listing of ``model.json`` and its shards."""
        own = self.opened.path.name, sha256([self.opened.span], stop)
        if not self._has_shards:
            return own[1]
        return listing_digest([own, *((name, sha256([span], stop)) for name, span in self._shards.items())])

    def _refusal(self, what: str) -> StoreError:
        return StoreError(
            what,
            code="weights-manifest",
            where=str(self.opened.path),
            hint="give the model.json of a layers model, with its shards beside it as TensorFlow.js wrote them",
        )


class _Joined:
    """An array that lies in several shards."""

    def __init__(self, pieces: list[Span], shape: tuple[int, ...], dtype: str) -> None:
        self._pieces, self._shape, self._dtype = pieces, shape, dtype

    def __call__(self) -> np.ndarray[Any, Any]:
        import numpy as np  # values are asked for where they are computed with, and by nobody who copies them

        raw = b"".join(bytes(piece) for piece in stream(self._pieces))
        return np.frombuffer(raw, np.dtype(self._dtype)).reshape(self._shape)


def _lost(restored: Sequence[Restored]) -> tuple[str, ...]:
    """What is to be said of weights that were restored."""
    if not restored:
        return ()
    kinds = "; ".join(dict.fromkeys(each.packing.lost for each in restored))
    return (f"{len(restored)} weights were quantized, and are what is left of them: {kinds}",)


def _pieces(spans: Iterable[Span], at: int, size: int) -> Iterator[Span]:
    """Where ``size`` bytes lie in a row of files, from ``at`` on; an array of none lies at the beginning of one."""
    spans = list(spans)
    for span, end in zip(spans, accumulate(span.length for span in spans), strict=True):
        begin = end - span.length
        first, last = max(at, begin), min(at + size, end)
        if first < last or (size == 0 and begin <= at <= end):
            yield Span(span.fd, span.offset + first - begin, last - first)
            if size == 0:
                return


def _homes(config: object) -> Iterator[tuple[str, str]]:
    """Every layer by its name, and the layer of the outermost model that it stands in; "" where the name stands in several."""
    homes: dict[str, str] = {}
    for top in _layers(config):
        name = _name(top)
        for entry in everything([top], _layers):
            if (own := _name(entry)) and homes.setdefault(own, name) != name:
                homes[own] = ""
    yield from homes.items()


def _home(name: str, homes: Mapping[str, str]) -> str:
    """The outermost layer that a weight belongs to, by the first name of a layer in its own, which may have slashes in it; ""
    where there is none, or where it stands in several."""
    steps = name.split("/")
    for first in range(len(steps)):
        for last in range(len(steps), first, -1):
            if (home := homes.get("/".join(steps[first:last]))) is not None:
                return home
    return ""


def _name(entry: Mapping[str, Any]) -> str:
    config = entry.get("config")
    name = config.get("name") if isinstance(config, Mapping) else None
    return name if isinstance(name, str) else str(entry.get("name") or "")


def _layers(entry: object) -> list[Mapping[str, Any]]:
    """The layers of a model, and the one in a wrapper."""
    config = entry.get("config") if isinstance(entry, Mapping) else None
    held = config if isinstance(config, tuple) else ()
    if isinstance(config, Mapping):
        layers = config.get("layers")
        held = (*(layers if isinstance(layers, tuple) else ()), config.get("layer"))
    return [each for each in held if isinstance(each, Mapping)]
