"""Documents out of models, and back, for tests of surgery."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import configsplit
from configsplit import Document, Edited
from configsplit.dialects import to_text
from configsplit.graph.model import Model, TensorRef
from configsplit.graph.references import outputs_used

NOISE = {"class_name": "GaussianNoise", "config": {"stddev": 0.5}}


def document(model: Model, folder: Path, name: str = "model") -> Document:
    path = folder / f"{name}.json"
    path.write_text(to_text(model), "utf-8")
    return configsplit.load(path)


def reloaded(edited: Edited, folder: Path, name: str = "edited") -> Document:
    """What a user finds in the file."""
    return configsplit.load(edited.save(folder / f"{name}.json", force=True).path)


def layer_file(folder: Path, entry: dict[str, Any], name: str = "layer") -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(entry), "utf-8")
    return path


def surface_places(model: Model) -> list[str]:
    """A reference to every tensor of the surface."""
    used = outputs_used(model)
    return [written(TensorRef(layer, call, output)) for (layer, call), outputs in used.items() for output in outputs]


def written(ref: TensorRef) -> str:
    return f"{ref.layer}@{ref.call}:{ref.output}"
