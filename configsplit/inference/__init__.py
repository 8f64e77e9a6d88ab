"""Shapes, dtypes, weights, operations and masks of layer classes, as declared rules, for documents that do not record them."""

from configsplit.catalog.table import ABSTRACT, BUILT_IN, OPAQUE, Table
from configsplit.inference.built import Built
from configsplit.inference.clashes import clashes_in, clashing
from configsplit.inference.counts import Counts, count, counted, layer_weights, operations_of, weights_of
from configsplit.inference.infer import infer, takers, trace
from configsplit.inference.known import RULE_ERRORS, Inference, ReadModel, explain, trail
from configsplit.inference.mask_rules import Mask, attended, fills_mask
from configsplit.inference.masks import MaskKey, MaskLevels, Masks, every_mask, masked, traced_masks
from configsplit.inference.recorded import agree, in_words
from configsplit.inference.undeclared import blamed

__all__ = [
    "ABSTRACT",
    "BUILT_IN",
    "OPAQUE",
    "RULE_ERRORS",
    "Built",
    "Counts",
    "Inference",
    "Mask",
    "MaskKey",
    "MaskLevels",
    "Masks",
    "ReadModel",
    "Table",
    "agree",
    "attended",
    "blamed",
    "clashes_in",
    "clashing",
    "count",
    "counted",
    "every_mask",
    "explain",
    "fills_mask",
    "in_words",
    "infer",
    "layer_weights",
    "masked",
    "operations_of",
    "takers",
    "trace",
    "traced_masks",
    "trail",
    "weights_of",
]
