"""Products of matrices and what comes with them: einsum, norms, diagonals, inverses."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from configsplit.conversion.operations.arguments import Operation
from configsplit.conversion.operations.basic import Rule
from configsplit.graph.json import rebuild
from configsplit.graph.model import Use


def matmul(op: Operation) -> Use:
    """The adjoint of a matrix of real numbers is the transposed one."""
    turns = {
        side: any(op.static(name, False) for name in names)
        for side, names in (("a", ("transpose_a", "adjoint_a", "adj_x")), ("b", ("transpose_b", "adjoint_b", "adj_y")))
    }
    left, right = op.tensor("a", "b"), op.tensor("b", "a")
    if turns["a"]:
        left = _turned(op, left)
    if turns["b"]:
        right = _turned(op, right)
    return op.emit("numpy.Matmul", left, right)


def _turned(op: Operation, matrix: Any) -> Any:
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
    found = tuple(tuple(zip(*matrix, strict=True)) for matrix in matrices)
    for size in reversed(sizes):
        found = tuple(found[at : at + size] for at in range(0, len(found), size))
    return found[0]


def einsum(op: Operation) -> Use:
    tensors = op.given.get("inputs")
    count = len(tensors) if type(tensors) is tuple else 0
    equation = str(op.static("equation"))
    if type(tensors) is not tuple or count != equation.partition("->")[0].count(",") + 1:
        raise op.stop("stands in the file without its tensors: the release that wrote it lost them")
    like = next((op.building.spec(item.ref).dtype for item in tensors if type(item) is Use), None)
    return op.emit("numpy.Einsum", *(op.new(item, like) for item in tensors), subscripts=equation)


def tensordot(op: Operation) -> Use:
    return op.emit("numpy.Tensordot", op.tensor("a", "b"), op.tensor("b", "a"), axes=op.static("axes"))


def matvec(op: Operation) -> Use:
    if op.static("adjoint_a", False) or op.static("transpose_a", False):
        raise op.stop("transposes its matrix")
    column = op.emit("numpy.ExpandDims", op.tensor("b", "a"), axis=-1)
    return op.emit("numpy.Squeeze", op.emit("numpy.Matmul", op.tensor("a", "b"), column), axis=-1)


def bias(op: Operation) -> Use:
    value = op.tensor("bias", "value")
    if str(op.static("data_format") or "N...C").startswith("NC"):
        value = _along_channels(op, value, op.rank("value") - 2)
    return op.emit("numpy.Add", op.tensor("value"), value)


def _along_channels(op: Operation, bias: Any, spatial: int) -> Any:
    """One number for each channel, with as many axes of size 1 behind it as there are spatial ones."""
    if type(bias) is Use:
        return op.emit("numpy.Reshape", bias, newshape=(-1, *(1,) * spatial))
    value = bias["config"]["value"]
    for _ in range(spatial):
        value = _each_alone(value)
    return bias | {"config": bias["config"] | {"value": value}}


def _each_alone(value: Any) -> Any:
    return rebuild(value, lambda item: (item,))


# ----------------------------------------------------------------------------------------------------------------- norms


def norm(op: Operation) -> Use:
    """Of vectors: along one axis, or over the whole tensor. A norm of matrices has no rule but that of Frobenius."""
    kind, axis = op.static("ord", "euclidean"), op.static("axis")
    keep = bool(op.static("keepdims", op.static("keep_dims", False)))
    one = type(axis) is int or (type(axis) is tuple and len(axis) == 1)
    x, config = op.tensor("tensor"), {"axis": axis, "keepdims": keep}
    if kind in ("euclidean", "fro") or (kind == 2 and (one or axis is None)):
        return op.emit("numpy.Sqrt", op.emit("numpy.Sum", op.emit("numpy.Square", x), **config))
    if kind == 1 and (one or axis is None):
        return op.emit("numpy.Sum", op.emit("numpy.Absolute", x), **config)
    if str(kind) in ("inf", "Infinity") and (one or axis is None):
        return op.emit("numpy.Max", op.emit("numpy.Absolute", x), **config)
    raise op.stop(f"is a norm of order {kind!r}")


def euclidean(op: Operation) -> Use:
    keep = bool(op.static("keepdims", False))
    squares = op.emit("numpy.Square", op.tensor("input_tensor"))
    return op.emit("numpy.Sqrt", op.emit("numpy.Sum", squares, axis=op.static("axis"), keepdims=keep))


def half_squares(op: Operation) -> Use:
    return op.emit("numpy.TrueDivide", op.emit("numpy.Sum", op.emit("numpy.Square", op.tensor("t")), axis=None), 2.0)


def count(op: Operation) -> Use:
    keep = bool(op.static("keepdims", op.static("keep_dims", False)))
    there = op.emit("core.Cast", op.emit("numpy.NotEqual", op.tensor("input"), 0), dtype="int64")
    return op.emit("numpy.Sum", there, axis=op.static("axis", op.static("reduction_indices")), keepdims=keep)


# -------------------------------------------------------------------------------------------------------------- matrices


def plain(kind: str, op: Operation) -> Use:
    return op.emit(kind, op.tensor("input"))


def swapped(op: Operation) -> Use:
    return op.emit("numpy.Swapaxes", op.tensor("a"), axis1=-1, axis2=-2)


def band(op: Operation) -> Use:
    lower, upper = op.static("num_lower"), op.static("num_upper")
    value = op.tensor("input")
    if lower >= 0:
        value = op.emit("numpy.Triu", value, k=-lower)
    return op.emit("numpy.Tril", value, k=upper) if upper >= 0 else value


def diagonal(op: Operation) -> Use:
    if op.static("k", 0) or op.static("padding_value", 0):
        raise op.stop("takes another diagonal than the main one")
    return op.emit("numpy.Diagonal", op.tensor("input"), offset=0, axis1=-2, axis2=-1)


def trace(op: Operation) -> Use:
    return op.emit("numpy.Trace", op.tensor("x"), offset=0, axis1=-2, axis2=-1)


def zero_or(kind: str, op: Operation) -> Use:
    """``x * log(y)`` and ``x / y`` and their like, which are 0 wherever x is, whatever y is."""
    x, y = op.tensor("x", "y"), op.tensor("y", "x")
    with_log = op.emit("numpy.Log1p" if kind == "log1p" else "numpy.Log", y) if kind != "divide" else y
    found = op.emit("numpy.TrueDivide" if kind == "divide" else "numpy.Multiply", x, with_log)
    return op.emit("numpy.Where", op.emit("numpy.Equal", x, 0), 0.0, found)


def no_nan(op: Operation) -> Use:
    """``x * y``, 0 wherever y is."""
    x, y = op.tensor("x", "y"), op.tensor("y", "x")
    return op.emit("numpy.Where", op.emit("numpy.Equal", y, 0), 0.0, op.emit("numpy.Multiply", x, y))


_FLAGS = "transpose_a transpose_b adjoint_a adjoint_b adj_x adj_y a_is_sparse b_is_sparse output_type grad_a grad_b"

ROWS: Mapping[str, tuple[str, Rule]] = {
    "matmul": (f"a b {_FLAGS}", matmul),
    "einsum": ("equation inputs optimize", einsum),
    "tensordot": ("a b axes", tensordot),
    "matvec": ("a b transpose_a adjoint_a a_is_sparse b_is_sparse", matvec),
    "bias_add": ("value bias data_format", bias),
    "norm": ("tensor ord axis keepdims keep_dims", norm),
    "reduce_euclidean_norm": ("input_tensor axis keepdims", euclidean),
    "l2_loss": ("t", half_squares),
    "count_nonzero": ("input axis keepdims dtype reduction_indices keep_dims", count),
    "matrix_transpose": ("a conjugate", swapped),
    "band_part matrix_band_part": ("input num_lower num_upper", band),
    "diag_part matrix_diag_part": ("input k padding_value align", diagonal),
    "trace": ("x", trace),
    "inv matrix_inverse": ("input adjoint", partial(plain, "linalg.Inv")),
    "det matrix_determinant": ("input", partial(plain, "linalg.Det")),
    "cholesky": ("input", partial(plain, "linalg.Cholesky")),
    "xlogy": ("x y", partial(zero_or, "log")),
    "xlog1py": ("x y", partial(zero_or, "log1p")),
    "xdivy": ("x y", partial(zero_or, "divide")),
    "multiply_no_nan": ("x y", no_nan),
}
