"""Nodes of TensorFlow's graphs (TF 1.14 to 2.3) as operations of Keras 3: functions of the other table, spelled otherwise."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from configsplit.catalog.keras3.refusals import Stop
from configsplit.conversion.building import Building
from configsplit.conversion.operations.arguments import INSTEAD, piece, plain_constant
from configsplit.conversion.operations.basic import FULL
from configsplit.conversion.operations.convert import run, unknown
from configsplit.conversion.operations.table import FUNCTIONS
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Node

_TYPES = {
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_HALF": "float16",
    "DT_BFLOAT16": "bfloat16",
    "DT_INT8": "int8",
    "DT_UINT8": "uint8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_BOOL": "bool",
    "DT_STRING": "string",
}

_PLAIN: Mapping[str, str] = {
    "add": "Add AddV2",
    "subtract": "Sub",
    "multiply": "Mul",
    "truediv": "RealDiv Div",
    "floordiv": "FloorDiv",
    "mod": "FloorMod",
    "pow": "Pow",
    "maximum": "Maximum",
    "minimum": "Minimum",
    "greater": "Greater",
    "greater_equal": "GreaterEqual",
    "less": "Less",
    "less_equal": "LessEqual",
    "equal": "Equal",
    "not_equal": "NotEqual",
    "logical_and": "LogicalAnd",
    "logical_or": "LogicalOr",
    "squared_difference": "SquaredDifference",
    "divide_no_nan": "DivNoNan",
    "atan2": "Atan2",
    "abs": "Abs",
    "negative": "Neg",
    "square": "Square",
    "sqrt": "Sqrt",
    "rsqrt": "Rsqrt",
    "exp": "Exp",
    "expm1": "Expm1",
    "log": "Log",
    "log1p": "Log1p",
    "sin": "Sin",
    "cos": "Cos",
    "tan": "Tan",
    "asin": "Asin",
    "acos": "Acos",
    "atan": "Atan",
    "sinh": "Sinh",
    "cosh": "Cosh",
    "asinh": "Asinh",
    "acosh": "Acosh",
    "atanh": "Atanh",
    "erfc": "Erfc",
    "rint": "Rint",
    "is_inf": "IsInf",
    "is_finite": "IsFinite",
    "xlogy": "Xlogy",
    "xdivy": "Xdivy",
    "multiply_no_nan": "MulNoNan",
    "tanh": "Tanh",
    "erf": "Erf",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "sign": "Sign",
    "reciprocal": "Reciprocal Inv",
    "is_nan": "IsNan",
    "logical_not": "LogicalNot",
    "sigmoid": "Sigmoid",
    "relu": "Relu",
    "relu6": "Relu6",
    "elu": "Elu",
    "selu": "Selu",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "stop_gradient": "StopGradient",
    "identity": "Identity",
    "zeros_like": "ZerosLike",
    "ones_like": "OnesLike",
    "clip_by_value": "ClipByValue",
    "where": "Select SelectV2",
    "reshape": "Reshape",
    "tile": "Tile",
    "transpose": "Transpose",
    "expand_dims": "ExpandDims",
    "broadcast_to": "BroadcastTo",
    "pad": "Pad",
    "reverse": "ReverseV2",
}

_WINDOW = {name: name for name in ("strides", "padding", "data_format")} | {"explicit_paddings": "explicit"}
_POOL = {**_WINDOW, "ksize": "ksize"}
_CONV = {**_WINDOW, "dilations": "dilations"}
_POOLS = {"MaxPool": "max_pool", "AvgPool": "avg_pool", "MaxPool3D": "max_pool3d", "AvgPool3D": "avg_pool3d"}
_CONVS = {"Conv2D": "conv2d", "Conv3D": "conv3d", "DepthwiseConv2dNative": "depthwise_conv2d"}

_PARAMETERS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "Sum": ("reduce_sum", "input_tensor axis", {"keep_dims": "keepdims"}),
    "Mean": ("reduce_mean", "input_tensor axis", {"keep_dims": "keepdims"}),
    "Max": ("reduce_max", "input_tensor axis", {"keep_dims": "keepdims"}),
    "Min": ("reduce_min", "input_tensor axis", {"keep_dims": "keepdims"}),
    "Prod": ("reduce_prod", "input_tensor axis", {"keep_dims": "keepdims"}),
    "Any": ("reduce_any", "input_tensor axis", {"keep_dims": "keepdims"}),
    "All": ("reduce_all", "input_tensor axis", {"keep_dims": "keepdims"}),
    "MatMul": ("matmul", "a b", {"transpose_a": "transpose_a", "transpose_b": "transpose_b"}),
    "BatchMatMul": ("matmul", "a b", {"adj_x": "transpose_a", "adj_y": "transpose_b"}),
    "BatchMatMulV2": ("matmul", "a b", {"adj_x": "transpose_a", "adj_y": "transpose_b"}),
    "Cast": ("cast", "x", {"DstT": "dtype"}),
    "Squeeze": ("squeeze", "input", {"squeeze_dims": "axis"}),
    "GatherV2": ("gather", "params indices axis", {"batch_dims": "batch_dims"}),
    "LeakyRelu": ("leaky_relu", "x", {"alpha": "alpha"}),
    "ArgMax": ("argmax", "input axis", {"output_type": "output_type"}),
    "ArgMin": ("argmin", "input axis", {"output_type": "output_type"}),
    "BiasAdd": ("bias_add", "value bias", {"data_format": "data_format"}),
    "OneHot": ("one_hot", "indices depth on_value off_value", {"axis": "axis"}),
    "Split": ("split", "axis value", {"num_split": "num_or_size_splits"}),
    "SplitV": ("split", "value num_or_size_splits axis", {}),
    "Unpack": ("unstack", "value", {"num": "num", "axis": "axis"}),
    "Shape": ("shape", "input", {}),
    "Cumsum": ("cumsum", "x axis", {"exclusive": "exclusive", "reverse": "reverse"}),
    "Cumprod": ("cumprod", "x axis", {"exclusive": "exclusive", "reverse": "reverse"}),
    **{name: (function, "input", _POOL) for name, function in _POOLS.items()},
    **{name: (function, "input filters", _CONV) for name, function in _CONVS.items()},
    "DepthToSpace": ("depth_to_space", "input", {"block_size": "block_size", "data_format": "data_format"}),
    "SpaceToDepth": ("space_to_depth", "input", {"block_size": "block_size", "data_format": "data_format"}),
    "LRN": ("lrn", "input", {name: name for name in ("depth_radius", "bias", "alpha", "beta")}),
    "ExtractImagePatches": (
        "extract_patches",
        "images",
        {"ksizes": "sizes", "strides": "strides", "rates": "rates", "padding": "padding"},
    ),
    "TopKV2": ("top_k", "input k", {"sorted": "sorted"}),
    "Roll": ("roll", "input shift axis", {}),
    "L2Loss": ("l2_loss", "t", {}),
    "MatrixInverse": ("inv", "input", {"adjoint": "adjoint"}),
    "MatrixDeterminant": ("det", "input", {}),
    "Cholesky": ("cholesky", "input", {}),
    "MatrixBandPart": ("band_part", "input num_lower num_upper", {}),
    "Fill": ("fill", "dims value", {}),
    **{node: (function, FUNCTIONS[function][0], {}) for function, nodes in _PLAIN.items() for node in nodes.split()},
}

_LISTS: Mapping[str, tuple[str, str, bool, Mapping[str, str]]] = {
    "Pack": ("stack", "values", False, {"axis": "axis"}),
    "ConcatV2": ("concat", "values", True, {}),
    "AddN": ("add_n", "inputs", False, {}),
    "Einsum": ("einsum", "inputs", False, {"equation": "equation"}),
}
"""Nodes that take any number of inputs; True where the last of them is the axis."""

_MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def convert(building: Building, layer: Layer, number: int) -> None:
    """One call of a TensorFlowOpLayer.

    Raises:
        Stop: there is no rule for its node.
    """
    definition = layer.config.get("node_def")
    if not isinstance(definition, FrozenDict):
        raise unknown(f"of {layer.name}, whose node is in a form that no release is known to write")
    name = str(definition.get("op"))
    inputs = _inputs(layer, layer.calls[number], definition)
    attributes = {key: _attribute(value) for key, value in (definition.get("attr") or {}).items()}
    if name == "StridedSlice":
        function, given = "getitem", _slices(inputs, attributes)
    elif name in _LISTS:
        function, given = _listed(name, inputs, attributes)
    elif name in _PARAMETERS:
        function, given = _named(name, inputs, attributes)
    else:
        raise unknown(f"{name} of a TensorFlow graph")
    run(building, layer, number, f"{name} of a TensorFlow graph", FUNCTIONS[function], given)


def _inputs(layer: Layer, node: Node, definition: FrozenDict) -> list[Any]:
    """Tensors and constants by position."""
    first = node.args[0] if node.args else ()
    tensors = iter(first if type(first) is tuple else (first,))
    constants = layer.config.get("constants") or {}
    count = sum(not str(name).startswith("^") for name in definition.get("input") or ())
    found = [plain_constant(constants[str(at)]) if str(at) in constants else next(tensors, None) for at in range(count)]
    if any(item is None for item in found) or next(tensors, None) is not None:
        raise Stop(
            "convert-operation",
            "the tensors of the call are not as many as its node takes: the release that wrote the file lost some",
            INSTEAD,
        )
    return found


def _attribute(value: Any) -> Any:
    if not isinstance(value, FrozenDict):
        return value
    if "i" in value:
        return int(value["i"])
    if "type" in value:
        return _TYPES.get(str(value["type"]), str(value["type"]))
    if isinstance(items := value.get("list"), FrozenDict):
        return tuple(int(item) for item in items.get("i", ()))
    if "s" in value:
        return _text(value["s"])
    return next((value[key] for key in ("b", "f") if key in value), None)


def _text(value: Any) -> Any:
    """Bytes stand in these documents in base 64: ``U0FNRQ==`` is ``SAME``."""
    try:
        return b64decode(str(value), validate=True).decode("ascii")
    except ValueError:
        return value


def _named(name: str, inputs: list[Any], attributes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    function, names, renamed = _PARAMETERS[name]
    given = dict(zip(names.split(), inputs, strict=False))
    return function, given | {renamed[key]: value for key, value in attributes.items() if key in renamed and value != ()}


def _listed(name: str, inputs: list[Any], attributes: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    function, parameter, axis_last, renamed = _LISTS[name]
    given: dict[str, Any] = {renamed[key]: value for key, value in attributes.items() if key in renamed}
    if axis_last:
        *inputs, given["axis"] = inputs
    return function, given | {parameter: tuple(inputs)}


def _slices(inputs: list[Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """``x[begin:end:strides]``, with masks that say which ends are open and which places are single ones."""
    value, *ends = inputs
    masks = {name: int(attributes.get(name) or 0) for name in _MASKS}
    if not all(type(end) is tuple for end in ends):
        raise unknown("StridedSlice of a TensorFlow graph, with computed places")
    items: list[Any] = []
    for at, (begin, end, step) in enumerate(zip(*ends, strict=True)):
        bit = 1 << at
        if masks["ellipsis_mask"] & bit or masks["new_axis_mask"] & bit:
            items.append(FULL if masks["ellipsis_mask"] & bit else None)
            continue
        if masks["shrink_axis_mask"] & bit:
            items.append(begin)
            continue
        start = None if masks["begin_mask"] & bit else begin
        items.append(piece(start, None if masks["end_mask"] & bit else end, step)["config"])
    return {"tensor": value, "slice_spec": tuple(items)}
