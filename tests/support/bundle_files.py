"""Tensor bundles and SavedModels of Keras 2 as their formats are documented, written by hand: sound ones, and such as no
TensorFlow would write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from configsplit.containers.bundle.crc32c import crc32c

TYPES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "bool": 10}
MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")


def number(value: int) -> bytes:
    found = b""
    while value > 127:
        found += bytes([value & 127 | 128])
        value >>= 7
    return found + bytes([value])


def message(*fields: tuple[int, int | bytes | str]) -> bytes:
    """A protocol buffer of numbers, and of texts and messages."""
    found = b""
    for key, value in fields:
        if isinstance(value, int):
            found += number(key << 3) + number(value)
        else:
            data = value.encode() if isinstance(value, str) else value
            found += number(key << 3 | 2) + number(len(data)) + data
    return found


def masked(data: bytes) -> int:
    value = crc32c(data)
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def block(entries: Mapping[bytes, bytes], *, kind: int = 0, packed: bytes | None = None) -> bytes:
    """A block with its trailer; ``packed`` stands in place of what it holds."""
    found, before = b"", b""
    for key, value in entries.items():
        shared = next((n for n, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), min(len(key), len(before)))
        found += number(shared) + number(len(key) - shared) + number(len(value)) + key[shared:] + value
        before = key
    data = packed if packed is not None else found + bytes(4) + (1).to_bytes(4, "little")
    return data + bytes([kind]) + masked(data + bytes([kind])).to_bytes(4, "little")


def literal(data: bytes) -> bytes:
    """Bytes as snappy packs what does not repeat."""
    return bytes([62 << 2]) + (len(data) - 1).to_bytes(3, "little") + data


def snappy(data: bytes) -> bytes:
    return number(len(data)) + literal(data)


def table(*blocks: bytes) -> bytes:
    """An index of data blocks."""
    found, places = b"", {}
    for count, each in enumerate(blocks):
        places[b"k%d" % count if count + 1 < len(blocks) else b"zzz"] = number(len(found)) + number(len(each) - 5)
        found += each
    empty, index = block({}), block(places)
    handles = number(len(found)) + number(len(empty) - 5) + number(len(found) + len(empty)) + number(len(index) - 5)
    return found + empty + index + handles.ljust(40, b"\0") + MAGIC


class Node(NamedTuple):
    """An object: what it keeps, and the array that it is (its name, its key)."""

    keeps: Mapping[str, int] = {}
    array: tuple[str, str] | None = None


def graph(nodes: Sequence[Node]) -> bytes:
    found = []
    for node in nodes:
        kept = [(1, message((1, child), (2, name))) for name, child in node.keeps.items()]
        own = [(2, message((1, "VARIABLE_VALUE"), (2, node.array[0]), (3, node.array[1])))] if node.array else []
        found.append((1, message(*kept, *own)))
    return message(*found)


def fixed(key: int, value: int) -> bytes:
    return number(key << 3 | 5) + value.to_bytes(4, "little")


class Draft:
    """A bundle before it is written; its entries may be changed."""

    def __init__(self) -> None:
        self.data = b""
        self.entries: dict[str, dict[str, Any]] = {}
        self.head: dict[int, int] = {1: 1}

    def add(self, key: str, values: np.ndarray[Any, Any]) -> None:
        raw = values.tobytes()
        self.entries[key] = {
            "dtype": TYPES[str(values.dtype)],
            "shape": values.shape,
            "offset": len(self.data),
            "size": len(raw),
            "crc": masked(raw),
        }
        self.data += raw

    def add_text(self, key: str, text: bytes) -> None:
        size = len(text).to_bytes(4, "little")
        head = masked(size).to_bytes(4, "little")
        raw = number(len(text)) + head + text
        crc = masked(size + head + text)
        self.entries[key] = {"dtype": 7, "shape": (), "offset": len(self.data), "size": len(raw), "crc": crc}
        self.data += raw

    def index(self) -> dict[bytes, bytes]:
        found = {b"": message(*self.head.items())}
        for key, entry in sorted(self.entries.items()):
            shape = message(*((2, message((1, size))) for size in entry["shape"]))
            numbers = [(3, entry.get("shard", 0)), (4, entry["offset"]), (5, entry["size"])]
            found[key.encode()] = message((1, entry["dtype"]), (2, shape), *numbers) + fixed(6, entry["crc"])
        return found

    def write(self, prefix: Path, index: bytes | None = None) -> None:
        prefix.parent.mkdir(parents=True, exist_ok=True)
        prefix.with_name(f"{prefix.name}.index").write_bytes(table(block(self.index())) if index is None else index)
        prefix.with_name(f"{prefix.name}.data-00000-of-00001").write_bytes(self.data)


class Hand:
    """A SavedModel written by hand out of a whole-model HDF5 file: its layers with their weights.

    Attributes:
        nodes: the graph of objects; 0 is the model, behind it its layers in their order.
        told: what the metadata tells of each object: where it stands, what kind it is, its JSON.
    """

    def __init__(self, model: Path) -> None:
        self.draft, self.nodes = Draft(), [Node({})]
        with h5py.File(model) as file:
            config = json.loads(file.attrs["model_config"])
            rows = {_text(name): self._rows(file["model_weights"][name]) for name in file["model_weights"].attrs["layer_names"]}
        root = {**config, "name": config["config"]["name"], "keras_version": "2.4.0", "backend": "tensorflow"}
        self.told: list[tuple[str, str, Any]] = [("root", "_tf_keras_network", root)]
        kept: dict[str, int] = {}
        layers = [each["config"]["name"] for each in config["config"]["layers"]]
        for place, name in enumerate(layers):
            kept[f"layer-{place}"] = self._layer(rows.get(name, []))
            self.told.append((f"root.layer-{place}", "_tf_keras_layer", {"name": name, "trainable": True}))
        self.nodes[0] = Node(kept)

    def _rows(self, group: Any) -> list[tuple[str, Any]]:
        return [(_text(name), np.asarray(group[name])) for name in group.attrs["weight_names"]]

    def node(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def _layer(self, rows: Sequence[tuple[str, Any]]) -> int:
        found = []
        for name, values in rows:
            key = f"k{len(self.draft.entries)}/.ATTRIBUTES/VARIABLE_VALUE"
            self.draft.add(key, values)
            found.append(self.node(Node(array=(name.removesuffix(":0"), key))))
        row = self.node(Node({str(place): each for place, each in enumerate(found)}))
        none = self.node(Node())
        api = self.node(Node({"non_trainable_variables": none}))
        return self.node(Node({"variables": row, "trainable_variables": row, "keras_api": api}))

    def write(self, folder: Path, *, index: bytes | None = None) -> Path:
        folder.mkdir()
        told = [(1, message((3, path), (4, kind), (5, json.dumps(said)))) for path, kind, said in self.told]
        (folder / "keras_metadata.pb").write_bytes(message(*told))
        (folder / "saved_model.pb").write_bytes(message((1, 1)))
        if "_CHECKPOINTABLE_OBJECT_GRAPH" not in self.draft.entries:
            self.draft.add_text("_CHECKPOINTABLE_OBJECT_GRAPH", graph(self.nodes))
        self.draft.write(folder / "variables" / "variables", index)
        return folder


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
