"""What a Keras 3 document records of its tensors, weighed against what the rules of declared classes tell.

Keras 3 writes shape and dtype beside every tensor argument, and ignores both when it loads the file: they may be false. Where
a rule tells something else, the rule is believed, and the contradiction is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from configsplit.catalog.rules import is_float, policy, policy_dtype
from configsplit.graph.model import Model, Shape, TensorRef, TensorSpec
from configsplit.inference.inputs import recorded_spec


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of one tensor: in its first use, and whether another use contradicts that.

    ``cast`` is set where the dtype may be that to which the consumer casts, which is what Keras 3.0 writes.
    """

    spec: TensorSpec
    cast: bool = False
    disputed: bool = False


def recorded_in(model: Model) -> Mapping[TensorRef, Recorded]:
    """What is recorded of the tensors of a model, by those who take them."""
    recorded: dict[TensorRef, Recorded] = {}
    specs: dict[int, TensorSpec | None] = {}  # by what is written, which is one object for many tensors
    firsts: dict[tuple[int, bool], Recorded] = {}
    for layer in model.layers:
        computes_in = policy_dtype(policy(layer.config.get("dtype")))
        for use in (use for node in layer.calls for use in node.uses()):
            if (key := id(use.recorded)) not in specs:
                specs[key] = recorded_spec(use.recorded)
            if (spec := specs[key]) is None:
                continue
            if (first := recorded.get(use.ref)) is None:
                kind = key, spec.dtype == computes_in
                first = recorded[use.ref] = firsts.get(kind) or firsts.setdefault(kind, Recorded(spec, kind[1]))
            if spec is not first.spec and _clash(first.spec, spec):
                recorded[use.ref] = Recorded(first.spec, first.cast, disputed=True)
    return recorded


def _clash(one: TensorSpec, other: TensorSpec) -> bool:
    """Whether two records cannot both be true; of two float dtypes each may be that of a consumer."""
    floats = is_float(one.dtype) and is_float(other.dtype)
    return not agree(one.shape, other.shape) or (one.dtype != other.dtype and not floats)


def agree(one: Shape | None, other: Shape | None) -> bool:
    """Whether two shapes can both be true of one tensor."""
    if one is None or other is None or one == other:
        return True
    return len(one) == len(other) and all(None in pair or len(set(pair)) == 1 for pair in zip(one, other, strict=True))


def weighed(recorded: Recorded, told: TensorSpec, exact: bool) -> tuple[TensorSpec, str]:
    """What is believed of a tensor, and in what the record is contradicted; empty where it is not.

    ``told`` is what the rule of its class says, which for a plug-in is not ``exact`` in the choice of a float dtype.
    """
    spec = recorded.spec
    if told.shape is None:
        unsure = recorded.disputed
        return (TensorSpec(), "in another way by another layer that takes it") if unsure else (spec, "")
    floats = is_float(told.dtype) and is_float(spec.dtype)
    keeps = told.dtype is None or (floats and not exact)
    believed = TensorSpec(_merged(spec.shape, told.shape), spec.dtype if keeps else told.dtype, spec.sparse, spec.ragged)
    explained = believed.dtype == spec.dtype or (floats and recorded.cast)
    contradicted = recorded.disputed or not explained or not agree(spec.shape, told.shape)
    return believed, f"but its class gives {in_words(believed)}" if contradicted else ""


def _merged(recorded: Shape | None, told: Shape) -> Shape:
    """What is told; where that leaves a size open, the recorded one, if the two go together."""
    if recorded is None or not agree(recorded, told):
        return told
    return tuple(size if other is None else other for size, other in zip(recorded, told, strict=True))


def described_as(recorded: Recorded, why: str) -> str:
    return f"recorded as {in_words(recorded.spec)}, {why}"


def in_words(spec: TensorSpec) -> str:
    """``(None, 28) float32``, as far as it is known."""
    shape = "?" if spec.shape is None else f"({', '.join('None' if size is None else str(size) for size in spec.shape)})"
    return f"{shape} {spec.dtype}" if spec.dtype else shape
