"""Sequentials that begin with a model, as older releases spell them, and as those of today do."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st

from configsplit.dialects import parse, to_text
from configsplit.errors import check_choice
from configsplit.graph.json import FrozenDict, dumps, freeze, loads, rebuild
from configsplit.graph.model import Model, TensorRef
from configsplit.testing.masked_sketch import Generation
from configsplit.testing.models import drawn_functional
from configsplit.testing.sketch import Draw, Sketch, entry_of


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
