"""Models whose outermost class is the user's own: the graph is in the file as long as the class comes from Functional or
Sequential; where the class runs its models in code, the refusal names them and the way out, and that way works.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import cut_and_run, fill, inputs_for, run

import configsplit
import configsplit.keras
from configsplit.errors import DocumentError
from configsplit.runtime.frameworks import framework

pytestmark = pytest.mark.in_turn("name")
FRAMEWORKS = pytest.mark.parametrize("name", ["keras", "tf_keras"])


def ends(keras: Any) -> tuple[Any, Any]:
    start = keras.Input((4,), name="x")
    first = keras.layers.Dense(3, activation="tanh", name="d")(start)
    return start, keras.layers.Dense(2, name="o")(keras.layers.Concatenate(name="c")([first, start]))


@FRAMEWORKS
def test_a_subclass_of_functional(name: str, tmp_path: Path) -> None:
    works = framework(name)

    class Branched(works.module.Model):  # type: ignore[name-defined,misc]
        pass

    model = fill(Branched(*ends(works.module), name="branched"))
    classes = {"Branched": Branched}
    manifest = cut_and_run(model, "d", tmp_path, works, suffix="keras", classes=classes)
    assert len(manifest.parts) == 2
    assert configsplit.load(tmp_path / "parts" / "part-0.keras").model.entry["class_name"] in ("Functional", "Model")


@FRAMEWORKS
def test_a_subclass_of_sequential(name: str, tmp_path: Path) -> None:
    works = framework(name)
    layers = works.module.layers

    class MySequential(works.module.Sequential):  # type: ignore[name-defined,misc]
        pass

    chain = [works.module.Input((4,)), layers.Dense(3, activation="tanh", name="d"), layers.Dense(2, name="o")]
    model = fill(MySequential(chain, name="chain"))
    manifest = cut_and_run(model, "d", tmp_path, works, suffix="keras", classes={"MySequential": MySequential})
    assert [len(configsplit.load(tmp_path / "parts" / part.file).model.layers) for part in manifest.parts] == [2, 2]


@FRAMEWORKS
def test_a_functional_model_inside_the_config_of_a_class_of_its_own(name: str, tmp_path: Path) -> None:
    works = framework(name)
    keras = works.module

    class Detector(keras.Model):  # type: ignore[name-defined,misc]
        def __init__(self, backbone: Any, **options: Any) -> None:
            super().__init__(**options)
            self.backbone = backbone

        def call(self, x: Any, training: Any = None) -> Any:
            return 2.0 * self.backbone(x, training=training)

        def get_config(self) -> dict[str, Any]:
            return {"backbone": keras.saving.serialize_keras_object(self.backbone)}

    model = Detector(fill(keras.Model(*ends(keras), name="backbone")))
    model(np.ones((1, 4), "float32"))
    model.save(tmp_path / "detector.keras")
    with pytest.raises(DocumentError, match="backbone") as caught:
        configsplit.load(tmp_path / "detector.keras")
    assert caught.value.code == "document-no-graph"
    assert "model.backbone.save('backbone.keras')" in str(caught.value.hint)
    inputs = inputs_for(model.backbone)
    head, tail = configsplit.keras.split(model.backbone, at="d")
    middle = [np.asarray(tensor) for tensor in run(head, inputs, works)]
    whole = np.asarray(run(model.backbone, inputs, works)[0])
    assert np.asarray(run(tail, [*inputs, *middle], works)[0]).tobytes() == whole.tobytes()
    cut_and_run(model.backbone, "d", tmp_path / "by-itself", works)
