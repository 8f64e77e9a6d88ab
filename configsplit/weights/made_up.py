"""Names that Keras made up: a layer without a name of the user's is called after its class, with a number (``dense_4``).

An architecture and weights that two runs of one program saved differ in these numbers. Keras's ``load_weights`` goes by the
order of the layers; here that is done only where classes, numbers and order leave one reading.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from configsplit.catalog.rules import no_weights
from configsplit.catalog.table import Table
from configsplit.containers.addresses import inner_weights, is_stored, snake_case
from configsplit.containers.arrays import Arrays
from configsplit.graph.model import HeldBy, Layer, LayerPath, Model, walk

Names = Mapping[str, str]
"""Layer -> what the file calls it."""

_NUMBERED = re.compile(r"(.+?)(?:_(\d+))?")


def groups_by_order(model: Model, file: Arrays, inside: HeldBy) -> Names:
    """What a legacy file calls the layers of a model, where it has other names; empty where they are the same, or unlike."""
    container = file.layout.container
    groups = [name for name in file.layer_names if file.has_datasets(f"{container}/{name}" if container else name)]
    stored = [layer for layer in model.layers if is_stored(model, layer)]
    if {*groups} <= {layer.name for layer in stored}:
        return {}
    weighted = [layer for layer in stored if _may_have_weights(layer, model.dialect, inside)]
    pairs = _others(paired(weighted, groups))
    without = {layer.name for layer in stored} - {layer.name for layer in weighted}
    return {} if without & {*pairs.values()} else pairs


def owners(layer: Layer, names: Sequence[str], dialect: str, inside: HeldBy) -> dict[LayerPath, tuple[str, ...]]:
    """As `inner_weights`, also where a file has other made-up names. Raises WeightsError as `inner_weights` does."""
    back = {its: mine for mine, its in inner_pairs(layer, names, dialect, inside).items()}
    ours = {"/".join(back.get(step, step) for step in name.split("/")): name for name in names}
    owned = inner_weights(layer, names if len(ours) < len(names) else list(ours), inside)
    return {path: tuple(ours.get(name, name) for name in each) for path, each in owned.items()}


def inner_pairs(layer: Layer, names: Sequence[str], dialect: str, inside: HeldBy) -> Names:
    """What the flat group of a nested or wrapped model calls its layers, where it has other names, see `paired`."""
    held = inside(layer)
    leaves = [each for _, each in walk(held, inside) if inside(each) is None] if held else []
    own = {each.name for each in leaves}
    if all(own & {*name.split("/")[:-1]} for name in names):
        return {}
    weighted = [each for each in leaves if _may_have_weights(each, dialect, inside)]
    known = own | {base for each in weighted for base in _bases(each)}
    theirs: dict[str, None] = {}
    for name in names:
        steps = [step for step in name.split("/")[:-1] if step in known or _split(step)[0] in known]
        if not steps:
            return {}
        theirs[steps[-1]] = None
    return _others(paired(weighted, list(theirs)))


def _others(pairs: Names | None) -> Names:
    return {mine: its for mine, its in (pairs or {}).items() if mine != its}


def paired(layers: Iterable[Layer], names: Sequence[str]) -> Names | None:
    """The name in a file of each layer, where the two differ in numbers that Keras made up and in nothing else. Layers come in
    the order in which Keras loads them, names in that of the file. None where there is another reading: other layers, or
    numbers that tell another order.
    """
    every = list(layers)
    named = [at for at, layer in enumerate(every) if not is_nameless(layer)]
    if not len(named) < len(every) == len(names):
        return _paired(every, names)
    pairs = _paired([every[at] for at in named], [names[at] for at in named])
    nameless = {layer.name: names[at] for at, layer in enumerate(every) if at not in named}
    return None if pairs is None or {*pairs.values()} & {*nameless.values()} else {**pairs, **nameless}


def _paired(every: Sequence[Layer], names: Sequence[str]) -> Names | None:
    ours: dict[str, list[str]] = {}
    kinds: dict[str, str] = {}
    for layer in every:
        kind = _kind(layer)
        ours.setdefault(kind, []).append(layer.name)
        kinds |= dict.fromkeys(_bases(layer), kind) if kind != layer.name else {layer.name: kind}
    theirs: dict[str, list[str]] = {}
    for name in names:
        theirs.setdefault(kinds.get(name) or kinds.get(_split(name)[0], name), []).append(name)
    if {kind: _ranks(each) for kind, each in ours.items()} != {kind: _ranks(each) for kind, each in theirs.items()}:
        return None
    pairs = {mine: its for kind, each in ours.items() for mine, its in zip(each, theirs[kind], strict=True)}
    return pairs if [pairs[layer.name] for layer in every] == list(names) else None


def told(pairs: Names) -> str:
    """What is taken for granted, for people."""
    (mine, its), *others = pairs.items()
    more = f", and {len(others)} more" if others else ""
    return f"the weights have other numbers in made-up names, and are taken in order: {mine!r} is {its!r} in the file{more}"


def _may_have_weights(layer: Layer, dialect: str, inside: HeldBy) -> bool:
    held = inside(layer)
    leaves = [layer] if held is None else [each for _, each in walk(held, inside) if inside(each) is None]
    every = [Table().of(each, dialect) for each in leaves if not each.is_input]
    return any(facts is None or facts.weights is not no_weights for facts in every)


def is_nameless(layer: Layer) -> bool:
    """Whether its document has no name for it: a custom class wrote none, and only its place tells which it is."""
    return layer.model is None and "name" not in layer.entry and not layer.config.get("name")


def is_made_up(layer: Layer) -> bool:
    """Whether its name is one that Keras makes of its class and a number; a name of the user's is not."""
    return _split(layer.name)[0] in _bases(layer)


def _kind(layer: Layer) -> str:
    """One word for all layers of a class that have made-up names; a name of the user's stands for itself."""
    return f"{_bases(layer)[0]}_" if is_made_up(layer) else layer.name


def _bases(layer: Layer) -> tuple[str, ...]:
    """What Keras calls layers of a class, without the number: Keras 1 writes all in one."""
    bare = layer.class_name.rpartition(">")[2]
    if layer.model is not None and layer.model.kind == "functional":
        return ("model", "functional", snake_case(bare))
    return (snake_case(bare), bare.lower())


def _split(name: str) -> tuple[str, int]:
    base, number = re.fullmatch(_NUMBERED, name).groups() if name else ("", None)  # type: ignore[union-attr]
    return base, int(number or 0)


def _ranks(names: Sequence[str]) -> list[int]:
    """The places of names by their numbers."""
    return sorted(range(len(names)), key=lambda at: _split(names[at])[1])
