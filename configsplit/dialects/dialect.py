"""A dialect is a frozen record of functions: how one generation of Keras spells calls, references and inputs."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from configsplit.dialects.frame import Frame
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Model, Node, TensorRef, TensorSpec

Generation: TypeAlias = Literal["keras1", "keras2", "keras3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One generation of Keras.

    Attributes:
        name: "keras1", "keras2" or "keras3".
        title: for people.
        frame: what the ``config`` of a functional model must have.
        read_node: one element of ``inbound_nodes`` as a Node whose references carry the document's own node numbers;
            the container holds the names of all layers, by which a reference is told from a constant list.
        write_node: the inverse; the mapping gives each layer's base.
        bases: the number by which the document calls each layer's call 0, from the layers (with raw nodes), the references
            made by nodes and those made by the model's inputs and outputs.
        nested_base: the base of a nested model that no reference shows, since it stands in a Sequential.
        nodes_alone: whether `read_node` gives the same whatever the layers are called that the container has.
        node_bases: whether that base holds in nodes too (Keras 2), or only in inputs and outputs (Keras 3).
        input_entry: the document entry of a fresh InputLayer; the flag says whether entries carry ``module``.
        functional_entry: the outermost object of a functional model that has none of its own; the flag as above.
        ends: the structure of inputs or outputs as this dialect writes it in a document of the given `Model.form`.
        recovered: a functional model with wrong call numbers put right, and what was put right, in sentences; the flag says
            whether there are references that do not resolve.
        lists_of_one: whether releases differ in what a list of one output is: see `lists_of_one`.
        form: the `Model.form` of the outermost model, once it is read: what the whole document shows of its release.
    """

    name: Generation
    title: str
    frame: Frame
    read_node: Callable[[Any, Container[str]], Node]
    write_node: Callable[[Node, Mapping[str, int]], Any]
    bases: Callable[[Iterable[Layer], Iterable[TensorRef], Iterable[TensorRef]], dict[str, int]]
    nested_base: Callable[[Model], int]
    node_bases: bool
    input_entry: Callable[[Layer, bool], FrozenDict]
    functional_entry: Callable[[bool], FrozenDict]
    ends: Callable[[Any, str], Any]
    recovered: Callable[[Model, bool, Mapping[Any, Any]], tuple[Model, tuple[str, ...]]]
    form: Callable[[Model], str]
    nodes_alone: bool = False
    lists_of_one: bool = False


def input_entry(shape_key: str, layer: Layer, modern: bool) -> FrozenDict:
    """The entry of a fresh InputLayer, with the keys that every release of its generation accepts.

    ``shape_key`` is that generation's name for the shape with its batch dimension.
    """
    spec = layer.spec or TensorSpec()
    config = {shape_key: spec.shape, "dtype": spec.dtype, "sparse": spec.sparse, "name": layer.name}
    if spec.ragged:
        config["ragged"] = True
    entry: dict[str, Any] = {"class_name": "InputLayer", "config": FrozenDict(config)}
    if modern:
        entry = {"module": "keras.layers", **entry, "registered_name": None}
    return FrozenDict(entry)
