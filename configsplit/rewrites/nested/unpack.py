"""The inverse of `divide`, found in another way: the pieces of a wrapper joined, and their packing read and taken out.

Nothing here trusts how the pieces were made. Of every layer that the original does not have it is followed which numbers come
out of it; a tensor that is not exactly one of the original's is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

from configsplit.errors import VerificationError
from configsplit.graph.calls import call_graph, topological
from configsplit.graph.model import Layer, Model, Node, TensorRef, TensorSpec, Use
from configsplit.graph.provenance import Provenance
from configsplit.rewrites.casts import is_exact
from configsplit.rewrites.common import redirected
from configsplit.rewrites.join import Piece, join_pieces
from configsplit.rewrites.rename import renamed_layers
from configsplit.rewrites.split import Wire


@dataclass(frozen=True, slots=True)
class _Row:
    """What a packing layer gives: tensors of the original one after the other, all as ``dtype``.

    ``shape`` is that of one sample; the tensors are in it in C order, which Reshape keeps.
    """

    tensors: tuple[TensorRef, ...]
    shape: tuple[int, ...]
    dtype: str


def rejoined(
    pieces: Sequence[Model], origins: Sequence[Provenance], inner: Model, specs: Mapping[TensorRef, TensorSpec]
) -> Model:
    """The wrapped model that was divided into ``pieces``.

    Args:
        pieces: the models in the pieces, in a row; each but the first takes one tensor, the only one that the one before gives.
        origins: for each, the calls that its layers had in the wrapped model; layers without origin are packing.
        inner: the wrapped model; only its frame is taken. ``specs`` describes its tensors.
    """
    parts, extra = [], set[str]()
    for number, (model, origin) in enumerate(zip(pieces, origins, strict=True)):
        names = {layer.name: f"{number}:{layer.name}" for layer in model.layers if (layer.name,) not in origin.layers}
        calls = {layer.name: origin.layers[layer.name,].calls for layer in model.layers if layer.name not in names}
        if len(model.output_refs()) != 1 or (number and len(model.input_refs()) != 1):
            raise _wrong(model.name, "more than one tensor is handed over")
        first = tuple(Wire(None, index) for index in range(len(model.input_refs())))
        parts.append(Piece(renamed_layers(model, names), (Wire(number - 1, 0),) if number else first, calls))
        extra |= set(names.values())
    joined = join_pieces(parts, [Wire(len(parts) - 1, 0)], inner)
    return _without(joined, extra & joined.by_name().keys(), specs)


def _without(model: Model, extra: set[str], specs: Mapping[TensorRef, TensorSpec]) -> Model:
    """The model without the layers ``extra``; what takes their tensors takes those that they stand for."""
    if not extra:
        return model
    graph, layers = call_graph(model), model.by_name()
    position = topological(graph)
    rows: dict[TensorRef, _Row] = {}
    for number in sorted(range(len(graph.calls)), key=position.__getitem__):
        layer = layers[graph.calls[number].layer]
        if layer.name in extra:
            taken = [rows.get(use.ref) or _row_of(use.ref, specs) for use in layer.calls[0].uses()]
            rows[TensorRef(layer.name)] = _given(layer, taken, specs)

    def original(ref: TensorRef) -> TensorRef:
        return ref if ref.layer not in extra else _only(ref, rows[ref], specs)

    kept = model.with_layers(tuple(layer for layer in model.layers if layer.name not in extra))
    return redirected(kept, lambda _, ref: original(ref))


def _row_of(ref: TensorRef, specs: Mapping[TensorRef, TensorSpec]) -> _Row:
    spec = specs.get(ref, TensorSpec())
    if spec.shape is None or spec.dtype is None or None in spec.shape[1:]:
        raise _wrong(ref.layer, "a tensor of unknown size is packed")
    return _Row((ref,), tuple(size for size in spec.shape[1:] if size is not None), spec.dtype)


def _only(ref: TensorRef, row: _Row, specs: Mapping[TensorRef, TensorSpec]) -> TensorRef:
    """The tensor of the original that a row is, in shape and dtype too."""
    if len(row.tensors) != 1 or _row_of(row.tensors[0], specs) != row:
        raise _wrong(ref.layer, f"it gives {row.dtype} {row.shape} of {len(row.tensors)} tensors")
    return row.tensors[0]


def _given(layer: Layer, taken: Sequence[_Row], specs: Mapping[TensorRef, TensorSpec]) -> _Row:
    """What one packing layer gives."""
    config, (first, *_) = layer.config, taken
    if layer.class_name == "Cast" and isinstance(wanted := config.get("dtype"), str):
        return _cast(layer, first, wanted, specs)
    if any(row.dtype != config.get("dtype") for row in taken):
        raise _wrong(layer.name, f"it is of dtype {config.get('dtype')}")
    if layer.class_name == "Reshape" and prod(config["target_shape"]) == prod(first.shape):
        return replace(first, shape=tuple(config["target_shape"]))
    if layer.class_name == "Concatenate" and config.get("axis") == -1 and all(len(row.shape) == 1 for row in taken):
        tensors = tuple(ref for row in taken for ref in row.tensors)
        return _Row(tensors, (sum(row.shape[0] for row in taken),), first.dtype)
    if layer.class_name == "Cropping1D" and len(first.shape) == 2 and first.shape[1] == 1:
        return _cropped(layer, first, specs)
    raise _wrong(layer.name, f"{layer.class_name} is no packing")


def _cast(layer: Layer, row: _Row, wanted: str, specs: Mapping[TensorRef, TensorSpec]) -> _Row:
    """A cast to a dtype in which the values survive, or of such values back to what they were."""
    before = {str(specs[ref].dtype) for ref in row.tensors}
    if before != {wanted} and any(old != wanted and old != "bool" and not is_exact(old, wanted) for old in before):
        raise _wrong(layer.name, f"values of {', '.join(sorted(before))} do not survive as {wanted}")
    return replace(row, dtype=wanted)


def _cropped(layer: Layer, row: _Row, specs: Mapping[TensorRef, TensorSpec]) -> _Row:
    """The one tensor that is cut out of a column."""
    before, behind = layer.config["cropping"]
    start = 0
    for ref in row.tensors:
        size = prod(_row_of(ref, specs).shape)
        if (start, row.shape[0] - start - size) == (before, behind):
            return _Row((ref,), (size, 1), row.dtype)
        start += size
    raise _wrong(layer.name, f"nothing that was packed lies between {before} and {behind}")


def _wrong(name: str, why: str) -> VerificationError:
    return VerificationError(
        f"the pieces of a wrapper do not hand over what they should, at {name.partition(':')[2] or name!r}: {why}",
        code="verify-graph",
    )


def bare(model: Model) -> Model:
    """The model with nothing said of its arguments but which tensors they are."""
    layers = (replace(layer, calls=tuple(map(_bare, layer.calls))) for layer in model.layers)
    return model.with_layers(tuple(layers))


def _bare(node: Node) -> Node:
    return node.map_uses(lambda use: Use(use.ref))
