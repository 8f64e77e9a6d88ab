"""``report.html``: one page that holds everything and loads nothing, not even from the folder that it lies in."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from importlib import resources
from typing import Any

from configsplit import __version__
from configsplit.batches.causes import Summary
from configsplit.batches.recipe import Recipe
from configsplit.graph.json import spelled
from configsplit.pictures.style import part_colours

_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def page(summary: Summary, zoo: str, recipe: Recipe, records: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The page, piece by piece: ten thousand models need not be in memory at once."""
    style, script = _text("report.css") + part_colours(), _text("report.js")
    frame = _text("report.html")
    for name, value in (("style_digest", _digest(style)), ("script_digest", _digest(script)), ("style", style)):
        frame = frame.replace(f"{{{name}}}", value)
    before, _, rest = frame.partition("{data}")
    between, _, after = rest.partition("{script}")
    yield before
    yield from _data(summary, zoo, recipe, records)
    yield between
    yield script
    yield after


def _text(name: str) -> str:
    return resources.files("configsplit.batches").joinpath("page", name).read_text("utf-8")


def _digest(text: str) -> str:
    """What the page's own policy knows a script or style by: no other one is run, whatever a model's name contains."""
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _data(summary: Summary, zoo: str, recipe: Recipe, records: Iterable[dict[str, Any]]) -> Iterator[str]:
    head = {
        "configsplit": __version__,
        "zoo": zoo,
        "summary": summary.as_json(),
        "recipe": recipe.model_dump(mode="json", exclude_defaults=True, exclude_none=True, by_alias=True),
    }
    yield _escaped(head)[:-1] + ',"models":['
    for number, record in enumerate(records):
        yield ("," if number else "") + "\n" + _escaped(_row(record))
    yield "]}"


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """A ledger line with its times; digests of outputs stay in the ledger."""
    result = dict(record["result"])
    if "outputs" in result:
        result["outputs"] = [{"file": item["file"], "bytes": item["bytes"]} for item in result["outputs"]]
    return {**result, "folder": record["folder"], "run": record["run"]}


def _escaped(value: Any) -> str:
    """JSON that can stand in a script element: no character in it ends the element or begins another."""
    text = spelled(json.dumps(value, separators=(",", ":")))
    return text.translate(_ESCAPES)
