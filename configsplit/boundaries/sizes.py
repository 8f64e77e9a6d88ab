"""Sizes that a document leaves open (an image's height, a sequence's length), and what the user says of them for prices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from configsplit.errors import ShapeError
from configsplit.graph.model import Model, Shape, TensorRef, TensorSpec
from configsplit.inference import Inference
from configsplit.models.document import Document, Said, by_names

if TYPE_CHECKING:
    from configsplit.rewrites.nested.surface import Told

Specs = Mapping[TensorRef, TensorSpec]


class Open(NamedTuple):
    """A size of an input that the document leaves open, and what formulas call it."""

    ref: TensorRef
    axis: int
    name: str


def given_sizes(inference: Inference, sizes: Said) -> dict[TensorRef, TensorSpec]:
    """What ``INPUT=1,224,224,3`` says of the inputs of a model: the whole shape, or its open sizes alone (``INPUT=224,224``).
    The batch does not count, since prices are those of one sample.
    """
    declared = {ref: inference.specs.get(ref, TensorSpec()) for ref in inference.model.input_refs()}
    given = by_names(sizes)
    if isinstance(given, Mapping):
        return {ref: _fitting(ref.layer, declared.get(ref, TensorSpec()), spec.shape or ()) for ref, spec in given.items()}
    by_name = {ref.layer: ref for ref in declared}
    specs = {}
    for name, numbers in map(_parsed, given):
        if name not in by_name:
            hint = f"its inputs: {', '.join(map(repr, by_name))}"
            raise ShapeError(f"the model has no input {name!r}", code="size-no-input", where=name, hint=hint)
        specs[by_name[name]] = _fitting(name, declared[by_name[name]], numbers)
    return specs


def beside_inputs(document: Document, shapes: Specs) -> tuple[dict[TensorRef, TensorSpec], dict[TensorRef, TensorSpec]]:
    """What is said of tensors; and apart from it what is said of inputs whose shape the document tells. That counts as a size
    does, for prices: files keep what the document says. Raises ShapeError if the document tells something else of these.
    """
    known = document.infer().specs
    sized = {ref: shapes[ref] for ref in document.model.input_refs() if ref in shapes and known[ref].shape is not None}
    document.infer_given(sized)
    return {ref: spec for ref, spec in shapes.items() if ref not in sized}, sized


def apart(document: Document, said: Iterable[Told], sizes: Said) -> tuple[list[Told], Specs]:
    """What was said of shapes without that of inputs; and of inputs, for prices, what was said of sizes or else of shapes.
    Raises ShapeError if the document tells something else.
    """
    every = list(said)
    others, sized = beside_inputs(document, {each.place.ref: each.spec for each in every if not each.place.inside})
    kept, inference = [each for each in every if each.place.inside or each.place.ref in others], document.infer()
    return kept, {**given_sizes(inference, sized), **given_sizes(inference, sizes)}


def moved(sizes: Specs, old: Model, new: Model) -> dict[TensorRef, TensorSpec]:
    """The same sizes for a rewritten form of the model, which has the same inputs in the same order."""
    return {ref: sizes[before] for before, ref in zip(old.input_refs(), new.input_refs(), strict=True) if before in sizes}


def _parsed(text: str) -> tuple[str, Shape]:
    name, equals, numbers = text.rpartition("=")
    try:
        shape = tuple(None if item.strip() in ("None", "?") else int(item) for item in numbers.split(","))
    except ValueError:
        shape, equals = (), ""
    if not equals or not name or any(size is not None and size < 1 for size in shape):
        raise ShapeError(f"{text!r} is not a size", code="size-syntax", where=name, hint="write INPUT=1,224,224,3")
    return name, shape


def _fitting(name: str, declared: TensorSpec, numbers: Shape) -> TensorSpec:
    """The declared spec with its open sizes filled in."""
    from configsplit.boundaries.shapes import told

    shape = declared.shape
    if shape is None:
        return replace(declared, shape=(None, *numbers[1:]))
    open_axes = open_in(declared)
    if open_axes and len(numbers) == len(open_axes):
        filled = dict(zip(open_axes, numbers, strict=True))
        numbers = tuple(filled.get(axis, size) for axis, size in enumerate(shape))
    fits = len(numbers) == len(shape) and all(
        size is None or size == number for size, number in zip(shape[1:], numbers[1:], strict=True)
    )
    if not fits or (shape[0] is not None and numbers[0] not in (None, 1, shape[0])):
        alone = f", or the open sizes alone: --size {name}={','.join(['224'] * len(open_axes))}" if open_axes else ""
        raise ShapeError(
            f"the input {name!r} is {told(declared)}, and ({', '.join(map(str, numbers))}) does not fit that",
            code="size-unfit",
            where=name,
            hint=f"give all sizes of the input, the fixed ones unchanged{alone}",
        )
    return replace(declared, shape=(shape[0], *numbers[1:]))


def open_in(spec: TensorSpec) -> list[int]:
    """The axes behind the batch whose size is open."""
    return [axis for axis, size in enumerate(spec.shape or ()) if axis and size is None]


def open_sizes(inference: Inference) -> tuple[Open, ...]:
    """The open sizes of all inputs, named as in papers where one input alone has any, else by input and axis."""
    axes = [(ref, axis) for ref in inference.model.input_refs() for axis in open_in(inference.specs.get(ref, TensorSpec()))]
    names: Sequence[str] = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}.get(len(axes), ())
    if len({ref for ref, _ in axes}) != 1 or not names:
        names = [f"{ref.layer}[{axis}]" for ref, axis in axes]
    return tuple(Open(ref, axis, name) for (ref, axis), name in zip(axes, names, strict=True))


def filled(specs: Specs, sizes: Mapping[Open, int]) -> dict[TensorRef, TensorSpec]:
    """Inputs with numbers in place of their open sizes."""
    shapes = {ref: list(spec.shape or ()) for ref, spec in specs.items()}
    for each, size in sizes.items():
        shapes[each.ref][each.axis] = size
    return {ref: replace(specs[ref], shape=tuple(shape)) for ref, shape in shapes.items()}


def wanted(model: Model, opens: Sequence[Open], specs: Specs) -> str:
    """``--size ids=1,128 --size mask=1,128``: what to give, with sizes that stand for the user's own."""
    counts = Counter(each.ref for each in opens)
    texts = []
    for ref in (ref for ref in model.input_refs() if counts[ref]):
        size = 224 if counts[ref] > 1 else 128
        numbers = (str(size if number is None else number) for number in (specs[ref].shape or ())[1:])
        texts.append(f"--size {ref.layer}=1,{','.join(numbers)}")
    return " ".join(texts)
