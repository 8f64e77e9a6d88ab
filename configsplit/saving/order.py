"""The order in which Keras rebuilds layers, by which archives count them: a file in another order would load weights astray."""

from __future__ import annotations

from configsplit.errors import VerificationError
from configsplit.graph.model import HeldBy, Model, walk
from configsplit.graph.rebuild_order import rebuild_order


def check_order(where: str, model: Model, inside: HeldBy | None = None) -> None:
    """Hold the layers of a model against the order in which Keras rebuilds them; with ``inside`` also those of what it holds.

    Raises:
        VerificationError: they stand in another.
    """
    found = [("the model", model)]
    for path, layer in walk(model, inside) if inside else ():
        if inside is not None and (held := inside(layer)) is not None:
            found.append((repr("/".join(path)), held))
    for name, each in found:
        if rebuild_order(each) != tuple(layer.name for layer in each.layers):
            raise VerificationError(
                f"the layers of {name} do not stand in the order in which Keras rebuilds them, so weights would go astray",
                code="verify-order",
                where=where,
                hint="if configsplit has just written the file, this is a mistake of it: report it, with the file",
            )
