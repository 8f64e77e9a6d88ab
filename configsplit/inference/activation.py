"""Activation layers."""

from __future__ import annotations

from configsplit.inference.rules import Weights, declare, declared_dtype, first_shape, kept_dtype, one_output, weight
from configsplit.ir.facts import CallFacts


def prelu_weights(call: CallFacts) -> Weights:
    """One slope for each place of a sample, shared along ``shared_axes`` (counted with the batch)."""
    shared = call.config.get("shared_axes") or ()
    shape = first_shape(call)
    return (weight(call, "alpha", *(1 if axis in shared else shape[axis] for axis in range(1, len(shape)))),)


_SAME = one_output(first_shape, declared_dtype)

LAYERS = (
    *declare("Activation ReLU", one_output(first_shape, kept_dtype), mask="passes"),
    *declare("LeakyReLU ELU ThresholdedReLU", _SAME, mask="passes"),
    *declare("Softmax", _SAME, mask="passes", uses_mask=("mask",)),
    *declare("PReLU", _SAME, prelu_weights, mask="passes"),
)
