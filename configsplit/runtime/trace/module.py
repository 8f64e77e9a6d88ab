"""A part of a traced graph as a ``tf.Module``: its ops imported anew, with variables of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from configsplit.errors import CutError
from configsplit.graph.model import TensorRef, free_name
from configsplit.runtime.trace.graph import OpGraph
from configsplit.runtime.trace.trace import Trace, tensorflow


@dataclass(frozen=True, kw_only=True)
class Piece:
    """The ops of a part, and what they need from outside the graph.

    Attributes:
        definition: the ops, as TensorFlow writes them.
        taken, given: the tensors that it is fed, and those that it gives, of the traced graph.
        held: name of a placeholder -> the copy of a variable, the table or the constant that stands for it.
        objects: what of these a SavedModel has to write down.
        variables: names of the variables.
    """

    definition: Any
    taken: tuple[Any, ...]
    given: tuple[Any, ...]
    held: Mapping[str, Any]
    objects: tuple[Any, ...]
    variables: tuple[str, ...]

    def module(self, inputs: Sequence[str], outputs: Sequence[str]) -> Any:
        """A module that is called on its inputs one by one; ``served`` is its signature by names, ``weights`` its variables.

        What is an attribute here is one of the SavedModel when it is loaded.
        """
        tf = tensorflow()
        made = tf.Module()
        made.weights = [held for held in self.objects if isinstance(held, tf.Variable)]
        made.tables = [held for held in self.objects if not isinstance(held, tf.Variable)]
        signature = [tf.TensorSpec(tensor.shape, tensor.dtype, name) for tensor, name in zip(self.taken, inputs, strict=True)]

        def run(*given: Any) -> Any:
            results = self._imported(given)
            return results[0] if len(results) == 1 else tuple(results)

        def serve(**named: Any) -> Any:
            results = self._imported([named[name] for name in inputs])
            return {name: tf.identity(result, name) for name, result in zip(outputs, results, strict=True)}

        made.__call__ = tf.function(run, input_signature=signature, autograph=False)
        made.served = tf.function(serve, autograph=False).get_concrete_function(**{spec.name: spec for spec in signature})
        return made

    def _imported(self, given: Sequence[Any]) -> list[Any]:
        """The ops in the graph that is being traced, fed with ``given``."""
        tf = tensorflow()
        graph = tf.compat.v1.get_default_graph()
        fed = {tensor.name: value for tensor, value in zip(self.taken, given, strict=True)}
        for name, held in self.held.items():
            fed[f"{name}:0"] = graph.capture(_handle(held))
            if isinstance(held, tf.Variable):
                graph.watch_variable(held)  # so that gradients reach it
        inside = [tensor for tensor in self.given if tensor.name not in fed]
        results = tf.graph_util.import_graph_def(
            self.definition, input_map=fed, return_elements=[tensor.name for tensor in inside], name="part"
        )
        values = dict(zip([tensor.name for tensor in inside], results, strict=True))
        return [values.get(tensor.name, fed.get(tensor.name)) for tensor in self.given]


def _handle(held: Any) -> Any:
    """What an op takes for a variable or table; a constant is itself."""
    return getattr(held, "handle", getattr(held, "resource_handle", held))


def make_piece(
    trace: Trace, graph: OpGraph, names: Sequence[str], taken: Sequence[TensorRef], given: Sequence[TensorRef]
) -> Piece:
    """The part of a trace that consists of the named ops, and the constants and reads that they need. Raises CutError if it
    needs a resource that belongs to nothing in the model.
    """
    wanted = [*graph.needed_by(names)]
    captured = [name for name in wanted if name in graph.captured]
    kept = {*names, *wanted} - set(captured)
    held, objects, variables = _held(trace, graph, captured)
    return Piece(
        definition=_definition(trace, kept),
        taken=tuple(graph.tensor(ref) for ref in taken),
        given=tuple(graph.tensor(ref) for ref in given),
        held=held,
        objects=tuple(objects),
        variables=tuple(variables),
    )


def _definition(trace: Trace, kept: set[str]) -> Any:
    """The ops alone. Orders that lead out of the part hold anyway, since parts run one after another."""
    whole = trace.function.graph.as_graph_def()
    made = type(whole)()
    made.versions.CopyFrom(whole.versions)
    made.library.CopyFrom(whole.library)
    for node in whole.node:
        if node.name not in kept:
            continue
        copy = made.node.add()
        copy.CopyFrom(node)
        copy.attr.pop("_class", None)  # where an op wants to run: beside one that may not be here
        inputs = [name for name in node.input if not name.startswith("^") or name[1:] in kept]
        del copy.input[:]
        copy.input.extend(inputs)
    return made


def _held(trace: Trace, graph: OpGraph, captured: Sequence[str]) -> tuple[dict[str, Any], list[Any], list[str]]:
    """Copies of variables, tables, and constants, for the placeholders that stood for them; one copy of each."""
    tf = tensorflow()
    known, called = _variables(trace)
    held: dict[str, Any] = {}
    objects: list[Any] = []
    names: list[str] = []
    for placeholder in captured:
        external = graph.captured[placeholder]
        if (variable := known.get(id(external))) is not None:
            names.append(called[id(external)])
            held[placeholder] = tf.Variable(
                variable.read_value(), trainable=variable.trainable, name=names[-1], dtype=variable.dtype, shape=variable.shape
            )
            objects.append(held[placeholder])
        elif external.dtype in (tf.resource, tf.variant):
            held[placeholder] = _owner(trace.model, external, placeholder)
            objects.append(held[placeholder])
        else:
            held[placeholder] = external
    return held, objects, names


def _variables(trace: Trace) -> tuple[dict[int, Any], dict[int, str]]:
    """The variables of the trace by their handles, and what the model calls them; no two alike."""
    known = {id(variable.handle): variable for variable in trace.function.graph.variables}
    paths = {id(getattr(each.value, "handle", None)): each.path for each in trace.model.variables if hasattr(each, "path")}
    called: dict[int, str] = {}
    taken: set[str] = set()
    for handle, variable in known.items():
        called[handle] = free_name(str(paths.get(handle) or variable.name.partition(":")[0]), taken)
    return known, called


def _owner(model: Any, handle: Any, placeholder: str) -> Any:
    """The table of the model that a handle belongs to."""
    for child in tensorflow().train.TrackableView(model).descendants():
        if getattr(child, "resource_handle", None) is handle:
            return child
    raise CutError(
        f"the model uses a resource at {placeholder!r} that belongs to none of its layers",
        code="trace-resource",
        where=placeholder,
        hint="keep tables as attributes of a layer",
    )
