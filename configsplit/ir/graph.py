"""The old name of what plug-ins declare shapes with: `configsplit.plugins` has it now."""

from configsplit.graph.model import Shape as Shape
from configsplit.graph.model import TensorSpec as TensorSpec
