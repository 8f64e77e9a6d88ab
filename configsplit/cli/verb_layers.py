"""``configsplit layers``."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from configsplit.cli.options import Loading, loading
from configsplit.cli.output import say, shape, show, table

if TYPE_CHECKING:
    from configsplit.verbs.marking import LayerInfo


class Asked(Loading):
    """The options of ``configsplit layers``, as its record has them."""

    sizes: tuple[str, ...]
    whole_nested: bool


def layers(model: Path, before: tuple[str, ...], after: tuple[str, ...], as_json: bool, **options: Unpack[Asked]) -> None:
    """List the layers, one a line."""
    from configsplit.models.document import load
    from configsplit.verbs import marking

    document = load(model, **loading(options))
    infos = marking.layers(document, before=before, after=after, sizes=options["sizes"], whole_nested=options["whole_nested"])
    if as_json:
        show({"file": model.name, "before": before, "after": after, "layers": [layer.as_json() for layer in infos]})
        return
    terminal, width = sys.stdout.isatty(), shutil.get_terminal_size().columns
    names = _tree([layer.path for layer in infos]) if terminal else [layer.name for layer in infos]
    frozen = any(layer.trainable is False for layer in infos)
    rows = [
        (
            name,
            layer.class_name,
            shape(layer.shape),
            _count(layer),
            *(["yes" if layer.trainable is False else ""] if frozen else []),
            _takers(layer),
        )
        for name, layer in zip(names, infos, strict=True)
    ]
    heads = [("layer", "class", "output", "parameters", *(["frozen"] if frozen else []), "taken by")] if rows else []
    say(*table(_narrowed([*heads, *rows], width) if terminal else [*heads, *rows], indent="") or ["no layer"])


_LEAST = 12


def _narrowed(rows: list[tuple[str, ...]], width: int) -> list[tuple[str, ...]]:
    """Rows of which the last cell has the room that others leave: who takes a layer has a row of its own."""
    others = [max(map(len, column)) + 2 for column in zip(*(row[:-1] for row in rows), strict=True)]
    room = max(width - sum(others), _LEAST)
    return [(*row[:-1], row[-1] if len(row[-1]) <= room else f"{row[-1][: room - 1]}…") for row in rows]


def _tree(paths: list[tuple[str, ...]]) -> list[str]:
    """What is in a nested model stands below it, by its own name; lines that programs read have the whole reference each."""
    shown = set(paths)
    last = {path[:-1]: path for path in paths}
    lines = []
    for path in paths:
        above = [path[:length] for length in range(1, len(path) + 1)]
        if shown.issuperset(above):
            bars = "".join("   " if last[each[:-1]] == each else "│  " for each in above[1:-1])
            lines.append(f"{bars}{'└─ ' if last[path[:-1]] == path else '├─ '}{path[-1]}" if len(path) > 1 else path[0])
        else:
            lines.append("/".join(path))
    return lines


def _takers(layer: LayerInfo) -> str:
    more = f" and {len(layer.takers) - 3} more" if len(layer.takers) > 3 else ""
    return ", ".join(layer.takers[:3]) + more


def _count(layer: LayerInfo) -> str:
    return "?" if layer.parameters is None else f"{layer.parameters:,}" if layer.parameters else ""
