"""Shapes, dtypes, weights, operations and masks of layer classes, as declared rules, for documents that do not record them."""

from configsplit.catalog.table import BUILT_IN
from configsplit.inference.built import Built, hands_on, keeps_float32, keeps_shape
from configsplit.inference.counts import archived_of, counted, operations_of, weights_of
from configsplit.inference.infer import takers, trace
from configsplit.inference.known import RULE_ERRORS, Inference, explain, trail
from configsplit.inference.mask_rules import Mask, attended, fills_mask
from configsplit.inference.masks import MaskKey, MaskLevels, Masks, every_mask, traced_masks
from configsplit.inference.recorded import agree, in_words
from configsplit.inference.undeclared import blamed

__all__ = [
    "BUILT_IN",
    "RULE_ERRORS",
    "Built",
    "Inference",
    "Mask",
    "MaskKey",
    "MaskLevels",
    "Masks",
    "agree",
    "archived_of",
    "attended",
    "blamed",
    "counted",
    "every_mask",
    "explain",
    "fills_mask",
    "hands_on",
    "in_words",
    "keeps_float32",
    "keeps_shape",
    "operations_of",
    "takers",
    "trace",
    "traced_masks",
    "trail",
    "weights_of",
]
