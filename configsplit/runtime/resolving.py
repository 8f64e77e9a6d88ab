"""How a framework finds the classes and functions that a document names while a model is built: through the catalog alone.

Keras resolves a reference in one function, which imports the module that the document names. For the time of a build that
function is replaced by ours: plug-ins' objects first, then entries of `configsplit.catalog`, looked up at places that stand
there. The document's module only ever tells two entries of one name apart. This holds whatever a file says when the framework
opens it, a second time, after the search for hazards.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from configsplit.catalog.classes import TYPE_SPECS, known_places
from configsplit.catalog.functions import ACTIVATIONS, MEASURES, OPERATION_PLACES
from configsplit.errors import DocumentError, RuntimeUnavailableError
from configsplit.runtime.frameworks import Framework

_RESOLVER = "_retrieve_class_or_fn"
_FUNCTION_PLACES = ("activations", "losses", "metrics")


@contextlib.contextmanager
def resolving(framework: Framework, objects: Mapping[str, Any]) -> Iterator[None]:
    """Within this block the framework deserializes nothing but ``objects``, by name, and what the catalog has."""
    library = importlib.import_module(f"{framework.name}.src.saving.serialization_lib")
    original = getattr(library, _RESOLVER, None)
    if original is None:
        raise RuntimeUnavailableError(
            f"{framework.name} {framework.version} looks classes up in a way that configsplit does not know",
            code="runtime-unknown-release",
            hint="install a release that configsplit was tested with, see docs/stability.md",
        )

    def resolve(
        name: str, registered_name: Any, module: Any, obj_type: str, full_config: Any, custom_objects: Any = None
    ) -> Any:
        return _resolved(framework, objects, name, registered_name, module, function=obj_type == "function")

    setattr(library, _RESOLVER, resolve)
    try:
        yield
    finally:
        setattr(library, _RESOLVER, original)


@contextlib.contextmanager
def named_as_written(framework: Framework) -> Iterator[None]:
    """Layers that are made of a document in here have the names beside their configs: Keras joins them to their calls by these,
    and makes up another for a layer whose constructor takes none."""
    library: Any = importlib.import_module(f"{framework.name}.src.saving.serialization_lib")
    original = library.deserialize_keras_object

    def named(config: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(config, *args, **kwargs)
        if isinstance(config, dict) and "inbound_nodes" in config and made.name != config.get("name", made.name):
            made.name = config["name"]
        return made

    library.deserialize_keras_object = named
    try:
        yield
    finally:
        library.deserialize_keras_object = original


def _resolved(
    framework: Framework, objects: Mapping[str, Any], name: str, registered: Any, module: Any, *, function: bool
) -> Any:
    wanted = (name,) if function else (registered, f"{module}:{name}", name)
    for key in wanted:
        if isinstance(key, str) and key in objects:
            return objects[key]
    resolved = _function(framework, objects, name) if function else _class(framework, name, module)
    if resolved is None:
        raise DocumentError(
            f"the {'function' if function else 'class'} {name!r} is not known to be harmless, or not there in "
            f"{framework.name} {framework.version}",
            code="runtime-unresolved",
            where=str(name),
            hint="if it is yours, declare it with --custom-objects; else another release of Keras may have it",
        )
    return resolved


def _function(framework: Framework, objects: Mapping[str, Any], name: str) -> Any:
    if name in ACTIVATIONS | MEASURES:
        for place in _FUNCTION_PLACES:
            if (function := getattr(getattr(framework.module, place), name, None)) is not None:
                return function
    packaged = [item for key, item in objects.items() if key.endswith(f">{name}")]
    return packaged[0] if len(packaged) == 1 else None


def _class(framework: Framework, name: str, module: Any) -> Any:
    if name in TYPE_SPECS:
        return getattr(importlib.import_module("tensorflow"), name.removeprefix("tf."), None)
    if module in OPERATION_PLACES:
        return _operation(name, OPERATION_PLACES[OPERATION_PLACES.index(module)])
    for place in known_places(name, framework.name, module):
        if (kind := _at(place, name)) is not None:
            return kind
    return None


def _operation(name: str, place: str) -> Any:
    from configsplit.catalog.operations import operation_table
    from configsplit.catalog.operations.layers import snake

    return _at(place, name) if snake(name) in operation_table.KERAS else None


def _at(place: str, name: str) -> Any:
    """A class at a place of the catalog; public packages of Keras are attributes, private ones are imported."""
    steps = place.split(".")
    if "src" in steps or steps[0] == "tensorflow":
        try:
            holder: Any = importlib.import_module(place)
        except ImportError:
            return None
    else:
        holder = importlib.import_module(steps[0])
        for step in steps[1:]:
            holder = getattr(holder, step, None)
    kind = getattr(holder, name, None)
    return kind if isinstance(kind, type) else None
