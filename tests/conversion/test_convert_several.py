"""Old layers that become several, and models with things beside their outputs: the same numbers in Keras 3."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from conversion_models import run_both, samples
from support.conversion import Bench
from tf_keras import layers as made

from configsplit import convert


def layers_of(path: Path) -> list[dict[str, Any]]:
    """The layers of a .keras file's outermost model."""
    found: list[dict[str, Any]] = json.loads(zipfile.ZipFile(path).read("config.json"))["config"]["layers"]
    return found


@pytest.mark.parametrize("trainable", [False, True])
def test_random_features(trainable: bool, tmp_path: Path, bench: Bench) -> None:
    """tf_keras itself cannot read this layer back without its class."""
    given = tf_keras.Input((6,))
    layer = tf_keras.layers.experimental.RandomFourierFeatures
    with tf_keras.utils.custom_object_scope({"RandomFourierFeatures": layer}):
        model = tf_keras.Model(given, layer(5, scale=2.0, trainable=trainable)(given))
        run_both(model, samples((6,)), tmp_path, bench)


def test_a_layer_of_several_called_twice(tmp_path: Path, bench: Bench) -> None:
    """The weights stand in the file once, and both calls use them."""
    one, other = tf_keras.Input((6, 4)), tf_keras.Input((6, 4))
    local = made.LocallyConnected1D(3, 2)
    run_both(tf_keras.Model([one, other], [local(one), local(other)]), samples((6, 4), (6, 4)), tmp_path, bench)
    assert [each["class_name"] for each in layers_of(tmp_path / "new.keras")].count("EinsumDense") == 1


def test_a_sequential_with_a_local_layer(tmp_path: Path, bench: Bench) -> None:
    model = tf_keras.Sequential([made.LocallyConnected2D(2, 3, input_shape=(6, 5, 2)), made.Flatten(), made.Dense(3)])
    run_both(model, samples((6, 5, 2)), tmp_path, bench)


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize("inner", ["Conv2D", "Dense"])
def test_spectral_normalization(inner: str, ending: str, tmp_path: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.compat.v2, "keras", tf_keras)  # its code asks TensorFlow for Keras
    given = tf_keras.Input((6, 5, 3))
    wrapped = made.Conv2D(4, 3) if inner == "Conv2D" else made.Dense(4, use_bias=False)
    model = tf_keras.Model(given, made.SpectralNormalization(wrapped, power_iterations=2)(given))
    with tf_keras.utils.custom_object_scope({"SpectralNormalization": made.SpectralNormalization}):
        run_both(model, samples((6, 5, 3)), tmp_path, bench, ending)
    if ending == ".keras":
        import h5py

        with zipfile.ZipFile(tmp_path / "new.keras") as archive:
            archive.extract("model.weights.h5", tmp_path)
        with h5py.File(tmp_path / "model.weights.h5") as file:
            group = file["layers/spectral_normalization"]
            assert (group["vars/0"][()] == group["layer/vars/0"][()]).all()
            assert (group["vars/1"][()] == model.layers[1].vector_u.numpy()).all()


def test_a_loss_beside_the_outputs_stays_behind(tmp_path: Path, bench: Bench) -> None:
    """What only a loss or a metric was made of is no part of what the model computes, whatever its operations are."""
    given = tf_keras.Input((4,))
    mean, spread = made.Dense(3, name="mean")(given), made.Dense(3, name="spread")(given)
    model = tf_keras.Model(given, made.Dense(4)(mean))
    model.add_loss(tf.reduce_mean(tf.math.lgamma(tf.exp(spread)) + tf.square(mean)))
    model.add_metric(tf.reduce_mean(spread), name="spread_of_it")
    run_both(model, samples((4,)), tmp_path, bench)
    assert [each["class_name"] for each in layers_of(tmp_path / "new.keras")] == ["InputLayer", "Dense", "Dense"]


@pytest.mark.parametrize("shape", [(6,), (4, 5, 6)])
def test_a_normalization_by_the_batch(shape: tuple[int, ...], tmp_path: Path, bench: Bench) -> None:
    """Mode 2 of Keras 1, which no Keras that installs has any more: against its own formula."""
    import h5py

    rng = np.random.default_rng(5)
    gamma, beta = rng.normal(size=6).astype("float32"), rng.normal(size=6).astype("float32")
    first = {"input_dtype": "float32", "batch_input_shape": [None, *shape]}
    config = {"name": "bn", "mode": 2, "axis": -1, "epsilon": 1e-3, "momentum": 0.9, **first}
    document = {"class_name": "Sequential", "config": [{"class_name": "BatchNormalization", "config": config}]}
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(document).encode()
        file.attrs["keras_version"] = b"1.2.2"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"bn"]
        names = ["bn_gamma", "bn_beta", "bn_running_mean", "bn_running_std"]
        inner = group.create_group("bn")
        inner.attrs["weight_names"] = [name.encode() for name in names]
        for name, values in zip(names, (gamma, beta, beta * 7, gamma**2), strict=True):
            inner[name] = values
    made = convert(tmp_path / "old.h5")
    assert made.refusals == ()
    made.save(tmp_path / "new.keras")
    given = samples(shape)
    x = given[0].values.astype("float64")
    axes = tuple(range(x.ndim - 1))
    wanted = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-3) * gamma + beta
    (found,) = bench.run(bench.keras, tmp_path / "new.keras", None, given, safe=True)
    assert np.abs(found.values - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("way", ["function", "layer"])
def test_dropout_that_always_drops(way: str, tmp_path: Path) -> None:
    """Keras 3 overrules ``training=True`` in ``predict`` alone, and the conversion says so."""
    import keras

    given = tf_keras.Input((40, 50))
    function = tf.nn.dropout(given, 0.25, noise_shape=[2, 40, 1]) if way == "function" else None
    layer = made.Dropout(0.25, noise_shape=[2, 40, 1])(given, training=True) if way == "layer" else None
    tf_keras.Model(given, function if layer is None else layer).save(tmp_path / "old.h5")
    found = convert(tmp_path / "old.h5")
    assert found.refusals == ()
    assert any("model.predict(x) of Keras 3" in note.what for note in found.notes)
    found.save(tmp_path / "new.keras")
    (sample,) = samples((40, 50))
    values = np.asarray(keras.models.load_model(tmp_path / "new.keras")(sample.values))
    kept = values != 0
    assert 0.5 < kept.mean() < 0.95
    assert (kept.all(-1) | ~kept.any(-1)).all()
    assert np.allclose(values[kept], (sample.values / 0.75)[kept])
