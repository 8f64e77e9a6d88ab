"""LocallyConnected1D and 2D: a kernel of its own for every place, as slices side by side and one EinsumDense."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.catalog.keras3 import objects
from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.recipes import Recipe
from configsplit.catalog.tensorflow.call import piece
from configsplit.conversion.building import Building
from configsplit.conversion.layers.several import Parts, Rule
from configsplit.graph.model import Layer, Use

_OUT, _WINDOW = "xy", "ij"
_KEPT = ("kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer", "activity_regularizer")
_KERAS1 = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "activity_regularizer": "activity_regularizer",
}


def convert(building: Building, layer: Layer, number: int) -> None:
    """One call of a locally connected layer.

    What a window holds is stacked axis by axis, in the order in which the old kernel has it: numbers are moved, and then
    multiplied with kernels that are reshaped, nothing else.
    """
    parts = Parts(building, layer, number)
    config = _config(building, layer)
    rank = len(config["kernel_size"])
    first = config["data_format"] == "channels_first"
    sizes = parts.sizes()
    spatial, channels = (sizes[1:], sizes[0]) if first else (sizes[:-1], sizes[-1])
    if len(spatial) != rank:
        raise Stop("convert-shape-unknown", "the shape of its input is unknown", "give it with --shape")
    amounts = [_padding(config, at, size) for at, size in enumerate(spatial)]
    lengths = [
        (size + sum(pad) - window) // stride + 1
        for size, pad, window, stride in zip(spatial, amounts, config["kernel_size"], config["strides"], strict=True)
    ]
    value, letters = _windows(parts, config, amounts, lengths)
    places, window = _OUT[:rank], _WINDOW[:rank]
    taken = f"c{window}" if first else f"{window}c"
    result = f"bf{places}" if first else f"b{places}f"
    made = {
        "equation": f"{letters},{places}{taken}f->{result}",
        "output_shape": (config["filters"], *lengths) if first else (*lengths, config["filters"]),
        "bias_axes": f"{places}f" if config["use_bias"] else None,
        **config["made"],
    }
    order = {"spatial": spatial, "channels": channels, "lengths": lengths, **config}
    placed = parts.call("places", "EinsumDense", made, value, *_weights(parts, order, first))
    parts.done(placed)


def _config(building: Building, layer: Layer) -> dict[str, Any]:
    """The settings in the words of Keras 2, those of the new layer under ``made``."""
    old = layer.config
    if building.around.dialect == "keras1":
        two = layer.class_name.endswith("2D")
        window = (old["nb_row"], old["nb_col"]) if two else (old["filter_length"],)
        strides = old.get("subsample", 1) if two else old.get("subsample_length", 1)
        kept = {_KERAS1[key]: old[key] for key in _KERAS1 if key in old}
        base = {"filters": old["nb_filter"], "use_bias": old.get("bias", True), "padding": old.get("border_mode", "valid")}
        form, kind = {"th": "channels_first"}.get(str(old.get("dim_ordering")), "channels_last"), 1
    else:
        window, strides = old["kernel_size"], old.get("strides", 1)
        kept = {key: old[key] for key in _KEPT if key in old}
        base = {"filters": old["filters"], "use_bias": old.get("use_bias", True), "padding": old.get("padding", "valid")}
        form, kind = old.get("data_format") or "channels_last", int(old.get("implementation", 1))
    made = {key: objects.trained(key, value) for key, value in kept.items()}
    made["activation"] = objects.activation(old.get("activation", "linear"), objects.policy(old.get("dtype")))
    windows = _numbers(window)
    steps = _numbers(strides)
    return {
        **base,
        "kernel_size": windows,
        "strides": steps * (len(windows) // len(steps)),
        "data_format": form,
        "implementation": kind,
        "made": made,
    }


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(int(each) for each in (value if type(value) is tuple else (value,)))


def _padding(config: dict[str, Any], at: int, size: int) -> tuple[int, int]:
    """How many zeros stand before and behind: windows are centered on every so many-th place, unlike those of a convolution."""
    if config["padding"] == "valid":
        return 0, 0
    if config["padding"] != "same":
        raise Stop("convert-setting", f"it pads by {config['padding']!r}", "pad by ZeroPadding before it")
    window, stride = config["kernel_size"][at], config["strides"][at]
    last = (size - 1) // stride * stride
    return window // 2, max(0, last - window // 2 + window - size)


def _windows(parts: Parts, config: dict[str, Any], amounts: list[tuple[int, int]], lengths: list[int]) -> tuple[Use, str]:
    """The windows of every place, and a letter for each axis of the result."""
    rank, first = len(lengths), config["data_format"] == "channels_first"
    letters = ["b", "c", *_OUT[:rank]] if first else ["b", *_OUT[:rank], "c"]
    value = parts.input
    if any(map(any, amounts)):
        width = [(0, 0)] * len(letters)
        for at, pad in enumerate(amounts):
            width[letters.index(_OUT[at])] = pad
        value = parts.op("numpy.Pad", "padded", value, pad_width=tuple(width), mode="constant")
    for at, window in enumerate(config["kernel_size"]):
        axis, stride = letters.index(_OUT[at]), config["strides"][at]
        pieces = tuple(
            parts.op("numpy.GetItem", "window", value, _keys(len(letters), axis, start, stride, lengths[at]))
            for start in range(window)
        )
        place = len(letters) if first else len(letters) - 1
        value = parts.op("numpy.Stack", "windows", pieces, axis=place)
        letters.insert(place, _WINDOW[at])
    return value, "".join(letters)


def _keys(rank: int, axis: int, start: int, stride: int, length: int) -> tuple[Any, ...]:
    cut = piece(start, start + (length - 1) * stride + 1, stride if stride > 1 else None)
    return tuple(cut if at == axis else piece(None, None, None) for at in range(rank))


def _weights(parts: Parts, config: dict[str, Any], first: bool) -> tuple[Recipe | None, ...]:
    """The kernel with an axis for each place, each step in the window, the channels and the filters; the bias."""
    window, channels = tuple(config["kernel_size"]), (config["channels"],)
    taken = (*channels, *window) if first else (*window, *channels)
    kernel, bias = parts.at(0), parts.at(1)
    if kernel is not None and config["implementation"] != 1:
        names = (
            "implementation",
            "spatial",
            "channels",
            "lengths",
            "kernel_size",
            "strides",
            "padding",
            "data_format",
            "filters",
        )
        kernel = kernel.then("local_kernel", {name: config[name] for name in names})
    if kernel is not None:
        kernel = kernel.then("reshape", (*config["lengths"], *taken, config["filters"]))
    if not config["use_bias"]:
        return (kernel,)
    if bias is not None and first:
        bias = bias.then("reshape", (config["filters"], *config["lengths"]))  # not transposed: so did every release of Keras
    return (kernel, bias)


RULES: Mapping[str, Rule] = {"LocallyConnected1D": convert, "LocallyConnected2D": convert}
