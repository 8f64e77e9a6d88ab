"""`configsplit inspect` and `configsplit plugins`."""

from __future__ import annotations

import json
import re
from ast import literal_eval
from pathlib import Path

import pytest
from click.testing import CliRunner
from command_line import RELEASES, RESIDUAL, run

from configsplit.catalog.layers.of_weights import likely_class
from configsplit.cli.main import cli
from configsplit.verbs.inspect_weights import inspect_weights


def test_inspect() -> None:
    done = run("inspect", RESIDUAL)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("residual.keras  Keras 3, release 3.15.1, .keras, 43.4 kB\n")
    assert "functional model 'resnetish', 11 layers" in done.out
    assert "input   image  8×8×3 float32" in done.out
    assert "296 parameters (from the file's weights)" in done.out


def test_inspect_as_json() -> None:
    found = run("inspect", RESIDUAL, "--json").json
    assert (found["dialect"], found["release"], found["layers"], found["parameters"]) == ("keras3", "3.15.1", 11, 296)
    assert found["classes"]["Conv2D"] == 2
    assert found["hazards"] == []
    assert found["evidence"]


def test_inspect_tells_what_is_shared_and_nested() -> None:
    done = run("inspect", RELEASES / "keras-2.3.1" / "siamese.h5")
    assert "shared  shared (2 calls), encoder (3 calls)" in done.out
    assert "nested  encoder" in done.out


def test_inspect_with_weights_apart() -> None:
    folder = RELEASES / "keras-2.3.1"
    bare = run("inspect", folder / "residual.json", "--json").json
    full = run("inspect", folder / "residual.json", "--weights", folder / "residual.weights_only.h5", "--json").json
    assert bare["parameters"] == full["parameters"]
    assert (bare["parameters_from"], full["parameters_from"]) == ("the layers' configurations", "the file's weights")


@pytest.mark.parametrize(
    ("release", "dialect"),
    [
        ("keras-1.2.2", "keras1"),
        ("keras-2.0.9", "keras2"),
        ("tf-2.4", "keras2"),
        ("tf_keras-2.21", "keras2"),
        ("keras-3.0.5", "keras3"),
    ],
)
def test_inspect_proves_the_dialect(release: str, dialect: str) -> None:
    assert run("inspect", RELEASES / release / "residual.json", "--json").json["dialect"] == dialect


PLUGIN = """
from configsplit.catalog.facts import LayerFacts, same_as_input

LAYERS = (
    LayerFacts(class_name="Block", outputs=same_as_input, mask="passes"),
    LayerFacts(class_name="Block2", outputs=same_as_input),
)
"""


def test_inspect_names_custom_classes_and_their_plug_ins(tmp_path: Path) -> None:
    model = RELEASES / "keras-3.15.1" / "own_store.keras"
    assert run("inspect", model, "--json").json["custom"] == {"OwnStore": "not declared"}
    plugin = tmp_path / "own.py"
    plugin.write_text(PLUGIN.replace("Block2", "OwnStore"))
    found = run("inspect", model, "--custom-objects", plugin, "--json").json
    assert found["custom"] == {"OwnStore": f"file {plugin}"}


def test_plugins() -> None:
    done = run("plugins")
    assert (done.code, done.err) == (0, "")
    assert done.out == "Scale  built in with configsplit  mask stops\n"


def test_plugins_as_json() -> None:
    found = run("plugins", "--json").json
    assert found["failures"] == []
    assert [row["class"] for row in found["plugins"]] == ["Scale"]
    assert found["plugins"][0]["tf_keras_class"] == "configsplit.custom_objects.scale_tf_keras:Scale"


def test_plugins_from_a_file(tmp_path: Path) -> None:
    plugin = tmp_path / "blocks.py"
    plugin.write_text(PLUGIN)
    rows = run("plugins", "--custom-objects", plugin, "--json").json["plugins"]
    assert [(row["class"], row["mask"]) for row in rows] == [("Scale", "stops"), ("Block", "passes"), ("Block2", "unknown")]
    assert rows[1]["source"] == f"file {plugin}"


def test_plugins_that_cannot_be_used(tmp_path: Path) -> None:
    plugin = tmp_path / "empty.py"
    plugin.write_text("LAYERS = ()")
    run("plugins", "--custom-objects", plugin).failed("plugin-wrong-type")
    assert run("plugins", "--custom-objects", plugin, "--json").json["error"]["code"] == "plugin-wrong-type"


# ---------------------------------------------------------------- weights alone


LAYERS = {
    "Dense(units=5)": ((6,), lambda of: of.Dense(5)),
    "Conv1D(filters=5, kernel_size=(3,))": ((8, 2), lambda of: of.Conv1D(5, 3)),
    "Conv2D(filters=5, kernel_size=(3, 2))": ((8, 8, 2), lambda of: of.Conv2D(5, (3, 2), use_bias=False)),
    "SeparableConv2D(filters=5, depth_multiplier=2, kernel_size=(3, 2))": (
        (8, 8, 2),
        lambda of: of.SeparableConv2D(5, (3, 2), depth_multiplier=2),
    ),
    "DepthwiseConv2D(depth_multiplier=2, kernel_size=(3, 3))": (
        (8, 8, 2),
        lambda of: of.DepthwiseConv2D(3, depth_multiplier=2),
    ),
    "Embedding(input_dim=9, output_dim=4)": ((7,), lambda of: of.Embedding(9, 4)),
    "LSTM(units=5)": ((7, 3), lambda of: of.LSTM(5)),
    "GRU(units=5)": ((7, 3), lambda of: of.GRU(5)),
    "SimpleRNN(units=5)": ((7, 3), lambda of: of.SimpleRNN(5)),
    "BatchNormalization()": ((4,), lambda of: of.BatchNormalization()),
    "LayerNormalization()": ((4,), lambda of: of.LayerNormalization()),
    "PReLU()": ((4,), lambda of: of.PReLU()),
}


@pytest.mark.parametrize("told", LAYERS)
def test_weights_tell_of_which_layer_they_are(told: str, tmp_path: Path) -> None:
    import tf_keras

    shape, made = LAYERS[told]
    layer = made(tf_keras.layers)
    model = tf_keras.Sequential([tf_keras.Input(shape), layer])
    model.save_weights(tmp_path / "w.h5")
    (found,) = inspect_weights(tmp_path / "w.h5").layers
    assert (found.name, found.likely) == (layer.name, told)
    assert [sizes for _, sizes, _ in found.weights] == [tuple(weight.shape) for weight in layer.weights]
    settings = layer.get_config()
    for key, value in re.findall(r"(\w+)=(\([^)]*\)|\d+)", told):
        assert settings[key] == literal_eval(value)


def test_a_file_of_weights_is_listed(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="own"), keras.layers.Dense(2)])
    model.save_weights(tmp_path / "w.weights.h5")
    found = inspect_weights(tmp_path / "w.weights.h5")
    assert [layer.name for layer in found.layers] == ["layers/dense (own)", f"layers/dense_1 ({model.layers[1].name})"]
    assert (found.layout, found.parameters) == ("v3", model.count_params())
    done = CliRunner().invoke(cli, ["inspect", str(tmp_path / "w.weights.h5")])
    assert (done.exit_code, "2 groups, 23 parameters" in done.output, "0 4×3, 1 3" in done.output) == (0, True, True)
    told = json.loads(CliRunner().invoke(cli, ["inspect", "--json", str(tmp_path / "w.weights.h5")]).output)
    assert told["layers"][0]["weights"][0] == {"name": "0", "shape": [4, 3], "dtype": "float32"}
    refused = CliRunner().invoke(cli, ["layers", str(tmp_path / "w.weights.h5")])
    assert (refused.exit_code, "weights-only" in refused.output) == (1, True)


def test_what_no_class_has_is_not_guessed() -> None:
    assert likely_class(["kernel", "odd"], [(3, 4), (4,)]) is None
    assert likely_class(["kernel"], [(4,)]) is None
    assert likely_class(["kernel", "recurrent_kernel", "bias"], [(3, 10), (5, 10), (10,)]) is None
    assert likely_class([], []) is None
