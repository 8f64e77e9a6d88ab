"""`rebuild_order` against the real thing: the order in which Keras lists the layers of a model that it rebuilds.

The document's own list is shuffled first, so that nothing can be copied from it. Weights in a .keras archive are addressed
along this order, which is why nothing but the very same order will do.
"""

from __future__ import annotations

import functools
import importlib
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from random_graphs import Grower
from support.thinned import thinned

from configsplit.dialects import parse
from configsplit.graph import rebuild_order as order
from configsplit.graph.model import Layer, Model, Node, TensorRef, Use, walk
from configsplit.graph.rebuild_order import rebuild_order

SEEDS = thinned(range(60), 8)
KEPT = [each.values[0] for each in SEEDS if not each.marks]


@functools.cache
def grown(framework: str, seed: int) -> str:
    """A random model of "keras" or "tf_keras", as it writes itself."""
    keras = importlib.import_module(framework)
    keras.backend.clear_session()
    return str(Grower(keras, seed).model().to_json())


def names(model: Any) -> list[str]:
    return [layer.name for layer in model.layers]


def shuffled(config: dict[str, Any], seed: int) -> dict[str, Any]:
    """The document of a functional model, the layers of it and of every model inside it in random order."""
    chance = random.Random(seed)
    made = json.loads(json.dumps(config))
    todo = [made]
    while todo:
        entry = todo.pop()
        if isinstance(entry["config"], dict) and "input_layers" in entry["config"]:
            chance.shuffle(entry["config"]["layers"])
            todo += entry["config"]["layers"]
    return dict(made)


def with_sorted_keywords(value: Any) -> Any:
    """Keyword arguments in sorted order, as configsplit writes them: tf_keras since 2.16 visits them as they are written."""
    if isinstance(value, dict):
        return {key: with_sorted_keywords(item) for key, item in sorted(value.items())}
    return [with_sorted_keywords(item) for item in value] if isinstance(value, list) else value


def pairs(read: Model, live: Any) -> Iterator[tuple[Model, Any]]:
    """Every functional model, as read and as Keras has it, from the outside in."""
    todo = [(read, live)]
    while todo:
        ours, theirs = todo.pop()
        yield ours, theirs
        todo += [(layer.model, theirs.get_layer(layer.name)) for layer in ours.layers if layer.model is not None]


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest) -> Any:
    return importlib.import_module(request.param)


@pytest.mark.in_turn("keras")
@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_is_that_of_keras(keras: Any, seed: int) -> None:
    mixed = with_sorted_keywords(shuffled(json.loads(grown(keras.__name__, seed)), seed))
    model = parse(json.dumps(mixed)).model
    again = keras.models.model_from_json(json.dumps(mixed))
    for ours, theirs in pairs(model, again):
        order = list(rebuild_order(ours))
        assert order == names(theirs)
        assert order == [layer["name"] for layer in theirs.get_config()["layers"]]


def test_the_graphs_have_what_makes_order_hard(keras: Any) -> None:
    """Shared layers, nested models within nested models, keyword tensors, and orders that a shuffle does not leave alone."""
    seen: set[str] = set()
    for seed in KEPT:
        model = parse(grown(keras.__name__, seed)).model
        for path, layer in walk(model):
            seen |= {"shared"} if len(layer.calls) > 1 else set()
            seen |= {f"nested {len(path)}"} if layer.model is not None else set()
            seen |= {"keyword"} if any(node.kwargs.get("key") is not None for node in layer.calls) else set()
        seen |= {"several outputs"} if len(model.output_refs()) > 1 else set()
    assert seen >= {"shared", "nested 1", "nested 2", "keyword", "several outputs"}


class _Counted(tuple[str, ...]):
    """An order that counts how often somebody goes through it."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        _Counted.times += 1
        return super().__iter__()


def test_an_order_is_gone_through_once_however_many_layers_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once a layer: for 20,000 layers that took half a minute."""
    layers = [Layer(name="x", class_name="InputLayer", calls=(Node(),))]
    for number in range(200):
        layers.append(Layer(name=f"d{number}", class_name="Dense", calls=(Node((Use(TensorRef(layers[-1].name)),)),)))
    mixed = (layers[0], *reversed(layers[1:]))
    model = Model(name="m", kind="functional", layers=mixed, inputs=TensorRef("x"), outputs=TensorRef("d199"), dialect="keras3")
    monkeypatch.setattr(order, "rebuild_order", lambda each: _Counted(rebuild_order(each)))
    monkeypatch.setattr(_Counted, "times", 0)
    assert list(order.reordered(model).layers) == layers
    assert _Counted.times <= 3
    assert not order.stands_as_rebuilt(model)
    assert _Counted.times <= 6
