"""With what each layer is made, taken down while its library makes it: not every class keeps or writes all of it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from configsplit.runtime.frameworks import Framework

Made: TypeAlias = Mapping[int, tuple[Any, tuple[Any, ...], dict[str, Any]]]
"""By the id of a layer the layer itself, which keeps the id its own, and the arguments of its constructor."""


@contextmanager
def taking_down(works: Framework) -> Iterator[Made]:
    """Layers of Keras 3 that are made in here stand in what is given, with the arguments of their constructors."""
    made: dict[int, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {}
    kinds = (works.module.Operation, works.module.Model)  # that of a model does not hand on what it is given
    originals = [kind.__new__ for kind in kinds]

    def taken_by(original: Any) -> Any:
        def new(kind: type, *args: Any, **kwargs: Any) -> Any:
            layer = original(kind, *args, **kwargs)
            kept = works.module.tree.map_structure(lambda each: each, (args, kwargs))  # lists may be changed afterwards
            made[id(layer)] = (layer, *kept)
            return layer

        return staticmethod(new)

    for kind, original in zip(kinds, originals, strict=True):
        kind.__new__ = taken_by(original)
    try:
        yield made
    finally:
        for kind, original in zip(kinds, originals, strict=True):
            kind.__new__ = original


def constructor_config(layer: Any, made: Made, works: Framework) -> dict[str, Any] | None:
    """The arguments that a layer was made with, as Keras writes them into a config; None where they were not taken down."""
    if id(layer) not in made:
        return None
    _, args, kwargs = made[id(layer)]
    signature = inspect.signature(type(layer).__init__)
    given = dict(signature.bind(None, *args, **kwargs).arguments)
    given.pop(next(iter(signature.parameters)))
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            given.update(given.pop(name, {}))
        elif parameter.kind is parameter.VAR_POSITIONAL and given.pop(name, ()):
            raise TypeError(f"its constructor takes *{name}, which no config has")
    written: dict[str, Any] = json.loads(json.dumps(works.module.saving.serialize_keras_object(given)))
    return written
