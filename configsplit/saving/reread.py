"""What was written, read anew: is it a model that Keras will load as it was meant?"""

from __future__ import annotations

from collections.abc import Mapping

from configsplit.catalog.facts import LayerFacts
from configsplit.containers import Source
from configsplit.dialects import parse, read_entry
from configsplit.inference import trace
from configsplit.models.wrapped import held_by
from configsplit.saving.buildable import check_buildable
from configsplit.saving.order import check_order
from configsplit.weights.parts import check_shapes, weights_in


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
