"""`explore`: the page of a model, in the browser of whoever asked for it."""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from configsplit.errors import StoreError
from configsplit.models.made import ModelLike
from configsplit.verbs.plot import Plot, Sizes, plot

_STAGES, _FEWER, _MANY = 16, 8, 800
"""The most stages of pipelines if nothing is said: fewer in a model of many layer calls, where each takes a second."""


@dataclass(frozen=True, slots=True)
class Explored:
    """The page, whether a browser has taken it, and what it shows."""

    path: Path
    opened: bool
    plot: Plot


def explore(
    *models: ModelLike,
    out: str | Path | None = None,
    opens: bool = True,
    force: bool = False,
    unfold: bool = False,
    convert: bool = False,
    near: int | None = None,
    stages: int | None = None,
    sizes: Sizes = (),
    custom_objects: Iterable[str | Path] = (),
) -> Explored:
    """Write the page of a model, of parts or of a difference, and open it in a browser.

    Args:
        models, unfold, convert, near, sizes, custom_objects: as for `plot`.
        stages: as for `plot`; by default 16, or 8 in a model of more than 800 layer calls.
        out: the file to write; by default one in a new temporary folder, which is kept.
        opens: whether to open the page.
        force: replace an existing ``out``.

    Returns:
        Where the page is, and whether a browser opened it.

    Raises:
        StoreError: ``out`` cannot be the name of a page; and whatever `plot` and `Plot.save` raise.

    Example:
        >>> configsplit.explore("model.keras", out="model.html", opens=False).path.name
        'model.html'
    """
    if out is not None and Path(out).suffix.lower() != ".html":
        raise StoreError(
            f"a page cannot be written as {Path(out).suffix!r}",
            code="plot-suffix",
            where=str(out),
            hint="name it .html; `configsplit plot` writes the others",
        )
    made = plot(*models, unfold=unfold, convert=convert, near=near, stages=stages, sizes=sizes, custom_objects=custom_objects)
    if stages is None:
        made = replace(made, stages=_STAGES if made.calls <= _MANY else _FEWER)
    page = Path(out) if out is not None else Path(tempfile.mkdtemp(prefix="configsplit-")) / "model.html"
    made.save(page, force=force)
    return Explored(page, opens and webbrowser.open(page.resolve().as_uri()), made)
