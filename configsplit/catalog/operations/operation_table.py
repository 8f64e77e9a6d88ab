"""All operations of Keras 3, put together from the families of the modules beside this one."""

from __future__ import annotations

from collections.abc import Mapping

from configsplit.catalog.operations import arrays, elementwise, indexing, neural, products, signals
from configsplit.catalog.operations.common import Operation

KERAS: Mapping[str, Operation] = {
    name: operation
    for family in (elementwise, arrays, indexing, products, signals, neural)
    for name, operation in family.OPERATIONS.items()
}
"""By the name of their function (``expand_dims``)."""
