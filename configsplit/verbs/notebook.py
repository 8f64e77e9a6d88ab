"""How lists of places, plans and inspections look in a notebook, and as a table of pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import nan
from typing import TYPE_CHECKING, Any

from configsplit.display.figures import count, figure, size
from configsplit.display.html import box, shape, table, text, title
from configsplit.errors import RuntimeUnavailableError

if TYPE_CHECKING:
    import pandas  # type: ignore[import-untyped]

    from configsplit.verbs.cuts import Cuts
    from configsplit.verbs.inspect import Inspection
    from configsplit.verbs.planned import Plan
    from configsplit.verbs.verify import Verified

_LISTED = 100


def cuts_html(listed: Cuts) -> str:
    """A row for each place."""
    rows = [
        (
            place.at or place.through,
            len(place.tensors),
            figure(place.bytes, size),
            f"{count(place.before.parameters)} | {count(place.after.parameters)}",
            f"{figure(place.before.macs, count)} | {figure(place.after.macs, count)}",
        )
        for place in listed.places[:_LISTED]
    ]
    more = f"<div>and {len(listed) - _LISTED} more</div>" if len(listed) > _LISTED else ""
    head = title(f"places to cut {listed.document.path.name} at", f"{len(listed)} of {listed.found}")
    return box(head, table(rows, ("at", "tensors", "bytes", "parameters", "MACs")), more)


def plan_html(plan: Plan) -> str:
    """A row for each stage, with what crosses behind it."""
    across = [f"{', '.join(boundary.tensors)} ({figure(boundary.bytes, size)})" for boundary in plan.boundaries]
    rows = [
        (stage.device or f"stage {number}", stage.calls, count(stage.parameters), figure(stage.macs, count), crossing)
        for number, (stage, crossing) in enumerate(zip(plan.stages, [*across, ""], strict=True))
    ]
    head = title(f"plan of {plan.document.path.name}", f"{len(plan.stages)} stages by {plan.balance}", plan.state)
    return box(head, table(rows, ("", "layers", "parameters", "MACs", "then")))


def inspection_html(inspection: Inspection) -> str:
    """What the model is, what it takes and gives, and its hazards."""
    facts = (f"{inspection.title} {inspection.release}", f"{inspection.layers} layers", f"{inspection.parameters:,} parameters")
    ends = [
        (word, item["name"], shape(item["shape"]), item["dtype"] or "")
        for word, items in (("takes", inspection.inputs), ("gives", inspection.outputs))
        for item in items
    ]
    hazards = "".join(f"<div>⚠ {text(f'{each.where}: {each.message}')}</div>" for each in inspection.hazards)
    classes = ", ".join(f"{number} {name}" for name, number in inspection.classes.items())
    return box(title(inspection.file, *facts), table(ends), f"<div>{text(classes)}</div>", hazards)


def verified_html(verified: Verified) -> str:
    """What was proven of parts, and what they computed if they were run."""
    proof = verified.proof
    facts = (f"{proof.layers} layers", f"{proof.weights} weights, {size(proof.bytes)}, bit for bit")
    ran = "" if verified.numeric is None else verified.numeric._repr_html_()
    return box(title(f"{proof.parts} parts of {verified.manifest.source.file}, proven", *facts), ran)


def data_frame(rows: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """Rows as a table of pandas, what stands in a record inside a row in columns of its own; an unknown number is NaN."""
    try:
        import pandas
    except ImportError:
        raise RuntimeUnavailableError(
            "a DataFrame needs pandas, which is not installed", code="extra-missing", hint="pip install pandas"
        ) from None
    return pandas.DataFrame([_flat(row) for row in rows])


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= {f"{key}_{name}": each for name, each in value.items()} if isinstance(value, Mapping) else {key: value}
    return {key: nan if value is None else value for key, value in flat.items()}
