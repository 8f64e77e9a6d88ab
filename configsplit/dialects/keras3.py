"""Keras 3: a node is ``{"args": [...], "kwargs": {...}}`` with tensors as ``__keras_tensor__`` objects, nested at will."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from functools import partial
from typing import Any

from configsplit.dialects.dialect import Dialect, input_entry
from configsplit.dialects.frame import hold, is_described
from configsplit.dialects.recover import recovered
from configsplit.errors import DocumentError
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import Layer, Model, Node, TensorRef, TensorSpec, Use, walk

_TENSOR = "__keras_tensor__"
_MOST_RECORDS = 4_000

BARE = "bare"
"""`Model.form` of a model whose single inputs and outputs are written without a list."""


def _is_tensor(item: Any) -> bool:
    return type(item) is FrozenDict and item.get("class_name") == _TENSOR


def read_node(raw: Any, names: Container[str]) -> Node:
    """Read one element of ``inbound_nodes``."""
    args, kwargs = raw["args"], raw["kwargs"]
    if type(args) is tuple and len(args) == 1 and _is_tensor(args[0]) and type(kwargs) is FrozenDict and not kwargs:
        return Node((_use(args[0], names),), kwargs)

    def leaf(item: Any) -> Any:
        return _use(item, names) if _is_tensor(item) else item

    args, kwargs = rebuild(args, leaf, stop=_is_tensor), rebuild(kwargs, leaf, stop=_is_tensor)
    if type(args) is not tuple or not isinstance(kwargs, FrozenDict):
        raise DocumentError("the arguments of a call are neither a list nor an object", code="document-bad-reference")
    return Node(args, kwargs)


def _use(item: FrozenDict, names: Container[str]) -> Use:
    config: Any = item.get("config")
    if is_described(config):
        recorded = _recorded(item, config)
    else:
        hold("KerasTensorConfig", config, f"{_TENSOR}.config")
        recorded = _anonymous(item, config)
    layer, call, output = config["keras_history"]
    if layer not in names:
        raise DocumentError(f"no layer is named {layer!r}", code="document-unresolved")
    return Use(TensorRef(layer, call, output), recorded)


_records: dict[tuple[Any, ...], FrozenDict] = {}


def _recorded(item: FrozenDict, config: FrozenDict) -> FrozenDict:
    """What is written of a tensor besides its name: of few shapes and types, so that one object stands for many tensors."""
    if len(item) != 2:
        return _anonymous(item, config)
    said = (*item, *config, config["shape"], config["dtype"])
    if (known := _records.get(said)) is None:
        known = _anonymous(item, config)
        if len(_records) < _MOST_RECORDS:
            _records[said] = known
    return known


def _anonymous(item: FrozenDict, config: FrozenDict) -> FrozenDict:
    return item | {"config": config | {"keras_history": None}}


def write_node(node: Node, bases: Mapping[str, int]) -> Any:
    """The inverse of `read_node`; node numbers count from 0 for every layer here, so the bases do not matter."""

    def leaf(use: Any) -> Any:
        if type(use) is not Use:
            return use
        tensor = use.recorded or _described(use.spec or TensorSpec())
        return tensor | {"config": tensor["config"] | {"keras_history": tuple(use.ref)}}

    if (only := node.only_use()) is not None:
        return FrozenDict({"args": (leaf(only),), "kwargs": node.kwargs})
    return FrozenDict({"args": rebuild(node.args, leaf), "kwargs": rebuild(node.kwargs, leaf)})


def _described(spec: TensorSpec) -> FrozenDict:
    """A ``__keras_tensor__`` that no document recorded, since the call was inside a Sequential.

    Keras 3 looks at neither shape nor dtype there, but refuses a shape that is null.
    """
    config = {"shape": spec.shape if spec.shape is not None else (), "dtype": spec.dtype or "float32"}
    return FrozenDict({"class_name": _TENSOR, "config": FrozenDict(config)})


def bases(layers: Iterable[Layer], inner: Iterable[TensorRef], ends: Iterable[TensorRef]) -> dict[str, int]:
    """Nested functional models count from 1, but only in ``input_layers`` and ``output_layers`` (3.0.0 to 3.15.1)."""
    return {layer.name: 1 for layer in layers if layer.model is not None and nested_base(layer.model)}


def nested_base(model: Model) -> int:
    """Functional models have a node of their own, which only the ends count; a Sequential has none."""
    return int(model.kind == "functional")


def ends(structure: Any, form: str) -> Any:
    """A single tensor stands bare from 3.11 on, and is a list of one before, which 3.0 insists on."""
    return (structure,) if type(structure) is TensorRef and form != BARE else structure


def form(model: Model) -> str:
    """Whether the file comes from 3.11 or later: a bare reference anywhere, or the ``optional`` of its InputLayers."""
    models = [model, *(layer.model for _, layer in walk(model) if layer.model is not None)]
    bare = any(type(structure) is TensorRef for each in models for structure in (each.inputs, each.outputs))
    newest = any("optional" in layer.config for layer in model.layers if layer.is_input)
    return BARE if bare or newest else ""


def functional_entry(modern: bool) -> FrozenDict:
    """The outermost object of a functional model that was a Sequential before a rewrite."""
    entry: dict[str, Any] = {"class_name": "Functional", "config": None}
    if modern:
        entry = {"module": "keras.src.models.functional", **entry, "registered_name": "Functional"}
    return FrozenDict(entry)


KERAS3 = Dialect(
    name="keras3",
    title="Keras 3",
    frame="Keras3Config",
    read_node=read_node,
    write_node=write_node,
    bases=bases,
    nested_base=nested_base,
    node_bases=False,
    input_entry=partial(input_entry, "batch_shape"),
    functional_entry=functional_entry,
    ends=ends,
    recovered=recovered,
    form=form,
    lists_of_one=True,
)
