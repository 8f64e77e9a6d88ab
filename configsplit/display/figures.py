"""Numbers for people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def size(count: float) -> str:
    """Bytes: ``244 MB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if count < 100 else f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def count(value: float) -> str:
    """``3.87 G``."""
    for prefix in ("", "k", "M"):
        if value < 1000:
            return f"{value:.3g} {prefix}".strip() if prefix else f"{value:.4g}"
        value /= 1000
    return f"{value:.3g} G" if value < 1000 else f"{value / 1000:.3g} T"


def figure(value: Any, amount: Callable[[float], str]) -> str:
    """A number, or a formula of open sizes: ``16 B × H × W``, of long ones the beginning."""
    return amount(value) if isinstance(value, (int, float)) else value.told(lambda factor: amount(float(factor)), 2)
