"""Documents of Keras 3 that today's Keras would not load: ``.h5`` files with operations, and calls that changed since."""

from __future__ import annotations

from dataclasses import replace

from configsplit.catalog.keras3.today import as_today, called_otherwise, is_lost
from configsplit.containers.container import Format
from configsplit.dialects import emit, parse, to_text
from configsplit.graph.json import dumps, loads
from configsplit.graph.model import Model, walk


def read_as_today(model: Model, text: str) -> tuple[Model, tuple[str, ...]]:
    """The model with every class where Keras has it, and every operation called as it is today, if Keras fails else.

    Args:
        model: as it was read.
        text: its document.

    Returns:
        The model, and what of the document Keras 3.15 itself would not load, for people.
    """
    if model.dialect != "keras3":
        return model, ()
    lost = [path for path, layer in walk(model) if is_lost(layer.entry)]
    if not lost and not called_otherwise(text):
        return model, ()
    made = today(model)
    return (made, ()) if not lost else (made, (_said(lost),))


def today(model: Model) -> Model:
    """The model with every class where Keras has it, and every operation called as it is today."""
    document = emit(model)
    return model if (made := as_today(document)) == document else replace(parse(dumps(made)).model, form=model.form)


def text_for(model: Model, wanted: Format, text: str | None = None) -> str:
    """The document of a model for a file, its own or the one that is known: in a ``.keras`` archive every entry says where its
    class stands."""
    text = text or to_text(model)
    if wanted != "keras" or model.dialect != "keras3" or "module" in model.entry:
        return text
    document = loads(text)
    return text if "module" in document else dumps(as_today(document))


def _said(lost: list[tuple[str, ...]]) -> str:
    names = ", ".join(repr("/".join(path)) for path in lost[:3])
    more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
    return (
        f"{names}{more}: Keras 3 writes this into .h5 files as it cannot load it again; "
        "what is written of it says where its class stands"
    )
