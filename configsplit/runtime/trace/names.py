"""From references as people write them to tensors of a trace; exactly one reading, or an error with all of them.

``LAYER``, ``LAYER@CALL``, ``LAYER:OUTPUT``, ``LAYER@*``, ``OUTER/INNER``, ``A,B``, where a layer is looked up among the calls
that happened, at any depth; or the name of a tensor of the graph (``model/add:0``), for what is no layer's output.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from configsplit.errors import CutError, TensorReferenceError
from configsplit.runtime.trace.trace import LayerCall, Step, Trace

_OUTPUT = re.compile(r"^(?P<rest>.+):(?P<output>\d+)$", re.DOTALL)
_LISTED = 12


def named_tensors(trace: Trace, text: str) -> tuple[Any, ...]:
    """The tensors that a reference names, each once.

    Raises:
        TensorReferenceError: it names no call of a layer, or several; the candidates are listed.
        CutError: the call happened inside a loop, a branch or a function.
    """
    whole = [text] if _matching(trace, text) else text.split(",")
    tensors = [tensor for piece in whole for tensor in _tensors(trace, piece.strip())]
    return tuple({(tensor.op.name, tensor.value_index): tensor for tensor in tensors}.values())


def _tensors(trace: Trace, text: str) -> Sequence[Any]:
    calls, output = _matching(trace, text), None
    if not calls and (match := _OUTPUT.match(text)):
        calls, output = _matching(trace, match["rest"]), int(match["output"])
    if not calls:
        return [_by_tensor_name(trace, text)]
    outside = [call for call in calls if not call.inside]
    if not outside:
        raise CutError(
            f"{text!r} runs inside a loop, a branch or a function of its own: no tensor of the graph around it is its output",
            code="trace-inside",
            where=text,
            hint="cut before or behind the layer that holds it",
        )
    if len(calls) > 1 and ("@*" not in text or _several_layers(calls)):
        raise _ambiguous(trace, text, calls)
    return [tensor for call in outside for tensor in _outputs(call, text, output)]


def _outputs(call: LayerCall, text: str, output: int | None) -> Sequence[Any]:
    if call.strange or not call.outputs:
        raise CutError(
            f"{text!r} gives tensors that were not made in its call" if call.strange else f"{text!r} gives no tensor",
            code="trace-inside",
            where=text,
            hint="cut at a layer before or behind it",
        )
    if output is None:
        return call.outputs
    if output >= len(call.outputs):
        raise TensorReferenceError(
            f"{text!r}: the call gives {len(call.outputs)} tensors",
            code="reference-unknown-output",
            where=text,
            hint=f"they are numbered from 0 to {len(call.outputs) - 1}",
        )
    return [call.outputs[output]]


def _matching(trace: Trace, text: str) -> list[LayerCall]:
    return [call for call in trace.calls if _matches(call.path, text)]


def _matches(path: Sequence[Step], text: str) -> bool:
    """Whether the text names the last steps of the path, each with or without the number of its call."""
    rest = text
    for step in reversed(path):
        spellings = (f"{step.name}@{step.call}", f"{step.name}@*", step.name)
        if rest in spellings:
            return True
        ending = next((spelling for spelling in spellings if rest.endswith(f"/{spelling}")), None)
        if ending is None:
            return False
        rest = rest[: -len(ending) - 1]
    return False


def _several_layers(calls: Sequence[LayerCall]) -> bool:
    return len({id(call.layer) for call in calls}) > 1


def _ambiguous(trace: Trace, text: str, calls: Sequence[LayerCall]) -> TensorReferenceError:
    listed = [_described(trace, call) for call in calls[:_LISTED]]
    more = f", and {len(calls) - _LISTED} more" if len(calls) > _LISTED else ""
    what = "layers of that name" if _several_layers(calls) else "calls of that layer"
    return TensorReferenceError(
        f"{text!r} may be any of {len(calls)} {what}",
        code="reference-ambiguous",
        where=text,
        hint=f"say which: {'; '.join(listed)}{more}",
    )


def _described(trace: Trace, call: LayerCall) -> str:
    """A reference that names this call and no other: by layers if they tell it apart, else by its tensor."""
    written = "/".join(f"{step.name}@{step.call}" for step in call.path)
    if call.inside or not call.outputs:
        return f"{written} (inside a loop, a branch or a function)"
    short = next((text for text in _spellings(call.path) if len(_matching(trace, text)) == 1), None)
    return f"{short or call.outputs[0].name} ({type(call.layer).__name__})"


def _spellings(path: Sequence[Step]) -> list[str]:
    """Ways to name a call, short ones first."""
    plain = [step.name for step in path]
    last = f"{plain[-1]}@{path[-1].call}"
    exact = [f"{step.name}@{step.call}" for step in path]
    return [*("/".join([*plain[start:-1], last]) for start in reversed(range(len(path)))), "/".join(plain), "/".join(exact)]


def _by_tensor_name(trace: Trace, text: str) -> Any:
    graph = trace.function.graph
    ops = {op.name: op for op in graph.get_operations()}
    match = _OUTPUT.match(text)
    name, output = (match["rest"], int(match["output"])) if match else (text, 0)
    if name in ops and match and output < len(ops[name].outputs):
        return ops[name].outputs[output]
    known = list(dict.fromkeys("/".join(step.name for step in call.path) for call in trace.calls))
    close = [name for name in known if text.rpartition("/")[2] in name]
    raise TensorReferenceError(
        f"no layer {text!r} was called, and no tensor of the graph has that name",
        code="reference-unknown-layer",
        where=text,
        hint=f"layers that were called: {', '.join((close or known)[:_LISTED])}",
    )
