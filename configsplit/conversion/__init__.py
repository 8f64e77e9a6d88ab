"""A model of Keras 1 or 2 as one of Keras 3 that computes the same: pure, by declared rules, class by class.

What has no equal in Keras 3 is refused, each layer with its reason and a remedy; nothing is left out in silence.
"""

from configsplit.catalog.keras3.refusals import Layout, Migration, Note, Refusal, Replacement
from configsplit.conversion.convert import Request, migrate

__all__ = ["Layout", "Migration", "Note", "Refusal", "Replacement", "Request", "migrate"]
