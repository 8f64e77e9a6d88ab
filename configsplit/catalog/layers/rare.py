"""Classes that only some releases of Keras 1, Keras 2 and tf.keras had, besides those that stand with their families."""

from __future__ import annotations

from math import prod
from typing import Any

from configsplit.catalog.facts import CallFacts, WeightSpec
from configsplit.catalog.rules import (
    Outputs,
    Weights,
    compute_dtype,
    declare,
    declared_dtype,
    first_of_all,
    first_shape,
    known,
    one_output,
    unknown,
    weight,
)
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec


def base_outputs(call: CallFacts) -> Outputs:
    """The class Layer itself hands its input on, and stands in Keras 1 files as a first layer. Keras 3 cannot call it."""
    if call.dialect == "keras3":
        raise unknown("the class Layer of Keras 3 cannot be called")
    return first_of_all(call)


def fourier_shape(call: CallFacts) -> Shape:
    return (first_shape(call)[0], int(call.config["output_dim"]))


def fourier_weights(call: CallFacts) -> Weights:
    """A kernel and a bias that are drawn once, and the one number that may be trained."""
    size, units = known(first_shape(call)[-1]), int(call.config["output_dim"])
    scale = WeightSpec("kernel_scale", (1,), weight(call, "bias").dtype, bool(call.config.get("trainable", False)))
    return scale, weight(call, "unscaled_kernel", size, units, trainable=False), weight(call, "bias", units, trainable=False)


def fourier_macs(call: CallFacts) -> int:
    return known(first_shape(call)[-1]) * int(call.config["output_dim"])


# --------------------------------------------------------------------------------------------------------- feature columns


def _config(entry: Any) -> FrozenDict:
    config: FrozenDict = entry["config"]
    return config


def _buckets(entry: Any) -> int:
    """How many categories a column tells apart. Raises ShapeError for a kind that is not known."""
    config = _config(entry)
    if "categorical_column" in config:  # with weights
        return _buckets_of_one(config["categorical_column"])
    return _buckets_of_one(entry)


def _buckets_of_one(entry: Any) -> int:
    config = _config(entry)
    for key in ("number_buckets", "num_buckets", "hash_bucket_size"):
        if config.get(key) is not None:
            return int(config[key])
    if config.get("vocabulary_list") is not None:
        return len(config["vocabulary_list"]) + int(config.get("num_oov_buckets") or 0)
    if config.get("vocabulary_size") is not None:
        return int(config["vocabulary_size"]) + int(config.get("num_oov_buckets") or 0)
    if "boundaries" in config:
        return (len(config["boundaries"]) + 1) * int(prod(_config(config["source_column"])["shape"]))
    raise unknown(f"the feature column {entry['class_name']!r} has no rule")


def _width(entry: Any) -> int:
    config = _config(entry)
    kind = str(entry["class_name"])
    if kind.endswith("NumericColumn"):
        return int(prod(config["shape"]))
    if kind == "EmbeddingColumn":
        return int(config["dimension"])
    return _buckets(config["categorical_column"] if kind == "IndicatorColumn" else entry)


def _columns_width(call: CallFacts) -> int:
    widths = [_width(entry) for entry in call.config["feature_columns"]]
    return sum(widths)


def features_shape(call: CallFacts) -> Shape:
    return (first_shape(call)[0], _columns_width(call))


def sequence_outputs(call: CallFacts) -> Outputs:
    """The steps of every sequence, and how long each one is."""
    batch = first_shape(call)[0]
    return TensorSpec((batch, None, _columns_width(call)), compute_dtype(call)), TensorSpec((batch,), "int64")


def features_weights(call: CallFacts) -> Weights:
    """Raises ShapeError where several columns are embedded: their order is that of names that are not in the document."""
    embedded = [_config(entry) for entry in call.config["feature_columns"] if entry["class_name"] == "EmbeddingColumn"]
    if len(embedded) > 1:
        raise unknown("the order of several embedding columns is not in the document")
    return tuple(
        weight(call, "embedding_weights", _buckets(config["categorical_column"]), int(config["dimension"]))
        for config in embedded
    )


def crossing_outputs(call: CallFacts) -> Outputs:
    """CategoryCrossing joins strings; how many of them depends on the data."""
    return (TensorSpec((first_shape(call)[0], None), "string"),)


_MEMBERS = ("row_lengths", "values")


def member_outputs(call: CallFacts) -> Outputs:
    """What a ragged tensor is asked for. Raises ShapeError for all but its values and the lengths of its rows."""
    name, (batch, _, *rest) = call.config["attr_name"], first_shape(call)
    if name not in _MEMBERS:
        raise unknown(f"the member {name!r} of a tensor has no rule")
    return (TensorSpec((batch,), "int64") if name == "row_lengths" else TensorSpec((None, *rest), call.first.dtype),)


_LEGACY = (
    *declare("Layer", base_outputs, mask="passes", keras3={"mask": "stops"}),
    *declare("AddLoss AddMetric", first_of_all),
    *declare("RandomFourierFeatures", one_output(fourier_shape), fourier_weights, fourier_macs),
    *declare("DenseFeatures", one_output(features_shape), features_weights, training=True),
    *declare("SequenceFeatures", sequence_outputs, features_weights),
    *declare("InstanceMethod InstanceProperty", member_outputs),
    *declare("CategoryCrossing", crossing_outputs),
)


# The custom layers inside ``keras.applications``: those of ConvNeXt and of Inception-ResNet.


def layer_scale_weights(call: CallFacts) -> Weights:
    """One factor a channel; Keras 3 leaves it unnamed, tf.keras calls it gamma."""
    return (weight(call, "gamma", int(call.config["projection_dim"])),)


_SAME = one_output(first_shape, declared_dtype)

_APPLICATIONS = (
    *declare("LayerScale", _SAME, layer_scale_weights),
    *declare("StochasticDepth", _SAME, training=True),
    *declare("CustomScaleLayer Custom>CustomScaleLayer", _SAME),  # tf_keras registers it as if a user had
)


LAYERS = (*_LEGACY, *_APPLICATIONS)
