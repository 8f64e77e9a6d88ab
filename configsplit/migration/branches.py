"""A Sequential of Keras 1 that begins with a Merge of other models, as the graph that it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from configsplit.errors import DocumentError
from configsplit.inference.inputs import input_spec
from configsplit.ir.graph import Layer, Model, Node, Use
from configsplit.ir.values import FrozenDict


def opened(model: Model, read: Callable[[FrozenDict, str], Model]) -> Model:
    """The model with the branches of its first layer as layers of its own; any other model as it is.

    Raises:
        DocumentError: two branches have layers of one name, or a branch is damaged.
    """
    while (found := _branches(model)) is not None:
        merge, entries = found
        model = _opened(model, merge, [replace(read(entry, model.dialect), dialect=model.dialect) for entry in entries])
    return model


def _branches(model: Model) -> tuple[Layer, tuple[FrozenDict, ...]] | None:
    """The first Merge that holds the models it merges, and those."""
    for layer in model.layers:
        entries = layer.config.get("layers")
        if layer.class_name == "Merge" and type(entries) is tuple:
            return layer, entries
    return None


def _opened(model: Model, merge: Layer, branches: list[Model]) -> Model:
    layers: list[Layer] = []
    for branch in branches:
        layers += [
            replace(layer, implicit=False, spec=input_spec(branch, layer)) if layer.implicit else layer
            for layer in branch.layers
        ]
    ends = tuple(Use(ref) for branch in branches for ref in branch.output_refs())
    bare = replace(merge, entry=merge.entry | {"config": merge.config.without("layers")}, calls=(Node((ends,)),))
    own = {use.ref.layer for use in merge.calls[0].uses()} if model.kind == "sequential" else set()
    rest = [bare if layer is merge else layer for layer in model.layers if layer.name not in own]
    inputs = [ref for branch in branches for ref in branch.input_refs()]
    kept = [ref for ref in model.input_refs() if ref.layer not in own]
    names = [layer.name for layer in (*layers, *rest)]
    _check(names)
    made = (*layers, *rest)
    return replace(model, kind="functional", layers=made, inputs=(*inputs, *kept), form="")


def _check(names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DocumentError(
            f"two branches have a layer {twice!r}",
            code="document-duplicate-layer",
            where="layers[0].config.layers",
            hint="rename one of them in the file",
        )
