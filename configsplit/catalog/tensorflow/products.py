"""Products of matrices and what comes with them: einsum, norms, diagonals, inverses."""

from __future__ import annotations

from functools import partial
from typing import Any

from configsplit.catalog.operations import products
from configsplit.catalog.operations.arguments import Arguments, one
from configsplit.catalog.operations.common import reduced, same
from configsplit.catalog.rules import Outputs
from configsplit.catalog.tensorflow.call import OperationCall
from configsplit.catalog.tensorflow.declare import Function, function, node, single
from configsplit.graph.json import rebuild
from configsplit.graph.model import Use

# ---------------------------------------------------------------------------------------------------------------- outputs


def _reduced(given: Arguments) -> Outputs:
    return one(reduced(given), given.operand(0).dtype)


def _number(given: Arguments) -> Outputs:
    return one((), given.operand(0).dtype)


# ------------------------------------------------------------------------------------------------------------ in Keras 3


def matmul(op: OperationCall) -> Use:
    """The adjoint of a matrix of real numbers is the transposed one."""
    if op.has("output_type"):
        raise op.stop("sets the dtype of its output")
    turns = {side: any(op.static(f"{turn}_{side}", False) for turn in ("transpose", "adjoint")) for side in ("a", "b")}
    left, right = op.tensor("a", "b"), op.tensor("b", "a")
    if turns["a"]:
        left = _turned(op, left)
    if turns["b"]:
        right = _turned(op, right)
    return op.emit("numpy.Matmul", left, right)


def _turned(op: OperationCall, matrix: Any) -> Any:
    """The matrix with its last two axes swapped; that of a constant is written so."""
    if type(matrix) is Use:
        return op.emit("numpy.Swapaxes", matrix, axis1=-1, axis2=-2)
    return matrix | {"config": matrix["config"] | {"value": _swapped(matrix["config"]["value"])}}


def _swapped(value: Any) -> Any:
    """Nested tuples with their last two axes swapped: the axes before are laid flat, and put back."""
    matrices, sizes = (value,), []
    while type(matrices[0][0][0]) is tuple:
        sizes.append(len(matrices[0]))
        matrices = tuple(each for matrix in matrices for each in matrix)
    rows = tuple(tuple(zip(*matrix, strict=True)) for matrix in matrices)
    for size in reversed(sizes):
        rows = tuple(rows[at : at + size] for at in range(0, len(rows), size))
    return rows[0]


def einsum(op: OperationCall) -> Use:
    tensors = op.value("inputs")
    count = len(tensors) if type(tensors) is tuple else 0
    equation = str(op.static("equation"))
    if type(tensors) is not tuple or count != equation.partition("->")[0].count(",") + 1:
        raise op.stop("is in the file without its tensors: the release that wrote it lost them")
    like = next((op.building.spec(item.ref).dtype for item in tensors if type(item) is Use), None)
    return op.emit("numpy.Einsum", *(op.new(item, like) for item in tensors), subscripts=equation)


def tensordot(op: OperationCall) -> Use:
    return op.emit("numpy.Tensordot", op.tensor("a", "b"), op.tensor("b", "a"), axes=op.static("axes"))


def matvec(op: OperationCall) -> Use:
    if op.static("adjoint_a", False) or op.static("transpose_a", False):
        raise op.stop("transposes its matrix")
    column = op.emit("numpy.ExpandDims", op.tensor("b", "a"), axis=-1)
    return op.emit("numpy.Squeeze", op.emit("numpy.Matmul", op.tensor("a", "b"), column), axis=-1)


def bias(op: OperationCall) -> Use:
    value = op.tensor("bias", "value")
    if str(op.static("data_format") or "N...C").startswith("NC"):
        value = _along_channels(op, value, op.rank("value") - 2)
    return op.emit("numpy.Add", op.tensor("value"), value)


def _along_channels(op: OperationCall, bias: Any, spatial: int) -> Any:
    """One number for each channel, with as many axes of size 1 behind it as there are spatial ones."""
    if type(bias) is Use:
        return op.emit("numpy.Reshape", bias, newshape=(-1, *(1,) * spatial))
    value = bias["config"]["value"]
    for _ in range(spatial):
        value = rebuild(value, lambda item: (item,))
    return bias | {"config": bias["config"] | {"value": value}}


# ----------------------------------------------------------------------------------------------------------------- norms


def norm(op: OperationCall) -> Use:
    """Of vectors: along one axis, or over the whole tensor. A norm of matrices has no rule but that of Frobenius."""
    kind, axis = op.static("ord", "euclidean"), op.static("axis")
    keep = bool(op.static("keepdims", False))
    one = type(axis) is int or (type(axis) is tuple and len(axis) == 1)
    x, config = op.tensor("tensor"), {"axis": axis, "keepdims": keep}
    if kind in ("euclidean", "fro") or (kind == 2 and (one or axis is None)):
        return op.emit("numpy.Sqrt", op.emit("numpy.Sum", op.emit("numpy.Square", x), **config))
    if kind == 1 and (one or axis is None):
        return op.emit("numpy.Sum", op.emit("numpy.Absolute", x), **config)
    if str(kind) in ("inf", "Infinity") and (one or axis is None):
        return op.emit("numpy.Max", op.emit("numpy.Absolute", x), **config)
    raise op.stop(f"is a norm of order {kind!r}")


def euclidean(op: OperationCall) -> Use:
    keep = bool(op.static("keepdims", False))
    squares = op.emit("numpy.Square", op.tensor("input_tensor"))
    return op.emit("numpy.Sqrt", op.emit("numpy.Sum", squares, axis=op.static("axis"), keepdims=keep))


def half_squares(op: OperationCall) -> Use:
    return op.emit("numpy.TrueDivide", op.emit("numpy.Sum", op.emit("numpy.Square", op.tensor("t")), axis=None), 2.0)


# -------------------------------------------------------------------------------------------------------------- matrices


def turn(op: OperationCall) -> Any:
    return _turned(op, op.tensor("a"))


def inverse(op: OperationCall) -> Any:
    """With ``adjoint`` that of the transposed matrix, which is the transposed inverse."""
    inverted = op.emit("linalg.Inv", op.tensor("input"))
    return _turned(op, inverted) if op.static("adjoint", False) else inverted


def band(op: OperationCall) -> Use:
    lower, upper = op.static("num_lower"), op.static("num_upper")
    value = op.tensor("input")
    if lower >= 0:
        value = op.emit("numpy.Triu", value, k=-lower)
    return op.emit("numpy.Tril", value, k=upper) if upper >= 0 else value


def diagonal(op: OperationCall) -> Use:
    if op.static("k", 0) or op.static("padding_value", 0):
        raise op.stop("takes another diagonal than the main one")
    return op.emit("numpy.Diagonal", op.tensor("input"), offset=0, axis1=-2, axis2=-1)


def trace(op: OperationCall) -> Use:
    return op.emit("numpy.Trace", op.tensor("x"), offset=0, axis1=-2, axis2=-1)


FUNCTIONS: dict[str, Function] = {
    **function(
        "matmul",
        "a b transpose_a transpose_b adjoint_a adjoint_b a_is_sparse b_is_sparse output_type grad_a grad_b",
        products.matmul,
        matmul,
        node("MatMul", "a b", transpose_a="transpose_a", transpose_b="transpose_b"),
        *(node(op, "a b", adj_x="adjoint_a", adj_y="adjoint_b") for op in ("BatchMatMul", "BatchMatMulV2")),
        macs=products.matmul_macs,
    ),
    **function(
        "einsum",
        "equation *inputs optimize",
        products.einsum,
        einsum,
        node("Einsum", "*inputs", equation="equation"),
        macs=products.einsum_macs,
    ),
    **function("tensordot", "a b axes", products.tensordot, tensordot, macs=products.tensordot_macs),
    **function("matvec", "a b transpose_a adjoint_a a_is_sparse b_is_sparse", None, matvec),
    **function("bias_add", "value bias data_format", same, bias, node("BiasAdd", "value bias", data_format="data_format")),
    **function("norm", "tensor ord axis keepdims|keep_dims", _reduced, norm),
    **function("reduce_euclidean_norm", "input_tensor axis keepdims", _reduced, euclidean),
    **function("l2_loss", "t", _number, half_squares, "L2Loss"),
    **function("matrix_transpose linalg.transpose", "a conjugate", products.turned, turn),
    **function("band_part matrix_band_part", "input num_lower num_upper", same, band, "MatrixBandPart"),
    **function("diag_part matrix_diag_part", "input k padding_value align", None, diagonal),
    **function("trace", "x", products.scalar_each(), trace),
    **function("inv matrix_inverse", "input adjoint", same, inverse, node("MatrixInverse", "input", adjoint="adjoint")),
    **function("det matrix_determinant", "input", products.scalar_each(), partial(single, "linalg.Det"), "MatrixDeterminant"),
    **function("cholesky", "input", same, partial(single, "linalg.Cholesky"), "Cholesky"),
}
