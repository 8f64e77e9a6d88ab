"""From a recipe and a member to a job: everything that one model needs, as plain JSON, so that it can travel anywhere."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from configsplit import __version__
from configsplit.batches import jobs
from configsplit.batches.causes import Cause, cause_of
from configsplit.batches.find_models import Member, Zoo
from configsplit.batches.glob import first_match
from configsplit.batches.layout import Place, lay_out
from configsplit.batches.recipe import Limits, Recipe, Retry, Step, Verify
from configsplit.batches.step_options import paths_of
from configsplit.containers.fetched import is_remote
from configsplit.containers.source import digest
from configsplit.errors import Json


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
    """Everything that a worker needs for one model, as plain JSON. ``home`` is the recipe's folder. Raises StoreError if a file
    that the recipe names cannot be read.
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


# Before a batch: every member with its job; and what a dry run tells of each.


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A member with its job; without one it is skipped, for the reason that is given. ``why`` names overrides."""

    member: Member
    job: dict[str, Any] | None
    skip: str | None
    why: tuple[str, ...]
    place: Place | None
    retry: Retry

    def skipped(self) -> dict[str, Any]:
        """The line of the ledger of one that has no job."""
        cause = "zoo-member" if self.member.skip else "recipe-skip"
        return {"model": self.member.name, "outcome": "skipped", "cause": cause, "reason": self.skip}


def items(recipe: Recipe, zoo: Zoo, home: Path, out: str) -> dict[str, Item]:
    """Every member with its job, in the order of names.

    Raises:
        DocumentError: two models would have one place in the output.
        StoreError: a file that the recipe names cannot be read.
    """
    jobs.forget()
    chosen = {member.name: jobs.settings(recipe, member.name) for member in zoo.members}
    skips = {member.name: member.reason if member.skip else chosen[member.name].skip for member in zoo.members}
    places = lay_out(recipe, [name for name, skip in skips.items() if skip is None], out)
    return {member.name: _item(member, chosen[member.name], skips[member.name], places, home, out) for member in zoo.members}


def _item(member: Member, chosen: jobs.Settings, skip: str | None, places: Mapping[str, Place], home: Path, out: str) -> Item:
    place = places.get(member.name)
    job = None if place is None else jobs.job(chosen, place, member, home, out)
    return Item(member=member, job=job, skip=skip, why=chosen.why, place=place, retry=chosen.retry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a dry run tells of one model: ``outcome`` is "do", "keep", "skip" or "fail"."""

    name: str
    outcome: str
    why: tuple[str, ...]
    steps: tuple[dict[str, Any], ...] = ()
    error: dict[str, Any] | None = None
    cause: Cause | None = None

    def as_json(self) -> dict[str, Json]:
        told: dict[str, Any] = {"model": self.name, "outcome": self.outcome, "why": list(self.why), "steps": list(self.steps)}
        return told | ({} if self.error is None else {"error": self.error})


def foreseen(item: Item, answer: Mapping[str, Any] | None) -> Plan:
    """What will happen to a model, from the answer of its dry job; without one it is skipped."""
    name = item.member.name
    if answer is None:
        return Plan(name=name, outcome="skip", why=(item.skip or "", *item.why), cause=cause_of(item.skipped()))
    why = (item.member.reason, *item.why)
    if "lost" in answer:
        result = lost(name, answer)
    elif answer["kept"]:
        return Plan(name=name, outcome="keep", why=(*why, "done before, and nothing has changed since"))
    else:
        result = answer["result"]
    outcome = {"done": "do", "failed": "fail", "skipped": "skip"}[result["outcome"]]
    reason = (result["reason"],) if "reason" in result else ()
    steps, error = tuple(result.get("steps", ())), result.get("error")
    return Plan(name=name, outcome=outcome, why=(*why, *reason), steps=steps, error=error, cause=cause_of(result))


_LOST = {
    "killed": ("worker-killed", "the worker did not survive this model", "there may be too little memory: try fewer --jobs"),
    "memory": ("worker-memory", "the model needs more memory than `limits: memory`", "raise the limit for it in an override"),
    "timeout": ("worker-timeout", "the model takes longer than `limits: seconds`", "raise the limit for it in an override"),
}


def lost(name: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """The line of the ledger for a model that no worker survived."""
    code, message, hint = _LOST[answer["lost"]]
    error = {"code": code, "message": message, "where": "", "hint": hint}
    return {"model": name, "outcome": "failed", "error": error, "step": None}
