"""Layers of which nobody has declared a shape: what is said with --shape holds for the cut, the proof, and wherever it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.made import fill, flat, inputs_for, run, run_parts, same

import configsplit
from configsplit.cli.main import cli
from configsplit.errors import ShapeError
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import Framework, framework
from configsplit.verbs.table import VERBS, record

FRAMEWORKS = pytest.mark.parametrize("name", ["keras", "tf_keras"])


def odd_class(works: Framework) -> Any:
    class Odd(works.module.layers.Layer):
        def call(self, x: Any) -> Any:
            return x * 2

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    return Odd


def residual(works: Framework, middle: Any) -> Any:
    layers = works.module.layers
    start = works.module.Input((6, 3), name="start")
    conv = middle(layers.Conv1D(4, 3, padding="same", name="conv")(start))
    both = layers.Add(name="add")([conv, layers.Activation("tanh", name="act")(conv)])
    return works.module.Model(start, layers.Dense(5, name="fc")(layers.Flatten(name="flat")(both)), name="inner")


def before_a_wrapper(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    video = works.module.Input((4, 6, 3), name="video")
    plain = layers.Activation("linear", name="plain")
    steps = layers.TimeDistributed(residual(works, plain), name="td")(odd(name="odd")(video))
    return works.module.Model(video, layers.GlobalMaxPooling1D(name="pool")(steps))  # no class that could use a mask of odd's


def in_a_wrapper(works: Framework, odd: Any) -> Any:
    layers = works.module.layers
    video = works.module.Input((4, 6, 3), name="video")
    steps = layers.TimeDistributed(residual(works, odd(name="odd")), name="td")(video)
    return works.module.Model(video, layers.GlobalMaxPooling1D(name="pool")(steps))


def in_a_nested_model(works: Framework, odd: Any) -> Any:
    start = works.module.Input((6, 3), name="begin")
    return works.module.Model(start, works.module.layers.Dense(2, name="o")(residual(works, odd(name="odd"))(start)))


KINDS: dict[str, tuple[Any, str, str]] = {
    "before a wrapper that is cut inside": (before_a_wrapper, "td/act", "odd=None,4,6,3"),
    "where a wrapper is cut": (in_a_wrapper, "td/odd", "td/odd=None,6,4"),
    "beside a cut in a wrapper": (in_a_wrapper, "td/act", "td/odd=None,6,4"),
    "in a nested model": (in_a_nested_model, "inner/odd", "inner/odd=None,6,4"),
}


@FRAMEWORKS
@pytest.mark.parametrize("kind", KINDS)
def test_a_shape_is_given_where_nothing_tells_it(kind: str, name: str, tmp_path: Path) -> None:
    works = framework(name)
    odd = odd_class(works)
    make, at, shape = KINDS[kind]
    fill(make(works, odd)).save(path := tmp_path / "model.keras")
    document = configsplit.load(path)
    if name == "tf_keras" and at.startswith("td/") and shape.startswith("td/"):  # nothing is recorded, nor told by a taker
        with pytest.raises(ShapeError) as caught:
            configsplit.split(document, at)
        assert caught.value.code == "shape-unknown"
        assert f"--shape {shape.partition('=')[0]}=" in str(caught.value.hint)  # by a name that is understood
    saved = configsplit.split(document, at, shapes=[shape]).save(tmp_path / "parts")
    assert configsplit.verify(tmp_path / "parts").proof == saved.proof
    configsplit.join(tmp_path / "parts").save(joined := tmp_path / "joined.keras")
    classes = {"Odd": odd}
    whole = load(path, framework=works, classes=classes)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, works), works)
    parts = flat(run_parts(saved.directory, saved.manifest, inputs, works, classes), works)
    again = flat(run(load(joined, framework=works, classes=classes), inputs, works), works)
    assert all(
        same(np.asarray(one), np.asarray(two)) for found in (parts, again) for one, two in zip(wanted, found, strict=True)
    )


@FRAMEWORKS
def test_a_given_shape_holds_where_the_dtype_is_widened(name: str, tmp_path: Path) -> None:
    works = framework(name)
    odd = odd_class(works)
    start = works.module.Input((6, 3), dtype="float16", name="start")
    made = works.module.layers.Dense(2, name="o")(odd(name="odd", dtype="float16")(start))
    fill(works.module.Model(start, made)).save(path := tmp_path / "model.keras")
    shapes = ["odd=None,6,3:float16"] if name == "tf_keras" else []
    parts = configsplit.split(configsplit.load(path), "odd", shapes=shapes, boundary_dtype="float32")
    saved = parts.save(tmp_path / "parts")
    assert [(tensor.dtype, tensor.shape) for tensor in saved.manifest.parts[1].inputs] == [("float32", (None, 6, 3))]
    assert configsplit.verify(tmp_path / "parts").proof == saved.proof


SETTLED: dict[str, list[str]] = {
    "split": ["split", "MODEL", "--at", "odd", "--out", "out"],
    "stages": ["split", "MODEL", "--stages", "2", "--out", "out"],
    "cuts": ["cuts", "MODEL"],
    "extract": ["extract", "MODEL", "--to", "odd", "--out", "out.json", "--no-weights"],
    "convert": ["convert", "MODEL", "--out", "out.json"],
}
"""Every verb that takes --shape."""


def test_every_verb_that_takes_a_shape_is_here() -> None:
    takes = {name for name in VERBS if any(option.key == "shape" for option in record(name).options)}
    assert takes == {line[0] for line in SETTLED.values()}


def settled(path: Path, dialect: str) -> Path:
    """start -> odd (undeclared) -> add with a Dense of a known shape."""
    works = framework("keras" if dialect == "keras3" else "tf_keras")
    layers = works.module.layers
    start = works.module.Input((6, 3), name="start")
    both = layers.Add(name="add")([layers.Dense(3, name="fc")(start), odd_class(works)(name="odd")(start)])
    path.write_text(works.module.Model(start, layers.Dense(2, name="end")(both)).to_json())
    return path


WRONG = {
    "an input": "start=None,6,4",
    "a rank": "start=None,6",
    "a declared class": "fc=None,6,5",
    "a dtype": "fc=None,6,3:float16",
    "what follows from it": "odd=None,6,5",
}


@pytest.mark.in_turn("dialect")
@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("verb", SETTLED)
def test_two_facts_that_contradict_each_other_are_an_error(
    verb: str, wrong: str, dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if verb == "convert" and dialect == "keras3":
        return  # that is refused before anything else
    monkeypatch.chdir(tmp_path)
    words = [str(settled(tmp_path / "m.json", dialect)) if word == "MODEL" else word for word in SETTLED[verb]]
    done = CliRunner().invoke(cli, [*words, "--shape", WRONG[wrong]])
    assert done.exit_code == 1
    assert "error [shape-contradicted]" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
@pytest.mark.parametrize("right", ["odd=None,6,3", "odd=None,6,3:float32", "fc=None,6,3", "start=None,6,3"])
def test_what_agrees_may_be_said_again(right: str, dialect: str, tmp_path: Path) -> None:
    document = configsplit.load(settled(tmp_path / "m.json", dialect))
    saved = configsplit.split(document, "odd", shapes=["odd=None,6,3", right]).save(tmp_path / "parts")
    assert [tensor.shape for tensor in saved.manifest.parts[1].inputs if tensor.name == "odd"] == [(None, 6, 3)]


def open_net(path: Path, dialect: str) -> Path:
    """Fully convolutional: height and width are open, in it and in what is nested in it."""
    works = framework("keras" if dialect == "keras3" else "tf_keras")
    layers = works.module.layers
    start = works.module.Input((None, None, 3), name="start")
    first = layers.Conv2D(4, 3, padding="same", name="first")(start)
    into = works.module.Input((None, None, 4), name="into")
    inner = works.module.Model(into, layers.Conv2D(4, 1, name="deep")(layers.ReLU(name="relu")(into)), name="inner")
    path.write_text(works.module.Model(start, layers.Conv2D(2, 1, name="last")(inner(first))).to_json())
    return path


OPEN = {
    "split": ["split", "MODEL", "--at", "first", "--out", "out"],
    "split inside": ["split", "MODEL", "--at", "inner/relu", "--out", "out"],
    "plan": ["split", "MODEL", "--stages", "3", "--out", "out"],
    "extract": ["extract", "MODEL", "--from", "first", "--to", "last", "--out", "out/m.json"],
    "extract from the input": ["extract", "MODEL", "--from", "start", "--to", "last", "--out", "out/m.json"],
    "convert": ["convert", "MODEL", "--out", "out/m.json"],
}


@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
@pytest.mark.parametrize("case", OPEN)
def test_the_shape_of_an_input_is_a_size_and_enters_no_file(
    case: str, dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case == "convert" and dialect == "keras3":
        return
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    words = [str(open_net(tmp_path / "m.json", dialect)) if word == "MODEL" else word for word in OPEN[case]]
    sizes = ["--size", "start=1,8,8,3"] if case == "plan" else []
    written = []
    for more in (["--shape", "start=None,8,8,3"], sizes):
        done = CliRunner().invoke(cli, [*words, *more, "--force"])
        assert done.exit_code == 0, done.output
        models = sorted({*Path("out").glob("part-*.json"), *Path("out").glob("m.json")})
        written.append([path.read_bytes() for path in models])
    assert written[0] == written[1] != []
    files = [configsplit.load(path) for path in models]
    shapes = [document.infer().specs[ref].shape for document in files for ref in document.model.input_refs()]
    assert all(shape is not None and shape[1:3] == (None, None) for shape in shapes)


@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
def test_the_shape_of_an_input_is_priced(dialect: str, tmp_path: Path) -> None:
    document = configsplit.load(open_net(tmp_path / "m.json", dialect))
    shape, size = configsplit.cuts(document, shapes=["start=None,8,8,3"]), configsplit.cuts(document, sizes=["start=1,8,8,3"])
    assert [place.bytes for place in shape.places] == [place.bytes for place in size.places]
    assert all(type(place.bytes) is int for place in shape.places)


@pytest.mark.parametrize("said", [["odd=None,6,3"], {"odd": (None, 6, 3)}, {"odd": TensorSpec((None, 6, 3), "float32")}])
def test_shapes_are_said_in_texts_or_by_names(said: Any, tmp_path: Path) -> None:
    document = configsplit.load(settled(tmp_path / "m.json", "keras2"))
    specs = [
        configsplit.split(document, "odd", shapes=said).inference.specs,
        configsplit.extract(document, from_=["odd", "fc"], to="end", shapes=said).inference.specs,
    ]
    assert [found[TensorRef("odd")].shape for found in specs] == [(None, 6, 3)] * 2
    assert configsplit.cuts(document, shapes=said).places
    assert configsplit.convert(document, shapes=said).arguments["shapes"] in (["odd=None,6,3"], ["odd=None,6,3:float32"])
    with pytest.raises(ShapeError):
        configsplit.split(document, "odd", shapes={"odd": (None, 6, 5)})


def test_sizes_are_said_in_texts_or_by_names(tmp_path: Path) -> None:
    document = configsplit.load(open_net(tmp_path / "m.json", "keras2"))
    text, named = configsplit.cuts(document, sizes=["start=1,8,8,3"]), configsplit.cuts(document, sizes={"start": (1, 8, 8, 3)})
    assert [place.bytes for place in text.places] == [place.bytes for place in named.places]
    made = configsplit.extract(document, to="first", sizes={"start": (1, 8, 8, 3)}, fix_size=True)
    assert made.model.layers[0].config["batch_input_shape"] == (None, 8, 8, 3)
