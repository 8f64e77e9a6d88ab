"""The order of weights in the legacy group of a nested model: as files of three releases have it, and when nobody knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tf_keras
from surgery_live import run, same, saved, with_weights, works_of

import configsplit
from configsplit.containers.addresses import inner_weights
from configsplit.containers.source import open_source
from configsplit.errors import WeightsError
from configsplit.graph.model import walk
from configsplit.inference import weights_of
from configsplit.weights.order import loaded_order

CORPUS = Path(__file__).resolve().parents[1] / "corpus" / "releases"
PARTLY_FROZEN = sorted(CORPUS.glob("*/bn_chain_part.h5"))


@pytest.mark.parametrize("path", PARTLY_FROZEN, ids=lambda path: path.parent.name)
def test_real_files_have_the_order_that_is_computed(path: Path) -> None:
    document = configsplit.load(path)
    nested = document.model.by_name()["chain"]
    inner = next(found for call, found in document.infer().inner.items() if call.layer == "chain")
    assert nested.model is not None
    kinds = {place: [spec.trainable for spec in weights_of(inner, layer) or ()] for place, layer in walk(nested.model)}
    with open_source(path) as source:
        assert source.weights is not None
        names = source.weights.weight_names("model_weights/chain")
    owned = inner_weights(nested, names)
    order = loaded_order(nested.model, kinds, document.dialect)
    assert tuple(owned[weight.path][weight.number] for weight in order) == names


def test_there_are_such_files() -> None:
    assert len(PARTLY_FROZEN) == 3


def test_where_nobody_knows_the_order_it_is_not_guessed(tmp_path: Path) -> None:
    """A wrapper lists weights of its own and of what it wraps, each kind in an order of its own."""
    works = works_of("tf_keras")
    layers = works.module.layers
    rows = works.module.Input((3, 4), name="rows")
    wrapped = layers.TimeDistributed(layers.BatchNormalization(name="inside"), name="wrapped")(rows)
    path = saved(with_weights(works.module.Model(rows, layers.Dense(2, name="out")(wrapped)), 1), tmp_path, "net.h5")
    edited = configsplit.freeze(configsplit.load(path), layer="wrapped")
    with pytest.raises(WeightsError) as caught:
        edited.save(tmp_path / "frozen.h5")
    assert caught.value.code == "weights-order-unknown"
    assert caught.value.where == "wrapped"
    assert not (tmp_path / "frozen.h5").exists()


def test_a_layer_that_forgets_is_named_and_its_weights_still_arrive(tmp_path: Path) -> None:
    """Keras 3 trains what is inside a frozen MultiHeadAttention, and so looks for its weights among those that are trained."""
    works = works_of("keras")
    layers = works.module.layers
    rows, given = (works.module.Input((3, 4), name=name) for name in ("rows", "given"))
    tensor = layers.Dense(4, name="one")(given)
    tensor = layers.MultiHeadAttention(1, 4, name="attention")(tensor, tensor)
    inner = works.module.Model(given, layers.BatchNormalization(name="two")(tensor), name="inner")
    path = saved(with_weights(works.module.Model(rows, inner(rows)), 1), tmp_path, "net.h5")
    edited = configsplit.freeze(configsplit.load(path), layer=["inner/one", "inner/attention"])
    assert [warning.partition(":")[0] for warning in edited.warnings] == ["inner/attention"]
    out = edited.save(tmp_path / "frozen.h5").path
    batch = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32")
    assert same(run(out, works, batch), run(path, works, batch))


def test_a_frozen_wrapper_in_a_nested_model_trains_nothing_of_what_it_holds(tmp_path: Path) -> None:
    """tf_keras loads by position, trained weights first; none of the model in a frozen wrapper are."""
    layers = tf_keras.layers
    held = tf_keras.Sequential(
        [tf_keras.Input((4,)), layers.Dense(4, name="first"), layers.Dense(4, name="second")], name="held"
    )
    source = tf_keras.Input((3, 4))
    flow = layers.LSTM(4, return_sequences=True, name="lstm")(source)
    inner = tf_keras.Model(source, layers.TimeDistributed(held, name="steps")(flow), name="inner")
    model = tf_keras.Sequential([tf_keras.Input((3, 4)), inner, layers.Dense(2, name="out")])
    model.save(tmp_path / "old.h5")
    rows = np.linspace(-1, 1, 24, dtype="float32").reshape(2, 3, 4)
    for frozen in (["inner/lstm", "inner/steps"], ["inner/lstm"], ["inner/steps"]):
        made = configsplit.freeze(tmp_path / "old.h5", layer=frozen).save(tmp_path / "new.h5", force=True)
        anew = tf_keras.models.load_model(made.path, compile=False)
        assert np.array_equal(anew(rows), model(rows)), frozen
