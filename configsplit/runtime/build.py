"""Live models out of documents and files, inside an explicit safe scope with exactly the allowed classes."""

from __future__ import annotations

import contextlib
import copy
import importlib
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from configsplit.errors import DocumentError, WeightsError, nearest
from configsplit.graph.walking import values_in
from configsplit.hazards import ROOTS, hazards
from configsplit.runtime.examine import buildable, examine
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.resolving import named_as_written, resolving

Classes = Mapping[str, Callable[..., Any]]


@contextlib.contextmanager
def safe_scope(framework: Framework, classes: Classes, *, allow_lambda: bool = False) -> Iterator[None]:
    """Build models in here: the given custom classes and no others, and Keras's safe mode on.

    Classes that user code registered globally would otherwise be found too; they are hidden for the time being and put back.
    Those that Keras itself registers stay.
    """
    saving = framework.module.saving
    registered = saving.get_custom_objects()
    before = dict(registered)
    allowed = {name: item for name, item in before.items() if item in classes.values() or _is_own(item)}
    registered.clear()
    registered.update(allowed)
    try:
        held = resolving(framework, {**allowed, **classes})
        named = named_as_written(framework) if framework.name == "keras" else contextlib.nullcontext()
        with saving.custom_object_scope(dict(classes)), _safe_mode(framework, not allow_lambda), held, named, ending(framework):
            yield
    finally:
        registered.clear()
        registered.update(before)


def _is_own(item: Any) -> bool:
    return str(getattr(item, "__module__", "")).split(".")[0] in ROOTS


def _safe_mode(framework: Framework, safe: bool) -> contextlib.AbstractContextManager[None]:
    # No public function sets safe mode for a block: `load_model(safe_mode=)` does not reach `from_config`, where Lambda code
    # ran in Keras 3.14. Both packages have had this class at this place in every release.
    library = importlib.import_module(f"{framework.name}.src.saving.serialization_lib")
    scope: contextlib.AbstractContextManager[None] = library.SafeModeScope(safe)
    return scope


def rebuild(
    config: Mapping[str, Any],
    weights: Mapping[str, Sequence[np.ndarray[Any, Any]]] | None = None,
    *,
    framework: Framework,
    classes: Classes,
    allow_lambda: bool = False,
) -> Any:
    """A Keras model from a document (``{"class_name": ..., "config": ...}``, plain JSON), with weights by layer name.

    A layer in a nested model is named "outer/inner"; a nested model may also be given whole, as one flat list. Every count
    and shape is checked before anything is set. The document is left as it was.

    Raises:
        DocumentError: it holds code or reaches outside (`refuse_hazards`), or is not a functional or Sequential model.
        WeightsError: a layer's weights are missing, or do not fit, or there is no such layer.
    """
    refuse_hazards(config, classes=classes, allow_lambda=allow_lambda)
    with safe_scope(framework, classes, allow_lambda=allow_lambda):
        # from_config empties the dict that it is given
        model = _model_class(config, framework, classes).from_config(copy.deepcopy(config["config"]))
    if weights is not None:
        _set_weights(model, weights, framework)
    return model


def _model_class(config: Mapping[str, Any], framework: Framework, classes: Classes) -> Any:
    name = config.get("class_name", "")
    if name in ("Functional", "Model"):
        return framework.module.Model
    if name == "Sequential":
        return framework.module.Sequential
    if name in classes:
        return classes[name]
    raise DocumentError(
        f"the class {name!r} is not a functional or Sequential model",
        code="runtime-model-class",
        where="class_name",
        hint="a subclassed model is built only when its class is allowed by --custom-objects",
    )


def layers_with_weights(model: Any, framework: Framework, stop: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Every layer that has weights, by its path ("outer/inner"), nested models opened; iterative.

    A nested model whose path is in ``stop`` is taken whole.
    """
    layers: dict[str, Any] = {}
    todo = [(layer.name, layer) for layer in reversed(model.layers)]
    while todo:
        path, layer = todo.pop()
        held = _held(layer, framework)
        if held is not None and path not in (stop or {}):
            todo.extend((f"{path}/{inner.name}", inner) for inner in reversed(held.layers))
        elif variables(layer):
            _add_once(layers, path, layer)
    return layers


def _held(layer: Any, framework: Framework) -> Any:
    """The nested model that a layer is, or the one that TimeDistributed runs; None for any other layer."""
    if isinstance(layer, framework.module.layers.TimeDistributed):
        layer = layer.layer
    return layer if isinstance(layer, framework.module.Model) else None


def variables(layer: Any) -> list[Any]:
    """The weights of a layer that are tensors; the lookups of tf_keras list their vocabulary among theirs."""
    return [weight for weight in getattr(layer, "weights", ()) if hasattr(weight, "shape")]


def _add_once(layers: dict[str, Any], path: str, layer: Any) -> None:
    if layers.setdefault(path, layer) is not layer:
        raise WeightsError(f"two layers have the path {path!r}", code="weights-ambiguous-name", where=path)


def _set_weights(model: Any, weights: Mapping[str, Sequence[np.ndarray[Any, Any]]], framework: Framework) -> None:
    layers = layers_with_weights(model, framework, stop=weights)
    for name, values in weights.items():
        if name not in layers and len(values):
            raise WeightsError(
                f"weights are given for {name!r}, but no layer with weights has that name",
                code="weights-unknown-layer",
                where=name,
                hint=nearest(name, layers),
            )
    for path, layer in layers.items():
        _check_fit(path, layer, weights)
    for path, layer in layers.items():
        for variable, value in zip(variables(layer), weights[path], strict=True):
            variable.assign(value)


def _check_fit(path: str, layer: Any, weights: Mapping[str, Sequence[np.ndarray[Any, Any]]]) -> None:
    expected = [tuple(weight.shape) for weight in variables(layer)]
    got = [tuple(np.shape(value)) for value in weights.get(path, ())]
    if got != expected:
        raise WeightsError(
            f"the layer {path!r} expects weights of the shapes {expected}, got {got if path in weights else 'none'}",
            code="weights-do-not-fit",
            where=path,
            hint="the weights belong to another layer or to another model",
        )


def load(
    path: Path,
    weights: Path | None = None,
    *,
    framework: Framework,
    classes: Classes,
    allow_lambda: bool = False,
) -> Any:
    """A model file, loaded by Keras's own loader, uncompiled; a ``.json`` architecture takes its weights from ``weights``.

    Raises:
        StoreError: the file cannot be read, or is damaged or hostile.
        DocumentError: it holds code or reaches outside. What the framework itself refuses it raises in its own way.
    """
    examined = examine(path, weights)
    document = examined.document()
    refuse_hazards(document, classes=classes, allow_lambda=allow_lambda)
    models = framework.module.models
    with safe_scope(framework, classes, allow_lambda=allow_lambda):
        if examined.kind == "json":
            model = models.model_from_json(buildable(document), custom_objects=dict(classes))
        else:
            with _named_as_its_kind(path, examined.kind) as file:
                model = models.load_model(str(file), custom_objects=dict(classes), compile=False, safe_mode=not allow_lambda)
        if weights is not None:
            with _named_as_its_layout(weights, examined.layout) as file:
                model.load_weights(str(file))
    return model


_SUFFIXES = {"keras": (".keras",), "h5": (".h5", ".hdf5")}


def _named_as_its_kind(path: Path, kind: str) -> contextlib.AbstractContextManager[Path]:
    """Keras goes by a file's name, configsplit by its content: what was read is handed over under a name that says so."""
    suffixes = _SUFFIXES.get(kind, (path.suffix,))
    return contextlib.nullcontext(path) if path.suffix in suffixes else _called(path, f"model{suffixes[0]}")


def _named_as_its_layout(weights: Path, layout: str) -> contextlib.AbstractContextManager[Path]:
    """Since Keras 2.12 ``*.weights.h5`` is read in the newer layout, whatever is in it; older weights need another name."""
    if layout != "legacy" or not weights.name.endswith(".weights.h5"):
        return contextlib.nullcontext(weights)
    return _called(weights, "weights_only.h5")


@contextlib.contextmanager
def _called(path: Path, name: str) -> Iterator[Path]:
    """The same file under another name, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        other = Path(folder, name)
        try:
            other.symlink_to(path.resolve())
        except OSError:  # Windows asks for a privilege
            shutil.copyfile(path, other)
        yield other


# The gate before any framework: a document with a hazard is refused, not built.


def refuse_hazards(document: Any, *, classes: Collection[str] = (), allow_lambda: bool = False) -> None:
    """Raises DocumentError for the first hazard; see `configsplit.hazards.hazards` for the arguments."""
    for hazard in hazards(document, classes=classes, allow_lambda=allow_lambda):
        raise DocumentError(hazard.message, code=hazard.code, where=hazard.where, hint=hazard.hint)


# A graph that tf_keras would rebuild without end is refused instead.
#
# tf_keras puts a call off until the calls that feed it are there, round after round, and never asks whether a round has
# brought anything. A file whose calls are counted in another way than tf_keras counts them keeps it busy for ever: TF 1.13
# gave the first call of a Sequential without an input shape the number 1, every later release gives it 0.


_REBUILDER = "reconstruct_from_config"


@contextlib.contextmanager
def ending(framework: Framework) -> Iterator[None]:
    """Within this block tf_keras raises DocumentError where it would turn in circles; Keras 3 is left as it is."""
    library = importlib.import_module("tf_keras.src.engine.functional") if framework.name == "tf_keras" else None
    original = getattr(library, _REBUILDER, None)
    if library is None or original is None:
        yield
        return

    def rebuilt(config: Any, custom_objects: Any = None, created_layers: Any = None) -> Any:
        return original(config, custom_objects, _Layers(config, created_layers or {}))

    setattr(library, _REBUILDER, rebuilt)
    try:
        yield
    finally:
        setattr(library, _REBUILDER, original)


class _Layers(dict[str, Any]):
    """The layers of a graph that is rebuilt: in every round each is looked up, and what feeds the calls that are put off.

    After more look-ups than two rounds can take there must be a new call, or there never will be one.
    """

    def __init__(self, config: Any, made: Mapping[str, Any]) -> None:
        super().__init__(made)
        self._name = str(config.get("name"))
        self._patience = 2 * _containers(config)
        self._left, self._calls = self._patience, -1

    def __bool__(self) -> bool:
        """An empty one would be replaced by a dict of tf_keras's own."""
        return True

    def __getitem__(self, name: str) -> Any:
        self._left -= 1
        if self._left < 0:
            calls = sum(len(layer.inbound_nodes) for layer in self.values())
            if calls == self._calls:
                raise self._endless()
            self._left, self._calls = self._patience, calls
        return super().__getitem__(name)

    def _endless(self) -> DocumentError:
        return DocumentError(
            f"tf_keras would never finish {self._name!r}: it waits for a call of a layer that never comes, since the "
            "file counts the calls in another way than tf_keras, or is damaged",
            code="runtime-endless",
            where=self._name,
            hint="use --verify proof; or run what `configsplit convert` makes of it",
        )


def _containers(config: Any) -> int:
    """How many lists and mappings there are, in all depths: more than layers, and more than references to calls."""
    return sum(isinstance(item, (dict, list, tuple)) for item in values_in(config))
