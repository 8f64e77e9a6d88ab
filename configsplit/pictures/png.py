"""A picture as PNG: its SVG, rendered by resvg, with the fonts of this machine."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from math import sqrt
from typing import Any

from configsplit.errors import RuntimeUnavailableError, StoreError
from configsplit.pictures.style import FONT

_FONTS = ("DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica", "Segoe UI", "Roboto", "FreeSans", "Open Sans")
"""What may stand for the font that a browser would take; the first that is there does."""

_SHARP, _LEAST = 2.0, 0.5
"""Pixels for each of the picture's own, as on today's screens; and the fewest for a large picture that can be read."""

_MOST_PIXELS = 80_000_000

_PROBE = f'<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><text y="15" font-family="{FONT}">{{}}</text></svg>'
_SIZE = re.compile(r'viewBox="0 0 ([\d.e+]+) ([\d.e+]+)"')


def png(svg: str) -> bytes:
    """The pixels of a picture that `configsplit.pictures.svg` has drawn.

    Raises:
        RuntimeUnavailableError: the library that does it is not installed, or no font is.
        StoreError: the picture is too large to be read as pixels.
    """
    render = _renderer()
    match = _SIZE.search(svg)
    assert match is not None
    width, height = float(match[1]), float(match[2])
    zoom = min(_SHARP, sqrt(_MOST_PIXELS / (width * height)))
    if zoom < _LEAST:
        raise StoreError(
            f"the picture is {width:.0f} by {height:.0f}, too large for a readable .png",
            code="plot-png-size",
            hint="leave --unfold out, or name the file .svg",
        )
    return render(svg_string=svg, zoom=zoom, sans_serif_family=_font(render))


def _renderer() -> Callable[..., bytes]:
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise RuntimeUnavailableError(
            "a .png needs resvg, which is not installed",
            code="extra-missing",
            hint="pip install 'configsplit[png]', or name the file .svg",
        ) from None
    return partial(_bytes, svg_to_bytes)


def _bytes(render: Any, **options: Any) -> bytes:
    return bytes(render(**options))


def _font(render: Callable[..., bytes]) -> str:
    """A font that is there: resvg leaves out, without a word, what it has no letters for."""
    for name in _FONTS:
        shown, empty = (render(svg_string=_PROBE.format(text), sans_serif_family=name) for text in ("M", ""))
        if shown != empty:
            return name
    raise RuntimeUnavailableError(
        "a .png needs a font, and none was found on this machine",
        code="plot-png-font",
        hint="install one (Debian: fonts-dejavu-core), or name the file .svg",
    )
