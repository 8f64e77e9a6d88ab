"""Shapes that a file records of a class which nobody has declared: told, loosened, and held against what flows."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import configsplit
import configsplit.keras
from configsplit.errors import ConfigSplitError, ShapeError, VerificationError
from configsplit.runtime.frameworks import framework

CLASS = """
import keras

@keras.saving.register_keras_serializable("lies")
class Longer(keras.layers.Layer):
    def call(self, x):
        return keras.ops.repeat(x, 16, axis=1)

    def compute_output_shape(self, shape):
        return shape
"""
PLUGIN = """
from configsplit.plugins import LayerFacts

LAYERS = [LayerFacts(class_name="Longer", keras_class="lying_layers:Longer")]
"""


@pytest.fixture
def longer(keras3: Any, near_worker: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A class that says it gives (None, 4, 8) where it gives (None, 64, 8)."""
    (tmp_path / "lying_layers.py").write_text(CLASS)
    (tmp_path / "plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("lying_layers", None)
    from lying_layers import Longer  # type: ignore[import-not-found]

    return Longer


@pytest.fixture
def liar(keras3: Any, longer: Any, tmp_path: Path) -> Path:
    """A model of which the file says that ``liar`` gives (None, 4, 8), while (None, 64, 8) flows."""
    k = keras3.module
    given = k.Input((4, 8), name="x")
    h = k.layers.Dense(8, name="a")(given)
    h = k.layers.Dense(8, name="b")(longer(name="liar")(h))
    k.Model(given, k.layers.Dense(2, name="c")(k.layers.ReLU(name="r")(h))).save(tmp_path / "liar.keras")
    return tmp_path / "liar.keras"


@pytest.fixture
def nested(keras3: Any, longer: Any, tmp_path: Path) -> Path:
    """The same in a nested model, between two Dense, with a Dense behind."""
    k = keras3.module
    start, given = k.Input((4, 8), name="i"), k.Input((4, 8), name="x")
    inner = k.Model(start, k.layers.Dense(8, name="b")(longer(name="liar")(k.layers.Dense(8, name="a")(start))), name="inner")
    k.Model(given, k.layers.Dense(2, name="c")(k.layers.Dense(6, name="d")(inner(given)))).save(tmp_path / "nested.keras")
    return tmp_path / "nested.keras"


def cut(model: Path, at: str, **options: Any) -> Any:
    document = configsplit.load(model)
    return configsplit.split(document, at, **options).save(model.parent / "parts")


def told(saved: Any) -> list[str]:
    return [warning for warning in saved.manifest.warnings if warning.startswith("shapes: ")]


@pytest.mark.parametrize(("at", "how"), [("liar", "'liar' comes out of Longer"), ("b", "'b' is computed from Longer")])
def test_the_lie_is_told_and_found(at: str, how: str, liar: Path) -> None:
    (warning,) = told(saved := cut(liar, at))
    assert how in warning
    assert "--open liar" in warning
    with pytest.raises(VerificationError) as caught:
        configsplit.verify(saved.directory, numeric=True, custom_objects=(str(liar.parent / "plugin.py"),))
    assert (caught.value.code, caught.value.where) == ("verify-boundary", at)
    assert "(any, 4, 8)" in caught.value.message
    assert "(4, 64, 8)" in caught.value.message


@pytest.mark.parametrize("at", ["inner", "d", "inner/b", "inner/liar"])
def test_a_lie_in_a_nested_model_is_told_by_its_path_and_loosened_there(at: str, nested: Path) -> None:
    (warning,) = told(cut(nested, at))
    assert f"{at!r} {'comes out of' if at == 'inner/liar' else 'is computed from'} Longer ('inner/liar')" in warning
    for options in ({"opened": ["inner/liar"]}, {"shapes": ["inner/liar=None,64,8"]}):
        saved = configsplit.split(configsplit.load(nested), at, **options).save(nested.parent / "loose")
        (taken,) = saved.manifest.parts[1].inputs
        assert taken.shape[1] == (None if "opened" in options else 64)
        assert told(saved) == []
        assert configsplit.verify(saved.directory).proof == saved.proof
        shutil.rmtree(saved.directory)


def test_a_lie_in_a_shared_model_is_loosened_in_all_its_calls(keras3: Any, longer: Any, tmp_path: Path) -> None:
    k = keras3.module
    start = k.Input((4, 8), name="i")
    twin = k.Model(start, k.layers.Dense(8, name="b")(longer(name="liar")(start)), name="twin")
    one, other = k.Input((4, 8), name="one"), k.Input((4, 8), name="other")
    k.Model([one, other], k.layers.Add(name="sum")([twin(one), twin(other)])).save(path := tmp_path / "twins.keras")
    (warning,) = told(cut(path, "twin@0"))
    assert "Longer ('twin/liar')" in warning
    assert warning.endswith("--open twin@*/liar loosens it")
    for at in ("twin@0", "twin@1/liar"):
        saved = configsplit.split(configsplit.load(path), at, opened=["twin@*/liar"]).save(tmp_path / at.replace("/", "-"))
        assert [each.shape for each in saved.manifest.parts[1].inputs if each.name not in ("one", "other")] == [(None, None, 8)]
        assert told(saved) == []


def test_the_remedy_names_the_layer_that_lies_and_cures(nested: Path) -> None:
    plugin = (str(nested.parent / "plugin.py"),)
    with pytest.raises(VerificationError) as caught:
        configsplit.verify(cut(nested, "d").directory, numeric=True, custom_objects=plugin)
    assert caught.value.hint.startswith("what the file records of 'inner/liar' is false: split again with --open inner/liar,")
    shutil.rmtree(nested.parent / "parts")
    report = configsplit.verify(cut(nested, "d", opened=["inner/liar"]).directory, numeric=True, custom_objects=plugin).numeric
    assert report is not None
    assert report.identical


@pytest.mark.parametrize("at", ["b", "r"])
def test_what_is_recorded_behind_a_tensor_that_was_loosened_is_loose(at: str, liar: Path) -> None:
    saved = cut(liar, at, opened=["liar"])
    assert [each.shape for each in saved.manifest.parts[1].inputs] == [(None, None, 8)]
    assert told(saved) == []


def test_one_of_several_that_were_loosened_leaves_the_other_in_doubt(keras3: Any, longer: Any, tmp_path: Path) -> None:
    k = keras3.module
    given = k.Input((4, 8), name="x")
    one, other = longer(name="one")(given), longer(name="other")(k.layers.Dense(8, name="a")(given))
    k.Model(given, k.layers.Dense(2, name="c")(k.layers.Add(name="sum")([one, other]))).save(path := tmp_path / "m.keras")
    for opened, doubts in (([], "one"), (["one"], "other"), (["other"], "one"), (["one", "other"], "")):
        saved = configsplit.split(configsplit.load(path), "sum", opened=opened).save(tmp_path / "-".join(("out", *opened)))
        assert [each.rpartition(" loosens it")[0].rpartition(" ")[2] for each in told(saved)] == ([doubts] if doubts else [])
        assert saved.manifest.parts[1].inputs[0].shape == (None, None if opened else 4, 8)


def test_what_a_sequential_was_built_on_is_a_record_too(keras3: Any, longer: Any, tmp_path: Path) -> None:
    """Its layers take no recorded tensors; that of the one behind tells, and may be as false."""
    k = keras3.module
    layers = [k.Input((4, 8)), longer(name="liar"), k.layers.Dense(8, name="b"), k.layers.Dense(2, name="c")]
    k.Sequential(layers).save(path := tmp_path / "sequential.keras")
    (warning,) = told(cut(path, "liar"))
    assert "comes out of Longer" in warning
    shutil.rmtree(tmp_path / "parts")
    saved = cut(path, "b", shapes=["liar=None,64,8"])
    assert (told(saved), saved.manifest.parts[1].inputs[0].shape) == ([], (None, 64, 8))


@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_the_author_of_a_lambda_may_lie(name: str, tmp_path: Path) -> None:
    works = framework(name)
    layers, given = works.module.layers, works.module.Input((4, 8), name="x")
    h = layers.Lambda(lambda x: x[:, :2], output_shape=(4, 8), name="code")(given)
    works.module.Model(given, layers.Dense(2, name="c")(h)).save(path := tmp_path / "m.h5")
    (warning,) = told(cut(path, "code"))
    assert "'code' comes out of Lambda" in warning
    shutil.rmtree(tmp_path / "parts")
    saved = cut(path, "code", shapes=["code=None,2,8"])
    assert (told(saved), saved.manifest.parts[1].inputs[0].shape) == ([], (None, 2, 8))


@pytest.mark.parametrize("name", ["keras", "tf_keras"])
def test_a_live_class_is_taken_at_its_deeds(name: str) -> None:
    """Nothing holds `compute_output_shape` to `call`; here that can be traced."""
    works = framework(name)
    layers = works.module.layers

    class Half(layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return x[:, :2]

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    given = works.module.Input((4, 8), name="x")
    model = works.module.Model(given, layers.Dense(2, name="c")(Half(name="half")(given)))
    head, tail = configsplit.keras.split(model, "half")
    assert tuple(tail.inputs[0].shape) == (None, 2, 8)
    x = np.ones((3, 4, 8), "float32")
    assert np.array_equal(tail(head(x)), model(x))


@pytest.mark.parametrize("options", [{"opened": ["liar"]}, {"opened": ["liar=1"]}, {"shapes": ["liar=None,64,8"]}])
def test_a_part_that_was_loosened_is_fed(options: dict[str, Any], liar: Path) -> None:
    saved = cut(liar, "liar", **options)
    assert told(saved) == []
    verified = configsplit.verify(saved.directory, numeric=True, custom_objects=(str(liar.parent / "plugin.py"),))
    assert verified.numeric is not None
    assert verified.numeric.identical
    assert verified.numeric.outputs[0].shape == (4, 64, 2)


def test_before_the_class_nothing_is_unsure(liar: Path) -> None:
    assert told(cut(liar, "a")) == []


def test_an_extract_that_starts_there_says_so(liar: Path) -> None:
    document = configsplit.load(liar)
    made = configsplit.extract(document, from_="liar")
    assert any("'liar' comes out of Longer" in warning for warning in made.warnings)
    (start,) = configsplit.extract(document, from_="liar", opened=["liar"]).model.input_refs()
    loosened = configsplit.extract(document, from_="liar", opened=["liar"])
    assert loosened.inference.specs[start].shape == (None, None, 8)
    assert not any("comes out of" in warning for warning in loosened.warnings)


def test_a_plan_is_loosened_too(liar: Path) -> None:
    document = configsplit.load(liar)
    closed, loosened = (configsplit.plan(document, 2, opened=names, balance="params") for names in ([], ["liar"]))
    assert [each.tensors for each in loosened.boundaries] == [each.tensors for each in closed.boundaries]
    assert [told.place.ref.layer for told in loosened.parts.whole.told] == ["liar"]


@pytest.mark.parametrize("name", ["liar=3", "liar=0", "nowhere"])
def test_what_cannot_be_opened(name: str, liar: Path) -> None:
    with pytest.raises(ConfigSplitError) as caught:
        cut(liar, "liar", opened=[name])
    assert caught.value.code == ("open-axis" if isinstance(caught.value, ShapeError) else "reference-unknown-layer")


def test_a_model_that_takes_few_positions_is_run_on_as_many(keras3: Any, near_worker: None, tmp_path: Path) -> None:
    """Embeddings of positions that are computed in the graph: seven of them are tried first, and there are five."""
    k = keras3.module
    ids = k.Input((None,), dtype="int32", name="ids")
    places = k.ops.cumsum(k.ops.ones_like(ids), axis=1) - 1
    h = k.layers.Add(name="sum")(
        [k.layers.Embedding(11, 6, name="tokens")(ids), k.layers.Embedding(5, 6, name="places")(places)]
    )
    k.Model(ids, k.layers.Dense(2, name="d")(h)).save(tmp_path / "m.keras")
    saved = configsplit.split(configsplit.load(tmp_path / "m.keras"), "sum").save(tmp_path / "parts")
    report = configsplit.verify(saved.directory, numeric=True).numeric
    assert report is not None
    assert (report.identical, report.inputs[0].shape) == (True, (4, 5))
    report = configsplit.verify(saved.directory, numeric=True, sizes=["ids=3"], input_ranges=["9,10"], samples=2).numeric
    assert report is not None
    assert report.inputs[0].shape == (2, 3)
    with pytest.raises(Exception, match="indices"):
        configsplit.verify(saved.directory, numeric=True, sizes=["ids=6"])
    np.savez(tmp_path / "own.npz", np.array([[1, 2]]))
    report = configsplit.verify(saved.directory, numeric=True, inputs=tmp_path / "own.npz").numeric
    assert report is not None
    assert (report.samples, report.given) == (1, True)
