"""What is known to be harmless when a model is built: classes, functions and operations of Keras, by name and place.

What does not stand here is a hazard, whatever it is. `hazards.hazards` reads documents by this table, `runtime.resolving` turns
its entries into objects of the installed framework. Nothing is imported here.
"""

from configsplit.catalog.classes import CLASSES, LAMBDA_PLACES, MARKS, OUTSIDE, TYPE_SPECS, known_places
from configsplit.catalog.functions import (
    ACTIVATIONS,
    CONSTRAINTS,
    FUNCTION_MODULES,
    INITIALIZERS,
    MEASURES,
    OPERATION_PLACES,
    PROPERTIES,
    REGULARIZERS,
    is_dtype,
    is_pure_function,
    is_pure_node,
)

__all__ = [
    "ACTIVATIONS",
    "CLASSES",
    "CONSTRAINTS",
    "FUNCTION_MODULES",
    "INITIALIZERS",
    "LAMBDA_PLACES",
    "MARKS",
    "MEASURES",
    "OPERATION_PLACES",
    "OUTSIDE",
    "PROPERTIES",
    "REGULARIZERS",
    "TYPE_SPECS",
    "is_dtype",
    "is_pure_function",
    "is_pure_node",
    "known_places",
]
