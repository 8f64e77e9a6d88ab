"""The documents themselves, as pydantic models of what ``get_config()`` and ``to_json()`` give.

They check the frame: which keys there are, and what kind of value each holds. What a layer says of itself (its ``config``)
is opaque, and keys that nobody knows are kept. Nested models are validated one by one by the caller, so that depth costs no
stack (pydantic itself nests at most 255 deep).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from configsplit.errors import DocumentError

Opaque = Annotated[Any, Field(json_schema_extra={"description": "carried verbatim"})]
Name = Annotated[str, Field(min_length=1)]
Index = Annotated[int, Field(ge=0, strict=True)]


class Wire(BaseModel):
    """Base of all documents: unknown keys are allowed and kept."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)  # only what a document needs is built


class Envelope(Wire):
    """The outermost object of a model, of a nested model, or of a layer."""

    class_name: Name
    config: dict[str, Opaque] | tuple[Opaque, ...]


class Entry(Wire):
    """One element of ``config["layers"]`` of a functional model, in any dialect."""

    name: Name
    class_name: Name
    config: Opaque


class SequentialEntry(Wire):
    """One element of the layers of a Sequential model; the name is in ``config`` in most releases."""

    class_name: Name
    config: Opaque


class SequentialConfig(Wire):
    """``get_config()`` of a Sequential model (Keras 2.2.4 and later; before, it is the bare list of layers)."""

    model_config = ConfigDict(extra="allow", frozen=True, json_schema_extra={"not": {"required": ["input_layers"]}})

    layers: tuple[SequentialEntry, ...]
    name: Name | None = None


class LegacyEntry(Entry):
    """A layer of Keras 1, Keras 2 or tf.keras: a node is a list (or dict) of ``[layer, node, tensor(, kwargs)]``."""

    inbound_nodes: tuple[Opaque, ...]


class LegacyConfig(Wire):
    """``get_config()`` of a functional model before Keras 3."""

    name: Name
    layers: tuple[LegacyEntry, ...]
    input_layers: Opaque
    output_layers: Opaque


class Keras3Call(Wire):
    """One call of a layer in Keras 3: arguments, with tensors as ``__keras_tensor__`` objects."""

    args: tuple[Opaque, ...]
    kwargs: dict[str, Opaque]


class Keras3Entry(Entry):
    """A layer or an operation of Keras 3."""

    inbound_nodes: tuple[Keras3Call, ...]


class Keras3Config(Wire):
    """``get_config()`` of a functional model of Keras 3."""

    name: Name
    layers: tuple[Keras3Entry, ...]
    input_layers: Opaque
    output_layers: Opaque


class KerasTensorConfig(Wire):
    """``config`` of a ``__keras_tensor__``: the tensor's shape and dtype, and the call that makes it."""

    shape: tuple[int | None, ...] | None = None
    dtype: str | None = None
    keras_history: tuple[Name, Index, Index]


# Run a pydantic document over a value, and say what is wrong in the words and paths of configsplit.


def dotted(parts: tuple[int | str, ...]) -> str:
    """``("layers", 17, "name")`` -> ``layers[17].name``."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def validate(document: type[BaseModel], value: Any, where: str = "") -> None:
    """Check ``value`` against a document."""
    try:
        document.model_validate(value)
    except ValidationError as error:
        first, *rest = error.errors(include_url=False, include_input=False)
        place = dotted(first["loc"])
        joint = "." if where and place and not place.startswith("[") else ""
        more = f" (and {len(rest)} more)" if rest else ""
        raise DocumentError(
            f"{first['msg']}{more}",
            code="document-invalid",
            where=f"{where}{joint}{place}",
            hint="no Keras release writes this; the file is damaged or was edited by hand",
        ) from None
