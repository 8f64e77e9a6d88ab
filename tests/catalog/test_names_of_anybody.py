"""Classes of the user's own that bear the name of one of Keras, in files that do not say which module a class is of."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from support.constructors import samples

import configsplit
from configsplit.catalog.constructors import bases_of, constructor, of_another_class

OWN: dict[str, dict[str, Any]] = {
    "Attention": {"step_dim": 20, "bias": True},
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
