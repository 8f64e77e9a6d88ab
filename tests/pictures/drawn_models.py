"""Models that pictures are drawn of, as documents: chains, branches, blocks, nested models, hostile names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from configsplit.models.document import Document, load

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "a\"b'c & \\ ; #35; `d`",
    "\u202eevil\u2066\u2028",
    "--> n0\nn0[hi]",
    "-rf",
    "$(touch pwned)",
)
"""Names of layers that mean something to HTML, Mermaid, Graphviz, a shell, or to who reads them."""

Call = tuple[str, str, Any, Iterable[str]]


def layer(name: str, class_name: str, config: Mapping[str, Any], takes: Iterable[str]) -> dict[str, Any]:
    nodes = [[[each, 0, 0, {}] for each in takes]] if takes else []
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes}


def functional(
    layers: Iterable[dict[str, Any]], inputs: Iterable[str], outputs: Iterable[str], name: str = "m"
) -> dict[str, Any]:
    ends = {"input_layers": [[each, 0, 0] for each in inputs], "output_layers": [[each, 0, 0] for each in outputs]}
    return {"class_name": "Model", "config": {"name": name, "layers": list(layers), **ends}}


def image(name: str = "x", *shape: int) -> dict[str, Any]:
    size = [None, *(shape or (8, 8, 4))]
    return layer(name, "InputLayer", {"batch_input_shape": size, "dtype": "float32", "sparse": False}, ())


def dense(name: str, takes: str, units: int = 4) -> dict[str, Any]:
    return layer(name, "Dense", {"units": units, "use_bias": True, "activation": "linear"}, (takes,))


def conv(name: str, takes: str, filters: int = 4) -> dict[str, Any]:
    config = {"filters": filters, "kernel_size": [3, 3], "strides": [1, 1], "padding": "same", "use_bias": False}
    return layer(name, "Conv2D", {**config, "data_format": "channels_last", "dilation_rate": [1, 1]}, (takes,))


def blocks(count: int) -> list[dict[str, Any]]:
    """Residual blocks ``b0`` to ``bN``, each of two convolutions and a sum."""
    made = []
    for number in range(count):
        before = f"b{number - 1}_out" if number else "stem"
        made += [conv(f"b{number}_1", before), conv(f"b{number}_2", f"b{number}_1")]
        made.append(layer(f"b{number}_out", "Add", {}, (f"b{number}_2", before)))
    return made


def residual(count: int) -> dict[str, Any]:
    """A stem, blocks, and a head."""
    last = layer("pool", "GlobalAveragePooling2D", {"data_format": "channels_last"}, (f"b{count - 1}_out",))
    return functional([image(), conv("stem", "x"), *blocks(count), last, dense("head", "pool")], ["x"], ["head"])


def chain(names: Iterable[str], name: str = "m") -> dict[str, Any]:
    """Dense layers in a row."""
    row = ["x", *names]
    return functional([image("x", 4), *(dense(each, before) for before, each in pairwise(row))], ["x"], row[-1:], name)


def nested_twice(inner: Mapping[str, Any], name: str = "encoder") -> dict[str, Any]:
    """A model that calls another one on two inputs and adds what it gives."""
    entry = {"class_name": "Model", "name": name, "config": inner["config"], "inbound_nodes": []}
    entry["inbound_nodes"] = [[["left", 0, 0, {}]], [["right", 0, 0, {}]]]
    total = {**layer("sum", "Add", {}, ()), "inbound_nodes": [[[name, 1, 0, {}], [name, 2, 0, {}]]]}
    return functional([image("left", 4), image("right", 4), entry, total], ["left", "right"], ["sum"])


def written(folder: Path, document: Mapping[str, Any], name: str = "m.json") -> Path:
    """The document as a file."""
    path = folder / name
    path.write_text(json.dumps({**document, "keras_version": "2.4.0", "backend": "tensorflow"}), "utf-8")
    return path


def loaded(folder: Path, document: Mapping[str, Any], name: str = "m.json") -> Document:
    return load(written(folder, document, name))
