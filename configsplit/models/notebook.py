"""How documents, parts and results of surgery look in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from configsplit.display.html import box, folded, shape, table, text, title
from configsplit.graph.model import Layer, Model, TensorRef, TensorSpec
from configsplit.inference import Inference, counted

if TYPE_CHECKING:
    from configsplit.models.document import Document
    from configsplit.models.results import Edited, Parts
    from configsplit.records.provenance import ProvenanceRecord
    from configsplit.rewrites.split import Wire

_LISTED = 400


def document_html(document: Document) -> str:
    """A model file: what it is, what it takes and gives, its layers at a click."""
    inference = document.infer()
    release = f", release {document.release}" if document.release else ""
    facts = (f"{document.detection.dialect.title}{release}", _count(document.model), f"{_parameters(inference)} parameters")
    return box(title(document.path.name, *facts), _ends(document.model, inference), _layers(document.model, inference))


def edited_html(edited: Edited) -> str:
    """A result of surgery: the model that it would write, and what there is to warn of."""
    asked = ", ".join(f"{key} {_told(value)}" for key, value in edited.arguments.items() if value not in ((), [], "", False))
    counted = [f"{edited.frozen} frozen"] if edited.verb == "freeze" else []
    head = title(f"{edited.verb} of {edited.documents[0].path.name}", asked, _count(edited.model), *counted)
    warnings = "".join(f"<div>⚠ {text(warning)}</div>" for warning in edited.warnings)
    return box(head, _ends(edited.model, edited.inference), warnings, _layers(edited.model, edited.inference))


def record_html(record: ProvenanceRecord, *facts: str) -> str:
    """A file that was written: by which verb, from what, and what there is to warn of."""
    verbs = " of ".join([record.verb, *(step.verb for step in reversed(record.steps))])
    made = f"{verbs} of {', '.join(source.file for source in record.sources)}"
    warnings = "".join(f"<div>⚠ {text(warning)}</div>" for warning in record.warnings)
    return box(title(record.result.file, made, *facts), warnings)


def parts_html(parts: Parts) -> str:
    """The parts of a split: what each takes from where, and what it gives to whom."""
    pieces = [title(f"{len(parts)} parts of {parts.document.path.name}", _count(parts.document.model))]
    for number, part in enumerate(parts):
        names = [ref.layer for ref in part.model.input_refs()]
        wires = parts.split.wires[number]
        rows = [
            _row("takes", name, parts.inference.specs.get(ref), _origin(wire))
            for name, ref, wire in zip(names, part.inputs, wires, strict=True)
        ]
        rows += [
            _row("gives", new.layer, parts.inference.specs.get(ref), _fate(parts, number, index))
            for index, (new, ref) in enumerate(zip(part.model.output_refs(), part.outputs, strict=True))
        ]
        pieces += [title(f"part {number}", _count(part.model)), table(rows)]
    if parts.split.shared:
        pieces.append(f"<div>shared: {', '.join(text(name) for name in parts.split.shared)}</div>")
    return box(*pieces)


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _count(model: Model) -> str:
    return f"{len(model.layers)} layers"


def _parameters(inference: Inference) -> str:
    counts = counted(inference)
    return f"{counts.parameters:,}{' and more' if counts.unknown else ''}"


def _row(word: str, name: str, spec: TensorSpec | None, where: str) -> tuple[str, ...]:
    spec = spec or TensorSpec()
    return word, name, shape(spec.shape), spec.dtype or "", where


def _ends(model: Model, inference: Inference) -> str:
    ends = [("takes", ref) for ref in model.input_refs()] + [("gives", ref) for ref in model.output_refs()]
    return table(_row(word, ref.layer, inference.specs.get(ref), "") for word, ref in ends)


def _layers(model: Model, inference: Inference) -> str:
    shown = [_layer(layer, inference) for layer in model.layers[:_LISTED]]
    more = f"<div>and {len(model.layers) - _LISTED} more</div>" if len(model.layers) > _LISTED else ""
    return folded("layers", table(shown, ("layer", "class", "output", "after")) + more)


def _layer(layer: Layer, inference: Inference) -> Sequence[str]:
    spec = inference.specs.get(TensorRef(layer.name), TensorSpec())
    before = dict.fromkeys(use.ref.layer for node in layer.calls for use in node.uses())
    calls = f" ({len(layer.calls)} calls)" if len(layer.calls) > 1 else ""
    return layer.name, f"{layer.class_name}{calls}", shape(spec.shape), _few(before)


def _few(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:4]) + (f" and {len(listed) - 4} more" if len(listed) > 4 else "")


def _origin(wire: Wire) -> str:
    return "the model's own input" if wire.part is None else f"from part {wire.part}"


def _fate(parts: Parts, number: int, output: int) -> str:
    """Who takes an output of a part."""
    given = (number, output)
    takers = [f"to part {taker}" for taker, wires in enumerate(parts.split.wires) if given in [tuple(wire) for wire in wires]]
    return ", ".join([*takers, *(["the model's own output"] if given in [tuple(wire) for wire in parts.split.outputs] else [])])
