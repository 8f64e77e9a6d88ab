"""One model as releases and people spell it in their own ways: what is read must be the same graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from hypothesis import strategies as st

from configsplit.dialects import to_text
from configsplit.errors import check_choice
from configsplit.graph.json import dumps, thaw
from configsplit.graph.model import INPUT
from configsplit.testing.models import drawn_functional
from configsplit.testing.old_chains import Spelt
from configsplit.testing.sketch import UNDECLARED, Draw, Sketch, entry_of

Spelling = Literal["cloned input", "list of layers", "nameless"]
"""How a document is spelt: an InputLayer that Keras 3 cloned is counted by the tensor that it stands for; the config of a
Sequential is a list; layers of undeclared classes write no name."""


def spellings(kind: Spelling) -> st.SearchStrategy[Spelt]:
    """Random models in the spelling of today and in another.

    Args:
        kind: which other spelling.

    Returns:
        A strategy.

    Raises:
        OptionError: there is no such spelling.
    """
    check_choice("kind", kind, Spelling)
    return st.composite(_DRAWN[kind])()


def _cloned_input(draw: Draw) -> Spelt:
    model = drawn_functional(draw, Sketch("keras3", "", masks=False), depth=1, most=6, ends=2)
    name = draw(st.sampled_from([ref.layer for ref in model.input_refs()]))
    today = to_text(model).replace(f'"{name}"', f'"{name}CLONE"')
    call, output = draw(st.sampled_from([(1, 0), (0, 1), (2, 1)]))
    history = '"keras_history": ["{}CLONE", {}, {}]'
    return Spelt(today, today.replace(history.format(name, 0, 0), history.format(name, call, output)))


def _sequential(draw: Draw, dialect: Literal["keras2", "keras3"]) -> dict[str, Any]:
    """A chain of Dense layers, and of classes that nobody has declared."""
    shape = {"batch_input_shape": [None, 3, 4], "dtype": "float32"}
    layers = []
    for number in range(draw(st.integers(2, 5))):
        class_name = draw(st.sampled_from(["Dense", *UNDECLARED])) if number else "Dense"
        config: dict[str, Any] = {"name": f"{class_name.lower()}{number}", **({"units": 4} if class_name == "Dense" else {})}
        entry = entry_of(dialect, class_name, config["name"], config | ({} if number or dialect == "keras3" else shape))
        layers.append(thaw(entry.without("name", "inbound_nodes")))
    if dialect == "keras3":
        start = {"batch_shape": [None, 3, 4], "dtype": "float32", "sparse": False, "name": "start"}
        layers.insert(0, {"module": "keras.layers", "class_name": INPUT, "config": start, "registered_name": None})
    more = {"dtype": "float32"} if dialect == "keras3" else {}
    made = entry_of(dialect, "Sequential", "chain", {"name": "chain", **more, "layers": layers})
    return dict(thaw(made.without("name", "inbound_nodes")))


def _list_of_layers(draw: Draw) -> Spelt:
    """As Keras 2.0 to 2.1 have it."""
    document = _sequential(draw, "keras2") | {"keras_version": "2.1.6"}
    return Spelt(dumps(document), dumps(document | {"config": document["config"]["layers"]}))


def _nameless(draw: Draw) -> Spelt:
    dialect: Literal["keras2", "keras3"] = draw(st.sampled_from(["keras2", "keras3"]))
    document = _sequential(draw, dialect)
    config = document["config"]
    bare = [
        {**each, "config": {key: value for key, value in each["config"].items() if key != "name"}}
        if each["class_name"] in UNDECLARED
        else each
        for each in config["layers"]
    ]
    return Spelt(dumps(document), dumps(document | {"config": config | {"layers": bare}}))


_DRAWN: Mapping[Spelling, Callable[[Draw], Spelt]] = MappingProxyType(
    {
        "cloned input": _cloned_input,
        "list of layers": _list_of_layers,
        "nameless": _nameless,
    }
)
