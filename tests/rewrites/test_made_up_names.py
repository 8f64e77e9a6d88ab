"""An architecture and weights of two runs of one program: they differ in numbers that Keras made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tf_keras

import configsplit
from configsplit.errors import WeightsError
from configsplit.models.document import Document

ROWS = np.linspace(-1, 1, 18, dtype="float32").reshape(3, 6)
SUFFIX = {keras: ".weights.h5", tf_keras: ".h5"}
WHOLE = {keras: "keras", tf_keras: "h5"}


def built(of: Any, deep: bool) -> Any:
    given = of.Input((6,))
    flow = of.layers.BatchNormalization()(of.layers.Dense(6)(given))
    flow = of.layers.Dense(6, name="mine")(of.layers.Dropout(0.1)(flow))
    if deep:
        inside = of.Input((6,))
        flow = of.Model(inside, of.layers.Dense(6)(of.layers.BatchNormalization()(of.layers.Dense(6)(inside))))(flow)
        flow = of.Sequential([of.layers.Dense(6), of.layers.Dense(6)], name="own")(flow)
    return of.Model(given, of.layers.Dense(6)(flow))


def pair(of: Any, place: Path, deep: bool) -> tuple[Document, Any]:
    """What two runs saved, and the model as Keras's own `load_weights` makes it of both."""
    of.backend.clear_session()
    first, second = built(of, deep), built(of, deep)
    rng = np.random.default_rng(0)
    for weight in second.weights:
        weight.assign(rng.random(tuple(weight.shape)))
    (place / "m.json").write_text(first.to_json())
    second.save_weights(place / f"w{SUFFIX[of]}")
    first.load_weights(place / f"w{SUFFIX[of]}")
    return configsplit.load(place / "m.json", weights=place / f"w{SUFFIX[of]}"), first


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("of", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_weights_are_those_that_keras_loads(of: Any, deep: bool, tmp_path: Path) -> None:
    document, live = pair(of, tmp_path, deep)
    last = live.layers[-1].name
    ends = ["mine", last, *([f"{live.layers[5].name}/{live.layers[5].layers[2].name}", "own"] if deep else [])]
    for at in ends:
        saved = configsplit.extract(document, to=at).save(tmp_path / f"part.{WHOLE[of]}", force=True)
        assert any("made-up names" in warning for warning in saved.record.warnings)
        if at in ("mine", last, "own"):
            wanted = of.Model(live.inputs, live.get_layer(at).get_output_at(0) if of is tf_keras else live.get_layer(at).output)
            assert np.array_equal(of.models.load_model(saved.path)(ROWS), wanted(ROWS))
    made = configsplit.split(document, ends[-1] if deep else "mine").save(tmp_path / "parts", to=WHOLE[of])
    assert any("made-up names" in warning for warning in made.manifest.warnings)
    flow = ROWS
    for number in range(2):
        flow = of.models.load_model(tmp_path / "parts" / f"part-{number}.{WHOLE[of]}")(flow)
    assert np.array_equal(flow, live(ROWS))
    assert any("made-up names" in note for note in configsplit.inspect(document).notes)
    assert configsplit.inspect(document).parameters == live.count_params()


@pytest.mark.parametrize("deep", [False, True])
def test_a_pair_is_converted(deep: bool, tmp_path: Path) -> None:
    document, live = pair(tf_keras, tmp_path, deep)
    made = configsplit.convert(document)
    assert any("made-up names" in note.what for note in made.notes)
    made.save(tmp_path / "new.keras")
    assert np.allclose(keras.models.load_model(tmp_path / "new.keras")(ROWS), live(ROWS), atol=1e-5)


def test_names_that_are_the_same_need_no_word(tmp_path: Path) -> None:
    model = built(tf_keras, deep=True)
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "w.h5")
    document = configsplit.load(tmp_path / "m.json", weights=tmp_path / "w.h5")
    assert configsplit.extract(document, to="mine").save(tmp_path / "part.h5").record.warnings == ()


def renamed(file: Path, names: dict[str, str], order: list[str] | None = None) -> None:
    with h5py.File(file, "r+") as opened:
        for old in names:
            opened.move(old, f"{old}~")
        for old, new in names.items():
            opened.move(f"{old}~", new)
        listed = [names.get(name, name) for name in opened.attrs["layer_names"]]
        opened.attrs["layer_names"] = [name.encode() for name in order or listed]


@pytest.mark.parametrize(
    ("names", "order", "code"),
    [
        ({"a": "z"}, None, "weights-unclaimed"),  # a name of the user's
        ({"dense": "dense_7", "dense_1": "dense_6"}, None, "weights-unclaimed"),  # its numbers tell another order
        ({"dense": "dense_6", "dense_1": "dense_7"}, ["a", "dense_7", "dense_6"], "weights-unclaimed"),  # so does its order
        ({"dense": "conv1d_4"}, None, "weights-unclaimed"),  # another class
        ({"dense": "dense_6", "dense_1": "prelu"}, None, "weights-unclaimed"),
        ({"dense": "dense_6", "dense_1": "dense_7", "a": "dense_8"}, None, "weights-unclaimed"),
    ],
)
def test_what_differs_in_more_is_refused(names: dict[str, str], order: list[str] | None, code: str, tmp_path: Path) -> None:
    tf_keras.backend.clear_session()
    layers = [tf_keras.layers.Dense(4, name="a"), tf_keras.layers.Dense(4), tf_keras.layers.Dense(4)]
    model = tf_keras.Sequential([tf_keras.Input((4,)), *layers])
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "w.h5")
    renamed(tmp_path / "w.h5", names, order)
    with pytest.raises(WeightsError) as caught:
        configsplit.extract(configsplit.load(tmp_path / "m.json", weights=tmp_path / "w.h5"), to="a").save(tmp_path / "p.h5")
    assert caught.value.code == code


def test_shapes_have_to_fit(tmp_path: Path) -> None:
    def chain(*units: int) -> Any:
        return tf_keras.Sequential([tf_keras.Input((4,)), *map(tf_keras.layers.Dense, units)])

    tf_keras.backend.clear_session()
    (tmp_path / "m.json").write_text(chain(4, 5, 6).to_json())
    chain(4, 5, 7).save_weights(tmp_path / "w.h5")
    document = configsplit.load(tmp_path / "m.json", weights=tmp_path / "w.h5")
    with pytest.raises(WeightsError) as caught:
        configsplit.extract(document, to="dense").save(tmp_path / "p.h5")
    assert caught.value.code == "weights-shape"
    found = configsplit.inspect(document)
    assert (found.parameters, found.parameters_from) == (20 + 25 + 36, "the layers' configurations")


@pytest.mark.parametrize("shuffled", [("dense_1", "dense"), ("dense_3", "dense_2"), ("own", "dense")])
def test_names_beside_weights_that_tell_another_order_are_refused(shuffled: tuple[str, str], tmp_path: Path) -> None:
    keras.backend.clear_session()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4)])
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "r+") as opened:
        for place, name in zip(("layers/dense/vars", "layers/dense_1/vars"), shuffled, strict=True):
            opened[place].attrs["name"] = name
    document = configsplit.load(tmp_path / "m.json", weights=tmp_path / "w.weights.h5")
    with pytest.raises(WeightsError) as caught:
        configsplit.extract(document, to="dense").save(tmp_path / "p.keras")
    assert caught.value.code == "weights-misplaced"
