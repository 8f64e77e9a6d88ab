"""Proof of one file against its provenance record: every layer accounted for, every weight bit for bit that of its origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configsplit.catalog.facts import LayerFacts
from configsplit.containers.source import Source, open_source
from configsplit.dialects import parse, read_entry
from configsplit.errors import VerificationError
from configsplit.graph.model import LayerPath, Model, walk
from configsplit.graph.provenance import Origin, Provenance
from configsplit.inference import trace
from configsplit.models.document import Document
from configsplit.models.wrapped import held_by
from configsplit.saving.buildable import check_buildable, check_order
from configsplit.weights.layouts import as_layout
from configsplit.weights.parts import Weights, check_shapes, weights_in
from configsplit.weights.placement import datasets

if TYPE_CHECKING:
    from configsplit.records.provenance import ProvenanceRecord


def compare(
    path: Path,
    apart: Path | None,
    told: ProvenanceRecord,
    sources: Sequence[Source],
    documents: Sequence[Document],
) -> tuple[int, int]:
    """Read a file anew and compare its weights with their origins; how many there are, and their bytes.

    Raises:
        VerificationError: a layer is not accounted for, layers stand in an order that Keras would not compute, or a weight
            differs.
    """
    with open_source(path, apart) as opened:
        model = parse(opened.config_text).model
        _check_layers(path, model, told)
        check_order(str(path), model)
        check_buildable(str(path), model, weights=opened.weights is not None)
        if opened.weights is None:
            return 0, 0
        ours = weights_in(model, opened.weights)
        theirs = [
            None if source.weights is None else weights_in(document.model, as_layout(document, source.weights, opened.weights))
            for source, document in zip(sources, documents, strict=True)
        ]
        sizes = list(_compared(path, model, provenance_of(told), ours, theirs))
    return len(sizes), sum(sizes)


def account(path: Path, apart: Path | None, told: ProvenanceRecord) -> int:
    """Hold the layers of a file, and how many weights it has, against what its record says, without looking at any source."""
    with open_source(path, apart) as opened:
        _check_layers(path, parse(opened.config_text).model, told)
        count = 0 if opened.weights is None else len(opened.weights.datasets)
    if told.weights is not None and count != told.weights.copied + len(told.weights.relaid):
        raise VerificationError(
            f"the file has {count} weights, its record lists {told.weights.copied + len(told.weights.relaid)}",
            code="verify-provenance",
            where=str(path),
        )
    return count


def provenance_of(told: ProvenanceRecord) -> Provenance:
    """The origins that a record tells."""
    origins = {came.layer: Origin(came.origin, (), came.source) for came in told.layers if came.source is not None}
    return Provenance(origins)


def _check_layers(path: Path, model: Model, told: ProvenanceRecord) -> None:
    accounted = {came.layer for came in told.layers if len(came.layer) == 1}
    wrong = sorted(accounted ^ {(layer.name,) for layer in model.layers if not layer.implicit})
    if wrong:
        raise VerificationError(
            f"the record and the file describe different layers, the first is {wrong[0][0]!r}",
            code="verify-provenance",
            where=str(path),
        )


def _compared(
    path: Path, model: Model, provenance: Provenance, ours: Weights, theirs: Sequence[Weights | None]
) -> Iterator[int]:
    """The size of each weight, once it is found equal to that of its origin."""
    for place in _units(model, provenance, ours):
        mine = datasets(ours, place)
        origin = provenance.origin(place)
        source = None if origin is None else theirs[origin.source]
        its = () if origin is None or source is None else _its_datasets(ours, place, source, origin.path)
        if len(mine) != len(its):
            raise VerificationError(
                f"layer {'/'.join(place)!r} has {len(mine)} weights, its origin {len(its)}",
                code="verify-weights",
                where=str(path),
            )
        for one, other in zip(mine, its, strict=True):
            if source is not None and not ours.file.same(one, source.file, other):
                raise VerificationError(
                    f"the weight {one!r} is not bit for bit the {other!r} of its origin",
                    code="verify-weights",
                    where=str(path),
                )
            yield ours.file.datasets[one].nbytes


def _units(model: Model, provenance: Provenance, ours: Weights) -> list[LayerPath]:
    """What is compared at once: each layer, but in a legacy file a nested model that was kept whole, whose group is one."""
    told_apart = {path[:1] for path in provenance.layers if len(path) > 1}
    legacy = ours.file.layout.kind == "legacy"
    reach = held_by(model.dialect)
    whole = {(layer.name,) for layer in model.layers if reach(layer) is not None and (layer.name,) not in told_apart}
    units: list[LayerPath] = []
    for place, layer in walk(model, reach):
        kept = legacy and place[:1] in whole
        if not layer.is_input and (len(place) == 1 if kept else reach(layer) is None):
            units.append(place)
    return units


def _its_datasets(ours: Weights, place: LayerPath, source: Weights, origin: LayerPath) -> Sequence[str]:
    """The datasets of the origin in the order of ours: freezing moves those of a legacy group about, names and all."""
    in_order = datasets(source, origin)
    if ours.file.layout.kind != "legacy" or source.file.layout.kind != "legacy" or not in_order:
        return in_order
    names, wanted = dict(zip(source.names(origin), in_order, strict=True)), ours.names(place)
    return [names[name] for name in wanted] if set(wanted) == names.keys() else in_order


# The order in which Keras rebuilds layers, by which archives count them: a file in another order would load weights astray.


# What was written, read anew: is it a model that Keras will load as it was meant?


def reread(written: Source, facts: Mapping[str, LayerFacts], *, today: bool = True) -> None:
    """Hold a file against itself: the order of its layers, and the shape of every weight that its layers imply.

    Args:
        written: the file.
        facts: plug-ins.
        today: whether it is for the last release of its generation, and not for one that builds models otherwise.

    Raises:
        VerificationError: layers do not stand in the order in which Keras rebuilds them.
        WeightsError, DocumentError: it is not what Keras would load.
    """
    model, where = parse(written.config_text).model, str(written.path)
    check_order(where, model, held_by(model.dialect))
    if today:
        check_buildable(where, model, weights=written.weights is not None)
    if written.weights is not None:
        inference = trace(model, facts, dialect=model.dialect, read=read_entry)
        check_shapes(model, inference, weights_in(model, written.weights))
