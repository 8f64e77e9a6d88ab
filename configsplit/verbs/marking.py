"""The verbs that leave the graph as it is: rename layers, freeze them, list what lies before and behind a tensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import prod

from configsplit.boundaries.sizes import given_sizes
from configsplit.catalog.table import class_facts
from configsplit.errors import CutError, TensorReferenceError
from configsplit.graph.model import Layer, LayerPath, Model, Shape, TensorRef, TensorSpec, walk
from configsplit.graph.provenance import identity
from configsplit.graph.references import layer_paths, new_names, places
from configsplit.inference import BUILT_IN, Inference, counted, weights_of
from configsplit.models.document import Document
from configsplit.models.made import ModelLike, document_of
from configsplit.models.results import Edited
from configsplit.rewrites import upstream
from configsplit.rewrites.common import FLAG, Rewritten
from configsplit.rewrites.freeze import freeze_layers
from configsplit.rewrites.rename import rename_layers
from configsplit.telling import decided
from configsplit.verbs.surgery import Names, finish, listed
from configsplit.weights.implied import known_with_weights
from configsplit.weights.made_up import is_nameless
from configsplit.weights.placement import known_inside

FORGOTTEN = "Keras 3 forgets on loading that the layers inside are frozen: set its `trainable` to True and then to False"
"""The flag itself is False then already, and TensorFlow's tracking drops an assignment that changes nothing."""


def rename(model: ModelLike, names: Mapping[str, str] | Iterable[str]) -> Edited:
    """Rename layers: ``{"conv1": "stem"}`` or ``["conv1=stem", "conv*=block1_conv*", "encoder/fc=encoder/dense"]``.

    All at once, so that two layers may swap their names. The weights' names in the file follow.

    Args:
        model: a file, a loaded model, or the result of another verb; it is not changed.
        names: old name -> new name, or ``OLD=NEW`` texts; in patterns, ``*`` keeps its text.

    Returns:
        The new model, not yet written.

    Raises:
        TensorReferenceError: no such layer, or two layers would have one name, or Keras could not load the name.

    Example:
        >>> configsplit.rename("model.keras", ["c*=conv*"])
        <rename of model.keras: 11 layers>
    """
    document = document_of(model)
    pairs = list(names.items()) if isinstance(names, Mapping) else [_pair(text) for text in listed(names)]
    wanted = new_names(document.model, pairs)
    nameless = {path for path, layer in walk(document.model) if is_nameless(layer)}
    for path, name in wanted.items():
        _check_name(document, path, name, nameless=path in nameless)
    made = rename_layers(document.model, wanted)
    return finish("rename", (document,), made, {"names": [f"{old}={new}" for old, new in pairs]})


def _pair(text: str) -> tuple[str, str]:
    old, equals, new = text.rpartition("=")
    if not equals or not old or not new:
        raise TensorReferenceError(
            f"{text!r} is not OLD=NEW", code="rename-pattern", hint="write conv1=stem, or conv*=block1_conv*"
        )
    return old, new


def _check_name(document: Document, path: LayerPath, name: str, *, nameless: bool) -> None:
    if nameless:
        raise TensorReferenceError(
            f"{'/'.join(path)!r} cannot be called {name!r}: its class writes no name into the document",
            code="rename-name",
            where="/".join(path),
            hint="Keras names such a layer itself, whenever it loads the file",
        )
    unsafe = name in ("", ".", "..") or "\0" in name or ".." in name.split("/") or name.startswith("/")
    if unsafe or (document.dialect == "keras3" and "/" in name):
        raise TensorReferenceError(
            f"{'/'.join(path)!r} cannot be called {name!r}: "
            + ("it cannot name a group of a weights file" if unsafe else "Keras 3 allows no / in the name of a layer"),
            code="rename-name",
            where="/".join(path),
            hint="letters, digits, _ and - are always allowed",
        )


def freeze(model: ModelLike, *, before: Names = (), after: Names = (), layer: Names = (), unfreeze: bool = False) -> Edited:
    """Freeze layers, so that training leaves their weights alone, or (``unfreeze``) unfreeze them.

    Args:
        model: a file, a loaded model, or the result of another verb; it is not changed.
        before: tensors; freezes all layers that compute them, their own included.
        after: tensors; freezes all layers computed from them.
        layer: names of layers, patterns with ``*``, ``OUTER/INNER``; a nested model includes everything in it.
        unfreeze: unfreeze them instead.

    Returns:
        The new model, not yet written.

    Raises:
        TensorReferenceError: no such layer or tensor.
        CutError: the config of a layer has no such flag.

    Example:
        >>> configsplit.freeze("model.keras", before="res")
        <freeze of model.keras: 6 of 11 layers, 280 of 296 parameters frozen>
    """
    document = document_of(model)
    asked = {
        **{f"--layer {text}": layer_paths(document.model, [text]) for text in listed(layer)},
        **{f"--before {text}": _reached(document, text, ()) for text in listed(before)},
        **{f"--after {text}": _reached(document, (), text) for text in listed(after)},
    }
    paths = [path for each in asked.values() for path in each]
    if not paths:
        raise CutError("no layer was named", code="freeze-nothing", hint="say which: --before, --after or --layer")
    weightless = _weightless(document)
    decided(lambda: "\n".join(f"{what} names {len(each)} layers" for what, each in asked.items()))
    made = freeze_layers(document.model, set(paths), trainable=unfreeze, flagless=BUILT_IN.keys(), weightless=weightless)
    arguments = {"before": listed(before), "after": listed(after), "layer": listed(layer), "unfreeze": unfreeze}
    edited = finish("freeze", (document,), Rewritten(made, identity(document.model)), arguments)
    return edited if unfreeze else replace(edited, warnings=(*edited.warnings, *_forgotten(edited)))


def _forgotten(edited: Edited) -> list[str]:
    """Frozen layers that Keras 3 trains all the same once it has loaded them."""
    if edited.model.dialect != "keras3":
        return []
    return [
        f"{'/'.join(path)}: {layer.class_name}: {FORGOTTEN}"
        for path, layer in walk(edited.model)
        if class_facts(layer.class_name).deaf_when_frozen and layer.config.get(FLAG) is False
    ]


def _reached(document: Document, before: Names, after: Names) -> list[LayerPath]:
    model = document.model
    paths = [path for text in listed(before) for path in upstream.before(model, places(model, text))]
    return paths + [path for text in listed(after) for path in upstream.after(model, places(model, text))]


def _weightless(document: Document) -> set[LayerPath]:
    """Layers that are known to have no weights: whether they are trained says nothing."""
    inference = document.infer()
    bare = set()
    for path, layer in walk(document.model):
        around = known_inside(inference, path[:-1])
        if around is not None and layer.model is None and weights_of(around, layer) == ():
            bare.add(path)
    return bare


@dataclass(frozen=True, slots=True)
class LayerInfo:
    """One layer as `layers` lists it.

    ``parameters`` is None where nobody has declared the class; ``trainable`` is the flag of its config, None where that has
    none; ``shape`` is that of its first output, the batch first, None where nobody knows it; ``takers`` are the layers that
    take what it gives, by their names in the model around them.
    """

    path: LayerPath
    class_name: str
    calls: int
    trainable: bool | None
    parameters: int | None
    shape: Shape | None = None
    takers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "/".join(self.path)

    def __repr__(self) -> str:
        count = "" if self.parameters == 0 else f", {'?' if self.parameters is None else f'{self.parameters:,}'} parameters"
        return f"<{self.name}: {self.class_name}{count}>"

    def as_json(self) -> dict[str, object]:
        return {
            "layer": self.name,
            "class": self.class_name,
            "calls": self.calls,
            "trainable": self.trainable,
            "parameters": self.parameters,
            "shape": None if self.shape is None else list(self.shape),
            "takers": list(self.takers),
        }


def layers(
    model: ModelLike,
    *,
    before: Names = (),
    after: Names = (),
    sizes: Iterable[str] = (),
    whole_nested: bool = False,
) -> tuple[LayerInfo, ...]:
    """The layers upstream or downstream of tensors, in document order; all layers if none is given.

    Args:
        model: a file, a loaded model, or the result of another verb.
        before, after: tensors. A tensor's own layer is upstream of it.
        sizes: ``"INPUT=1,224,224,3"``: to count weights whose shape depends on an open size of an input.
        whole_nested: list nested models without the layers inside them, which come right behind them otherwise; but one that
            a tensor lies in is looked into all the same.

    Returns:
        One entry for each layer: name, class, whether it is trainable, and how many numbers its weights have.

    Raises:
        TensorReferenceError: no such tensor.
        ShapeError: a size does not fit.

    Example:
        >>> configsplit.layers("model.keras", after="max_pooling2d")
        (<global_average_pooling2d: GlobalAveragePooling2D>, <out: Dense, 16 parameters>)
    """
    document = document_of(model)
    named = bool(listed(before) or listed(after))
    wanted = set(_reached(document, before, after)) if named else {(layer.name,) for layer in document.model.layers}
    inference = known_with_weights(document, given_sizes(document.infer(), sizes))
    infos: list[LayerInfo] = []
    taken: dict[LayerPath, dict[str, list[str]]] = {(): _takers(document.model)}
    for path, layer in walk(document.model):
        if layer.model is not None:
            taken[path] = _takers(layer.model)
        within = not whole_nested and any(path[:length] in wanted for length in range(1, len(path)))
        if (path in wanted or within) and not layer.implicit:
            around = known_inside(inference, path[:-1])
            shape = None if around is None else around.specs.get(TensorRef(layer.name), TensorSpec()).shape
            counts = len(layer.calls), _flag(layer), _parameters(layer, around, path)
            infos.append(LayerInfo(path, layer.class_name, *counts, shape, tuple(taken[path[:-1]].get(layer.name, ()))))
    return tuple(infos)


def _takers(model: Model) -> dict[str, list[str]]:
    """Layer -> the layers that take what it gives, each once."""
    names: dict[str, dict[str, None]] = {}
    for layer in model.layers:
        for use in (use for node in layer.calls for use in node.uses()):
            names.setdefault(use.ref.layer, {})[layer.name] = None
    return {name: [*takers] for name, takers in names.items()}


def _flag(layer: Layer) -> bool | None:
    flag = (layer.config if layer.model is None else layer.model.config).get(FLAG)
    return flag if type(flag) is bool else None


def _parameters(layer: Layer, around: Inference | None, path: LayerPath) -> int | None:
    if around is None:
        return None
    if layer.model is not None:
        within = known_inside(around, path[-1:])
        counts = None if within is None else counted(within)
        return None if counts is None or counts.unknown else counts.parameters
    declared = weights_of(around, layer)
    if declared is None or any(None in spec.shape for spec in declared):
        return None
    return sum(prod(size for size in spec.shape if size is not None) for spec in declared)
