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
    "cuts": "List where a model can be cut, and what each cut costs.",
    "verify": "Prove that the parts equal the model they were cut from.",
    "extract": "Extract the sub-network between any tensors.",
    "insert": "Insert a layer or model between a tensor and its consumers.",
    "replace": "Swap what lies between two tensors for another model.",
    "remove": "Remove layers, connecting their input to their consumers.",
    "rename": "Rename layers, one by one or by pattern.",
    "freeze": "Freeze layers before or after a tensor, or by name.",
    "layers": "List the layers upstream or downstream of a tensor.",
    "join": "Undo a split, or compose models into one.",
    "convert": "Convert a model of any Keras to today's Keras 3, weights included.",
    "expand": "Write the graph of a model whose file holds hyperparameters: KerasHub presets (needs Keras).",
    "weights": "Write the weights of a model alone, under stable names: safetensors, npz, .weights.h5.",
    "inspect": "Describe a model file without building it.",
    "plot": "Draw a model, its parts, or the difference of two models.",
    "explore": "Open a page of a model in the browser: look around, choose where to cut.",
    "validate": "Check files against the published JSON Schemas.",
    "batch": "Run a recipe on a whole zoo of models, unattended.",
    "profile": "Time each layer on this machine, to balance stages by latency (needs Keras).",
    "plugins": "List the known custom objects and where each is declared.",
}


def record(name: str) -> Verb:
    """The record of a verb."""
    verb: Verb = import_module(f"{__name__}.{name}").VERB
    return verb


def function(name: str) -> Any:
    """The Python function of a verb; what it needs is imported now."""
    module, _, attribute = record(name).function.partition(":")
    return getattr(import_module(module), attribute)
