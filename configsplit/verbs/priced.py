"""What a page tells of where a model can be cut: places, what not cutting costs, the best pipelines."""

from __future__ import annotations

from collections.abc import Mapping

from configsplit.boundaries.cut_rows import Cut
from configsplit.boundaries.formulas import Figure
from configsplit.errors import ConfigSplitError
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.models.document import Document
from configsplit.pictures.page import MOST_PLACES
from configsplit.pictures.prices import Price, Prices, Stages
from configsplit.verbs.cuts import TwoDevices, cuts
from configsplit.verbs.plan import pipelines

MOST_PRICED = 5_000
"""A page of a model with more layer calls than that does not list where it can be cut: that would take longer than all else."""

_UNIT = TwoDevices(head=1.0, tail=1.0, link=1.0)


def prices(document: Document, sizes: Mapping[TensorRef, TensorSpec], calls: int, stages: int) -> Prices:
    """Where a model of so many calls can be cut; without places and with the reason, where that cannot be told."""
    file = document.path.resolve().name  # its folder is nobody's business who is shown the page
    if calls > MOST_PRICED:
        return Prices(file, note=f"`configsplit cuts` lists where a model of {calls:,} layer calls can be cut.")
    try:
        rows = cuts(document, sizes=sizes, devices=_UNIT, sort="position")
        plans = tuple(pipelines(document, stages, sizes)) if stages > 1 and len(rows) > 2 else ()
    except ConfigSplitError as error:
        if error.code == "size-needed":
            return Prices(file, note=f"Prices depend on sizes that are open; {error.hint}.")
        return Prices(file, note=f"Where it can be cut cannot be told: {error.message}.")
    uncut = next(row for row in rows if not row.at)
    places = [_price(cut) for cut in rows if cut.at]
    note = "" if places else "There is no place to cut at."
    if len(places) > MOST_PLACES:
        limit, count = sorted(place.bytes for place in places)[MOST_PLACES], len(places)
        places = [place for place in places if place.bytes < limit] or places[:MOST_PLACES]
        note = f"These are the {len(places)} of {count} places with the fewest bytes."
    told = tuple(
        Stages(
            count=len(plan.stages),
            boundaries=tuple(boundary.tensors for boundary in plan.boundaries),
            largest=_number(plan.largest),
            bytes=_number(plan.bytes),
            states=(plan.state, plan.bytes_state),
        )
        for plan in plans
    )
    return Prices(file, tuple(places), note, _number(uncut.after.macs), _number(uncut.input_bytes), told)


def _price(cut: Cut) -> Price:
    before, after = cut.before, cut.after
    return Price(
        at=cut.at,
        tensors=cut.tensors,
        bytes=_number(cut.bytes),
        input_bytes=_number(cut.input_bytes),
        macs=(_number(before.macs), _number(after.macs)),
        parameters=(before.parameters, after.parameters),
    )


def _number(figure: Figure) -> int:
    return int(figure) if isinstance(figure, (int, float)) else 0
