"""Models that no release of the corpus has: rewritten documents, and long chains built as text."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any


def edited(source: Path, target: Path, edit: Callable[[str], str]) -> Path:
    """A copy of a ``.json`` or ``.keras`` file with another architecture text."""
    if source.suffix == ".json":
        target.write_text(edit(source.read_text("utf-8")), "utf-8")
        return target
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for item in old.infolist():
            data = old.read(item)
            new.writestr(item, edit(data.decode("utf-8")).encode("utf-8") if item.filename == "config.json" else data)
    return target


def renamed(old: str, new: str) -> Callable[[str], str]:
    """An edit that gives a layer another name, wherever the document has it."""
    return lambda text: text.replace(json.dumps(old), json.dumps(new))


def of_class(layer: str, class_name: str) -> Callable[[str], str]:
    """An edit that gives a layer another class."""

    def edit(text: str) -> str:
        document = json.loads(text)
        entry = next(item for item in document["config"]["layers"] if item.get("name") == layer)
        entry["class_name"] = class_name
        if "module" in entry:
            entry |= {"module": None, "registered_name": class_name}
        return json.dumps(document)

    return edit


def configured(layer: str, **values: Any) -> Callable[[str], str]:
    """An edit that changes the config of a layer."""

    def edit(text: str) -> str:
        document = json.loads(text)
        next(item for item in document["config"]["layers"] if item.get("name") == layer)["config"] |= values
        return json.dumps(document)

    return edit


def chain(length: int) -> str:
    """The architecture of a Keras 3 model of so many Activation layers in a row."""

    def tensor(name: str) -> dict[str, Any]:
        config = {"shape": [None, 8], "dtype": "float32", "keras_history": [name, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": config}

    def layer(index: int) -> dict[str, Any]:
        name, before = f"a{index}", f"a{index - 1}" if index else "x"
        return {
            "module": "keras.layers",
            "class_name": "Activation",
            "config": {"name": name, "trainable": True, "dtype": "float32", "activation": "relu"},
            "registered_name": None,
            "build_config": {"input_shape": [None, 8]},
            "name": name,
            "inbound_nodes": [{"args": [tensor(before)], "kwargs": {}}],
        }

    first = {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 8], "dtype": "float32", "sparse": False, "name": "x"},
        "registered_name": None,
        "name": "x",
        "inbound_nodes": [],
    }
    config = {
        "name": "chain",
        "trainable": True,
        "layers": [first, *map(layer, range(length))],
        "input_layers": [["x", 0, 0]],
        "output_layers": [[f"a{length - 1}", 0, 0]],
    }
    frame = {"module": "keras.src.models.functional", "class_name": "Functional", "config": config}
    return json.dumps({**frame, "registered_name": "Functional", "build_config": {"input_shape": None}})
