"""The parts of a model in one view: what one gives and another takes is a line between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from configsplit.boundaries.shapes import told
from configsplit.catalog.table import INPUT
from configsplit.errors import VerificationError
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.inference import counted
from configsplit.models.document import Document
from configsplit.pictures.hazardous import hazards_of, with_hazards
from configsplit.pictures.of_model import views_of
from configsplit.pictures.picture import Box, Line, PartFacts, View
from configsplit.records.manifest import FromPart, Manifest

_Source = tuple[int, int]


class Wired(NamedTuple):
    """A part: its file, which output of which part each of its inputs is (None: the model's own input), what the tensors that
    it gives are called, and the digest of its file."""

    file: str
    inputs: tuple[_Source | None, ...]
    outputs: tuple[str, ...]
    digest: str = ""


def wiring(manifest: Manifest) -> list[Wired]:
    """The wires of a manifest."""
    return [
        Wired(
            part.file,
            tuple(
                (tensor.source.part, tensor.source.output) if isinstance(tensor.source, FromPart) else None
                for tensor in part.inputs
            ),
            tuple(tensor.tensor for tensor in part.outputs),
            part.sha256,
        )
        for part in manifest.parts
    ]


def views_of_parts(wired: Sequence[Wired], documents: Sequence[Document]) -> tuple[View, ...]:
    """All parts with their wires; inputs that come from another part are no boxes. Raises VerificationError if the wires are of
    what the parts do not have.
    """
    every = [with_hazards(views_of(document.infer()), hazards_of(document)) for document in documents]
    boxes: list[Box] = []
    lines: list[Line] = []
    later: list[View] = []
    given: dict[_Source, list[tuple[int, Line]]] = {}
    for part, (document, views) in enumerate(zip(documents, every, strict=True)):
        wires = _wires(wired[part], document)
        shift = sum(len(earlier) - 1 for earlier in every[:part])
        home: dict[int, int] = {}
        for number, box in enumerate(views[0].boxes):
            if box.layer not in wires:
                home[number] = len(boxes)
                boxes.append(_of_part(box, part, shift))
        later += [_inner(view, part, shift) for view in views[1:]]
        for line in views[0].lines:
            source, target = line.source or 0, home[line.target or 0]
            if source in home:
                lines.append(replace(line, source=home[source], target=target))
                continue
            wire = wires[views[0].boxes[source].layer]
            given.setdefault(wire, []).append((target, line))
        lines += _crossing(wired, documents, part, given, boxes)
    _check(given)
    return (View("model", "", tuple(_shared(boxes)), tuple(lines)), *later)


def facts_of_parts(wired: Sequence[Wired], documents: Sequence[Document]) -> tuple[PartFacts, ...]:
    """What there is to say of each part."""
    return tuple(
        PartFacts(part.file, len(document.model.layers), counted(document.infer()).parameters, tuple(_said(part, document)))
        for part, document in zip(wired, documents, strict=True)
    )


def _said(part: Wired, document: Document) -> Iterator[str]:
    """What a part takes from where, and gives: what its manifest says."""
    specs = document.infer().specs
    for ref, source in zip(document.model.input_refs(), part.inputs, strict=True):
        origin = "an input of the model" if source is None else f"output {source[1]} of part {source[0]}"
        yield f"takes {ref.layer}, {told(specs.get(ref, TensorSpec()))}: {origin}"
    for ref, name in zip(document.model.output_refs(), part.outputs, strict=True):
        yield f"gives {name}, {told(specs.get(ref, TensorSpec()))}"
    if part.digest:
        yield f"SHA-256 {part.digest}"


def _shared(boxes: Sequence[Box]) -> Iterator[Box]:
    """The boxes, with those parts told in which the same layer stands, too."""
    homes: dict[str, dict[int, None]] = {}
    for box in boxes:
        if box.family != INPUT and box.part is not None:
            homes.setdefault(box.layer, {})[box.part] = None
    for box in boxes:
        others = [part for part in homes.get(box.layer, ()) if part != box.part]
        where = f"shared with part {' and '.join(map(str, others))}" if others and box.family != INPUT else ""
        yield replace(box, shared="; ".join(filter(None, (box.shared, where))))


def _wires(part: Wired, document: Document) -> dict[str, _Source]:
    """The inputs of a part that another one gives, by name."""
    refs = document.model.input_refs()
    if len(refs) != len(part.inputs):
        raise _unlike(f"the manifest lists {len(part.inputs)} inputs, the file has {len(refs)}", part.file)
    return {ref.layer: source for ref, source in zip(refs, part.inputs, strict=True) if source is not None}


def _of_part(box: Box, part: int, shift: int) -> Box:
    return replace(box, part=part, inside=None if box.inside is None else box.inside + shift)


def _inner(view: View, part: int, shift: int) -> View:
    return replace(view, boxes=tuple(_of_part(box, part, shift) for box in view.boxes))


def _crossing(
    wired: Sequence[Wired],
    documents: Sequence[Document],
    part: int,
    given: dict[_Source, list[tuple[int, Line]]],
    boxes: Sequence[Box],
) -> list[Line]:
    """The lines into a part from those before it."""
    lines: list[Line] = []
    for source, output in [wire for wire in given if wire[0] < part]:
        refs = documents[source].model.output_refs()
        if output >= len(refs) or output >= len(wired[source].outputs):
            raise _unlike(f"the manifest wires output {output}, which the part does not have", wired[source].file)
        home = _home(boxes, source, refs[output])
        name = wired[source].outputs[output]
        for target, line in given.pop((source, output)):
            lines.append(replace(line, source=home, target=target, name=name, output=refs[output].output, crosses=True))
    return lines


def _home(boxes: Sequence[Box], part: int, ref: TensorRef) -> int:
    names = (ref.layer, f"{ref.layer}@{ref.call}")
    return next(number for number, box in enumerate(boxes) if box.part == part and box.layer == ref.layer and box.name in names)


def _check(given: dict[_Source, list[tuple[int, Line]]]) -> None:
    for part, output in given:
        raise _unlike(
            f"the manifest feeds a part with output {output} of part {part}, which does not stand before it", "manifest.json"
        )


def _unlike(message: str, where: str) -> VerificationError:
    return VerificationError(message, code="verify-wiring", where=where, hint="split the original again")
