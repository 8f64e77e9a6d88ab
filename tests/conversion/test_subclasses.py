"""Plain subclasses of Keras's own layers, which nobody has declared: their settings go to a constructor of the other Keras."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras

import configsplit
from configsplit.catalog.keras3.places import LOAD_THEIR_OWN
from configsplit.errors import WeightsError

BASES: dict[str, tuple[tuple[Any, ...], tuple[int, ...]]] = {
    "BatchNormalization": ((), (6, 6, 3)),
    "Conv2D": ((4, 3), (6, 6, 3)),
    "Conv2DTranspose": ((3, 2), (6, 6, 3)),
    "Dense": ((4, "tanh"), (6,)),
    "DepthwiseConv2D": ((3,), (6, 6, 3)),
    "Embedding": ((5, 3), (6,)),
    "GRU": ((4,), (6, 3)),
    "LayerNormalization": ((), (6, 3)),
    "LSTM": ((4,), (6, 3)),
    "SeparableConv2D": ((3, 2), (6, 6, 3)),
}
"""Class -> what its constructor is given, and the shape of a sample. Each rewrites something between Keras 2 and 3, or none."""

RECURRENT = ("GRU", "LSTM")
ROUNDED = {"BatchNormalization": 1e-6, "LayerNormalization": 1e-6}
"""For which Keras 2 has another kernel."""


def subclass(frame: Any, base: str) -> Any:
    """With a setting of its own, as people write them."""

    class Mine(getattr(frame.layers, base)):  # type: ignore[misc]
        def __init__(self, *args: Any, strength: float = 1.0, **more: Any) -> None:
            super().__init__(*args, **more)
            self.strength = strength

        def call(self, inputs: Any) -> Any:
            return super().call(inputs) * self.strength

        def get_config(self) -> Any:
            return {**super().get_config(), "strength": self.strength}

    if base in RECURRENT:  # Keras 3 goes by the names of what a call takes
        Mine.call = getattr(frame.layers, base).call
    return Mine


def model(frame: Any, base: str) -> Any:
    given, shape = BASES[base]
    x = frame.Input(shape)
    made = frame.Model(x, subclass(frame, base)(*given, strength=0.5, name="mine")(x))
    draw = np.random.default_rng(1)
    made.set_weights([draw.uniform(0.2, 0.9, each.shape).astype("float32") for each in made.get_weights()])
    return made


def batch(base: str) -> Any:
    return np.random.default_rng(0).uniform(0, 4, (2, *BASES[base][1])).astype("float32")


def held(base: str, wanted: Any, frame: Any, path: Path) -> None:
    again = frame.models.load_model(path, custom_objects={"Mine": subclass(frame, base)}, compile=False)
    made = np.asarray(again(batch(base), training=False))
    np.testing.assert_allclose(made, np.asarray(wanted), rtol=0, atol=ROUNDED.get(base, 0))
    assert np.ptp(made) > 0


@pytest.mark.in_turn("suffix")
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("base", BASES)
def test_it_goes_into_keras_3(base: str, suffix: str, tmp_path: Path) -> None:
    whole = model(tf_keras, base)
    whole.save(tmp_path / f"old{suffix}")
    done = configsplit.convert(tmp_path / f"old{suffix}")
    done.save(tmp_path / "new.keras")
    held(base, whole(batch(base), training=False), keras, tmp_path / "new.keras")
    if base == "BatchNormalization":
        assert any("a kind of BatchNormalization" in note.what for note in done.notes)


@pytest.mark.parametrize("base", BASES)
def test_it_goes_back_to_keras_2(base: str, tmp_path: Path) -> None:
    whole = model(keras, base)
    whole.save(tmp_path / "new.keras")
    configsplit.convert(tmp_path / "new.keras", to="keras2").save(tmp_path / "old.h5")
    held(base, whole(batch(base), training=False), tf_keras, tmp_path / "old.h5")


def test_what_has_no_equal_stays_as_the_class_has_it(tmp_path: Path) -> None:
    """A class of its own that has all the settings of one of Keras, and one of them with a value that Keras 3 does not take."""
    model = tf_keras.Sequential([tf_keras.Input((4, 4)), tf_keras.layers.BatchNormalization(axis=[1, 2], name="mine")])
    (tmp_path / "old.json").write_text(model.to_json().replace('"class_name": "BatchNormalization"', '"class_name": "Mine"'))
    made = configsplit.convert(tmp_path / "old.json").save(tmp_path / "new.json")
    (entry,) = [each for each in json.loads(made.path.read_text())["config"]["layers"] if each["class_name"] == "Mine"]
    assert entry["config"]["axis"] == [1, 2]


def holder(frame: Any, held: Any, *more: Any) -> Any:
    """A class that holds layers, and has no weights of its own."""

    class Holder(frame.layers.Layer):  # type: ignore[misc]
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.within = [make(frame.layers) for make in (held, *more)]

        def call(self, inputs: Any) -> Any:
            for layer in self.within:
                inputs = layer(inputs)
            return inputs

    return Holder


HELD: dict[str, Any] = {
    "Dense": lambda layers: layers.Dense(3, activation="tanh"),
    "BatchNormalization": lambda layers: layers.BatchNormalization(epsilon=0.0),
    "LSTM": lambda layers: layers.LSTM(4, return_sequences=True),
}


@pytest.mark.parametrize("kind", HELD)
def test_what_holds_one_layer_with_weights_goes_back_to_keras_2(kind: str, tmp_path: Path) -> None:
    x = keras.Input((6, 3))
    whole = keras.Model(x, holder(keras, HELD[kind], lambda layers: layers.Activation("linear"))(name="mine")(x))
    draw = np.random.default_rng(1)
    whole.set_weights([draw.uniform(0.2, 0.9, each.shape).astype("float32") for each in whole.get_weights()])
    whole.save(tmp_path / "new.keras")
    configsplit.convert(tmp_path / "new.keras", to="keras2").save(tmp_path / "old.h5")
    classes = {"Holder": holder(tf_keras, HELD[kind], lambda layers: layers.Activation("linear"))}
    again = tf_keras.models.load_model(tmp_path / "old.h5", custom_objects=classes, compile=False)
    given = draw.uniform(0, 4, (2, 6, 3)).astype("float32")
    made = np.asarray(again(given, training=False))
    atol = ROUNDED.get(kind, 0)
    np.testing.assert_allclose(made, np.asarray(whole(given, training=False)), rtol=0, atol=atol)
    assert np.ptp(made) > 0


@pytest.mark.parametrize("user", ["GlobalAveragePooling1D", "Softmax", "LSTM"])
def test_a_class_that_may_make_a_mask_makes_it_in_both(user: str, tmp_path: Path) -> None:
    """Where none but classes of the user's own could make one, their code decides, in Keras 2 as in Keras 3."""
    given = {"LSTM": {"units": 2}}.get(user, {})
    x = keras.Input((6, 3))
    mine = holder(keras, HELD["Dense"], HELD["Dense"])(name="mine")(x)
    whole = keras.Model(x, getattr(keras.layers, user)(**given)(mine))
    whole.save(tmp_path / "new.h5")
    configsplit.convert(tmp_path / "new.h5", to="keras2").save(tmp_path / "old.h5")
    classes = {"Holder": holder(tf_keras, HELD["Dense"], HELD["Dense"])}
    again = tf_keras.models.load_model(tmp_path / "old.h5", custom_objects=classes, compile=False)
    batch = np.random.default_rng(1).uniform(0, 4, (2, 6, 3)).astype("float32")
    made = np.asarray(again(batch, training=False))
    assert np.array_equal(made, np.asarray(whole(batch, training=False)))
    assert np.ptp(made) > 0


def test_what_holds_two_layers_does_not_tell_in_which_order(tmp_path: Path) -> None:
    x = keras.Input((6, 3))
    whole = keras.Model(x, holder(keras, HELD["Dense"], HELD["LSTM"])(name="mine")(x))
    whole.save(tmp_path / "new.keras")
    with pytest.raises(WeightsError) as caught:
        configsplit.convert(tmp_path / "new.keras", to="keras2").save(tmp_path / "old.h5")
    assert caught.value.code == "layout-unknown"


def spectral(frame: Any) -> Any:
    class Spectral(frame.layers.Conv1D):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            super().build(shape)
            self.u = self.add_weight(name="u", shape=(1, self.filters), initializer="random_normal", trainable=False)

        def call(self, inputs: Any) -> Any:
            return super().call(inputs) * self.u

    return Spectral


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_weights_besides_those_of_the_base_are_not_left_to_a_class_that_loads_its_own_alone(
    suffix: str, tmp_path: Path
) -> None:
    """Keras 3 would load such an archive, and leave the others as they were made."""
    x = tf_keras.Input((6, 3))
    tf_keras.Model(x, spectral(tf_keras)(4, 2, name="mine")(x)).save(tmp_path / f"old{suffix}")
    made = configsplit.convert(tmp_path / f"old{suffix}")
    assert [(each.layer, each.code) for each in made.refusals] == [("mine", "convert-weights-unknown")]


NO_KERNEL = {
    *("Discretization", "Hashing", "IntegerLookup", "Layer", "Normalization", "StringLookup", "TextVectorization"),
    "TorchModuleWrapper",
}
"""Besides the base of all those that look numbers up, are adapted, or come from PyTorch."""


def test_which_classes_load_their_own_weights_alone() -> None:
    own = {
        each.__name__
        for each in vars(keras.layers).values()
        if hasattr(each, "load_own_variables")
        and each.load_own_variables.__qualname__.partition(".")[0] in (each.__name__, "BaseConv")
    }
    assert own >= LOAD_THEIR_OWN
    assert own - LOAD_THEIR_OWN <= NO_KERNEL


def scaled(frame: Any) -> Any:
    class Scaled(frame.layers.Wrapper):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            if not self.layer.built:
                self.layer.build(shape)
            self.g = self.add_weight(name="g", shape=(self.layer.kernel.shape[-1],))
            super().build()

        def call(self, inputs: Any) -> Any:
            return self.layer(inputs) * self.g

    return Scaled


@pytest.mark.parametrize("inner", ["Dense", "Conv1D"])
def test_a_wrapper_keeps_the_weights_of_its_layer_in_that(inner: str, tmp_path: Path) -> None:
    given = (4,) if inner == "Dense" else (4, 2)
    x = tf_keras.Input((6, 3))
    whole = tf_keras.Model(x, scaled(tf_keras)(getattr(tf_keras.layers, inner)(*given), name="mine")(x))
    draw = np.random.default_rng(1)
    whole.set_weights([draw.uniform(0.2, 0.9, each.shape).astype("float32") for each in whole.get_weights()])
    whole.save(tmp_path / "old.h5")
    configsplit.convert(tmp_path / "old.h5").save(tmp_path / "new.keras")
    again = keras.models.load_model(tmp_path / "new.keras", custom_objects={"Scaled": scaled(keras)}, compile=False)
    batch = draw.uniform(0, 4, (2, 6, 3)).astype("float32")
    assert np.array_equal(np.asarray(again(batch, training=False)), np.asarray(whole(batch, training=False)))


class Apart(keras.layers.Layer):  # type: ignore[misc]
    """Whose second argument nobody but its code calls by its name."""

    def call(self, one: Any, other: Any = None) -> Any:
        return one - other


def test_arguments_of_an_undeclared_class_are_given_no_name_that_it_may_not_have(tmp_path: Path) -> None:
    """In Keras 2 what stands behind the first has to be called by its name; it was written as ``training``."""
    one, other = keras.Input((3,)), keras.Input((3,))
    keras.Model([one, other], Apart(name="mine")(one, other)).save(tmp_path / "new.h5")
    made = configsplit.convert(tmp_path / "new.h5", to="keras2")
    assert [(each.layer, each.code) for each in made.refusals] == [("mine", "convert-call")]
    keras.Model([one, other], Apart(name="mine")(one, other=other)).save(tmp_path / "new.h5")
    assert not configsplit.convert(tmp_path / "new.h5", to="keras2").refusals


def nameless(frame: Any) -> Any:
    class Nameless(frame.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.w = self.add_weight(name="w", shape=(shape[-1],) * 2)

        def call(self, inputs: Any) -> Any:
            return inputs @ self.w

        def get_config(self) -> Any:
            return {}

    return Nameless


@pytest.mark.parametrize(("to", "frame"), [("keras2", tf_keras), ("keras3", keras)])
def test_a_layer_without_a_name_keeps_its_weights(to: Any, frame: Any, tmp_path: Path) -> None:
    mine, dense = nameless(keras), keras.layers.Dense
    whole = keras.Sequential([keras.Input((3,)), dense(3), mine(), dense(4), mine(), dense(2)])
    draw = np.random.default_rng(1)
    whole.set_weights([draw.uniform(0.2, 0.9, each.shape).astype("float32") for each in whole.get_weights()])
    whole.save(tmp_path / "new.h5")
    path = tmp_path / ("old.h5" if to == "keras2" else "today.keras")
    configsplit.convert(tmp_path / "new.h5", to=to).save(path)
    again = frame.models.load_model(path, custom_objects={"Nameless": nameless(frame)}, compile=False)
    batch = draw.uniform(0, 4, (2, 3)).astype("float32")
    assert np.array_equal(np.asarray(again(batch, training=False)), np.asarray(whole(batch, training=False)))
