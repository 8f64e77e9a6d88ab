"""The verbs of surgery on live models: what they compute, where weights come from, and that the original stays as it was."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_models import branching, images, numbers, run, same, state, strange

import configsplit
import configsplit.keras as live
from configsplit.errors import ConfigSplitError

pytestmark = pytest.mark.in_turn("keras")


def refused(code: str, work: Any) -> ConfigSplitError:
    with pytest.raises(ConfigSplitError) as caught:
        work()
    assert caught.value.code == code
    return caught.value


def sub_model(keras: Any, model: Any, *names: str) -> Any:
    """By Keras's own means, on a copy: the original's nodes are watched."""
    copy = keras.models.model_from_json(model.to_json())
    copy.set_weights(model.get_weights())
    return keras.Model(copy.input, [copy.get_layer(name).output for name in names])


def test_models_and_layers_are_what_signatures_call_them(keras: Any) -> None:
    model = branching(keras)
    assert isinstance(model, live.LiveModel)
    assert isinstance(live.remove(model, "bn"), live.LiveModel)
    assert all(isinstance(layer, live.LiveLayer) for layer in model.layers)
    assert not isinstance(model.layers[0], live.LiveModel)


def test_extract_gives_features_of_several_layers(keras: Any) -> None:
    model = branching(keras)
    before = state(model)
    features = live.extract(model, to=["c1", "sum", "out"])
    assert isinstance(features, keras.Model)
    assert state(model) == before
    assert same(run(keras, features, images()), run(keras, sub_model(keras, model, "c1", "sum", "out"), images()))


def test_extract_from_several_tensors(keras: Any) -> None:
    model = branching(keras)
    tail = live.extract(model, from_=["c1", "bn"], to="sum")
    head = live.extract(model, to=["c1", "bn"])
    assert same(run(keras, tail, *run(keras, head, images())), run(keras, sub_model(keras, model, "sum"), images()))


def test_extract_names_what_is_missing(keras: Any) -> None:
    model = branching(keras)
    assert "also needs" in refused("extract-missing", lambda: live.extract(model, from_="c2", to="sum")).message


@pytest.mark.parametrize("after", ["c1", "inner@0/act", "flat"])
def test_insert_a_live_layer(keras: Any, after: str) -> None:
    """Noise is no noise at inference, and is one in training."""
    model = branching(keras)
    before = state(model)
    noisy = live.insert(model, keras.layers.GaussianNoise(0.5, name="noise"), after=after)
    assert state(model) == before
    assert "noise" in [layer.name for layer in noisy.layers]
    assert same(run(keras, noisy, images()), run(keras, model, images()))
    assert not same(numbers(keras, noisy(images(), training=True)), numbers(keras, model(images(), training=True)))


def test_insert_a_layer_on_one_edge_with_its_own_weights(keras: Any) -> None:
    model = branching(keras)
    adapter = keras.layers.Dense(4, name="adapter")
    adapter.build((None, 8, 8, 4))
    adapter.set_weights([value + 0.25 for value in adapter.get_weights()])
    nodes = len(adapter._inbound_nodes)
    adapted = live.insert(model, adapter, after="c1", before="c2")
    assert len(adapter._inbound_nodes) == nodes
    assert all((a == b).all() for a, b in zip(adapted.get_layer("adapter").get_weights(), adapter.get_weights(), strict=True))
    assert adapted.get_layer("adapter") is not adapter
    stem = numbers(keras, model.get_layer("c1")(images()))[0]
    moved = numbers(keras, adapter(stem))[0]
    wanted = numbers(keras, model.get_layer("bn")(model.get_layer("c2")(moved), training=False))
    assert same(run(keras, live.extract(adapted, to=["bn"]), images()), wanted)
    assert same(run(keras, live.extract(adapted, to=["c1"]), images()), [stem])


def test_insert_a_configuration_whose_weights_keras_makes(keras: Any) -> None:
    model = branching(keras)
    entry = {"class_name": "Dense", "config": {"units": 4, "name": "fresh", "kernel_initializer": "ones"}}
    wider = live.insert(model, entry, after="c1")
    kernel, bias = wider.get_layer("fresh").get_weights()
    assert (kernel == 1).all()
    assert (bias == 0).all()
    assert same([wider.get_layer("c2").get_weights()[0]], [model.get_layer("c2").get_weights()[0]])


def test_replace_by_a_live_model_brings_its_weights(keras: Any) -> None:
    model = branching(keras)
    given = keras.Input((8, 8, 3), name="given")
    sides = [keras.layers.Conv2D(2, 3, padding="same", activation=kind, name=kind)(given) for kind in ("relu", "tanh")]
    donor = strange(keras.Model(given, keras.layers.Concatenate(name="merge")(sides), name="donor"), 8)
    before = state(model), state(donor)
    changed = live.replace(model, donor, from_="image", to="c1")
    assert (state(model), state(donor)) == before
    assert "c1" not in [layer.name for layer in changed.layers]
    rest = live.extract(model, from_="c1")
    assert same(run(keras, changed, images()), run(keras, rest, *run(keras, donor, images())))


def test_replace_takes_a_configuration_of_a_model(keras: Any) -> None:
    model = branching(keras)
    given = keras.Input((128 * 2,), name="given")
    head = json.loads(keras.Model(given, keras.layers.Dense(7, name="classes", kernel_initializer="ones")(given)).to_json())
    changed = live.replace(model, head, from_="flat", to="out")
    assert changed.output_shape == (None, 7)
    flat = run(keras, live.extract(model, to="flat"), images())[0]
    assert np.allclose(run(keras, changed, images())[0][:, 0], flat.sum(axis=1), rtol=1e-5)


def test_a_misfit_is_refused_before_anything_is_built(keras: Any) -> None:
    model = branching(keras)
    error = refused("surgery-shape", lambda: live.insert(model, keras.layers.Dense(5, name="five"), after="c1"))
    assert "'five' gives float32" in error.message


def test_remove_takes_layers_out(keras: Any) -> None:
    model = branching(keras)
    before = state(model)
    without = live.remove(model, ["bn", "inner/act"])
    assert state(model) == before
    stem = model.get_layer("c1")(images())
    side = model.get_layer("c2")(stem)
    fc = model.get_layer("inner").get_layer("fc")
    total = model.get_layer("sum")([fc(stem), side, fc(side)])
    wanted = numbers(keras, model.get_layer("out")(model.get_layer("flat")(total)))
    assert same(run(keras, without, images()), wanted)


def test_what_is_inserted_and_removed_again_is_what_it_was(keras: Any) -> None:
    model = branching(keras)
    back = live.remove(live.insert(model, keras.layers.GaussianNoise(0.5, name="noise"), after="sum"), "noise")
    assert same(run(keras, back, images()), run(keras, model, images()))
    assert sorted(layer.name for layer in back.layers) == sorted(layer.name for layer in model.layers)


def test_rename_gives_other_names_and_the_same_numbers(keras: Any) -> None:
    model = branching(keras)
    before = state(model)
    renamed = live.rename(model, {"c*": "conv*", "inner/fc": "dense"})
    assert state(model) == before
    assert {"conv1", "conv2"} <= {layer.name for layer in renamed.layers}
    assert renamed.get_layer("inner").get_layer("dense")
    assert same(run(keras, renamed, images()), run(keras, model, images()))


def test_freeze_leaves_the_original_free(keras: Any) -> None:
    model = branching(keras)
    before = state(model)
    frozen = live.freeze(model, before="sum")
    assert state(model) == before
    free = {layer.name for layer in frozen.layers if layer.trainable_weights}
    assert free == {"out"}
    assert len(frozen.trainable_weights) == 2
    assert same(run(keras, frozen, images()), run(keras, model, images()))
    thawed = live.freeze(frozen, layer="*", unfreeze=True)
    assert len(thawed.trainable_weights) == len(model.trainable_weights)
    assert same(run(keras, thawed, images()), run(keras, model, images()))


def test_freezing_what_is_composed_keeps_every_weight_in_its_place(keras: Any) -> None:
    """tf_keras lists the weights of a frozen wrapper in another order."""
    layers = keras.layers
    rows = keras.Input((5, 3), name="rows")
    both = layers.Bidirectional(layers.LSTM(4, name="memory"), name="both")(rows)
    spread = layers.TimeDistributed(layers.BatchNormalization(name="inside"), name="wrapped")(rows)
    joined = layers.Concatenate(name="joined")([both, layers.Flatten(name="flat")(spread)])
    model = strange(keras.Model(rows, layers.Dense(2, name="out")(joined)))
    value = np.random.default_rng(1).normal(size=(2, 5, 3)).astype("float32")
    frozen = live.freeze(model, layer=["both", "wrapped"])
    assert {variable.shape for variable in frozen.trainable_weights} == {(23, 2), (2,)}
    assert same(run(keras, frozen, value), run(keras, model, value))
    assert same(run(keras, live.freeze(frozen, layer="*", unfreeze=True), value), run(keras, model, value))


def test_attention_stays_frozen(keras: Any) -> None:
    """Keras 3 forgets that what is inside is frozen; here it is told again."""
    rows = keras.Input((5, 4), name="rows")
    attended = keras.layers.MultiHeadAttention(2, 3, name="attention")(rows, rows)
    model = keras.Model(rows, keras.layers.Dense(2, name="out")(attended))
    frozen = live.freeze(model, layer="attention")
    assert len(frozen.trainable_weights) == 2
    assert len(model.trainable_weights) == 10


def test_layers_are_listed(keras: Any) -> None:
    model = branching(keras)
    assert [layer.name for layer in live.layers(model, after="sum")] == ["flat", "out"]
    assert {layer.name for layer in live.layers(model, before="c2")} == {"image", "c1", "c2"}


@pytest.mark.parametrize("at", ["c2", ["c1", "sum"], "inner@1/act"])
def test_join_is_the_inverse_of_split(keras: Any, at: Any) -> None:
    model = branching(keras)
    before = state(model)
    joined = live.join(live.split(model, at))
    assert state(model) == before
    assert joined.to_json() == model.to_json()
    assert same(joined.get_weights(), model.get_weights())
    assert joined.layers[0] is not model.layers[0]


def test_join_takes_the_weights_that_the_parts_have_now(keras: Any) -> None:
    model = branching(keras)
    parts = live.split(model, "c2")
    home = next(part for part in parts if "out" in [layer.name for layer in part.layers])
    trained = [value + 1 for value in home.get_layer("out").get_weights()]
    home.get_layer("out").set_weights(trained)
    joined = live.join(parts)
    assert same(joined.get_layer("out").get_weights(), trained)
    assert same(joined.get_layer("c1").get_weights(), model.get_layer("c1").get_weights())


def test_a_shared_layer_that_was_trained_in_one_part_only_is_refused(keras: Any) -> None:
    model = branching(keras)
    parts = live.split(model, "inner@0", boundary="early")
    copies = [part.get_layer("inner").get_layer("fc") for part in parts if "inner" in [each.name for each in part.layers]]
    assert len(copies) == 2
    copies[0].set_weights([value + 1 for value in copies[0].get_weights()])
    assert refused("join-weights-differ", lambda: live.join(parts)).where == "inner/fc"


def test_join_composes_models(keras: Any) -> None:
    model = branching(keras)
    row = keras.Input((2,), name="row")
    head = strange(keras.Model(row, keras.layers.Dense(3, name="out")(row), name="head"), 9)
    joined = live.join(model, head)
    assert [layer.name for layer in joined.layers][-1] == "out_2"
    assert same(run(keras, joined, images()), run(keras, head, *run(keras, model, images())))
    assert refused("join-counts", lambda: live.join(model)).hint


def test_vocabularies_that_were_learnt_come_along(keras: Any) -> None:
    if keras.backend.backend() != "tensorflow":
        return  # strings are TensorFlow's alone
    words = keras.Input((1,), dtype="string", name="words")
    lookup = keras.layers.StringLookup(name="lookup")
    lookup.adapt(np.array(["cat", "dog", "dog"]))
    number = keras.layers.Embedding(4, 3, name="embedding")(lookup(words))
    model = keras.Model(words, keras.layers.Flatten(name="flat")(number))
    given = importlib.import_module("tensorflow").constant([["dog"], ["cat"], ["bird"]])
    parts = live.split(model, "lookup")
    assert parts[0].get_layer("lookup").get_vocabulary() == lookup.get_vocabulary()
    assert same(numbers(keras, parts[1](parts[0](given))), numbers(keras, model(given)))
    assert same(numbers(keras, live.rename(model, {"lookup": "table"})(given)), numbers(keras, model(given)))


def test_classes_of_the_user_are_known(keras: Any) -> None:
    """Those of the model's own layers without being told, others through custom_objects or by being registered."""

    class Twice(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2.0

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    def halved(x: Any) -> Any:
        return x * 0.5

    row = keras.Input((4,), name="row")
    tensor = keras.layers.Dense(4, activation=halved, name="half")(Twice(name="twice")(row))
    model = strange(keras.Model(row, keras.layers.Dense(2, name="out")(tensor)))
    value = np.ones((3, 4), "float32")
    changed = live.insert(model, Twice(name="again"), after="half", custom_objects={"halved": halved})
    assert [layer.name for layer in changed.layers] == ["row", "twice", "half", "again", "out"]
    plain = live.remove(changed, "again", custom_objects={"halved": halved})
    assert same(run(keras, plain, value), run(keras, model, value))
    half = numbers(keras, model.get_layer("half")(model.get_layer("twice")(value)))[0]
    assert same(run(keras, changed, value), numbers(keras, model.get_layer("out")(half * np.float32(2))))


def test_two_classes_of_one_name_are_told_apart_or_refused(keras: Any) -> None:
    def made(factor: float) -> Any:
        class Scaled(keras.layers.Layer):
            def call(self, x: Any) -> Any:
                return x * factor

        return Scaled

    row = keras.Input((4,), name="row")
    model = keras.Model(row, made(3.0)(name="three")(made(2.0)(name="two")(row)))
    assert refused("live-two-classes", lambda: live.rename(model, {"two": "double"})).where in ("two", "three")


def test_models_of_two_keras_do_not_mix() -> None:
    keras, tf_keras = (importlib.import_module(name) for name in ("keras", "tf_keras"))
    layer = tf_keras.layers.Dense(4)
    if keras.backend.backend() == "tensorflow":
        refused("surgery-dialect", lambda: live.insert(branching(keras), layer, after="c1"))
    refused("live-not-keras", lambda: live.extract({"no": "model"}, to="c1"))
    refused("live-not-keras", lambda: live.extract(layer, to="c1"))


def test_operations_inside_a_wrapper_are_no_layers_to_freeze() -> None:
    keras = importlib.import_module("keras")
    step = keras.Input((3,))
    inner = keras.Model(step, keras.ops.add(keras.layers.Dense(3)(step), 1.0))
    whole = keras.Sequential([keras.Input((4, 3)), keras.layers.TimeDistributed(inner, name="td"), keras.layers.Dense(2)])
    made = live.insert(whole, keras.layers.Dropout(0.5), after="td")
    x = np.ones((2, 4, 3), "float32")
    assert np.array_equal(np.asarray(made(x)), np.asarray(whole(x)))


def test_a_live_model_that_keras_cannot_save_is_an_error_with_a_code(tmp_path: Path) -> None:
    """Where a verb needs it as a file; KerasHub's Flux has such layers."""
    keras = pytest.importorskip("keras")

    class Unsaved(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return x

        def save_own_variables(self, _: Any) -> None:
            raise NotImplementedError("not to be saved")

    row = keras.Input((3,), name="row")
    model = keras.Model(row, Unsaved(name="odd")(keras.layers.Dense(2, name="dense")(row)), name="model")
    with pytest.raises(ConfigSplitError) as refused:
        configsplit.convert(model, to="keras2").save(tmp_path / "old.h5")
    assert refused.value.code == "live-unsaved"
    assert "not to be saved" in str(refused.value)
