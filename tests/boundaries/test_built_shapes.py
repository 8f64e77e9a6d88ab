"""Shapes that ``build_config`` tells, behind classes that nobody has declared; what it does not tell is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import pytest

import configsplit
from configsplit.errors import ShapeError
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.runtime.frameworks import framework


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


def row(tmp_path: Path, *behind: dict[str, Any], chained: bool = False) -> configsplit.Document:
    """``Mine``, and one layer behind the other: as a functional model, or as a Sequential."""
    names = ["i", "mine", *(each["config"]["name"] for each in behind)]
    layers = [FIRST, entry("Mine", "mine", [None, 6]), *behind]
    config: dict[str, Any] = {"name": "m", "layers": layers}
    if not chained:
        taken = [[], *([[[name, 0, 0, {}]]] for name in names)]
        layers = [{**each, "name": name, "inbound_nodes": node} for each, name, node in zip(layers, names, taken, strict=False)]
        config |= {"layers": layers, "input_layers": [["i", 0, 0]], "output_layers": [[names[-1], 0, 0]]}
    place = tmp_path / "m.json"
    whole = {"class_name": "Sequential" if chained else "Functional", "config": config, "keras_version": "2.15.0"}
    place.write_text(json.dumps(whole))
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


RELU = entry("Activation", "act", None, activation="relu")
BETWEEN: dict[str, tuple[list[dict[str, Any]], list[int | None]]] = {
    "a ReLU": ([RELU], [None, 9]),
    "a ReLU and a Dropout": ([RELU, entry("Dropout", "drop", None, rate=0.5)], [None, 9]),
    "a Flatten that was built": ([entry("Flatten", "flat", [None, 3, 3], data_format="channels_last")], [None, 3, 3]),
    "a ReLU before that": ([RELU, entry("Flatten", "flat", [None, 3, 3], data_format="channels_last")], [None, 3, 3]),
}


@pytest.mark.parametrize("kind", BETWEEN)
@pytest.mark.parametrize("chained", [False, True])
def test_layers_that_hand_numbers_on_tell_what_those_behind_them_do(kind: str, chained: bool, tmp_path: Path) -> None:
    between, shape = BETWEEN[kind]
    found = row(tmp_path, *between, TAKERS["Dense"][0], chained=chained)
    assert found.infer().specs[TensorRef("mine")] == TensorSpec(tuple(shape), "float32")
    assert configsplit.split(found, "mine").split.parts[1].model.layers[0].spec == TensorSpec(tuple(shape), "float32")


NOT_ON = {
    "a tanh, which whole numbers do not pass": [entry("Activation", "act", [None, 9], activation="tanh")],
    "a Dense that was never built": [entry("Dense", "first", None, units=9, use_bias=True, activation="relu")],
    "a Flatten of which nobody says what it takes": [entry("Flatten", "flat", None, data_format="channels_last")],
    "a class of somebody's own": [entry("Other", "other", [None, 9])],
}


@pytest.mark.parametrize("between", NOT_ON.values(), ids=NOT_ON)
def test_nothing_is_told_through_what_computes(between: list[dict[str, Any]], tmp_path: Path) -> None:
    assert row(tmp_path, *between, TAKERS["Dense"][0]).infer().specs[TensorRef("mine")].shape is None


def test_what_is_told_inside_a_nested_model_holds_there(tmp_path: Path) -> None:
    inside = row(tmp_path, RELU, TAKERS["Dense"][0]).path
    inner = json.loads(inside.read_text()) | {"name": "inner", "inbound_nodes": [[["start", 0, 0, {}]]]}
    start = {**FIRST, "name": "start", "inbound_nodes": []}
    start["config"] = start["config"] | {"name": "start"}
    ends = {"input_layers": [["start", 0, 0]], "output_layers": [["inner", 1, 0]]}
    config = {"name": "outer", "layers": [start, inner], **ends}
    inside.write_text(json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.15.0"}))
    parts = configsplit.split(configsplit.load(inside), "inner/mine").split.parts
    assert parts[1].model.layers[0].spec == TensorSpec((None, 9), "float32")


def test_takers_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    found = document(tmp_path, *UNTOLD["two that differ"])
    said = "mine: 'd' was built on (None, 9), but 'e' on (None, 8)"
    assert any(said in note for note in configsplit.inspect(found).notes)
    with pytest.raises(ShapeError, match="'d' was built on"):
        configsplit.split(found, "mine")


def test_what_was_built_on_something_else_is_told_and_not_believed(tmp_path: Path) -> None:
    found = row(tmp_path, entry("Dense", "first", [None, 9], units=4, use_bias=True), entry("Dense", "d", [None, 5], units=2))
    given = found.infer({TensorRef("mine"): TensorSpec((None, 9), "float32")})
    assert given.specs[TensorRef("first")].shape == (None, 4)
    assert [*found.infer().contradictions] == [TensorRef("first")]
    assert any("first: (None, 4), but 'd' was built on (None, 5)" in note for note in configsplit.inspect(found).notes)


def test_so_is_an_input(tmp_path: Path) -> None:
    layers = [{**FIRST, "name": "i", "inbound_nodes": []}]
    layers.append({**entry("Dense", "d", [None, 7], units=2, use_bias=True), "name": "d", "inbound_nodes": [[["i", 0, 0, {}]]]})
    config = {"name": "m", "layers": layers, "input_layers": [["i", 0, 0]], "output_layers": [["d", 0, 0]]}
    place = tmp_path / "m.json"
    place.write_text(json.dumps({"class_name": "Functional", "config": config, "keras_version": "2.15.0"}))
    found = configsplit.load(place)
    assert found.infer().specs[TensorRef("i")].shape == (None, 6)
    assert any("i: (None, 6), but 'd' was built on (None, 7)" in note for note in configsplit.inspect(found).notes)


UNTOLD = {
    "no weights": [entry("Activation", "d", [None, 9], activation="relu")],
    "looks numbers up": [entry("Embedding", "d", [None, 9], input_dim=5, output_dim=2)],
    "no build_config": [entry("Dense", "d", None, units=2, use_bias=True)],
    "a custom class": [entry("Other", "d", [None, 9])],
    "two that differ": [TAKERS["Dense"][0], entry("Dense", "e", [None, 8], units=2, use_bias=True)],
    "one that does not tell": [TAKERS["Dense"][0], entry("Activation", "e", [None, 9], activation="tanh")],
    "one that hands it to nobody": [TAKERS["Dense"][0], entry("Activation", "e", [None, 9], activation="relu")],
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


@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_layers_that_are_used_again_at_another_size_contradict_nothing(name: str, tmp_path: Path) -> None:
    """Transfer learning: what they were built on first still stands in their build_config."""
    k = framework(name).module
    conv, dense = k.layers.Conv2D(3, 3, name="c"), k.layers.Dense(4, name="d")
    dense(conv(k.layers.Input((64, 64, 3))))
    k.Sequential([k.layers.Input((32, 32, 3)), conv, dense]).save(path := tmp_path / "again.keras")
    assert not [note for note in configsplit.inspect(path).notes if "was built on" in note]
    assert configsplit.split(path, at="c").save(tmp_path / "parts").manifest.warnings == ()


def test_a_layer_is_put_behind_a_class_of_which_only_the_taker_tells(tmp_path: Path) -> None:
    """While it is attached, the tensor has two takers, and the new one says nothing."""
    found = document(tmp_path, TAKERS["Dense"][0])
    fragment = {"class_name": "Activation", "config": {"name": "probe", "activation": "linear"}}
    made = configsplit.insert(found, after="mine", model=fragment)
    assert made.model.by_name()["d"].calls[0].uses()[0].ref == TensorRef("probe")
    wrong = {"class_name": "Dense", "config": {"name": "probe", "units": 4}}
    with pytest.raises(ShapeError, match="needs"):
        configsplit.insert(found, after="mine", model=wrong)


def test_what_is_recorded_of_a_tensor_stays_with_it_when_a_layer_is_put_behind_it(tmp_path: Path) -> None:
    """Keras 3 records it where it is taken, and only one layer takes it; without the record it could be cut there no more."""

    class Mine(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x * 2

    start = keras.Input((6,))
    keras.Model(start, keras.layers.Dense(2, name="end")(Mine(name="mine")(start))).save(path := tmp_path / "model.keras")
    fragment = {"class_name": "Activation", "config": {"name": "probe", "activation": "linear"}}
    configsplit.insert(path, after="mine", model=fragment).save(more := tmp_path / "more.keras")
    assert configsplit.load(more).infer().specs[TensorRef("mine")] == TensorSpec((None, 6), "float32")
    configsplit.remove(more, "probe").save(less := tmp_path / "less.keras")
    assert configsplit.load(less).infer().specs[TensorRef("mine")] == TensorSpec((None, 6), "float32")
