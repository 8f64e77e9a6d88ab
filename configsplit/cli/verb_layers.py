"""``configsplit layers``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from configsplit.cli.output import say, shape, show, table


def layers(model: Path, before: tuple[str, ...], after: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """List the layers, one a line."""
    from configsplit.models.document import load
    from configsplit.verbs import marking

    named = {key: options[key] for key in ("weights", "custom_objects", "by_name", "match")}
    document = load(model, **named)
    found = marking.layers(document, before=before, after=after, sizes=options["sizes"], whole_nested=options["whole_nested"])
    if as_json:
        show({"file": model.name, "before": before, "after": after, "layers": [layer.as_json() for layer in found]})
        return
    rows = [
        (
            layer.name,
            layer.class_name,
            shape(layer.shape),
            _count(layer),
            _takers(layer),
            "F" if layer.trainable is False else "",
        )
        for layer in found
    ]
    heads = [("layer", "class", "output", "parameters", "taken by", "")] if rows else []
    say(*table([*heads, *rows], indent="") or ["no layer"])


def _takers(layer: Any) -> str:
    more = f" and {len(layer.takers) - 3} more" if len(layer.takers) > 3 else ""
    return ", ".join(layer.takers[:3]) + more


def _count(layer: Any) -> str:
    return "?" if layer.parameters is None else f"{layer.parameters:,}" if layer.parameters else ""
