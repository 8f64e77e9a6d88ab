"""Before anything is written: are there weights for every layer that needs some, and can the format hold them?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from configsplit.containers.addresses import is_stored
from configsplit.containers.container import Format
from configsplit.errors import StoreError, WeightsError
from configsplit.graph.model import Layer, LayerPath, walk
from configsplit.inference import weights_of
from configsplit.models.results import Edited
from configsplit.models.wrapped import held_by
from configsplit.weights.layouts import check_format
from configsplit.weights.parts import Weights
from configsplit.weights.placement import Gathering, check_frozen, known_inside


def check_complete(edited: Edited, weights: Sequence[Weights | None]) -> None:
    """Raises WeightsError if a layer has weights, but came from nowhere or from a source without any."""
    reach = held_by(edited.model.dialect)
    apart = edited.provenance.told_apart()
    for path, layer in walk(edited.model, reach):
        if path in apart and reach(layer) is not None:
            continue
        origin = edited.provenance.origin(path)
        there = origin is not None and _holds(weights[origin.source], origin.path)
        if there or layer.is_input or layer.model is not None or (len(path) == 1 and not is_stored(edited.model, layer)):
            continue
        around = known_inside(edited.inference, path[:-1])
        declared = () if around is None else weights_of(around, layer)
        if declared is None or declared:
            raise _missing(edited, path, layer, declared is None)


def _holds(weights: Weights | None, path: LayerPath) -> bool:
    """Whether a source has weights of a layer, or may have; where layers take theirs by name it does if it has that name."""
    if weights is None or not weights.file.by_name:
        return weights is not None
    return weights.groups.get(path[:1]) in weights.file.groups


def _missing(edited: Edited, path: LayerPath, layer: Layer, undeclared: bool) -> WeightsError:
    name, origin = "/".join(path), edited.provenance.origin(path)
    if edited.verb == "join" and origin is None:
        return WeightsError(
            f"the weights of {name!r} are in none of the parts",
            code="join-lost-layer",
            where=name,
            hint="no output needed it when the model was cut; join the architecture alone: --no-weights --out FILE.json",
        )
    where = "" if origin is None else f" of {edited.documents[origin.source].path.name}"
    need = "may have weights (no plug-in declares its class)" if undeclared else "has weights"
    return WeightsError(
        f"layer {name!r} ({layer.class_name}){where} {need}, and there are none for it",
        code="surgery-no-weights",
        where=name,
        hint="give them (a .keras or .h5 file, or --donor-weights FILE), or write the architecture alone: --no-weights",
    )


def check_layouts(gathering: Gathering, chosen: Format, path: Path) -> None:
    files = [weights.file for weights in gathering.sources if weights is not None]
    kinds = {file.layout.kind for file in files}
    if len(kinds) > 1:
        raise StoreError(
            f"{files[0].where} and {files[-1].where} store their weights in different layouts",
            code="surgery-layouts",
            where=files[-1].where,
            hint="bring both to Keras 3 first: configsplit convert FILE --out NEW.keras",
        )
    layout = gathering.first.file.layout.kind
    check_format(chosen, layout, str(path), "name the output .{0}, or .json for architecture and weights apart")
    if layout == "legacy":
        check_frozen(gathering)
