"""Models of Keras 3 in another kind of file, and those that today's Keras 3 does not read: loaded by it, equal bit for bit."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import keras3_models as made
import numpy as np
import pytest
from keras import layers
from support.corpus import releases
from support.thinned import in_turn, thinned

import configsplit
from configsplit.batches.batch import batch
from configsplit.catalog.operations.layers import operation_place, snake
from configsplit.catalog.operations.operation_table import KERAS
from configsplit.errors import ConfigSplitError, StoreError, WeightsError
from configsplit.verbs.verify import verify
from configsplit.verbs.verify_file import verify_file


def saved(model: Any, folder: Path, kind: str) -> tuple[Path, Path | None]:
    """A model as Keras saves it, and its weights where they stand apart."""
    if kind == "json":
        (folder / "old.json").write_text(model.to_json())
        model.save_weights(folder / "old.weights.h5")
        return folder / "old.json", folder / "old.weights.h5"
    model.save(folder / f"old.{kind}")
    return folder / f"old.{kind}", None


@pytest.mark.parametrize(
    ("name", "kind", "to"),
    thinned([(name, kind, to) for name in made.MADE for kind in ("h5", "keras", "json") for to in ("keras", "h5")], 12),
)
def test_every_kind_of_file_becomes_every_other(name: str, kind: str, to: str, tmp_path: Path) -> None:
    model = made.filled(name)
    wanted = made.run(model)
    source, weights = saved(model, tmp_path, kind)
    configsplit.convert(source, weights=weights).save(tmp_path / f"new.{to}")
    assert made.same(made.run(made.loaded(tmp_path / f"new.{to}")), wanted)
    assert verify_file(tmp_path / f"new.{to}").weights >= len(model.weights) - 1


@pytest.mark.parametrize("name", ["operations", "masks", "scales", "attention"])
def test_keras_does_not_read_its_own_h5_files_of_these(name: str, tmp_path: Path) -> None:
    """Else there would be nothing to convert."""
    source, _ = saved(made.filled(name), tmp_path, "h5")
    with pytest.raises((ValueError, TypeError)):
        made.loaded(source)


@pytest.mark.parametrize(
    ("name", "at", "kind", "to"),
    in_turn(
        [(*model, *kinds) for kinds in (("h5", "keras"), ("keras", "h5"), ("h5", "h5"))]
        for model in (("nested", "tanh"), ("wrappers", "td"), ("operations", "d"))
    ),
)
def test_parts_in_another_layout(name: str, at: str, kind: str, to: str, tmp_path: Path) -> None:
    """Each model in one way; `make exhaustive` has all."""
    model = made.filled(name)
    wanted = made.run(model)
    source, _ = saved(model, tmp_path, kind)
    configsplit.split(configsplit.load(source), at=at).save(tmp_path / "parts", to=to)  # type: ignore[arg-type]
    assert verify(tmp_path / "parts").proof.weights > 0
    for part in sorted((tmp_path / "parts").glob(f"part-*.{to}")):
        made.loaded(part)
    configsplit.join(tmp_path / "parts").save(tmp_path / f"whole.{to}")
    assert made.same(made.run(made.loaded(tmp_path / f"whole.{to}")), wanted)


def test_a_weight_that_was_changed_since_is_found(tmp_path: Path) -> None:
    source, _ = saved(made.filled("numbered"), tmp_path, "keras")
    configsplit.split(configsplit.load(source), at="dense_1").save(tmp_path / "parts", to="h5")
    with h5py.File(tmp_path / "parts" / "part-0.h5", "r+") as file:
        file["model_weights/dense_1/dense_1/bias"][0] += 1
    with pytest.raises(ConfigSplitError) as caught:
        verify(tmp_path / "parts")
    assert caught.value.code.startswith("verify-")


# ------------------------------------------------------------------------------------------------- files of older releases


OLDER = Path(__file__).resolve().parent / "older_keras3"
"""Real files that Keras 3.15 refuses, or from which it computes something else, with what their release computed."""


@pytest.mark.parametrize("file", sorted(path.name for path in OLDER.iterdir() if path.suffix != ".npz"))
def test_files_of_older_releases_give_what_their_release_computed(file: str, tmp_path: Path) -> None:
    configsplit.convert(OLDER / file).save(tmp_path / "new.keras")
    model = made.loaded(tmp_path / "new.keras")
    recorded = np.load((OLDER / file).with_suffix(".io.npz"))
    given = [recorded[name] for name in recorded.files if name.startswith("in_")]
    named = {f"in_{tensor.name}": tensor for tensor in model.inputs}
    given = [recorded[name] for name in named] if {*named} <= {*recorded.files} else given
    whole = getattr(model, "_functional", model)
    found = keras.tree.flatten(model(keras.tree.pack_sequence_as(whole._inputs_struct, given), training=False))
    wanted = [recorded[name] for name in recorded.files if name.startswith("out_")]
    assert [tuple(each.shape) for each in found] == [each.shape for each in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert np.abs(np.asarray(one) - other).max(initial=0) <= 1e-5 * max(1.0, np.abs(other).max(initial=0))


def test_a_single_tensor_of_an_old_release_is_a_tensor_today(tmp_path: Path) -> None:
    """Keras 3.0 to 3.10 wrote a list of one for both, and 3.11 and later take it for a list."""
    configsplit.convert(releases() / "keras-3.0.5" / "residual.keras").save(tmp_path / "new.keras")
    assert not isinstance(made.loaded(tmp_path / "new.keras").output, list)


def test_calls_that_changed_are_made_as_today(tmp_path: Path) -> None:
    document = json.loads(keras.Model(x := layers.Input((3,)), keras.ops.isclose(x, keras.ops.zeros_like(x))).to_json())
    entries = {entry["class_name"]: entry for entry in document["config"]["layers"]}
    zeros, close = entries["ZerosLike"], entries["Isclose"]
    zeros["inbound_nodes"][0]["kwargs"]["dtype"] = zeros["config"].pop("dtype")
    close["inbound_nodes"][0]["args"].append(close["config"].pop("equal_nan"))
    (tmp_path / "old.json").write_text(json.dumps(document))
    with pytest.raises(TypeError):
        keras.models.model_from_json((tmp_path / "old.json").read_text())
    configsplit.convert(tmp_path / "old.json").save(tmp_path / "new.json")
    keras.models.model_from_json((tmp_path / "new.json").read_text())


def test_places_of_operations_are_those_of_keras() -> None:
    from keras.src.ops.operation import Operation

    todo, found = [Operation], {}
    while todo:
        todo += (kinds := todo.pop().__subclasses__())
        found |= {kind.__name__: kind.__module__ for kind in kinds if not issubclass(kind, layers.Layer)}
    known = {name: place for name, place in found.items() if place.startswith("keras.src.ops.") and snake(name) in KERAS}
    assert len(known) > 250
    assert {name: operation_place(name) for name in known} == known


# ------------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(("kind", "to"), [("keras", "h5"), ("h5", "keras"), ("h5", "h5")])
def test_a_vocabulary_is_never_lost(kind: str, to: str, tmp_path: Path) -> None:
    lookup = layers.StringLookup(name="words")
    lookup.adapt(["one", "two"])
    keras.Sequential([layers.Input((2,), dtype="string"), lookup]).save(tmp_path / f"old.{kind}")
    with pytest.raises(StoreError) as caught:
        configsplit.convert(tmp_path / f"old.{kind}").save(tmp_path / f"new.{to}")
    assert caught.value.code == "layout-assets"
    assert not (tmp_path / f"new.{to}").exists()


def test_a_vocabulary_goes_along_in_an_archive(tmp_path: Path) -> None:
    lookup = layers.StringLookup(name="words")
    lookup.adapt(["one", "two"])
    keras.Sequential([layers.Input((2,), dtype="string"), lookup]).save(tmp_path / "old.keras")
    configsplit.convert(tmp_path / "old.keras").save(tmp_path / "new.keras")
    assert made.loaded(tmp_path / "new.keras").layers[0].get_vocabulary() == lookup.get_vocabulary()


def dense(**settings: Any) -> Any:
    return keras.Sequential([layers.Input((8,)), layers.Dense(8, name="d", **settings)])


@pytest.mark.parametrize(("kind", "to"), [("keras", "h5"), ("h5", "keras")])
@pytest.mark.parametrize("how", ["int8", "lora"])
def test_weights_that_are_listed_otherwise_are_refused_by_name(how: str, kind: str, to: str, tmp_path: Path) -> None:
    model = dense()
    _ = model.quantize("int8") if how == "int8" else model.layers[0].enable_lora(2)
    model.save(tmp_path / f"old.{kind}")
    with pytest.raises(WeightsError) as caught:
        configsplit.convert(tmp_path / f"old.{kind}").save(tmp_path / f"new.{to}")
    assert (caught.value.code, caught.value.where) == ("layout-unknown", "d")
    configsplit.convert(tmp_path / f"old.{kind}").save(tmp_path / f"new.{kind}")
    x = keras.random.normal((2, 8), seed=1)
    assert (keras.ops.convert_to_numpy(made.loaded(tmp_path / f"new.{kind}")(x)) == keras.ops.convert_to_numpy(model(x))).all()


def test_bfloat16_is_marked_in_archives_and_refused_in_h5_files(tmp_path: Path) -> None:
    model = dense(dtype="bfloat16")
    model.save(tmp_path / "old.h5")
    model.save(tmp_path / "old.keras")
    configsplit.convert(tmp_path / "old.h5").save(tmp_path / "new.keras")
    x = keras.random.normal((2, 8), seed=1)
    same = keras.ops.cast(made.loaded(tmp_path / "new.keras")(x), "float32") == keras.ops.cast(model(x), "float32")
    assert keras.ops.convert_to_numpy(same).all()
    with pytest.raises(WeightsError) as caught:
        configsplit.convert(tmp_path / "old.keras").save(tmp_path / "new.h5")
    assert caught.value.code == "layout-bfloat16"


def test_a_class_that_keeps_its_weights_elsewhere_is_refused_by_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(releases() / "keras-3.15.1" / "custom_block.keras") as archive:
        assert "first" in str(archive.read("model.weights.h5"))
    with pytest.raises(WeightsError) as caught:
        configsplit.convert(releases() / "keras-3.15.1" / "custom_block.keras").save(tmp_path / "new.h5")
    assert caught.value.code == "layout-unknown"


# ------------------------------------------------------------------------------------------------------ recipes, numeric proof


def test_a_recipe_converts_what_has_to_be_and_leaves_out_the_rest(near_jobs: None, tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    saved(made.filled("numbered"), zoo, "keras")
    shutil.copy(zoo / "old.keras", zoo / "new.keras")
    saved(made.filled("masks"), zoo, "h5")
    batch({"do": [{"convert": {}, "missing": "skip"}]}, zoo=zoo, out=tmp_path / "out", jobs=1)
    lines = [json.loads(line) for line in (tmp_path / "out" / "ledger.jsonl").read_text().splitlines()]
    assert {line["model"]: line["outcome"] for line in lines} == {
        "old.h5": "done",
        "old.keras": "skipped",
        "new.keras": "skipped",
    }


def test_both_are_run_where_that_is_asked_for(tmp_path: Path, near_worker: None) -> None:
    source, _ = saved(made.filled("masks"), tmp_path, "h5")
    found = configsplit.convert(source).save(tmp_path / "new.keras", verify="numeric").numeric
    assert found is not None
    assert (found.identical, found.frameworks[0].split()[0]) == (True, "Keras")
