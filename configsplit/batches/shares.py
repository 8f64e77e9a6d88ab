"""Places as a recipe names them for many models at once: references, patterns, shares (``half the MACs``), stages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from configsplit.boundaries.formulas import Formula
from configsplit.errors import ConfigSplitError, CutError, ShapeError
from configsplit.graph.model import walk
from configsplit.graph.references import is_pattern, matching
from configsplit.models.document import Document
from configsplit.verbs.cuts import Cuts, cuts

_NUMBERS = {
    "half": Fraction(1, 2),
    "third": Fraction(1, 3),
    "two thirds": Fraction(2, 3),
    "quarter": Fraction(1, 4),
    "three quarters": Fraction(3, 4),
    "fifth": Fraction(1, 5),
    "tenth": Fraction(1, 10),
}
_UNITS = {"macs": "macs", "params": "parameters", "parameters": "parameters", "weights": "weight_bytes", "layers": "calls"}
_SHARE = re.compile(
    r"(?:an? +)?(?P<number>\d+(?:\.\d+)? *%|two thirds|three quarters|half|third|quarter|fifth|tenth)"
    r"(?: +of)?(?: +the)? +(?P<unit>macs|params|parameters|weights|layers)",
    re.IGNORECASE,
)
_LIKE_A_SHARE = re.compile(r"(an? +)?(\d[\d.]* *%|(half|third|quarter|fifth|tenth|two|three)\b)", re.IGNORECASE)
_STAGES = re.compile(r"(?P<count>\d+)(?: +stages)? +by +(?P<balance>params|macs|bytes|latency)", re.IGNORECASE)


def stages(value: int | str, balance: str | None) -> tuple[int, str | None]:
    """``4 by params`` as a number of stages and what they are balanced by."""
    text = str(value).strip()
    if text.isdigit() and int(text) > 0:
        return int(text), balance
    match = _STAGES.fullmatch(text)
    if match is None or int(match["count"]) < 1 or balance not in (None, match["balance"].lower()):
        raise CutError(
            f"{value!r} is not a number of stages",
            code="tag-stages",
            where="stages",
            hint="write 4, or `4 by params` (macs, params, bytes, latency)",
        )
    return int(match["count"]), match["balance"].lower()


def places_for(document: Document, options: dict[str, Any]) -> list[str]:
    """The references to cut at that the ``at`` of a step means in this model."""
    priced: list[Cuts] = []
    places: list[str] = []
    for text in options["at"]:
        if _is_layer(document, text):
            places.append(text)
        elif (share := _SHARE.fullmatch(text.strip())) is not None:
            given = {name: options[name] for name in ("shapes", "sizes", "whole_nested")}
            priced = priced or [cuts(document, max_tensors=options["max_tensors"], **given)]
            places.append(_nearest(priced[0], text, share))
        elif is_pattern(text):
            places += _picked(_pattern(document, text), options["pick"])
        elif _LIKE_A_SHARE.match(text.strip()):
            raise CutError(
                f"{text!r} is neither a layer of the model nor a share",
                code="tag-no-place",
                where=text,
                hint="write a share as `half the MACs` or `30% of the layers`: of MACs, params, weights or layers",
            )
        else:
            places.append(text)
    return list(dict.fromkeys(places))


def _is_layer(document: Document, text: str) -> bool:
    return any(layer.name == text for layer in document.model.layers)


def _pattern(document: Document, pattern: str) -> list[str]:
    """The layers that a pattern names, in the model's order, without those at which nothing can be cut."""
    inputs = {path for path, layer in walk(document.model) if layer.is_input}
    last = {ref.layer for ref in document.model.output_refs()}
    names = [path for path in matching(document.model, pattern) if path not in inputs]
    inner = [path for path in names if path[-1] not in last or len(path) > 1]
    return ["/".join(path) for path in inner or names]


def _picked(names: Sequence[str], pick: str) -> list[str]:
    if pick == "all":
        return list(names)
    return [names[{"first": 0, "middle": (len(names) - 1) // 2, "last": -1}[pick]]]


def _nearest(priced: Cuts, text: str, share: re.Match[str]) -> str:
    """The place whose head is nearest to a share of the whole; of equals the one with fewest bytes across, then the first."""
    wanted, unit = _fraction(share["number"]), _UNITS[share["unit"].lower()]
    sides = [(place, getattr(place.before, unit), getattr(place.after, unit)) for place in priced.places if place.at]
    if any(isinstance(side, Formula) for row in sides for side in row[1:]):
        raise _depends(text, priced)
    rows = [row for row in sides if row[1] + row[2]]
    if not rows:
        raise CutError(
            f"there is no place for {text!r}: the model cannot be cut, or has nothing of that kind",
            code="tag-no-place",
            where=text,
            hint="name a layer for this model in an override",
        )
    near = min(abs(Fraction(head, head + tail) - wanted) for _, head, tail in rows)
    nearest = [place for place, head, tail in rows if abs(Fraction(head, head + tail) - wanted) == near]
    sized = [place.bytes for place in nearest if isinstance(place.bytes, int)]
    if len(sized) < len(nearest):
        if len({place.bytes for place in nearest}) > 1:
            raise _depends(text, priced)
        return nearest[0].at
    return nearest[sized.index(min(sized))].at


def _depends(text: str, priced: Cuts) -> ShapeError:
    inputs = ", ".join(priced.sizes.values())
    return ShapeError(
        f"the place for {text!r} depends on open sizes: {inputs or 'of unknown tensors'}",
        code="size-needed",
        where=text,
        hint='give the sizes of the inputs, for prices only: `size: ["INPUT=1,224,224,3"]`',
    )


def _fraction(text: str) -> Fraction:
    number = text.lower().removesuffix("%").strip()
    return _NUMBERS[number] if number in _NUMBERS else Fraction(number) / 100


def is_missing(error: ConfigSplitError) -> bool:
    """Whether an error says that the model has no place of that name."""
    return error.code in _MISSING


_MISSING: Iterable[str] = frozenset(
    {
        "reference-not-nested",
        "reference-unknown-call",
        "reference-unknown-layer",
        "reference-unknown-output",
        "tag-no-place",
    }
)
