"""What TensorFlow.js knows of Keras: classes, activations, and the settings that it leaves out or computes otherwise.

Measured with 4.22.0: every layer case of the tests was run in it, and the keys of each class held against what it writes back.
Names of classes, activations, initializers and dtypes are held against what it says itself, every setting against what it and
Keras 2 compute (`tests/support/tensorflow_js.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from configsplit.catalog.classes import words
from configsplit.catalog.keras3.refusals import Stop
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape

LAYERS = words(
    """
    Activation Add AlphaDropout Average AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization Bidirectional
    CategoryEncoding Concatenate Conv1D Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM2D Cropping2D Dense
    DepthwiseConv2D Dot Dropout ELU Embedding Flatten Functional GRU GRUCell GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D InputLayer LSTM LSTMCell
    LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum Model Multiply PReLU Permute
    RNN ReLU RepeatVector Rescaling Reshape SeparableConv2D Sequential SimpleRNN SimpleRNNCell Softmax
    SpatialDropout1D StackedRNNCells ThresholdedReLU TimeDistributed UpSampling2D ZeroPadding2D
    """
)
_ACTIVATIONS = words(
    "elu gelu hard_sigmoid linear log_softmax mish relu relu6 selu sigmoid softmax softplus softsign swish tanh"
)
_DTYPES = words("float32 int32 bool")
_ONES = (1, (1,), (1, 1), (1, 1, 1))
_LAST = ("channels_last", None)
_NO = (False, None)
_LOOP = {"time_major": _NO, "zero_output_for_mask": _NO}

_TAKEN: Mapping[str, Mapping[str, Collection[Any]]] = {
    "BatchNormalization": {"renorm": _NO, "virtual_batch_size": (None,)},
    "CategoryEncoding": {"sparse": _NO},
    "Conv1D": {"data_format": _LAST, "groups": _ONES, "padding": ("valid", "same")},
    "Conv2D": {"groups": _ONES},
    "Conv3D": {"groups": _ONES},
    "Conv2DTranspose": {"output_padding": (None,), "dilation_rate": _ONES},
    "Conv3DTranspose": {"output_padding": (None,), "dilation_rate": _ONES},
    "DepthwiseConv2D": {"dilation_rate": _ONES},
    "Embedding": {"sparse": _NO},
    "GRU": {**_LOOP, "reset_after": _NO},
    "GRUCell": {"reset_after": _NO},
    "GlobalAveragePooling1D": {"data_format": _LAST, "keepdims": _NO},
    "GlobalAveragePooling2D": {"keepdims": _NO},
    "GlobalMaxPooling1D": {"data_format": _LAST, "keepdims": _NO},
    "GlobalMaxPooling2D": {"keepdims": _NO},
    "AveragePooling1D": {"data_format": _LAST},
    "MaxPooling1D": {"data_format": _LAST},
    "ReLU": {"negative_slope": (0, None), "threshold": (0, None)},
    "Softmax": {"axis": (-1,)},
    "UpSampling2D": {"interpolation": ("nearest", None)},
    **dict.fromkeys(("ConvLSTM2D", "LSTM", "RNN", "SimpleRNN"), _LOOP),
}
"""Class -> the keys that TensorFlow.js does not read, or computes otherwise or not at all for -> the values that make no
difference."""

MASKED = frozenset({"Bidirectional", "GRU", "LSTM", "RNN", "SimpleRNN"})
"""Classes that compute with a mask in TensorFlow.js, as they do in Keras."""

_RENAMED = {"LecunNormal": "LeCunNormal", "LecunUniform": "LeCunUniform"}
_INSTEAD = (
    "put a layer that TensorFlow.js has in its place (`configsplit replace`), or cut the model there (`configsplit split`)"
)


def named(entry: FrozenDict) -> FrozenDict:
    """The entry of a layer of Keras 2, and of those in its config, as TensorFlow.js reads it: with its names of regularizers
    and initializers.
    """
    class_name, config = str(entry["class_name"]), entry.get("config")
    if class_name not in LAYERS:
        raise Stop("convert-tfjs", f"TensorFlow.js has no {class_name}", _INSTEAD)
    if not isinstance(config, FrozenDict):
        return entry
    return entry | {"config": FrozenDict(_values(class_name, config))}


def _values(class_name: str, config: FrozenDict) -> Iterator[tuple[str, Any]]:
    for key, value in _checked(class_name, config).items():
        if key in ("activation", "recurrent_activation") and value is not None and value not in _ACTIVATIONS:
            raise Stop("convert-tfjs", f"TensorFlow.js has no activation {value!r}", _INSTEAD)
        if key == "dtype" and value is not None and value not in _DTYPES:
            raise Stop("convert-tfjs", f"TensorFlow.js does not compute in {value!r}", "save the model in float32")
        if key.endswith(("_initializer", "_regularizer")):
            yield key, _object(value)
        elif key in ("layer", "backward_layer", "cell") and isinstance(value, FrozenDict):
            yield key, named(value)
        elif key == "cells" and type(value) is tuple:
            yield key, tuple(map(named, value))
        elif key == "axis" and class_name == "BatchNormalization" and type(value) is tuple and len(value) == 1:
            yield key, value[0]
        else:
            yield key, value


def _checked(class_name: str, config: FrozenDict) -> FrozenDict:
    """The config, without the layer of a Bidirectional that only says once more what goes the other way."""
    for key, allowed in _TAKEN.get(class_name, {}).items():
        if key in config and config[key] not in allowed:
            raise Stop("convert-tfjs", f"TensorFlow.js does not compute {class_name} with {key} {config[key]!r}", _INSTEAD)
    behind = config.get("backward_layer")
    if class_name == "Bidirectional" and isinstance(behind, FrozenDict):
        sides = [each["config"].without("name", "go_backwards") for each in (config["layer"], behind)]
        if sides[0] != sides[1] or behind["class_name"] != config["layer"]["class_name"]:
            raise Stop("convert-tfjs", "TensorFlow.js runs one layer in both directions, and these are two", _INSTEAD)
    return config.without("backward_layer")


def check_input(class_name: str, config: FrozenDict, shape: Shape | None) -> None:
    """Hold a layer against the tensor that it takes; ``shape`` has the batch, and is None where nobody knows it."""
    rank, axis = len(shape or ()), config.get("axis", -1)
    if class_name == "BatchNormalization" and axis not in (-1, (-1,), rank - 1, (rank - 1,)):
        raise Stop("convert-tfjs", f"TensorFlow.js normalizes along the last axis, and this is {axis!r}", _INSTEAD)
    if class_name == "Flatten" and (rank < 3 or None in (shape or ())[1:]):
        raise Stop(
            "convert-tfjs",
            f"TensorFlow.js cannot flatten a tensor of {shape}",
            "fix the sizes of the model first: `configsplit extract` with --size and --fix-size",
        )


def _object(value: Any) -> Any:
    if not isinstance(value, FrozenDict):
        return value
    name, config = str(value.get("class_name")), value.get("config")
    if name in ("L1", "L2") and isinstance(config, FrozenDict):
        return FrozenDict({"class_name": "L1L2", "config": FrozenDict({"l1": 0.0, "l2": 0.0}) | config})
    return value | {"class_name": _RENAMED.get(name, name)}
