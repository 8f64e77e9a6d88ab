"""Custom objects: what plug-ins declare, where plug-ins are found, and a Registry that is a value."""

from configsplit.catalog.facts import CallFacts, FunctionFacts, LayerFacts, WeightSpec, same_as_input
from configsplit.graph.model import TensorSpec
from configsplit.plugins.observed import observed
from configsplit.plugins.registry import Framework, Plugin, Registry

__all__ = [
    "CallFacts",
    "Framework",
    "FunctionFacts",
    "LayerFacts",
    "Plugin",
    "Registry",
    "TensorSpec",
    "WeightSpec",
    "observed",
    "same_as_input",
]
