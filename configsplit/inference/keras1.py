"""Keras 1 configs in the words of Keras 2, so that one set of rules serves both.

Only what rules read is translated. Weights come out as Keras 2 lays them out: what Keras 1 stores under other names, split by
gates or in Theano's order, has the same number of elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from configsplit.inference.rules import Outputs, Weights, declare, first_shape, known, one_output, unknown, weight
from configsplit.ir.facts import CallFacts
from configsplit.ir.graph import Shape, TensorSpec
from configsplit.ir.values import FrozenDict

CLASSES = {
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}
"""Classes that Keras 2 has under another name."""

_KEYS = {
    "output_dim": "units",
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "atrous_rate": "dilation_rate",
    "bias": "use_bias",
    "pool_length": "pool_size",
    "stride": "strides",
    "length": "size",
}

_WINDOWS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"), ("filter_length",))


def modern(call: CallFacts) -> CallFacts:
    """The call with its class and config as Keras 2 would write them; calls of other generations as they are."""
    if call.dialect != "keras1":
        return call
    return replace(call, class_name=CLASSES.get(call.class_name, call.class_name), config=_config(call))


def _config(call: CallFacts) -> FrozenDict:
    config = call.config
    renamed = {_KEYS.get(key, key): value for key, value in config.items()}
    if call.class_name == "Embedding":
        renamed["output_dim"] = config.get("output_dim")
    for names in _WINDOWS:
        if names[0] in config:
            renamed["kernel_size"] = tuple(config[name] for name in names)
    if config.get("dim_ordering") in ("th", "tf"):
        renamed["data_format"] = "channels_first" if config["dim_ordering"] == "th" else "channels_last"
    if call.class_name == "ZeroPadding2D":
        renamed["padding"] = _padding(config["padding"])
    return FrozenDict(renamed)


def _padding(value: Any) -> Any:
    """Keras 1.1 and later write four numbers, or a dict of four."""
    if isinstance(value, Mapping):
        value = tuple(int(value.get(f"{side}_pad", 0)) for side in ("top", "bottom", "left", "right"))
    return (value[:2], value[2:]) if isinstance(value, tuple) and len(value) == 4 else value


_MODES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
    "cos": "Dot",
}


def merge_rule(find: Callable[[str], Callable[[CallFacts], Outputs]]) -> Callable[[CallFacts], Outputs]:
    """The rule of ``Merge``, whose mode says which layer of Keras 2 it is; ``find`` gives that one's rule."""

    def merge(call: CallFacts) -> Outputs:
        mode = call.config.get("mode", "sum")
        if mode not in _MODES:
            raise unknown("the mode of Merge is code, which is not run")
        inner = {"axis": call.config.get("concat_axis", -1), "axes": call.config.get("dot_axes", -1)}
        return find(_MODES[mode])(replace(call, class_name=_MODES[mode], config=FrozenDict(inner)))

    return merge


def deconvolution_outputs(call: CallFacts) -> Outputs:
    """Deconvolution2D has its whole output shape in the config."""
    shape = call.config["output_shape"]
    return (TensorSpec((first_shape(call)[0], *shape[1:]), call.first.dtype),)


def softplus_weights(call: CallFacts) -> Weights:
    sizes = first_shape(call)[1:]
    return weight(call, "alphas", *sizes), weight(call, "betas", *sizes)


def highway_weights(call: CallFacts) -> Weights:
    size = known(first_shape(call)[-1])
    biases = (weight(call, "b", size), weight(call, "b_carry", size)) if call.config.get("use_bias", True) else ()
    return (weight(call, "W", size, size), weight(call, "W_carry", size, size), *biases)


def maxout_shape(call: CallFacts) -> Shape:
    return (first_shape(call)[0], int(call.config["units"]))


def maxout_weights(call: CallFacts) -> Weights:
    pieces, size, units = int(call.config["nb_feature"]), known(first_shape(call)[-1]), int(call.config["units"])
    bias = (weight(call, "b", pieces, units),) if call.config.get("use_bias", True) else ()
    return (weight(call, "W", pieces, size, units), *bias)


def srelu_weights(call: CallFacts) -> Weights:
    shared, shape = call.config.get("shared_axes") or (), first_shape(call)
    sizes = [1 if axis in shared else shape[axis] for axis in range(1, len(shape))]
    return tuple(weight(call, name, *sizes) for name in ("t_left", "a_left", "t_right", "a_right"))


LAYERS = (
    *declare("Highway", one_output(first_shape), highway_weights),
    *declare("MaxoutDense", one_output(maxout_shape), maxout_weights),
    *declare("ParametricSoftplus", one_output(first_shape), softplus_weights),
    *declare("SReLU", one_output(first_shape), srelu_weights),
)
