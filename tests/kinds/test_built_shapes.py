"""Shapes that ``build_config`` tells, behind classes that nobody has declared; what it does not tell is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import configsplit
from configsplit.errors import ShapeError
from configsplit.graph.model import TensorRef, TensorSpec


def entry(class_name: str, name: str, built: Any, **config: Any) -> dict[str, Any]:
    made = {"class_name": class_name, "config": {"name": name, "trainable": True, "dtype": "float32", **config}}
    return made if built is None else {**made, "build_config": {"input_shape": built}}


FIRST = entry("InputLayer", "i", None, batch_input_shape=[None, 6], sparse=False, ragged=False)
TAKERS: dict[str, tuple[dict[str, Any], list[int | None]]] = {
    "Dense": (entry("Dense", "d", [None, 9], units=2, use_bias=True), [None, 9]),
    "Dense without bias": (entry("Dense", "d", [32, 9], units=2, use_bias=False), [None, 9]),
    "Conv1D": (
        entry("Conv1D", "d", [None, None, 3], filters=2, kernel_size=[1], strides=[1], padding="same", use_bias=True),
        [None, None, 3],
    ),
    "LSTM": (entry("LSTM", "d", [None, 4, 3], units=2, use_bias=True), [None, 4, 3]),
    "BatchNormalization": (entry("BatchNormalization", "d", [None, 7], axis=[1], center=True, scale=True), [None, 7]),
}


def document(tmp_path: Path, *takers: dict[str, Any], outputs: tuple[str, ...] = ()) -> configsplit.Document:
    """``Mine``, a class that nobody declared, and what takes what it gives."""
    layers = [{**FIRST, "name": "i", "inbound_nodes": []}]
    layers.append({**entry("Mine", "mine", [None, 6]), "name": "mine", "inbound_nodes": [[["i", 0, 0, {}]]]})
    names = [taker["config"]["name"] for taker in takers]
    layers += [
        {**taker, "name": name, "inbound_nodes": [[["mine", 0, 0, {}]]]} for taker, name in zip(takers, names, strict=True)
    ]
    ends = [[name, 0, 0] for name in (*names, *outputs)]
    config = {"name": "m", "layers": layers, "input_layers": [["i", 0, 0]], "output_layers": ends}
    place = tmp_path / "m.json"
    place.write_text(json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.15.0"}))
    return configsplit.load(place)


@pytest.mark.parametrize("taker", TAKERS)
def test_what_the_taker_was_built_on_tells_what_it_takes(taker: str, tmp_path: Path) -> None:
    layer, shape = TAKERS[taker]
    found = document(tmp_path, layer)
    assert found.infer().specs[TensorRef("mine")] == TensorSpec(tuple(shape), "float32")
    if taker == "LSTM":
        return  # which uses a mask that the class may make: the user has to say
    parts = configsplit.split(found, "mine")
    assert parts.split.parts[1].model.layers[0].spec == TensorSpec(tuple(shape), "float32")


UNTOLD = {
    "no weights": [entry("Activation", "d", [None, 9], activation="relu")],
    "looks numbers up": [entry("Embedding", "d", [None, 9], input_dim=5, output_dim=2)],
    "no build_config": [entry("Dense", "d", None, units=2, use_bias=True)],
    "a custom class": [entry("Other", "d", [None, 9])],
    "two that differ": [TAKERS["Dense"][0], entry("Dense", "e", [None, 8], units=2, use_bias=True)],
    "one that does not tell": [TAKERS["Dense"][0], entry("Activation", "e", [None, 9], activation="relu")],
    "no one shape": [entry("Dense", "d", [[None, 9], [None, 9]], units=2, use_bias=True)],
}


@pytest.mark.parametrize("takers", UNTOLD.values(), ids=UNTOLD)
def test_where_nothing_tells_for_certain_it_is_asked_for(takers: list[dict[str, Any]], tmp_path: Path) -> None:
    with pytest.raises(ShapeError) as caught:
        configsplit.split(document(tmp_path, *takers), "mine")
    assert caught.value.code == "shape-unknown"


def test_an_output_may_be_of_any_type(tmp_path: Path) -> None:
    found = document(tmp_path, TAKERS["Dense"][0], outputs=("mine",))
    assert found.infer().specs[TensorRef("mine")].shape is None


def test_a_record_of_the_document_and_the_user_win(tmp_path: Path) -> None:
    found = document(tmp_path, TAKERS["Dense"][0])
    given = found.infer({TensorRef("mine"): TensorSpec((None, 8), "float16")})
    assert given.specs[TensorRef("mine")] == TensorSpec((None, 8), "float16")
