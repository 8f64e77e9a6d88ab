"""Layers that an archive stores otherwise than Keras has them, and operations that look like layers."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.made import cut_and_run, fill

import configsplit
from configsplit.containers.source import open_source
from configsplit.records.manifest import Manifest
from configsplit.runtime.frameworks import framework

OLD = Path(__file__).parents[1] / "corpus" / "releases" / "keras-2.3.1"


def crossing(manifest: Manifest) -> list[str]:
    return [tensor.name for tensor in manifest.parts[1].inputs]


@pytest.mark.parametrize("at", ["a", "b"])
def test_adapters_of_low_rank_are_merged_in_archives(at: str, tmp_path: Path) -> None:
    works = framework("keras")
    layers = works.module.layers
    ids = works.module.Input((5,), dtype="int64", name="ids")
    hidden = layers.Embedding(7, 8, lora_rank=2, name="e")(ids)
    hidden = layers.Dense(8, lora_rank=2, name="a")(hidden)
    hidden = layers.EinsumDense("abc,cd->abd", (None, 8), lora_rank=3, bias_axes="d", name="b")(hidden)
    model = fill(works.module.Model(ids, layers.Dense(8, lora_rank=3, name="c")(hidden)))
    assert crossing(cut_and_run(model, at, tmp_path, works)) == [at]


@pytest.mark.parametrize("at", ["d1", "d2"])
def test_an_activation_called_on_a_tensor_is_an_operation(at: str, tmp_path: Path) -> None:
    """It takes the name of a layer, of whose group in the archive it must not take possession."""
    works = framework("keras")
    layers, activations = works.module.layers, works.module.activations
    x = works.module.Input((8,), name="x")
    hidden = activations.relu(layers.Dense(8, name="d1")(x))
    hidden = layers.Dense(8, name="d2")(layers.ReLU(max_value=0.5)(hidden))
    model = fill(works.module.Model(x, layers.Dense(4, name="d3")(activations.relu(hidden))))
    assert crossing(cut_and_run(model, at, tmp_path, works)) == [at]


def test_an_activation_called_on_a_tensor_is_not_frozen(tmp_path: Path) -> None:
    works = framework("keras")
    layers, activations = works.module.layers, works.module.activations
    x = works.module.Input((8,), name="x")
    hidden = activations.relu(layers.Dense(8, name="d1")(x))
    works.module.Model(x, layers.Dense(4, name="d2")(hidden)).save(tmp_path / "m.keras")
    configsplit.freeze(configsplit.load(tmp_path / "m.keras"), before="d2").save(tmp_path / "frozen.keras")
    frozen = works.module.models.load_model(tmp_path / "frozen.keras")
    assert {layer.name: layer.trainable for layer in frozen.layers if layer.weights} == {"d1": False, "d2": False}


def test_old_weights_beside_an_architecture_are_read_by_what_is_in_them(near_worker: None, tmp_path: Path) -> None:
    """Keras since 2.12 takes any ``*.weights.h5`` for the newer layout, which those of parts of Keras 2 have not."""
    model = configsplit.load(OLD / "residual.json", weights=OLD / "residual.weights_only.h5")
    saved = configsplit.split(model, at="bn2").save(tmp_path / "parts", verify="numeric")
    assert saved.manifest.parts[0].weights == "part-0.weights.h5"
    assert saved.numeric is not None
    assert (saved.numeric.identical, saved.numeric.weights) == (True, "file")


@pytest.mark.parametrize("at", ["base/base_fc", "base/base_bn"])
def test_the_input_of_a_sequential_takes_no_number_in_archives_of_tf_2_13(at: str, tmp_path: Path) -> None:
    model = configsplit.load(OLD.parent / "tf-2.13" / "func_in_seq.keras")
    saved = configsplit.split(model, at=at).save(tmp_path / "parts")
    assert saved.proof is not None
    with open_source(model.path) as source:
        assert source.weights is not None
        kept = [name for name in source.weights.datasets if not name.startswith("optimizer")]
    assert saved.proof.weights == len(kept)
