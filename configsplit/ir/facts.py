"""The old name of what plug-ins declare with: `configsplit.plugins` has it now."""

from configsplit.catalog.facts import CallFacts as CallFacts
from configsplit.catalog.facts import FunctionFacts as FunctionFacts
from configsplit.catalog.facts import LayerFacts as LayerFacts
from configsplit.catalog.facts import WeightSpec as WeightSpec
from configsplit.catalog.facts import dims as dims
from configsplit.catalog.facts import same_as_input as same_as_input
from configsplit.graph.model import TensorSpec as TensorSpec
