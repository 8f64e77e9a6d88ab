"""Names that Keras 3 takes: no ``/`` in them."""

from __future__ import annotations

from configsplit.ir.graph import LayerPath, Model
from configsplit.migration.outcome import Note


def new_names(path: LayerPath, model: Model) -> tuple[dict[str, str], list[Note]]:
    """Old name -> new name for every layer of a model, and what was renamed."""
    taken = {layer.name for layer in model.layers if "/" not in layer.name}
    names: dict[str, str] = {}
    notes: list[Note] = []
    for layer in model.layers:
        name = layer.name
        if "/" in name:
            wish = name = name.replace("/", "_").strip("_") or "layer"
            number = 1
            while name in taken:
                number += 1
                name = f"{wish}_{number}"
            taken.add(name)
            notes.append(Note("/".join((*path, layer.name)), f"is called {name!r} now: Keras 3 allows no '/' in a name"))
        names[layer.name] = name
    return names, notes
