"""Keras 2, tf.keras and tf_keras; and the parts of the grammar that Keras 1 shares (see keras1.py).

A node is a list of references ``[layer, node, tensor, {kwargs}]``. Tensors among the keyword arguments are ``[layer, node,
tensor]`` without any tag. Single-tensor operation layers (TF 2.4 and later) drop one pair of brackets; a dict or nested list
as first argument (TF 2.2 and later) is spelled as it is, with references for leaves.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import Any

from configsplit.dialects.dialect import Dialect, input_entry
from configsplit.errors import DocumentError
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import Constant, Layer, Model, Node, TensorRef, Use

CONSTANT = "_CONSTANT_VALUE"
"""Stands for the layer's name where a constant is given in place of a tensor (TF 2.4 and later)."""

_BARE = "bare"
SHORT = "short"
"""`Node.form` of references without keyword arguments."""


def _is_reference(item: Any, names: Container[str]) -> bool:
    """``[layer, node, tensor]`` with the name of a layer; the only sign by which TF itself knows one among the kwargs."""
    return (
        type(item) is tuple
        and len(item) == 3
        and type(item[0]) is str
        and type(item[1]) is int
        and type(item[2]) is int
        and item[0] in names
    )


def _is_argument(item: Any) -> bool:
    """A leaf of a node: ``[layer, node, tensor]`` with or without ``{kwargs}``."""
    return type(item) is tuple and len(item) in (3, 4) and type(item[0]) is str and type(item[1]) is int


def read_node(raw: Any, names: Container[str]) -> Node:
    """Read one element of ``inbound_nodes``."""
    kwargs: list[Any] = []

    def leaf(item: Any) -> Use | Constant:
        if not _is_argument(item):
            raise DocumentError(
                f"{item!r} is not a reference of the form [layer, node, tensor, kwargs]", code="document-bad-reference"
            )
        kwargs.append(item[3] if len(item) == 4 else None)
        if item[0] == CONSTANT:
            return Constant(item[2])
        if item[0] not in names:
            raise DocumentError(f"no layer is named {item[0]!r}", code="document-unresolved")
        if type(item[2]) is not int or item[2] < 0:
            raise DocumentError(f"{item[2]!r} is not the number of an output", code="document-bad-reference")
        if item[1] < 0:
            raise DocumentError(f"layer {item[0]!r} has no node {item[1]}", code="document-unresolved")
        return Use(TensorRef(*item[:3]))

    first = rebuild(raw, leaf, stop=_is_argument)
    if any(other != kwargs[0] for other in kwargs[1:]):
        raise DocumentError("the references of one call carry different keyword arguments", code="document-bad-reference")
    form = _BARE if type(first) is not tuple and not isinstance(first, FrozenDict) else ""
    if type(first) is tuple and len(first) == 1 and type(first[0]) in (Use, Constant):
        first = first[0]
    if not kwargs or kwargs[0] is None:
        return Node((first,), FrozenDict(), form or SHORT)
    return Node((first,), _read_kwargs(kwargs[0], names), form)


def _read_kwargs(kwargs: Any, names: Container[str]) -> FrozenDict:
    if not isinstance(kwargs, FrozenDict):
        raise DocumentError("the keyword arguments of a reference are not an object", code="document-bad-reference")

    def leaf(item: Any) -> Any:
        if not _is_reference(item, names):
            return item
        if min(item[1:]) < 0:
            what = f"[{item[0]!r}, {item[1]}, {item[2]}] has a negative number"
            raise DocumentError(what, code="document-unresolved", hint="calls and outputs are counted from 0")
        return Use(TensorRef(*item))

    read: FrozenDict = rebuild(kwargs, leaf, stop=lambda item: _is_reference(item, names))
    return read


def write_node(node: Node, bases: Mapping[str, int]) -> Any:
    """The inverse of `read_node`."""

    def reference(use: Any) -> Any:
        if type(use) is not Use:
            return use
        return (use.ref.layer, use.ref.call + bases.get(use.ref.layer, 0), use.ref.output)

    tail = () if node.form == SHORT else (rebuild(node.kwargs, reference),)

    def argument(item: Any) -> Any:
        return ((CONSTANT, -1, item.value) if type(item) is Constant else reference(item)) + tail

    first = node.args[0] if node.args else ()
    if type(first) in (Use, Constant) and node.form != _BARE:
        first = (first,)
    return rebuild(first, argument)


def bases(layers: Iterable[Layer], inner: Iterable[TensorRef], ends: Iterable[TensorRef]) -> dict[str, int]:
    """The smallest node number by which anything refers to a nested model is its first call.

    Nested models count a node of their own first, so it is 1, except for the deferred Sequentials of TF 1.15 to 2.2; layers
    count from 0 (measured over 4,989 layers of 17 releases).
    """
    nested = {layer.name for layer in layers if layer.model is not None}
    least: dict[str, int] = {}
    for ref in (*inner, *ends):
        if ref.layer in nested:
            least[ref.layer] = min(ref.call, least.get(ref.layer, 1))
    return least


def nested_base(model: Model) -> int:
    """Nested models count a node of their own first."""
    return 1


def ends(structure: Any, form: str) -> Any:
    """A single tensor is a list of one reference before Keras 3."""
    return (structure,) if type(structure) is TensorRef else structure


def recovered(model: Model, unresolved: bool, said: Mapping[Any, Any]) -> tuple[Model, tuple[str, ...]]:
    """No release before Keras 3 is known to write wrong call numbers."""
    return model, ()


def form(model: Model) -> str:
    """Functional models are spelled one way only."""
    return model.form


def functional_entry(modern: bool) -> FrozenDict:
    """The outermost object of a functional model that was a Sequential before a rewrite; every release knows ``Model``."""
    entry: dict[str, Any] = {"class_name": "Model", "config": None}
    if modern:
        entry = {"module": "keras.src.engine.functional", "class_name": "Functional", "config": None}
        entry["registered_name"] = "Functional"
    return FrozenDict(entry)


KERAS2 = Dialect(
    name="keras2",
    title="Keras 2 (2.0 to 2.3, tf.keras, tf_keras)",
    frame="LegacyConfig",
    read_node=read_node,
    write_node=write_node,
    bases=bases,
    nested_base=nested_base,
    node_bases=True,
    input_entry=partial(input_entry, "batch_input_shape"),
    functional_entry=functional_entry,
    ends=ends,
    recovered=recovered,
    form=form,
)
