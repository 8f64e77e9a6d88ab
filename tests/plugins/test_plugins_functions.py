"""Functions that a model's config names: declared by plug-ins, found when a model is built, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from configsplit.errors import PluginError
from configsplit.plugins import Registry

PLUGIN = """
from configsplit.catalog.facts import FunctionFacts

FUNCTIONS = FunctionFacts(name="research>reg_act", keras_function="beside:reg_act", tf_keras_function=":here")

def here(x):
    return x
"""


def _write(folder: Path, text: str, name: str = "plug.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_function_is_imported_only_when_asked_for(tmp_path: Path) -> None:
    registry = Registry().load(_write(tmp_path, PLUGIN))
    assert [function.facts.name for function in registry.functions] == ["research>reg_act"]
    _write(tmp_path, "def reg_act(x):\n    return x * 2\n", "beside.py")
    assert registry.keras_objects("keras")["research>reg_act"](3) == 6
    assert registry.keras_objects("tf_keras")["research>reg_act"](3) == 3


def test_a_function_that_is_not_there(tmp_path: Path) -> None:
    registry = Registry().load(_write(tmp_path, PLUGIN))
    with pytest.raises(PluginError) as caught:
        registry.keras_objects("keras")
    assert caught.value.code == "plugin-class"


def test_the_same_file_twice_is_no_conflict_and_two_files_are(tmp_path: Path) -> None:
    registry = Registry().load(_write(tmp_path, PLUGIN)).load(_write(tmp_path, PLUGIN))
    assert len(registry.functions) == 1
    with pytest.raises(PluginError, match="declared twice"):
        registry.load(_write(tmp_path, PLUGIN, "other.py"))


def test_functions_of_the_wrong_type(tmp_path: Path) -> None:
    with pytest.raises(PluginError) as caught:
        Registry().load(_write(tmp_path, "FUNCTIONS = [1]\n"))
    assert caught.value.code == "plugin-wrong-type"


def test_keras_builds_a_model_with_the_function(tmp_path: Path) -> None:
    import keras

    @keras.saving.register_keras_serializable("research")
    def reg_act(x):
        return keras.ops.tanh(x) * 2

    text = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation=reg_act)]).to_json()
    keras.saving.get_custom_objects().pop("research>reg_act")
    plug = PLUGIN.replace("beside:reg_act", ":here")
    with pytest.raises(TypeError, match="reg_act"):
        keras.models.model_from_json(text)
    model = keras.models.model_from_json(text, custom_objects=Registry().load(_write(tmp_path, plug)).keras_objects("keras"))
    assert model.layers[0].activation.__name__ == "here"
