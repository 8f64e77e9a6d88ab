"""Products of arrays in ``keras.ops``: shapes, dtypes, and how often they multiply."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from configsplit.catalog.layers.merging import broadcast
from configsplit.catalog.operations.arguments import Arguments, Operand, one, operand, promoted
from configsplit.catalog.operations.arrays import ravelled
from configsplit.catalog.operations.common import Operation
from configsplit.catalog.operations.elementwise import as_float
from configsplit.catalog.operations.rearranging import matmul, matmul_shape
from configsplit.catalog.rules import Outputs, axes_of, axis_of, elements, known, unknown
from configsplit.graph.model import Shape, TensorSpec


def _pair(given: Arguments) -> tuple[Operand, Operand]:
    return given.operand(0, "x1 a x"), given.operand(1, "x2 b y")


def _dtype(pair: tuple[Operand, Operand]) -> str | None:
    return promoted([*pair], tensorflow=False)


def matmul_dtype(found: list[Operand]) -> str | None:
    """Small integers multiplied and added up are declared as int32."""
    dtype = promoted(found, tensorflow=False)
    return "int32" if {item.dtype for item in found} == {"int8"} else dtype


def _small(given: Arguments) -> Outputs:
    pair = _pair(given)
    return one(matmul_shape(pair[0].shape, pair[1].shape), matmul_dtype([*pair]))


def _dot(given: Arguments) -> Outputs:
    pair = _pair(given)
    left, right = (item.shape for item in pair)
    if not left or not right:
        return one((*left, *right), _dtype(pair))
    rest = right[:-2] + right[-1:] if len(right) > 1 else ()
    return one((*left[:-1], *rest), _dtype(pair))


def _inner(given: Arguments) -> Outputs:
    pair = _pair(given)
    return one((*pair[0].shape[:-1], *pair[1].shape[:-1]), _dtype(pair))


def _outer(given: Arguments) -> Outputs:
    pair = _pair(given)
    return one(ravelled(pair[0].shape) + ravelled(pair[1].shape), _dtype(pair))


def _vdot(given: Arguments) -> Outputs:
    return one((), _dtype(_pair(given)))


def _contracted(given: Arguments, pair: tuple[Operand, Operand]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of either operand that are summed over."""
    axes: Any = given.get(-1, "axes", 2)
    ranks = len(pair[0].shape), len(pair[1].shape)
    if isinstance(axes, tuple):
        return axes_of(axes[0], ranks[0]), axes_of(axes[1], ranks[1])
    return tuple(range(ranks[0] - int(axes), ranks[0])), tuple(range(int(axes)))


def _tensordot(given: Arguments) -> Outputs:
    pair = _pair(given)
    gone = _contracted(given, pair)
    rest = (size for item, axes in zip(pair, gone, strict=True) for axis, size in enumerate(item.shape) if axis not in axes)
    return one(tuple(rest), _dtype(pair))


def _kron(given: Arguments) -> Outputs:
    pair = _pair(given)
    rank = max(len(item.shape) for item in pair)
    left, right = ((1,) * (rank - len(item.shape)) + item.shape for item in pair)
    sizes = zip(left, right, strict=True)
    return one(tuple(None if None in both else known(both[0]) * known(both[1]) for both in sizes), _dtype(pair))


def _cross(given: Arguments) -> Outputs:
    """Vectors of two or three; two vectors of two leave one number."""
    pair = _pair(given)
    axes = [given.get(-1, "axis", None) or given.get(-1, name, -1) for name in ("axisa", "axisb", "axisc")]
    places = [axis_of(int(axis), len(item.shape)) for axis, item in zip(axes, pair, strict=False)]
    sizes = [item.shape[place] for place, item in zip(places, pair, strict=True)]
    rests = [item.shape[:place] + item.shape[place + 1 :] for place, item in zip(places, pair, strict=True)]
    shape = broadcast(rests[0], rests[1])
    if sizes == [2, 2]:
        return one(shape, _dtype(pair))
    place = axis_of(int(axes[2]), len(shape) + 1)
    return one((*shape[:place], 3 if None not in sizes else None, *shape[place:]), _dtype(pair))


def _correlate(given: Arguments) -> Outputs:
    pair, mode = _pair(given), given.get(-1, "mode", "valid")
    sizes = sorted(known(item.shape[0]) for item in pair)
    length = {"valid": sizes[1] - sizes[0] + 1, "same": sizes[1], "full": sizes[0] + sizes[1] - 1}[mode]
    return one((length,), as_float(_dtype(pair)))


def _corrcoef(given: Arguments) -> Outputs:
    found = given.operand(0)
    return one(found.shape, as_float(found.dtype))


def _distances(given: Arguments) -> Outputs:
    pair = _pair(given)
    left, right = (item.shape for item in pair)
    return one((*broadcast(left[:-2], right[:-2]), left[-2], right[-2]), as_float(_dtype(pair)))


# ------------------------------------------------------------------------------------------------------------------ einsum


def _terms(given: Arguments) -> tuple[list[Operand], list[str], str]:
    """The operands, their letters, and the letters of the result; an ellipsis has capital letters of its own.

    Raises ShapeError where an operand and its term do not fit.
    """
    subscripts = str(given.get(-1, "subscripts equation")).replace(" ", "")
    items = given.get(0, "inputs x operands", ())
    found = [operand(item) for item in (items if isinstance(items, tuple) and items else given.positional)]
    left, arrow, result = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(found):
        raise unknown("the einsum equation has not one term for each operand")
    longest = max(len(item.shape) - len(term.replace("...", "")) for term, item in zip(terms, found, strict=True))
    elided = "".join(chr(ord("\u0391") + place) for place in range(max(longest, 0)))
    spelt = [_spelt(term, len(item.shape), elided) for term, item in zip(terms, found, strict=True)]
    if not arrow:
        letters = "".join(spelt)
        result = "..." * ("..." in left) + "".join(
            sorted(letter for letter in set(letters) - set(elided) if letters.count(letter) == 1)
        )
    return found, spelt, result.replace("...", elided)


def _spelt(term: str, rank: int, elided: str) -> str:
    count = rank - len(term.replace("...", ""))
    return term.replace("...", elided[len(elided) - count :])


def _sizes(found: list[Operand], terms: list[str]) -> dict[str, int | None]:
    sizes: dict[str, int | None] = {}
    for term, item in zip(terms, found, strict=True):
        for letter, size in zip(term, item.shape, strict=True):
            if sizes.get(letter) in (None, 1):
                sizes[letter] = size
    return sizes


def _einsum(given: Arguments) -> Outputs:
    found, terms, result = _terms(given)
    sizes = _sizes(found, terms)
    return one(tuple(sizes[letter] for letter in result), matmul_dtype(found))


_PRODUCTS: dict[str, Operation] = {
    name: rule
    for rule, names in (
        (_small, "matmul"),
        (_dot, "dot"),
        (_inner, "inner"),
        (_outer, "outer"),
        (_vdot, "vdot"),
        (_tensordot, "tensordot"),
        (_kron, "kron"),
        (_cross, "cross"),
        (_correlate, "correlate"),
        (_corrcoef, "corrcoef"),
        (_distances, "c_dist"),
        (_einsum, "einsum"),
    )
    for name in names.split()
}


# ------------------------------------------------------------------------------------------------------- multiplications


def _each(shape: Shape) -> int:
    """Elements of one sample, or of the whole where there is no batch."""
    return elements(shape[1:] if shape[:1] == (None,) else shape)


def _output_times(rule: Operation, summed: Callable[[Arguments], int | None]) -> Callable[[Arguments], int]:
    """Each element of the output is a sum of so many products."""

    def macs(given: Arguments) -> int:
        return _each(rule(given)[0].shape or ()) * known(summed(given))

    return macs


def _last(given: Arguments) -> int | None:
    """The axis that a matrix sums over: the left one's last, unless TensorFlow is told to transpose it."""
    shape = _pair(given)[0].shape
    flipped = len(shape) > 1 and any(given.get(-1, name, False) for name in ("transpose_a", "adjoint_a", "adj_x"))
    return shape[-2 if flipped else -1]


def _tensordot_sum(given: Arguments) -> int | None:
    pair = _pair(given)
    return elements(pair[0].shape[axis] for axis in _contracted(given, pair)[0])


def _all(given: Arguments) -> int | None:
    return _each(_pair(given)[0].shape)


def einsum_macs(given: Arguments) -> int:
    """One product for each combination of letters, as a naive contraction of two operands does it."""
    found, terms, _ = _terms(given)
    sizes = _sizes(found, terms)
    if len(found) < 2:
        return 0
    batch = terms[0][:1] if sizes.get(terms[0][:1]) is None else ""
    return reduce(lambda total, letter: total * known(sizes[letter]), set(sizes) - set(batch), 1)


MACS: dict[str, Callable[[Arguments], int]] = {
    "matmul": _output_times(matmul, _last),
    "dot": _output_times(_dot, _last),
    "inner": _output_times(_inner, _last),
    "vdot": _output_times(_vdot, _all),
    "tensordot": _output_times(_tensordot, _tensordot_sum),
    "einsum": einsum_macs,
}


# Linear algebra in ``keras.ops``: decompositions, solutions, and numbers that stand for a matrix.


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


_LINEAR: dict[str, Operation] = {
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


OPERATIONS: dict[str, Operation] = {**_PRODUCTS, **_LINEAR}
