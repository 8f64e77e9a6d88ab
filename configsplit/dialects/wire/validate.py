"""Run a pydantic document over a value, and say what is wrong in the words and paths of configsplit."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from configsplit.errors import DocumentError


def path(parts: tuple[int | str, ...]) -> str:
    """``("layers", 17, "name")`` -> ``layers[17].name``."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def validate(document: type[BaseModel], value: Any, where: str = "") -> None:
    """Check ``value`` against a document.

    Raises:
        DocumentError: naming the first violation with its path, and how many more there are.
    """
    try:
        document.model_validate(value)
    except ValidationError as error:
        first, *rest = error.errors(include_url=False, include_input=False)
        place = path(first["loc"])
        joint = "." if where and place and not place.startswith("[") else ""
        more = f" (and {len(rest)} more)" if rest else ""
        raise DocumentError(
            f"{first['msg']}{more}",
            code="document-invalid",
            where=f"{where}{joint}{place}",
            hint="no Keras release writes this; the file is damaged or was edited by hand",
        ) from None
