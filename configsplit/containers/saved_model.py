"""A SavedModel of Keras 2: a folder with the architecture in ``keras_metadata.pb``, and weights in a tensor bundle.

TensorFlow 2.0 to 2.4 keep the architecture in ``saved_model.pb``, beside the operations. Both list the objects of Keras with
what they are called and where they stand below the model: ``root.layer-1``. The graph of objects in the bundle has the same
steps, and every object in it a list of its weights: each is found by what it belongs to, wherever it lies, whatever its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple

from configsplit.containers.addresses import LEGACY_WEIGHTS
from configsplit.containers.arrays import Arrays, ListedArrays
from configsplit.containers.bundle.wire import Damaged, damaged, messages, number_in, spans, text_in
from configsplit.containers.container import METADATA, PROGRAM, Container, listing_digest
from configsplit.containers.opening import Opened
from configsplit.containers.system.hashing import sha256
from configsplit.errors import DocumentError, StoreError
from configsplit.graph.json import FrozenDict, dumps, loads

if TYPE_CHECKING:
    from configsplit.containers.bundle.object_graph import ObjectGraph
    from configsplit.containers.bundle.of_keras import Known
    from configsplit.containers.bundle.tensors import Bundle
    from configsplit.containers.bundle.words import Table
    from configsplit.containers.system.window import Span
    from configsplit.containers.vocabularies import Filled, Lookup, Place

_BUNDLE, ASSETS = "variables/variables", "assets"
_KERAS, _NO_LAYERS = "_tf_keras_", ("_tf_keras_metric", "_tf_keras_optimizer")
"""How what the objects of Keras are called begins, and of which none is a layer."""
_OBJECTS = 7
"""The field of a MetaGraphDef that has the objects; the operations are passed over."""
_DEEPEST = 100
"""Steps from the model to an object of it."""
_MODELS = ("_tf_keras_network", "_tf_keras_sequential", "_tf_keras_model")


class _Object(NamedTuple):
    """An object of Keras: what it is, what it says of itself as JSON, and the steps to it from the model."""

    identifier: str
    text: str
    steps: tuple[str, ...]


class SavedModel(Container):
    kind = "saved_model"
    written_as = "h5"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return not opened.has("config.json") and (opened.has(PROGRAM) or opened.has(METADATA))

    # ---------------------------------------------------------------- the architecture

    @cached_property
    def _objects(self) -> list[_Object]:
        """All objects of Keras, the model itself first. Raises StoreError if the file is damaged."""
        name = METADATA if self.opened.has(METADATA) else PROGRAM
        try:
            objects = [*(self._listed() if name == METADATA else self._in_program())]
        except Damaged as error:
            raise damaged(str(self.opened.path / name), *error.args) from None
        return sorted(objects, key=lambda each: len(each.steps))

    def _listed(self) -> Iterator[_Object]:
        for node in messages(memoryview(self.opened.small(self.opened.member(METADATA))), 1):
            root, *steps = text_in(node, 3).split(".")
            if root == "root":
                yield _Object(text_in(node, 4), text_in(node, 5), tuple(steps))

    def _in_program(self) -> Iterator[_Object]:
        """Objects, of which each says which others it keeps, by their number."""
        span = self.opened.member(PROGRAM)
        graphs = [each for graph in spans(span, 2, str(self.opened.path)) for each in spans(graph, _OBJECTS, PROGRAM)]
        nodes = [*messages(memoryview(self.opened.small(graphs[0])), 1)] if len(graphs) == 1 else []
        todo: list[tuple[int, tuple[str, ...]]] = [(0, ())]
        seen = {0}
        for number, steps in todo:
            node = nodes[number] if number < len(nodes) else memoryview(b"")
            for own in messages(node, 4):
                yield _Object(text_in(own, 1), text_in(own, 3), steps)
            for reference in messages(node, 1):
                if (child := number_in(reference, 1)) not in seen and len(steps) < _DEEPEST:
                    seen.add(child)
                    todo.append((child, (*steps, text_in(reference, 2))))

    @cached_property
    def _model(self) -> FrozenDict:
        """What the model says of itself."""
        if not self._objects or self._objects[0].steps or self._objects[0].identifier not in _MODELS:
            raise self._foreign("this is a SavedModel without an architecture of Keras: operations of TensorFlow alone")
        return self._json(self._objects[0])

    def _json(self, item: _Object) -> FrozenDict:
        try:
            config = loads(item.text)
        except DocumentError as error:
            raise error.within(f"{self.opened.path}: {'.'.join(('root', *item.steps))}") from None
        return config if isinstance(config, FrozenDict) else FrozenDict()

    @cached_property
    def _bare(self) -> FrozenDict:
        """The architecture as it stands there."""
        for entry in (self._model, self._model.get("model_config")):
            if not isinstance(entry, FrozenDict):
                continue
            config = entry.get("config")
            if isinstance(config, tuple) or (isinstance(config, FrozenDict) and "layers" in config):
                return FrozenDict(class_name=entry.get("class_name"), config=config)
        raise self._foreign("this is a SavedModel of a class of its own, which is code and no architecture")

    def _foreign(self, what: str) -> StoreError:
        return StoreError(
            what,
            code="not-a-model",
            where=str(self.opened.path),
            hint="save the model as .keras or .h5 in the program that made it, or cut it there (configsplit.keras)",
        )

    def config_text(self) -> str:
        return dumps(self._filled.config)

    def metadata(self) -> dict[str, str]:
        texts = {name: self._model.get(name) for name in ("keras_version", "backend")}
        return {name: value for name, value in texts.items() if isinstance(value, str)}

    # ---------------------------------------------------------------- the weights

    @cached_property
    def _bundle(self) -> Bundle | None:
        from configsplit.containers.bundle.tensors import Bundle  # loaded where weights are asked for

        prefix = self.opened.path / _BUNDLE
        return Bundle(prefix, self.opened.files) if self.opened.lists(prefix.parent.name) else None

    @cached_property
    def _graph(self) -> ObjectGraph | None:
        from configsplit.containers.bundle.object_graph import ObjectGraph

        return None if self._bundle is None else ObjectGraph(self._bundle)

    def weights(self) -> Arrays | None:
        """None, too, where the folder of variables is not there: somebody has the architecture alone."""
        bundle, graph = self._bundle, self._graph
        if bundle is None or graph is None:
            return None
        from configsplit.containers.bundle.of_keras import KerasObjects

        self._check_vocabularies()
        return ListedArrays(bundle.where, LEGACY_WEIGHTS, dict(KerasObjects(graph, self._named(graph), _MODELS).listed(bundle)))

    @cached_property
    def _lookups(self) -> list[Lookup]:
        """Layers that look words up which their config lacks; TextVectorization has one in it, which no config shows."""
        from configsplit.containers.bundle.words import INNER
        from configsplit.containers.vocabularies import lacks_words, lookup_of

        marks = ('"layers"', '"max_tokens"', '"max_values"', '"vocabulary": null')
        said = {item.steps: self._json(item) for item in self._objects if any(mark in item.text for mark in marks)}
        models = {item.steps: str(said.get(item.steps, FrozenDict()).get("name")) for item in self._objects if _is_model(item)}
        lookups: list[Lookup] = []
        for steps, each in said.items():
            if lacks_words(each) and not {*steps[-1:]} & {*INNER}:
                around = tuple(models[steps[:n]] for n in range(1, len(steps)) if steps[:n] in models)
                lookups.append(lookup_of((*around, str(each["config"].get("name"))), steps, each))
        return lookups

    @cached_property
    def _filled(self) -> Filled:
        """The architecture with its vocabularies, as far as constants of the program and files tell them."""
        from configsplit.containers.vocabularies import filled, known_words

        told: dict[Place, Any] = {}
        try:
            for each, table in zip(self._lookups, self._tables, strict=True):
                told[each.place] = known_words(each, table, self._asset, self._word_weights(each))
        except Damaged as error:
            raise damaged(str(self.opened.path), *error.args) from None
        return filled(self._bare, told)

    @cached_property
    def _tables(self) -> list[Table | None]:
        if not self._lookups or not self.opened.has(PROGRAM):
            return [None] * len(self._lookups)
        from configsplit.containers.bundle.words import tables_in

        try:
            tables = tables_in(self.opened, self.opened.member(PROGRAM), [each.steps for each in self._lookups])
            return [table or self._kept(each) for table, each in zip(tables, self._lookups, strict=True)]
        except Damaged as error:
            raise damaged(str(self.opened.path / PROGRAM), *error.args) from None

    def _kept(self, lookup: Lookup) -> Table | None:
        """Its table among the weights."""
        from configsplit.containers.bundle.words import kept_table

        graph, bundle = self._graph, self._bundle
        node = None if graph is None else graph.at(0, *lookup.steps)
        return None if graph is None or bundle is None or node is None else kept_table(bundle, graph, node)

    def _asset(self, name: str) -> memoryview:
        return memoryview(self.opened.small(self._asset_span(name)))

    def _asset_span(self, name: str) -> Span:
        """A file in ``assets/``, and nowhere else."""
        where = self.opened.path / ASSETS / name
        if Path(name).name != name or name in ("", ".", "..") or not name.isprintable() or "\\" in name:
            raise damaged(str(self.opened.path / PROGRAM), f"it names {name!r} as a file in {ASSETS}/")
        if self.opened.around is None and (where.is_symlink() or where.parent.is_symlink()):
            hint = "copy the folder with `cp -rL`"
            raise StoreError("an asset is a symbolic link", code="asset-link", where=str(where), hint=hint)
        return self.opened.member(f"{ASSETS}/{name}")

    def _word_weights(self, lookup: Lookup) -> Sequence[float] | None:
        if not lookup.weighs or self._graph is None or self._bundle is None:
            return None
        from configsplit.containers.vocabularies import steps_to_weights

        nodes = (self._graph.at(0, *steps) for steps in steps_to_weights(lookup))
        node = next((each for each in nodes if each is not None), None)
        variable = None if node is None else self._graph.variable(node)
        if variable is None:
            return None
        arrays = ListedArrays(self._bundle.where, LEGACY_WEIGHTS, {"weights": self._bundle.listed(variable.key)})
        values = arrays.read("weights")
        return values.tolist() if values.ndim == 1 and values.dtype.kind == "f" else None

    def _check_vocabularies(self) -> None:
        """Raises StoreError where the vocabulary of a layer is nowhere that is read."""
        for name, why in sorted(self._filled.lost.items()):
            raise StoreError(
                f"the vocabulary of {name!r} {why}",
                code="saved-model-vocabulary",
                where=str(self.opened.path),
                hint="load the model in TensorFlow and save it as .keras, which keeps vocabularies apart",
            )

    def _named(self, graph: ObjectGraph) -> dict[int, Known]:
        """What the layers and models in the graph of objects are, and what they are called."""
        from configsplit.containers.bundle.of_keras import Known

        known: dict[int, Known] = {}
        for item in self._objects:
            if not item.identifier.startswith(_KERAS) or item.identifier in _NO_LAYERS:
                continue
            if (node := graph.at(0, *item.steps)) is not None and node not in known:
                said = self._json(item)
                name = said.get("name")
                known[node] = Known(item.identifier, name if isinstance(name, str) else "", said.get("trainable") is not False)
        return known

    def sha256(self, stop: Event | None = None) -> str:
        """Of the listing of its files. The checksums of the weights are held against them on the way."""
        spans = {name: self.opened.member(name) for name in (METADATA, PROGRAM) if self.opened.has(name)}
        files = {each.file for each in self._tables if each is not None and each.file}
        spans |= {f"{ASSETS}/{name}": self._asset_span(name) for name in files}
        if self._bundle is not None:
            spans |= {f"variables/{name}": self.opened.member(f"variables/{name}") for name in self._bundle.names}
            self._bundle.check(stop)
        return listing_digest((name, sha256([span], stop)) for name, span in sorted(spans.items()))


def _is_model(item: _Object) -> bool:
    return item.identifier in _MODELS
