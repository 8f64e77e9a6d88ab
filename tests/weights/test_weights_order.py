"""Weights as ``model.get_weights()`` gave them: by their order alone, each held against its shape."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tf_keras
from click.testing import CliRunner
from support.saved_models import made
from support.thinned import in_turn

import configsplit
from configsplit.cli.main import cli
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError, StoreError, WeightsError

pytestmark = pytest.mark.usefixtures("unleashed")

OLD = ["nested", "recurrent", "attention", "wrapped", "images"]
Arrays = Sequence["np.ndarray[Any, Any]"]


def _branches() -> Any:
    x = keras.Input((4,), name="x")
    inner = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(4, name="a"), keras.layers.BatchNormalization(name="b")], name="inner"
    )
    y = keras.layers.Add(name="add")([keras.layers.Dense(4, name="one")(inner(x)), keras.layers.Dense(4, name="two")(x)])
    return keras.Model(x, keras.layers.Dense(2, name="out")(inner(y)), name="branches")


def _sequence() -> Any:
    k = keras.layers
    row = [
        k.Embedding(6, 4, name="words"),
        k.Bidirectional(k.LSTM(3, return_sequences=True), name="both"),
        k.TimeDistributed(k.BatchNormalization(), name="steps"),
        k.GRU(3, return_sequences=True, name="gru"),
        k.LayerNormalization(name="norm"),
        k.Dense(1, name="out"),
    ]
    return keras.Sequential([keras.Input((5,), name="x"), *row], name="sequence")


def _heads() -> Any:
    x = keras.Input((4, 4), name="x")
    y = keras.layers.MultiHeadAttention(2, 2, name="mha")(x, x)
    return keras.Model(x, keras.layers.Dense(2, name="out")(y), name="heads")


NEW: dict[str, Callable[[], Any]] = {"branches": _branches, "sequence": _sequence, "heads": _heads}


def filled(model: Any) -> Any:
    draw = np.random.default_rng(4)
    model.set_weights([draw.uniform(0.1, 1, weight.shape).astype(weight.dtype) for weight in model.get_weights()])
    return model


def as_npz(weights: Arrays, folder: Path) -> Path:
    np.savez(folder / "w.npz", *weights)
    return folder / "w.npz"


def as_numbered(weights: Arrays, folder: Path) -> Path:
    """In the order of the alphabet, where 10 comes before 2."""
    named = {f"weight_{number}": each for number, each in enumerate(weights)}
    np.savez(folder / "numbered.npz", **dict(sorted(named.items())))
    return folder / "numbered.npz"


FORMS = [as_npz, as_numbered]


def values(path: Path) -> dict[str, bytes]:
    with open_source(path) as opened:
        assert opened.weights is not None
        return {name: opened.weights.read(name).tobytes() for name in opened.weights.datasets}


@pytest.mark.parametrize(("name", "form"), in_turn([(name, form) for form in FORMS] for name in OLD))
def test_of_a_model_of_keras_2(name: str, form: Callable[[Arrays, Path], Path], tmp_path: Path) -> None:
    """Converted, it has the weights of the file that tf_keras wrote."""
    model = made(name)
    (tmp_path / "m.json").write_text(model.to_json())
    model.save_weights(tmp_path / "its.h5")
    weights = form(model.get_weights(), tmp_path)
    ours = configsplit.convert(configsplit.load(tmp_path / "m.json", weights=weights, match="order"))
    its = configsplit.convert(configsplit.load(tmp_path / "m.json", weights=tmp_path / "its.h5"))
    ours.save(tmp_path / "ours.keras")
    its.save(tmp_path / "its.keras")
    assert values(tmp_path / "ours.keras") == values(tmp_path / "its.keras")
    configsplit.verify_file(tmp_path / "ours.keras")
    tf_keras.backend.clear_session()


@pytest.mark.parametrize(("name", "form"), in_turn([(name, form) for form in FORMS] for name in NEW))
def test_of_a_model_of_keras_3(name: str, form: Callable[[Arrays, Path], Path], tmp_path: Path) -> None:
    model = filled(NEW[name]())
    (tmp_path / "m.json").write_text(model.to_json())
    weights = form(model.get_weights(), tmp_path)
    document = configsplit.load(tmp_path / "m.json", weights=weights, match="order")
    configsplit.convert(document).save(tmp_path / "whole.keras")
    read = keras.models.load_model(tmp_path / "whole.keras")
    assert [each.tobytes() for each in read.get_weights()] == [each.tobytes() for each in model.get_weights()]
    configsplit.verify_file(tmp_path / "whole.keras")
    done = configsplit.split(document, at=model.layers[-2].name).save(tmp_path / "parts")
    assert configsplit.verify(tmp_path / "parts").proof == done.proof


def test_what_only_the_order_tells_is_said(tmp_path: Path) -> None:
    model = filled(_branches())
    (tmp_path / "m.json").write_text(model.to_json())
    weights = as_npz(model.get_weights(), tmp_path)
    line = [
        "weights",
        str(tmp_path / "m.json"),
        "--weights",
        str(weights),
        "--match",
        "order",
        "-o",
        str(tmp_path / "named.npz"),
    ]
    done = CliRunner().invoke(cli, line)
    assert done.exit_code == 0, done.output
    assert "12 weights were taken by their order" in done.output
    assert "inner/b/gamma and inner/b/beta and inner/b/moving_mean and inner/b/moving_variance" in done.output
    with np.load(tmp_path / "named.npz") as named:
        assert named["inner/b/moving_mean"].tobytes() == model.get_layer("inner").get_layer("b").moving_mean.numpy().tobytes()


def refused(tmp_path: Path, weights: Path, text: str = "") -> ConfigSplitError:
    (tmp_path / "m.json").write_text(text or _branches().to_json())
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.convert(configsplit.load(tmp_path / "m.json", weights=weights, match="order")).save(tmp_path / "out.keras")
    assert not (tmp_path / "out.keras").exists()
    return caught.value


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    weights = _branches().get_weights()
    for wrong in (weights[:-1], [*weights, weights[0]], [weights[1], weights[0], *weights[2:]]):
        assert refused(tmp_path, as_npz(wrong, tmp_path)).code == "weights-match-order"


def test_a_file_without_an_order_is_refused(tmp_path: Path) -> None:
    _branches().save_weights(tmp_path / "w.weights.h5")
    assert refused(tmp_path, tmp_path / "w.weights.h5").code == "weights-match-order"


def test_a_pickled_list_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "w.pkl").write_bytes(pickle.dumps(_branches().get_weights()))
    error = refused(tmp_path, tmp_path / "w.pkl")
    assert isinstance(error, StoreError)
    assert "pickle" in error.message
    np.save(tmp_path / "w.npy", np.array(_branches().get_weights(), dtype=object), allow_pickle=True)
    assert ".npy" in refused(tmp_path, tmp_path / "w.npy").message


def test_a_layer_whose_weights_nobody_has_declared_is_refused(tmp_path: Path) -> None:
    text = _branches().to_json().replace('"class_name": "Dense"', '"class_name": "Mine"').replace("keras.layers", "mine")
    error = refused(tmp_path, as_npz(_branches().get_weights(), tmp_path), text)
    assert isinstance(error, WeightsError)
    assert error.code == "weights-order-unknown"
