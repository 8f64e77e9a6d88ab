"""The TensorFlow graph of a live model, and which layer call made which of its tensors, as seen while Keras traced it."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from configsplit.errors import CutError, RuntimeUnavailableError
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.kinds import Inputs
from configsplit.runtime.live.signature import call_specs, spec_names, takes_training


class Step(NamedTuple):
    """A layer's call inside the call around it: its name, and the number of the call there among those of that name."""

    name: str
    call: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerCall:
    """One call of a layer, as it happened.

    Attributes:
        path: the calls from the model down to it.
        layer: the layer.
        outputs: the tensors that it gave, flattened.
        inside: whether it happened in a graph of its own: the body of a loop or a branch, or a function.
        strange: outputs that it neither made nor was given.
    """

    path: tuple[Step, ...]
    layer: Any
    outputs: tuple[Any, ...]
    inside: bool
    strange: int = 0


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A traced model.

    Attributes:
        function: the concrete function.
        inputs, outputs: its tensors, flattened as the model nests them; an output before the op that merely returns it.
        names: of the inputs.
        calls: every call of a layer, in the order in which they began.
    """

    model: Any
    function: Any
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    names: tuple[str, ...]
    calls: tuple[LayerCall, ...]


def tensorflow() -> Any:
    return importlib.import_module("tensorflow")


def can_trace(works: Framework) -> bool:
    """Whether models of that Keras compute with TensorFlow."""
    return works.name == "tf_keras" or works.backend == "tensorflow"


def traced(model: Any, works: Framework, inputs: Inputs | None = None) -> Trace:
    """Trace what a model computes at inference, batch of any size.

    Raises:
        RuntimeUnavailableError: Keras runs on another backend.
        DocumentError: nobody knows what the model is called on.
        CutError: TensorFlow cannot trace it.
    """
    if not can_trace(works):
        raise RuntimeUnavailableError(
            f"a model without a functional graph is cut in its TensorFlow graph, and Keras runs on {works.backend}",
            code="trace-backend",
            hint="set KERAS_BACKEND=tensorflow, load the model and cut it there",
        )
    tf = tensorflow()
    specs = call_specs(model, works, inputs)
    leaves = works.flatten(specs)
    options = {"training": False} if takes_training(model) else {}

    def run(*given: Any) -> Any:
        return tf.nest.flatten(model(works.pack(specs, list(given)), **options), expand_composites=True)

    names = _input_names(model, specs)
    signature = [tf.TensorSpec(leaf.shape, leaf.dtype, name) for leaf, name in zip(leaves, names, strict=True)]
    with recording(works, model) as recorder:
        try:
            function = tf.function(run, input_signature=signature, autograph=False).get_concrete_function()
        except Exception as error:
            raise CutError(
                f"TensorFlow cannot trace {model.name!r}: {type(error).__name__}: {str(error).strip().splitlines()[0][:300]}",
                code="trace-failed",
                where=str(model.name),
                hint="does it run inside a tf.function? say what it is called on with inputs=",
            ) from error
    return Trace(
        model=model,
        function=function,
        inputs=tuple(function.inputs[: len(leaves)]),
        outputs=tuple(_before_return(tensor) for tensor in function.outputs),
        names=names,
        calls=recorder.calls(function.graph),
    )


def _input_names(model: Any, specs: Any) -> tuple[str, ...]:
    """As Keras names them, or the keys of the dict that they stand in."""
    names = spec_names(specs)
    known = [str(getattr(tensor, "name", "")).split(":")[0] for tensor in getattr(model, "inputs", None) or ()]
    return tuple(known) if len(known) == len(names) and all(known) else tuple(names)


def _before_return(tensor: Any) -> Any:
    """tf.function returns a copy (Identity) of each output, which belongs to no layer."""
    return tensor.op.inputs[0] if tensor.op.type == "Identity" and len(tensor.consumers()) == 0 else tensor


# ---------------------------------------------------------------- who made what


_current = threading.local()


@dataclass
class Recorder:
    """Calls of layers while they happen, on one thread."""

    root: Any
    graph: Any = None
    _stack: list[Step] = field(default_factory=list)
    _counts: dict[tuple[tuple[Step, ...], str, bool], int] = field(default_factory=dict)
    _seen: list[dict[str, Any]] = field(default_factory=list)

    def run(self, layer: Any, given: Any, call: Callable[[], Any]) -> Any:
        """Make a call and take down what it gave."""
        if layer is self.root and not self._stack:  # TensorFlow may trace twice: the last time counts
            self.graph = _graph()
            self._counts.clear()
            self._seen.clear()
            return call()
        graph = _graph()
        inside = graph is not self.graph
        key = (tuple(self._stack), str(layer.name), inside)
        number = self._counts[key] = self._counts.get(key, -1) + 1
        self._stack.append(Step(str(layer.name), number))
        seen = {"path": tuple(self._stack), "layer": layer, "inside": inside, "outputs": ()}
        self._seen.append(seen)
        before = len(graph.get_operations())
        try:
            result = call()
        finally:
            self._stack.pop()
        made = range(before, len(graph.get_operations()))
        seen |= {"outputs": _tensors(result), "made": made, "given": {id(tensor) for tensor in _tensors(given)}}
        return result

    def calls(self, graph: Any) -> tuple[LayerCall, ...]:
        """What happened, held against the graph: each output was made in the call itself, or given to it."""
        position = {op.name: number for number, op in enumerate(graph.get_operations())}
        calls = []
        for seen in self._seen:
            made, given, outputs = seen.get("made", range(0)), seen.get("given", set()), seen["outputs"]
            inside = seen["inside"] or any(tensor.graph is not graph for tensor in outputs)
            strange = 0 if inside else sum(position[item.op.name] not in made and id(item) not in given for item in outputs)
            calls.append(LayerCall(path=seen["path"], layer=seen["layer"], outputs=outputs, inside=inside, strange=strange))
        return tuple(calls)


def _graph() -> Any:
    return tensorflow().compat.v1.get_default_graph()


def _tensors(structure: Any) -> tuple[Any, ...]:
    tf = tensorflow()
    return tuple(item for item in tf.nest.flatten(structure, expand_composites=True) if tf.is_tensor(item))


@contextmanager
def recording(works: Framework, root: Any) -> Iterator[Recorder]:
    """Take down every call of a layer on this thread, from the outermost call of ``root`` on."""
    recorder = Recorder(root)
    kind = works.module.layers.Layer
    original = kind.__call__

    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        mine = getattr(_current, "recorder", None)
        if mine is not recorder or (recorder.graph is None and self is not root):
            return original(self, *args, **kwargs)
        return recorder.run(self, (args, kwargs), lambda: original(self, *args, **kwargs))

    kind.__call__ = call
    _current.recorder = recorder
    try:
        yield recorder
    finally:
        kind.__call__ = original
        _current.recorder = None


def dtype_name(tensor: Any) -> str:
    return str(tensor.dtype.base_dtype.name)
