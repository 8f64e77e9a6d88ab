"""The graph as a document again: the exact inverse of `parse`, and the spelling of what rewrites have made."""

from __future__ import annotations

from typing import Any, NamedTuple

from configsplit.dialects.detect import dialect_of
from configsplit.dialects.dialect import Dialect
from configsplit.dialects.frame import hold
from configsplit.dialects.parse import LIST
from configsplit.graph.json import FrozenDict, dumps, rebuild
from configsplit.graph.model import Layer, Model, TensorRef, walk


class Style(NamedTuple):
    """How the whole document is spelled: whether entries carry ``module``, and the form of the outermost model."""

    modern: bool
    form: str


def emit(model: Model) -> FrozenDict:
    """The document of a model, its frame checked on the way out. Raises DocumentError if a rewrite has made something that the
    dialect cannot say.
    """
    dialect = dialect_of(model.dialect)
    told = [layer for layer in model.layers if layer.entry]
    modern = any("module" in layer.entry for layer in told) or (model.dialect == "keras3" and not told)
    nested = [layer.model for _, layer in walk(model) if layer.model is not None]
    configs: dict[int, Any] = {}
    for each in (*reversed(nested), model):
        configs[id(each)] = _config(each, configs, dialect, Style(modern, model.form))
    document = (model.entry or dialect.functional_entry(modern)) | {"config": configs[id(model)]}
    hold("Envelope", document)
    return document


def to_text(model: Model) -> str:
    """The document of a model as JSON text."""
    return dumps(emit(model))


def _config(model: Model, configs: dict[int, Any], dialect: Dialect, style: Style) -> Any:
    if model.kind == "sequential":
        return _sequential(model, configs, dialect, style)
    bases = {layer.name: layer.base for layer in model.layers if layer.base}
    node_bases = bases if dialect.node_bases else {}
    layers = []
    for layer in model.layers:
        calls = () if layer.is_input else tuple([dialect.write_node(node, node_bases) for node in layer.calls])
        layers.append(_entry(layer, configs, dialect, style) | {"name": layer.name, "inbound_nodes": calls})
    config = model.config | {
        "name": model.name,
        "layers": tuple(layers),
        "input_layers": _ends(model.inputs, bases, dialect, style),
        "output_layers": _ends(model.outputs, bases, dialect, style),
    }
    hold(dialect.frame, config)
    return config


def _entry(layer: Layer, configs: dict[int, Any], dialect: Dialect, style: Style) -> FrozenDict:
    if not layer.entry:
        return dialect.input_entry(layer, style.modern)
    return layer.entry if layer.model is None else layer.entry | {"config": configs[id(layer.model)]}


def _ends(structure: Any, bases: dict[str, int], dialect: Dialect, style: Style) -> Any:
    def leaf(ref: Any) -> Any:
        return (ref.layer, ref.call + bases.get(ref.layer, 0), ref.output) if type(ref) is TensorRef else ref

    return rebuild(dialect.ends(structure, style.form), leaf)


def _sequential(model: Model, configs: dict[int, Any], dialect: Dialect, style: Style) -> Any:
    layers = tuple(_entry(layer, configs, dialect, style) for layer in model.layers if not layer.implicit)
    if model.form == LIST:
        return layers
    config = model.config | ({"name": model.name, "layers": layers} if "name" in model.config else {"layers": layers})
    hold("SequentialConfig", config)
    return config
