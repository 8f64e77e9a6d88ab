"""Reading a recipe: YAML or JSON, every mistake with its place and remedy."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from configsplit.batches.recipe import Recipe, Step
from configsplit.containers.system.errors import store_error
from configsplit.errors import DocumentError, RuntimeUnavailableError, StoreError, did_you_mean
from configsplit.graph.json import loads
from configsplit.graph.walking import everything
from configsplit.records.yaml_text import YamlError, yaml_values
from configsplit.verbs.table import VERBS


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a file, YAML by its suffix (``.yaml``, ``.yml``), else JSON.

    Raises:
        StoreError: the file cannot be read.
        DocumentError: it is no recipe; the place and the nearest right key are named.
        RuntimeUnavailableError: PyYAML is not installed.
    """
    place = Path(path)
    try:
        text = place.read_text("utf-8")
    except OSError as error:
        told = store_error(error, path)
        raise StoreError(told.message, code="recipe-unreadable", where=str(path), hint=told.hint) from None
    except UnicodeDecodeError:
        raise StoreError("it is not text", code="recipe-unreadable", where=str(path), hint="give a YAML file") from None
    plain = _yaml(text, str(path)) if place.suffix.lower() in (".yaml", ".yml") else loads(text)
    return checked(plain, str(path))


def checked(plain: Any, where: str = "recipe") -> Recipe:
    """Plain values as a recipe."""
    try:
        recipe = Recipe.model_validate(plain)
    except ValidationError as error:
        raise _refusal(error, where) from None
    _check_steps(recipe.do, f"{where}: do")
    for number, override in enumerate(recipe.overrides):
        _check_steps(override.do or (), f"{where}: overrides[{number}].do")
    return recipe


def _refusal(error: ValidationError, where: str) -> DocumentError:
    first = min(error.errors(include_url=False), key=lambda item: item["type"] != "extra_forbidden")
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"]).lstrip(".")
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] != "extra_forbidden":
        return DocumentError(
            message[:1].lower() + message[1:],
            code="recipe-invalid",
            where=f"{where}: {steps}",
            hint=_nearest_value(first) or "docs/batch.md says what goes there",
        )
    known = _keys(first["loc"][:-1])
    close = difflib.get_close_matches(str(first["loc"][-1]), known, n=3, cutoff=0.5)
    return DocumentError(
        f"a recipe has no key {first['loc'][-1]!r} there",
        code="recipe-unknown-key",
        where=f"{where}: {steps}",
        hint=did_you_mean(close) if close else f"possible keys: {', '.join(sorted(known))}",
    )


def _nearest_value(error: Mapping[str, Any]) -> str:
    """What was meant where one of a few words should stand; empty where nothing is near."""
    words = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected", "")))
    given = error["input"]
    close = difflib.get_close_matches(given, words, n=1, cutoff=0.5) if isinstance(given, str) else []
    return f"did you mean {close[0]!r}?" if close else ""


def _keys(place: Iterable[int | str]) -> set[str]:
    """The keys of the record at a place of a recipe."""
    kind: type[BaseModel] = Recipe
    for step in place:
        if isinstance(step, int):
            continue
        matching = next((field for name, field in kind.model_fields.items() if step in (name, field.alias)), None)
        kind = kind if matching is None else _record(matching.annotation) or kind
    return {field.alias or name for name, field in kind.model_fields.items()}


def _record(annotation: Any) -> type[BaseModel] | None:
    """The record that an annotation such as ``tuple[Step, ...] | None`` is about."""
    said = everything([annotation], lambda item: getattr(item, "__args__", ()))
    return next((item for item in said if isinstance(item, type) and issubclass(item, BaseModel)), None)


def _check_steps(steps: Iterable[Step], where: str) -> None:
    """Names of steps are told apart, and ``of`` names an earlier one."""
    seen: list[str] = []
    for number, step in enumerate(steps):
        name = step.name or step.verb
        if name in seen or name in (".", ".."):
            raise DocumentError(
                f"two steps are called {name!r}" if name in seen else f"{name!r} cannot be the name of a folder",
                code="recipe-step-name",
                where=f"{where}[{number}]",
                hint="give one of them another `name`",
            )
        if step.of and step.of not in seen:
            raise DocumentError(
                f"there is no earlier step {step.of!r}",
                code="recipe-step-of",
                where=f"{where}[{number}].of",
                hint=f"earlier steps: {', '.join(seen)}" if seen else "leave `of` out to work on the model itself",
            )
        _check_command(step.run, f"{where}[{number}].run")
        seen.append(name)


def _check_command(command: str | None, where: str) -> None:
    """The first word of ``run`` is a verb."""
    try:
        words = [] if command is None else shlex.split(command) or [""]
    except ValueError as error:
        raise DocumentError(
            f"the command cannot be read: {error}", code="recipe-invalid", where=where, hint="check its quotes"
        ) from None
    if words and words[0] not in VERBS:
        close = difflib.get_close_matches(words[0], VERBS, n=3, cutoff=0.5)
        hint = did_you_mean(close) if close else f"the verbs are {', '.join(VERBS)}"
        raise DocumentError(f"there is no verb {words[0]!r}", code="recipe-invalid", where=where, hint=hint)


def _yaml(text: str, where: str) -> Any:
    try:
        return yaml_values(text)
    except ImportError:
        raise RuntimeUnavailableError(
            "a recipe in YAML needs PyYAML, which is not installed",
            code="extra-missing",
            where=where,
            hint="pip install 'configsplit[batch]', or write the recipe as JSON",
        ) from None
    except YamlError as error:
        raise DocumentError(
            f"not YAML: {error}", code="recipe-yaml", where=where, hint="check indentation and quotes"
        ) from None
