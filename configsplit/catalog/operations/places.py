"""Where Keras 3 keeps the class of each operation. Documents name the place, but those in ``.h5`` files do not."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
