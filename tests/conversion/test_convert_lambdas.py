"""The code of Lambda layers, read as data, computes what it computed when it was run: only these tests run it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import given
from hypothesis import strategies as st
from keras2_functions import FUNCTIONS
from support.thinned import examples, thinned
from tf_keras import backend as K  # noqa: N812 - its name everywhere
from written_lambdas import DRAWN, WRITTEN

from configsplit import convert, extract
from configsplit.errors import ConversionError
from configsplit.saving.conversion import Converted

V1 = tf.compat.v1
FLAT, WIDE, IMAGE = (4,), (3, 4), (4, 5, 3)


def _scaled(factor: float) -> Callable[[Any], Any]:
    shift = [1.0, 2.0, 3.0, factor]
    return lambda x: x * factor - shift


def _of_several_lines(x: Any) -> Any:
    first, second = x[:, 0], x[..., 1:, :]
    first, second = second, K.expand_dims(first, 1)
    first *= 2.0
    return first - second


def _with_import(x: Any) -> Any:
    import tensorflow as tf
    from tensorflow import keras

    return tf.nn.relu(x) ** 2 + keras.backend.mean(x, axis=-1, keepdims=True)


CASES: dict[str, tuple[Any, ...]] = {
    "rescale": (lambda x: x / 127.5 - 1, "x / 127.5 - 1", IMAGE),
    "divide": (lambda x: x / 255.0, "x / 255", IMAGE),
    "reversed": (lambda x: 1.0 - 2 * x, "1 - 2 * x", FLAT),
    "signs": (lambda x: -(x - 3) * (-2) - (-x), "-(x - 3) * (-2) - -x", FLAT),
    "brackets": (lambda x: 2 / (x * x + 1) - (x - (x - 1)), "2 / (x * x + 1) - (x - (x - 1))", FLAT),
    "powers": (lambda x: (x**2 + 1) ** 0.5 - 2**x, None, FLAT),
    "floor": (lambda x: x // 0.3 + x % 0.7, None, FLAT),
    "means": (lambda x: x - [103.939, 116.779, 123.68], "x - [103.939, 116.779, 123.68]", IMAGE),
    "channels": (lambda x: x[..., ::-1], "x[..., ::-1]", IMAGE),
    "slices": (lambda x: x[:, 1:-1, ::2], "x[:, 1:-1, ::2]", IMAGE),
    "element": (lambda x: x[:, 0], "x[:, 0]", WIDE),
    "last": (lambda x: x[:, -1, :], "x[:, -1, :]", WIDE),
    "axis": (lambda x: x[:, None, ..., tf.newaxis], None, WIDE),
    "normalize": (lambda x: K.l2_normalize(x, axis=1), "l2_normalize(x, axis=1)", FLAT),
    "normalize all": (lambda x: tf.math.l2_normalize(x, axis=[1, 2]), None, WIDE),
    "mean": (lambda x: K.mean(x, axis=[1, 2], keepdims=True), "reduce_mean(x, axis=[1, 2], keepdims=True)", IMAGE),
    "mean of conditions": (lambda x: K.mean(x > 0.5, axis=-1), None, WIDE),
    "sums": (lambda x: K.sum(x, 1) + K.max(x, axis=1) * K.min(x, 1) - K.prod(x, 1), None, WIDE),
    "spread": (lambda x: K.std(x, axis=-1, keepdims=True) + K.var(x, axis=-1, keepdims=True), None, WIDE),
    "roots": (lambda x: K.sqrt(x) + K.sqrt(K.abs(x)) + K.square(x), None, WIDE),
    "clips": (lambda x: K.clip(x, -0.5, 0.5) + K.relu(x, max_value=6) + K.relu(x, alpha=0.3), None, WIDE),
    "activations": (lambda x: K.sigmoid(x) + K.tanh(x) * K.softmax(x) + K.hard_sigmoid(x) + K.elu(x), None, WIDE),
    "shapes": (lambda x: K.reshape(x, (-1, K.int_shape(x)[1] * x.shape[2])), "reshape(x, [-1, 12])", WIDE),
    "open sizes": (lambda x: tf.reshape(x, [tf.shape(x)[0], -1, x.get_shape().as_list()[2] * 2]), None, (4, 6)),
    "later sizes": (lambda x: K.reshape(x[:, 1:], (-1, *K.int_shape(x[:, 1:, 0])[1:], 4)), None, WIDE),
    "numbers": (lambda x: x * math.sqrt(16.0) / float(x.shape[-1]) + np.pi, None, WIDE),
    "flatten": (lambda x: K.batch_flatten(x), "reshape(x, [-1, 12])", WIDE),
    "turned": (lambda x: K.permute_dimensions(x, (0, 2, 1)) + tf.transpose(x, [0, 2, 1]), None, WIDE),
    "reversed axis": (lambda x: K.reverse(x, 1) + K.reverse(x, axes=[2]), None, WIDE),
    "repeated": (lambda x: K.repeat(x, 3) + K.repeat_elements(K.expand_dims(x, 1), 3, axis=1), None, FLAT),
    "tiled": (lambda x: K.tile(x, [1, 2, 1]), None, WIDE),
    "padded": (lambda x: K.temporal_padding(x, (2, 1)), None, WIDE),
    "squeezed": (lambda x: K.squeeze(K.expand_dims(x), axis=-1), None, WIDE),
    "places": (lambda x: K.cast(K.argmax(x, axis=1), "float32") - tf.cast(tf.argmin(x, 1), tf.float32), None, WIDE),
    "one hot": (lambda x: K.one_hot(K.cast(K.abs(x) * 3, "int32"), 4), None, FLAT),
    "conditions": (lambda x: tf.cast((x > 0.2) & (x <= 0.8) | ~(x < 2), tf.float32), None, WIDE),
    "whole numbers": (lambda x: tf.cast(x * 10, "int32") / 3, None, WIDE),
    "unchanged": (lambda x: x, "x", WIDE),
    "cumulative": (lambda x: K.cumsum(x, axis=1) - tf.cumsum(x, 1, reverse=True), None, WIDE),
    "two": (lambda x: x[0] + x[1] * 0.17, "x[0] + x[1] * 0.17", FLAT, FLAT),
    "distance": (
        lambda v: K.sqrt(K.maximum(K.sum(K.square(v[0] - v[1]), axis=1, keepdims=True), K.epsilon())),
        "sqrt(maximum(maximum(reduce_sum(square(x[0] - x[1]), axis=1, keepdims=True), 1e-07), 0))",
        FLAT,
        FLAT,
    ),
    "concatenated": (lambda x: K.concatenate([x[0], x[1][:, :2]]), "concat([x[0], x[1][:, :2]], axis=-1)", FLAT, FLAT),
    "stacked": (lambda x: tf.stack(x, axis=1) * 2, None, FLAT, FLAT),
    "products": (lambda x: tf.matmul(x[0], x[1], transpose_b=True), None, (3, 4), (2, 4)),
    "at sign": (lambda x: x[0] @ x[1], None, (3, 4), (4, 2)),
    "several": (lambda x: [x[:, 0], x * 2], "x[:, 0], x * 2", WIDE),
    "by default": (lambda x, k=3.0: x * k, "x * 3", FLAT),
    "closure": (_scaled(0.5), "x * 0.5 - [1, 2, 3, 0.5]", FLAT),
    "several lines": (_of_several_lines, "x[..., 1:, :] * 2 - expand_dims(x[:, 0], axis=1)", WIDE),
    "imports": (_with_import, "nn.relu(x) ** 2 + reduce_mean(x, axis=-1, keepdims=True)", WIDE),
}


@pytest.mark.parametrize("title", sorted(CASES))
def test_what_is_read_is_what_runs(title: str, tmp_path: Path) -> None:
    function, text, *shapes = CASES[title]
    made = _converted(function, shapes, tmp_path)
    assert not made.refusals
    (note,) = [note for note in made.notes if "its code is read, not run" in note.what]
    assert note.layer == "code"
    assert text is None or text in note.what
    _compare(made, function, shapes, tmp_path)


@pytest.mark.parametrize("title", thinned(sorted(WRITTEN), 50))
def test_what_people_write_is_read_as_it_runs(title: str, tmp_path: Path) -> None:
    function, *shapes = WRITTEN[title]
    made = _converted(function, shapes, tmp_path)
    assert not made.refusals
    _compare(made, function, shapes, tmp_path)


@pytest.mark.parametrize("title", sorted(DRAWN))
def test_what_no_operation_does_is_refused_by_its_name(title: str, tmp_path: Path) -> None:
    function, reason, *shapes = DRAWN[title]
    (refusal,) = _converted(function, shapes, tmp_path).refusals
    assert (refusal.code, reason in refusal.reason) == ("convert-lambda", True)
    assert refusal.remedy.endswith("--lambda code=module:function")


@pytest.mark.parametrize("title", sorted(FUNCTIONS))
def test_a_function_is_read_right_or_refused(title: str, tmp_path: Path) -> None:
    shape, function = FUNCTIONS[title]
    made = _converted(function, [shape], tmp_path)
    if made.refusals:
        assert {refusal.code for refusal in made.refusals} <= {"convert-lambda", "convert-operation"}
    else:
        _compare(made, function, [shape], tmp_path)


_ATOMS = ("x", "x[:, ::-1]", "K.square(x)", "tf.nn.relu(x)", "K.mean(x, axis=-1, keepdims=True)", "K.abs(x)", "-x", "x[:, 1:2]")
_NUMBERS = ("2", "0.5", "-1.25", "255.0", "127.5", "[1.0, 2.0, 3.0, 4.0]")


@st.composite
def _expressions(draw: st.DrawFn) -> str:
    """``x`` with operators, functions and numbers around it."""
    found = [draw(st.sampled_from(_ATOMS))]
    for _ in range(draw(st.integers(1, 5))):
        symbol, other = draw(st.sampled_from("+-*/")), draw(st.sampled_from((*_ATOMS, *_NUMBERS)))
        left, right = (found[-1], other) if draw(st.booleans()) else (other, found[-1])
        if symbol == "/":
            right = f"(K.abs({right}) + 1.5)" if "x" in right else "4.0"
        found.append(draw(st.sampled_from((f"({left} {symbol} {right})", f"K.tanh({left} {symbol} {right})"))))
    return found[-1]


@examples(60)
@given(_expressions())
def test_random_expressions_are_read_as_they_run(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("expression")
    function = eval(f"lambda x: {text}", {"K": K, "tf": tf})
    made = _converted(function, [WIDE], folder)
    assert not made.refusals
    _compare(made, function, [WIDE], folder)


# ------------------------------------------------------------------------------------------------------------ what is not read


def _jumps(x: Any) -> Any:
    return x if K.learning_phase() else -x


REFUSED: dict[str, tuple[Callable[..., Any], str]] = {
    "jumps": (_jumps, "jumps, loops"),
    "inner functions": (lambda x: tf.map_fn(lambda row: row * 2, x), "inner functions"),
    "its own module": (lambda x: _jumps(x), "from its own module"),
    "what changed its meaning": (lambda x: tf.image.resize(x, (2, 2)), "no rule"),
    "any number": (lambda *x: x[0] * 2, "any number of arguments"),
    "masks": (lambda x, mask=None: x * 2, "takes a mask"),
    "no tensor": (lambda x: K.int_shape(x)[1:], "something else than tensors"),
    "equality": (lambda x: tf.cast(x == 1, "float32"), "=="),
}


@pytest.mark.parametrize("title", sorted(REFUSED))
def test_what_is_not_read_is_refused_with_the_reason(title: str, tmp_path: Path) -> None:
    function, reason = REFUSED[title]
    source = tf_keras.Input(IMAGE)
    path = tmp_path / "old.json"
    layer = tf_keras.layers.Lambda(function, output_shape=IMAGE, name="code")
    path.write_text(tf_keras.Model(source, layer(source)).to_json())
    (refusal,) = [each for each in convert(path).refusals if each.code == "convert-lambda"]
    assert reason in refusal.reason
    assert refusal.remedy.endswith("--lambda code=module:function")


def _share(data: Any, i: int, parts: int) -> Any:
    """What multi_gpu_model gives one device of a batch, as its code goes on."""
    step = K.shape(data)[0] // parts
    return data[step * i :] if i == parts - 1 else data[step * i : step * (i + 1)]


def test_a_model_that_devices_shared_is_taken_out_as_the_hint_says(tmp_path: Path) -> None:
    inner = tf_keras.Sequential([tf_keras.Input((6,)), tf_keras.layers.Dense(4, name="dense")], name="inner")
    source = tf_keras.Input((6,), name="source")
    shares = [
        tf_keras.layers.Lambda(_share, output_shape=(6,), arguments={"i": i, "parts": 2}, name=f"share_{i}")(source)
        for i in (0, 1)
    ]
    whole = tf_keras.Model(source, tf_keras.layers.Concatenate(axis=0, name="all")([inner(share) for share in shares]))
    whole.save(path := tmp_path / "two.h5")
    refusal = convert(path).refusals[0]
    assert "multi_gpu_model" in refusal.remedy
    assert "--from share_0 --to LAYER@0" in refusal.remedy
    one = extract(path, from_=["share_0"], to=["inner@0"])
    convert(one).save(tmp_path / "one.keras")
    data = given_for([(6,)])
    import keras

    expected = np.asarray(whole(tf.constant(np.concatenate([data] * 2)[:4]), training=False))
    given = np.asarray(keras.models.load_model(tmp_path / "one.keras")(np.concatenate([data] * 2)[:4], training=False))
    np.testing.assert_allclose(given, expected, rtol=1e-6, atol=1e-6)


def test_reading_can_be_switched_off(tmp_path: Path) -> None:
    made = _converted(CASES["rescale"][0], [IMAGE], tmp_path, read_lambda=False)
    assert [refusal.code for refusal in made.refusals] == ["convert-lambda"]
    assert "not to be read" in made.refusals[0].reason


def test_a_shape_that_the_code_does_not_give_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    source = tf_keras.Input(WIDE)
    model = tf_keras.Model(source, tf_keras.layers.Lambda(lambda x: x * 2, output_shape=(3, 5), name="code")(source))
    path.write_text(model.to_json())
    (refusal,) = convert(path).refusals
    assert "its output_shape says (3, 5)" in refusal.reason


# ----------------------------------------------------------------------------------------------------- inside other layers


def test_lambdas_inside_wrappers_are_read(tmp_path: Path) -> None:
    layers = [
        tf_keras.Input((5, 4)),
        tf_keras.layers.TimeDistributed(tf_keras.layers.Lambda(lambda x: x[:, 1:] / 4 + 1), name="steps"),
    ]
    old = tf_keras.Sequential(layers)
    (tmp_path / "old.json").write_text(old.to_json())
    made = convert(tmp_path / "old.json")
    assert [note.layer.partition("/")[0] for note in made.notes if "read" in note.what] == ["steps"]
    data = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")
    assert np.array_equal(_new(made, tmp_path)(data), old(data))


def _behind_a_mask(function: Callable[[Any], Any], folder: Path) -> Any:
    source = tf_keras.Input((5, 4))
    masked = tf_keras.layers.Masking()(source)
    old = tf_keras.Model(source, tf_keras.layers.GlobalAveragePooling1D()(tf_keras.layers.Lambda(function)(masked)))
    (folder / "old.json").write_text(old.to_json())
    return old


def test_masks_end_at_a_lambda_as_they_did(tmp_path: Path) -> None:
    old = _behind_a_mask(lambda x: x * 2, tmp_path)
    data = np.random.default_rng(1).normal(size=(3, 5, 4)).astype("float32")
    data[:, 3:] = 0
    assert np.array_equal(_new(convert(tmp_path / "old.json"), tmp_path)(data), old(data))


def test_a_lambda_that_gives_back_the_very_tensor_with_its_mask_is_refused(tmp_path: Path) -> None:
    _behind_a_mask(lambda x: x, tmp_path)
    assert "convert-mask" in {refusal.code for refusal in convert(tmp_path / "old.json").refusals}


def test_one_function_for_many_by_a_pattern(tmp_path: Path) -> None:
    tensor = source = tf_keras.Input(FLAT)
    for number in range(3):
        tensor = tf_keras.layers.Lambda(_jumps, output_shape=FLAT, name=f"block{number}_scale")(tensor)
    tensor = tf_keras.layers.TimeDistributed(tf_keras.layers.Lambda(_jumps, output_shape=FLAT, name="inner"), name="outer")(
        tf_keras.layers.RepeatVector(2)(tensor)
    )
    (tmp_path / "old.json").write_text(tf_keras.Model(source, tensor).to_json())
    for wrapped in ("outer", "inner", "outer/inner", "out*"):
        made = convert(tmp_path / "old.json", lambdas={"block*_scale": "own:scaled", wrapped: "own:other"})
        assert not made.refusals
        assert sum("own:scaled" in note.what for note in made.notes) == 3
    with pytest.raises(ConversionError) as caught:
        convert(tmp_path / "old.json", lambdas={"blok*": "own:scaled"})
    assert caught.value.code == "convert-lambda-unknown"
    assert "block0_scale" in (caught.value.hint or "")


# ----------------------------------------------------------------------------------------------------------------- helpers


def given_for(shapes: Any) -> Any:
    lot = np.random.default_rng(len(shapes))
    data = [lot.uniform(-1, 1, size=(3, *(size or 6 for size in shape))).astype("float32") for shape in shapes]
    return data if len(data) > 1 else data[0]


def _converted(function: Callable[..., Any], shapes: Any, folder: Path, **options: Any) -> Converted:
    sources = [tf_keras.Input(shape) for shape in shapes]
    layer = tf_keras.layers.Lambda(function, name="code")
    old = tf_keras.Model(sources, layer(sources if len(sources) > 1 else sources[0]))
    (folder / "old.json").write_text(old.to_json())
    return convert(folder / "old.json", **options)


def _new(made: Converted, folder: Path) -> Any:
    import keras

    made.save(folder / "new.json", force=True)
    return keras.models.model_from_json((folder / "new.json").read_text())


def _compare(made: Converted, function: Callable[..., Any], shapes: Any, folder: Path) -> None:
    data = given_for(shapes)
    tensors = [tf.constant(each) for each in data] if isinstance(data, list) else tf.constant(data)
    wanted, found = (tf.nest.flatten(value) for value in (function(tensors), _new(made, folder)(data)))
    for one, other in zip(wanted, found, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=2e-6, atol=2e-6)
