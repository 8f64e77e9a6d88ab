"""A nested model whose input is of another dtype or rank than what it is fed, built by real Keras, opened by every verb."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from support.frameworks import FrameworkProcess, Original, process_for
from support.matrix import inputs_of
from support.thinned import in_turn, thinned

import configsplit
from configsplit.errors import CutError

keras = pytest.importorskip("keras")
tf_keras = pytest.importorskip("tf_keras")

FRAMEWORKS = {"keras": keras, "tf_keras": tf_keras}
DTYPES = ("float16", "bfloat16", "float32", "float64", "int32", "uint8")
PAIRS = [(name, *pair) for pair in itertools.permutations(DTYPES, 2) for name in FRAMEWORKS]


def inner_model(k: Any, dtype: str, kind: str, shape: tuple[int, ...] = (3,)) -> Any:
    """Begins with what computes in the dtype of the input itself, and ends in a Dense of float32."""
    if kind == "sequential":
        first = [k.layers.InputLayer(shape, dtype=dtype), k.layers.Flatten(name="f")]
        return k.Sequential([*first, k.layers.Dense(3, name="d"), k.layers.Dense(2, name="e")], name="inner")
    j = k.Input(shape, dtype=dtype, name="j")
    x = k.layers.Multiply(name="m", dtype=dtype if "float" in dtype else None)([j, j])
    return k.Model(j, k.layers.Dense(2, name="e")(k.layers.Dense(3, name="d")(x)), name="inner")


def built(name: str, outer: str, inner: str, kind: str, shape: tuple[int, ...], inside: tuple[int, ...]) -> Any:
    k = FRAMEWORKS[name]
    k.utils.set_random_seed(1)
    i = k.Input(shape, dtype=outer, name="i")
    x = k.layers.Maximum(name="pre", dtype=outer if "float" in outer else None)([i, i])
    return k.Model(i, inner_model(k, inner, kind, inside)(x))


def saved(model: Any, folder: Path, name: str) -> Path:
    path = folder / ("model.keras" if name == "keras" else "model.h5")
    model.save(path)
    return path


@pytest.mark.parametrize(("name", "outer", "inner"), thinned(PAIRS, 15))
def test_every_pair_of_dtypes(held: Any, tmp_path: Path, name: str, outer: str, inner: str) -> None:
    path = saved(built(name, outer, inner, "functional", (3,), (3,)), tmp_path, name)
    assert held(path, "inner/m") == []


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize(("outer", "inner"), [("float32", "float16"), ("float64", "float32"), ("uint8", "float32")])
def test_a_nested_sequential(held: Any, tmp_path: Path, name: str, outer: str, inner: str) -> None:
    path = saved(built(name, outer, inner, "sequential", (3,), (3,)), tmp_path, name)
    assert held(path, "inner/d", boundary="early") == []
    assert held(path, "inner/d", boundary="late") == []


RANKS = [((3, 1), (3,)), ((), (1,)), ((4, 3, 1), (4, 3)), ((4,), (4, 1))]


@pytest.mark.parametrize(
    ("shape", "inside", "name", "inner"),
    in_turn([(*each, name, inner) for name in FRAMEWORKS] for inner in ("float32", "float16") for each in RANKS),
)
def test_another_rank(held: Any, tmp_path: Path, name: str, shape: Any, inside: Any, inner: str) -> None:
    path = saved(built(name, "float32", inner, "functional", shape, inside), tmp_path, name)
    assert held(path, "inner/m") == []


PLACES = ("inner@0/m", "inner@1/m", "inner@2/m", "inner@0/j,inner@1/j")


def twice(name: str, folder: Path) -> Path:
    """One nested model called on two dtypes, and on its own output."""
    k = FRAMEWORKS[name]
    j = k.Input((3,), dtype="float16", name="j")
    inner = k.Model(j, k.layers.Dense(3, name="d")(k.layers.Multiply(name="m", dtype="float16")([j, j])), name="inner")
    a, b = k.Input((3,), dtype="float32", name="a"), k.Input((3,), dtype="float64", name="b")
    x, y = inner(a), inner(b)
    return saved(k.Model([a, b], k.layers.Concatenate(name="c")([x, y, inner(x)])), folder, name)


@pytest.mark.parametrize(("at", "name"), in_turn([(at, name) for name in FRAMEWORKS] for at in PLACES))
def test_shared_on_several_dtypes(held: Any, tmp_path: Path, name: str, at: str) -> None:
    assert held(twice(name, tmp_path), at) == []


VERBS = {
    "extract": lambda document, donor: configsplit.extract(document, to="inner/d"),
    "insert": lambda document, donor: configsplit.insert(document, donor, after="inner/m"),
    "replace": lambda document, donor: configsplit.replace(document, donor, from_="inner/m", to="inner/d"),
}


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("verb", VERBS)
def test_surgery_keeps_the_cast(tmp_path: Path, processes: dict[str, FrameworkProcess], name: str, verb: str) -> None:
    """Held against the same graph made by Keras from the live layers of the original, cast by hand."""
    k = FRAMEWORKS[name]
    path = saved(built(name, "float32", "float16", "functional", (3,), (3,)), tmp_path, name)
    donor = tmp_path / ("donor.keras" if name == "keras" else "donor.h5")
    start = k.Input((3,), dtype="float16", name="s")
    put = k.Model(start, k.layers.Activation("relu", name="r", dtype="float16" if verb == "insert" else "float32")(start))
    put.save(donor)
    made = VERBS[verb](configsplit.load(path), donor).save(tmp_path / f"made{path.suffix}").path
    live = k.models.load_model(path, compile=False)
    inner = live.get_layer("inner")
    i = k.Input((3,), dtype="float32")
    x = (k.ops.cast if name == "keras" else __import__("tensorflow").cast)(live.get_layer("pre")([i, i]), "float16")
    x = inner.get_layer("m")([x, x])
    steps = {"extract": ["d"], "insert": ["r", "d", "e"], "replace": ["r", "e"]}[verb]
    for step in steps:
        x = (put if step == "r" else inner).get_layer(step)(x)
    by_hand = tmp_path / f"by-hand{path.suffix}"
    k.Model(i, x).save(by_hand)
    process = process_for(processes, "keras3" if name == "keras" else "keras2")
    outputs = [
        Original(process, each, tmp_path / each.stem, tensors=inputs_of(configsplit.load(by_hand)), samples=3).outputs
        for each in (made, by_hand)
    ]
    assert [(one.dtype, one.values.tobytes()) for one in outputs[0]] == [
        (one.dtype, one.values.tobytes()) for one in outputs[1]
    ]


def test_a_joined_split_is_the_original_again(tmp_path: Path) -> None:
    path = saved(built("keras", "float32", "float16", "functional", (3, 1), (3,)), tmp_path, "keras")
    configsplit.split(configsplit.load(path), "inner/d").save(tmp_path / "parts")
    again = configsplit.join(tmp_path / "parts").save(tmp_path / "again.keras").path
    assert configsplit.load(again).model == configsplit.load(path).model


def test_a_keras_3_h5_file_cannot_hold_the_cast(tmp_path: Path) -> None:
    model = built("keras", "float32", "float16", "functional", (3,), (3,))
    model.save(tmp_path / "model.h5")
    with pytest.raises(CutError) as refused:
        configsplit.split(configsplit.load(tmp_path / "model.h5"), "inner/m")
    assert refused.value.code == "cut-no-cast"
    assert "save the model as .keras" in str(refused.value.hint)


def test_old_releases_have_no_means_to_say_it(tmp_path: Path) -> None:
    text = built("tf_keras", "float32", "float16", "functional", (3,), (3,)).to_json()
    (tmp_path / "old.json").write_text(text.replace(f'"keras_version": "{tf_keras.__version__}"', '"keras_version": "2.3.1"'))
    with pytest.raises(CutError) as refused:
        configsplit.split(configsplit.load(tmp_path / "old.json"), "inner/m")
    assert refused.value.code == "cut-no-cast"


def test_integers_that_keras_3_records_as_floats(held: Any, tmp_path: Path) -> None:
    """A part whose input were what is recorded would multiply floats, where the original overflows."""
    i = keras.Input((3,), dtype="uint8", name="i")
    x = keras.layers.Maximum(name="pre")([i, i])
    path = saved(keras.Model(i, keras.layers.Dense(2)(keras.layers.Multiply(name="m")([x, x]))), tmp_path, "keras")
    assert held(path, "pre") == []
    assert held(path, "m") == []
