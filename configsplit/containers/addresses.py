"""Where each layer's weights lie in a weights file, per format and release; pure, it opens no file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from configsplit.catalog.table import class_facts
from configsplit.errors import WeightsError
from configsplit.graph.model import HeldBy, Layer, LayerPath, Model, nested, walk
from configsplit.graph.walking import grouped


class Layout(NamedTuple):
    """``kind`` and the group that holds the layers.

    ``"v3"``: groups named by class and ordinal (``layers/dense_1``). ``"tf213"``: the same by TF 2.12 and 2.13, under
    ``_layer_checkpoint_dependencies``. ``"legacy"``: groups named by layer.
    """

    kind: Literal["legacy", "v3", "tf213"]
    container: str


V3 = Layout("v3", "layers")
TF213 = Layout("tf213", "_layer_checkpoint_dependencies")
LEGACY = Layout("legacy", "model_weights")
LEGACY_WEIGHTS = Layout("legacy", "")


@lru_cache(maxsize=1024)
def snake_case(class_name: str) -> str:
    """The name that Keras gives to the group of a class: ``Conv2D`` -> ``conv2d``; a package (``pkg>``) is dropped."""
    name = class_name.rpartition(">")[2]
    name = re.sub(r"\W+", "", class_facts(name).own_name or name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


def is_stored(model: Model, layer: Layer) -> bool:
    """Whether the layer is one of ``model.layers``, which alone are stored: not the input of a Sequential, not an op."""
    if layer.implicit or (layer.is_input and model.kind == "sequential"):
        return False
    return not layer.is_operation


def addresses(
    model: Model,
    layout: Layout,
    has_weights: Callable[[LayerPath, str], bool] | None = None,
    inside: HeldBy = nested,
) -> dict[LayerPath, str]:
    """The group of every stored layer; ``inside`` says whether those in wrapped models count too.

    ``has_weights(path, group)`` is needed for ``"tf213"`` alone, where a layer that has weights takes two numbers; ask the
    file for it (`WeightFile.has_datasets`). A legacy file has groups for the outermost layers only: the group of a nested
    model holds the weights of all its layers (`inner_weights`).
    """
    if layout.kind == "legacy":
        prefix = f"{layout.container}/" if layout.container else ""
        return {(layer.name,): prefix + layer.name for layer in model.layers if is_stored(model, layer)}
    placed: dict[LayerPath, str] = {}
    todo: list[tuple[Model, LayerPath, str]] = [(model, (), "")]
    while todo:
        inner, path, group = todo.pop()
        container = f"{group}/{layout.container}" if group else layout.container
        level = _level(inner, path, container, has_weights if layout.kind == "tf213" else None)
        placed |= level
        places = {layer.name: (*path, layer.name) for layer in inner.layers}
        for layer in inner.layers:
            place, deeper = places[layer.name], inside(layer)
            if deeper is not None and place in level:
                todo.append((deeper, place, level[place] if layer.model is not None else f"{level[place]}/layer"))
    return placed


def _level(
    model: Model, path: LayerPath, container: str, has_weights: Callable[[LayerPath, str], bool] | None
) -> dict[LayerPath, str]:
    """The groups of one model's own layers, numbered by class in the order of the document."""
    taken: dict[str, int] = {}
    level: dict[LayerPath, str] = {}
    for layer in model.layers:
        if not is_stored(model, layer):
            continue
        name, place = snake_case(layer.class_name), (*path, layer.name)
        number = taken.get(name, 0)
        level[place] = f"{container}/{name}_{number}" if number else f"{container}/{name}"
        # TF 2.12 and 2.13 list a layer with weights twice, as layer-<i> and as layer_with_weights-<j>
        taken[name] = number + (2 if has_weights and has_weights(place, level[place]) else 1)
    return level


def inner_weights(layer: Layer, names: Sequence[str], inside: HeldBy = nested) -> dict[LayerPath, tuple[str, ...]]:
    """Which of the flat ``weight_names`` of the legacy group of a nested or wrapped model belong to which layer inside it.

    Paths are relative to the nested model. A name speaks for the innermost layer that one of its own components names.

    Raises:
        WeightsError: a weight names no layer inside, or several; placing it by position would be a guess.
    """
    owners: dict[str, list[LayerPath]] = {}
    top = inside(layer)
    for path, inner in walk(top, inside) if top else ():
        if inside(inner) is None and not inner.implicit:
            owners.setdefault(inner.name, []).append(path)
    placed = grouped((_owner(layer.name, name, owners), name) for name in names)
    return {path: tuple(row) for path, row in placed.items()}


_KERAS1_WEIGHT = re.compile(
    r"_(?:[WUb](?:_[a-z]+)?|gamma|beta|running_mean|running_std|alphas|betas|[ta]_left|[ta]_right|(?:depth|point)wise_kernel)$"
)
"""How Keras 1 ends the name of a weight, behind the name of its layer."""


def _owner(group: str, weight: str, owners: dict[str, list[LayerPath]]) -> LayerPath:
    pieces = weight.split("/")[:-1]
    spans = ("/".join(pieces[i:j]) for i in range(len(pieces)) for j in range(len(pieces), i, -1))  # names may hold "/"
    paths = next((owners[span] for span in spans if span in owners), [])
    if not pieces and (end := _KERAS1_WEIGHT.search(name := weight.removesuffix(":0"))):
        paths = owners.get(name[: end.start()], [])
    if len(paths) == 1:
        return paths[0]
    reason = "names no layer of the nested model" if not paths else f"could belong to any of {['/'.join(p) for p in paths]}"
    raise WeightsError(
        f"the weight {weight!r} {reason}",
        code="weights-ambiguous",
        where=group,
        hint="save the model as .keras, or cut outside of this nested model",
    )
