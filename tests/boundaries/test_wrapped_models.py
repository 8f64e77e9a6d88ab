"""Cuts inside a model that TimeDistributed runs: the wrapper becomes several in a row, each around a part of the model.

Every kind is made in Keras 3 and in tf_keras, as .keras and as .h5, and every part is run there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.frameworks import FrameworkProcess, Original, process_for
from support.made import cut_and_run, fill, inputs_for, run, same
from support.thinned import thinned

import configsplit
import configsplit.keras
from configsplit.errors import ConfigSplitError, VerificationError
from configsplit.graph.model import Layer, Model, Node
from configsplit.models.wrapped import DocumentWrapping
from configsplit.records.manifest import Manifest
from configsplit.rewrites.nested.divide import Divided
from configsplit.rewrites.nested.surface import reopen
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import Framework, framework
from configsplit.saving.divisions import prove_division

FRAMEWORKS = pytest.mark.parametrize("name", ["keras", "tf_keras"])
OTHER_FILES = pytest.mark.parametrize(("name", "suffix"), [("keras", "h5"), ("tf_keras", "keras")])


def residual(keras: Any, name: str = "inner") -> Any:
    """A model with a branch: two tensors cross behind ``act``."""
    layers = keras.layers
    start = keras.Input((6, 3), name=f"{name}_in")
    conv = layers.Conv1D(4, 3, padding="same", name="conv")(start)
    act = layers.Activation("tanh", name="act")(conv)
    joined = layers.BatchNormalization(name="bn")(layers.Add(name="add")([conv, act]))
    return keras.Model(start, layers.Dense(5, name="fc")(layers.Flatten(name="flat")(joined)), name=name)


def over_time(keras: Any, inner: Any, shape: tuple[int | None, ...] = (4, 6, 3)) -> Any:
    video = keras.Input(shape, name="video")
    steps = keras.layers.TimeDistributed(inner, name="td")(video)
    return fill(keras.Model(video, keras.layers.SimpleRNN(3, name="rnn")(steps)))


def plain(keras: Any) -> Any:
    return over_time(keras, residual(keras))


def shared(keras: Any) -> Any:
    layers = keras.layers
    ends = [keras.Input((4, 6, 3), name=name) for name in ("one", "two")]
    wrapper = layers.TimeDistributed(residual(keras), name="td")
    return fill(keras.Model(ends, layers.Dense(2, name="o")(layers.Concatenate(name="c")([wrapper(end) for end in ends]))))


def in_a_sequential(keras: Any) -> Any:
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((6, 3)), layers.Conv1D(4, 3, name="c1"), layers.Flatten(name="f"), layers.Dense(3, name="d")], name="cnn"
    )
    steps = layers.TimeDistributed(inner, name="td")
    return fill(keras.Sequential([keras.Input((4, 6, 3)), steps, layers.SimpleRNN(4, name="r"), layers.Dense(2, name="o")]))


def functional_in_sequential(keras: Any) -> Any:
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((6, 3)), layers.Dense(3, name="p0"), residual(keras, "rb"), layers.Dense(3, name="d")]
    )
    return over_time(keras, inner)


def deeper(keras: Any) -> Any:
    """A model inside the model, whose layers come up within the wrapper."""
    start = keras.Input((6, 3), name="start")
    pre = keras.layers.Dense(3, name="pre")(start)
    return over_time(keras, keras.Model(start, keras.layers.Dense(4, name="post")(residual(keras, "base")(pre)), name="mid"))


def twice(keras: Any) -> Any:
    """A wrapper inside what a wrapper holds."""
    layers = keras.layers
    start = keras.Input((4, 6, 3), name="start")
    steps = layers.Flatten(name="fl")(layers.TimeDistributed(residual(keras, "deep"), name="tdi")(start))
    inner = keras.Model(start, layers.Dense(3, name="dz")(steps), name="inn")
    return over_time(keras, inner, (3, 4, 6, 3))


def in_nested(keras: Any) -> Any:
    """A wrapper inside a nested model that is called twice."""
    layers = keras.layers
    start = keras.Input((4, 6, 3), name="start")
    steps = layers.TimeDistributed(residual(keras), name="td")(start)
    encoder = keras.Model(start, layers.SimpleRNN(3, name="l")(steps), name="enc")
    ends = [keras.Input((4, 6, 3), name=name) for name in ("one", "two")]
    return fill(keras.Model(ends, layers.Add(name="s")([encoder(end) for end in ends])))


def skipping(keras: Any) -> Any:
    """Any number of time steps, and a model whose input is needed behind the cut too."""
    layers = keras.layers
    start = keras.Input((6, 3), name="start")
    both = layers.Multiply(name="b")([layers.Dense(3, name="a")(start), start])
    inner = keras.Model(start, layers.Dense(3, name="e")(layers.Flatten(name="c")(both)), name="skip")
    return over_time(keras, inner, (None, 6, 3))


def frozen(keras: Any) -> Any:
    """A partly frozen model, whose weights stand in another order in a .h5 file."""
    inner = residual(keras)
    inner.get_layer("conv").trainable = False
    inner.get_layer("bn").trainable = False
    return over_time(keras, inner)


def reordered(keras: Any) -> Any:
    """A layer that is called on both sides of the cut, and that Keras rebuilds behind it later than in the whole."""
    layers = keras.layers
    ends = [keras.Input((4,), name=name) for name in ("na", "nb")]
    twice = layers.Dense(4, activation="tanh", name="d3")
    summed = layers.Add(name="s")([twice(ends[0]), twice(layers.Dense(4, activation="tanh", name="d2")(ends[1]))])
    nested, dense = keras.Model(ends, summed, name="mode"), layers.Dense(4, name="dens")
    start = keras.Input((4,), name="start")
    once = nested([start, dense(start)])
    again = nested([once, start])
    inner = keras.Model(start, layers.Add(name="add")([once, again, dense(again)]), name="inner")
    return over_time(keras, inner, (3, 4))


@dataclass(frozen=True)
class Wrapped:
    """A model, where to cut it, the pieces that its outermost wrapper becomes, and what else must be true."""

    name: str
    make: Callable[[Any], Any]
    at: str
    pieces: int
    holds: Callable[[Manifest], bool] = lambda manifest: True


def crossing(manifest: Manifest) -> list[tuple[int | None, ...] | None]:
    return [tensor.shape for tensor in manifest.parts[-1].inputs if hasattr(tensor.source, "part")]


def doubled(manifest: Manifest) -> bool:
    """Both parts hold what lies before the cut: one in a piece, the other in the wrapper that was kept for the other call."""
    return {"td/conv", "td/act"} <= set(manifest.shared_layers)


KINDS = [
    Wrapped("one tensor crosses as it is", plain, "td/bn", 2, lambda m: crossing(m) == [(None, 4, 6, 4)]),
    Wrapped("two tensors cross packed into one", plain, "td/act", 2, lambda m: crossing(m) == [(None, 4, 48)]),
    Wrapped("several cuts inside and one outside", plain, "td/conv|td/flat|td", 3, lambda m: len(m.parts) == 4),
    Wrapped("the last layer inside is the wrapper's own output", plain, "td/fc", 0, lambda m: crossing(m) == [(None, 4, 5)]),
    Wrapped("one of two calls of the wrapper", shared, "td@1/act", 2, lambda m: m.opened[0].calls == (1,) and doubled(m)),
    Wrapped("both calls of the wrapper, cut alike", shared, "td@*/bn", 2, lambda m: len(crossing(m)) == 2),
    Wrapped("both calls of the wrapper, each cut elsewhere", shared, "td@0/conv,td@1/bn", 3),
    Wrapped("a Sequential in a wrapper in a Sequential", in_a_sequential, "td/f", 2),
    Wrapped("a functional model in a Sequential in a wrapper", functional_in_sequential, "td/rb/act", 2),
    Wrapped("a nested model in a wrapper", deeper, "td/base/act", 2, lambda m: m.opened[0].inside[0].layer == "base"),
    Wrapped("beside a nested model in a wrapper", deeper, "td/pre", 2, lambda m: not m.opened[0].inside),
    Wrapped("a wrapper in a wrapper", twice, "td/tdi/act", 2, lambda m: len(m.opened[0].inside[0].pieces) == 2),
    Wrapped("a wrapper in one call of a nested model", in_nested, "enc@1/td/act", 2, lambda m: m.opened[0].layer == "enc"),
    Wrapped("an input of the wrapped model that is needed behind the cut", skipping, "td/a", 2),
    Wrapped("a partly frozen model in a wrapper", frozen, "td/act", 2),
    Wrapped(
        "a layer on both sides, rebuilt in another order", reordered, "td/dens@0", 2, lambda m: m.shared_layers == ("td/dens",)
    ),
]
MATRIX = [(kind, *file) for kind in KINDS for file in (("keras", "keras"), ("tf_keras", "h5"))]


@pytest.mark.parametrize(("kind", "name", "suffix"), thinned(MATRIX, 6), ids=lambda item: getattr(item, "name", item))
def test_a_model_in_a_wrapper_is_cut(kind: Wrapped, name: str, suffix: str, tmp_path: Path) -> None:
    check(kind, framework(name), suffix, tmp_path)


@pytest.mark.exhaustive
@OTHER_FILES
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_model_in_a_wrapper_is_cut_in_the_other_format(kind: Wrapped, name: str, suffix: str, tmp_path: Path) -> None:
    check(kind, framework(name), suffix, tmp_path)


def check(kind: Wrapped, works: Framework, suffix: str, folder: Path) -> None:
    works.module.backend.clear_session()
    model = kind.make(works.module)
    inputs = inputs_for(model)
    given: list[Any] = []
    manifest = cut_and_run(model, kind.at, folder, works, suffix=suffix, inputs=inputs, given=given)
    assert sum(len(step.pieces) for step in manifest.opened) == kind.pieces
    assert kind.holds(manifest), manifest
    joined = configsplit.join(folder / "parts").save(folder / f"joined.{suffix}").path
    again = run(load(joined, framework=works, classes={}), inputs, works)
    assert all(same(np.asarray(left), np.asarray(right)) for left, right in zip(given, again, strict=True))


@FRAMEWORKS
def test_weights_of_an_architecture_are_made_up_alike_in_whole_and_pieces(
    name: str, tmp_path: Path, processes: dict[str, FrameworkProcess]
) -> None:
    path = tmp_path / "model.json"
    path.write_text(deeper(framework(name).module).to_json())
    document = configsplit.load(path)
    saved = configsplit.split(document, "td/base/act").save(tmp_path / "parts")
    tensors = [item.plain() for item in saved.manifest.inputs]
    original = Original(process_for(processes, document.dialect), path, tmp_path / "run", tensors=tensors)
    assert original.differences(saved.directory, saved.manifest) == []


def test_a_wrong_weight_in_a_piece_is_found(tmp_path: Path) -> None:
    """The proof looks at each layer in a piece, not only at how many weights there are."""
    works = framework("keras")
    model = plain(works.module)
    model.save(tmp_path / "model.h5")
    configsplit.split(configsplit.load(tmp_path / "model.h5"), "td/act").save(tmp_path / "parts")
    with h5py.File(tmp_path / "parts" / "part-1.h5", "r+") as file:
        weight = file["model_weights/td_part_1/bn/gamma"]
        weight[...] = weight[...] + 1
    manifest = tmp_path / "parts" / "manifest.json"
    told = json.loads(manifest.read_text())
    told["parts"][1]["sha256"] = hashlib.sha256((tmp_path / "parts" / "part-1.h5").read_bytes()).hexdigest()
    manifest.write_text(json.dumps(told))
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.verify(tmp_path / "parts")
    assert caught.value.code == "verify-weights"


@FRAMEWORKS
def test_a_live_model_is_cut_in_a_wrapper_too(name: str) -> None:
    works = framework(name)
    model = deeper(works.module)
    inputs = inputs_for(model)
    head, tail = configsplit.keras.split(model, at="td/base/act")
    middle = [np.asarray(tensor) for tensor in run(head, inputs, works)]
    assert same(np.asarray(run(tail, middle, works)[0]), np.asarray(run(model, inputs, works)[0]))


# ---------------------------------------------------------------- the proof of a division

OWN_DTYPE = '"td_part_1", "trainable": true, "dtype":'

TAMPERED = {
    "a layer in a piece": ('"kernel_size": [3]', '"kernel_size": [5]'),
    "what is cut out of the pack": ('"cropping": [0, 24]', '"cropping": [24, 0]'),
    "the wrapper's own dtype": (f'{OWN_DTYPE} "float32"', f'{OWN_DTYPE} "float16"'),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_wrong_piece_in_a_file_is_found(what: str, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(plain(framework("tf_keras").module).to_json())
    configsplit.split(configsplit.load(tmp_path / "model.json"), "td/act").save(tmp_path / "parts")
    path, old = tmp_path / "parts" / "manifest.json", TAMPERED[what]
    told = json.loads(path.read_text())
    for part in told["parts"]:
        file = tmp_path / "parts" / part["file"]
        text = file.read_text()
        file.write_text(json.dumps(json.loads(text)).replace(*old))
        part["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    path.write_text(json.dumps(told))
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.verify(tmp_path / "parts")
    assert caught.value.code == "verify-graph"


def changed(layer: Layer, /, **values: Any) -> Layer:
    return replace(layer, entry=layer.entry | {"config": layer.config | values})


def with_piece(wrapping: DocumentWrapping, divided: Divided, number: int, change: Callable[[Model], Model]) -> Divided:
    """A division one of whose pieces holds something else."""

    def other(layer: Layer) -> Layer:
        is_it = layer.name == divided.pieces[number]
        return changed(layer, layer=wrapping.write(change(wrapping.read(layer)))) if is_it else layer

    return replace(divided, model=divided.model.with_layers(tuple(map(other, divided.model.layers))))


def in_layer(class_name: str, **values: Any) -> Callable[[Model], Model]:
    """A change in all layers of a class."""
    return lambda model: model.with_layers(
        tuple(changed(layer, **values) if layer.class_name == class_name else layer for layer in model.layers)
    )


def crossed(model: Model) -> Model:
    """What a Concatenate takes, the other way round."""
    return model.with_layers(
        tuple(
            replace(layer, calls=(Node((layer.calls[0].args[0][::-1],)),)) if layer.class_name == "Concatenate" else layer
            for layer in model.layers
        )
    )


WRONG_DIVISIONS: dict[str, tuple[int, Callable[[Model], Model]]] = {
    "other weights": (0, in_layer("Conv1D", filters=8)),
    "another order in the pack": (0, crossed),
    "cut out one step too far": (1, in_layer("Cropping1D", cropping=(1, 23))),
    "the same tensor twice": (1, in_layer("Cropping1D", cropping=(0, 24))),
    "another activation": (0, in_layer("Activation", activation="relu")),
    "packed in a narrower dtype": (0, in_layer("Concatenate", dtype="float16")),
}


@FRAMEWORKS
def test_a_wrong_division_is_found(name: str, tmp_path: Path) -> None:
    """The proof does not believe the rewrite, which would be wrong in the same way when it is repeated."""
    (tmp_path / "model.json").write_text(plain(framework(name).module).to_json())
    document = configsplit.load(tmp_path / "model.json")
    wrapping, seen = DocumentWrapping(document), list[tuple[Model, Model, Divided]]()
    steps = configsplit.split(document, "td/act").whole.steps
    reopen(document.model, steps, wrapping, lambda *division: seen.append(division))
    ((around, inner, divided),) = seen
    prove_division(wrapping, around, inner, divided)
    wrong = {what: with_piece(wrapping, divided, *change) for what, change in WRONG_DIVISIONS.items()}
    policy = tuple(changed(layer, dtype="float16") if layer.name == "td_part_1" else layer for layer in divided.model.layers)
    wrong["a wrapper that rounds"] = replace(divided, model=divided.model.with_layers(policy))
    for what, division in wrong.items():
        with pytest.raises(VerificationError) as caught:
            prove_division(wrapping, around, inner, division)
        assert caught.value.code == "verify-graph", what
