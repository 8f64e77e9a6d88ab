"""What was written, read anew: is it a model that Keras will load as it was meant?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from configsplit.catalog.facts import LayerFacts
from configsplit.containers import open_source
from configsplit.dialects import parse, read_entry
from configsplit.errors import VerificationError
from configsplit.graph.model import Model, walk
from configsplit.graph.rebuild_order import rebuild_order
from configsplit.inference import trace
from configsplit.models.wrapped import inside
from configsplit.weights.parts import check_shapes, weights_in


def reread(place: Path, facts: Mapping[str, LayerFacts]) -> None:
    """Hold a file of Keras 3 against itself: the order of its layers, and the shape of every weight that its layers imply.

    Raises:
        VerificationError: layers do not stand in the order in which Keras rebuilds them.
        WeightsError, DocumentError: it is not what Keras 3 would load.
    """
    with open_source(place) as written:
        model = parse(written.config_text).model
        check_order(place, model)
        if written.weights is not None:
            inference = trace(model, facts, dialect="keras3", read=read_entry)
            check_shapes(model, inference, weights_in(model, written.weights))


def check_order(place: Path, model: Model) -> None:
    """Hold the layers of a model, and of those nested and wrapped in it, against the order in which Keras rebuilds them.

    Raises:
        VerificationError: they stand in another: archives count layers along that order, so weights would go astray.
    """
    for name, each in _models(model):
        if rebuild_order(each) != tuple(layer.name for layer in each.layers):
            raise VerificationError(
                f"the layers of {name} do not stand in the order in which Keras rebuilds them, so weights would go astray",
                code="verify-order",
                where=str(place),
                hint="this is a mistake of configsplit: report it, with the file",
            )


def _models(model: Model) -> Iterator[tuple[str, Model]]:
    yield "the model", model
    within = inside("keras3")
    for path, layer in walk(model, within):
        if (held := within(layer)) is not None:
            yield repr("/".join(path)), held
