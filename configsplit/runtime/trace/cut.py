"""Cut a traced graph into parts that load and run on their own. Variables stay variables, each part with copies of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configsplit.containers.staging import Staging
from configsplit.cutting.minimum_cut import Choice, heads, partition
from configsplit.display import html
from configsplit.errors import CutError, Json, ShapeError
from configsplit.graph.model import TensorRef, free_name
from configsplit.rewrites.split import Wire, Wiring
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.kinds import Inputs
from configsplit.runtime.trace.graph import OpGraph, check_crossing, op_graph, ref_of
from configsplit.runtime.trace.module import Piece, make_piece
from configsplit.runtime.trace.names import named_tensors
from configsplit.runtime.trace.trace import LayerCall, Trace, dtype_name, tensorflow, traced

RECORD = "trace.json"


@dataclass(frozen=True, kw_only=True)
class Port:
    """A tensor that a part takes or gives.

    Attributes:
        name: its name in the part's signature.
        tensor: its name in the traced graph.
        layer: the call of a layer whose output it is; empty where it is none's.
        shape: batch first, None for any size; None where even the rank is unknown.
        source: for what is taken, where it comes from; None for what is given.
    """

    name: str
    tensor: str
    layer: str
    shape: tuple[int | None, ...] | None
    dtype: str
    source: Wire | None = None

    def as_json(self) -> dict[str, Json]:
        told: dict[str, Json] = {
            "name": self.name,
            "tensor": self.tensor,
            "layer": self.layer or None,
            "shape": self.shape,
            "dtype": self.dtype,
        }
        return told if self.source is None else told | {"from": _wire(self.source)}


def _wire(source: Wire) -> dict[str, int]:
    return {"input": source.number} if source.part is None else {"part": source.part, "output": source.number}


@dataclass(frozen=True, kw_only=True)
class TracedPart:
    """A part of a traced model: call it on its inputs, one by one, and it gives its output, or a tuple of them.

    Attributes:
        inputs, outputs: what it takes and gives, in order.
        module: the ``tf.Module`` that holds its variables.
        variables: names of the variables that it uses, as the model calls them.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    module: Any
    variables: tuple[str, ...]

    def __call__(self, *tensors: Any) -> Any:
        return self.module.__call__(*tensors)

    def save(self, directory: str | Path) -> None:
        """Write it as a SavedModel, whole or not at all.

        Raises:
            StoreError: the folder exists and is not empty.
        """
        with Staging(directory, folder=True) as staging:
            self.write(staging.path("part").parent)
            staging.commit()

    def write(self, directory: Path) -> None:
        tensorflow().saved_model.save(self.module, str(directory), signatures=self.module.served)

    def __repr__(self) -> str:
        taken, given = (", ".join(port.name for port in ports) for ports in (self.inputs, self.outputs))
        return f"<part of a traced model: {taken} -> {given}, {len(self.variables)} variables>"


@dataclass(frozen=True, kw_only=True)
class TracedParts(Sequence[TracedPart]):
    """The parts of a traced model, which run one after another.

    Attributes:
        parts: the parts.
        outputs: where each output of the model comes from.
        shared: names of the variables that stand in several parts, as copies.
    """

    parts: tuple[TracedPart, ...]
    outputs: tuple[Wire, ...]
    shared: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: Any) -> Any:
        return self.parts[index]

    def run(self, *inputs: Any) -> tuple[Any, ...]:
        """All parts, one after another, on the inputs of the model; the model's outputs, flattened."""
        given: list[Sequence[Any]] = []

        def value(source: Wire) -> Any:
            return inputs[source.number] if source.part is None else given[source.part][source.number]

        for part in self.parts:
            result = part(*(value(port.source) for port in part.inputs if port.source is not None))
            given.append(result if isinstance(result, (tuple, list)) else (result,))
        return tuple(value(source) for source in self.outputs)

    def save(self, directory: str | Path) -> Path:
        """Write ``part-0``, ``part-1``, ... as SavedModels, and ``trace.json`` that says how they are wired.

        Raises:
            StoreError: the folder exists and is not empty.
        """
        with Staging(directory, folder=True) as staging:
            for number, part in enumerate(self.parts):
                part.write(staging.path(f"part-{number}"))
            staging.path(RECORD).write_text(json.dumps(self.as_json(), indent=2) + "\n", "utf-8")
            staging.commit()
        return Path(directory)

    def as_json(self) -> dict[str, Json]:
        return {
            "trace_version": 1,
            "parts": [
                {
                    "directory": f"part-{number}",
                    "inputs": [port.as_json() for port in part.inputs],
                    "outputs": [port.as_json() for port in part.outputs],
                    "variables": list(part.variables),
                }
                for number, part in enumerate(self.parts)
            ],
            "outputs": [_wire(source) for source in self.outputs],
            "shared_variables": list(self.shared),
        }

    def __repr__(self) -> str:
        return f"<{len(self)} parts of a traced model: {'; '.join(map(repr, self.parts))}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        pieces = [html.title(f"{len(self)} parts of a traced model")]
        for number, part in enumerate(self.parts):
            taken = [("takes", port.name, html.shape(port.shape), port.dtype, port.layer) for port in part.inputs]
            given = [("gives", port.name, html.shape(port.shape), port.dtype, port.layer) for port in part.outputs]
            pieces += [html.title(f"part {number}", f"{len(part.variables)} variables"), html.table(taken + given)]
        return html.box(*pieces)


def cut_graph(
    model: Any, works: Framework, at: Sequence[str], *, boundary: Choice = "smallest", inputs: Inputs | None = None
) -> TracedParts:
    """Trace a model and cut its graph; see `configsplit.keras.cut_trace`."""
    trace = traced(model, works, inputs)
    graph = op_graph(trace)
    boundaries = [[_cuttable(graph, tensor, text) for tensor in named_tensors(trace, text)] for text in at]
    try:
        if boundary == "smallest":
            _check_sizes(trace, graph, boundaries)
        parts = partition(graph.graph, heads(graph.graph, boundaries, boundary, graph.cost))
    except CutError as error:  # it speaks of ops; say what was asked for as well
        raise error.within(" | ".join(at)) from None
    wiring = Wiring(graph.graph, parts, graph.inputs)
    for number in range(len(parts)):
        check_crossing(graph, wiring.crossing(number))
    return _built(trace, graph, parts, wiring)


def _check_sizes(trace: Trace, graph: OpGraph, boundaries: Sequence[Sequence[TensorRef]]) -> None:
    """Raises ShapeError where there are several boundaries and a tensor that may cross has a size that nobody knows."""
    early, late = (heads(graph.graph, boundaries, choice, graph.cost) for choice in ("early", "late"))
    for first, last in zip(early, late, strict=True):
        if first == last:
            continue
        for ref, takers in graph.graph.consumers.items():
            maker = graph.graph.producer(ref)
            may_cross = maker in last and not graph.graph.is_input[maker] and any(taker not in first for taker in takers)
            if may_cross and graph.is_open(ref):
                opens = [name for name, tensor in zip(trace.names, trace.inputs, strict=True) if graph.is_open(ref_of(tensor))]
                name = opens[0] if opens else ref.layer
                raise ShapeError(
                    f"which boundary is the smallest depends on the size of {name!r}, which is open",
                    code="size-needed",
                    where=name,
                    hint='trace the model on inputs of known size (inputs=), or say boundary="early" or "late"',
                )


def _cuttable(graph: OpGraph, tensor: Any, text: str) -> TensorRef:
    ref = ref_of(tensor)
    if (ref.layer, ref.call) in graph.graph.number:
        return ref
    free = ref.layer in graph.free
    raise CutError(
        f"{text!r} is computed from no input of the model" if free else f"no output of the model needs {text!r}",
        code="cut-dead-tensor",
        where=text,
        hint="cut at a tensor that lies between inputs and outputs",
    )


def _built(trace: Trace, graph: OpGraph, parts: Sequence[Sequence[int]], wiring: Wiring) -> TracedParts:
    names = _Names(trace)
    made = []
    for number, calls in enumerate(parts):
        taken, given = wiring.inputs(number), wiring.outputs(number)
        labels = names.unique([*taken, *given])
        inputs = [_port(graph, names, ref, label, wiring.source(ref)) for ref, label in zip(taken, labels, strict=False)]
        outputs = [_port(graph, names, ref, label) for ref, label in zip(given, labels[len(taken) :], strict=True)]
        piece = make_piece(trace, graph, [graph.graph.calls[call].layer for call in calls], taken, given)
        made.append(_part(piece, inputs, outputs))
    homes: dict[str, int] = {}
    for part in made:
        for variable in part.variables:
            homes[variable] = homes.get(variable, 0) + 1
    return TracedParts(
        parts=tuple(made),
        outputs=tuple(wiring.giver(ref) for ref in graph.graph.outputs),
        shared=tuple(sorted(name for name, count in homes.items() if count > 1)),
    )


def _part(piece: Piece, inputs: Sequence[Port], outputs: Sequence[Port]) -> TracedPart:
    module = piece.module([port.name for port in inputs], [port.name for port in outputs])
    return TracedPart(inputs=tuple(inputs), outputs=tuple(outputs), module=module, variables=piece.variables)


def _port(graph: OpGraph, names: _Names, ref: TensorRef, label: str, source: Wire | None = None) -> Port:
    tensor = graph.tensor(ref)
    shape = None if tensor.shape.rank is None else tuple(tensor.shape.as_list())
    return Port(
        name=label, tensor=tensor.name, layer=names.layers.get(ref, ""), shape=shape, dtype=dtype_name(tensor), source=source
    )


class _Names:
    """What tensors are called: inputs by their own names, outputs of layers by those, others by their op."""

    def __init__(self, trace: Trace) -> None:
        self._inputs = {ref_of(tensor): name for tensor, name in zip(trace.inputs, trace.names, strict=True)}
        self.layers: dict[TensorRef, str] = {}
        self._plain: dict[TensorRef, str] = {}
        for call in trace.calls:  # an outer call began before those in it: the innermost layer that gave a tensor names it
            for number, tensor in enumerate(() if call.inside else call.outputs):
                self._name(call, number, ref_of(tensor))

    def _name(self, call: LayerCall, number: int, ref: TensorRef) -> None:
        several = f":{number}" if len(call.outputs) > 1 else ""
        self.layers[ref] = "/".join(f"{step.name}@{step.call}" for step in call.path) + several
        self._plain[ref] = call.path[-1].name

    def unique(self, refs: Sequence[TensorRef]) -> list[str]:
        """A name for each tensor that a signature allows, no two alike."""
        taken: set[str] = set()
        names = []
        for ref in refs:
            wish = self._inputs.get(ref) or self._plain.get(ref) or ref.layer.rpartition("/")[2]
            wish = re.sub(r"[^A-Za-z0-9_]", "_", wish)
            names.append(free_name(wish, taken))
        return names
