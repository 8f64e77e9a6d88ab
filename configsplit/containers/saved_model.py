"""A SavedModel of Keras 2: a folder with the architecture in ``keras_metadata.pb``, and weights in a tensor bundle.

TensorFlow 2.0 to 2.4 keep the architecture in ``saved_model.pb``, beside the operations. Both list the objects of Keras with
what they are called and where they stand below the model: ``root.layer-1``. The graph of objects in the bundle has the same
steps, and every object in it a list of its weights: each is found by what it belongs to, wherever it lies, whatever its key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
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
    from configsplit.containers.bundle.words import Words

_BUNDLE = "variables/variables"
_KERAS, _NO_LAYERS = "_tf_keras_", ("_tf_keras_metric", "_tf_keras_optimizer")
"""How what the objects of Keras are called begins, and of which none is a layer."""
_OBJECTS = 7
"""The field of a MetaGraphDef that has the objects; the operations are passed over."""
_DEEPEST = 100
"""Steps from the model to an object of it."""
_MODELS = ("_tf_keras_network", "_tf_keras_sequential", "_tf_keras_model")
_TUPLES = ("__tuple__", "TensorShape")


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
        """All objects of Keras, the model itself first.

        Raises:
            StoreError: the file is damaged.
        """
        name = METADATA if self.opened.has(METADATA) else PROGRAM
        try:
            found = [*(self._listed() if name == METADATA else self._in_program())]
        except Damaged as error:
            raise damaged(str(self.opened.path / name), *error.args) from None
        return sorted(found, key=lambda each: len(each.steps))

    def _listed(self) -> Iterator[_Object]:
        for node in messages(memoryview(self.opened.small(self.opened.member(METADATA))), 1):
            root, *steps = text_in(node, 3).split(".")
            if root == "root":
                yield _Object(text_in(node, 4), text_in(node, 5), tuple(steps))

    def _in_program(self) -> Iterator[_Object]:
        """Objects, of which each says which others it keeps, by their number."""
        span = self.opened.member(PROGRAM)
        found = [each for graph in spans(span, 2, str(self.opened.path)) for each in spans(graph, _OBJECTS, PROGRAM)]
        nodes = [*messages(memoryview(self.opened.small(found[0])), 1)] if len(found) == 1 else []
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
            found = loads(item.text)
        except DocumentError as error:
            raise error.within(f"{self.opened.path}: {'.'.join(('root', *item.steps))}") from None
        return found if isinstance(found, FrozenDict) else FrozenDict()

    @cached_property
    def _config(self) -> FrozenDict:
        """The architecture, with lists where Python had tuples, as every other file has them."""
        for entry in (self._model, self._model.get("model_config")):
            if not isinstance(entry, FrozenDict):
                continue
            config = entry.get("config")
            if isinstance(config, tuple) or (isinstance(config, FrozenDict) and "layers" in config):
                return FrozenDict(class_name=entry.get("class_name"), config=_untupled(config, self._words))
        raise self._foreign("this is a SavedModel of a class of its own, which is code and no architecture")

    def _foreign(self, what: str) -> StoreError:
        return StoreError(
            what,
            code="not-a-model",
            where=str(self.opened.path),
            hint="save the model as .keras or .h5 in the program that made it, or cut it there (configsplit.keras)",
        )

    def config_text(self) -> str:
        return dumps(self._config)

    def metadata(self) -> dict[str, str]:
        found = {name: self._model.get(name) for name in ("keras_version", "backend")}
        return {name: value for name, value in found.items() if isinstance(value, str)}

    # ---------------------------------------------------------------- the weights

    @cached_property
    def _bundle(self) -> Bundle | None:
        from configsplit.containers.bundle.tensors import Bundle  # loaded where weights are asked for

        prefix = self.opened.path / _BUNDLE
        return Bundle(prefix, self.opened.files) if self.opened.has(f"{_BUNDLE}.index") else None

    def weights(self) -> Arrays | None:
        """None, too, where the folder of variables is not there: somebody has the architecture alone."""
        bundle = self._bundle
        if bundle is None:
            return None
        from configsplit.containers.bundle.object_graph import ObjectGraph
        from configsplit.containers.bundle.of_keras import KerasObjects

        self._check_vocabularies()
        graph = ObjectGraph(bundle)
        return ListedArrays(bundle.where, LEGACY_WEIGHTS, dict(KerasObjects(graph, self._named(graph), _MODELS).listed(bundle)))

    @cached_property
    def _wordless(self) -> dict[str, tuple[tuple[str, ...], FrozenDict]]:
        """Layers that look words up which their config lacks, by name: the steps to each, and its config."""
        found: dict[str, tuple[tuple[str, ...], FrozenDict]] = {}
        for item in self._objects:
            config = self._json(item).get("config") if '"vocabulary": null' in item.text else None
            inner = item.steps[-1:] == ("_lookup_layer",)
            if isinstance(config, FrozenDict) and config.get("vocabulary", "") is None and not inner:
                found[str(config.get("name"))] = item.steps, config
        return found

    @cached_property
    def _words(self) -> Mapping[str, Words]:
        """The words that these layers have counted, as far as constants of the program tell."""
        numbers = {name: _first_word(config) for name, (_, config) in self._wordless.items()}
        first = {name: number for name, number in numbers.items() if number is not None}
        if not first or not self.opened.has(PROGRAM):
            return {}
        from configsplit.containers.bundle.words import words_in

        program, layers = self.opened.member(PROGRAM), {name: self._wordless[name][0] for name in first}
        try:
            return words_in(self.opened, program, layers, first)
        except Damaged as error:
            raise damaged(str(self.opened.path / PROGRAM), *error.args) from None

    def _check_vocabularies(self) -> None:
        """Raises StoreError where the words that a layer has counted are nowhere that is read."""
        if lost := sorted(self._wordless.keys() - self._words.keys()):
            raise StoreError(
                f"the vocabulary of {lost[0]!r} lies in the operations, and in no constant of them",
                code="saved-model-vocabulary",
                where=str(self.opened.path),
                hint="load the model in TensorFlow and save it as .keras, which keeps vocabularies apart",
            )

    def _named(self, graph: ObjectGraph) -> dict[int, Known]:
        """What the layers and models in the graph of objects are, and what they are called."""
        from configsplit.containers.bundle.of_keras import Known

        found: dict[int, Known] = {}
        for item in self._objects:
            if not item.identifier.startswith(_KERAS) or item.identifier in _NO_LAYERS:
                continue
            if (node := graph.at(0, *item.steps)) is not None and node not in found:
                said = self._json(item)
                name = said.get("name")
                found[node] = Known(item.identifier, name if isinstance(name, str) else "", said.get("trainable") is not False)
        return found

    def sha256(self, stop: Event | None = None) -> str:
        """Of the listing of its files. The checksums of the weights are held against them on the way."""
        spans = {name: self.opened.member(name) for name in (METADATA, PROGRAM) if self.opened.has(name)}
        if self._bundle is not None:
            spans |= {f"variables/{name}": self.opened.member(f"variables/{name}") for name in self._bundle.names}
            self._bundle.check(stop)
        return listing_digest((name, sha256([span], stop)) for name, span in sorted(spans.items()))


def _first_word(config: FrozenDict) -> int | None:
    """The number of the first word that a layer has counted, behind those that stand for a mask and for unknown words; None
    where the words are not all that it has counted, or what it looks up are numbers of words."""
    mode = config.get("output_mode", "int")
    if config.get("invert") or str(mode).startswith("tf") or config.get("ragged_vocabulary"):
        return None
    if "num_oov_indices" not in config:  # TextVectorization: one for all unknown words, and one for none if it gives numbers
        return 2 if mode == "int" else 1
    unknown, masked = config["num_oov_indices"], mode == "int" and config.get("mask_token") is not None
    return unknown + masked if type(unknown) is int else None


def _untupled(config: Any, words: Mapping[str, Words]) -> Any:
    """The config with lists in place of tuples and shapes, which SavedModels write as objects, and the ``words`` of layers."""
    done: list[Any] = []
    todo: list[tuple[Any, bool]] = [(config, False)]
    while todo:
        item, has_children = todo.pop()
        while isinstance(item, FrozenDict) and item.get("class_name") in _TUPLES and isinstance(item.get("items"), tuple):
            item = item["items"]
        if not isinstance(item, FrozenDict | tuple):
            done.append(item)
        elif not has_children:
            todo.append((item, True))
            todo += [(each, False) for each in reversed(item.values() if isinstance(item, FrozenDict) else item)]
        else:
            start = len(done) - len(item)
            made = FrozenDict(zip(item, done[start:], strict=True)) if isinstance(item, FrozenDict) else (*done[start:],)
            if isinstance(made, FrozenDict) and made.get("vocabulary", "") is None and made.get("name") in words:
                made = made | {"vocabulary": words[made["name"]]}
            done[start:] = [made]
    return done[0]
