"""Every verb in real Keras 3 and tf_keras: what is written is loaded by Keras's own loader and fed through numpy."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.thinned import thinned
from surgery_live import KINDS, branched, chain, images, run, same, saved, values, with_weights, works_of
from surgery_making import NOISE, layer_file

import configsplit
from configsplit.runtime.build import load


def in_each(test: Any) -> Any:
    """A test for every framework and format, of which it meets one always."""
    return pytest.mark.in_turn("name", "suffix")(pytest.mark.parametrize(("name", "suffix"), KINDS, scope="module")(test))


def with_each(name: str, cases: list[Any]) -> Any:
    """Every case in every framework and format; a quarter of them in `make test`."""
    matrix = [(*kind, case) for case in cases for kind in KINDS]
    return pytest.mark.parametrize(("name", "suffix", name), thinned(matrix, len(matrix) // 4), scope="module")


@pytest.fixture(scope="module")
def made(name: str, suffix: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    """The framework, the live model, and its file: nothing changes any of them."""
    works = works_of(name)
    model = branched(works.module)
    return works, model, saved(model, tmp_path_factory.mktemp("made"), f"whole.{suffix}")


@pytest.fixture(scope="module")
def wanted(made: Any) -> list[np.ndarray]:
    """What the file gives for `images`."""
    works, _, path = made
    return run(path, works, images())


@in_each
def test_features_at_several_layers(made: Any, suffix: str, tmp_path: Path) -> None:
    works, model, path = made
    features = works.module.Model(model.input, [model.get_layer(name).output for name in ("active", "sum", "scores")])
    out = configsplit.extract(configsplit.load(path), to=["active", "sum", "scores"]).save(tmp_path / f"out.{suffix}").path
    assert same(run(out, works, images()), values(features(images(), training=False), works))


@in_each
def test_a_block_between_two_tensors(made: Any, suffix: str, tmp_path: Path) -> None:
    works, model, path = made
    out = configsplit.extract(configsplit.load(path), from_="active", to=["deep", "sum"]).save(tmp_path / f"out.{suffix}").path
    block = works.module.Model(model.get_layer("active").output, [model.get_layer(n).output for n in ("deep", "sum")])
    assert same(run(out, works, images(1, 4)), values(block(images(1, 4), training=False), works))


@in_each
def test_a_tail_that_begins_inside_a_nested_model(made: Any, wanted: list[np.ndarray], suffix: str, tmp_path: Path) -> None:
    works, _, path = made
    document = configsplit.load(path)
    head = configsplit.extract(document, to="inner/two").save(tmp_path / f"head.{suffix}").path
    tail = configsplit.extract(document, from_="inner/two").save(tmp_path / f"tail.{suffix}").path
    assert same(run(tail, works, *run(head, works, images())), wanted)


@with_each("after", ["active", "inner/three", "scores", "image"])
def test_noise_is_no_noise_when_nothing_is_trained(
    made: Any, wanted: list[np.ndarray], suffix: str, tmp_path: Path, after: str
) -> None:
    works, _, path = made
    edited = configsplit.insert(configsplit.load(path), layer_file(tmp_path, NOISE), after=after)
    out = edited.save(tmp_path / f"out.{suffix}").path
    live = load(out, framework=works, classes={})
    assert live.get_layer("gaussian_noise").stddev == 0.5
    assert same(values(live(images(), training=False), works), wanted)
    back = configsplit.remove(configsplit.load(out), "gaussian_noise").save(tmp_path / f"back.{suffix}").path
    assert same(run(back, works, images()), wanted)


@in_each
def test_an_adapter_on_one_edge_brings_its_own_weights(made: Any, suffix: str, tmp_path: Path) -> None:
    works, model, path = made
    keras = works.module
    given = keras.Input((6, 6, 4), name="given")
    adapter = with_weights(keras.Model(given, keras.layers.Conv2D(4, 1, name="deep")(given)), 5)
    fragment = saved(adapter, tmp_path, f"adapter.{suffix}")
    edited = configsplit.insert(configsplit.load(path), fragment, after="active", before="deep")
    out = edited.save(tmp_path / f"out.{suffix}").path
    assert [layer.name for layer in edited.model.layers if layer.name.startswith("deep")] == ["deep_2", "deep"]
    active = model.get_layer("active").output
    summed = keras.layers.Add()([active, model.get_layer("deep")(adapter(active))])
    wanted = model.get_layer("scores")(model.get_layer("pooled")(model.get_layer("inner")(summed)))
    reference = keras.Model(model.input, wanted)
    assert same(run(out, works, images()), values(reference(images(), training=False), works))


@in_each
def test_a_layer_becomes_two_branches_and_a_merge(made: Any, suffix: str, tmp_path: Path) -> None:
    works, model, path = made
    keras = works.module
    given = keras.Input((None, None, 4), name="given")
    sides = [keras.layers.Conv2D(4, size, padding="same", name=f"side{size}")(given) for size in (1, 3)]
    donor = with_weights(keras.Model(given, keras.layers.Average(name="middle")(sides)), 6)
    edited = configsplit.replace(configsplit.load(path), saved(donor, tmp_path, f"donor.{suffix}"), from_="active", to="deep")
    out = edited.save(tmp_path / f"out.{suffix}").path
    assert "deep" not in {layer.name for layer in edited.model.layers}
    active = model.get_layer("active").output
    summed = keras.layers.Add()([active, donor(active)])
    reference = keras.Model(model.input, model.get_layer("scores")(model.get_layer("pooled")(model.get_layer("inner")(summed))))
    assert same(run(out, works, images()), values(reference(images(), training=False), works))


@in_each
def test_a_layer_inside_a_nested_model_is_removed(made: Any, suffix: str, tmp_path: Path) -> None:
    """The ordinals of the classes behind it change, and weights must not."""
    works, model, path = made
    keras = works.module
    out = configsplit.remove(configsplit.load(path), ["inner/one", "normal"]).save(tmp_path / f"out.{suffix}").path
    image = keras.Input((6, 6, 3))
    active = model.get_layer("active")(model.get_layer("stem")(image))
    tensor = keras.layers.Add()([active, model.get_layer("deep")(active)])
    for name in ("two", "three", "four"):
        tensor = model.get_layer("inner").get_layer(name)(tensor)
    reference = keras.Model(image, model.get_layer("scores")(model.get_layer("pooled")(tensor)))
    assert same(run(out, works, images()), values(reference(images(), training=False), works))


@in_each
def test_other_names_compute_the_same(made: Any, wanted: list[np.ndarray], suffix: str, tmp_path: Path) -> None:
    works, _, path = made
    edited = configsplit.rename(
        configsplit.load(path), ["s*=new_*", "inner/t*=x*", "inner=outer", "deep=normal", "normal=deep"]
    )
    out = edited.save(tmp_path / f"out.{suffix}").path
    live = load(out, framework=works, classes={})
    assert {"new_tem", "new_um", "new_cores", "outer", "deep"} <= {layer.name for layer in live.layers}
    assert [layer.name for layer in live.get_layer("outer").layers] == ["given", "one", "xwo", "xhree", "four"]
    assert same(values(live(images(), training=False), works), wanted)


FROZEN = {
    "before": ({"before": "active"}, ["stem", "normal", "active"], []),
    "before-inside": ({"before": "inner/two"}, ["stem", "normal", "active", "deep", "sum"], ["one", "two"]),
    "after-inside": ({"after": "inner/one"}, ["pooled", "scores"], ["two", "three", "four"]),
    "nested": ({"layer": "inner"}, ["inner"], ["one", "two", "three", "four"]),
    "inside": ({"layer": ["inner/two", "inner/three"]}, [], ["two", "three"]),
}
"""What is asked for, and which layers are frozen then, outside and inside of the nested model."""


@with_each("case", list(FROZEN))
def test_frozen_layers_stay_what_they_are(made: Any, wanted: list[np.ndarray], suffix: str, tmp_path: Path, case: str) -> None:
    """A legacy file lists the weights of a nested model in another order when some of them are frozen."""
    works, _, path = made
    options, frozen, inside = FROZEN[case]
    out = configsplit.freeze(configsplit.load(path), **options).save(tmp_path / f"out.{suffix}").path
    live = load(out, framework=works, classes={})
    fixed = [layer for layer in frozen if works.name == "keras" or layer != "inner"]  # tf_keras forgets a model's own flag
    assert [layer.name for layer in live.layers if not layer.trainable] == fixed
    assert [layer.name for layer in live.get_layer("inner").layers if not layer.trainable] == inside
    assert same(values(live(images(), training=False), works), wanted)
    freed = configsplit.freeze(configsplit.load(out), layer="*", unfreeze=True).save(tmp_path / f"freed.{suffix}").path
    again = load(freed, framework=works, classes={})
    assert all(layer.trainable for layer in (*again.layers, *again.get_layer("inner").layers))
    assert same(values(again(images(), training=False), works), wanted)


@with_each("at", [["active"], ["inner/two"], ["active", "inner/three"]])
def test_parts_join_to_what_they_were_cut_from(
    made: Any, wanted: list[np.ndarray], suffix: str, tmp_path: Path, at: list[str]
) -> None:
    works, _, path = made
    configsplit.split(configsplit.load(path), at).save(tmp_path / "parts")
    out = configsplit.join(tmp_path / "parts").save(tmp_path / f"out.{suffix}").path
    assert same(run(out, works, images()), wanted)


@in_each
def test_models_in_a_row_become_one(made: Any, wanted: list[np.ndarray], suffix: str, tmp_path: Path) -> None:
    works, _, path = made
    document = configsplit.load(path)
    head = configsplit.extract(document, to="active").save(tmp_path / f"head.{suffix}").path
    tail = configsplit.extract(document, from_="active").save(tmp_path / f"tail.{suffix}").path
    out = configsplit.join(head, tail).save(tmp_path / f"out.{suffix}").path
    assert same(run(out, works, images()), wanted)


@in_each
def test_a_chain_stays_a_chain(name: str, suffix: str, tmp_path: Path) -> None:
    works = works_of(name)
    row = np.random.default_rng(3).normal(size=(2, 6)).astype("float32")
    path = saved(chain(works.module), tmp_path, f"whole.{suffix}")
    document = configsplit.load(path)
    noise = layer_file(tmp_path, NOISE)
    edits = [
        configsplit.remove(document, "drop"),
        configsplit.insert(document, noise, after="a"),
        configsplit.rename(document, {"a": "first", "drop": "rest"}),
        configsplit.freeze(document, layer="a"),
    ]
    for number, edited in enumerate(edits):
        assert edited.model.kind == "sequential"
        out = edited.save(tmp_path / f"out{number}.{suffix}").path
        assert same(run(out, works, row), run(path, works, row))
    both = configsplit.extract(document, to=["a", "b"]).save(tmp_path / f"both.{suffix}")
    assert same(run(both.path, works, row)[1:], run(path, works, row))
    head = configsplit.extract(document, to="a").save(tmp_path / f"head.{suffix}").path
    tail = configsplit.extract(document, from_="a").save(tmp_path / f"tail.{suffix}").path
    joined = configsplit.join(head, tail)
    assert joined.model.kind == "sequential"
    assert same(run(joined.save(tmp_path / f"joined.{suffix}").path, works, row), run(path, works, row))


@pytest.mark.parametrize("works", ["keras", "tf_keras"])
def test_a_sequential_that_would_hold_a_layer_of_several_outputs_becomes_functional(works: str, tmp_path: Path) -> None:
    keras = importlib.import_module(works)
    x = keras.Input((4, 3))
    both = keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True), merge_mode=None, name="both")(x)
    inner = keras.Model(x, keras.layers.GlobalAveragePooling1D(name="pool")(both[0]), name="inner")
    whole = keras.Sequential([keras.Input((4, 3)), keras.layers.Dense(3), inner])
    suffix = "keras" if works == "keras" else "h5"
    whole.save(tmp_path / f"whole.{suffix}")
    fragment = tmp_path / "fragment.json"
    fragment.write_text('{"class_name": "Activation", "config": {"name": "put_in", "activation": "linear"}}')
    made = configsplit.insert(configsplit.load(tmp_path / f"whole.{suffix}"), fragment, after="inner/pool")
    made.save(tmp_path / f"made.{suffix}")
    value = np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    loaded = keras.models.load_model(tmp_path / f"made.{suffix}", compile=False)
    assert np.array_equal(np.asarray(loaded(value)), np.asarray(whole(value)))
