"""Weights in a checkpoint of TensorFlow (``model.index`` with ``model.data-00000-of-00001``), for an architecture beside it.

TensorFlow 2 keeps a graph of objects in it, in which a model of Keras keeps its layers by their number: ``layer-3``. So Keras
itself finds them; names that contradict it are refused here. TensorFlow 1 keeps arrays by their names alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from configsplit.containers.addresses import LEGACY_WEIGHTS
from configsplit.containers.arrays import Arrays, Listed, ListedArrays
from configsplit.containers.bundle.table import is_table
from configsplit.containers.by_name import by_name, holds
from configsplit.containers.container import WeightsAlone, listing_digest
from configsplit.containers.opening import Opened
from configsplit.containers.system.hashing import sha256
from configsplit.dialects import parse
from configsplit.errors import WeightsError
from configsplit.graph.model import Layer, Model

if TYPE_CHECKING:
    from configsplit.containers.bundle.object_graph import ObjectGraph
    from configsplit.containers.bundle.of_keras import Known
    from configsplit.containers.bundle.tensors import Bundle

_INDEX = ".index"
_END = 8
_MODEL = "model"


def index_of(path: Path) -> Path:
    """The index of a checkpoint that is named as TensorFlow does, without it; else the path itself."""
    index = path.with_name(f"{path.name}{_INDEX}")
    return index if path.name and not path.exists() and index.is_file() else path


class Checkpoint(WeightsAlone):
    kind = "checkpoint"
    called = "a checkpoint of TensorFlow"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return not opened.is_folder and is_table(opened.at(max(0, opened.span.length - _END), _END))

    def named_weights(self, architecture: Callable[[], str]) -> Arrays:
        from configsplit.containers.bundle.object_graph import KEY, ObjectGraph
        from configsplit.containers.bundle.of_keras import KerasObjects

        bundle, model = self._bundle(), parse(architecture()).model
        if KEY not in bundle.entries:
            return by_name(model, dict(_parameters(bundle)), bundle.where)
        graph = ObjectGraph(bundle)
        root = self._root(graph)
        known = dict(self._known(bundle, graph, root, model))
        objects = KerasObjects(graph, known, (_MODEL,), root, by_names=True)
        arrays = ListedArrays(bundle.where, LEGACY_WEIGHTS, dict(objects.listed(bundle)))
        arrays.matched = tuple(objects.matched)
        return arrays

    def _bundle(self) -> Bundle:
        from configsplit.containers.bundle.tensors import Bundle

        path = self.opened.path
        if path.suffix != _INDEX:
            raise self._refusal("the index of a checkpoint has another name than an index, so its arrays cannot be found")
        return Bundle(path.with_suffix(""), self.opened.files)

    def _root(self, graph: ObjectGraph) -> int:
        """The model: what was saved, or the one thing in it that has layers."""
        if "layer-0" in graph.children(0):
            return 0
        roots = {node for node in graph.children(0).values() if "layer-0" in graph.children(node)}
        if len(roots) != 1:
            raise self._refusal(f"it holds {len(roots)} models with layers, of which one is needed")
        return roots.pop()

    def _known(self, bundle: Bundle, graph: ObjectGraph, root: int, model: Model) -> Iterator[tuple[int, Known]]:
        """The layers of the architecture in the graph of objects, level by level, by their number."""
        from configsplit.containers.bundle.of_keras import Known

        yield root, Known(_MODEL, model.name)
        held, todo = holds(model.dialect), [(root, model)]
        while todo:
            node, current = todo.pop()
            layers = [layer for layer in current.layers if not _is_hidden(layer, current)]
            kept = [graph.at(node, f"layer-{number}") for number in range(len(layers))]
            if None in kept or graph.at(node, f"layer-{len(layers)}") is not None:
                raise self._refusal(f"it has not the {len(layers)} layers of {current.name!r}")
            for layer, child in zip(layers, kept, strict=True):
                assert child is not None
                self._check_words(bundle, graph, child, layer)
                yield child, Known(_MODEL if layer.model else "", layer.name, layer.config.get("trainable") is not False)
                inner = held(layer)
                inside = child if layer.model else graph.at(child, "layer")
                if inner is not None and inside is not None:
                    yield inside, Known(_MODEL, inner.name)
                    todo.append((inside, inner))

    def _check_words(self, bundle: Bundle, graph: ObjectGraph, node: int, layer: Layer) -> None:
        """TensorFlow 2.3 to 2.5 keep the words of a layer in the checkpoint, from which no config takes them."""
        from configsplit.containers.bundle.words import has_words
        from configsplit.containers.vocabularies import lacks_words

        if lacks_words(layer.entry) and has_words(bundle, graph, node):
            raise WeightsError(
                f"the vocabulary of {layer.name!r} lies in the checkpoint, and is not taken from there",
                code="saved-model-vocabulary",
                where=str(self.opened.path),
                hint="load both in TensorFlow and save the model as a SavedModel, of which vocabularies are read",
            )

    def _refusal(self, what: str) -> WeightsError:
        return WeightsError(
            f"the checkpoint does not fit: {what}",
            code="checkpoint-layers",
            where=str(self.opened.path),
            hint="load it in TensorFlow into the model that wrote it, and save that as .keras or .h5",
        )

    def sha256(self, stop: Event | None = None) -> str:
        """Of the listing of its files. The checksums of the weights are held against them on the way."""
        bundle = self._bundle()
        bundle.check(stop)
        return listing_digest((name, sha256([self.opened.beside(name)], stop)) for name in bundle.names)


def _is_hidden(layer: Layer, model: Model) -> bool:
    """Whether Keras does not count it among the layers of its model."""
    return layer.implicit or (layer.is_input and model.kind == "sequential")


def _parameters(bundle: Bundle) -> Iterator[tuple[str, Listed]]:
    """Arrays by name, without what optimizers keep of each (``dense/kernel/Adam``) and the counts of steps beside all."""
    for key in bundle.entries:
        above = key.rpartition("/")[0]
        if above and above not in bundle.entries:
            yield key, bundle.listed(key)
