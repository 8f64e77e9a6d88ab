"""Operations of ``keras.ops`` that look for places in arrays, pick and put what stands there, and make arrays."""

from __future__ import annotations

import re

from configsplit.catalog.layers.merging import broadcast
from configsplit.catalog.operations.arguments import Arguments, dtype_name, one, promoted
from configsplit.catalog.operations.arrays import changed, like, ravelled, tensors_of
from configsplit.catalog.operations.common import Operation, declared, where
from configsplit.catalog.operations.elementwise import as_float
from configsplit.catalog.operations.rearranging import one_hot, take
from configsplit.catalog.rules import Outputs, axis_of, product, unknown
from configsplit.graph.model import TensorSpec

# ------------------------------------------------------------------------------------------------------ indexing, searching


def _indices_of(given: Arguments) -> Outputs:
    """The sorting order, which flattens where there is no axis."""
    tensor, axis = given.operand(0), given.get("axis", -1)
    return one(ravelled(tensor.shape) if axis is None else tensor.shape, "int32")


def _along_axis(given: Arguments) -> Outputs:
    tensor, indices, axis = given.operand(0), given.operand("indices"), given.get("axis", None)
    if axis is None:
        return one(ravelled(indices.shape), tensor.dtype)
    place = axis_of(int(axis), len(tensor.shape))
    sizes = zip(tensor.shape, indices.shape, strict=True)
    common = tuple(other if size == 1 or size is None else size for size, other in sizes)
    return one(changed(common, place, indices.shape[place]), tensor.dtype)


def _slice(given: Arguments) -> Outputs:
    return like(tuple(given.get("shape")), given.operand("inputs"))


def _first(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return like(tensor.shape, tensor)


def _scatter(given: Arguments) -> Outputs:
    return like(tuple(given.get("shape")), given.operand("values"))


def _nonzero(given: Arguments) -> Outputs:
    return (TensorSpec((None,), "int32"),) * len(given.operand(0).shape)


def _where(given: Arguments) -> Outputs:
    """With a condition alone, the places where it holds."""
    return _nonzero(given) if given.get("x1", None) is None else where(given)


def _unravelled(given: Arguments) -> Outputs:
    tensor = given.operand("indices")
    return (TensorSpec(tensor.shape, tensor.dtype),) * len(given.get("shape"))


def _searched(given: Arguments) -> Outputs:
    return one(given.operand("values").shape, "int32")


def _digitized(given: Arguments) -> Outputs:
    return one(given.operand(0).shape, "int32")


def _bincount(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    return one((*tensor.shape[:-1], None), "int32")


def _histogram(given: Arguments) -> Outputs:
    dtype, bins = given.operand(0).dtype, given.number("bins", 10)
    return TensorSpec((bins,), dtype), TensorSpec((bins + 1,), dtype)


def _unique(given: Arguments) -> Outputs:
    """The values, and whatever else is asked for: first places, the way back, how often."""
    tensor, axis, size = given.operand(0), given.get("axis", None), given.get("size", None)
    values = (size,) if axis is None else changed(tensor.shape, axis_of(int(axis), len(tensor.shape)), size)
    length = product(tensor.shape) if axis is None else tensor.shape[axis]
    extras = (("return_index", size), ("return_inverse", length), ("return_counts", size))
    more = [TensorSpec((each,), "int32") for name, each in extras if given.get(name, False)]
    return (TensorSpec(values, tensor.dtype), *more)


def top_places(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    shape = (*tensor.shape[:-1], given.number("k", 1))
    return TensorSpec(shape, tensor.dtype), TensorSpec(shape, "int32")


def _in_top(given: Arguments) -> Outputs:
    return one(given.operand("targets").shape, "bool")


def _multi_hot(given: Arguments) -> Outputs:
    """One-hot along a new axis, and the largest of all labels of a sample."""
    shape, axis = list(given.operand("inputs").shape), given.number("axis", -1)
    labels = 1 if len(shape) > 1 else 0
    shape.insert(axis_of(axis, len(shape) + 1), given.number("num_classes"))
    del shape[labels]
    return one(tuple(shape), dtype_name(given.get("dtype", None)) or "float32")


# ------------------------------------------------------------------------------------------------------------------ making


def _size(given: Arguments) -> Outputs:
    return one((), "int32")


def _ndim(given: Arguments) -> Outputs:
    """Keras 3 declares the shape of the shape."""
    return one((len(given.operand(0).shape),), "float32")


def _full(given: Arguments) -> Outputs:
    shape = given.get("shape")
    value = given.operand("fill_value")
    written = dtype_name(given.get("dtype", None))
    return one(tuple(shape) if isinstance(shape, tuple) else (int(shape),), written or promoted([value], tensorflow=False))


def _spaced(given: Arguments) -> Outputs:
    """Numbers between two ends, along a new axis; with ``retstep`` also how far apart they are."""
    ends = [given.operand("start"), given.operand("stop")]
    shape = list(broadcast(ends[0].shape, ends[1].shape))
    rest = tuple(shape)
    shape.insert(axis_of(given.number("axis", 0), len(shape) + 1), given.number("num", 50))
    dtype = dtype_name(given.get("dtype", None)) or as_float(promoted(ends, tensorflow=False))
    outputs: Outputs = (TensorSpec(tuple(shape), dtype),)
    return (*outputs, TensorSpec(rest, dtype)) if given.get("retstep", False) else outputs


def _meshgrid(given: Arguments) -> Outputs:
    tensors = tensors_of(given)
    shape = [size for item in tensors for size in (item.shape or (1,))]
    if given.get("indexing", "xy") == "xy" and len(shape) > 1:
        shape[:2] = shape[1], shape[0]
    return tuple(TensorSpec(tuple(shape), item.dtype) for item in tensors)


def _vander(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    number = given.get("N", None)
    return like((*tensor.shape, tensor.shape[0] if number is None else int(number)), tensor)


_BITS = re.compile(r"\d+$")


def _view(given: Arguments) -> Outputs:
    """The same bytes as another dtype; the last axis takes what a wider or narrower number makes of it."""
    tensor = given.operand(0)
    dtype = dtype_name(given.get("dtype", None)) or tensor.dtype
    old, new = _bits(tensor.dtype), _bits(dtype)
    last = tensor.shape[-1] if tensor.shape else None
    return one((*tensor.shape[:-1], None if last is None else last * old // new), dtype)


def _bits(dtype: str | None) -> int:
    match = _BITS.search(dtype or "")
    if dtype == "bool":
        return 8
    if match is None:
        raise unknown(f"the width of {dtype!r} is not known")
    return int(match[0])


OPERATIONS: dict[str, Operation] = {
    **declared("argsort", "x axis", _indices_of),
    **declared("argpartition", "x kth axis", _indices_of),
    **declared("take_along_axis", "x indices axis", _along_axis),
    **declared("slice", "inputs start_indices shape", _slice),
    **declared("slice_update", "inputs start_indices updates", _first),
    **declared("scatter_update", "inputs indices updates reduction", _first),
    **declared("scatter", "indices values shape", _scatter),
    **declared("nonzero", "x", _nonzero),
    **declared("where", "condition x1 x2", _where),
    **declared("unravel_index", "indices shape", _unravelled),
    **declared("search_sorted", "sorted_sequence values side", _searched),
    **declared("digitize", "x bins", _digitized),
    **declared("bincount", "x weights minlength sparse", _bincount),
    **declared("histogram", "x bins range", _histogram),
    **declared("unique", "x sorted return_index return_inverse return_counts axis size fill_value", _unique),
    **declared("top_k", "x k sorted", top_places),
    **declared("in_top_k", "targets predictions k", _in_top),
    **declared("multi_hot", "inputs num_classes axis dtype sparse", _multi_hot),
    **declared("size", "x", _size),
    **declared("ndim", "x", _ndim),
    **declared("full", "fill_value shape dtype", _full),
    **declared("linspace", "start stop num endpoint retstep dtype axis", _spaced),
    **declared("logspace", "start stop num endpoint base dtype axis", _spaced),
    **declared("geomspace", "start stop num endpoint dtype axis", _spaced),
    **declared("meshgrid", "*x indexing", _meshgrid),
    **declared("vander", "x N increasing", _vander),
    **declared("view", "x dtype", _view, gives_back="perhaps"),
    **declared("take", "x indices axis", take),
    **declared("one_hot", "x num_classes axis dtype sparse", one_hot),
}
