"""Keras 1 configs in the words of Keras 2, so that one set of rules serves both.

Only what rules read is translated. Weights come out as Keras 2 lays them out: what Keras 1 stores under other names, split by
gates or in Theano's order, has the same number of elements.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.rules import Outputs, Weights, declare, elements, first_shape, known, one_output, unknown, weight
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Shape, TensorSpec

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

KEYS = {
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
"""Keys that rules read, and that Keras 2 has under another name."""

WINDOWS = (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3"), ("filter_length",))
"""Keys that are the sizes of a window together."""

_LEGACY = ("Highway", "MaxoutDense")
"""Classes that Keras 2.0 to 2.3 keep with the arguments of Keras 1."""


def modern(call: CallFacts) -> CallFacts:
    """The call with its class and config as Keras 2 would write them; calls of other generations as they are."""
    if call.dialect != "keras1" and call.class_name not in _LEGACY:
        return call
    return replace(call, class_name=CLASSES.get(call.class_name, call.class_name), config=_config(call))


def _config(call: CallFacts) -> FrozenDict:
    config = call.config
    renamed = {KEYS.get(key, key): value for key, value in config.items()}
    if call.class_name == "Embedding":
        renamed["output_dim"] = config.get("output_dim")
    for names in WINDOWS:
        if names[0] in config:
            renamed["kernel_size"] = tuple(config[name] for name in names)
    if config.get("dim_ordering") in ("th", "tf"):
        renamed["data_format"] = "channels_first" if config["dim_ordering"] == "th" else "channels_last"
    elif lacks_ordering(call.class_name, config):
        renamed["data_format"] = "unknown"
    if call.class_name in ("ZeroPadding1D", "ZeroPadding2D"):
        renamed["padding"] = _padding(config["padding"])
    return FrozenDict(renamed)


_SIDES = ("top", "bottom", "left", "right")


def _padding(value: Any) -> Any:
    """Keras 1.1 and later write four numbers, or a dict of four (of two for ZeroPadding1D)."""
    if isinstance(value, Mapping):
        sides = _SIDES if value.keys() & {"top_pad", "bottom_pad"} or len(value) > 2 else _SIDES[2:]
        value = tuple(int(value.get(f"{side}_pad", 0)) for side in sides)
    return (value[:2], value[2:]) if isinstance(value, tuple) and len(value) == 4 else value


_ORDERED = ("UpSampling2D", "ZeroPadding2D")
"""Layers that have an order of dimensions and do not write it."""


def lacks_ordering(entry_class: str, config: FrozenDict) -> bool:
    """Whether a layer has an order of dimensions and does not write it."""
    return entry_class in _ORDERED and "dim_ordering" not in config


def with_ordering(entry_class: str, config: FrozenDict, ordering: str | None) -> FrozenDict:
    """The config with the order that the model's other layers write, for a layer that does not write its own."""
    if ordering is None or not lacks_ordering(entry_class, config):
        return config
    return config | {"dim_ordering": ordering}


def ordering(layers: Iterable[Layer]) -> str | None:
    """The one order of dimensions that layers of a model write; None where they write none, or both."""
    orders = {layer.config.get("dim_ordering") for layer in layers} & {"th", "tf"}
    return orders.pop() if len(orders) == 1 else None


MODES = {
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
        if mode not in MODES:
            raise unknown("the mode of Merge is code, which is not run")
        inner = {"axis": call.config.get("concat_axis", -1), "axes": call.config.get("dot_axes", -1)}
        return find(MODES[mode])(replace(call, class_name=MODES[mode], config=FrozenDict(inner)))

    return merge


def merge_hands_masks_on(call: CallFacts) -> bool:
    """Products and code have no mask of their own."""
    return call.config.get("mode", "sum") in ("sum", "mul", "ave", "max", "concat")


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
    *declare("Highway", one_output(first_shape), highway_weights, lambda call: elements(highway_weights(call)[0].shape) * 2),
    *declare("MaxoutDense", one_output(maxout_shape), maxout_weights, lambda call: elements(maxout_weights(call)[0].shape)),
    *declare("ParametricSoftplus", one_output(first_shape), softplus_weights, mask="passes"),
    *declare("SReLU", one_output(first_shape), srelu_weights, mask="passes"),
)


# The shapes under which Keras 1 keeps the weights that Keras 2 has under others: kernels in Theano's order, one array a gate.
#
# Nothing is moved here: a part of a Keras 1 model keeps them as they are. It is for holding a file against its configuration.


_GATES = {"LSTM": 4, "GRU": 3}
_CONVOLUTIONS = frozenset(
    {
        "AtrousConvolution1D",
        "AtrousConvolution2D",
        "Convolution1D",
        "Convolution2D",
        "Convolution3D",
        "SeparableConvolution2D",
    }
)


def stored_shapes(layer: Layer, wanted: Sequence[Shape], stored: Sequence[Shape]) -> list[Shape]:
    """The shapes of a layer's weights as a file of Keras 1 holds them, from those ``wanted`` in Keras 2; of a wrapper, what it
    wraps decides. Those ``stored`` in the file decide only where releases of Keras 1 differ among themselves.
    """
    class_name, config = _innermost(layer)
    if class_name in _GATES and config.get("consume_less") != "gpu":
        return [shape for triple in _triples(wanted) for shape in _by_gate(triple, _GATES[class_name])]
    if class_name == "ConvLSTM2D" and len(stored) != len(wanted):
        return [_kernel(shape, config)[0] for triple in _triples(wanted) for shape in _by_gate(triple, 4)]
    if class_name == "Deconvolution2D":
        return [_deconvolution(shape, config) for shape in wanted]
    if class_name in _CONVOLUTIONS:
        newer, older = ([_kernel(shape, config)[number] for shape in wanted] for number in (0, 1))
        return older if Counter(older) <= Counter(stored) else newer
    return list(wanted)


def _innermost(layer: Layer) -> tuple[str, FrozenDict]:
    class_name, config = layer.class_name, layer.config
    while isinstance(inner := config.get("layer"), FrozenDict) and isinstance(inner.get("config"), FrozenDict):
        class_name, config = str(inner.get("class_name")), inner["config"]
    return class_name, config


def _triples(wanted: Sequence[Shape]) -> list[Sequence[Shape]]:
    """Kernel, recurrent kernel and bias of each direction."""
    return [wanted[start : start + 3] for start in range(0, len(wanted), 3)]


def _by_gate(triple: Sequence[Shape], gates: int) -> list[Shape]:
    """``consume_less`` "cpu" and "mem" keep one array a gate, "gpu" all gates in one."""
    return [(*shape[:-1], (shape[-1] or 0) // gates) for shape in triple] * gates


def _kernel(shape: Shape, config: FrozenDict) -> tuple[Shape, Shape]:
    """The two forms of a kernel: that of Keras 1.0.6 and later, and that before it, which differ for one dimension only."""
    if len(shape) == 3:
        length, channels, filters = shape
        return (length, 1, channels, filters), (filters, channels, length, 1)
    if len(shape) > 3 and config.get("dim_ordering") == "th":
        return (both := (shape[-1], shape[-2], *shape[:-2])), both
    return shape, shape


def _deconvolution(shape: Shape, config: FrozenDict) -> Shape:
    """Keras 1 shapes its kernel like that of a convolution, Keras 2 with outputs before inputs."""
    if len(shape) < 4:
        return shape
    rows, columns, filters, channels = shape
    return (filters, channels, rows, columns) if config.get("dim_ordering") == "th" else (rows, columns, channels, filters)
