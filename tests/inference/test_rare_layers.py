"""Layers that take or hold more than a plain case can say, against the real classes."""

from __future__ import annotations

from typing import Any

import pytest
from live import FRAMEWORKS, inferred, inferred_weights, keras, live, outputs, tf, tf_keras, weights

from configsplit.catalog.facts import CallFacts
from configsplit.errors import ShapeError
from configsplit.graph.json import FrozenDict, freeze
from configsplit.graph.model import TensorSpec
from configsplit.inference import BUILT_IN

CELLS = [
    (lambda f: f.SimpleRNNCell(5), [5]),
    (lambda f: f.GRUCell(5, use_bias=False), [5]),
    (lambda f: f.LSTMCell(5), [5, 5]),
    (lambda f: f.StackedRNNCells([f.LSTMCell(3), f.GRUCell(4)]), [[3, 3], 4]),
]


@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.parametrize("number", range(len(CELLS)))
def test_cells_that_are_called_by_themselves(name: str, number: int) -> None:
    framework = FRAMEWORKS[name]
    make, sizes = CELLS[number]
    states = [
        [framework.Input((size,)) for size in item] if isinstance(item, list) else framework.Input((item,)) for item in sizes
    ]
    x = framework.Input((4,))
    cell = make(framework.layers)
    flat = tf.nest.flatten(cell(x, states))
    inference = inferred(framework.Model([x, *tf.nest.flatten(states)], flat))
    assert outputs(inference) == [live(tensor) for tensor in flat], inference.reasons
    assert inferred_weights(inference, cell.name) == weights(framework, cell)


def _pipeline(layers: Any) -> Any:
    inner = layers.Pipeline([layers.Rescaling(2.0), layers.Resizing(4, 5)])
    return layers.Pipeline([layers.RandomFlip(), inner, layers.Conv2D(3, 2)])


def test_a_pipeline_runs_its_layers_in_order() -> None:
    x = keras.Input((9, 10, 3))
    layer = _pipeline(keras.layers)
    y = layer(x)
    inference = inferred(keras.Model(x, y))
    assert outputs(inference) == [live(y)] == [((None, 3, 4, 3), "float32")]
    assert inferred_weights(inference, layer.name) == weights(keras, layer)


IMAGES: list[Any] = [
    lambda f: f.RandomFlip(bounding_box_format="xyxy"),
    lambda f: f.MixUp(),
    lambda f: f.CutMix(),
    lambda f: f.RandomBrightness(0.2),
    lambda f: f.Rescaling(2.0),
    lambda f: f.MaxNumBoundingBoxes(5, bounding_box_format="xyxy"),
]


@pytest.mark.parametrize("number", range(len(IMAGES)))
@pytest.mark.parametrize("boxes", [False, True])
def test_images_with_labels_and_boxes_beside_them(number: int, boxes: bool) -> None:
    images: dict[str, Any] = {"images": keras.Input((9, 10, 3))}
    if boxes:
        images["bounding_boxes"] = {"boxes": keras.Input((7, 4)), "labels": keras.Input((7,), dtype="int32")}
    else:
        images["labels"] = keras.Input((4,))
    flat = tf.nest.flatten(IMAGES[number](keras.layers)(images))
    assert outputs(inferred(keras.Model(tf.nest.flatten(images), flat))) == [live(tensor) for tensor in flat]


@pytest.mark.parametrize("text", ["Resizing", "CenterCrop"])
def test_images_of_another_size_with_labels_beside_them_are_unknown(text: str) -> None:
    """Keras 3.15 declares nonsense or refuses."""
    x, y = TensorSpec((None, 9, 10, 3), "float32"), TensorSpec((None, 4), "float32")
    config = FrozenDict({"height": 4, "width": 5})
    with pytest.raises(ShapeError, match="labels"):
        BUILT_IN[text].outputs(CallFacts(text, config, (FrozenDict({"images": x, "labels": y}),)))


def _rule(name: str, config: dict[str, Any], *inputs: TensorSpec, dialect: str = "keras2") -> tuple[TensorSpec, ...]:
    frozen = freeze(config)
    assert isinstance(frozen, FrozenDict)
    return BUILT_IN[name].outputs(CallFacts(name, frozen, inputs, dialect=dialect))


X = TensorSpec((None, 6), "float32")


def test_a_bare_layer_hands_its_input_on() -> None:
    assert _rule("Layer", {}, X, dialect="keras1") == (X,)
    with pytest.raises(ShapeError, match="cannot be called"):
        _rule("Layer", {}, X, dialect="keras3")


def test_crossed_categories_are_strings_of_any_number() -> None:
    """As compute_output_shape of TF 2.6 says; the class was gone with TF 2.8."""
    words = TensorSpec((None, 2), "string")
    assert _rule("CategoryCrossing", {"depth": None}, words, words) == (TensorSpec((None, None), "string"),)


def test_lambda_layers_tell_what_their_config_does() -> None:
    assert _rule("Lambda", {"output_shape": [3], "output_shape_type": "raw"}, X) == (TensorSpec((None, 3), "float32"),)
    with pytest.raises(ShapeError, match="not run"):
        _rule("Lambda", {"output_shape": None}, X)


def _columns() -> list[Any]:
    column = tf.feature_column
    words = column.categorical_column_with_vocabulary_list("w", ["a", "b", "c"], num_oov_buckets=2)
    number = column.numeric_column("a")
    return [
        number,
        column.numeric_column("b", shape=(3, 2)),
        column.bucketized_column(number, [0.0, 1.0, 2.0]),
        column.indicator_column(words),
        column.indicator_column(column.categorical_column_with_identity("i", 7)),
        column.embedding_column(column.categorical_column_with_hash_bucket("h", 20), 4),
    ]


FEATURES = {
    "a": ((1,), "float32"),
    "b": ((3, 2), "float32"),
    "w": ((1,), "string"),
    "i": ((1,), "int64"),
    "h": ((1,), "string"),
}


def test_dense_features_are_as_wide_as_their_columns() -> None:
    layer = tf_keras.layers.DenseFeatures(_columns())
    inputs = {name: tf_keras.Input(shape, dtype=dtype) for name, (shape, dtype) in FEATURES.items()}
    y = layer(inputs)
    inference = inferred(tf_keras.Model(inputs, y))
    assert outputs(inference) == [live(y)], inference.reasons
    assert inferred_weights(inference, layer.name) == weights(tf_keras, layer)


def test_sequence_features() -> None:
    layer = tf_keras.experimental.SequenceFeatures([tf.feature_column.sequence_numeric_column("a", shape=(3,))])
    x = tf_keras.Input((None, 3), sparse=True)
    flat = list(layer({"a": x}))
    assert outputs(inferred(tf_keras.Model(x, flat))) == [live(tensor) for tensor in flat]


def test_losses_and_metrics_hand_their_tensor_on() -> None:
    x = tf_keras.Input((6,))
    y = tf_keras.layers.Dense(2)(x)
    model = tf_keras.Model(x, y)
    model.add_loss(tf.reduce_mean(y))
    model.add_metric(tf.reduce_max(y, axis=-1), name="q")
    inference = inferred(model)
    kinds = {layer.class_name: layer for layer in inference.model.layers}
    assert {"AddLoss", "AddMetric"} <= kinds.keys()
    assert not inference.reasons


def test_what_a_ragged_tensor_is_asked_for() -> None:
    x = tf_keras.Input((None, 3), ragged=True)
    flat = [x.row_lengths(), x.values]
    assert outputs(inferred(tf_keras.Model(x, flat))) == [live(tensor) for tensor in flat]


def test_a_class_that_is_opaque_by_nature_says_why() -> None:
    class TFSMLayer(tf_keras.layers.Layer):
        """A class of that name; the real one needs a SavedModel."""

    x = tf_keras.Input((6,))
    inference = inferred(tf_keras.Model(x, TFSMLayer()(x)))
    assert "SavedModel" in next(iter(inference.reasons.values()))
