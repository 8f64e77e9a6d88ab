"""`configsplit inspect` and `configsplit plugins`."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import RELEASES, RESIDUAL, run


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
