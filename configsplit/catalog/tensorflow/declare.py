"""What a function of TensorFlow is declared as: parameters, outputs, what it becomes in Keras 3, its nodes in graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple, TypeAlias

from configsplit.catalog.operations.arguments import Arguments, one, parameters
from configsplit.catalog.operations.common import GivesBack, Macs, Rule, reduced, same
from configsplit.catalog.rules import Outputs
from configsplit.catalog.tensorflow.call import Dimensions, OperationCall
from configsplit.graph.model import Use

Result: TypeAlias = "Use | Dimensions | tuple[Use | Dimensions, ...]"
Converter: TypeAlias = Callable[[OperationCall], Result]

Rows: TypeAlias = Literal["", "each", "images"]
"""Which samples a row of the output comes from: that of its arguments, number by number or image by image; or not declared."""


class GraphNode(NamedTuple):
    """How a function stands in a TensorFlow graph (TF 1.14 to 2.3).

    Attributes:
        op: the name of the operation.
        inputs: the parameters that its inputs are, in order; those of the function where it says none.
        attributes: attribute -> parameter.
    """

    op: str
    inputs: str
    attributes: Mapping[str, str]


class Function(NamedTuple):
    """The declaration of one function of TensorFlow; every declared one is harmless.

    Attributes:
        parameters: by name and in order, without ``name`` (see `operations.arguments.parameters`).
        outputs: the rule for the shapes and dtypes of what it gives; without one they are unknown.
        becomes: makes the operations of Keras 3 that compute the same, or raises Stop; without one it is not converted.
        nodes: how it stands in graphs.
        rows: which samples a row of the output comes from.
        macs: the rule for its multiply-accumulates, if it has any.
        gives_back: whether it may give back the very tensor that it takes.
    """

    parameters: str
    outputs: Rule | None = None
    becomes: Converter | None = None
    nodes: tuple[GraphNode, ...] = ()
    rows: Rows = ""
    macs: Macs | None = None
    gives_back: GivesBack = "no"

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, without their names in other releases."""
        return tuple(parameter.name for parameter in parameters(self.parameters))


def node(op: str, inputs: str = "", **attributes: str) -> GraphNode:
    return GraphNode(op, inputs, attributes)


def function(
    names: str,
    parameters: str,
    outputs: Rule | None = None,
    becomes: Converter | None = None,
    *nodes: str | GraphNode,
    **more: Any,
) -> dict[str, Function]:
    """One declaration for each of several names: ``where``, wherever TensorFlow's interface has it, or ``image.resize``."""
    kinds = tuple(node(each) if isinstance(each, str) else each for each in nodes)
    return dict.fromkeys(names.split(), Function(parameters, outputs, becomes, kinds, **more))


# Kinds of functions that are told by one operation of Keras 3.


def as_bool(given: Arguments) -> Outputs:
    return one(given.operand(0).shape, "bool")


def unary(
    names: str, parameter: str, kind: str, nodes: str = "", outputs: Rule = same, gives_back: GivesBack = "no"
) -> dict[str, Function]:
    """Functions of one tensor, number by number."""
    return function(names, parameter, outputs, partial(single, kind), *nodes.split(), rows="each", gives_back=gives_back)


def single(kind: str, op: OperationCall) -> Use:
    """One operation of Keras 3, of the first argument alone."""
    return op.emit(kind, op.tensor(0))


REDUCED = "input_tensor axis|reduction_indices keepdims|keep_dims"


def reduction(
    names: str, kind: str, nodes: str = "", parameters: str = REDUCED, *, truth: bool = False, becomes: Converter | None = None
) -> dict[str, Function]:
    """Functions that leave axes away, or keep them with size 1."""

    def outputs(given: Arguments) -> Outputs:
        return one(reduced(given), "bool" if truth else given.operand(0).dtype)

    kinds = (node(each, "input_tensor axis", keep_dims="keepdims") for each in nodes.split())
    return function(names, parameters, outputs, becomes or partial(over_axes, kind), *kinds)


def over_axes(kind: str, op: OperationCall) -> Use:
    return op.emit(kind, op.tensor(0), axis=op.static("axis"), keepdims=bool(op.static("keepdims", False)))
