"""What a step of a recipe may say, as pydantic documents made from the records of the verbs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator

from configsplit.boundaries.costs import read_amount
from configsplit.verbs.table import VERBS, record
from configsplit.verbs.table.verb import Option, Verb


def listed(value: Any) -> Any:
    """One item stands for a list of one."""
    return [value] if isinstance(value, (str, dict)) else value


def _bytes(value: Any) -> Any:
    """``4GB`` as a number of bytes; what is none is left for pydantic to refuse."""
    amount = read_amount(value)
    return value if amount is None else int(amount)


Texts = Annotated[tuple[str, ...], BeforeValidator(listed, json_schema_input_type=str | tuple[str, ...])]
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0, json_schema_extra={"type": ["integer", "string"]})]


class Strict(BaseModel):
    """Base of all records: an unknown key is a mistake, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))


STEP_VERBS: dict[str, Verb] = {verb.name: verb for verb in map(record, VERBS) if verb.recipe}
"""The verbs that can be a step of a recipe."""


def options_of(verb: Verb) -> type[Strict]:
    """The options of a verb as a recipe has them: the fields are their keywords, the aliases their words in the recipe."""
    about = f"Options of ``{verb.name}``." + (f" {verb.recipe}" if isinstance(verb.recipe, str) else "")
    fields: dict[str, Any] = {option.keyword: _field(option) for option in verb.recipe_options()}
    renamed = {option.formerly: option.key for option in verb.recipe_options() if option.formerly}

    class Options(Strict):
        model_config = ConfigDict(json_schema_extra=partial(_with_old_words, renamed))

        @model_validator(mode="before")
        @classmethod
        def _as_now(cls, given: Any) -> Any:
            """What was given, its older words replaced by those of today."""
            old = {word: now for word, now in renamed.items() if isinstance(given, dict) and word in given and now not in given}
            return {old.get(key, key): value for key, value in given.items()} if old else given

    checks: dict[str, Any] = {"together": model_validator(mode="after")(_together(verb))}
    return create_model(verb.name.capitalize(), __base__=Options, __doc__=about, __validators__=checks, **fields)


def _with_old_words(renamed: Mapping[str, str], schema: dict[str, Any]) -> None:
    for old, now in renamed.items():
        schema["properties"][old] = {**schema["properties"][now], "deprecated": True, "description": f"Now `{now}`."}
        if now in schema.get("required", ()):
            schema["required"].remove(now)
            schema["oneOf"] = [{"required": [now]}, {"required": [old]}]


def paths_of(verb: str) -> set[str]:
    """The keywords of the options that are paths, seen from the recipe's folder."""
    options = STEP_VERBS[verb].recipe_options() if verb in STEP_VERBS else ()
    return {option.keyword for option in options if option.kind == "path"}


def _field(option: Option) -> Any:
    kind, default = _kind(option), option.default
    if option.kind in ("flag", "off"):
        default = option.kind == "off"
    if option.repeat:
        kind, default = Texts, ()
    elif default is None and not option.required:
        kind = kind | None
    about = None if option.kind == "off" else option.help or None
    extra: dict[str, Any] = {} if option.repeat else {"gt" if option.open else "ge": option.least, "le": option.most}
    return kind, Field(... if option.required else default, alias=option.key, description=about, **extra)


def _kind(option: Option) -> Any:
    if option.choices:
        return Literal[option.choices]
    kinds = {"flag": bool, "off": bool, "whole": int, "number": float, "bytes": Bytes, "whole or text": int | str}
    return kinds.get(option.kind, str)


def _together(verb: Verb) -> Callable[[Any], Any]:
    words = {option.keyword: f"`{option.key}`" for option in verb.recipe_options()}

    def check(given: Any) -> Any:
        if (wrong := verb.misused(dict(given), words)) is not None:
            raise ValueError(wrong)
        return given

    return check
