"""`inspect`: what a model file is, told without building it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from configsplit.boundaries.doubts import contradictions
from configsplit.boundaries.sizes import given_sizes, open_sizes
from configsplit.catalog.table import Table
from configsplit.containers.arrays import STATE_GROUPS, Matched
from configsplit.containers.source import size_of
from configsplit.dialects import Sign, emit
from configsplit.errors import Json, RuntimeUnavailableError, WeightsError
from configsplit.graph.model import Layer, TensorRef, TensorSpec, walk
from configsplit.hazards import Hazard, hazards
from configsplit.inference import counted
from configsplit.inference.counts import Counts
from configsplit.models.configs import layer_faults
from configsplit.models.document import Document, Said
from configsplit.models.made import ModelLike, document_of
from configsplit.weights.implied import known_with_weights

if TYPE_CHECKING:
    from configsplit.boundaries.formulas import Figure


class Tensor(TypedDict):
    """An input or output; None stands for what is open and for what nobody knows."""

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What there is to know of a model file.

    ``parameters`` are counted in the file's weights where it has any, else implied by the layers; ``macs`` are
    multiply-accumulate operations for one sample, a formula where they depend on sizes that are open. ``uncounted`` are layers
    that nobody has declared, ``notes`` what had to be put right to read the file, ``configs`` what
    Keras does not take of the configs of layers, ``matched`` which array of a file of weights was taken for which weight.
    """

    file: str
    format: str
    bytes: int
    dialect: str
    title: str
    evidence: tuple[str, ...]
    release: str
    name: str
    kind: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    layers: int
    classes: dict[str, int]
    parameters: int
    parameters_from: str
    macs: Figure
    uncounted: tuple[str, ...]
    shared: dict[str, int]
    nested: tuple[str, ...]
    custom: dict[str, str]
    hazards: tuple[Hazard, ...]
    notes: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    matched: tuple[Matched, ...] = ()

    def _repr_html_(self) -> str:
        """For notebooks."""
        from configsplit.verbs.notebook import inspection_html

        return inspection_html(self)

    def __repr__(self) -> str:
        release = f" {self.release}" if self.release else ""
        return f"<{self.file}: {self.title}{release}, {self.layers} layers, {self.parameters:,} parameters>"

    def as_json(self) -> dict[str, Json]:
        from configsplit.boundaries.formulas import plain

        facts = {**asdict(self), "matched": [each._asdict() for each in self.matched]}
        if not self.matched:
            del facts["matched"]
        place = list(facts).index("macs")
        return dict([*list(facts.items())[:place], *plain("macs", self.macs).items(), *list(facts.items())[place + 1 :]])


def inspect(model: ModelLike, *, sizes: Said = ()) -> Inspection:
    """Look at a model file; see `Inspection`. ``sizes`` of open inputs as for `split`.

    Args:
        model: a file, a loaded model, or the result of another verb.
        sizes: sizes of inputs that the document leaves open, as for `split`.

    Returns:
        Dialect and evidence, layers, inputs and outputs (shapes with the batch first), parameters, multiply-accumulates of one
        sample, hazards.

    Raises:
        ShapeError: the sizes do not fit the model.

    Example:
        >>> configsplit.inspect("model.keras")
        <model.keras: Keras 3 3.15.1, 11 layers, 296 parameters>
    """
    document = document_of(model)
    graph, inference = document.model, known_with_weights(document)
    counts = counted(inference)
    macs, uncounted = _operations(document, counts, given_sizes(inference, sizes))
    everywhere = list(walk(graph))
    stored, misfit, matched = _stored_parameters(document)
    return Inspection(
        file=document.path.name,
        format=document.kind,
        bytes=size_of(document.path) if document.digest else 0,
        dialect=document.dialect,
        title=document.detection.dialect.title,
        evidence=tuple(map(_evidence, document.detection.evidence)),
        release=document.release,
        name=graph.name,
        kind=graph.kind,
        inputs=tuple(_tensor(ref.layer, inference.specs.get(ref)) for ref in graph.input_refs()),
        outputs=tuple(_tensor(ref.layer, inference.specs.get(ref)) for ref in graph.output_refs()),
        layers=len(graph.layers),
        classes=dict(Counter(layer.class_name for _, layer in everywhere).most_common()),
        parameters=counts.parameters if stored is None else stored,
        parameters_from="the layers' configurations" if stored is None else "the file's weights",
        macs=macs,
        uncounted=uncounted,
        shared={"/".join(path): len(layer.calls) for path, layer in everywhere if len(layer.calls) > 1},
        nested=tuple("/".join(path) for path, layer in everywhere if layer.model is not None),
        custom=_custom(document, [layer for _, layer in everywhere]),
        hazards=tuple(hazards(emit(graph), classes=document.registry.names())),
        notes=(*document.notes, *contradictions(document), *misfit),
        matched=matched,
        configs=tuple(f"{each.where}: {each.said}" for each in layer_faults(graph, document.registry, document.release)),
    )


def _operations(document: Document, counts: Counts, sizes: Mapping[TensorRef, TensorSpec]) -> tuple[Figure, tuple[str, ...]]:
    """Multiply-accumulates of one sample, and the layers that nobody can count at any size. Raises ShapeError where the model
    cannot have these sizes."""

    inference = document.infer()
    if sizes or open_sizes(inference):
        from configsplit.boundaries.formulas import Formula
        from configsplit.boundaries.pricing import Pricing

        pricing = Pricing(document, document.model, sizes, inference)
        pricing.check()
        if not pricing.takes_any:
            return Formula(pricing.names), ()
        (macs,) = pricing.figures(lambda costs: [counted(costs.inference).operations])
        return macs, counted(pricing.costs.inference).unknown
    return counts.operations, counts.unknown


def confinement() -> tuple[tuple[str, ...], str]:
    """What holds a process that builds a model on this machine, tried out; and the reason where nothing does."""
    from configsplit.runtime.confinement.policy import in_force

    try:
        return in_force(), ""
    except RuntimeUnavailableError as error:
        return (), error.message


def _evidence(sign: Sign) -> str:
    return f"{sign.what} ({sign.where or 'outermost object'})"


def _tensor(name: str, spec: TensorSpec | None) -> Tensor:
    spec = spec or TensorSpec()
    return {"name": name, "shape": spec.shape, "dtype": spec.dtype}


def _stored_parameters(document: Document) -> tuple[int | None, tuple[str, ...], tuple[Matched, ...]]:
    """Numbers in the file's weights, training state left out, None where it has none of this model; what to say of them; and
    which is which, where the file does not say it as Keras does."""
    with document.opened() as source:
        file = source.weights
        if file is None:
            return None, (), ()
        from configsplit.weights.parts import check_shapes, weights_in

        try:
            held = weights_in(document.model, file)
            check_shapes(document.model, document.infer(), held)
        except WeightsError as error:
            return None, (f"the weights in {Path(file.where).name} are not those of this model: {error.message}",), ()
        apart = {*STATE_GROUPS, *file.unlisted}
        shapes = (info.shape for path, info in file.datasets.items() if apart.isdisjoint((path, path.partition("/")[0])))
        return sum(prod(shape) for shape in shapes), held.notes(), file.matched


def _custom(document: Document, layers: list[Layer]) -> dict[str, str]:
    """Classes that Keras does not have, and the plug-in that declares each, if any."""
    declared = {plugin.facts.class_name: plugin.source for plugin in document.registry.plugins}
    names = sorted({layer.class_name for layer in layers if layer.model is None and not _known(layer, document.dialect)})
    return {name: declared.get(name) or declared.get(name.rpartition(">")[2]) or "not declared" for name in names}


def _known(layer: Layer, dialect: str) -> bool:
    """Whether Keras has the class, under the name that it had in the generation that wrote the document."""
    module = layer.entry.get("module")
    if isinstance(module, str):
        return module.split(".")[0] in ("keras", "tf_keras")
    return layer.is_input or Table().of(layer, dialect) is not None
