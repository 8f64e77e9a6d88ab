"""A traced TensorFlow graph as the plain directed graph that cuts are found in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from configsplit.errors import CutError
from configsplit.graph.calls import CallGraph
from configsplit.graph.model import CallRef, TensorRef, TensorSpec
from configsplit.graph.walking import reached
from configsplit.rewrites.split import bytes_per_sample
from configsplit.runtime.trace.trace import Trace, dtype_name

_READS = frozenset({"ReadVariableOp", "VarIsInitializedOp", "VariableShape"})
_WRITES = ("Assign", "ResourceApply", "ResourceScatter", "ResourceStridedSliceAssign", "LookupTableInsert", "LookupTableImport")
_PYTHON = ("PyFunc", "EagerPyFunc", "PyFuncStateless")
_UNCROSSABLE = frozenset({"resource", "variant"})
_NEVER = 1 << 60
"""Price of a tensor that no file can hold: crossed only where there is no other way, and refused there."""


@dataclass(frozen=True, kw_only=True)
class OpGraph:
    """The ops that the outputs of a trace need.

    Attributes:
        graph: the calls are ops, by name. Ops that hang on no input (constants, reads of variables) are not among them.
        ops: every op of the trace by name.
        free: names of the ops that every part makes for itself.
        captured: name of a placeholder -> what was captured from outside (the handle of a variable, a table, a constant).
        inputs: the inputs of the model.
    """

    graph: CallGraph
    ops: dict[str, Any]
    free: frozenset[str]
    captured: dict[str, Any]
    inputs: tuple[TensorRef, ...]

    def is_open(self, ref: TensorRef) -> bool:
        """Whether a size behind the batch is not known."""
        shape = self.tensor(ref).shape
        return shape.rank is None or None in shape.as_list()[1:]

    def cost(self, ref: TensorRef) -> int:
        """Bytes of one sample, for the search of the smallest cut; no price where a size is open."""
        tensor = self.tensor(ref)
        kind = dtype_name(tensor)
        shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
        return _NEVER if kind in _UNCROSSABLE else bytes_per_sample(TensorSpec(shape, kind))

    def tensor(self, ref: TensorRef) -> Any:
        return self.ops[ref.layer].outputs[ref.output]

    def needed_by(self, names: Iterable[str]) -> list[str]:
        """The free ops that ops need, in the order of the trace."""

        def of(name: str) -> list[str]:
            return [other for other in _before(self.ops[name]) if other in self.free]

        needed = {*reached((other for name in names for other in of(name)), of)}
        return [name for name in self.ops if name in needed]


def ref_of(tensor: Any) -> TensorRef:
    return TensorRef(tensor.op.name, 0, tensor.value_index)


def op_graph(trace: Trace) -> OpGraph:
    """The graph to cut. Raises CutError if the trace writes variables or calls Python, which no part could do alone."""
    graph = trace.function.graph
    ops = {op.name: op for op in graph.get_operations()}
    _refuse_side_effects(trace, ops)
    captured = {internal.op.name: external for external, internal in graph.captures}
    inputs = {tensor.op.name for tensor in trace.inputs}
    ends = [tensor.op.name for tensor in trace.outputs]
    free = _free(ops, inputs, captured) - set(ends)
    ordered = (op.name for op in graph.control_outputs if op.type != "NoOp")
    wanted = {*reached([*ends, *ordered], lambda name: _before(ops[name])), *inputs}
    names = [name for name in ops if name in wanted and name not in free]
    return OpGraph(
        graph=_call_graph(names, ops, inputs, trace.outputs),
        ops=ops,
        free=free,
        captured=captured,
        inputs=tuple(ref_of(tensor) for tensor in trace.inputs),
    )


def _before(op: Any) -> list[str]:
    return [tensor.op.name for tensor in op.inputs] + [other.name for other in op.control_inputs]


def _free(ops: dict[str, Any], inputs: set[str], captured: dict[str, Any]) -> frozenset[str]:
    """Ops that hang on no input and give the same whenever they run; ops stand in the order in which they were made."""
    free: set[str] = set()
    for name, op in ops.items():
        steady = op.type in _READS or name in captured or not op.op_def.is_stateful
        if steady and name not in inputs and all(other in free for other in _before(op)):
            free.add(name)
    return frozenset(free)


def _call_graph(names: Sequence[str], ops: dict[str, Any], inputs: set[str], outputs: Sequence[Any]) -> CallGraph:
    calls = [CallRef(name) for name in names]
    number: dict[tuple[str, int], int] = {call: index for index, call in enumerate(calls)}
    known = set(names)
    arguments = [[ref_of(tensor) for tensor in ops[name].inputs if tensor.op.name in known] for name in names]
    before: list[list[int]] = []
    after: list[list[int]] = [[] for _ in names]
    consumers: dict[TensorRef, list[int]] = {}
    for index, (name, refs) in enumerate(zip(names, arguments, strict=True)):
        makers = dict.fromkeys(number[CallRef(other)] for other in _before(ops[name]) if other in known)
        before.append(list(makers))
        for maker in makers:
            after[maker].append(index)
        for ref in dict.fromkeys(refs):
            consumers.setdefault(ref, []).append(index)
    ends = [ref_of(tensor) for tensor in outputs]
    return CallGraph(calls, number, arguments, before, after, consumers, ends, [name in inputs for name in names])


def _refuse_side_effects(trace: Trace, ops: dict[str, Any]) -> None:
    """Raises CutError for what must happen once and in order, or needs this very process."""
    library = trace.function.graph.as_graph_def().library.function
    kinds = [(name, op.type) for name, op in ops.items()]
    kinds += [(f"{function.signature.name}/{node.name}", node.op) for function in library for node in function.node_def]
    for name, kind in kinds:
        if kind in _PYTHON:
            raise CutError(
                f"the model calls Python at {name!r}, which no SavedModel can hold",
                code="trace-python",
                where=name,
                hint="write it with TensorFlow ops",
            )
        if kind.startswith(_WRITES):
            raise CutError(
                f"the model changes a variable when it is run ({kind} at {name!r}): its parts could not keep it in step",
                code="trace-writes",
                where=name,
                hint="leave out what keeps state between calls (stateful=True, seeds that advance), or cut with Keras",
            )


def check_crossing(graph: OpGraph, refs: Iterable[TensorRef]) -> None:
    """Raises CutError for a tensor that cannot be handed from one process to another."""
    for ref in refs:
        kind = dtype_name(graph.tensor(ref))
        if kind in _UNCROSSABLE:
            raise CutError(
                f"{ref.layer!r} would have to cross, a {kind} that lives in one process only",
                code="trace-crossing",
                where=ref.layer,
                hint="cut before the loop or list that it belongs to, or behind it",
            )
