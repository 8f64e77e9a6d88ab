"""What speaks for the shapes of classes that nobody has declared: cut by it, parts compute the same bits, and it is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.made import fill, flat, inputs_for, run, run_parts, same
from support.thinned import thinned

import configsplit
from configsplit.display.html import shape as shape_in_words
from configsplit.errors import ConfigSplitError, ShapeError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework
from configsplit.weights.implied import told_by_weights

WORKS = framework("tf_keras")
keras = WORKS.module
tf = pytest.importorskip("tensorflow")
L: Any = keras.layers


class Normalized(L.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.gamma, self.beta = (self.add_weight(name=name, shape=(shape[-1],)) for name in ("gamma", "beta"))

    def call(self, x: Any) -> Any:
        return (x - tf.reduce_mean(x, [1, 2], keepdims=True)) * self.gamma + self.beta


class Wavy(L.Layer):  # type: ignore[misc]
    """An activation with one number that is learnt."""

    def build(self, shape: Any) -> None:
        self.alpha = self.add_weight(name="alpha", shape=())

    def call(self, x: Any) -> Any:
        return x + tf.sin(self.alpha * x) ** 2


class Padded(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")


class Spectral(L.Conv2D):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        super().build(shape)
        self.vector = self.add_weight(name="u", shape=(1, self.filters), trainable=False)


class Always(L.Dropout):  # type: ignore[misc]
    def call(self, x: Any, training: Any = None) -> Any:
        return x * 3.0


class Dropped(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x * 0.5


class Weighed(L.Layer):  # type: ignore[misc]
    """The attention of many notebooks: a vector over the features, and one over the steps."""

    def build(self, shape: Any) -> None:
        self.w, self.b = self.add_weight(name="w", shape=(shape[-1], 1)), self.add_weight(name="b", shape=(shape[1],))

    def call(self, x: Any) -> Any:
        scores = tf.nn.softmax(tf.squeeze(tf.matmul(x, self.w), -1) + self.b)
        return tf.reduce_sum(x * scores[..., None], 1)


class Block(L.Layer):  # type: ignore[misc]
    def __init__(self, filters: int, **more: Any) -> None:
        super().__init__(**more)
        self.filters, self.conv = filters, L.Conv2D(filters, 3, strides=2)

    def call(self, x: Any) -> Any:
        return tf.nn.relu(self.conv(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters}


class Spectrum(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.signal.fft(tf.cast(x, tf.complex64))


class Power(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.abs(x) + tf.math.imag(x)


class Borrowed(L.Embedding):  # type: ignore[misc]
    """Gives its matrix, too, which has no batch."""

    def call(self, x: Any) -> Any:
        return [super().call(x), self.embeddings]


class Similar(L.Layer):  # type: ignore[misc]
    def call(self, both: Any) -> Any:
        return tf.matmul(both[0], both[1], transpose_b=True)


class Positions(L.Layer):  # type: ignore[misc]
    def __init__(self, steps: int, words: int, width: int, **more: Any) -> None:
        super().__init__(**more)
        self.steps, self.words, self.width = steps, words, width
        self.of_words, self.of_steps = L.Embedding(words, width), L.Embedding(steps, width)

    def call(self, x: Any) -> Any:
        return self.of_words(x) + self.of_steps(tf.range(self.steps))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "steps": self.steps, "words": self.words, "width": self.width}


class Wrapped(L.Wrapper):  # type: ignore[misc]
    """Scales the kernel of what it wraps, as weight normalization does."""

    def build(self, shape: Any) -> None:
        self.layer.build(shape)
        self.g = self.add_weight(name="g", shape=(self.layer.kernel.shape[-1],))

    def call(self, x: Any) -> Any:
        return self.layer(x) * self.g


class Rounded(L.Wrapper):  # type: ignore[misc]
    """Keeps a number beside the layer that it holds, as quantization does."""

    def build(self, shape: Any) -> None:
        self.step = self.add_weight(name="step", shape=(), trainable=False)
        self.layer.build(shape)

    def call(self, x: Any) -> Any:
        return self.layer(x) + self.step


class Mixed(L.Layer):  # type: ignore[misc]
    """Of several sizes, none of which tells what it gives."""

    def build(self, shape: Any) -> None:
        self.w, self.u = (self.add_weight(name=name, shape=(shape[-1], size)) for name, size in (("w", 7), ("u", 3)))

    def call(self, x: Any) -> Any:
        return x + tf.reduce_mean(x @ self.w, -1, keepdims=True) * tf.reduce_mean(x @ self.u, -1, keepdims=True)


class Gate(L.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.w, self.b = self.add_weight(name="w", shape=(shape[-1],) * 2), self.add_weight(name="b", shape=(shape[-1],))

    def call(self, x: Any) -> Any:
        return x * tf.sigmoid(x @ self.w + self.b)


def chain(shape: tuple[int, ...], *layers: Any, **more: Any) -> Any:
    name = more.pop("name", None)
    flow = start = L.Input(shape, **more)
    for layer in layers:
        flow = layer(flow)
    return keras.Model(start, flow, name=name)


def residual() -> Any:
    start = L.Input((6, 6, 3))
    flow = L.Conv2D(3, 3, padding="same")(start)
    return keras.Model(start, L.Conv2D(2, 1)(L.Add()([start, Dropped(name="at")(flow)])))


def joined() -> Any:
    start = L.Input(IMAGE)
    one, two = L.Conv2D(4, 3, padding="same")(start), Padded(name="at")(L.Conv2D(5, 3)(start))
    return keras.Model(start, L.Conv2D(2, 1)(L.Concatenate()([one, two])))


class Doubling(L.Layer):  # type: ignore[misc]
    """Its config and weights seem to say how wide it gives, and do not."""

    def __init__(self, half: int, **more: Any) -> None:
        super().__init__(**more)
        self.half = half

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(name="w", shape=(shape[-1], self.half))

    def call(self, x: Any) -> Any:
        return tf.concat([x @ self.w, -(x @ self.w)], -1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "half": self.half}


class Doubling2(Doubling):
    pass


def sharing(second: type, at: Any = None) -> Any:
    """Two of which only the sum is told, behind one that is told by itself."""
    start = L.Input((5, 4))
    flow = start if at else L.Add()([start, Dropped(name="at")(start)])
    parts = [Doubling(3, name=at)(flow), second(3)(flow), L.Dense(5)(flow)]
    return keras.Model(start, L.Conv1D(2, 1)(L.Concatenate()(parts)))


def in_a_row() -> Any:
    start = L.Input((5, 4))
    rows = [L.Conv1D(4, 1)(start), Padded3(name="at")(start)]
    return keras.Model(start, L.Conv1D(2, 3)(L.Concatenate(axis=1)(rows)))


def at_steps() -> Any:
    """A model of the user's own layers at every step."""
    inner = chain((5, 4), Weighed(), name="inner")
    return chain((3, 5, 4), L.TimeDistributed(inner, name="at"), L.Conv1D(2, 2), L.Dense(1))


def with_loss() -> Any:
    """A loss that a model adds is a number without axes."""
    start = L.Input((6,))
    flow = Dropped(name="at")(L.Dense(4)(start))
    model = keras.Model(start, L.Dense(6)(L.BatchNormalization()(flow)))
    model.add_loss(tf.reduce_mean(tf.square(model.output - start)))
    return model


def before_a_model() -> Any:
    """As the decoder of an autoencoder stands behind the layer that quantizes."""
    inner = chain((6, 6, 4), L.Conv2D(2, 3), L.GlobalMaxPooling2D(), name="decoder")
    return chain(IMAGE, L.Conv2D(4, 3), Mixed(name="at"), inner)


IMAGE = (8, 8, 3)
KINDS: dict[str, tuple[Callable[[], Any], tuple[int | None, ...], str]] = {
    "a vector for each channel": (
        lambda: chain(IMAGE, L.Conv2D(4, 3), Normalized(name="at"), L.ReLU(), Padded(), L.Conv2D(2, 3)),
        (None, 6, 6, 4),
        "2 for each channel",
    ),
    "a number for all channels": (
        lambda: chain(IMAGE, L.Conv2D(4, 3), Wavy(name="at"), Padded(), L.Conv2D(2, 3)),
        (None, 6, 6, 4),
        "its input",
    ),
    "a subclass of Conv2D": (
        lambda: chain(IMAGE, Spectral(4, 3, strides=2, name="at"), L.LeakyReLU(), L.Flatten(), L.Dense(2)),
        (None, 3, 3, 4),
        "that of a Conv2D",
    ),
    "a subclass of Dropout": (lambda: chain((5, 4), Always(0.2, name="at"), L.Flatten(), L.Dense(2)), (None, 5, 4), "Dropout"),
    "beside a tensor that is known": (residual, (None, 6, 6, 3), "want"),
    "elements that a Flatten wants": (
        lambda: chain(IMAGE, L.Conv2D(4, 3), Dropped(name="at"), L.Flatten(), L.Dense(2)),
        (None, 6, 6, 4),
        "its input",
    ),
    "the axes of a normalization": (
        lambda: chain((5, 4), Weighed(name="at"), L.Dense(6), L.BatchNormalization(), L.Dense(1)),
        (None, 4),
        "want",
    ),
    "filters": (
        lambda: chain(IMAGE, Block(4, name="at"), Block(5), L.GlobalMaxPooling2D(), L.Dense(1)),
        (None, None, None, 4),
        "4 in place of 3",
    ),
    "an embedding": (
        lambda: chain((5,), Positions(5, 9, 4, name="at"), Normalized2(), L.Dense(1), dtype="int32"),
        (None, 5, 4),
        "embedding",
    ),
    "beside others that are joined with it": (joined, (None, 8, 8, 5), "want"),
    "what it wraps": (
        lambda: chain((5, 4), Wrapped(L.Conv1D(6, 3, padding="same"), name="at"), L.Flatten(), L.Dense(2)),
        (None, 5, 6),
        "the Conv1D that it wraps",
    ),
    "before one that wraps a convolution": (
        lambda: chain(IMAGE, Wavy(name="at"), *map(Rounded, (L.Conv2D(4, 3), L.ReLU(), L.Flatten(), L.Dense(2))), L.Dense(1)),
        (None, 8, 8, 3),
        "its input",
    ),
    "behind one that wraps a convolution": (
        lambda: chain(IMAGE, Wavy(), Rounded(L.Conv2D(4, 3), name="at"), *map(Rounded, (L.ReLU(), L.Flatten(), L.Dense(2)))),
        (None, 6, 6, 4),
        "the Conv2D that it wraps",
    ),
    "a stack": (
        lambda: chain((5, 4), Mixed(name="at"), L.Dropout(0.1), Mixed(), L.GlobalMaxPooling1D(), L.Dense(1)),
        (None, None, 4),
        "another layer like it",
    ),
    "weights of one size": (
        lambda: chain((5,), L.Dense(4), Gate(name="at"), Gate(), L.Dense(1)),
        (None, 4),
        "no other size",
    ),
    "a model at every step": (at_steps, (None, None, 4), "want"),
    "behind one that nobody knows": (
        lambda: chain((2, 6), Padded3(), Mixed(name="at"), L.LayerNormalization(), L.Conv1D(2, 2), L.Dense(1)),
        (None, None, 6),
        "want",
    ),
    "shares of what is joined": (lambda: sharing(Doubling, "at"), (None, None, 6), "want"),
    "joined along the steps": (in_a_row, (None, None, 4), "want"),
    "before what seems to be what it is not": (lambda: sharing(Doubling2), (None, 5, 4), "want"),
    "before a model": (before_a_model, (None, 6, 6, 4), "want"),
    "beside a loss": (with_loss, (None, 4), "want"),
}


class Normalized2(L.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.scale, self.shift = (self.add_weight(name=name, shape=(shape[-1],)) for name in ("scale", "shift"))

    def call(self, x: Any) -> Any:
        return x * self.scale + self.shift


class Padded3(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.pad(x, [[0, 0], [1, 1], [0, 0]])


class Padded4(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.pad(x, [[0, 0], [0, 0], [1, 1], [1, 1], [0, 0]])


_OWN = (
    Normalized,
    Normalized2,
    Wavy,
    Padded,
    Padded3,
    Spectral,
    Always,
    Dropped,
    Weighed,
    Block,
    Positions,
    Wrapped,
    Rounded,
    Mixed,
    Gate,
    Doubling,
    Doubling2,
)
CLASSES = {each.__name__: each for each in _OWN}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_cut_by_what_speaks_for_a_shape(kind: str, tmp_path: Path) -> None:
    make, shape, why = KINDS[kind]
    fill(make()).save(path := tmp_path / "model.h5")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    (crossing,) = [tensor for tensor in saved.manifest.parts[1].inputs if tensor.name == "at"]
    assert crossing.shape == shape
    assert any("'at' is of a class that does not say it" in warning and why in warning for warning in saved.manifest.warnings)
    assert {each.name: each.shape for each in configsplit.layers(path)}["at"] == shape
    drawn = {box.layer: box.shape for box in configsplit.plot(path).whole.views[0].boxes}
    assert drawn["at"] == shape_in_words(shape)
    whole = load(path, framework=WORKS, classes=CLASSES)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, WORKS), WORKS)
    found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, CLASSES), WORKS)
    assert all(same(np.asarray(one), np.asarray(two)) for one, two in zip(wanted, found, strict=True))


@pytest.mark.parametrize("kind", thinned(KINDS, 6))
def test_a_declaration_of_masks_alone_takes_no_evidence_away(kind: str, tmp_path: Path) -> None:
    """It is what errors advise to declare, and it says nothing of shapes."""
    fill(KINDS[kind][0]()).save(path := tmp_path / "model.h5")
    declared = ", ".join(f"LayerFacts(class_name={name!r}, mask='stops', uses_mask=())" for name in CLASSES)
    (plugin := tmp_path / "masks.py").write_text(
        f"from configsplit.plugins import LayerFacts\nLAYERS = ({declared},)\n", "utf-8"
    )
    told = told_by_weights(configsplit.load(path))
    assert told
    assert told_by_weights(configsplit.load(path, custom_objects=[plugin])) == told


def test_a_subclass_is_told_by_what_its_release_wrote(tmp_path: Path) -> None:
    """Keras 2.1 knew no groups of a Conv, and the class wrote down a setting of its own."""
    fill(chain((9, 4), L.Conv1D(8, 3, padding="same", name="at"), L.Flatten(), L.Dense(2))).save(path := tmp_path / "model.h5")
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        (entry,) = [each for each in config["config"]["layers"] if each["config"]["name"] == "at"]
        entry["class_name"] = "ConvDNA"
        del entry["config"]["groups"], entry["config"]["data_format"]
        entry["config"]["seq_length"] = None
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = "2.1.3"
    assert {told.place.ref.layer: told.spec.shape for told in told_by_weights(configsplit.load(path))} == {"at": (None, 9, 8)}


def test_code_tells_it_without_being_run(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    fill(chain(IMAGE, L.Lambda(lambda x: x[:, ::2] / 255.0, name="at"), Padded(), L.Conv2D(2, 3))).save(path)
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    assert saved.manifest.parts[1].inputs[0].shape == (None, 4, 8, 3)
    assert any("read and not run" in warning for warning in saved.manifest.warnings)


WRAPPERS: dict[str, tuple[Callable[[], Any], tuple[int | None, ...]]] = {
    "steps": (
        lambda: chain((3, 8, 8, 3), Padded4(name="at"), L.TimeDistributed(L.Conv2D(2, 3)), L.GlobalMaxPooling3D()),
        (None, None, None, None, 3),
    ),
    "both ways": (lambda: chain((4, 6), Padded3(name="at"), L.Bidirectional(L.LSTM(2)), L.Dense(1)), (None, None, 6)),
}


@pytest.mark.parametrize("kind", WRAPPERS)
def test_a_wrapper_wants_what_its_layer_wants(kind: str, tmp_path: Path) -> None:
    make, shape = WRAPPERS[kind]
    fill(make()).save(path := tmp_path / "model.h5")
    assert {told.place.ref.layer: told.spec.shape for told in told_by_weights(configsplit.load(path))}["at"] == shape


def stacked_in_a_model() -> Any:
    """Blocks in a Sequential of their own, before a layer of Keras without weights."""
    return chain((5, 4), chain((5, 4), Mixed(), Mixed(), name="at"), L.Activation("tanh"), L.Flatten(), L.Dense(2))


def added_to() -> Any:
    """Positions in front of a plus sign, of which Keras writes what it took first."""
    start = L.Input((5, 4))
    flow = L.Dropout(0.1)(Mixed()(start))
    return keras.Model(start, L.Dense(2)(L.LayerNormalization()(Mixed(name="at")(flow) + flow)))


class Projected(L.Layer):  # type: ignore[misc]
    """What it holds in a Sequential has weights without its name in theirs."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.inner = keras.Sequential([L.Dense(4)])

    def call(self, x: Any) -> Any:
        return self.inner(x)


def test_weights_that_name_no_layer_hide_no_other(tmp_path: Path) -> None:
    """They are the affair of cuts inside the model that holds them."""
    inner = chain((5, 4), Projected(), L.Dense(4), name="inner")
    chain((5, 4), L.Conv1D(4, 1, name="at"), inner, L.Dense(2)).save(path := tmp_path / "model.h5")
    names = [layer.name for layer in configsplit.layers(path)]
    assert {"at", "inner"} <= {*names}
    assert configsplit.inspect(path).layers
    assert len(configsplit.split(path, "at").save(tmp_path / "parts").manifest.parts) == 2


WRITTEN = {"a model of such classes": stacked_in_a_model, "the first of several": added_to}


@pytest.mark.parametrize("kind", WRITTEN)
def test_it_is_cut_by_what_its_takers_were_built_on(kind: str, tmp_path: Path) -> None:
    fill(WRITTEN[kind]()).save(path := tmp_path / "model.keras")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    (crossing,) = [tensor for tensor in saved.manifest.parts[1].inputs if tensor.name == "at"]
    assert crossing.shape == (None, 5, 4)
    whole = load(path, framework=WORKS, classes=CLASSES)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, WORKS), WORKS)
    found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, CLASSES), WORKS)
    assert all(same(np.asarray(one), np.asarray(two)) for one, two in zip(wanted, found, strict=True))


def borrowing() -> Any:
    start = L.Input((5,), dtype="int32")
    words, matrix = Borrowed(9, 4, name="at")(start)
    return keras.Model(start, Similar()([L.Conv1D(4, 3)(words), matrix]))


UNTOLD: dict[str, Callable[[], Any]] = {
    "a Dense takes any rank": lambda: chain((5, 4), Dropped(name="at"), L.Dense(1)),
    "a Dense behind another size": lambda: chain(IMAGE, Padded(name="at"), L.Flatten(), L.Dense(2)),
    "nobody tells": lambda: chain(IMAGE, Padded(name="at"), Dropped(), Dropped(name="end")),
}


@pytest.mark.parametrize("kind", UNTOLD)
def test_where_nothing_speaks_for_one_it_is_asked_for(kind: str, tmp_path: Path) -> None:
    fill(UNTOLD[kind]()).save(path := tmp_path / "model.h5")
    with pytest.raises(ShapeError) as caught:
        configsplit.split(path, "at")
    assert caught.value.code == "shape-unknown"
    assert "--shape at=" in str(caught.value.hint)


def test_a_second_output_is_nothing_that_a_first_one_is(tmp_path: Path) -> None:
    fill(borrowing()).save(path := tmp_path / "model.h5")
    assert {told.place.ref.output for told in told_by_weights(configsplit.load(path))} == {0}
    with pytest.raises(ShapeError, match="at:1") as caught:
        configsplit.split(path, "at")
    assert caught.value.code == "shape-unknown"


def test_a_type_that_nothing_tells_is_said_and_can_be_given(tmp_path: Path) -> None:
    """Keras casts complex numbers to real ones without an error."""
    fill(chain((5, 8), L.Dense(8), Spectrum(name="at"), Power(), L.Conv1D(2, 3))).save(path := tmp_path / "model.h5")
    taken = configsplit.split(path, "at").save(tmp_path / "taken").manifest
    assert [each.split(",")[0] for each in taken.warnings if each.startswith("dtypes: ")] == [
        "dtypes: 'at' is taken for float32"
    ]
    assert any(each.startswith("dtypes: 'at'") for each in configsplit.extract(path, from_="at").warnings)
    saved = configsplit.split(path, "at", shapes=["at=None,5,8:complex64"]).save(tmp_path / "given")
    assert not any(each.startswith("dtypes: ") for each in saved.manifest.warnings)
    classes = {"Spectrum": Spectrum, "Power": Power}
    whole = load(path, framework=WORKS, classes=classes)
    inputs = inputs_for(whole)
    found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, classes), WORKS)
    assert all(same(np.asarray(a), np.asarray(b)) for a, b in zip(flat(run(whole, inputs, WORKS), WORKS), found, strict=True))


@pytest.mark.parametrize("kind", ["a vector for each channel", "beside a tensor that is known", "filters", "a stack"])
def test_weights_and_what_stands_beside_tell_the_type(kind: str, tmp_path: Path) -> None:
    fill(KINDS[kind][0]()).save(path := tmp_path / "model.h5")
    assert all(told.typed for told in told_by_weights(configsplit.load(path)))


class Halved(L.Layer):  # type: ignore[misc]
    """Its weights are those of a normalization, and it gives every second row."""

    def build(self, shape: Any) -> None:
        self.gamma, self.beta = (self.add_weight(name=name, shape=(shape[-1],)) for name in ("gamma", "beta"))

    def call(self, x: Any) -> Any:
        return x[:, ::2] * self.gamma + self.beta


def test_what_is_taken_for_granted_wrongly_changes_no_number(tmp_path: Path) -> None:
    """Keras computes on the tensor that it is given; it may refuse it, and then says so."""
    fill(chain(IMAGE, Halved(name="at"), Dropped(), L.Conv2D(2, 3))).save(path := tmp_path / "model.h5")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    classes = {**CLASSES, "Halved": Halved}
    whole = load(path, framework=WORKS, classes=classes)
    inputs = inputs_for(whole)
    try:
        found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, classes), WORKS)
    except (ConfigSplitError, ValueError):
        return
    assert all(same(np.asarray(a), np.asarray(b)) for a, b in zip(flat(run(whole, inputs, WORKS), WORKS), found, strict=True))


def test_what_computes_a_loss_stays_with_the_tail(tmp_path: Path) -> None:
    """Keras 2 keeps it in the file, though no output needs it; where only that lies behind a place, there is nothing to cut."""
    start = L.Input((6,))
    code = L.ReLU(name="at")(L.Dense(4)(start))
    model = keras.Model(start, L.Dense(6)(L.BatchNormalization()(code)))
    model.add_loss(tf.reduce_mean(tf.square(L.Dense(6, name="judge")(code) - start)))
    fill(model).save(path := tmp_path / "model.h5")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    whole, tail = (load(each, framework=WORKS, classes={}) for each in (path, saved.directory / "part-1.h5"))
    inputs = inputs_for(whole)
    wanted, found = run(whole, inputs, WORKS), run_parts(saved.directory, saved.manifest, inputs, WORKS, {})
    assert all(same(np.asarray(a), np.asarray(b)) for a, b in zip(flat(wanted, WORKS), flat(found, WORKS), strict=True))
    assert len(whole.losses) == len(tail.losses) == 1
    assert [np.asarray(each).tolist() for each in tail.get_layer("judge").get_weights()] == [
        np.asarray(each).tolist() for each in whole.get_layer("judge").get_weights()
    ]
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.split(path, "judge")
    assert caught.value.code == "cut-at-output"


def test_a_part_that_tf_keras_would_not_load_is_not_written(tmp_path: Path) -> None:
    model = chain((6,), L.Dense(4, name="at"), L.Dense(2))
    model.add_metric(tf.reduce_mean(model.output), name="mean")
    fill(model)
    model.save(tmp_path / "model.h5")
    model.save(tmp_path / "model.keras")
    assert configsplit.split(tmp_path / "model.h5", "at").save(tmp_path / "parts").manifest.parts
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.split(tmp_path / "model.keras", "at").save(tmp_path / "others")
    assert caught.value.code == "verify-buildable"


class Nameless(L.Layer):  # type: ignore[misc]
    """As written without a `get_config`: its document has no name for it."""

    def build(self, shape: Any) -> None:
        self.w = self.add_weight(name="w", shape=(shape[-1],) * 2)

    def call(self, x: Any) -> Any:
        return x @ self.w

    def get_config(self) -> dict[str, Any]:
        return {}


def test_a_layer_without_a_name_is_the_same_at_another_place(tmp_path: Path) -> None:
    made = keras.Sequential([L.Input((4,)), L.Dense(3, name="at"), Nameless(), L.Dense(5), Nameless(), L.Dense(2)])
    fill(made).save(path := tmp_path / "model.h5")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    classes = {"Nameless": Nameless}
    whole = load(path, framework=WORKS, classes=classes)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, WORKS), WORKS)
    found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, classes), WORKS)
    assert all(same(np.asarray(one), np.asarray(two)) for one, two in zip(wanted, found, strict=True))
