"""Before a batch: every member with its job; and what a dry run tells of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configsplit.batches import jobs
from configsplit.batches.causes import Cause, cause_of
from configsplit.batches.find_models import Member, Zoo
from configsplit.batches.layout import Place, lay_out
from configsplit.batches.recipe import Recipe, Retry
from configsplit.errors import Json


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
