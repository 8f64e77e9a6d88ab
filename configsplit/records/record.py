"""What all records are: declared once, as classes; written as JSON; checked where they are read.

Those that are written say what this program has found out itself, and need no checking. So pydantic, which takes as long to
load as a small model takes to be cut, is loaded only where a record is read, or its JSON Schema made: from the same classes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeVar, cast, dataclass_transform

from configsplit.errors import DocumentError
from configsplit.graph.json import loads

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FROM = {"alias": "from"}
"""Metadata of a field that is written as ``from``, which Python keeps for itself."""


class Must:
    """What a value must be besides its type: ``limits`` as pydantic calls them, and a function that raises ValueError."""

    def __init__(self, check: Callable[[Any], Any] | None = None, **limits: Any) -> None:
        self._check, self._limits = check, limits

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core.core_schema import no_info_after_validator_function

        schema = {**handler(source), **self._limits}
        return schema if self._check is None else no_info_after_validator_function(self._check, schema)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
class Record:
    """Base of all records, which cannot change. Unknown keys of later releases are kept.

    Each is a dataclass, of which this base does what is otherwise generated, and compiled, for every class anew.
    """

    __pydantic_config__: ClassVar = {"extra": "allow", "populate_by_name": True}
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        dataclasses.dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)

    def __init__(self, **fields: Any) -> None:
        for name, known in self.__dataclass_fields__.items():
            if name not in fields and known.default_factory is not MISSING:
                fields[name] = known.default_factory()
        vars(self).update(fields)

    def __setattr__(self, name: str, _: object) -> NoReturn:
        raise AttributeError(f"a record is immutable; make one with another {name!r} by `but`")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(self) is type(other) and self.plain() == other.plain()

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._named().items())})"

    def _named(self) -> dict[str, Any]:
        """All fields in their order, then what a later release wrote besides."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | vars(self)

    def but(self, **fields: Any) -> Self:
        """The same record with other fields."""
        return type(self)(**vars(self) | fields)

    def plain(self) -> dict[str, Any]:
        """The record as it is written, and all records in it."""
        fields = self.__dataclass_fields__
        return {
            fields[name].metadata.get("alias", name) if name in fields else name: _plain(value)
            for name, value in self._named().items()
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.plain()
    return [*map(_plain, value)] if isinstance(value, tuple) else value


Kept = TypeVar("Kept", bound=Record)


@cache
def _adapter(kind: type[Record]) -> TypeAdapter[Any]:
    """What checks a kind of record: it takes milliseconds to make."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def read(kind: type[Kept], text: str, where: str, called: str, code: str) -> Kept:
    """A record of a kind, checked. Raises DocumentError with ``code`` where it is none; ``called`` says what it should be."""
    from pydantic import ValidationError

    try:
        checked = _adapter(kind)  # type: ignore[arg-type]  # mypy takes the __hash__ of records for that of their class
        return cast("Kept", checked.validate_python(loads(text)))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise DocumentError(f"not {called} of configsplit: {place}: {first['msg']}", code=code, where=where) from None


def compact(record: Mapping[str, Any]) -> dict[str, Any]:
    """Without the keys that say nothing."""
    return {key: value for key, value in record.items() if value is not None and value != {}}
