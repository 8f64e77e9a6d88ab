"""Live models as they are: which Keras made them, the classes that they use, their layers by path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from configsplit.errors import DocumentError, WeightsError
from configsplit.graph.model import LayerPath
from configsplit.hazards import ROOTS
from configsplit.runtime.frameworks import Framework, framework


def framework_of(live: Any) -> Framework:
    """The Keras that a live model or layer belongs to; user classes count by the Keras class that they come from."""
    packages = {base.__module__.partition(".")[0] for base in type(live).__mro__}
    for name in ("tf_keras", "keras"):
        if name in packages:
            return framework(name)
    raise DocumentError(
        f"a {type(live).__name__} is not a model or layer of Keras 3 or tf_keras",
        code="live-not-keras",
        hint="load it with keras.models.load_model; files are for `configsplit.load`",
    )


def _children(layer: Any) -> list[Any]:
    flat = list(layer._flatten_layers(include_self=False, recursive=False)) if hasattr(layer, "_flatten_layers") else []
    return [*flat, *getattr(layer, "operations", ())]


def inner_layers(live: Any, inside: Callable[[Any], list[Any]] = _children) -> Iterator[Any]:
    """The layer itself and all layers inside it, each once, outer ones first."""
    seen: set[int] = set()
    todo = [live]
    while todo:
        layer = todo.pop()
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        yield layer
        todo.extend(reversed(inside(layer)))


def classes_of(live: Any, framework: Framework, given: Mapping[str, type] | None = None) -> dict[str, Any]:
    """The classes that a live model may be rebuilt with: those given, those registered with Keras, and those of its layers.

    They are in this process already, so that building them again runs no code that has not been run.
    """
    classes: dict[str, Any] = {}
    placed: dict[str, Any] = {}
    twice: set[str] = set()
    for layer in inner_layers(live):
        kind = type(layer)
        if kind.__module__.partition(".")[0] in ROOTS or kind.__name__ in (given or {}):
            continue
        placed[f"{kind.__module__}:{kind.__name__}"] = kind
        if classes.setdefault(kind.__name__, kind) is not kind:
            twice.add(kind.__name__)
            if framework.name != "keras" or placed_alike(classes[kind.__name__], kind):
                raise DocumentError(
                    f"the model uses two classes that are both called {kind.__name__!r}",
                    code="live-two-classes",
                    where=str(layer.name),
                    hint="give one of them another name",
                )
    classes = {name: kind for name, kind in classes.items() if name not in twice} | placed
    return {**framework.module.saving.get_custom_objects(), **classes, **(given or {})}


def placed_alike(one: type, other: type) -> bool:
    """Whether a document, which has a class's module and name, could mean either."""
    return (one.__module__, one.__name__) == (other.__module__, other.__name__)


def layer_at(live: Any, path: LayerPath) -> Any:
    """The layer at a path of names."""
    layer = live
    for name in path:
        held = layer if hasattr(layer, "layers") else getattr(layer, "layer", layer)  # what TimeDistributed runs
        each_of = [*getattr(held, "layers", ()), *getattr(held, "operations", ())]
        named = {id(each): each for each in each_of if each.name == name}
        if len(named) != 1:
            raise WeightsError(
                f"the live model has {len(named) or 'no'} layers {'/'.join(path)!r}",
                code="weights-unknown-layer",
                where="/".join(path),
            )
        layer = next(iter(named.values()))
    return layer
