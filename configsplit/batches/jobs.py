"""From a recipe and a member to a job: everything that one model needs, as plain JSON, so that it can travel anywhere."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from configsplit import __version__
from configsplit.batches.find_models import Member
from configsplit.batches.glob import first_match
from configsplit.batches.layout import Place
from configsplit.batches.recipe import Limits, Recipe, Retry, Step, Verify
from configsplit.batches.step_options import paths_of
from configsplit.containers.fetched import is_remote
from configsplit.containers.source import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the recipe says for one model, overrides applied; ``why`` lists them and is no part of what they are."""

    steps: tuple[Step, ...]
    verify: Verify
    plugins: tuple[str, ...]
    limits: Limits
    retry: Retry
    weights: str
    skip: str | None = None
    why: tuple[str, ...] = field(default=(), compare=False)


def settings(recipe: Recipe, name: str) -> Settings:
    """The recipe for one model: of the overrides that mean it the last one wins, key by key."""
    chosen: dict[str, Any] = {}
    why: list[str] = []
    for number, override in enumerate(recipe.overrides):
        pattern = first_match(name, override.models)
        if pattern is None:
            continue
        given = {key: getattr(override, key) for key in override.model_fields_set - {"models"}}
        chosen |= {key: value for key, value in given.items() if value is not None}
        why.append(f"overrides[{number}] ({pattern}): {', '.join(sorted(given))}")
    return Settings(
        steps=chosen.get("do", recipe.do),
        verify=chosen.get("verify", recipe.verify),
        plugins=chosen.get("plugins", recipe.plugins),
        limits=chosen.get("limits", recipe.limits),
        retry=chosen.get("retry", recipe.retry),
        weights=chosen.get("weights", recipe.models.weights),
        skip=chosen.get("skip"),
        why=tuple(why),
    )


def job(chosen: Settings, place: Place, member: Member, home: Path, out: str) -> dict[str, Any]:
    """Everything that a worker needs for one model, as plain JSON. ``home`` is the recipe's folder.

    Raises:
        StoreError: a file that the recipe names cannot be read.
    """
    return {
        "model": member.name,
        "source": member.address if is_remote(member.address) else str(Path(member.address).absolute()),
        "out": out if is_remote(out) else str(Path(out).absolute()),
        "folder": place.folder,
        "stem": place.stem,
        "settings": hashlib.sha256(f"{_digest_of(chosen, home)} {place.path}".encode("utf-8", "surrogateescape")).hexdigest(),
        **_common(chosen, home),
    }


@cache
def _common(chosen: Settings, home: Path) -> dict[str, Any]:
    """What the jobs of all models with the same settings have in common; nobody changes it."""
    plugins = tuple(_located(spec, home) if spec.endswith(".py") else spec for spec in chosen.plugins)
    return {
        "steps": [_step(step, home) for step in chosen.steps],
        "verify": chosen.verify,
        "plugins": list(plugins),
        "weights": chosen.weights,
        "limits": chosen.limits.model_dump(),
        "version": __version__,
    }


def _step(step: Step, home: Path) -> dict[str, Any]:
    """A step as plain values, its paths absolute."""
    given: Any
    if step.verb == "run":
        given = shlex.split(step.options)
    else:
        paths = paths_of(step.verb)
        given = {key: _path_option(value, home) if key in paths else value for key, value in step.options.model_dump().items()}
    return {"verb": step.verb, "options": given, "name": step.name or step.verb, "of": step.of, "missing": step.missing}


def _path_option(value: Any, home: Path) -> Any:
    if value is None or value == "":
        return None
    return _located(value, home) if isinstance(value, str) else [_located(item, home) for item in value]


def _located(path: str, home: Path) -> str:
    return str((home / path).absolute())


@cache
def _digest_of(chosen: Settings, home: Path) -> str:
    """A digest of all that decides what becomes of a source: the settings, the files they name, and this release.

    Paths count as they are written: moving recipe and files together changes nothing.
    """
    plain = {
        "configsplit": __version__,
        "steps": [step.model_dump(mode="json", exclude_none=True) for step in chosen.steps],
        "verify": chosen.verify,
        "plugins": chosen.plugins,
        "weights": chosen.weights,
        "limit": chosen.limits.source,
        "files": {name: digest(home / name) for name in sorted(_files(chosen))},
    }
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


def _files(chosen: Settings) -> Iterable[str]:
    files = {spec for spec in chosen.plugins if spec.endswith(".py")}
    for step in chosen.steps:
        for keyword in paths_of(step.verb):
            value = getattr(step.options, keyword) or ()
            files |= {value} if isinstance(value, str) else set(value)
    return files


def forget() -> None:
    """Read files that a recipe names anew: they may have changed since the batch before in this process."""
    _digest_of.cache_clear()
    _common.cache_clear()
