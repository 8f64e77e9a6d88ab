"""Give layers other names, on the surface and in nested models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from configsplit.errors import TensorReferenceError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, LayerPath, Model, Structure, TensorRef
from configsplit.graph.provenance import Origin, Provenance, identity
from configsplit.rewrites.common import Rewritten, redirected, refs_mapped, within
from configsplit.rewrites.nested.open import renamed


def rename_layers(model: Model, names: Mapping[LayerPath, str]) -> Rewritten:
    """The model with each layer of ``names`` called otherwise; all at once, so that two layers may swap their names. Raises
    TensorReferenceError if two layers of one model would have the same name.
    """
    levels: dict[LayerPath, dict[str, str]] = {}
    for path, name in names.items():
        levels.setdefault(path[:-1], {})[path[-1]] = name
    made = model
    for place in sorted(levels, key=len, reverse=True):  # innermost first: the way to them has its old names still
        made = within(made, place, lambda inner, place=place: renamed_layers(inner, levels[place]))  # type: ignore[misc]
    made = replace(made, inputs=_keyed(made.inputs, levels.get((), {})))
    origins: dict[LayerPath, Origin] = {}
    origins |= {(names.get(path, path[0]),): origin for path, origin in identity(model).layers.items()}
    origins |= {_new_path(path, names): Origin(path) for path in names if len(path) > 1}
    return Rewritten(made, Provenance(origins))


def _keyed(inputs: Structure, names: Mapping[str, str]) -> Structure:
    """Inputs that are given by name, in a dict: a key that is the old name of its layer becomes the new one."""
    if not isinstance(inputs, FrozenDict):
        return inputs
    moved = {key: names[key] for key, ref in inputs.items() if key in names and ref == TensorRef(names[key])}
    if len({*inputs} - {*moved} | {*moved.values()}) != len(inputs):
        return inputs  # another input has that key
    return FrozenDict({moved.get(key, key): ref for key, ref in inputs.items()})


def _new_path(path: LayerPath, names: Mapping[LayerPath, str]) -> LayerPath:
    return tuple(names.get(path[: depth + 1], name) for depth, name in enumerate(path))


def renamed_layers(model: Model, names: Mapping[str, str]) -> Model:
    """One model with some of its own layers renamed."""
    layers = tuple(renamed(layer, names.get(layer.name, layer.name)) for layer in model.layers)
    _check(model, layers)

    def moved(ref: TensorRef) -> TensorRef:
        return ref._replace(layer=names.get(ref.layer, ref.layer))

    inputs = refs_mapped(model.inputs, moved)
    return redirected(replace(model, layers=layers, inputs=inputs), lambda _, ref: moved(ref))


def _check(model: Model, layers: tuple[Layer, ...]) -> None:
    seen: dict[str, str] = {}
    for old, new in zip(model.layers, layers, strict=True):
        if new.name in seen:
            raise TensorReferenceError(
                f"{seen[new.name]!r} and {old.name!r} would both be called {new.name!r}",
                code="rename-taken",
                where=new.name,
                hint="names are unique within a model; rename the other layer in the same command: OTHER=NEW",
            )
        seen[new.name] = old.name
