"""Calls of every operation class of ``keras.ops``: class name, static arguments, and tensors or constants.

What Keras refuses (a dtype that an operation does not take) is left out of a model; each class has to keep at least one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from types import MappingProxyType
from typing import Any, NamedTuple


class T(NamedTuple):
    """A symbolic input."""

    shape: tuple[int | None, ...]
    dtype: str = "float32"


class Call(NamedTuple):
    name: str
    init: dict[str, Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = MappingProxyType({})


def call(name: str, *args: Any, call: dict[str, Any] | None = None, **init: Any) -> Call:
    return Call(name, init, args, call or {})


X, OPEN, ROW, VECTOR, FIXED = T((None, 4, 6)), T((None, None, 6)), T((None, 1, 6)), T((6,)), T((3, 4, 6))
INTS, FLAGS, IDS = T((None, 4, 6), "int32"), T((None, 4, 6), "bool"), T((None, 5), "int32")
IMAGE, FIRST, ROUGH = T((None, 9, 10, 3)), T((None, 3, 9, 10)), T((None, None, None, 3))
SQUARE, WAVE, COMPLEX = T((None, 4, 4)), T((None, 64)), T((None, 4, 6), "complex64")
DTYPES = ("float16", "bfloat16", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool")

UNARY = """
Abs Absolute Angle Arccos Arccosh Arcsin Arcsinh Arctan Arctanh BitwiseInvert BitwiseNot Cbrt Ceil Celu Conj Conjugate Copy Cos
Cosh Deg2rad Elu EmptyLike Erf Erfc Erfinv Exp Exp2 Expm1 Fabs Floor Gelu HardShrink HardSigmoid HardSilu HardTanh I0 Imag
Isfinite Isinf Isnan Isneginf Isposinf Isreal LeakyRelu Log Log10 Log1p Log2 LogSigmoid LogSoftmax LogicalNot NanToNum Negative
OnesLike Rad2deg Real Reciprocal Relu Relu6 Round Rsqrt Selu Sigmoid Sign Signbit Silu Sin Sinc Sinh SoftShrink Softmax Softplus
Softsign Sort SparsePlus SparseSigmoid Sparsemax Sqrt Square Squareplus StopGradient Tan Tanh TanhShrink Tril Triu Trunc
ZerosLike Argsort Ndim Size Ravel Flip Fliplr Flipud Glu Normalize Sparsemax Cumsum Cumprod Nancumsum Nancumprod Diff Transpose
Nonzero Argmax Argmin Nanargmax Nanargmin Trapezoid RMSNorm LayerNorm ConvertToTensor Array View Histogram
"""

BINARY = """
Add AllClose Append Arctan2 BitwiseAnd BitwiseLeftShift BitwiseOr BitwiseRightShift BitwiseXor Divide DivideNoNan Dot Equal
FloorDivide Fmax Fmin Fmod Gcd Greater GreaterEqual Heaviside Hypot IsIn Isclose Lcm Ldexp LeftShift Less LessEqual Logaddexp
Logaddexp2 LogicalAnd LogicalOr LogicalXor Maximum Minimum Mod Multiply Nextafter NotEqual Power RightShift Subtract TrueDivide
Polar
"""

REDUCTIONS = """
All Amax Amin Any CountNonzero Logsumexp Max Mean Median Min Nanmax Nanmean Nanmedian Nanmin Nanprod Nanstd Nansum Nanvar Prod
Ptp Std Sum Var
"""

PAIRS = (
    ("float32", "int32"),
    ("int32", "int32"),
    ("bool", "bool"),
    ("bool", "float16"),
    ("float16", "bfloat16"),
    ("int64", "float16"),
    ("uint8", "int8"),
    ("uint32", "int32"),
    ("uint16", "float64"),
)


def _unary() -> Iterator[Call]:
    for name in UNARY.split():
        yield from (call(name, tensor) for tensor in (X, OPEN, FIXED, T((None, 6))))
        yield from (call(name, T(X.shape, dtype)) for dtype in DTYPES)


def _binary() -> Iterator[Call]:
    for name in BINARY.split():
        dtype = "int32" if name.startswith("Bitwise") or name.endswith("Shift") else "float32"
        for pair in ((X, X), (X, ROW), (OPEN, X), (VECTOR, VECTOR), (VECTOR, X), (INTS, INTS)):
            yield call(name, *(T(spec.shape, dtype) if spec.dtype == "float32" else spec for spec in pair))
        yield from (call(name, T(X.shape, first), T(ROW.shape, second)) for first, second in PAIRS)
        yield from (call(name, tensor, number) for tensor in (X, INTS, FLAGS, T((None, 4), "int64")) for number in (2, 2.5))
        yield call(name, 2.5, X)


def _reductions() -> Iterator[Call]:
    for name in REDUCTIONS.split():
        keep = ({},) if name == "CountNonzero" else ({}, {"keepdims": True})
        for tensor, axis, extra in product((X, OPEN, INTS), (None, 1, -1, (0, 2)), keep):
            yield call(name, tensor, axis=axis, **extra)
        yield from (call(name, T(X.shape, dtype), axis=1) for dtype in DTYPES)


PICKING = [
    *(call(name, X, axis=axis) for name in ("Argmax", "Argmin", "Nanargmax", "Nanargmin") for axis in (0, 1, -1)),
    *(call(name, X, axis=1, keepdims=True) for name in ("Argmax", "Argmin", "Nanargmax", "Nanargmin")),
    *(call(name, X, keepdims=True) for name in ("Argmax", "Argmin", "Nanargmax", "Nanargmin")),
    *(
        call(name, tensor, 0.5, axis=axis, **extra)
        for name in ("Percentile", "Quantile", "Nanpercentile", "Nanquantile")
        for tensor, axis, extra in product((X, INTS, OPEN), (None, 1, (1, 2)), ({}, {"keepdims": True}))
    ),
    *(call(name, X, [0.2, 0.5], axis=1) for name in ("Percentile", "Quantile", "Nanpercentile", "Nanquantile")),
    *(call(name, X, [0.2, 0.5]) for name in ("Percentile", "Quantile", "Nanpercentile", "Nanquantile")),
    *(call("Average", tensor, axis=axis) for tensor in (X, INTS, OPEN) for axis in (None, 1)),
    call("Average", X, X, axis=1),
    call("Average", INTS, INTS, axis=1),
    *(call("Norm", tensor, axis=axis) for tensor in (X, INTS, OPEN) for axis in (None, 1, (1, 2))),
    call("Norm", X, axis=1, keepdims=True, ord=1),
    *(call("Sum", X, axis=axis) for axis in ([1, 2], ())),
    *(call("Prod", X, axis=1, dtype=dtype) for dtype in ("float64", "int32")),
    *(call("Max", tensor, axis=1, initial=0) for tensor in (X, INTS)),
    *(call("Min", tensor, axis=1, initial=0) for tensor in (X, INTS)),
    *(call(name, X, axis=1, dtype="float64") for name in ("Cumsum", "Cumprod", "Nancumsum", "Nancumprod")),
    *(call(name, tensor, axis=1) for name in ("Cumsum", "Cumprod", "Nancumsum", "Nancumprod") for tensor in (X, INTS, FLAGS)),
    *(call(name, X, axis=1) for name in ("Sort", "Argsort", "Softmax", "LogSoftmax", "Flip", "Glu", "Normalize", "Sparsemax")),
    *(call("Argsort", X, axis=axis) for axis in (None,)),
    *(call("Argpartition", tensor, kth=2, axis=axis) for tensor in (X, INTS, OPEN) for axis in (-1, 1)),
    *(call("TopK", tensor, k=3) for tensor in (X, INTS, OPEN)),
    call("InTopK", T((None,), "int32"), T((None, 9)), k=3),
    *(call("Unique", tensor, size=5) for tensor in (X, INTS, VECTOR)),
    call("Unique", X),
    call("Unique", VECTOR, return_index=True, return_inverse=True, return_counts=True),
    call("Unique", X, axis=1, size=3, return_counts=True),
    *(call("SearchSorted", VECTOR, tensor) for tensor in (VECTOR, T((5,), "int32"))),
    *(call("Digitize", tensor, VECTOR) for tensor in (X, INTS, OPEN)),
    *(call("Bincount", T((None, 5), "int32"), **extra) for extra in ({}, {"minlength": 9})),
    call("Bincount", T((3, 5), "int32"), minlength=4),
    call("Bincount", T((5,), "int32")),
    call("Histogram", X, bins=5),
    *(call(name, X, dtype="int32") for name in ("ZerosLike", "OnesLike", "EmptyLike", "Array", "ConvertToTensor")),
    *(call("FullLike", tensor, 2) for tensor in (X, INTS, OPEN)),
    call("FullLike", X, 2, dtype="int32"),
    *(call("Cast", tensor, dtype=dtype) for tensor in (X, OPEN) for dtype in ("int32", "float16", "bool")),
    *(call("SaturateCast", X, dtype=dtype) for dtype in ("int8", "float16")),
    *(call("View", tensor, dtype=dtype) for tensor in (X, T((3, 4, 6), "int8")) for dtype in ("int32", "float16", "float64")),
    *(call("Clip", tensor, x_min=low, x_max=high) for tensor in (X, INTS, FLAGS, OPEN) for low, high in ((0, 1), (0.5, 1.5))),
    *(call("Round", X, decimals=number) for number in (0, 2)),
    *(call("Threshold", tensor, threshold=0.5, default_value=0.0) for tensor in (X, INTS, OPEN)),
    *(call("Diff", tensor, n=n, axis=axis) for tensor in (X, INTS, OPEN) for n in (1, 2) for axis in (-1, 1)),
    *(call("Trapezoid", tensor, dx=0.5, axis=axis) for tensor in (X, INTS) for axis in (-1, 1)),
    *(call("Roll", tensor, shift=2, axis=axis) for tensor in (X, OPEN, INTS) for axis in (None, 1)),
]

SHAPING = [
    *(call("Reshape", X, newshape=shape) for shape in ((-1, 24), (-1, 3, 8), (-1,), (None, 24))),
    call("Reshape", FIXED, newshape=(-1, 8)),
    call("Reshape", OPEN, newshape=(-1, 6)),
    *(call("Transpose", tensor, axes=(0, 2, 1)) for tensor in (X, OPEN)),
    *(call("ExpandDims", X, axis=axis) for axis in (0, 1, -1)),
    *(call("Squeeze", tensor, axis=axis) for tensor, axis in ((ROW, 1), (ROW, None), (T((None, 1, 1, 4)), (1, 2)))),
    *(call("BroadcastTo", tensor, shape=(3, 4, 6)) for tensor in (VECTOR, T((4, 1)), T((1, 4, 6)))),
    *(
        call("Moveaxis", CUBE, source=source, destination=target)
        for CUBE in (T((None, 2, 3, 4)),)
        for source, target in ((1, -1), (-1, 1), ((1, 2), (3, 1)))
    ),
    *(call("Swapaxes", X, axis1=first, axis2=second) for first, second in ((1, 2), (0, -1))),
    *(call("Rot90", tensor, k=k, axes=axes) for tensor in (X, IMAGE) for k in (1, 2) for axes in ((1, 2), (2, 1))),
    *(call("Tile", X, repeats=repeats) for repeats in ((1, 2, 3), (2, 1, 1, 1), 2)),
    *(
        call("Repeat", tensor, repeats=repeats, axis=axis)
        for tensor in (X, OPEN, FIXED)
        for repeats, axis in ((3, 1), (2, None), ([1, 2, 1, 3], 1))
    ),
    *(call("Pad", tensor, pad_width=width) for tensor in (X, OPEN) for width in (((0, 0), (1, 2), (3, 4)), 1, (1, 2))),
    call("Pad", X, 7.0, pad_width=1),
    *(call(name, [X, ROW], axis=1) for name in ("Concatenate",)),
    *(
        call("Concatenate", items, axis=axis)
        for items, axis in (([X, OPEN], 1), ([X, INTS], -1), ([X, X], 0), ([INTS, INTS], 1))
    ),
    *(call("Stack", [X, other], axis=axis) for other in (X, INTS, OPEN) for axis in (0, 1, -1)),
    *(call(name, [X, other]) for name in ("Hstack", "Vstack", "Dstack") for other in (X, INTS)),
    *(call(name, [VECTOR, VECTOR]) for name in ("Hstack", "Vstack", "Dstack")),
    *(call(name, [T((None, 6)), T((None, 6))]) for name in ("Hstack", "Vstack", "Dstack")),
    *(call("Append", X, ROW, axis=1) for _ in (0,)),
    call("Append", X, INTS),
    call("Append", FIXED, VECTOR),
    *(
        call(name, tensor, indices_or_sections=parts, axis=axis)
        for name in ("Split", "ArraySplit")
        for tensor in (X, OPEN, FIXED)
        for parts, axis in ((2, -1), ([1, 3], 1), (2, 1))
    ),
    call("ArraySplit", X, indices_or_sections=4, axis=2),
    *(call(name, T((4, 6, 8)), indices_or_sections=parts) for name in ("Hsplit", "Vsplit", "Dsplit") for parts in (2, [1, 3])),
    *(call(name, T((None, 6, 8)), indices_or_sections=2) for name in ("Hsplit", "Dsplit")),
    *(call("Unstack", X, axis=axis) for axis in (1, -1)),
    call("Unstack", X, num=4, axis=1),
    *(call("Take", X, indices, axis=axis) for indices in ([0, 2], 1, T((2, 3), "int32")) for axis in (0, 1, None)),
    *(call("TakeAlongAxis", X, INTS, axis=axis) for axis in (1, -1)),
    call("TakeAlongAxis", FIXED, T((3, 2, 6), "int32"), axis=1),
    call("TakeAlongAxis", FIXED, T((7,), "int32")),
    *(call("Diag", tensor, k=k) for tensor in (T((4,)), T((4, 6)), T((6, 4), "int32")) for k in (0, 1, -1)),
    *(call("Diagflat", tensor, k=k) for tensor in (T((4,)), T((2, 3))) for k in (0, 2)),
    *(call("Diagonal", tensor, offset=offset, axis1=1, axis2=2) for tensor in (X, SQUARE, OPEN) for offset in (0, 1, -2)),
    call("Diagonal", T((4, 6))),
    *(
        call("Trace", tensor, offset=offset, axis1=1, axis2=2)
        for tensor in (X, INTS, FLAGS, T(X.shape, "int8"))
        for offset in (0, 1)
    ),
    *(call(name, X, k=1) for name in ("Tril", "Triu")),
    *(call("Meshgrid", T((3,)), T((4,)), T((5,)), indexing=indexing) for indexing in ("xy", "ij")),
    call("Meshgrid", T((3,)), T((4,))),
    *(call("Vander", T((4,)), N=number) for number in (None, 3)),
    *(call("GetItem", X, key) for key in (0, slice(1, 3), (slice(None), 0), (slice(None), slice(None, None, 2), -1))),
    call("GetItem", OPEN, (slice(None), slice(None, 3))),
    call("Slice", X, [0, 0, 0], shape=(2, 3, 4)),
    call("Slice", FIXED, [0, 1, 0], shape=(2, 3, 4)),
    call("SliceUpdate", FIXED, [0, 1, 0], T((2, 3, 4))),
    call("Scatter", T((3, 1), "int32"), T((3, 6)), shape=(8, 6)),
    call("ScatterUpdate", FIXED, [[0, 1], [1, 2]], T((2, 6))),
    call("Rearrange", T((2, 9, 10, 3)), "b h w c -> b (h w) c"),
    call("Rearrange", T((2, 9, 10, 3)), "b h (w s) c -> b h w (s c)", call={"s": 2}),
    call("Rearrange", FIXED, "a b c -> a c b"),
    *(call("UnravelIndex", tensor, shape=(3, 4)) for tensor in (T((5,), "int32"), IDS)),
    *(call("OneHot", IDS, num_classes=7, **extra) for extra in ({}, {"axis": 1}, {"dtype": "int32"})),
    *(call("MultiHot", IDS, num_classes=7, **extra) for extra in ({}, {"dtype": "int32"}, {"axis": 1})),
    call("MultiHot", T((None, 5, 2), "int32"), num_classes=7),
    *(call("Where", FLAGS, *pair) for pair in ((X, X), (X, INTS), (INTS, 2.5), (ROW, X), (1, 2))),
    call("Where", FLAGS),
    call("Select", [FLAGS, FLAGS], [X, X], 0),
    *(call("Full", 2.0, shape=(3, 4), dtype=dtype) for dtype in ("float32",)),
]

CREATION = [
    *(
        call("Linspace", *ends, **extra)
        for ends in ((T((4,)), T((4,))), (X, X), (0.0, T((4,))), (INTS, INTS))
        for extra in ({}, {"num": 5}, {"num": 5, "axis": -1}, {"num": 5, "dtype": "float64"}, {"num": 5, "retstep": True})
    ),
    *(
        call(name, *ends, **extra)
        for name in ("Logspace", "Geomspace")
        for ends in ((T((4,)), T((4,))), (X, X), (1.0, T((4,))))
        for extra in ({}, {"num": 5}, {"num": 5, "axis": -1})
    ),
    call("Full", T(()), shape=(3, 4)),
    call("Full", T((4,)), shape=(3, 4), dtype="int32"),
]

PRODUCTS = [
    *(call("Matmul", X, other) for other in (T((None, 6, 5)), T((6, 5)), VECTOR, T((None, 6, 5), "int32"))),
    *(call("Matmul", T(a, "int8"), T(b, "int8")) for a, b in (((None, 4, 6), (None, 6, 5)),)),
    call("Matmul", VECTOR, T((6, 5))),
    call("Matmul", OPEN, T((None, 6, 5))),
    *(call("Dot", *pair) for pair in ((X, VECTOR), (X, T((6, 5))), (X, T((2, 6, 5))), (T((4, 6)), T((6, 5))), (X, 2.5))),
    *(call("Inner", *pair) for pair in ((X, VECTOR), (X, T((5, 6))), (VECTOR, VECTOR), (T((4, 6)), T((5, 6))))),
    *(call("Outer", *pair) for pair in ((VECTOR, T((4,))), (T((2, 3)), T((4,))), (X, VECTOR), (T((3,), "int32"), VECTOR))),
    *(call("Vdot", *pair) for pair in ((VECTOR, VECTOR), (T((2, 3)), T((2, 3))), (T((3,), "int32"), T((3,), "int32")))),
    *(
        call("Tensordot", *pair, axes=axes)
        for pair, axes in (
            ((X, T((6, 5))), 1),
            ((X, T((4, 6, 5))), 2),
            ((X, T((5, 6))), ((2,), (1,))),
            ((X, T((6, 4, 2))), ([1, 2], [1, 0])),
            ((T((3,)), T((4,))), 0),
            ((X, T((6, 5))), [[2], [0]]),
        )
    ),
    *(call("Kron", *pair) for pair in ((T((2, 3)), T((4, 5))), (T((2, 3), "int32"), T((4, 5))), (VECTOR, VECTOR))),
    *(
        call("Cross", *pair)
        for pair in (
            (T((None, 3)), T((None, 3))),
            (T((None, 2)), T((None, 2))),
            (T((None, 2)), T((None, 3))),
            (T((None, 4, 3)), T((None, 1, 3))),
            (T((None, 3), "int32"), T((None, 3))),
        )
    ),
    *(
        call("Einsum", X, other, subscripts=text)
        for other, text in (
            (T((None, 6, 5)), "bij,bjk->bik"),
            (T((6, 5)), "bij,jk->bik"),
            (T((None, 6, 5)), "bij,bjk"),
            (T((6, 5)), "...j,jk->...k"),
            (T((None, 6, 5)), "bij,bjk->b"),
        )
    ),
    call("Einsum", X, subscripts="bij->bji"),
    call("Einsum", X, subscripts="bij"),
    call("Einsum", T((4, 4)), subscripts="ii->i"),
    call("Einsum", INTS, T((6, 5), "int32"), subscripts="bij,jk->bik"),
    *(call("Correlate", T((9,)), T((4,)), mode=mode) for mode in ("valid", "same", "full")),
    call("Correlate", T((9,), "int32"), T((4,), "int32")),
    *(call("Corrcoef", tensor) for tensor in (T((4, 6)), T((4, 6), "int32"), T((6,)))),
    *(call("CDist", T((None, 4, 6)), T((None, 5, 6))) for _ in (0,)),
    call("CDist", T((4, 6)), T((5, 6))),
]

LINALG = [
    *(
        call(name, tensor)
        for name in (
            "Cholesky",
            "CholeskyInverse",
            "Det",
            "Eig",
            "Eigh",
            "Inv",
            "LuFactor",
            "MatrixRank",
            "Pinv",
            "Slogdet",
            "Logdet",
            "SVD",
            "Qr",
        )
        for tensor in (SQUARE, T((4, 4)), T((None, 4, 4), "float64"), T((4, 4), "int32"))
    ),
    *(call(name, tensor) for name in ("MatrixRank", "Pinv", "SVD", "Qr", "LuFactor") for tensor in (X, T((None, 6, 4)))),
    *(call("Qr", tensor, mode=mode) for tensor in (X, T((None, 6, 4))) for mode in ("reduced", "complete")),
    *(
        call("SVD", tensor, full_matrices=full, compute_uv=uv)
        for tensor in (X, T((None, 6, 4)))
        for full in (True, False)
        for uv in (True, False)
    ),
    call("Cholesky", SQUARE, upper=True),
    *(call("Lstsq", T((6, 4)), other) for other in (T((6,)), T((6, 2)))),
    *(call(name, SQUARE, other) for name in ("Solve", "SolveTriangular") for other in (T((None, 4, 2)), T((None, 4)))),
    *(call(name, T((4, 4)), T((4,))) for name in ("Solve", "SolveTriangular")),
]

SIGNAL = [
    *(call(name, (tensor, tensor)) for name in ("FFT", "FFT2", "IFFT2") for tensor in (X, OPEN)),
    *(call("RFFT", tensor, fft_length=length) for tensor in (X, WAVE, OPEN) for length in (None, 8)),
    *(call("IRFFT", (tensor, tensor), fft_length=length) for tensor in (X, OPEN) for length in (None, 8)),
    *(
        call("STFT", tensor, sequence_length=16, sequence_stride=8, fft_length=length, center=center)
        for tensor in (WAVE, T((None, 2, 70)), T((None, None)))
        for length in (16, 32)
        for center in (True, False)
    ),
    *(
        call("ISTFT", (T((None, 9, 9)), T((None, 9, 9))), sequence_length=16, sequence_stride=8, fft_length=16, **extra)
        for extra in ({}, {"length": 50}, {"center": False})
    ),
    *(
        call("ExtractSequences", tensor, sequence_length=16, sequence_stride=8)
        for tensor in (WAVE, T((None, None)), T((None, 2, 70)))
    ),
    *(
        call(name, data, T((5,), "int32"), num_segments=number)
        for name in ("SegmentSum", "SegmentMax", "SegmentMin", "SegmentProd")
        for data in (T((5,)), T((5, 3)), T((5, 3), "int32"))
        for number in (4, None)
    ),
    *(call("ViewAsComplex", tensor) for tensor in (T((None, 4, 2)), T((None, None, 2)))),
    *(call("ViewAsReal", tensor) for tensor in (COMPLEX,)),
    *(call(name, COMPLEX) for name in ("Real", "Imag", "Conj", "Conjugate", "Abs", "Angle")),
]

VISION = [
    *(
        call("Resize", image, size=(4, 5), **extra)
        for image in (IMAGE, ROUGH, T((9, 10, 3)), T(IMAGE.shape, "uint8"))
        for extra in ({}, {"interpolation": "nearest"}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True})
    ),
    call("Resize", FIRST, size=(4, 5), data_format="channels_first"),
    *(
        call(name, image)
        for name in ("RGBToGrayscale", "RGBToHSV", "HSVToRGB", "ElasticTransform", "GaussianBlur", "SobelEdges")
        for image in (IMAGE, ROUGH, T((9, 10, 3)))
    ),
    *(
        call(name, FIRST, data_format="channels_first")
        for name in ("RGBToGrayscale", "RGBToHSV", "HSVToRGB", "ElasticTransform", "GaussianBlur", "SobelEdges")
    ),
    *(call("AffineTransform", image, transform) for image, transform in ((IMAGE, T((None, 8))), (T((9, 10, 3)), T((8,))))),
    call("PerspectiveTransform", IMAGE, T((None, 4, 2)), T((None, 4, 2))),
    call("PerspectiveTransform", T((9, 10, 3)), T((4, 2)), T((4, 2))),
    *(call("MapCoordinates", T((9, 10)), coordinates, order=1) for coordinates in (T((2, 5)), T((2, 5, 7)))),
    *(
        call("ExtractPatches", image, size=size, strides=strides, padding=padding)
        for image in (IMAGE, ROUGH, T((9, 10, 3)))
        for size in ((3, 2), 2)
        for strides in (None, 1)
        for padding in ("valid", "same")
    ),
    call("ExtractPatches", FIRST, size=3, data_format="channels_first"),
    *(
        call("CropImages", image, **extra)
        for image in (IMAGE, T((9, 10, 3)))
        for extra in (
            {"top_cropping": 1, "bottom_cropping": 2, "left_cropping": 1, "right_cropping": 0},
            {"top_cropping": 1, "left_cropping": 2, "target_height": 5, "target_width": 6},
            {"bottom_cropping": 1, "right_cropping": 2, "target_height": 5, "target_width": 6},
        )
    ),
    call("CropImages", FIRST, top_cropping=1, left_cropping=2, target_height=5, target_width=6, data_format="channels_first"),
    *(
        call("PadImages", image, **extra)
        for image in (IMAGE, T((9, 10, 3)))
        for extra in (
            {"top_padding": 1, "bottom_padding": 2, "left_padding": 1, "right_padding": 0},
            {"top_padding": 1, "left_padding": 2, "target_height": 15, "target_width": 16},
        )
    ),
    call("PadImages", FIRST, top_padding=1, left_padding=2, target_height=15, target_width=16, data_format="channels_first"),
    *(call("SSIM", image, image) for image in (T((None, 16, 17, 3)), T((16, 17, 3)))),
    call("ScaleAndTranslate", IMAGE, (4, 5, 6, 3), T((2,)), T((2,)), spatial_dims=(1, 2), method="linear"),
]

NEURAL = [
    *(
        call(f"{kind}Pool", image, pool_size=2, data_format="channels_last", **extra)
        for kind in ("Max", "Average")
        for image in (IMAGE, ROUGH, X)
        for extra in ({}, {"strides": 1}, {"padding": "same", "strides": 2})
    ),
    *(call(f"{kind}Pool", FIRST, pool_size=2, data_format="channels_first") for kind in ("Max", "Average")),
    *(
        call(f"Adaptive{kind}Pool", IMAGE, output_size=size, data_format="channels_last")
        for kind in ("Max", "Average")
        for size in (3, (2, 3))
    ),
    *(
        call("Conv", image, kernel, **extra)
        for image, kernel in ((IMAGE, T((3, 2, 3, 5))), (ROUGH, T((3, 3, 3, 5))), (X, T((3, 6, 5))))
        for extra in ({}, {"strides": 2}, {"padding": "same"}, {"dilation_rate": 2, "padding": "same"})
    ),
    call("Conv", FIRST, T((3, 2, 3, 5)), data_format="channels_first"),
    *(call("DepthwiseConv", IMAGE, T((3, 2, 3, 2)), **extra) for extra in ({}, {"strides": 2, "padding": "same"})),
    *(
        call("SeparableConv", IMAGE, T((3, 2, 3, 2)), T((1, 1, 6, 5)), **extra)
        for extra in ({}, {"strides": 2, "padding": "same"})
    ),
    *(
        call("ConvTranspose", image, kernel, **extra)
        for image, kernel in ((IMAGE, T((3, 2, 5, 3))), (ROUGH, T((3, 3, 5, 3))))
        for extra in (
            {},
            {"strides": 2},
            {"strides": 2, "padding": "same"},
            {"strides": 2, "padding": "same", "output_padding": 1},
        )
    ),
    *(call("BatchNorm", tensor, T((6,)), T((6,)), axis=-1) for tensor in (X, OPEN, T(X.shape, "float16"))),
    call("BatchNorm", X, T((6,)), T((6,)), T((6,)), T((6,)), axis=-1),
    *(call("LayerNorm", X, T((6,)), T((6,))) for _ in (0,)),
    *(call("RMSNorm", X, T((6,))) for _ in (0,)),
    *(
        call("Moments", tensor, axes=axes, keepdims=keep)
        for tensor in (X, OPEN, INTS)
        for axes in ((1,), (0, 1))
        for keep in (False, True)
    ),
    *(call("BinaryCrossentropy", pair, pair) for pair in (X, T((None, 1)))),
    call("BinaryCrossentropy", INTS, X),
    *(call("CategoricalCrossentropy", X, X, axis=axis) for axis in (-1, 1)),
    *(call("SparseCategoricalCrossentropy", T((None, 4), "int32"), X) for _ in (0,)),
    call("CTCLoss", T((None, 5), "int32"), T((None, 9, 7)), T((None,), "int32"), T((None,), "int32")),
    *(
        call("CTCDecode", T((None, 9, 7)), T((None,), "int32"), **extra)
        for extra in ({}, {"strategy": "beam_search", "top_paths": 2})
    ),
    *(
        call(name, image, block_size=2)
        for name, image in (
            ("DepthToSpace", T((None, 4, 5, 8))),
            ("SpaceToDepth", T((None, 4, 6, 3))),
            ("SpaceToDepth", ROUGH),
            ("DepthToSpace", T((None, None, None, 8))),
        )
    ),
    *(
        call(name, image, block_size=2, data_format="channels_first")
        for name, image in (
            ("DepthToSpace", T((None, 8, 4, 5))),
            ("SpaceToDepth", T((None, 3, 4, 6))),
        )
    ),
    *(
        call("DotProductAttention", query, key, key)
        for query, key in (
            (T((None, 7, 2, 4)), T((None, 5, 2, 4))),
            (T((None, None, 2, 4)), T((None, 5, 2, 4))),
            (T((None, 7, 4, 4)), T((None, 5, 2, 4))),
        )
    ),
    *(
        call("Unfold", T((None, 3, 9, 10)), kernel_size=size, **extra)
        for size in (3, (2, 3))
        for extra in ({}, {"stride": 2, "padding": 1}, {"dilation": 2})
    ),
    *(call("Fold", T((None, 27, 56)), output_size=(9, 10), kernel_size=3) for _ in (0,)),
    *(call("PSNR", X, X, max_val=1.0) for _ in (0,)),
    call("Polar", X, X),
]

CALLS = [*_unary(), *_binary(), *_reductions(), *PICKING, *SHAPING, *CREATION, *PRODUCTS, *LINALG, *SIGNAL, *VISION, *NEURAL]

OPAQUE = {
    "Arange": "takes no tensor: Keras computes it when the model is made",
    "Cond": "takes Python functions",
    "ForiLoop": "takes a Python function",
    "Map": "takes a Python function",
    "Scan": "takes a Python function",
    "AssociativeScan": "takes a Python function",
    "Switch": "takes Python functions",
    "VectorizedMap": "takes a Python function",
    "WhileLoop": "takes Python functions",
    "JVP": "takes a Python function",
    "Function": "is a graph, not an operation; models are derived from it",
    "SegmentReduction": "is the base of SegmentSum and its like",
}
