"""Documents whose shape depends on their class: "an entry of class Dense has this config".

pydantic would say it with a union of one document for each class, whose failure names every member of the union. Said as
cases, the JSON Schema is a list of ``if``/``then`` and a violation names the one thing that is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from inspect import getmembers, isclass
from types import ModuleType
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, model_validator
from pydantic_core import CoreSchema, core_schema

from configsplit.dialects.schema.frame import Name, Wire


@dataclass(frozen=True, slots=True)
class Absent:
    """Marks a key that must not be there: ``key: Annotated[Any, Absent("only Keras 3 writes it")] = None``."""

    why: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._refuse)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"not": {}, "description": self.why}

    def _refuse(self, _: Any) -> Any:
        raise ValueError(f"this key does not belong here: {self.why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Where an entry is of one of the ``classes``, and its config of that kind and with (without) those keys, ``then`` holds.

    ``then`` speaks of the entry's config, or with ``whole`` of the entry itself. What is left out makes no condition.
    """

    then: type[BaseModel]
    classes: tuple[str, ...] = ()
    kind: Literal["object", "array", ""] = ""
    has: tuple[str, ...] = ()
    lacks: str = ""
    whole: bool = False

    def holds(self, class_name: Any, config: Any) -> bool:
        """Whether an entry is meant."""
        if self.classes and class_name not in self.classes:
            return False
        if self.kind and isinstance(config, Mapping) is not (self.kind == "object"):
            return False
        if isinstance(config, Mapping):
            return all(key in config for key in self.has) and not (self.lacks and self.lacks in config)
        return not self.has

    def schema(self) -> dict[str, Any]:
        """The case as JSON Schema, the document by reference."""
        config: dict[str, Any] = {"type": self.kind} if self.kind else {}
        if self.has:
            config |= {"type": "object", "required": list(self.has)}
        if self.lacks:
            config["not"] = {"required": [self.lacks]}
        when: dict[str, Any] = {"config": config} if config else {}
        if self.classes:
            when["class_name"] = {"enum": list(self.classes)}
        reference = {"$ref": f"#/$defs/{self.then.__name__}"}
        then = reference if self.whole else {"properties": {"config": reference}}
        return {"if": {"properties": when, "required": sorted(when)}, "then": then} if when else then


class Cased(Wire):
    """A document with cases: ``class_name`` and ``config`` decide which of them hold."""

    cases: ClassVar[tuple[Case, ...]] = ()

    class_name: Name
    config: Any

    @classmethod
    def published(cls) -> dict[str, Any]:
        """What the cases add to the JSON Schema that pydantic makes."""
        return {"allOf": [case.schema() for case in cls.cases]}

    @model_validator(mode="after")
    def _check_cases(self) -> Self:
        for case in self.cases:
            if case.holds(self.class_name, self.config):
                case.then.model_validate(self.__dict__ | (self.model_extra or {}) if case.whole else self.config)
        return self


def documents_of(*modules: ModuleType) -> list[type[BaseModel]]:
    """The documents that modules define, without the generic ones that pydantic makes of them."""
    classes = ((module, name, each) for module in modules for name, each in getmembers(module, isclass) if name.isidentifier())
    return [each for module, _, each in classes if issubclass(each, BaseModel) and each.__module__ == module.__name__]


def definitions(documents: Sequence[type[Any]]) -> dict[str, Any]:
    """The JSON Schema of each document, by the name of its class; they refer to each other as ``#/$defs/NAME``."""
    adapters: list[tuple[str, Literal["validation"], TypeAdapter[Any]]]
    adapters = [(each.__name__, "validation", TypeAdapter(each)) for each in documents]
    made: dict[str, Any] = TypeAdapter.json_schemas(adapters)[1]["$defs"]
    for document in documents:
        if hasattr(document, "published"):
            made[document.__name__] |= document.published()
    return made
