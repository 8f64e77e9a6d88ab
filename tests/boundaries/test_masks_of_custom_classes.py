"""Masks that come out of classes that nobody declared, and that no record of a functional model of Keras 3 shows: they are
found when the model runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

import configsplit
from configsplit.errors import CutError
from configsplit.testing.masked_building import Workshop

CLASSES = Workshop(keras).objects


class Tokens(keras.layers.Layer):  # type: ignore[misc]
    """Gives what an Embedding in it gives, with the mask that Keras ties to that."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = keras.layers.Embedding(9, 3, mask_zero=True)

    def call(self, ids: Any) -> Any:
        return self.inner(ids)


def saved(folder: Path, user: Any) -> Path:
    inside = keras.Input((4, 3), name="vectors")
    nested = keras.Model(inside, CLASSES["MakeMask"](name="maker")(inside), name="nested")
    outer = keras.Input((4, 3), name="outer")
    keras.Model(outer, user(nested(outer))).save(folder / "model.keras")
    return folder / "model.keras"


@pytest.mark.parametrize("class_name", ["LSTM", "GlobalAveragePooling1D"])
def test_a_record_outside_says_nothing_of_masks_made_inside(class_name: str, tmp_path: Path) -> None:
    config = {"units": 2} if class_name == "LSTM" else {}
    model = configsplit.load(saved(tmp_path, getattr(keras.layers, class_name)(**config, name="user")))
    record = next(layer for layer in model.model.layers if layer.name == "user").calls[0].kwargs
    assert "mask" in record
    assert record["mask"] is None
    with pytest.raises(CutError, match="a mask may come out of layer 'maker'"):
        configsplit.split(model, at="nested/maker").save(tmp_path / "parts")


def test_where_nobody_declared_the_user_either_a_warning_says_so(tmp_path: Path) -> None:
    model = configsplit.load(saved(tmp_path, CLASSES["AttentionPool"](name="user")))
    done = configsplit.split(model, at="nested/maker").save(tmp_path / "parts")
    assert any(each.startswith("masks: no plug-in declares whether MakeMask") for each in done.manifest.warnings)


def functional(path: Path, start: Any, *layers: Any) -> Path:
    steps = start
    for layer in layers:
        steps = layer(steps)
    keras.Model(start, steps).save(path)
    return path


def test_a_block_that_holds_layers_hands_on_the_mask_that_reaches_it(tmp_path: Path) -> None:
    start = keras.Input((4, 3), name="vectors")
    layers = keras.layers.Masking(), CLASSES["Block"](name="block"), keras.layers.LSTM(2, name="lstm")
    whole = functional(tmp_path / "model.keras", start, *layers)
    assert layers[1](layers[0](keras.ops.zeros((1, 4, 3))))._keras_mask is not None
    model = configsplit.load(whole)
    assert model.model.by_name()["lstm"].calls[0].kwargs["mask"] is None
    with pytest.raises(CutError, match="a mask may come out of layer 'block'"):
        configsplit.split(model, at="block").save(tmp_path / "parts")


def test_a_mask_that_may_be_made_in_a_class_is_warned_of(tmp_path: Path) -> None:
    start = keras.Input((4,), dtype="int32", name="ids")
    layers = Tokens(name="tokens"), keras.layers.LSTM(2, name="lstm"), keras.layers.Dense(2, name="out")
    whole = functional(tmp_path / "model.keras", start, *layers)
    assert layers[0](keras.ops.zeros((1, 4), "int32"))._keras_mask is not None
    for at, warned in (("tokens", True), ("lstm", False)):
        done = configsplit.split(configsplit.load(whole), at=at).save(tmp_path / at)
        assert any("masks: no plug-in declares whether Tokens" in each for each in done.manifest.warnings) == warned
        warnings = configsplit.extract(whole, from_=at, to="out").warnings
        assert any("whether Tokens" in each and "'lstm' misses it" in each for each in warnings) == warned
