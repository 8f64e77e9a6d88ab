"""The verbs, each by its name and in a few words. What more there is to say of one is its record: the file of its name here.

This file alone is read for ``import configsplit`` and ``configsplit --help``; a record when its verb is asked for, and what a
verb does when it is called.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from configsplit.verbs.table.verb import Verb

VERBS = {
    "split": "Cut a model into parts, at any layer.",
    "cuts": "List the places where a model can be cut, each with its price.",
    "verify": "Prove that parts equal the whole that they were cut from.",
    "extract": "Take out the sub-network between any tensors.",
    "insert": "Put a fragment between a tensor and what takes it.",
    "replace": "Let a donor take the place of what lies between tensors.",
    "remove": "Take layers out; their input stands for their output.",
    "rename": "Call layers otherwise; patterns work.",
    "freeze": "Freeze layers before or behind a tensor, or by name.",
    "layers": "List the layers upstream or downstream of a tensor.",
    "join": "Undo a split, or compose models into one.",
    "convert": "Bring a model to today's Keras 3, configuration and weights: of Keras 1, 2 or 3, in any kind of file.",
    "weights": "Write the weights of a model alone, under stable names: safetensors, npz, .weights.h5.",
    "inspect": "Tell what a model file is, without building it.",
    "validate": "Hold files against the published JSON Schemas.",
    "batch": "Do a recipe on every model of a zoo: thousands, unattended.",
    "profile": "Measure what each layer takes on this machine, for balancing stages by latency (needs Keras).",
    "plugins": "List the custom objects that are known, and where each comes from.",
}


def record(name: str) -> Verb:
    """The record of a verb."""
    found: Verb = import_module(f"{__name__}.{name}").VERB
    return found


def function(name: str) -> Any:
    """The Python function of a verb; what it needs is imported now."""
    module, _, attribute = record(name).function.partition(":")
    return getattr(import_module(module), attribute)
