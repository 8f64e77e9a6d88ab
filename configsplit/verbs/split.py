"""`split`: from references as people write them to parts with their provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, get_args

from configsplit.boundaries.doubts import opened_shapes
from configsplit.boundaries.masks import Sliced, prepared, with_masks
from configsplit.boundaries.pricing import Pricing
from configsplit.boundaries.sizes import apart, moved
from configsplit.cutting.minimum_cut import Choice, Cost, heads
from configsplit.errors import CutError, OptionError, check_choice
from configsplit.graph.calls import call_graph
from configsplit.graph.model import CallRef, TensorRef, TensorSpec
from configsplit.graph.references import Place, named_by
from configsplit.inference import Inference
from configsplit.inference.tensor_kinds import check_kinds, with_kinds
from configsplit.models.document import Document, Said
from configsplit.models.made import ModelLike, document_of
from configsplit.models.results import Parts
from configsplit.models.wrapped import DocumentWrapping, places_in, told_shapes
from configsplit.rewrites.common import described
from configsplit.rewrites.nested.surface import Surfaced, Told, surface
from configsplit.rewrites.split import UNKNOWN, Split, UnknownShape, assemble, split_model
from configsplit.telling import decided, doing
from configsplit.weights.implied import told_by_weights

if TYPE_CHECKING:
    from configsplit.boundaries.costs import Costs
    from configsplit.boundaries.cut_rows import Cut
    from configsplit.rewrites.casts import Cast, Wider


def split(
    model: ModelLike,
    at: str | Cut | Iterable[str | Cut],
    *,
    boundary: Choice = "smallest",
    shapes: Said = (),
    opened: Iterable[str] = (),
    sizes: Said = (),
    fix_size: bool = False,
    boundary_dtype: Wider | None = None,
) -> Parts:
    """Cut a model. The document is not changed, and nothing is written before ``save``.

    Args:
        model: a file, a loaded model, or the result of another verb.
        at: one reference, or several for successive cuts; ``"A,B"`` is one boundary through both tensors. A row of `cuts` also
            works.
        boundary: which of the legal cuts through the tensor: the one with the fewest bytes across ("smallest"), the
            smallest head ("early"), or the largest ("late").
        shapes: shapes of tensors that neither the document nor a rule determines: ``"LAYER=None,28,28,128"``.
            The shape of an input that the document records counts as a size.
        opened: ``"LAYER"`` or ``"LAYER=1,2"``: recorded sizes to ignore; by default all but batch and last.
        sizes: sizes of inputs that the document leaves open, for prices only: ``"INPUT=1,224,224,3"``, or only the open ones:
            ``"INPUT=224,224"``. The parts keep the sizes of the document, unless ``fix_size`` is given.
        fix_size: write these sizes into the parts.
        boundary_dtype: hand over narrower floating-point tensors as this wider dtype, and cast them back behind the boundary.

    Returns:
        The parts, in the order in which they run, not yet written.

    Raises:
        OptionError: an option has an unknown value.
        TensorReferenceError: a reference names no tensor, or several.
        CutError: the model cannot be cut there.
        ShapeError: the shape of a tensor that crosses is unknown; or which boundary is the smallest depends on a size that is
            open.

    Example:
        >>> parts = configsplit.split("model.keras", at="res")
        >>> parts
        <2 parts of model.keras: 7, 6 layers>
        >>> saved = parts.save("parts")
    """
    check_choice("boundary", boundary, Choice)
    if boundary_dtype is not None:
        from configsplit.rewrites.casts import Wider

        check_choice("boundary_dtype", boundary_dtype, Wider)
    document, texts = document_of(model), _places(at)
    doing("cutting")
    said = told_shapes(document, shapes) + told_shapes(document, opened_shapes(document, opened))
    told, pictured = apart(document, [*said, *told_by_weights(document, said)], sizes)
    if fix_size:
        from configsplit.boundaries.fixing import fixed

        document = fixed(document, pictured)
    wanted = [places_in(document, each) for text in texts for each in named_by(document.model, text)]
    cutting = _Cutting(document, wanted, DocumentWrapping(document, boundary), boundary, told, pictured)
    sliced = with_masks(document, cutting.sliced(cutting.surfaced()), cutting.deeper, cutting.sliced)
    return as_parts(document, sliced, boundary_dtype, cutting.tried)


def _places(at: str | Cut | Iterable[str | Cut]) -> list[str]:
    """References, as people write them."""
    given: list[object] = list(at) if isinstance(at, Iterable) and not isinstance(at, str) else [at]
    texts = []
    for each in given:
        if not isinstance(text := getattr(each, "at", each), str):  # a row of `cuts` says at what it is
            hint = "give the name of a layer, a row of `cuts`, or a list of them"
            raise OptionError(f"{each!r} names no place", code="option-range", where="at", hint=hint)
        texts.append(text)
    if not texts or "" in texts:
        raise CutError("no place to cut at was given", code="cut-nowhere", hint="name a layer: --at LAYER")
    return texts


def as_parts(document: Document, sliced: Sliced, dtype: str | None, tried: tuple[int, int] | None = None) -> Parts:
    """What a verb gives: the parts, with narrower tensors handed over as ``dtype`` if there is one."""
    whole, done, inference = sliced if dtype is None else _handed_over_as(dtype, document, sliced)
    found = (part.provenance for part in done.parts)
    origins = tuple(found if whole.is_original else (each.after(whole.provenance) for each in found))
    return Parts(document=document, whole=whole, split=done, origins=origins, inference=inference, tried=tried)


@dataclass(slots=True)
class _Cutting:
    """One model, to be cut at given places, with as many nested models opened as have to be.

    ``masked`` are those that compute a mask that crosses; ``tried`` are the smallest and the largest open size for which the
    last choice of boundaries was the same.
    """

    document: Document
    wanted: Sequence[Sequence[Place]]
    wrapping: DocumentWrapping
    choice: Choice
    told: Sequence[Told]
    sizes: Mapping[TensorRef, TensorSpec]
    masked: list[str] = field(default_factory=list)
    tried: tuple[int, int] | None = None

    def surfaced(self) -> Surfaced:
        """The model with everything opened that the places lie in, and what makes a mask that crosses."""
        whole = surface(self.document.model, self.wanted, self.wrapping, self.masked, self.told, every_call=True)
        return prepared(self.document, whole)

    def deeper(self, whole: Surfaced, names: Sequence[str]) -> Sliced | None:
        """The parts with some nested models of the last form opened as well; None if there are none."""
        self.masked += names
        return self.sliced(self.surfaced()) if names else None

    def sliced(self, whole: Surfaced) -> Sliced:
        """The parts of one form of the model: boundaries chosen by what tensors cost there."""
        document = self.document
        inference, doubtful = with_kinds(document.infer_given(whole.given, whole.model))
        model = described(whole.model, inference.specs) if whole.steps else whole.model
        at_sizes = {**whole.given, **moved(self.sizes, document.model, model)}
        pricing = Pricing(document, model, at_sizes, inference, doubtful)
        price = _price(pricing, whole.boundaries, self.choice)
        self.tried = pricing.span if price and pricing.varies else None
        decided(partial(_candidates, pricing, whole.boundaries, self.choice))

        def why(ref: TensorRef) -> UnknownShape:
            from configsplit.boundaries.shapes import unknown_shape

            return unknown_shape(document, whole, inference, ref)

        done = split_model(model, whole.boundaries, inference.specs, self.choice, why, doubtful, price)
        check_kinds([ref for taken in done.inputs for ref in taken], doubtful, inference)
        return Sliced(whole, done, inference)


def _price(pricing: Pricing, boundaries: Sequence[Sequence[TensorRef]], choice: Choice) -> Cost | None:
    """What tensors cost where there is a choice between boundaries and they are chosen by cost."""

    if choice != "smallest":
        return None
    early, late = (heads(call_graph(pricing.model), boundaries, by, lambda _: 0) for by in ("early", "late"))
    if early == late:
        return None

    def chosen(costs: Costs) -> list[set[int]]:
        return heads(call_graph(pricing.model), boundaries, choice, costs.price)

    pricing.same(chosen, "which boundary is the smallest")
    return pricing.costs.price


def _candidates(pricing: Pricing, boundaries: Sequence[Sequence[TensorRef]], chosen: Choice) -> str:
    """The boundaries among which one was chosen, each with what it costs."""
    graph, price = call_graph(pricing.model), pricing.costs.price
    candidates: dict[str, list[str]] = {}
    for choice in get_args(Choice):
        for number, head in enumerate(heads(graph, boundaries, choice, price), start=1):
            edge = [ref for ref, takers in graph.consumers.items() if graph.producer(ref) in head and not head >= set(takers)]
            crossing = [ref for ref in edge if not graph.is_input[graph.producer(ref)]]
            bytes_, names = sum(map(price, crossing)), ", ".join(ref.layer for ref in crossing)
            cost = f"{bytes_:,} bytes a sample" if bytes_ < UNKNOWN else "an unknown number of bytes"
            told = f"cut {number} through {names}: {cost}, {len(head)} calls before it"
            candidates.setdefault(told, []).append(f"{choice}, taken" if choice == chosen else choice)
    return "\n".join(f"{told} ({'; '.join(choices)})" for told, choices in candidates.items())


def _handed_over_as(dtype: str, document: Document, sliced: Sliced) -> Sliced:
    """The same split with narrower tensors cast at its boundaries."""
    from configsplit.rewrites.casts import widen

    whole, done, inference = sliced
    casts = _casts(dtype, done, inference)
    if not casts:
        return sliced
    if document.dialect == "keras3" and document.kind == "h5":
        raise CutError(
            "a .h5 file of Keras 3 cannot hold operations, which Keras itself cannot read back from it",
            code="cut-no-cast",
            hint="save the model as .keras",
        )
    widened = widen(done.model, casts, inference.specs)
    known = {cast.ref: inference.specs[cast.ref] for cast in casts}  # what takes the tensors now is new, and records nothing
    inferred, _ = with_kinds(document.infer({**whole.given, **known}, widened.model))
    graph = call_graph(widened.model)
    parts = [list(calls) for calls in done.calls]
    for cast, near, far in zip(casts, widened.near, widened.far, strict=True):
        parts[_home(parts, CallRef(cast.ref.layer, cast.ref.call))].append(near)
        for takers, back in zip(cast.takers, far, strict=True):
            parts[_home(parts, takers[0])].append(back)
    numbered = [sorted(graph.number[call] for call in calls) for calls in parts]
    whole = replace(whole, model=widened.model, casts=tuple(casts))
    return Sliced(whole, assemble(widened.model, graph, numbered, inferred.specs), inferred)


def _casts(dtype: str, done: Split, inference: Inference) -> list[Cast]:
    """Every narrower floating tensor that crosses, with the calls that take it in each part."""
    from configsplit.rewrites.casts import Cast, is_exact

    return [
        Cast(ref, dtype, tuple(map(tuple, takers.values())))
        for ref, takers in done.crossing().items()
        if is_exact(inference.specs[ref].dtype, dtype)
    ]


def _home(parts: Sequence[Sequence[CallRef]], call: CallRef) -> int:
    return next(number for number, calls in enumerate(parts) if call in calls)
