"""A conversion carried on to an older Keras: back to Keras 2, to TensorFlow.js, to an older release of Keras 3."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from configsplit.boundaries.sizes import beside_inputs
from configsplit.catalog.releases import minors, releases
from configsplit.catalog.table import class_facts
from configsplit.containers.source import Source
from configsplit.conversion import Migration, Refusal
from configsplit.conversion.keras2.migrate import to_keras2
from configsplit.conversion.older_release import LISTED_UNTIL, for_minor
from configsplit.conversion.tfjs import for_browsers
from configsplit.dialects import emit, parse, read_entry
from configsplit.errors import OptionError, StoreError
from configsplit.graph.json import dumps
from configsplit.graph.model import Layer, LayerPath, Model, TensorRef, TensorSpec, walk
from configsplit.inference import trace
from configsplit.models.releases import loadable
from configsplit.saving.conversion import WRITTEN_BACK, Converted
from configsplit.saving.converted_masks import changed_back
from configsplit.weights.keras2 import in_order

_OLDEST = "3.3"
"""The oldest release of Keras 3 that files are written for: 3.0 takes the weights of a Bidirectional from another place."""


def release_named(target: str) -> int:
    """Which of the minor releases of Keras 3 a text names, by its number among them."""
    match = re.fullmatch(r"(3\.\d+)(\.\d+)?", target)
    able = minors()[minors().index(_OLDEST) :]
    if match is None or match[1] not in able:
        raise OptionError(
            f"{target!r} is not a Keras 3 release that files can be written for",
            code="option-unknown",
            where="target",
            hint=f"name one of {able[0]} to {able[-1]}; earlier ones keep weights elsewhere in their archives",
        )
    return minors().index(match[1])


def stays_as_it_is(source: Source) -> bool:
    """Whether a model of Keras 2 has its weights, if it has any, as an ``.h5`` file holds them."""
    return source.weights is None or source.weights.layout.kind == "legacy"


def for_release(made: Converted, target: str) -> Converted:
    """A conversion to today's Keras 3, for an older release of it."""
    model, number = made.migration.model, release_named(target)
    if model is None:
        return made
    if number <= minors().index(LISTED_UNTIL):
        model = replace(model, form="")
    document, refused = for_minor(emit(model), number)
    if not refused and minors()[number] not in (able := loadable(document)).releases:
        limit = able.limits[0]
        hint = "name another release with --target, or change the model"
        refused = (Refusal(limit.where, "convert-target", limit.message, hint),)
    anew = replace(parse(dumps(document)).model, form=model.form)
    migration = replace(made.migration, model=None if refused else anew, refusals=(*made.migration.refusals, *refused))
    return replace(made, migration=migration, release=releases()[number])


def written_back(made: Converted, source: Source, given: Mapping[TensorRef, TensorSpec]) -> Converted:
    """A conversion carried on to Keras 2, or to TensorFlow.js."""
    migration = made.migration
    if migration.model is not None and migration.model.dialect == "keras3":
        migration = _keras2(made, migration, migration.model, source, given)
    if made.to == "tfjs" and migration.model is not None:
        migration = for_browsers(migration, migration.model, made.document.facts)
    return replace(made, migration=migration, release=made.document.release if _is_old(made) else WRITTEN_BACK)


def _is_old(made: Converted) -> bool:
    """Whether the model was of Keras 2 before, and its file says of which release."""
    model = made.migration.model
    return made.document.dialect == "keras2" and bool(made.document.release) and model is made.document.model


def _keras2(
    made: Converted, migration: Migration, model: Model, source: Source, given: Mapping[TensorRef, TensorSpec]
) -> Migration:
    document = made.document
    model = _with_words(model, made, source)
    known = beside_inputs(document, given)[0] if given else {}
    inference = trace(model, document.facts, known, dialect="keras3", read=read_entry)
    if lacking := tuple(_without_words(model, source)):
        return replace(migration, model=None, refusals=(*migration.refusals, *lacking))
    back = to_keras2(model, inference, document.facts, lambda each: changed_back(inference, document.facts, each))
    notes = (*migration.notes, *back.notes)
    if back.model is None:
        return replace(back, notes=notes)
    layouts = migration.layouts
    if document.dialect != "keras3" or (source.weights is not None and source.weights.layout.kind != "legacy"):
        layouts = in_order(model, inference, layouts, document.facts)
    return Migration(
        back.model,
        {path: migration.origins[old] for path, old in back.origins.items() if old in migration.origins},
        {path: layouts[old] for path, old in back.origins.items() if old in layouts},
        (),
        notes,
    )


# ------------------------------------------------------------------------------------------------------- vocabularies


def _with_words(model: Model, made: Converted, source: Source) -> Model:
    """The model with the vocabularies that an archive keeps beside the weights in the configs, where ``.h5`` files have
    them."""
    if source.weights is None or not source.assets:
        return model
    groups, origins = _groups(made, source), made.migration.origins
    changed: dict[LayerPath, Model] = {}
    nested = [(path, layer.model) for path, layer in walk(model) if layer.model is not None]
    for path, each in [*reversed(nested), ((), model)]:
        layers = []
        for layer in each.layers:
            place = (*path, layer.name)
            inner = replace(layer, model=changed[place]) if place in changed else layer
            layers.append(_told(inner, groups.get(origins.get(place, place), ""), source))
        changed[path] = each.with_layers(tuple(layers))
    return changed[()]


def _groups(made: Converted, source: Source) -> Mapping[LayerPath, str]:
    from configsplit.weights.conversion import OldWeights

    return {} if source.weights is None else OldWeights(made.document, source.weights).weights.groups


def _without_words(model: Model, source: Source) -> Iterator[Refusal]:
    """A refusal for each layer whose words are not in the file; an architecture alone has none to lose."""
    for path, layer in walk(model) if source.weights is not None else ():
        looked_up = class_facts(layer.class_name).numbers in ("coded", "split")
        if looked_up and layer.config.get("vocabulary", True) is None:
            hint = "save the model as .keras, or give the layer its vocabulary again"
            yield Refusal("/".join(path), "layout-assets", "its vocabulary is not in the file", hint)


def _told(layer: Layer, group: str, source: Source) -> Layer:
    """A layer that looks up words, with its vocabulary."""
    if class_facts(layer.class_name).numbers not in ("coded", "split") or layer.config.get("vocabulary", True):
        return layer
    below = [name for name in source.assets if group and name.startswith(f"assets/{group}/")]
    name = next((each for each in below if each.endswith("vocabulary.txt")), None)
    if name is None:
        return layer
    try:
        lines = b"".join(source.asset(name)).decode("utf-8").split("\n")
        numbers = "vocabulary_dtype" in layer.config  # words have an encoding instead
        words = tuple(int(line) for line in lines if line) if numbers else tuple(lines)
    except ValueError:
        where = f"{source.path}:{name}"
        raise StoreError("the vocabulary is damaged", code="archive-damaged", where=where, hint="copy the file again") from None
    told: dict[str, Any] = {"vocabulary": words}
    if source.weights is not None and f"{group}/vars/idf_weights" in source.weights.datasets:
        told["idf_weights"] = tuple(source.weights.read(f"{group}/vars/idf_weights").tolist()[: len(words)])
    return replace(layer, entry=layer.entry | {"config": layer.config | told})
