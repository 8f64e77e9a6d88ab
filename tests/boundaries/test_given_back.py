"""Operations that give back the very tensor that they take hand on its mask, which nothing records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import configsplit
from configsplit.errors import CutError
from configsplit.records.manifest import FromPart

IDS = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [1, 2, 3, 4], [0, 1, 0, 2]], "int32")

SURELY = [
    pytest.param(keras, ".keras", lambda x: keras.ops.cast(x, "float32"), id="keras.ops.cast"),
    pytest.param(keras, ".keras", keras.ops.convert_to_tensor, id="keras.ops.convert_to_tensor"),
    pytest.param(tf_keras, ".h5", lambda x: tf.cast(x, "float32"), id="tf.cast"),
    pytest.param(tf_keras, ".h5", tf.convert_to_tensor, id="tf.convert_to_tensor"),
]


def saved(frame: Any, suffix: str, function: Callable[[Any], Any], folder: Path) -> Path:
    ids = frame.Input((4,), dtype="int32", name="ids")
    steps = function(frame.layers.Embedding(9, 3, mask_zero=True, name="emb")(ids))
    frame.Model(ids, frame.layers.GlobalAveragePooling1D(name="mean")(steps)).save(folder / f"model{suffix}")
    return folder / f"model{suffix}"


def run(frame: Any, path: Path, *values: Any) -> list[Any]:
    model = frame.models.load_model(path)
    made = model.predict(values[0] if len(values) == 1 else list(values), verbose=0)
    return made if isinstance(made, list) else [made]


@pytest.mark.in_turn("behind")
@pytest.mark.parametrize(("frame", "suffix", "function"), SURELY)
@pytest.mark.parametrize("behind", [False, True])
def test_a_mask_crosses_through_it(
    frame: Any, suffix: str, function: Callable[[Any], Any], behind: bool, tmp_path: Path
) -> None:
    whole = saved(frame, suffix, function, tmp_path)
    model = configsplit.load(whole)
    operation = next(layer.name for layer in model.model.layers if layer.name not in ("ids", "emb", "mean"))
    configsplit.split(model, at=operation if behind else "emb").save(tmp_path / "parts")
    manifest = configsplit.verify(tmp_path / "parts").manifest
    head, tail = (tmp_path / "parts" / part.file for part in manifest.parts)
    crossing = run(frame, head, IDS)
    sources = [each.source for each in manifest.parts[1].inputs]
    given = [crossing[each.output] if isinstance(each, FromPart) else IDS for each in sources]
    assert run(frame, tail, *given)[0].tobytes() == run(frame, whole, IDS)[0].tobytes()
    vectors = next(each for each in crossing if each.ndim == 3)
    assert abs(vectors.mean(1) - run(frame, whole, IDS)[0]).max() > 1e-3  # a mask that is lost shows


@pytest.mark.parametrize(
    ("frame", "suffix", "function"),
    [
        pytest.param(keras, ".keras", lambda x: keras.ops.reshape(x, (-1, 4, 3)), id="keras.ops.reshape"),
        pytest.param(keras, ".keras", keras.layers.Reshape((4, 3)), id="Reshape"),
        pytest.param(tf_keras, ".h5", lambda x: tf.nn.dropout(x, 0.0), id="tf.nn.dropout"),
    ],
)
def test_where_only_some_backends_give_it_back_a_cut_right_behind_is_refused(
    frame: Any, suffix: str, function: Callable[[Any], Any], tmp_path: Path
) -> None:
    model = configsplit.load(saved(frame, suffix, function, tmp_path))
    operation = next(layer.name for layer in model.model.layers if layer.name not in ("ids", "emb", "mean"))
    with pytest.raises(CutError) as caught:
        configsplit.split(model, at=operation)
    assert caught.value.code == "cut-mask-unknown"
    assert "very tensor" in str(caught.value)
