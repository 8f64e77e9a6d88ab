"""A model of Keras 3 as today's Keras writes it: single tensors bare, layers in its order, nothing that only training needs."""

from __future__ import annotations

from dataclasses import replace

from configsplit.catalog.keras3.today import as_today
from configsplit.conversion.finish import BARE, single
from configsplit.dialects import emit, parse
from configsplit.graph.json import dumps
from configsplit.graph.model import LayerPath, Model, innermost_first
from configsplit.graph.rebuild_order import reordered

_TRAINING = "compile_config"


def renewed(model: Model) -> Model:
    """The model, and all that are nested in it, so; each entry says where its class stands.

    Before 3.11 a single tensor and a list of one were written alike, and meant the tensor.
    """
    model = replace(parse(dumps(as_today(emit(_named(model))))).model, form=model.form)
    made: dict[LayerPath, Model] = {}
    for path, each in innermost_first(model):
        layers = tuple(
            replace(layer, model=made.get((*path, layer.name)), entry=layer.entry.without(_TRAINING)) for layer in each.layers
        )
        ends = {} if model.form == BARE else {"inputs": single(each.inputs), "outputs": single(each.outputs)}
        made[path] = reordered(replace(each, layers=layers, entry=each.entry.without(_TRAINING), **ends))
    return replace(made[()], form=BARE)


def _named(model: Model) -> Model:
    """With the name of every layer in the document: those that are called after their place, and class, are called otherwise
    when that is written as today."""
    made: dict[LayerPath, Model] = {}
    for path, each in innermost_first(model):
        layers = (replace(layer, model=made.get((*path, layer.name))).named() for layer in each.layers)
        made[path] = each.with_layers(tuple(layers))
    return made[()]
