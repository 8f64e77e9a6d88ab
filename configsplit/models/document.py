"""A model file, read: its graph, and where its weights are. Reading an architecture loads neither h5py nor Keras."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeAlias

from configsplit.catalog.facts import LayerFacts
from configsplit.containers.source import Order, Source, open_source
from configsplit.dialects import Detection, parse, read_entry
from configsplit.dialects.dialect import Generation
from configsplit.errors import ConfigSplitError, ShapeError, StoreError, check_choice, not_taken
from configsplit.graph.model import Model, TensorRef, TensorSpec
from configsplit.graph.references import boundary
from configsplit.inference import Inference, agree, blamed, in_words, trace
from configsplit.models.read_as_today import read_as_today, without_idle_keys
from configsplit.models.shown import Shown
from configsplit.plugins import Registry
from configsplit.plugins.registry import plugins
from configsplit.telling import decided, doing

Match: TypeAlias = Literal["name", "order"]


@dataclass(frozen=True, kw_only=True)
class Document(Shown):
    """A model as it stands in a file; immutable. Weights are read when they are needed: until then the file must not change.

    Attributes:
        model: the graph.
        detection: the dialect, and the evidence for it.
        path: the file that was read; ``weights`` is the file of weights that goes with it, if apart.
        by_name: whether layers take their weights of ``weights`` by name, whatever else is in it.
        match: by what arrays in ``weights`` are known.
        dequantize: whether quantized weights are taken as what is left of them.
        kind: "json", "keras", "h5", "dir", or another of `configsplit.containers.source.containers`.
        release: what the file says of the release that wrote it; empty where it says nothing.
        registry: the plug-ins in force.
        notes: what had to be put right in the file to read it, in sentences.
        fixed: what inputs are of whose sizes, open in the file, were fixed; by the input's name.
        digest: SHA-256 of the architecture's text, by which the file is known again when it is opened for its weights.
        source: the file that it was read from, where that is kept open (`reading`).
    """

    model: Model
    detection: Detection
    path: Path
    kind: str
    weights: Path | None = None
    by_name: bool = False
    match: Match = "name"
    dequantize: bool = False
    release: str = ""
    registry: Registry = field(default_factory=Registry)
    notes: tuple[str, ...] = ()
    fixed: Mapping[str, TensorSpec] = field(default_factory=dict, compare=False)
    digest: str = ""
    source: Source | None = field(default=None, repr=False, compare=False)

    @property
    def dialect(self) -> Generation:
        """The generation of Keras that wrote it."""
        return self.detection.dialect.name

    @cached_property
    def facts(self) -> Mapping[str, LayerFacts]:
        """What plug-ins declare of classes, by name."""
        return self.registry.facts()

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """The file: as it is kept open, or opened for this block.

        Returns:
            The open file, for a ``with`` statement.

        Raises:
            StoreError: it cannot be read, or holds another architecture than was read from it.
        """
        if self.source is not None and not self.source.is_closed:
            yield self.source
            return
        order = _order(self.match, self.registry)
        with open_source(self.path, self.weights, by_name=self.by_name, order=order, dequantize=self.dequantize) as source:
            if self.digest and _digest(source.config_text) != self.digest:
                raise StoreError(
                    "the file was replaced since it was read: it holds another architecture",
                    code="source-changed",
                    where=str(self.path),
                    hint="wait until the program that writes it is done",
                )
            yield source

    def infer(self, shapes: Mapping[TensorRef, TensorSpec] | None = None, model: Model | None = None) -> Inference:
        """Shape and dtype of every tensor of the model (or of a rewritten form of it).

        Args:
            shapes: shapes that are known besides, the batch first, None for an open size.
            model: the rewritten form.

        Returns:
            What is known of every tensor, and why of the others nothing is.
        """
        if not shapes and (model is None or model is self.model):
            return self._inference
        return trace(model or self.model, self.facts, shapes or {}, read=read_entry)

    def infer_given(
        self,
        shapes: Mapping[TensorRef, TensorSpec],
        model: Model | None = None,
        facts: Mapping[str, LayerFacts] = MappingProxyType({}),
        within: Mapping[int, Mapping[TensorRef, TensorSpec]] = MappingProxyType({}),
    ) -> Inference:
        """What `infer` tells where the user says some of the shapes; with more ``facts``, what those tell besides.

        Args:
            shapes, model: as for `infer`.
            facts: declarations of classes besides those of the registry, by name.
            within: what is said of tensors of nested models, by the `id` of each.

        Returns:
            As `infer` does.

        Raises:
            ShapeError: the document or the rules of its classes tell something else.
        """
        if facts or within:
            inference = trace(model or self.model, {**facts, **self.facts}, shapes, read=read_entry, within=within)
        else:
            inference = self.infer(shapes, model)
        if shapes:
            _hold_given(shapes, self.infer(None, model), inference)
        return inference

    @cached_property
    def _inference(self) -> Inference:
        return trace(self.model, self.facts, {}, read=read_entry)

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.models.notebook import document_html

        return document_html(self)

    def __repr__(self) -> str:
        return f"<{self.path.name}: {self.detection.dialect.title} model {self.model.name!r}, {len(self.model.layers)} layers>"


def load(
    path: str | Path,
    *,
    weights: str | Path | None = None,
    custom_objects: Iterable[str | Path] = (),
    registry: Registry | None = None,
    calls: Iterable[str] = (),
    by_name: bool = False,
    match: Match = "name",
    dequantize: bool = False,
) -> Document:
    """Read a model file: ``.json``, ``.keras`` or ``.h5``, told apart by content.

    Args:
        path: the file.
        weights: weights for an architecture-only file.
        custom_objects: plug-in files or modules, in addition to the installed ones.
        registry: the installed plug-ins, if already looked up; useful when many models are loaded.
        calls: which calls a layer takes, if the release that wrote the file lost their numbers: ``subtract=base@0,base@1``.
        by_name: layers take their weights of ``weights`` by name, as Keras's `load_weights(by_name=True)` does; the file may be
            another network's.
        match: by what the arrays in ``weights`` are known where their file has names alone or none: the names of layers, or
            (``order``) the order of ``model.get_weights()``.
        dequantize: accept quantized weights (TensorFlow.js), rounded as they are.

    Returns:
        The model; its file is closed again.

    Raises:
        OptionError: ``path`` is not a path.
        StoreError: the file cannot be read, or is not a model.
        DocumentError: its architecture is damaged, or has no known dialect.
        PluginError: a plug-in cannot be used.

    Example:
        >>> model = configsplit.load("model.keras")
        >>> model.dialect
        'keras3'
    """
    with reading(
        path,
        weights=weights,
        custom_objects=custom_objects,
        registry=registry,
        calls=calls,
        by_name=by_name,
        match=match,
        dequantize=dequantize,
    ) as document:
        return replace(document, source=None)


def reading(
    path: str | Path,
    *,
    weights: str | Path | None = None,
    custom_objects: Iterable[str | Path] = (),
    registry: Registry | None = None,
    calls: Iterable[str] = (),
    by_name: bool = False,
    match: Match = "name",
    dequantize: bool = False,
) -> AbstractContextManager[Document]:
    """Like `load`, but the file stays open inside the ``with`` block and is not opened again there.

    Args:
        path, weights, custom_objects, registry, calls, by_name, match, dequantize: as for `load`.

    Returns:
        The model, for a ``with`` statement. It can also be used after the block: its file is then opened again.

    Raises:
        StoreError, DocumentError, PluginError: as `load` does.

    Example:
        >>> with configsplit.reading("model.keras") as model:
        ...     saved = configsplit.split(model, at="res").save("parts")
    """
    check_choice("match", match, Match)
    if not isinstance(path, (str, PathLike)):
        raise not_taken(path, "the path of a file", "path", "give a path; every verb takes a loaded or live model as it is")
    return _reading(path, weights, plugins(custom_objects, registry), calls, by_name, match, dequantize)


@contextmanager
def _reading(
    path: str | Path,
    weights: str | Path | None,
    known: Registry,
    calls: Iterable[str],
    by_name: bool,
    match: Match,
    dequantize: bool,
) -> Iterator[Document]:
    with open_source(path, weights, by_name=by_name, order=_order(match, known), dequantize=dequantize) as source:
        yield document_in(source, known, calls)


def document_in(source: Source, registry: Registry, calls: Iterable[str] = ()) -> Document:
    """The model in a file that is open, and is kept open by whoever opened it. Raises StoreError or DocumentError as `load`
    does.
    """
    doing(f"reading {source.path.name}")
    text = source.config_text  # whatever is wrong with the file names it already
    try:
        parsed = parse(text, calls)
        model, left_out = without_idle_keys(parsed.model, text)
        model, put_right = read_as_today(model, text)
        digest = _digest(text)
    except ConfigSplitError as error:
        raise error.within(f"{source.path}: ") from None
    decided(lambda: f"{source.path.name} is {source.kind}; {_why(parsed.detection)}")
    release = source.metadata.get("keras_version") or parsed.model.entry.get("keras_version") or ""
    return Document(
        model=model,
        detection=parsed.detection,
        path=source.path,
        kind=source.kind,
        weights=source.weights_path,
        by_name=source.by_name,
        match="name" if source.order is None else "order",
        dequantize=source.dequantize,
        release=str(release),
        registry=registry,
        notes=(*parsed.notes, *left_out, *put_right),
        digest=digest,
        source=source,
    )


def _order(match: Match, registry: Registry) -> Order | None:
    if match == "name":
        return None
    from configsplit.models.in_order import weights_in_order

    return lambda text: weights_in_order(text, registry.facts())


def _why(detection: Detection) -> str:
    signs = "; ".join(f"{sign.where}: {sign.what}" if sign.where else sign.what for sign in detection.evidence)
    return f"its dialect is {detection.dialect.title}, by {signs}"


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


Said: TypeAlias = Iterable[str] | Mapping[str, "TensorSpec | Sequence[int | None]"] | Mapping[TensorRef, TensorSpec]
"""Shapes or sizes as a user gives them: ``["a=None,9"]``, ``{"a": (None, 9)}``, or by references."""


def by_names(said: Said) -> list[str] | Mapping[TensorRef, TensorSpec]:
    """What is said in texts, or in a mapping by names, as texts; what is said of references as it is."""
    if not isinstance(said, Mapping):
        return list(said)
    refs = {key: each for key, each in said.items() if isinstance(key, TensorRef) and isinstance(each, TensorSpec)}
    return refs or [f"{name}={_sizes(each)}" for name, each in said.items()]


def _sizes(said: TensorSpec | Sequence[int | None]) -> str:
    shape, dtype = (said.shape or (), said.dtype) if isinstance(said, TensorSpec) else (said, None)
    return ",".join(map(str, shape)) + (f":{dtype}" if dtype else "")


def given_shapes(model: Model, texts: Iterable[str]) -> dict[TensorRef, TensorSpec]:
    """``LAYER=None,28,28,128`` or ``LAYER=None,28,28,128:float32`` as specs.

    Raises:
        ShapeError: the text is not of that form.
        TensorReferenceError: no such tensor.
    """
    return {ref: spec for name, spec in map(named_shape, texts) for ref in boundary(model, name)}


def _hold_given(shapes: Mapping[TensorRef, TensorSpec], before: Inference, after: Inference) -> None:
    """Of two facts that contradict each other nobody can say which is false; but a shape that only the file records, of what a
    class gives which nobody has declared, may be corrected."""
    whose = blamed(before)
    for ref, given in shapes.items():
        known = before.specs.get(ref, TensorSpec())
        same_dtype = ref in before.by_build or given.dtype is None or known.dtype is None or given.dtype == known.dtype
        only_recorded = ref in whose and whose[ref].path[0] == ref.layer
        if not same_dtype or not (only_recorded or agree(given.shape, known.shape)):
            raise _contradicted(ref.layer, f"{ref.layer!r} is said to be {in_words(given)}, but it is {in_words(known)}")
    new = [(ref.layer, why) for ref, why in after.contradictions.items() if ref not in before.contradictions]
    new += [(call.layer, why) for call, why in after.clashes.items() if call not in before.clashes]
    for layer, why in new:
        raise _contradicted(layer, f"if that were so, {layer!r} would not be what it is: {why}")


def _contradicted(where: str, message: str) -> ShapeError:
    hint = "leave --shape out where the shape is known; sizes that the model leaves open are given with --size"
    return ShapeError(message, code="shape-contradicted", where=where, hint=hint)


def named_shape(text: str) -> tuple[str, TensorSpec]:
    """The name in ``LAYER=None,28,28,128:float32``, and what is said of it. Raises ShapeError if it is not of that form."""
    name, equals, rest = text.rpartition("=")
    dimensions, _, dtype = rest.partition(":")
    try:
        shape = tuple(None if item.strip() in ("None", "null", "?") else int(item) for item in dimensions.split(","))
    except ValueError:
        shape, equals = (), ""
    if not equals:
        raise ShapeError(
            f"{text!r} does not give a shape", code="shape-syntax", hint="write LAYER=None,28,28,128 (None for any size)"
        )
    return name, TensorSpec(shape, dtype.strip() or None)
