"""Products of arrays in ``keras.ops``: shapes, dtypes, and how often they multiply."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from configsplit.catalog.layers.merging import broadcast
from configsplit.catalog.operations.arguments import Arguments, Operand, one, promoted
from configsplit.catalog.operations.arrays import ravelled
from configsplit.catalog.operations.common import Operation, Rule, declared, same
from configsplit.catalog.operations.elementwise import as_float, pair_of
from configsplit.catalog.rules import Outputs, axes_of, axis_of, elements, known, unknown
from configsplit.graph.model import Shape, TensorSpec


def _dtype(pair: tuple[Operand, Operand]) -> str | None:
    return promoted([*pair], tensorflow=False)


def _product_dtype(given: Arguments, operands: list[Operand]) -> str | None:
    """Keras 3 declares small integers that are multiplied and added up as int32."""
    small = not given.tensorflow and {item.dtype for item in operands} == {"int8"}
    return "int32" if small else promoted(operands, tensorflow=given.tensorflow)


def matmul(given: Arguments) -> Outputs:
    """As NumPy multiplies matrices: a vector is a row on the left, a column on the right. TensorFlow may transpose before."""
    pair = pair_of(given)
    left, right = (item.shape for item in pair)
    if _transposes(given, "a"):
        left = (*left[:-2], left[-1], left[-2])
    if _transposes(given, "b"):
        right = (*right[:-2], right[-1], right[-2])
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    return one((*broadcast(left[:-2], right[:-2]), *rows, *columns), _product_dtype(given, [*pair]))


def _transposes(given: Arguments, side: str) -> bool:
    return any(given.get(f"{turn}_{side}", False) for turn in ("transpose", "adjoint"))


def _dot(given: Arguments) -> Outputs:
    pair = pair_of(given)
    left, right = (item.shape for item in pair)
    if not left or not right:
        return one((*left, *right), _dtype(pair))
    rest = right[:-2] + right[-1:] if len(right) > 1 else ()
    return one((*left[:-1], *rest), _dtype(pair))


def _inner(given: Arguments) -> Outputs:
    pair = pair_of(given)
    return one((*pair[0].shape[:-1], *pair[1].shape[:-1]), _dtype(pair))


def _outer(given: Arguments) -> Outputs:
    pair = pair_of(given)
    return one(ravelled(pair[0].shape) + ravelled(pair[1].shape), _dtype(pair))


def _vdot(given: Arguments) -> Outputs:
    return one((), _dtype(pair_of(given)))


def _contracted(given: Arguments, pair: tuple[Operand, Operand]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes of either operand that are summed over."""
    axes: Any = given.get("axes", 2)
    ranks = len(pair[0].shape), len(pair[1].shape)
    if isinstance(axes, tuple):
        return axes_of(axes[0], ranks[0]), axes_of(axes[1], ranks[1])
    return tuple(range(ranks[0] - int(axes), ranks[0])), tuple(range(int(axes)))


def tensordot(given: Arguments) -> Outputs:
    pair = pair_of(given)
    gone = _contracted(given, pair)
    rest = (size for item, axes in zip(pair, gone, strict=True) for axis, size in enumerate(item.shape) if axis not in axes)
    return one(tuple(rest), _dtype(pair))


def _kron(given: Arguments) -> Outputs:
    pair = pair_of(given)
    rank = max(len(item.shape) for item in pair)
    left, right = ((1,) * (rank - len(item.shape)) + item.shape for item in pair)
    sizes = zip(left, right, strict=True)
    return one(tuple(None if None in both else known(both[0]) * known(both[1]) for both in sizes), _dtype(pair))


def _cross(given: Arguments) -> Outputs:
    """Vectors of two or three; two vectors of two leave one number."""
    pair = pair_of(given)
    axes = [given.get("axis", None) or given.get(name, -1) for name in ("axisa", "axisb", "axisc")]
    places = [axis_of(int(axis), len(item.shape)) for axis, item in zip(axes, pair, strict=False)]
    sizes = [item.shape[place] for place, item in zip(places, pair, strict=True)]
    rests = [item.shape[:place] + item.shape[place + 1 :] for place, item in zip(places, pair, strict=True)]
    shape = broadcast(rests[0], rests[1])
    if sizes == [2, 2]:
        return one(shape, _dtype(pair))
    place = axis_of(int(axes[2]), len(shape) + 1)
    return one((*shape[:place], 3 if None not in sizes else None, *shape[place:]), _dtype(pair))


def _correlate(given: Arguments) -> Outputs:
    pair, mode = pair_of(given), given.get("mode", "valid")
    sizes = sorted(known(item.shape[0]) for item in pair)
    length = {"valid": sizes[1] - sizes[0] + 1, "same": sizes[1], "full": sizes[0] + sizes[1] - 1}[mode]
    return one((length,), as_float(_dtype(pair)))


def _corrcoef(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return one(tensor.shape, as_float(tensor.dtype))


def _distances(given: Arguments) -> Outputs:
    pair = pair_of(given)
    left, right = (item.shape for item in pair)
    return one((*broadcast(left[:-2], right[:-2]), left[-2], right[-2]), as_float(_dtype(pair)))


# ------------------------------------------------------------------------------------------------------------------ einsum


def _terms(given: Arguments) -> tuple[list[Operand], list[str], str]:
    """The operands, their letters, and the letters of the result; an ellipsis has capital letters of its own.

    Raises ShapeError where an operand and its term do not fit.
    """
    subscripts = str(given.get("equation" if given.tensorflow else "subscripts")).replace(" ", "")
    operands = given.operands("inputs" if given.tensorflow else "operands")
    left, arrow, result = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise unknown("the einsum equation has not one term for each operand")
    longest = max(len(item.shape) - len(term.replace("...", "")) for term, item in zip(terms, operands, strict=True))
    elided = "".join(chr(ord("\u0391") + place) for place in range(max(longest, 0)))
    spelt = [_spelt(term, len(item.shape), elided) for term, item in zip(terms, operands, strict=True)]
    if not arrow:
        letters = "".join(spelt)
        result = "..." * ("..." in left) + "".join(
            sorted(letter for letter in set(letters) - set(elided) if letters.count(letter) == 1)
        )
    return operands, spelt, result.replace("...", elided)


def _spelt(term: str, rank: int, elided: str) -> str:
    count = rank - len(term.replace("...", ""))
    return term.replace("...", elided[len(elided) - count :])


def _sizes(operands: list[Operand], terms: list[str]) -> dict[str, int | None]:
    sizes: dict[str, int | None] = {}
    for term, item in zip(terms, operands, strict=True):
        for letter, size in zip(term, item.shape, strict=True):
            if sizes.get(letter) in (None, 1):
                sizes[letter] = size
    return sizes


def einsum(given: Arguments) -> Outputs:
    operands, terms, result = _terms(given)
    sizes = _sizes(operands, terms)
    return one(tuple(sizes[letter] for letter in result), _product_dtype(given, operands))


# ------------------------------------------------------------------------------------------------------- multiplications


def _each(shape: Shape) -> int:
    """Elements of one sample, or of the whole where there is no batch."""
    return elements(shape[1:] if shape[:1] == (None,) else shape)


def _output_times(rule: Rule, summed: Callable[[Arguments], int | None]) -> Callable[[Arguments], int]:
    """Each element of the output is a sum of so many products."""

    def macs(given: Arguments) -> int:
        return _each(rule(given)[0].shape or ()) * known(summed(given))

    return macs


def _last(given: Arguments) -> int | None:
    """The axis that a matrix sums over: the left one's last, unless TensorFlow is told to transpose it."""
    shape = pair_of(given)[0].shape
    return shape[-2 if len(shape) > 1 and _transposes(given, "a") else -1]


def _tensordot_sum(given: Arguments) -> int | None:
    pair = pair_of(given)
    return elements(pair[0].shape[axis] for axis in _contracted(given, pair)[0])


def _all(given: Arguments) -> int | None:
    return _each(pair_of(given)[0].shape)


matmul_macs, tensordot_macs = _output_times(matmul, _last), _output_times(tensordot, _tensordot_sum)


def einsum_macs(given: Arguments) -> int:
    """One product for each combination of letters, as a naive contraction of two operands does it."""
    operands, terms, _ = _terms(given)
    sizes = _sizes(operands, terms)
    if len(operands) < 2:
        return 0
    batch = terms[0][:1] if sizes.get(terms[0][:1]) is None else ""
    return reduce(lambda total, letter: total * known(sizes[letter]), set(sizes) - set(batch), 1)


# Linear algebra in ``keras.ops``: decompositions, solutions, and numbers that stand for a matrix.


def scalar_each(dtype: str | None = None) -> Rule:
    def rule(given: Arguments) -> Outputs:
        tensor = given.operand(0)
        return one(tensor.shape[:-2], dtype or tensor.dtype)

    return rule


def _sign_and_log(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return TensorSpec((), tensor.dtype), TensorSpec(tensor.shape[:-2], tensor.dtype)


def _eigen(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return TensorSpec(tensor.shape[:-1], tensor.dtype), TensorSpec(tensor.shape, tensor.dtype)


def _smaller(shape: Shape) -> int | None:
    return None if None in shape[-2:] else min(known(size) for size in shape[-2:])


def _lu(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return TensorSpec(tensor.shape, tensor.dtype), TensorSpec((*tensor.shape[:-2], _smaller(tensor.shape)), tensor.dtype)


def turned(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return one((*tensor.shape[:-2], tensor.shape[-1], tensor.shape[-2]), tensor.dtype)


def _qr(given: Arguments) -> Outputs:
    tensor, complete = given.operand(0), given.get("mode", "reduced") == "complete"
    *batch, rows, columns = tensor.shape
    inner = rows if complete else _smaller(tensor.shape)
    return TensorSpec((*batch, rows, inner), tensor.dtype), TensorSpec((*batch, inner, columns), tensor.dtype)


def _svd(given: Arguments) -> Outputs:
    tensor, least = given.operand(0), _smaller(given.operand(0).shape)
    *batch, rows, columns = tensor.shape
    values = TensorSpec((*batch, least), tensor.dtype)
    if not given.get("compute_uv", True):
        return (values,)
    full = given.get("full_matrices", True)
    left, right = (rows, rows if full else least), (columns if full else least, columns)
    return TensorSpec((*batch, *left), tensor.dtype), values, TensorSpec((*batch, *right), tensor.dtype)


def _solved(given: Arguments) -> Outputs:
    return one(given.operand("b").shape, given.operand("a").dtype)


def _least_squares(given: Arguments) -> Outputs:
    left, right = given.operand("a"), given.operand("b")
    return one((left.shape[-1], *right.shape[1:]), left.dtype)


OPERATIONS: dict[str, Operation] = {
    **declared("matmul", "x1 x2", matmul, matmul_macs),
    **declared("dot", "x1 x2", _dot, _output_times(_dot, _last)),
    **declared("inner", "x1 x2", _inner, _output_times(_inner, _last)),
    **declared("outer", "x1 x2", _outer),
    **declared("vdot", "x1 x2", _vdot, _output_times(_vdot, _all)),
    **declared("tensordot", "x1 x2 axes", tensordot, tensordot_macs),
    **declared("kron", "x1 x2", _kron),
    **declared("cross", "x1 x2 axisa axisb axisc axis", _cross),
    **declared("correlate", "x1 x2 mode", _correlate),
    **declared("corrcoef", "x", _corrcoef),
    **declared("c_dist", "x y", _distances),
    **declared("einsum", "*operands subscripts", einsum, einsum_macs),
    **declared("cholesky cholesky_inverse", "x upper", same),
    **declared("inv", "x", same),
    **declared("det logdet", "x", scalar_each()),
    **declared("matrix_rank", "x tol", scalar_each("int32")),
    **declared("slogdet", "x", _sign_and_log),
    **declared("eig eigh", "x", _eigen),
    **declared("lu_factor", "x", _lu),
    **declared("pinv", "x rcond", turned),
    **declared("qr", "x mode", _qr),
    **declared("svd", "x full_matrices compute_uv", _svd),
    **declared("solve", "a b", _solved),
    **declared("solve_triangular", "a b lower", _solved),
    **declared("lstsq", "a b rcond", _least_squares),
}
