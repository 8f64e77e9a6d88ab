"""Linear algebra in ``keras.ops``: decompositions, solutions, and numbers that stand for a matrix."""

from __future__ import annotations

from configsplit.inference.operands import Arguments, one
from configsplit.inference.operations import Operation
from configsplit.inference.rules import Outputs, known
from configsplit.ir.graph import Shape, TensorSpec


def _square(given: Arguments) -> Outputs:
    found = given.operand(0)
    return one(found.shape, found.dtype)


def _scalar_each(dtype: str | None = None) -> Operation:
    def rule(given: Arguments) -> Outputs:
        found = given.operand(0)
        return one(found.shape[:-2], dtype or found.dtype)

    return rule


def _sign_and_log(given: Arguments) -> Outputs:
    found = given.operand(0)
    return TensorSpec((), found.dtype), TensorSpec(found.shape[:-2], found.dtype)


def _eigen(given: Arguments) -> Outputs:
    found = given.operand(0)
    return TensorSpec(found.shape[:-1], found.dtype), TensorSpec(found.shape, found.dtype)


def _smaller(shape: Shape) -> int | None:
    return None if None in shape[-2:] else min(known(size) for size in shape[-2:])


def _lu(given: Arguments) -> Outputs:
    found = given.operand(0)
    return TensorSpec(found.shape, found.dtype), TensorSpec((*found.shape[:-2], _smaller(found.shape)), found.dtype)


def _pinv(given: Arguments) -> Outputs:
    found = given.operand(0)
    return one((*found.shape[:-2], found.shape[-1], found.shape[-2]), found.dtype)


def _qr(given: Arguments) -> Outputs:
    found, complete = given.operand(0), given.get(-1, "mode", "reduced") == "complete"
    *batch, rows, columns = found.shape
    inner = rows if complete else _smaller(found.shape)
    return TensorSpec((*batch, rows, inner), found.dtype), TensorSpec((*batch, inner, columns), found.dtype)


def _svd(given: Arguments) -> Outputs:
    found, least = given.operand(0), _smaller(given.operand(0).shape)
    *batch, rows, columns = found.shape
    values = TensorSpec((*batch, least), found.dtype)
    if not given.get(-1, "compute_uv", True):
        return (values,)
    full = given.get(-1, "full_matrices", True)
    left, right = (rows, rows if full else least), (columns if full else least, columns)
    return TensorSpec((*batch, *left), found.dtype), values, TensorSpec((*batch, *right), found.dtype)


def _solved(given: Arguments) -> Outputs:
    return one(given.operand(1, "b").shape, given.operand(0, "a").dtype)


def _least_squares(given: Arguments) -> Outputs:
    left, right = given.operand(0, "a"), given.operand(1, "b")
    return one((left.shape[-1], *right.shape[1:]), left.dtype)


OPERATIONS: dict[str, Operation] = {
    name: rule
    for rule, names in (
        (_square, "cholesky cholesky_inverse inv"),
        (_scalar_each(), "det logdet"),
        (_scalar_each("int32"), "matrix_rank"),
        (_sign_and_log, "slogdet"),
        (_eigen, "eig eigh"),
        (_lu, "lu_factor"),
        (_pinv, "pinv"),
        (_qr, "qr"),
        (_svd, "svd"),
        (_solved, "solve solve_triangular"),
        (_least_squares, "lstsq"),
    )
    for name in names.split()
}
