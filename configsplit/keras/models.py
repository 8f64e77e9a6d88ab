"""Live models as documents, and documents as live models: every layer's weights from the live layer that it came from."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

from configsplit.catalog.table import class_facts
from configsplit.dialects import emit, parse, to_text
from configsplit.errors import CutError, DocumentError, Json, StoreError
from configsplit.graph.json import freeze
from configsplit.graph.model import LayerPath, Model, walk
from configsplit.graph.provenance import Origin, Provenance
from configsplit.hazards import hazards
from configsplit.models.document import Document
from configsplit.models.fragments import one_layer
from configsplit.models.made import Made, ModelLike, Result, document_of
from configsplit.models.results import Edited
from configsplit.models.wrapped import held_by
from configsplit.plugins import Plugin, Registry
from configsplit.rewrites.common import FLAG
from configsplit.runtime.build import load, rebuild
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.declared import live_facts
from configsplit.runtime.live.functional import recovered, shows_its_graph
from configsplit.runtime.live.kinds import Inputs, LiveLayer, LiveModel
from configsplit.runtime.live.layers import classes_of, framework_of, layer_at
from configsplit.runtime.live.transfer import transfer
from configsplit.verbs.marking import FORGOTTEN

Classes: TypeAlias = Mapping[str, type] | None


@dataclass(frozen=True, kw_only=True)
class Live:
    """A live model or layer beside its document.

    Attributes:
        live: the model or layer; for a model whose class hides its graph, a functional model of the same layers.
        document: its configuration, read. ``document.path`` is the model's name, for messages.
        works: the Keras that it belongs to.
        classes: the classes of its layers, and those that the user gave.
        single: whether it is one layer, standing for a model of one layer.
    """

    live: Any
    document: Document
    works: Framework
    classes: Mapping[str, Any] = field(default_factory=dict)
    single: bool = False

    def layer(self, path: Sequence[str]) -> Any:
        """The live layer at a path of the document; None where a config was given, which nothing live stands behind."""
        return self.live if self.single else layer_at(self.live, tuple(path))


def read(model: Any, classes: Classes = None, inputs: Inputs | None = None) -> Live:
    """A live model with its document; where its class hides its graph, a graph that Keras itself traces and that computes
    the same.

    Raises:
        DocumentError: it is no model, or no functional graph of it can be had; the message says why.
    """
    works = framework_of(model)
    known = classes_of(model, works, classes)
    if not isinstance(model, works.module.Model):
        raise DocumentError(
            f"an object of type {type(model).__name__} is not a model",
            code="live-not-keras",
            hint="give a layer as a fragment, or put it into one",
        )
    whole, text = (model, model.to_json()) if shows_its_graph(model, works) else recovered(model, works, known, inputs)
    parsed = parse(text)
    document = Made(
        model=parsed.model,
        detection=parsed.detection,
        path=Path(str(model.name)),
        kind="json",
        release=works.version,
        registry=_registry([whole], works),
        result=None,
        write=partial(_write, whole),
    )
    return Live(live=whole, document=document, works=works, classes=known)


def _write(live: LiveModel, folder: Path, name: str, *, home: Path, verify: bool) -> tuple[Path, Path | None]:
    """Let Keras save a model, for a verb that needs it in a file. Raises StoreError where Keras cannot."""
    path = folder / f"{name}.keras"
    try:
        live.save(str(path))
    except (NotImplementedError, TypeError, ValueError) as error:
        raise StoreError(
            f"Keras cannot save the model {live.name!r}: {(str(error).strip() or type(error).__name__).splitlines()[0]}",
            code="live-unsaved",
            hint="let `get_config` of each class give what its constructor takes",
        ) from None
    return path, None


def together(lives: Sequence[Live]) -> list[Live]:
    """The same, each document with what the layers of all of them tell of their classes."""
    registry = _registry([each.live for each in lives if each.live is not None], lives[0].works)
    return [replace(each, document=replace(each.document, registry=registry)) for each in lives]


def _registry(lives: Sequence[Any], works: Framework) -> Registry:
    """The plug-ins that are installed, and what the live layers tell of the other classes."""
    installed = Registry.discover()
    told = live_facts(lives, works, installed.facts().keys())
    return replace(installed, plugins=(*installed.plugins, *(Plugin(facts, "the live model") for facts in told)))


def document(model: LiveModel, custom_objects: Classes = None) -> Document:
    """A live model as a document, which verbs on files take beside their own: a live head put into a model that lies in a file.

    Args:
        model: a model of Keras 3 or tf_keras, built.
        custom_objects: classes of the user's own that the model uses, as in Keras.

    Returns:
        The model; Keras saves it where somebody needs its weights.

    Raises:
        DocumentError: no functional graph of the model can be had.

    Example:
        >>> configsplit.cuts(configsplit.keras.document(model), max_tensors=1)
        <3 of 9 places to cut branching at>
    """
    return read(model, custom_objects).document


def donor(live: LiveModel | LiveLayer) -> Document | Mapping[str, Json]:
    """A live model or layer as verbs on files put it into a model: the document, or the config of the layer.

    Raises:
        DocumentError: no functional graph of the model can be had; or the layer has weights or a vocabulary that was learnt by
            `adapt`, which its config does not hold.
    """
    works = framework_of(live)
    if isinstance(live, works.module.Model):
        return document(live)
    held: list[Any] = [each for each in (live, getattr(live, "layer", None)) if each is not None]  # what a wrapper runs, too
    learnt = any(hasattr(each, "save_assets") and each.get_config().get("vocabulary") is None for each in held)
    if learnt or held[0].weights:
        raise DocumentError(
            f"a {type(live).__name__} has {'a vocabulary' if learnt else 'weights'}, which no config holds: "
            "it can go into a file only as part of a model",
            code="live-not-keras",
            where=live.name,
            hint="put it into one: keras.Sequential([keras.Input(shape), layer])",
        )
    entry: dict[str, Json] = json.loads(json.dumps(_entry(live, works)))
    return entry


def read_fragment(fragment: Any, host: Live, classes: Classes = None) -> Live:
    """What is to be put into a live model: a live model, a live layer, the configuration of either as JSON has it, or a model
    that verbs on files take.

    Raises:
        CutError: it belongs to another Keras than the model.
        DocumentError: it is none of these.
    """
    if isinstance(fragment, (str, PathLike, Document, Result)):
        fragment = _from_file(fragment, host, classes)
    if isinstance(fragment, Mapping):
        return _read_config(fragment, host, classes)
    works = framework_of(fragment)
    if works.name != host.works.name:
        raise CutError(
            f"the fragment is of {works.name}, the model of {host.works.name}: one model cannot hold both",
            code="surgery-dialect",
            hint="build the fragment with the same Keras as the model",
        )
    if isinstance(fragment, works.module.Model):
        return read(fragment, classes)
    document = one_layer(freeze(json.loads(json.dumps(_entry(fragment, works)))), Path(str(fragment.name)), host.document)
    return Live(live=fragment, document=document, works=works, classes=classes_of(fragment, works, classes), single=True)


def _from_file(fragment: ModelLike, host: Live, classes: Classes) -> Any:
    """A model as Keras loads it; of a file that holds one layer's configuration, that."""
    if isinstance(fragment, (str, PathLike)) and Path(fragment).suffix == ".json":
        return json.loads(Path(fragment).read_text("utf-8"))
    with document_of(fragment).opened() as source:
        return load(source.path, source.weights_path, framework=host.works, classes=classes or {})


def _entry(layer: Any, works: Framework) -> Any:
    saving = works.module.saving
    entry = saving.serialize_keras_object(layer)
    return {key: value for key, value in entry.items() if key != "build_config"}


def _read_config(config: Mapping[str, Any], host: Live, classes: Classes) -> Live:
    """A configuration brings no weights: Keras initializes them."""
    text = json.dumps(config)
    entry = freeze(json.loads(text))
    known = dict(classes or {})
    if "layers" not in (config.get("config") or {}):
        document = one_layer(entry, Path(str(config.get("class_name", "layer"))), host.document)
        return Live(live=None, document=document, works=host.works, classes=known, single=True)
    parsed = parse(text)
    if parsed.detection.dialect.name != host.document.dialect:
        raise CutError(
            f"the fragment is of {parsed.detection.dialect.title}, the model of {host.document.detection.dialect.title}",
            code="surgery-dialect",
            hint="build the fragment with the same Keras as the model",
        )
    document = Document(
        model=parsed.model,
        detection=parsed.detection,
        path=Path(parsed.model.name),
        kind="json",
        release=host.works.version,
        registry=host.document.registry,
    )
    return Live(live=None, document=document, works=host.works, classes=known, single=True)


def built(edited: Edited, sources: Sequence[Live]) -> LiveModel:
    """The result of a verb as a live model.

    Raises:
        WeightsError: a layer's weights cannot be placed for certain.
    """
    known = edited.documents[0].registry.names()
    # whatever would be a hazard in a file is in this process already
    code = {f"{hazard.where}: {hazard.message}" for hazard in hazards(emit(edited.model), classes=known)}
    for warning in edited.warnings:
        if warning not in code and FORGOTTEN not in warning:  # what Keras forgets on loading is set below
            warnings.warn(warning, stacklevel=3)
    return build(edited.model, edited.provenance, sources)


def build(model: Model, origins: Provenance, sources: Sequence[Live]) -> LiveModel:
    """A live model out of a rewritten document, each layer with what its origin among the sources has learnt.

    Raises:
        CutError: a nested model was taken apart whose class computes something of its own.
        WeightsError: a layer's weights cannot be placed for certain.
    """
    works = sources[0].works
    _check_opened(origins, sources)
    classes = {name: kind for source in reversed(sources) for name, kind in source.classes.items()}
    made: LiveModel = rebuild(json.loads(to_text(model)), framework=works, classes=classes, allow_lambda=True)
    layers: dict[str, Any] = {}
    fresh: set[str] = set()
    for path, origin in leaves_of(model, origins):
        came_from = sources[origin.source].layer(origin.path)
        if came_from is None or not getattr(came_from, "built", True):
            fresh.add("/".join(path))
        else:
            layers["/".join(path)] = came_from
    transfer(made, layers, works, fresh=fresh)
    _freeze_inside(made, model)
    return made


def _check_opened(origins: Provenance, sources: Sequence[Live]) -> None:
    """What a class of the user's own does in its ``call`` is in no graph, and would be gone."""
    paths = dict.fromkeys(
        (each.source, each.path[:length]) for each in origins.layers.values() for length in range(1, len(each.path))
    )
    for number, path in paths:
        source = sources[number]
        held = None if source.live is None else source.layer(path)
        if isinstance(held, source.works.module.Model) and not shows_its_graph(held, source.works):
            raise CutError(
                f"{'/'.join(path)!r} cannot be taken apart: its class, {type(held).__name__}, has a `call` of its own",
                code="cut-not-openable",
                where="/".join(path),
                hint=f"cut before or after {'/'.join(path)!r}",
            )


def leaves_of(model: Model, origins: Provenance) -> Iterator[tuple[LayerPath, Origin]]:
    """Every layer that holds weights as one, and where it came from; what was taken apart goes by its pieces."""
    reach, apart = held_by(model.dialect), origins.told_apart()
    whole: set[LayerPath] = set()
    wrappers: set[LayerPath] = set()
    for path, layer in walk(model, reach):
        fresh = path[:-1] in wrappers and path not in origins.layers  # what packs several tensors into one
        origin = None if fresh else origins.origin(path)
        if path in apart and layer.model is None:
            wrappers.add(path)
        opened = layer.model is not None or (path in apart and reach(layer) is not None)
        if opened or layer.is_input or origin is None or any(path[:length] in whole for length in range(1, len(path))):
            continue
        whole.add(path)
        yield path, origin


def _freeze_inside(made: Any, model: Model) -> None:
    """Keras 3 forgets that what is inside some layers is frozen."""
    for path, layer in walk(model):
        if class_facts(layer.class_name).deaf_when_frozen and layer.config.get(FLAG) is False:
            frozen = layer_at(made, path)
            frozen.trainable = True  # TensorFlow's tracking drops an assignment that changes nothing
            frozen.trainable = False
