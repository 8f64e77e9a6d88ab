"""Custom objects: what plug-ins declare, where plug-ins are found, and a Registry that is a value."""

import sys
from types import ModuleType
from typing import Any

from configsplit.catalog.facts import CallFacts, FunctionFacts, LayerFacts, WeightSpec, same_as_input
from configsplit.graph.model import TensorSpec
from configsplit.plugins.registry import Framework, Plugin, Registry, plugins

__all__ = [
    "CallFacts",
    "Framework",
    "FunctionFacts",
    "LayerFacts",
    "Plugin",
    "Registry",
    "TensorSpec",
    "WeightSpec",
    "same_as_input",
]


class _Room(ModuleType):
    """As soon as this package is imported, ``configsplit.plugins`` is it, and not the verb any more: so it can be called."""

    def __call__(self, *arguments: Any, **options: Any) -> Registry:
        return plugins(*arguments, **options)


sys.modules[__name__].__class__ = _Room
