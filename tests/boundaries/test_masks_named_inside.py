"""A mask that may come out of a class inside a nested model: what is to be declared is that class, not the model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import configsplit
from configsplit.errors import CutError


def entry(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


def called(layer: dict[str, Any], *names: str, node: int = 0) -> dict[str, Any]:
    nodes = [[[name, node, 0, {}] for name in names]] if names else []
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": nodes}


FIRST = entry("InputLayer", "ids", batch_input_shape=[None, 5], dtype="int32", sparse=False)
EMBEDDING = entry("Embedding", "emb", input_dim=9, output_dim=4, mask_zero=True, dtype="float32")
MINE = entry("Mine", "mine")
OUTER = [
    called(FIRST),
    called(EMBEDDING, "ids"),
    None,
    called(entry("Dropout", "drop", rate=0.5), "inner", node=1),
    called(entry("LSTM", "lstm", units=3, dtype="float32"), "drop"),
]


def document(inner: dict[str, Any], tmp_path: Path) -> Path:
    layers = [called(inner, "emb") if each is None else each for each in OUTER]
    config = {"name": "m", "layers": layers, "input_layers": [["ids", 0, 0]], "output_layers": [["lstm", 0, 0]]}
    place = tmp_path / "m.json"
    place.write_text(json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.15.0"}))
    return place


def sequential() -> dict[str, Any]:
    shape = {"batch_input_shape": [None, 5, 4], "dtype": "float32"}
    return entry("Sequential", "inner", layers=[entry("InputLayer", "given", sparse=False, **shape), MINE])


def functional() -> dict[str, Any]:
    given = called(entry("InputLayer", "given", batch_input_shape=[None, 5, 4], dtype="float32", sparse=False))
    ends = {"input_layers": [["given", 0, 0]], "output_layers": [["mine", 0, 0]]}
    return entry("Functional", "inner", layers=[given, called(MINE, "given")], **ends)


@pytest.mark.parametrize("inner", [sequential(), functional()], ids=["sequential", "functional"])
def test_the_class_inside_is_named(inner: dict[str, Any], tmp_path: Path) -> None:
    read = configsplit.load(document(inner, tmp_path))
    with pytest.raises(CutError, match="no plug-in declares whether Mine") as caught:
        configsplit.split(read, "drop", shapes=["drop=None,5,4"])
    assert (caught.value.code, caught.value.where) == ("cut-mask-unknown", "inner/mine")
    assert "class_name='Mine'" in caught.value.hint
