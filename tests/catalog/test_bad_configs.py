"""Bad configs of built-in classes: what real Keras refuses is neither valid nor inserted; what it takes, and runs, is both."""

from __future__ import annotations

import importlib
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bad_configs import Bad, classes, drawn, of_class
from support.thinned import thinned

import configsplit
from configsplit.errors import ConfigSplitError
from configsplit.verbs.validate import validate

FRAMEWORKS = ("keras", "tf_keras")


def taken_by(name: str, document: str) -> str:
    """What a framework says against a document; "" where it builds the model."""
    framework = importlib.import_module(name)
    try:
        framework.models.model_from_json(document)
    except Exception as error:  # noqa: BLE001  # whatever it raises is its answer
        return f"{type(error).__name__}: {error}"
    return ""


def runs(name: str, document: str) -> bool:
    """Whether a model that a framework builds can compute anything."""
    framework = importlib.import_module(name)
    model = framework.models.model_from_json(document)
    given = [_filled(*shape) for shape in ((each.shape, each.dtype) for each in model.inputs)]
    try:
        model.predict(given, verbose=0)
    except Exception:  # noqa: BLE001  # whatever it raises is its answer
        return False
    return True


def _filled(shape: Any, dtype: Any) -> Any:
    import numpy as np
    import tensorflow as tf

    sizes = [8 if size is None else size for size in shape]
    kind = tf.as_dtype(dtype)
    return tf.constant(np.full(sizes, "a"), tf.string) if kind == tf.string else tf.ones(sizes, kind)


def host(name: str, bad: Bad, folder: Path) -> configsplit.Document:
    """A model whose one tensor is what the layer was built to take."""
    framework = importlib.import_module(name)
    given = framework.Input(batch_shape=bad.shape, dtype=bad.dtype, name="given")
    model = framework.Model(given, framework.layers.Activation("linear", name="same")(given))
    path = folder / "host.json"
    path.write_text(model.to_json())
    return configsplit.load(path)


def inserted(name: str, bad: Bad, folder: Path) -> tuple[str, str]:
    """What insert says against the layer alone, and what the framework says against the model with it."""
    whole = host(name, bad, folder)
    fragment = folder / "fragment.json"
    fragment.write_text(json.dumps(bad.entry))
    try:
        made = configsplit.insert(whole, fragment, after="same").save(folder / "made.json", weights=False, force=True)
    except ConfigSplitError as error:
        if not error.code.startswith(("config-", "fragment-")):
            return "", ""  # it does not fit where it is put, or is another file's matter
        return str(error), "refused"
    return "", taken_by(name, made.path.read_text())


def judged(name: str, bad: Bad, folder: Path) -> list[str]:
    """Where configsplit says something else than the framework."""
    found, real = [], taken_by(name, bad.document)
    path = folder / "model.json"
    path.write_text(bad.document)
    ours = validate(path)
    if ours.valid and real:
        found.append(f"valid, but {name} says {real[:300]}: {bad.title}")
    if not ours.valid and not real and runs(name, bad.document):
        found.append(f"{name} takes it, but {ours.violations[0].message}: {bad.title}")
    if bad.alone:
        said, why = inserted(name, bad, folder)
        if not said and why:
            found.append(f"inserted, but {name} says {why[:300]}: {bad.title}")
        if said and not real and runs(name, bad.document):
            found.append(f"{name} takes it, but insert says {said[:300]}: {bad.title}")
    return found


def hold(name: str, count: int, seed: int, folder: Path) -> None:
    wrong = [each for bad in drawn(name, count, seed) for each in judged(name, bad, folder)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_some_bad_configs(name: str, tmp_path: Path) -> None:
    hold(name, 20, 22, tmp_path)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_many_bad_configs(name: str, tmp_path: Path) -> None:
    hold(name, 250, 250, tmp_path)


LEFT = {
    "keras STFTSpectrogram: frame_step = 1.5": "taken for 1 in one place and for 1.5 in another",
    "tf_keras BatchNormalization: epsilon = None": "the default of a kernel, which other kernels refuse",
    "tf_keras Hashing: mask_value = ": "taken or not by the dtype of what is hashed, which a config does not tell",
    "tf_keras Normalization: axis = [-1, 1]": "one axis by two names, which only some kernels refuse",
    "tf_keras TextVectorization: output_mode = None": "never looked at by this release",
}
"""Where `validate` and a framework part, and why it stays so."""


@pytest.mark.parametrize(("name", "class_name"), thinned(itertools.product(FRAMEWORKS, classes()), 8))
def test_every_key_of_a_class(name: str, class_name: str, tmp_path: Path) -> None:
    """Each key with values out of its range: what a framework refuses to build is not valid, what it runs is."""
    tried = [bad for bad in of_class(name, class_name) if not bad.title.startswith(tuple(LEFT))]
    wrong = [each for bad in tried for each in judged(name, replace(bad, alone=False), tmp_path)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("entry", "code", "hint"),
    [
        ({"class_name": "GaussianNoise", "config": {"stdev": 0.1}}, "config-key-unknown", "did you mean 'stddev'?"),
        ({"class_name": "GaussianNoise", "config": {}}, "config-key-missing", "add it: 'stddev': ..."),
        ({"class_name": "Dropout", "config": {"rate": 1.5}}, "config-value", ""),
        ({"class_name": "Activation", "config": {"activation": "rleu"}}, "config-value", "did you mean 'relu'"),
        ({"class_name": "GausianNoise", "config": {"stddev": 0.1}}, "fragment-unknown-class", "did you mean 'GaussianNoise'"),
        (
            {"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Dense", "config": {"unit": 3}}}},
            "config-key-unknown",
            "did you mean 'units'",
        ),
    ],
)
def test_a_fragment_that_keras_refuses_is_refused(entry: dict[str, Any], code: str, hint: str, tmp_path: Path) -> None:
    whole = host("keras", Bad("", "", {}, True, (None, 4, 5), "float32"), tmp_path)
    path = tmp_path / "fragment.json"
    path.write_text(json.dumps(entry))
    for verb, places in ((configsplit.insert, {"after": "same"}), (configsplit.replace, {"from_": "given", "to": "same"})):
        with pytest.raises(ConfigSplitError) as raised:
            verb(whole, path, **places)
        assert raised.value.code == code
        assert raised.value.hint.startswith(hint)


def test_files_say_what_another_release_wrote(tmp_path: Path) -> None:
    """A key that an older release wrote makes its file no worse; it is named."""
    import keras

    model = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.RandomRotation(0.1, name="turn")])
    document = json.loads(model.to_json())
    document["config"]["layers"][1]["config"]["value_range"] = [0, 255]
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    found = validate(path)
    assert found.valid, found.violations
    assert any("'value_range', which keras-3.0.5 wrote" in note for note in found.notes)
    document = configsplit.load(path)
    assert ["value_range" in note for note in document.notes] == [True]  # it is left out of all that is written
    assert configsplit.inspect(document).configs == ()


def test_a_file_that_keras_refuses_is_not_valid(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((8,)), keras.layers.GaussianNoise(0.1, name="noise")])
    document = json.loads(model.to_json())
    config = document["config"]["layers"][1]["config"]
    config["stdev"] = config.pop("stddev")
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    found = validate(path)
    assert [each.code for each in found.violations] == ["config-key-unknown", "config-key-missing"]
    assert found.violations[0].message == "GaussianNoise of Keras 3.15.1 takes no key 'stdev' (did you mean 'stddev'?)"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("unit", "LSTM of Keras 3.15.1 takes no key 'unit' (did you mean 'units'?"),
        ("time_major", "LSTM of Keras 3.15.1 takes no key 'time_major', which is one of tf_keras 2.21.0 ("),
        ("inner_init", "LSTM of Keras 3.15.1 takes no key 'inner_init', which is one of Keras 1 ("),
    ],
)
def test_class_key_nearest_key_and_releases_are_named(key: str, said: str, tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((4, 3)), keras.layers.LSTM(2, name="steps")])
    document = json.loads(model.to_json())
    document["config"]["layers"][1]["config"][key] = 1
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    (found,) = validate(path).violations
    assert (found.code, found.where) == ("config-key-unknown", "steps")
    assert found.message.startswith(said)
    assert configsplit.inspect(configsplit.load(path)).configs == (f"steps: {found.message}",)


def test_keys_of_a_class_that_keras_1_called_otherwise_are_named(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.layers.Input((8, 8, 3)), keras.layers.Conv2D(2, 3, name="conv")])
    document = json.loads(model.to_json())
    document["config"]["layers"][1]["config"]["W_constraint"] = None
    path = tmp_path / "model.json"
    path.write_text(json.dumps(document))
    (found,) = validate(path).violations
    assert found.message.startswith("Conv2D of Keras 3.15.1 takes no key 'W_constraint', which is one of Keras 1 (")


def test_a_key_that_a_verb_adds_is_held_too(tmp_path: Path) -> None:
    """What stands in the file as it was is left alone; what is changed is held."""
    import keras

    from configsplit.models.configs import check_configs

    model = keras.Sequential([keras.layers.Input((4, 3)), keras.layers.SpatialDropout1D(0.1, name="drop")])
    path = tmp_path / "model.json"
    path.write_text(model.to_json().replace('"rate": 0.1', '"rate": 0.1, "rats": 1'))
    document = configsplit.load(path)
    configsplit.rename(document, ["drop=fall"]).save(tmp_path / "same.json")
    (layer,) = (each for each in document.model.layers if each.name == "drop")
    changed = {("drop",): replace(layer, entry=layer.entry | {"config": layer.config | {"rate": 0.2}})}
    with pytest.raises(ConfigSplitError, match="'rats'"):
        check_configs("model.json", document.model, document.registry, changed)
