"""What TensorFlow computes in windows (pooling, convolution, patches, neighbouring channels), as operations of Keras 3."""

from __future__ import annotations

from functools import partial
from typing import Any

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.layers.convolution import window_shape
from configsplit.catalog.operations.arguments import Arguments, one
from configsplit.catalog.operations.common import same
from configsplit.catalog.operations.neural import blocked
from configsplit.catalog.rules import Outputs, unknown
from configsplit.catalog.tensorflow.call import FULL, OperationCall, piece
from configsplit.catalog.tensorflow.declare import Function, GraphNode, Rows, function, node
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import TensorSpec, Use


def _first(op: OperationCall, name: str = "data_format") -> bool:
    """Whether the channels come first (``NCHW``)."""
    return str(op.static(name) or "N...C").startswith("NC")


def _window(op: OperationCall, which: int | str, rank: int) -> tuple[int, ...]:
    window = _spatial(op.static(which), rank, first=_first(op))
    if window is None:
        raise op.stop(f"has {op.name(which)} = {op.static(which)}, over samples or channels")
    return window


def _spatial(value: Any, rank: int, *, first: bool) -> tuple[int, ...] | None:
    """One number for each spatial axis, from one number, as many, or those of batch and channels besides, which must be 1."""
    sizes = tuple(int(each) for each in value) if type(value) is tuple else (int(1 if value is None else value),)
    if len(sizes) == 1:
        return sizes * rank
    if len(sizes) == rank:
        return sizes
    whole, spatial = (sizes[:2], sizes[2:]) if first else ((sizes[0], sizes[-1]), sizes[1:-1])
    return spatial if len(sizes) == rank + 2 and whole == (1, 1) else None


def _format(op: OperationCall) -> str:
    return "channels_first" if _first(op) else "channels_last"


def _padding(op: OperationCall) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The way to pad, and how much on each side where the call says so itself."""
    value = op.static("padding", "VALID")
    if value == "EXPLICIT":  # in a graph the amounts stand in a list of their own
        sides = tuple(int(each) for each in op.static("explicit_paddings", ()))
        value = tuple(zip(sides[::2], sides[1::2], strict=True))
    if type(value) is tuple:
        return "valid", tuple((int(before), int(after)) for before, after in value)
    return str(value).lower(), ()


def _padded(op: OperationCall, name: str, amounts: tuple[tuple[int, int], ...]) -> Any:
    tensor = op.tensor(name)
    return op.emit("numpy.Pad", tensor, pad_width=amounts, mode="constant") if any(map(any, amounts)) else tensor


# --------------------------------------------------------------------------------------------------------------- pooling


def _pooled(given: Arguments) -> Outputs:
    """As the layer gives it that computes the same."""
    tensor, padding = given.operand("input"), given.get("padding")
    first = str(given.get("data_format", None) or "").startswith("NC")
    sizes = [_spatial(given.get(name), len(tensor.shape) - 2, first=first) for name in ("ksize", "strides")]
    if type(padding) is not str or padding == "EXPLICIT" or None in sizes:
        raise unknown("it pools in a way whose shape is not told")
    config = {"pool_size": sizes[0], "strides": sizes[1], "padding": padding.lower()}
    call = CallFacts(
        "",
        FrozenDict({**config, "data_format": "channels_first" if first else "channels_last"}),
        (TensorSpec(tensor.shape, tensor.dtype),),
    )
    return one(window_shape(call), tensor.dtype)


def pool(kind: str, op: OperationCall) -> Use:
    rank = op.rank("input") - 2
    mode, amounts = _padding(op)
    if any(map(any, amounts)):
        raise op.stop("pads by amounts of its own, which pooling would not ignore")
    config = {"pool_size": _window(op, "ksize", rank), "strides": _window(op, "strides", rank), "padding": mode}
    return op.emit(kind, op.tensor("input"), **config, data_format=_format(op))


def any_pool(op: OperationCall) -> Use:
    """``tf.nn.pool``, whose kind of pooling is an argument; without strides it moves by one."""
    rank = op.rank("input") - 2
    if set(_window(op, "dilations", rank)) != {1}:
        raise op.stop("pools dilated windows")
    kind = {"MAX": "nn.MaxPool", "AVG": "nn.AveragePool"}[str(op.static("pooling_type")).upper()]
    config = {"pool_size": _window(op, "window_shape", rank), "strides": _window(op, "strides", rank)}
    return op.emit(kind, op.tensor("input"), **config, padding=_padding(op)[0], data_format=_format(op))


# ----------------------------------------------------------------------------------------------------------- convolutions


def _same(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    """One number where all are alike: Keras 3.15 cannot read several for a depthwise convolution from a file."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def conv(kind: str, op: OperationCall) -> Use:
    rank = op.rank("input") - 2
    mode, amounts = _padding(op)
    config = {
        "strides": _same(_window(op, 2, rank)),
        "padding": mode,
        "dilation_rate": _same(_window(op, "dilations", rank)),
    }
    if kind == "nn.DepthwiseConv" and not all(type(config[name]) is int for name in ("strides", "dilation_rate")):
        raise op.stop("moves or dilates rows and columns differently")
    return op.emit(kind, _padded(op, "input", amounts), op.tensor(1, "input"), **config, data_format=_format(op))


def separable(op: OperationCall) -> Use:
    mode, amounts = _padding(op)
    config = {"strides": _same(_window(op, "strides", 2)), "padding": mode, "dilation_rate": _same(_window(op, "dilations", 2))}
    kernels = op.tensor("depthwise_filter", "input"), op.tensor("pointwise_filter", "input")
    return op.emit("nn.SeparableConv", _padded(op, "input", amounts), *kernels, **config, data_format=_format(op))


# ---------------------------------------------------------------------------------------------------------------- blocks


def blocks(kind: str, op: OperationCall) -> Use:
    return op.emit(kind, op.tensor("input"), block_size=op.static("block_size"), data_format=_format(op))


def patches(op: OperationCall) -> Use:
    config: dict[str, Any] = {
        "size": _window(op, "sizes", 2),
        "strides": _window(op, "strides", 2),
        "dilation_rate": _window(op, "rates", 2),
        "padding": _padding(op)[0],
    }
    if len(set(config["dilation_rate"])) != 1:
        raise op.stop("dilates rows and columns differently")
    config["dilation_rate"] = config["dilation_rate"][0]
    return op.emit("image.ExtractPatches", op.tensor("images"), **config, data_format="channels_last")


def neighbours(op: OperationCall) -> Use:
    """``x / (bias + alpha * sum of the squares of the channels around) ** beta``."""
    radius = int(op.static("depth_radius", 5))
    channels = (op.spec("input").shape or (None,))[-1]
    if channels is None:
        raise op.stop("is called on a tensor of unknown channels")
    squares = op.emit("numpy.Square", op.tensor("input"))
    amounts = (*((0, 0),) * (op.rank("input") - 1), (radius, radius))
    wide = op.emit("numpy.Pad", squares, pad_width=amounts, mode="constant")
    total, *rest = [op.emit("numpy.GetItem", wide, (FULL, piece(at, at + channels, None))) for at in range(2 * radius + 1)]
    for each in rest:
        total = op.emit("numpy.Add", total, each)
    scaled = op.emit("numpy.Multiply", total, op.static("alpha", 1.0))
    power = op.emit("numpy.Power", op.emit("numpy.Add", scaled, op.static("bias", 1.0)), op.static("beta", 0.5))
    return op.emit("numpy.TrueDivide", op.tensor("input"), power)


_STATIC = {name: name for name in ("strides", "padding", "data_format")}
_PADDED = _STATIC | {"explicit_paddings": "explicit_paddings"}
_POOL = "ksize strides padding data_format"
_CONV = "padding data_format dilations"


def _pooling(names: str, parameters: str, kind: str, *nodes: GraphNode, rows: Rows = "") -> dict[str, Function]:
    return function(names, parameters, _pooled, partial(pool, kind), *nodes, rows=rows)


def _filtering(names: str, parameters: str, kind: str, *nodes: GraphNode, rows: Rows = "") -> dict[str, Function]:
    return function(names, parameters, None, partial(conv, kind), *nodes, rows=rows, macs=_uncounted)


def _uncounted(given: Arguments) -> int:
    """Nobody has said what shape it gives, so that nobody can say how often it multiplies."""
    raise unknown("the products of a convolution of TensorFlow's are not counted")


FUNCTIONS: dict[str, Function] = {
    **_pooling(
        "max_pool max_pool2d",
        f"input|value {_POOL} explicit_paddings",
        "nn.MaxPool",
        node("MaxPool", "input", ksize="ksize", **_PADDED),
        rows="images",
    ),
    **_pooling("max_pool1d max_pool3d", f"input {_POOL}", "nn.MaxPool", node("MaxPool3D", "input", ksize="ksize", **_STATIC)),
    **_pooling(
        "avg_pool avg_pool2d",
        f"input|value {_POOL}",
        "nn.AveragePool",
        node("AvgPool", "input", ksize="ksize", **_STATIC),
        rows="images",
    ),
    **_pooling(
        "avg_pool1d avg_pool3d", f"input {_POOL}", "nn.AveragePool", node("AvgPool3D", "input", ksize="ksize", **_STATIC)
    ),
    **_filtering(
        "conv2d",
        f"input filters|filter strides {_CONV} explicit_paddings use_cudnn_on_gpu",
        "nn.Conv",
        node("Conv2D", "input filters", dilations="dilations", **_PADDED),
        rows="images",
    ),
    **_filtering("convolution", f"input filters|filter strides {_CONV}|dilation_rate", "nn.Conv", rows="images"),
    **_filtering("conv1d", f"input|value filters stride {_CONV} use_cudnn_on_gpu", "nn.Conv"),
    **_filtering(
        "conv3d",
        f"input filters|filter strides {_CONV}",
        "nn.Conv",
        node("Conv3D", "input filters", dilations="dilations", **_STATIC),
    ),
    **_filtering(
        "depthwise_conv2d depthwise_conv2d_native",
        f"input filter strides {_CONV}|rate explicit_paddings",
        "nn.DepthwiseConv",
        node("DepthwiseConv2dNative", "input filter", dilations="dilations", **_PADDED),
    ),
    **function("pool", "input window_shape pooling_type strides padding data_format dilations|dilation_rate", None, any_pool),
    **function(
        "separable_conv2d",
        "input depthwise_filter pointwise_filter strides padding data_format dilations|rate",
        None,
        separable,
        macs=_uncounted,
    ),
    **function(
        "depth_to_space",
        "input block_size data_format",
        blocked(grow=True),
        partial(blocks, "nn.DepthToSpace"),
        node("DepthToSpace", "input", block_size="block_size", data_format="data_format"),
        rows="images",
    ),
    **function(
        "space_to_depth",
        "input block_size data_format",
        blocked(grow=False),
        partial(blocks, "nn.SpaceToDepth"),
        node("SpaceToDepth", "input", block_size="block_size", data_format="data_format"),
        rows="images",
    ),
    **function(
        "image.extract_patches",
        "images sizes strides rates padding",
        None,
        patches,
        node("ExtractImagePatches", "images", ksizes="sizes", strides="strides", rates="rates", padding="padding"),
    ),
    **function(
        "local_response_normalization lrn",
        "input depth_radius bias alpha beta",
        same,
        neighbours,
        node("LRN", "input", **{name: name for name in ("depth_radius", "bias", "alpha", "beta")}),
    ),
}
