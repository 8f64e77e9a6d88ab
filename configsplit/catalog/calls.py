"""Calls of a layer held against what its class takes when it is called: arguments that it lacks, and that it does not know."""

from __future__ import annotations

from collections.abc import Iterator

from configsplit.catalog.config_faults import ConfigFault, listed, near
from configsplit.catalog.constructors import constructor
from configsplit.graph.model import Node

_EVERY = "training"
"""What every layer may be called with, of Keras 2 and 3: what has no use for it never sees it."""

MODEL = "inputs training= mask="
"""What a model takes when it is called."""


def call_faults(class_name: str, node: Node, dialect: str) -> Iterator[ConfigFault]:
    """What a class of Keras would not be called with; nothing where nobody has looked."""
    taken = constructor(class_name, dialect)
    if taken is not None and dialect != "keras1":  # whose constructors stand in old files, and the calls nowhere
        yield from _unfit(f"{class_name} of {taken.release}", taken.call, node)


def model_faults(name: str, node: Node, dialect: str) -> Iterator[ConfigFault]:
    """The same of a nested model."""
    if dialect != "keras1":
        yield from _unfit(f"the model {name!r}", MODEL, node)


def _unfit(called: str, parameters: str, node: Node) -> Iterator[ConfigFault]:
    """``parameters`` as `Constructor.call` has them."""
    words = parameters.split()
    names = [word.removesuffix("=") for word in words if not word.startswith("*")]
    places = names[: words.index("*")] if "*" in words else names
    given = places[: len(node.args)]
    if "**" not in words:
        if len(node.args) > len(places):
            said = f"{called} is called with {len(node.args)} arguments, and takes {len(places)} without their names"
            yield ConfigFault("call-argument", "", said, f"it takes {listed(names)}")
        for key in node.kwargs:
            if key not in (*names, _EVERY):
                said = f"{called} is called with {key!r}, which it does not take"
                yield ConfigFault("call-argument", key, said, near(key, names) or f"it takes {listed(names)}")
    for key in (key for key in given if key in node.kwargs):
        yield ConfigFault("call-argument", key, f"{called} is called with two values for {key!r}", "leave one of them out")
    for key in (word for word in words if word in names and word not in given and node.kwargs.get(word) is None):
        yield ConfigFault("call-argument", key, f"{called} is called without {key!r}", f"it takes {listed(names)}")
