"""Layers that hold one operation: entries of ``keras.ops`` in Keras 3, TFOpLambda, SlicingOpLambda, TensorFlowOpLayer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.operations.arguments import Arguments, arguments
from configsplit.catalog.rules import Outputs, declare, unknown
from configsplit.errors import ShapeError
from configsplit.graph.model import OPERATION_MODULES, TensorSpec

if TYPE_CHECKING:
    from configsplit.catalog.operations.common import Operation
    from configsplit.catalog.tensorflow.declare import Function


def snake(name: str) -> str:
    """``ExpandDims`` as ``expand_dims``, the name under which the operation is called."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _operation(call: CallFacts) -> tuple[Operation | Function, Arguments]:
    """What an operation layer calls, and with what arguments. Raises ShapeError where nothing of that name is declared."""
    from configsplit.catalog.operations import operation_table  # over 500 declarations, which most models have none of
    from configsplit.catalog.tensorflow import nodes, table

    operation: Operation | Function | None
    if call.class_name == "TensorFlowOpLayer":
        name, operation, given, _ = nodes.read_node(call.config, call.inputs)
        if operation is not None:
            return operation, Arguments(operation.names, given, tensorflow=True)
    elif call.class_name in ("TFOpLambda", "SlicingOpLambda"):
        name = str(call.config.get("function", "__operators__.getitem"))
        operation = table.function(name)
        if operation is not None:
            return operation, arguments(operation.parameters, call.args, call.kwargs, tensorflow=True)
    else:
        name = snake(call.class_name)
        operation = operation_table.KERAS.get(name)
        if operation is not None:  # its static arguments stand in the config
            return operation, arguments(operation.parameters, call.args, {**call.config, **call.kwargs}, tensorflow=False)
    raise unknown(f"there is no rule for the operation {name!r}")


def operation_arguments(call: CallFacts) -> Arguments:
    """What an operation layer is called with. Raises ShapeError where nothing of that name is declared."""
    return _operation(call)[1]


def operation_outputs(call: CallFacts) -> Outputs:
    """Shapes and dtypes of what an operation layer gives."""
    operation, given = _operation(call)
    if operation.outputs is None:
        raise unknown(f"there is no rule for the shape of {call.config.get('function', call.config.get('name'))!r}")
    return operation.outputs(given)


def operation_macs(call: CallFacts) -> int:
    """Products of matrices, convolutions and attention; all else that is declared multiplies and adds nothing up. Raises
    ShapeError where nobody has said what the operation does."""
    operation, given = _operation(call)
    return 0 if operation.macs is None else operation.macs(given)


def operation_gives_back(call: CallFacts) -> bool | None:
    """Whether an operation layer gives back the very tensor that it takes; None where nobody can tell."""
    try:
        operation, given = _operation(call)
        if operation.gives_back == "no":
            return False
        kept = operation.outputs is None or call.first in operation.outputs(given)
    except ShapeError:
        return None
    return (True if operation.gives_back == "surely" and _known(call.first) else None) if kept else False


def _known(spec: TensorSpec) -> bool:
    return spec.shape is not None and spec.dtype is not None


def is_operation(module: object, class_name: str, config: object) -> bool:
    """Whether a Keras 3 entry is an operation. In .h5 files the module is missing: only layers have ``trainable`` then."""
    if isinstance(module, str):
        return module.startswith(OPERATION_MODULES)
    if not isinstance(config, dict) or "trainable" in config:
        return False
    from configsplit.catalog.operations import operation_table

    operation = operation_table.KERAS.get(snake(class_name))
    return operation is not None and ("dtype" not in config or "dtype" in operation.parameters.split())


OPERATION = declare("Operation", operation_outputs, macs=operation_macs, same_tensor=operation_gives_back)[0]
"""The facts of every operation of Keras 3, whose class names are those of layers (``Add``, ``Reshape``) over again."""

LAYERS = (
    *declare("TFOpLambda", operation_outputs, macs=operation_macs, same_tensor=operation_gives_back),
    *declare("SlicingOpLambda", operation_outputs, macs=operation_macs, same_tensor=operation_gives_back, numbers="moved"),
    *declare("TensorFlowOpLayer", operation_outputs, macs=operation_macs, same_tensor=operation_gives_back),
)


# Where Keras 3 keeps the class of each operation. Documents name the place, but those in ``.h5`` files do not.


_NUMPY = "keras.src.ops.numpy"

_ELSEWHERE: Mapping[str, str] = {
    "keras.src.ops.core": """
        AssociativeScan Cast Cond ConvertToTensor ForiLoop Map SaturateCast Scan Scatter ScatterUpdate Slice SliceUpdate
        StopGradient Switch Unstack VectorizedMap WhileLoop
    """,
    "keras.src.ops.einops": "Rearrange",
    "keras.src.ops.image": """
        AffineTransform CropImages ElasticTransform ExtractPatches GaussianBlur HSVToRGB MapCoordinates PadImages
        PerspectiveTransform RGBToGrayscale RGBToHSV Resize SSIM ScaleAndTranslate SobelEdges
    """,
    "keras.src.ops.linalg": """
        Cholesky CholeskyInverse Det Eig Eigh Inv JVP Lstsq LuFactor MatrixRank Norm Pinv Qr SVD Solve SolveTriangular
    """,
    "keras.src.ops.math": """
        CDist Erf Erfc Erfinv ExtractSequences FFT FFT2 IFFT2 IRFFT ISTFT InTopK Logdet Logsumexp RFFT Rsqrt STFT SegmentMax
        SegmentMin SegmentProd SegmentReduction SegmentSum TopK ViewAsComplex ViewAsReal
    """,
    "keras.src.ops.nn": """
        AdaptiveAveragePool AdaptiveMaxPool AveragePool BatchNorm BinaryCrossentropy CTCDecode CTCLoss CategoricalCrossentropy
        Celu Conv ConvTranspose DepthToSpace DepthwiseConv DotProductAttention Elu Fold Gelu Glu HardShrink HardSigmoid HardSilu
        HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax MaxPool Moments MultiHot Normalize OneHot PSNR Polar RMSNorm Relu
        Relu6 Selu SeparableConv Sigmoid Silu SoftShrink Softmax Softplus Softsign SpaceToDepth SparseCategoricalCrossentropy
        SparsePlus SparseSigmoid Sparsemax Squareplus TanhShrink Threshold Unfold
    """,
    "keras.src.activations.activations": "Mish ReLU",
    "keras.src.quantizers.quantizers": "FakeQuantWithMinMaxVars",
}
_PLACES = MappingProxyType({name: place for place, names in _ELSEWHERE.items() for name in names.split()})

ONCE_CALLED: Mapping[str, tuple[str, ...]] = {
    "Array": ("x", "dtype"),
    "DotProductAttention": (
        *("query", "key", "value", "bias", "mask", "scale"),
        *("flash_attention", "attn_logits_soft_cap"),
    ),
    "FullLike": ("x", "fill_value", "dtype"),
    "Isclose": ("x1", "x2", "rtol", "atol", "equal_nan"),
    "OnesLike": ("x", "dtype"),
    "Scatter": ("indices", "values", "shape"),
    "SearchSorted": ("sorted_sequence", "values", "side"),
    "Slice": ("inputs", "start_indices", "shape"),
    "ZerosLike": ("x", "dtype"),
}
"""Operations that earlier releases called with arguments with which they are made since -> all those arguments, in order."""

_MADE_WITH = frozenset({"dtype", "flash_attention", "attn_logits_soft_cap", "equal_nan", "shape", "side"})


def operation_place(class_name: str) -> str:
    """The module of Keras in which the class of an operation stands."""
    return _PLACES.get(class_name, _NUMPY)


def once_called(class_name: str) -> tuple[tuple[str, bool], ...]:
    """What earlier releases called an operation with, in order, where some of that is made with it since (True)."""
    return tuple((name, name in _MADE_WITH) for name in ONCE_CALLED.get(class_name, ()))
