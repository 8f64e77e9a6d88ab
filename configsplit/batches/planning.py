"""Before a batch: every member with its job; and what a dry run tells of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configsplit.batches import jobs
from configsplit.batches.find_models import Member, Zoo
from configsplit.batches.recipe import Recipe, Retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A member with its job; without one it is skipped, for the reason that is given. ``why`` names overrides."""

    member: Member
    job: dict[str, Any] | None
    skip: str | None
    why: tuple[str, ...]
    folder: str
    retry: Retry


def items(recipe: Recipe, zoo: Zoo, home: Path, out: str) -> dict[str, Item]:
    """Every member with its job, in the order of names.

    Raises:
        DocumentError: two models would have one output folder.
        StoreError: a file that the recipe names cannot be read.
    """
    jobs.forget()
    found: dict[str, Item] = {}
    for member in zoo.members:
        chosen = jobs.settings(recipe, member.name)
        skip = member.reason if member.skip else chosen.skip
        job = None if skip is not None else jobs.job(chosen, recipe, member, home, out)
        folder = "" if job is None else job["folder"]
        found[member.name] = Item(member=member, job=job, skip=skip, why=chosen.why, folder=folder, retry=chosen.retry)
    jobs.check_folders({name: item.folder for name, item in found.items() if item.job is not None})
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a dry run tells of one model: ``outcome`` is "do", "keep", "skip" or "fail"."""

    name: str
    outcome: str
    why: tuple[str, ...]
    steps: tuple[dict[str, Any], ...] = ()
    error: dict[str, Any] | None = field(default=None)

    def as_json(self) -> dict[str, Any]:
        told: dict[str, Any] = {"model": self.name, "outcome": self.outcome, "why": list(self.why), "steps": list(self.steps)}
        return told | ({} if self.error is None else {"error": self.error})


def foreseen(item: Item, answer: Mapping[str, Any] | None) -> Plan:
    """What will happen to a model, from the answer of its dry job; without one it is skipped."""
    name = item.member.name
    if answer is None:
        return Plan(name=name, outcome="skip", why=(item.skip or "", *item.why))
    why = (item.member.reason, *item.why)
    if "lost" in answer:
        error = {"code": f"worker-{answer['lost']}", "message": answer["message"], "where": "", "hint": ""}
        return Plan(name=name, outcome="fail", why=why, error=error)
    result = answer["result"]
    if answer["kept"]:
        return Plan(name=name, outcome="keep", why=(*why, "done before, and nothing has changed since"))
    outcome = {"done": "do", "failed": "fail", "skipped": "skip"}[result["outcome"]]
    reason = (result["reason"],) if "reason" in result else ()
    steps = tuple(result.get("steps", ()))
    return Plan(name=name, outcome=outcome, why=(*why, *reason), steps=steps, error=result.get("error"))
