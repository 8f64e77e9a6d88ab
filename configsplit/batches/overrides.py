"""The recipe for the next run: that of this one, with an override for each cause for which models failed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from configsplit.batches.causes import Cause, cause_of, merged
from configsplit.batches.glob import MAGIC
from configsplit.batches.jobs import Item
from configsplit.batches.read_recipe import read_recipe
from configsplit.batches.recipe import Recipe
from configsplit.batches.run import PASSING
from configsplit.containers.system.errors import system_faults
from configsplit.errors import StoreError

_LIMITS = {"worker-timeout": ("seconds", 4), "worker-memory": ("memory", 2)}
"""Failures at a limit: which one, and how many times as high the next run has it."""


def check_place(file: Path, home: Path) -> None:
    """Refuse a place for the recipe of the next run before this one takes its time."""
    if file.exists():
        raise StoreError("a file is there already", code="output-exists", where=str(file), hint="choose another name")
    if file.absolute().parent.resolve() != home.resolve() or file.suffix.lower() not in (".yaml", ".yml"):
        hint = f"write it to {home / 'next.yaml'}: paths in a recipe are seen from its folder"
        raise StoreError("a recipe with overrides cannot be written there", code="recipe-elsewhere", where=str(file), hint=hint)


def write_overrides(
    file: Path, recipe: Recipe, work: Mapping[str, Item], results: Iterable[Mapping[str, Any]], out: str
) -> int:
    """Write it, and give the number of overrides; without failures nothing is written.

    A limit that was too low is raised. What no recipe can mend is skipped, with the error as the reason. What may go by itself
    (a full disk, a store that did not answer) is tried again by ``--resume`` and has no override.

    Raises:
        StoreError: the file cannot be written.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for result in results:
        if result["outcome"] == "failed":
            groups.setdefault(result["error"]["code"], []).append(result)
    if not groups:
        return 0
    plain = recipe.model_dump(mode="json", exclude_defaults=True, exclude_none=True, by_alias=True)
    before = [_line(override) for override in plain.pop("overrides", ())]
    added = [_override(cause, groups[cause.code], work) for cause in _causes(groups)]
    head = [
        f"# Written by configsplit batch after the run into {json.dumps(out)}: its recipe, and an override for each cause of",
        "# failure. Go on with it by --resume. Where you can mend a cause, do, and take its override out.",
        "recipe: 1",
        *(f"{key}: {json.dumps(value)}" for key, value in plain.items() if key != "recipe"),
    ]
    lines = [*before, *(line for each in added for line in each)]
    none = not any(line.startswith("  - ") for line in lines)
    text = "\n".join([*head, "overrides: []" if none else "overrides:", *lines]) + "\n"
    with system_faults(file):
        file.write_text(text, "utf-8")
    read_recipe(file)
    return len(added)


def _causes(groups: Mapping[str, list[Mapping[str, Any]]]) -> tuple[Cause, ...]:
    return merged(cause_of(result) for those in groups.values() for result in those)


def _override(cause: Cause, results: list[Mapping[str, Any]], work: Mapping[str, Item]) -> list[str]:
    models = [_pattern(result["model"]) for result in results]
    about = [*_about(cause, results)]
    if cause.code in PASSING and cause.code not in _LIMITS:
        return [*about, "  # --resume tries these again by itself."]
    if cause.code in _LIMITS:
        key, times = _LIMITS[cause.code]
        limits = max((item.job["limits"] for name in results if (item := work[name["model"]]).job), key=lambda each: each[key])
        return [*about, _line({"models": models, "limits": {**limits, key: limits[key] * times}})]
    return [*about, _line({"models": models, "skip": cause.code if cause.others else f"{cause.code}: {cause.message}"})]


def _about(cause: Cause, results: list[Mapping[str, Any]]) -> Iterator[str]:
    """What the models of an override were told, each message once, and what to do, as comments."""
    told = {(result["error"]["message"], result["error"]["hint"]): result["model"] for result in reversed(results)}
    lines = [f"{cause.count:,} failed: {cause.code}"]
    for (message, hint), model in reversed(told.items()):
        lines += [f"{model}: {message}", *([f"  What to do: {hint}"] if hint else [])]
    for line in lines:
        yield "  # " + line.encode("unicode_escape").decode("ascii")  # a name may hold the end of a line


def _pattern(name: str) -> str:
    """A pattern that means this model alone: one without ``/`` would be held against the names in all folders."""
    plain = MAGIC.sub(lambda match: f"[{match[0]}]", name)
    return "./" + re.sub("[\udc80-\udcff]", "?", plain)  # a byte that is no UTF-8 can stand in no recipe


def _line(override: Mapping[str, Any]) -> str:
    return f"  - {json.dumps(override)}"
