"""What ``configsplit plugins --json`` prints: the custom objects that are declared, and where each declaration comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Target = Annotated[str, Field(pattern=r"^[\w.]*:[\w.]+$", description="package.module:Class")]


class Listed(BaseModel):
    """Base of what is listed. Unknown keys of later releases are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)


class DeclaredLayer(Listed):
    """A custom layer class. ``weights`` says whether its weights are declared, ``mask`` what it does with a mask."""

    class_name: Annotated[str, Field(alias="class", min_length=1)]
    source: str
    keras_class: Target | None = None
    tf_keras_class: Target | None = None
    weights: bool
    mask: Literal["unknown", "may_pass", "passes", "stops", "makes"]


class DeclaredFunction(Listed):
    """A custom function."""

    function: Annotated[str, Field(min_length=1)]
    source: str


class Failure(Listed):
    """A plug-in that cannot be used, and why; see docs/errors.md for the codes."""

    code: str
    message: str
    where: str = ""
    hint: str = ""


class Declarations(Listed):
    """All plug-ins in force."""

    plugins: tuple[DeclaredLayer, ...]
    functions: tuple[DeclaredFunction, ...] = ()
    failures: tuple[Failure, ...]
