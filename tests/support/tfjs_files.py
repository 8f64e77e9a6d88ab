"""Layers models of TensorFlow.js, written as its converter documents them, out of whole-model HDF5 files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def as_tfjs(model: Path, folder: Path, *, shard: int = 4 << 20) -> Path:
    """The ``model.json`` of a folder with the architecture and weights of an ``.h5`` file, in shards of so many bytes."""
    folder.mkdir()
    entries: list[dict[str, Any]] = []
    row = b""
    with h5py.File(model) as file:
        topology = {
            "keras_version": _text(file.attrs["keras_version"]),
            "backend": _text(file.attrs["backend"]),
            "model_config": json.loads(file.attrs["model_config"]),
        }
        for layer in map(_text, file["model_weights"].attrs["layer_names"]):
            group = file["model_weights"][layer]
            for name in map(_text, group.attrs["weight_names"]):
                values = np.asarray(group[name])
                entries.append({"name": name.removesuffix(":0"), "shape": list(values.shape), "dtype": str(values.dtype)})
                row += values.tobytes()
    pieces = [row[at : at + shard] for at in range(0, len(row), shard)]
    names = [f"group1-shard{number + 1}of{len(pieces)}.bin" for number in range(len(pieces))]
    for name, piece in zip(names, pieces, strict=True):
        (folder / name).write_bytes(piece)
    found = {
        "format": "layers-model",
        "generatedBy": f"keras v{topology['keras_version']}",
        "convertedBy": "TensorFlow.js Converter v4.22.0",
        "modelTopology": topology,
        "weightsManifest": [{"paths": names, "weights": entries}],
    }
    (folder / "model.json").write_text(json.dumps(found))
    return folder / "model.json"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
