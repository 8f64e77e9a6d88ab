"""The config of a layer of Keras 2 as Keras 3 takes it: renamed, completed with what its release implied, nothing left behind.

A key that Keras 3 does not take is dropped only where the table says that its value means nothing there. Any other stops the
conversion: it would change what the model computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configsplit.catalog.constructors import bases_of, constructor
from configsplit.catalog.keras3 import objects
from configsplit.catalog.keras3.keys import KEYS
from configsplit.catalog.keras3.refusals import Stop
from configsplit.graph.json import FrozenDict

ANY = object()
"""Whatever value a key has, it means nothing in Keras 3."""

CLASSES: Mapping[str, str] = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "SyncBatchNormalization": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "ThresholdedReLU": "ReLU",
    "LayerNormalizationV1": "LayerNormalization",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose",
    "Layer": "Identity",
    "RandomCrop": "Resizing",
    "RandomHeight": "Identity",
    "RandomWidth": "Identity",
}
"""Classes of Keras 2 that Keras 3 has under another name."""

RENAMED: Mapping[str, Mapping[str, str]] = {
    "LeakyReLU": {"alpha": "negative_slope"},
    "ReLU": {"theta": "threshold"},
    "CategoryEncoding": {"max_tokens": "num_tokens"},
    "Discretization": {"bins": "bin_boundaries"},
    "IntegerLookup": {"max_values": "max_tokens", "mask_value": "mask_token", "oov_value": "oov_token"},
}
"""Class -> its keys in Keras 2 -> those in Keras 3."""

_ONE = (1, None)
_NO = (False, None)

_EVERYWHERE: Mapping[str, Any] = {
    "batch_input_shape": ANY,
    "input_shape": ANY,
    "input_dtype": ANY,
    "input_length": ANY,
    "autocast": ANY,
    "dynamic": _NO,
    "rng_type": ANY,
    "force_generator": ANY,
    "trainable": ANY,
}
_RECURRENT: Mapping[str, Any] = {"implementation": ANY, "time_major": _NO, "num_constants": (None, 0), "input_dim": ANY}
_KERNEL = {f"kernel_{kind}": ANY for kind in ("initializer", "regularizer", "constraint")}

_MEANINGLESS: Mapping[str, Mapping[str, Any]] = {
    "AdditiveAttention": {"causal": ANY, "score_mode": ANY},
    "Attention": {"causal": ANY},
    "BatchNormalization": {
        "fused": ANY,
        "virtual_batch_size": ANY,
        "renorm": ANY,
        "renorm_clipping": ANY,
        "renorm_momentum": ANY,
        "adjustment": (None,),
    },
    "Conv1DTranspose": {"groups": _ONE},
    "Conv2DTranspose": {"groups": _ONE},
    "Conv3DTranspose": {"groups": _ONE},
    "Dense": {"input_dim": ANY},
    "DepthwiseConv1D": {"groups": ANY, "filters": ANY, **_KERNEL},
    "DepthwiseConv2D": {"groups": ANY, "filters": ANY, **_KERNEL},
    "Embedding": {"sparse": ANY, "input_length": ANY},
    "Hashing": {"strategy": ANY},
    "Identity": {"factor": ANY, "interpolation": ANY, "seed": ANY},
    "MultiHeadAttention": {"query_shape": ANY, "key_shape": ANY, "value_shape": ANY, "softmax_robust_masking": _NO},
    "RNN": _RECURRENT,
    "SeparableConv1D": {"groups": _ONE, **_KERNEL},
    "SeparableConv2D": {"groups": _ONE, **_KERNEL},
    "SpatialDropout1D": {"noise_shape": ANY},
    "SpatialDropout2D": {"noise_shape": ANY},
    "SpatialDropout3D": {"noise_shape": ANY},
    "StackedRNNCells": {"reverse_state_order": _NO},
    "Resizing": {"seed": ANY},
    "StringLookup": {"has_static_table": ANY, "vocabulary_size": ANY},
    "IntegerLookup": {"has_static_table": ANY, "vocabulary_size": ANY},
    "TextVectorization": {"vocabulary_size": ANY, "has_input_vocabulary": ANY},
    "CategoryEncoding": {"count_weights": _NO},
    **dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), _RECURRENT),
    **{name: {"implementation": ANY} for name in ("LSTMCell", "GRUCell", "SimpleRNNCell")},
}

_IMPLIED: Mapping[str, Mapping[str, Any]] = {
    "GRU": {"reset_after": False},
    "GRUCell": {"reset_after": False},
    "ReLU": {"negative_slope": 0.0, "threshold": 0.0},
    "LeakyReLU": {"negative_slope": 0.3},
    "UpSampling2D": {"interpolation": "nearest"},
    "Attention": {"use_scale": False, "score_mode": "dot"},
    "AdditiveAttention": {"use_scale": True},
    "Flatten": {"data_format": "channels_last"},
}
"""What a key means that older releases did not write. Keras 3 would take its own default, or the user's own setting."""

_CUDNN = {
    "CuDNNLSTM": {"activation": "tanh", "recurrent_activation": "sigmoid", "unroll": False, "use_bias": True},
    "CuDNNGRU": {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True, "use_bias": True},
}

WHOLE = frozenset({"layer", "backward_layer", "cell", "cells"})
"""Keys whose values are layers, converted by themselves."""


_REMEDY = "put a layer of your own in its place (`configsplit replace`), or declare a class of that name in a plug-in"

_COLUMNS = "its feature columns take a dict of raw features by name, which no layer of Keras 3 does"
_INSIDE = "it becomes several layers and operations, for which there is no place inside another layer"

_WHY_NOT: Mapping[str, str] = {
    "DenseFeatures": _COLUMNS,
    "SequenceFeatures": _COLUMNS,
    "CategoryCrossing": "it joins strings, as many as there are, which no layer of Keras 3 does",
    **dict.fromkeys(("LocallyConnected1D", "LocallyConnected2D", "RandomFourierFeatures"), _INSIDE),
}
_REMEDIES: Mapping[str, str] = {
    **dict.fromkeys(
        ("DenseFeatures", "SequenceFeatures"),
        "cut the model behind it (`configsplit split`), convert the tail, and build the features with "
        "keras.utils.FeatureSpace or preprocessing layers",
    ),
    "CategoryCrossing": "use HashedCrossing, and retrain what lies behind it",
    **dict.fromkeys(
        ("LocallyConnected1D", "LocallyConnected2D", "RandomFourierFeatures"),
        "put it into a model of its own, and wrap that; or put a layer of your own in its place (`configsplit replace`)",
    ),
}


NEVER_CUSTOM = frozenset({"Lambda", "Merge", *_WHY_NOT})
"""Classes of older releases that Keras 3 does not have, or not as they were, and that are no classes of the user's either."""

LOST: Mapping[str, str] = {
    "RandomCrop": "is a Resizing now, which is what it computes where it does not train; that of Keras 3 does nothing then",
    "RandomHeight": "is an Identity now, which is what it computes where it does not train; Keras 3 varies no heights",
    "RandomWidth": "is an Identity now, which is what it computes where it does not train; Keras 3 varies no widths",
}
"""Classes of which something is lost on the way, and what."""


def class_of(class_name: str) -> str:
    """The class of Keras 3 for one of Keras 2."""
    return CLASSES.get(class_name, class_name)


def converted(class_name: str, config: FrozenDict) -> FrozenDict:
    """The config of a built-in layer for Keras 3; layers inside it have been converted before."""
    new = class_of(class_name)
    if new not in KEYS:
        reason = _WHY_NOT.get(class_name, f"Keras 3 has no {class_name}")
        raise Stop("convert-class", reason, _REMEDIES.get(class_name, _REMEDY))
    renames = RENAMED.get(new, {})
    given = FrozenDict({renames.get(key, key): objects.plain(value) for key, value in config.items()})
    given = FrozenDict(_CUDNN.get(class_name, {})) | given
    for special in _SPECIAL.get(new, ()):
        given = special(given)
    dtype = _dtype(new, given)
    made = {key: _value(key, value, dtype) for key, value in given.items() if key in KEYS[new]}
    _check_rest(class_name, new, given)
    implied = {key: value for key, value in _defaults(new).items() if made.get(key) is None}
    return FrozenDict({**made, "dtype": dtype, **implied, **order_of_gates(class_name, given)})


def of_subclass(config: FrozenDict) -> tuple[FrozenDict, tuple[str, ...]]:
    """The config of a class of the user's own, for Keras 3, and what was taken for granted. One that has all settings of a
    class of Keras 2 hands them on to that: they become what it takes in Keras 3, and the rest stays. Where a setting has no
    equal, all stays: its own affair.
    """
    for base in bases_of(config, "keras2")[:1]:
        taken = constructor(base, "keras2")
        settings = FrozenDict({key: config[key] for key in config if taken is not None and key in taken.keys})
        try:
            made = converted(base, settings)
        except Stop:
            return config, ()
        new = {key: made[key] for key in made if key in settings or key in RENAMED.get(base, {}).values()}
        other = [key for key, value in settings.items() if key not in new or (type(value) is tuple and new[key] != value)]
        told = f"is taken for a kind of {base}, all of whose settings it has: {', '.join(other)} as Keras 3 takes it"
        return config.without(*settings) | new, ((told,) if other else ())
    return config, ()


def _dtype(name: str, config: FrozenDict) -> str:
    """Keras 2.0 wrote the dtype of a first layer's input where later releases write that of its weights."""
    dtype = objects.policy(config.get("dtype"))
    trained = any(key.endswith("_initializer") for key in KEYS[name])
    return "float32" if trained and dtype.startswith(("int", "uint", "bool", "string")) else dtype


def _defaults(name: str) -> Mapping[str, Any]:
    layout = {"data_format": "channels_last"} if "data_format" in KEYS[name] else {}
    return {**layout, **_IMPLIED.get(name, {})}


def _value(key: str, value: Any, dtype: str) -> Any:
    if key in WHOLE:
        return value
    if key.endswith(("_initializer", "_regularizer", "_constraint")):
        return objects.trained(key, value)
    return objects.activation(value, dtype) if key in ("activation", "recurrent_activation") else value


def _check_rest(class_name: str, new: str, given: FrozenDict) -> None:
    known = {**_EVERYWHERE, **_MEANINGLESS.get(new, {})}
    for key, value in given.items():
        if key in KEYS[new] or value is None:
            continue
        allowed = known.get(key, ())
        if allowed is not ANY and value not in allowed:
            raise Stop(
                "convert-setting",
                f"Keras 3's {new} has no {key}, which is {value!r} here",
                f"change that setting of the {class_name} where the model still loads, and save it again",
            )


# --------------------------------------------------------------------------------------------------------------- specials


def _batch_normalization(config: FrozenDict) -> FrozenDict:
    """tf.keras writes the axis as a list."""
    axis = config.get("axis", -1)
    if type(axis) is tuple:
        if len(axis) != 1:
            raise Stop(
                "convert-setting",
                f"the BatchNormalization goes along {len(axis)} axes at once, that of Keras 3 along one",
                "put a layer of your own in its place (`configsplit replace`)",
            )
        axis = axis[0]
    return config | {"axis": axis}


def _one_layer(config: FrozenDict) -> FrozenDict:
    """Bidirectional and TimeDistributed of releases that had no ``backward_layer``."""
    return config.without("backward_layer") if config.get("backward_layer", 0) is None else config


def _both_ways(config: FrozenDict) -> FrozenDict:
    """Keras 3 makes both layers from configs that it writes itself, in which no order of gates is left."""
    return config | {key: without_order(config[key]) for key in ("layer", "backward_layer") if key in config}


def _image(config: FrozenDict) -> FrozenDict:
    """Keras 3 knows ``lanczos3`` and the like by the same names, but not ``area``."""
    if config.get("interpolation") in ("area", "mitchellcubic", "gaussian"):
        raise Stop("convert-setting", f"Keras 3 does not interpolate by {config['interpolation']!r}", "resize before the model")
    return config


def _crop(config: FrozenDict) -> FrozenDict:
    """Where it does not train, RandomCrop scales the middle of the image; that of Keras 3 leaves images as they are."""
    return config if "interpolation" in config else config | {"crop_to_aspect_ratio": True}


def _tokens(config: FrozenDict) -> FrozenDict:
    """TF 2.4 padded by default, which does nothing where the number of tokens is open."""
    return config | {"pad_to_max_tokens": False} if config.get("max_tokens") is None else config


_SPECIAL: Mapping[str, tuple[Callable[[FrozenDict], FrozenDict], ...]] = {
    "BatchNormalization": (_batch_normalization,),
    "Bidirectional": (_one_layer, _both_ways),
    "Resizing": (_image, _crop),
    "StringLookup": (_tokens,),
    "IntegerLookup": (_tokens,),
    "TextVectorization": (_tokens,),
    "UpSampling2D": (_image,),
}


# Whether a recurrent layer multiplies all its gates at once or one by one: the last bit hangs on it, and its dropout.


_CELLS = frozenset({"LSTMCell", "GRUCell"})
_LAYERS = frozenset({"LSTM", "GRU"})


def order_of_gates(class_name: str, config: FrozenDict) -> dict[str, Any]:
    """``{"implementation": 1}`` where the layer of Keras 2 goes gate by gate, else nothing: 2 is what Keras 3 does by itself.

    Keras 3 takes the key as Keras 2 wrote it, in both its meanings: the order of multiplication, and a dropout mask for each
    gate in training. 0, of Keras before 2.3, went gate by gate over all steps at once; tf_keras reads it as 1.
    """
    if class_name not in _CELLS | _LAYERS or config.get("implementation") not in (0, 1):
        return {}
    return {} if class_name in _LAYERS and _is_fused(class_name, config) else {"implementation": 1}


def without_order(entry: FrozenDict) -> FrozenDict:
    """The entry of a layer of Keras 3 without that key; a layer of some other class keeps what it has."""
    if entry.get("module") != "keras.layers" or entry["class_name"] not in _LAYERS:
        return entry
    return entry | {"config": entry["config"].without("implementation")}


def _is_fused(class_name: str, config: FrozenDict) -> bool:
    """Whether tf.keras has one kernel for the whole layer, on a processor too; that one knows no ``implementation``."""
    return (
        config.get("activation") == "tanh"
        and config.get("recurrent_activation") == "sigmoid"
        and not config.get("recurrent_dropout")
        and not config.get("unroll")
        and bool(config.get("use_bias", True))
        and (class_name == "LSTM" or bool(config.get("reset_after")))
    )
