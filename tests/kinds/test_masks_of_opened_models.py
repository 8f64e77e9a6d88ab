"""A class that nobody declared makes a mask inside a nested model of Keras 3: calls outside do not record it, yet find it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

import configsplit
from configsplit.errors import CutError
from configsplit.testing.masked_building import Workshop

CLASSES = Workshop(keras).objects


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
    assert any(each.startswith("masks: nobody has declared whether MakeMask") for each in done.manifest.warnings)
