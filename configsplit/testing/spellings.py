"""One model as releases and people spell it in their own ways: what is read must be the same graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from hypothesis import strategies as st

from configsplit.dialects import parse, to_text
from configsplit.errors import check_choice
from configsplit.graph.json import FrozenDict, dumps, freeze, loads, rebuild, thaw
from configsplit.graph.model import INPUT, Model, TensorRef
from configsplit.testing.masked_sketch import Generation
from configsplit.testing.models import drawn_functional
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


# Sequentials that begin with a model, as older releases spell them, and as those of today do.


class Spelt(NamedTuple):
    """One model twice: the document of a release of today, and that of an older one."""

    today: str
    old: str


def old_chains(dialect: Generation = "keras3") -> st.SearchStrategy[Spelt]:
    """Random Sequentials around a functional model of one input and one output.

    Keras 2.0 to 2.3 and TF up to 2.2 write no InputLayer in front of it, Keras 3.0 to 3.10 each single tensor as a list of one.

    Args:
        dialect: "keras3" or "keras2".

    Returns:
        A strategy.

    Raises:
        OptionError: there is no such dialect.
    """
    check_choice("dialect", dialect, Generation)
    return st.composite(_chain)(dialect)


def _chain(draw: Draw, dialect: Generation) -> Spelt:
    sketch = Sketch(dialect, "c", masks=False)
    ref = sketch.add_input()
    inner = drawn_functional(draw, sketch.inner("m"), depth=1, most=5, ends=1)
    ref = TensorRef(sketch.add("Functional" if dialect == "keras3" else "Model", sketch.one(ref), inner))
    for _ in range(draw(st.integers(1, 3))):
        ref = TensorRef(sketch.add("Dense", sketch.one(ref), units=4))
    layers = tuple(sketch.layers.values())
    frame = entry_of(dialect, "Sequential", "chain", None).without("name", "inbound_nodes")
    model = Model(
        name="chain",
        kind="sequential",
        layers=layers,
        inputs=TensorRef(layers[0].name),
        outputs=ref,
        config=freeze({"name": None, **({"dtype": "float32"} if dialect == "keras3" else {}), "layers": None}),
        entry=frame,
        dialect=dialect,
        form="bare",
    )
    today = to_text(parse(to_text(model)).model)
    return Spelt(today, _without_input(today) if dialect == "keras2" else _with_lists(today))


def _without_input(text: str) -> str:
    document = loads(text)
    config = document["config"]
    return dumps(document | {"config": config | {"layers": config["layers"][1:]}})


_ENDS = ("input_layers", "output_layers")


def _with_lists(text: str) -> str:
    """The same with single inputs and outputs as lists of one, innermost models first."""

    def listed(item: Any) -> Any:
        if not isinstance(item, FrozenDict):
            return item
        inner = FrozenDict({key: rebuild(value, listed, stop=_is_object) for key, value in item.items()})
        return inner | {key: (inner[key],) for key in _ENDS if key in inner and type(inner[key][0]) is str}

    return dumps(listed(loads(text)))


def _is_object(item: Any) -> bool:
    return isinstance(item, FrozenDict)
