"""The graph of a functional model as a document that Keras can read, whatever its classes write in its place.

A functional model whose class writes hyperparameters is written as the plain functional model that it is, nested ones too. A
layer whose class writes too little of it gets the arguments that it was made with, or is opened.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from configsplit.errors import DocumentError
from configsplit.graph.model import INPUT, TensorSpec
from configsplit.hazards import ROOTS
from configsplit.runtime.expansion.blocks import NotOpenedError, open_block, unlike_opened
from configsplit.runtime.expansion.made_again import faithful_config
from configsplit.runtime.expansion.made_with import Made
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.claims import true_specs

_FUNCTIONAL = "Functional"
_KEYS = {"layers", "input_layers", "output_layers"}
_KEPT = ("name", "inbound_nodes")

Path = tuple[str, ...]


def is_functional(live: Any, works: Framework) -> bool:
    """Whether a model runs the graph that it was made of, whatever its class: its ``call`` is Keras's own."""
    kind = type(live)
    if not isinstance(live, works.module.Model) or _FUNCTIONAL not in (base.__name__ for base in kind.__mro__):
        return False
    return next(base for base in kind.__mro__ if "call" in vars(base)).__module__.partition(".")[0] == works.name


def hides_its_graph(live: Any, works: Framework) -> bool:
    """Whether a functional model writes something else than its graph as its config, or fails at it."""
    if not is_functional(live, works):
        return False
    try:
        return not set(live.get_config()) >= _KEYS
    except Exception:  # noqa: BLE001 - code of others
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A model as a document of plain functional models.

    Attributes:
        document: its entry, as `to_json` writes one.
        leaves: each of its innermost layers by its path.
        called: the name in the config of each of these, which may have been made into another.
        opened: the layers that were opened, by path -> the layer, its entry, and why it could not stay whole, or "".
        whole: the layers that were to be opened and stay whole -> why.
        mended: the layers whose class writes too little of them -> what was lost.
        true: what is known of symbolic tensors, whatever is said of them.
    """

    document: dict[str, Any]
    leaves: dict[Path, Any] = field(default_factory=dict)
    called: dict[Path, str] = field(default_factory=dict)
    opened: dict[Path, tuple[Any, dict[str, Any], str]] = field(default_factory=dict)
    whole: dict[Path, str] = field(default_factory=dict)
    mended: dict[Path, str] = field(default_factory=dict)
    true: dict[int, TensorSpec] = field(default_factory=dict)


def graph_of(live: Any, works: Framework, made: Made, *, open_all: bool = False, values: bool = True) -> Graph:
    """A functional model as a document.

    Args:
        live: the model.
        works: its Keras.
        made: with what its layers were made, as far as that was taken down.
        open_all: open every layer of a class that is not Keras's own, where that is traceable and gives the same.
        values: whether the weights have values.

    Raises:
        DocumentError: Keras cannot make one of its layers again, and it cannot be opened.
    """
    closed: dict[Path, str] = {}
    true = true_specs(live, works, values=values) if open_all else {}
    while True:
        graph = Graph(document={}, whole=dict(closed), true=true)
        try:
            _graph(live, works, made, graph, open_all=open_all)
            if not (unlike := _unlike(graph, works, values=values)):
                return graph
            closed.update(unlike)
        except _LostLayerError as lost:
            chosen = [path for path, (_, _, why) in graph.opened.items() if not why and lost.path[: len(path)] == path]
            around = max(chosen, key=len, default=None)
            if around is None:
                raise lost.error from None
            closed[around] = f"what is in it cannot be made again: {'/'.join(lost.path)}"


def _unlike(graph: Graph, works: Framework, *, values: bool) -> dict[Path, str]:
    """Which layers are better left whole -> why: the innermost of those whose graph is something else than they are."""
    unlike: dict[Path, str] = {}
    for path in sorted(graph.opened, key=len, reverse=True):
        if any(inner[: len(path)] == path for inner in unlike):
            continue
        leaves = {"/".join(each[len(path) :]): layer for each, layer in graph.leaves.items() if each[: len(path)] == path}
        layer, entry, lost = graph.opened[path]
        if why := unlike_opened(layer, entry, leaves, works, values=values, true=graph.true):
            if lost:
                raise _LostLayerError(path, _lost(path, layer, lost, why))
            unlike[path] = why
    return unlike


class _LostLayerError(Exception):
    """A layer that can be neither made again nor opened."""

    def __init__(self, path: Path, error: DocumentError) -> None:
        super().__init__(error.message)
        self.path, self.error = path, error


def _graph(live: Any, works: Framework, made: Made, graph: Graph, *, open_all: bool) -> Graph:
    outer = _plain(live, works)
    graph.document.update(_entry(outer))
    todo: list[tuple[Path, dict[str, Any], Any]] = [((), graph.document, outer)]
    while todo:
        above, entry, model = todo.pop()
        held = {each.name: each for each in (*getattr(model, "layers", ()), *getattr(model, "operations", ()))}
        for item in entry["config"]["layers"]:
            if item["class_name"] == INPUT:
                continue
            path = (*above, item.get("name") or item["config"]["name"])
            layer = held[path[-1]]
            if (inner := _inner(item, layer, works)) is None and type(layer).__module__.partition(".")[0] not in ROOTS:
                inner = _of_others(path, item, layer, graph, works, made, open_all=open_all and path not in graph.whole)
                if inner is not None:
                    _count_from_one(entry["config"], path[-1])
            if inner is not None:
                todo.append((path, item, inner))
            else:
                graph.leaves[path], graph.called[path] = layer, str(item["config"].get("name"))
    return graph


def _inner(item: dict[str, Any], layer: Any, works: Framework) -> Any:
    """The model that a layer is, which its entry is made to say; None of one that is no model with a graph."""
    if hides_its_graph(layer, works):
        made = _plain(layer, works)
        _say(item, made)
        return made
    return layer if isinstance(item["config"].get("layers"), list) and isinstance(layer, works.module.Model) else None


def _of_others(
    path: Path, item: dict[str, Any], layer: Any, graph: Graph, works: Framework, made: Made, *, open_all: bool
) -> Any:
    """What a layer of somebody's own class is opened into; None where it stays whole, its entry put right."""
    item.pop("build_config", None)  # by its calls a layer builds all that is inside it, by shapes it may not
    config, why = faithful_config(item, layer, works, made)
    if config is not None and not open_all:
        _stay(path, item, layer, config, graph)
        return None
    try:
        model, nodes = open_block(layer, item.get("inbound_nodes") or [], works, graph.true)
        entry = _entry(model)
        _close_reshapes(entry)
    except Exception as error:  # noqa: BLE001 - code of others is traced
        brief = str(error) if isinstance(error, NotOpenedError) else f"{type(error).__name__}: {str(error).strip()[:300]}"
        if config is None:
            raise _LostLayerError(path, _lost(path, layer, why, brief)) from None
        _stay(path, item, layer, config, graph)
        graph.whole[path] = brief
        return None
    _say(item, model, entry)
    item["inbound_nodes"] = nodes
    graph.opened[path] = (layer, item, why)
    return model


def _stay(path: Path, item: dict[str, Any], layer: Any, config: dict[str, Any], graph: Graph) -> None:
    if config is not item["config"]:
        item["config"], graph.mended[path] = config, type(layer).__name__


def _close_reshapes(entry: dict[str, Any]) -> None:
    """One size to which Keras's own code reshapes and that was open when it was traced is what the others leave: -1."""
    for item in entry["config"]["layers"]:
        for key in ("newshape", "target_shape"):
            sizes = item["config"].get(key) if str(item.get("module")).startswith("keras.") else None
            if isinstance(sizes, list) and sizes.count(None) == 1 and -1 not in sizes:
                item["config"][key] = [-1 if size is None else size for size in sizes]


def _count_from_one(config: dict[str, Any], name: str) -> None:
    """Where a model's ends name a functional model in it, its own graph counts as its call 0; a layer has none."""
    todo = [config["input_layers"], config["output_layers"]]
    while todo:
        item = todo.pop()
        if isinstance(item, list) and len(item) == 3 and isinstance(item[1], int):
            item[1] += item[0] == name
        else:
            todo += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()


def _lost(path: Path, layer: Any, why: str, unopened: str) -> DocumentError:
    return DocumentError(
        f"Keras cannot make a {type(layer).__name__} again from its config ({why}), and it cannot be opened: {unopened}",
        code="expand-layer",
        where="/".join(path),
        hint="the class's get_config leaves something out: report it to its library",
    )


def _plain(live: Any, works: Framework) -> Any:
    """A plain functional model of the very layers and calls of another."""
    return works.module.Model(live.input, live.output, name=live.name)


def _say(item: dict[str, Any], model: Any, entry: dict[str, Any] | None = None) -> None:
    """Let an entry say the graph of a model; its name and calls stay."""
    told, kept = entry or _entry(model), {key: item[key] for key in _KEPT if key in item}
    item.clear()
    item.update({**told, **kept})


def _entry(model: Any) -> dict[str, Any]:
    """The entry of a model as Keras writes it into JSON, where tuples are lists."""
    with _answering(model):
        entry: dict[str, Any] = json.loads(model.to_json())
    return {key: entry[key] for key in ("module", "class_name", "config", "registered_name") if key in entry}


@contextmanager
def _answering(model: Any) -> Iterator[None]:
    """Let every layer answer to ``get_config``: what fails at it has nothing but its name, which is put right later."""
    silent = [layer for layer in model.layers if not _answers(layer)]
    for layer in silent:
        object.__setattr__(layer, "get_config", lambda name=layer.name: {"name": name})
    try:
        yield
    finally:
        for layer in silent:
            object.__delattr__(layer, "get_config")


def _answers(layer: Any) -> bool:
    try:
        from keras.saving import serialize_keras_object

        json.dumps(serialize_keras_object(layer))
    except Exception:  # noqa: BLE001 - code of others
        return False
    return True
