"""What would not compute is refused, by a code, with what to do; and nothing is left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from surgery_making import NOISE, layer_file

import configsplit
from configsplit import ConfigSplitError, Document

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "releases"
RESIDUAL = CORPUS / "keras-3.15.1" / "residual.keras"
RESIDUAL_JSON = CORPUS / "keras-3.15.1" / "residual.json"
OLD = CORPUS / "tf-2.15" / "residual.json"
MASKED = CORPUS / "tf-2.15" / "embed_mask_lstm.json"
CONV = {"class_name": "Conv2D", "config": {"filters": 5, "kernel_size": [3, 3], "padding": "same"}}


def refused(work: Callable[[], Any]) -> ConfigSplitError:
    with pytest.raises(ConfigSplitError) as caught:
        work()
    assert caught.value.hint, "an error says what to do"
    return caught.value


@pytest.fixture
def whole() -> Document:
    return configsplit.load(RESIDUAL)


@pytest.fixture
def names(whole: Document) -> list[str]:
    return [layer.name for layer in whole.model.layers]


def test_the_corpus_model_is_as_these_tests_need_it(names: list[str]) -> None:
    assert {"c1", "bn1", "c2", "res"} <= set(names)


def test_what_an_extract_needs_besides_is_named(whole: Document) -> None:
    error = refused(lambda: configsplit.extract(whole, from_="c2", to="res"))
    assert error.code == "extract-missing"
    missing = error.where
    assert f"res also needs {missing}: add it to --from" in error.message
    configsplit.extract(whole, from_=["c2", missing], to="res")


def test_a_start_that_nothing_needs_is_named(whole: Document, names: list[str]) -> None:
    error = refused(lambda: configsplit.extract(whole, from_=[names[0], "res"], to="bn1"))
    assert error.code == "extract-unused"
    assert error.where == "res"


def test_an_extract_needs_a_tensor(whole: Document) -> None:
    assert refused(lambda: configsplit.extract(whole)).code == "extract-nothing"


def test_a_mask_from_outside_is_not_lost_unsaid() -> None:
    document = configsplit.load(MASKED)
    error = refused(lambda: configsplit.extract(document, from_="emb"))
    assert error.code == "cut-mask-lost"


def test_a_lost_mask_is_a_warning(tmp_path: Path) -> None:
    document = configsplit.load(MASKED)
    entry = {"class_name": "Lambda", "config": {"name": "opaque"}}
    flat = {"class_name": "Reshape", "config": {"target_shape": [-1, 1]}}
    embedded = configsplit.insert(document, layer_file(tmp_path, NOISE), after="emb")
    assert embedded.warnings == ()
    shape = document.infer().specs[next(ref for ref in document.infer().specs if ref.layer == "emb")].shape
    assert shape is not None
    flat["config"] = {"target_shape": list(shape[1:])}
    lost = configsplit.insert(document, layer_file(tmp_path, flat, "flat"), after="emb")
    assert any("it used a mask" in warning for warning in lost.warnings), entry


def test_another_generation_is_no_donor(whole: Document, tmp_path: Path) -> None:
    assert refused(lambda: configsplit.replace(whole, OLD, from_="c1", to="c2")).code == "surgery-dialect"
    legacy = layer_file(tmp_path, {"class_name": "Dense", "config": {"output_dim": 4, "init": "uniform"}})
    assert refused(lambda: configsplit.insert(whole, legacy, after="c1")).code == "surgery-dialect"


def test_a_misfit_says_which_tensor_needs_what(whole: Document, tmp_path: Path) -> None:
    error = refused(lambda: configsplit.insert(whole, layer_file(tmp_path, CONV), after="c1"))
    assert error.code == "surgery-shape"
    assert "'conv2d' gives float32" in error.message
    assert "needs float32" in error.message


def test_a_donor_that_takes_something_else_is_refused(whole: Document) -> None:
    error = refused(lambda: configsplit.insert(whole, RESIDUAL, after="res"))
    assert error.code == "surgery-shape"
    assert "of the donor takes" in error.message


def test_numbers_of_inputs_and_outputs_must_fit(whole: Document, tmp_path: Path) -> None:
    noise = layer_file(tmp_path, NOISE)
    assert refused(lambda: configsplit.replace(whole, noise, from_=["c1", "c2"], to="res")).code == "surgery-counts"
    assert refused(lambda: configsplit.replace(whole, noise, from_="c1", to=["c2", "res"])).code == "surgery-counts"


def test_what_starts_behind_an_end_is_refused(whole: Document, tmp_path: Path) -> None:
    noise = layer_file(tmp_path, NOISE)
    assert refused(lambda: configsplit.replace(whole, noise, from_="res", to="c1")).code == "surgery-order"


def test_an_edge_must_be_there(whole: Document, tmp_path: Path) -> None:
    noise = layer_file(tmp_path, NOISE)
    assert refused(lambda: configsplit.insert(whole, noise, after="c1", before="res")).code == "insert-no-edge"


def test_a_fragment_goes_behind_one_tensor(whole: Document, tmp_path: Path) -> None:
    noise = layer_file(tmp_path, NOISE)
    assert refused(lambda: configsplit.insert(whole, noise, after="c1,res")).code == "insert-one-tensor"


def test_an_input_layer_is_no_fragment(whole: Document, tmp_path: Path) -> None:
    entry = layer_file(tmp_path, {"class_name": "InputLayer", "config": {"batch_shape": [None, 4]}})
    assert refused(lambda: configsplit.insert(whole, entry, after="c1")).code == "fragment-invalid"


def test_layers_without_weights_where_weights_are_needed(whole: Document, tmp_path: Path) -> None:
    spec = next(spec for ref, spec in whole.infer().specs.items() if ref.layer == "c1")
    assert spec.shape is not None
    entry = {"class_name": "Dense", "config": {"units": spec.shape[-1]}}
    edited = configsplit.insert(whole, layer_file(tmp_path, entry), after="c1")
    assert refused(lambda: edited.save(tmp_path / "out.keras")).code == "surgery-no-weights"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layer.json"]
    edited.save(tmp_path / "out.json", weights=False)
    assert json.loads((tmp_path / "out.json.provenance.json").read_text())["verb"] == "insert"


@pytest.mark.parametrize(("layer", "code"), [("res", "remove-not-plain"), ("c1", "remove-shape")])
def test_not_every_layer_can_go(whole: Document, names: list[str], layer: str, code: str) -> None:
    assert refused(lambda: configsplit.remove(whole, layer)).code == code
    assert refused(lambda: configsplit.remove(whole, names[0])).code == "remove-not-plain"


def test_what_gives_back_what_it_takes_can_go_from_behind_a_class_that_nobody_declared(tmp_path: Path) -> None:
    def chain(*layers: tuple[str, dict[str, Any]]) -> Path:
        entries = [{"class_name": name, "config": {"name": name.lower(), **config}} for name, config in layers]
        path = tmp_path / "net.json"
        config = {"name": "net", "layers": entries}
        path.write_text(json.dumps({"class_name": "Sequential", "config": config, "keras_version": "2.3.1"}))
        return path

    first = ("Dense", {"units": 4, "batch_input_shape": [None, 4], "activation": "linear", "use_bias": True})
    path = chain(first, ("Mine", {}), ("Dropout", {"rate": 0.5}), ("Flatten", {}), ("Dense", {"units": 2, "name": "last"}))
    edited = configsplit.remove(path, "dropout")
    assert [layer.name for layer in edited.model.layers if not layer.is_input] == ["dense", "mine", "flatten", "last"]
    assert [warning for warning in edited.warnings if "nobody has said that 'mine' gives float32" in warning]
    for layer in ("flatten", "mine", ["dropout", "flatten"]):
        assert refused(partial(configsplit.remove, path, layer)).code == "remove-shape"
    half = chain(first, ("Mine", {}), ("Dropout", {"rate": 0.5, "dtype": "float16"}), ("Dense", {"units": 2, "name": "last"}))
    assert refused(lambda: configsplit.remove(half, "dropout")).code == "remove-shape"


def test_a_misspelt_layer_gets_its_nearest_names(whole: Document) -> None:
    for work in (lambda: configsplit.remove(whole, "bn11"), lambda: configsplit.freeze(whole, layer="bn11")):
        error = refused(work)
        assert error.code == "reference-unknown-layer"
        assert "'bn1'" in error.hint


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        (["c1"], "rename-pattern"),
        (["c1=a*"], "rename-pattern"),
        (["c1=c2"], "rename-taken"),
        (["c1=a", "c1=b"], "rename-twice"),
        (["c1=.."], "rename-name"),
        (["c1=a/b"], "rename-name"),
        (["nothing*=x"], "reference-unknown-layer"),
    ],
)
def test_names_that_cannot_be(whole: Document, pairs: list[str], code: str) -> None:
    assert refused(lambda: configsplit.rename(whole, pairs)).code == code


def test_freezing_needs_a_choice(whole: Document) -> None:
    assert refused(lambda: configsplit.freeze(whole)).code == "freeze-nothing"


@pytest.mark.parametrize("units", [0, 3])
def test_a_config_without_the_flag_gets_none(units: int, tmp_path: Path) -> None:
    """Nobody knows whether its constructor takes the flag; only of a layer without weights it says nothing."""
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "from configsplit.plugins import LayerFacts, WeightSpec, same_as_input\n"
        "def weights(call):\n"
        "    return tuple(WeightSpec('kernel', (1,)) for _ in range(call.config['units']))\n"
        "LAYERS = (LayerFacts(class_name='Own', outputs=same_as_input, weights=weights),)\n"
    )
    model = json.loads(RESIDUAL_JSON.read_text())
    entry = next(each for each in model["config"]["layers"] if each["config"]["name"] == "bn1")
    entry |= {"class_name": "Own", "module": "own", "config": {"name": "bn1", "units": units}}
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model))
    document = configsplit.load(path, custom_objects=[plugin])
    if units:
        assert refused(lambda: configsplit.freeze(document, layer="bn1")).code == "freeze-no-flag"
    else:
        frozen = configsplit.freeze(document, layer=["bn1", "c1"]).model.by_name()
        assert frozen["bn1"].config == document.model.by_name()["bn1"].config
        assert frozen["c1"].config["trainable"] is False


def test_outputs(whole: Document, tmp_path: Path) -> None:
    edited = configsplit.rename(whole, ["c1=other"])
    assert refused(lambda: edited.save(tmp_path / "out.bin")).code == "output-suffix"
    older = configsplit.rename(configsplit.load(CORPUS / "tf-2.4" / "residual.h5"), ["c1=other"])
    assert refused(lambda: older.save(tmp_path / "out.keras")).code == "format-layout"
    edited.save(tmp_path / "out.keras")
    assert refused(lambda: edited.save(tmp_path / "out.keras")).code == "output-exists"
    before = (tmp_path / "out.keras").read_bytes()
    edited.save(tmp_path / "out.keras", force=True)
    assert (tmp_path / "out.keras").read_bytes() == before, "the same input gives the same bytes"
    bare = configsplit.rename(configsplit.load(OLD), ["c1=other"])
    assert refused(lambda: bare.save(tmp_path / "bare.keras")).code == "format-needs-weights"


def test_joining_what_does_not_fit(tmp_path: Path) -> None:
    assert refused(lambda: configsplit.join(configsplit.load(RESIDUAL))).code == "join-counts"
    assert refused(lambda: configsplit.join(RESIDUAL, RESIDUAL)).code == "surgery-shape"
    assert refused(lambda: configsplit.join(RESIDUAL, OLD)).code == "surgery-dialect"
    assert refused(lambda: configsplit.join(RESIDUAL, RESIDUAL, by="name")).code == "join-names"
    several = CORPUS / "keras-3.15.1" / "mimo.keras"
    assert refused(lambda: configsplit.join(several, RESIDUAL)).code == "join-counts"
    assert refused(lambda: configsplit.join(tmp_path)).code == "manifest-missing"


def test_a_file_that_was_changed_does_not_verify(whole: Document, tmp_path: Path) -> None:
    path = configsplit.rename(whole, ["c1=other"]).save(tmp_path / "out.keras").path
    configsplit.verify_file(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert refused_or_changed(path) in ("verify-changed-file", "archive-damaged")
    assert refused(lambda: configsplit.verify_file(RESIDUAL)).code == "provenance-missing"


def refused_or_changed(path: Path) -> str:
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.verify_file(path)
    return caught.value.code


def test_a_record_that_lies_does_not_verify(whole: Document, tmp_path: Path) -> None:
    path = configsplit.rename(whole, ["c1=other"]).save(tmp_path / "out.keras").path
    place = tmp_path / "out.keras.provenance.json"
    text = place.read_text()
    place.write_text(
        text.replace('{"layer": ["other"], "source": 0, "from": ["c1"]}', '{"layer": ["other"], "source": 0, "from": ["c2"]}')
    )
    assert refused_or_changed(path) == "verify-weights"
    place.write_text(text.replace('{"layer": ["other"], "source": 0, "from": ["c1"]},\n', ""))
    assert refused_or_changed(path) == "verify-provenance"
    place.write_text("{}")
    assert refused_or_changed(path) == "provenance-invalid"
