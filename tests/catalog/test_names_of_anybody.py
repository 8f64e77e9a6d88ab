"""Classes of the user's own that bear the name of one of Keras, in files that say which module a class is of, or do not."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from support.constructors import samples

import configsplit
from configsplit.catalog.constructors import bases_of, constructor, of_another_class
from configsplit.errors import ShapeError

OWN: dict[str, dict[str, Any]] = {
    "Attention": {"step_dim": 20, "bias": True},
    "AdditiveAttention": {"units": 6, "score": "luong"},  # one key is like `use_scale` or `score_mode`, and the other is not
    "LayerNormalization": {"eps": 1e-6},
    "MultiHeadAttention": {"d_model": 8, "num_heads": 2},
    "Highway": {},
    "MaxoutDense": {"pieces": 2, "width": 5},
}


@pytest.mark.parametrize("name", OWN)
def test_it_is_told_by_its_config(name: str) -> None:
    assert of_another_class(name, {"name": "a", "trainable": True, "dtype": "float32", **OWN[name]}, "keras2")


KERAS: dict[str, dict[str, Any]] = {
    "Attention": {"use_scale": True},
    "Dense": {"units": 3, "tau": 1},
    "GaussianNoise": {"std": 0.1},
    "MultiHeadAttention": {"num_heads": 2, "key_dim": 4, "tau": 1},
    "Highway": {"init": "glorot_uniform", "bias": True},
    "Flatten": {},
    "Unheard": {"tau": 1},
}


@pytest.mark.parametrize("name", KERAS)
def test_a_class_of_keras_stays_one_also_with_a_key_too_many_or_misspelt(name: str) -> None:
    assert not of_another_class(name, {"name": "a", "trainable": True, "dtype": "float32", **KERAS[name]}, "keras2")


@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
def test_every_class_of_keras_with_all_its_keys_is_one(dialect: str) -> None:
    for name in ("Conv2D", "LSTM", "Attention", "BatchNormalization", "Rescaling", "Identity", "GroupNormalization"):
        known = constructor(name, dialect)
        if known is not None:
            assert not of_another_class(name, dict.fromkeys(known.keys), dialect), name


@pytest.mark.parametrize(("dialect", "name"), [("keras2", "tf_keras"), ("keras3", "keras")])
def test_what_a_subclass_derives_from(dialect: str, name: str) -> None:
    """With a setting of its own. Classes that differ in nothing but their name, as pooling ones, may stand for each other."""
    told = 0
    for base, layer in samples(importlib.import_module(name)).items():
        config = layer.get_config()
        found = bases_of({**config, "power": 2}, dialect)
        taken = [known.keys & config.keys() for each in (base, *found) if (known := constructor(each, dialect)) is not None]
        assert not found or all(keys == taken[0] for keys in taken), (base, found)
        told += base in found
    assert told > 20
    assert bases_of({"name": "a", "units": 3}, dialect) == ()


def test_a_highway_of_the_users_own_does_not_make_it_a_file_of_keras_1(tmp_path: Path) -> None:
    entries = [
        {"class_name": "InputLayer", "name": "i", "config": {"name": "i", "batch_shape": [None, 4]}, "inbound_nodes": []},
        {
            "class_name": "Highway",
            "name": "h",
            "config": {"name": "h", "trainable": True},
            "inbound_nodes": [
                {
                    "args": [
                        {
                            "class_name": "__keras_tensor__",
                            "config": {"shape": [None, 4], "dtype": "float32", "keras_history": ["i", 0, 0]},
                        }
                    ],
                    "kwargs": {},
                }
            ],
        },
    ]
    config = {"name": "m", "layers": entries, "input_layers": [["i", 0, 0]], "output_layers": [["h", 0, 0]]}
    (tmp_path / "m.json").write_text(json.dumps({"class_name": "Functional", "config": config}), "utf-8")
    document = configsplit.load(tmp_path / "m.json")
    assert document.dialect == "keras3"
    assert document.infer().facts(document.model.by_name()["h"]) is None


def homonyms(keras: Any) -> tuple[Any, Any, Any]:
    """Classes of this module, which no package registers: Keras writes the name of the module."""

    class UpSampling1D(keras.layers.Layer):  # type: ignore[misc]
        """Says each step three times."""

        def call(self, x: Any) -> Any:
            return keras.layers.concatenate([x, x, x], axis=1)

        def compute_output_shape(self, shape: Any) -> Any:
            return (shape[0], 3 * shape[1], *shape[2:])

    class Flatten(keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    class GRUCell(keras.layers.GRUCell):  # type: ignore[misc]
        """Holds a weight more."""

        def build(self, shape: Any) -> None:
            super().build(shape)
            self.more = self.add_weight(name="more", shape=(self.units,))

    return UpSampling1D, Flatten, GRUCell


@pytest.mark.parametrize("name", ["tf_keras", "keras"])
def test_a_module_that_is_not_of_keras_has_classes_of_its_own(name: str, tmp_path: Path) -> None:
    """Taken for those of Keras, they gave other shapes, and parts that were proven and could not run."""
    keras = importlib.import_module(name)
    up, flatten, cell = homonyms(keras)
    layers = keras.layers
    flow = start = layers.Input((5, 4))
    named = [
        up(name="at"),
        layers.Conv1D(4, 3),
        layers.TimeDistributed(flatten(), name="steps"),
        layers.RNN(cell(4), return_sequences=True, name="rnn"),
        layers.Conv1D(2, 2, name="end"),
    ]
    for layer in named:
        flow = layer(flow)
    keras.Model(start, flow).save(path := tmp_path / "model.keras")
    document = configsplit.load(path)
    inference, found = document.infer(), document.model.by_name()
    assert inference.facts(found["at"]) is None
    for each in ("steps", "rnn"):
        with pytest.raises(ShapeError, match="no rule for the"):
            inference.table.weights(inference.facts(found[each]), inference.call(found[each], 0))
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    assert saved.manifest.parts[1].inputs[0].shape == (None, 15, 4)
