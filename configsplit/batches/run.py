"""One run under way: jobs handed to an engine, answers noted and put in place, what was lost tried again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, Literal, NotRequired, TypedDict

from configsplit.batches.engines import Engine
from configsplit.batches.jobs import Item, lost
from configsplit.batches.layout import Place
from configsplit.batches.outputs import Output
from configsplit.batches.run_log import Record
from configsplit.batches.worker_pool import RUNNING
from configsplit.errors import StoreError


class Source(TypedDict):
    """The file of a model."""

    bytes: int


class Result(TypedDict):
    """What became of a model: of the keys of its line in the ledger those that a view needs."""

    outcome: Literal["done", "failed", "skipped"]
    source: NotRequired[Source]
    error: NotRequired[Mapping[str, str]]


class Started(TypedDict):
    event: Literal["start"]
    models: int
    engine: str


class Tick(TypedDict):
    """Every quarter of a second; ``running`` has the model of each worker, and since when (`time.monotonic`)."""

    event: Literal["tick"]
    running: Mapping[str, tuple[str, float]]


class Again(TypedDict):
    event: Literal["retry"]
    model: str
    cause: str
    attempt: int


class Through(TypedDict):
    """A model is through; ``kept`` from an earlier run, or by ``worker``."""

    event: Literal["model"]
    model: str
    kept: bool
    result: Result
    worker: str | None


Event = Started | Tick | Again | Through
Watch = Callable[[Event], None]
Answer = Mapping[str, Any]

PASSING = frozenset(
    {
        "disk-full",
        "io-failed",
        "no-permission",
        "read-only",
        "remote-failed",
        "remote-stalled",
        "worker-killed",
        "worker-memory",
        "worker-timeout",
    }
)
"""Failures that say more of the machine than of the model: with --resume these models are tried again."""


class Run:
    """Models on their way through an engine. Only what is under way is in memory: zoos may be large."""

    def __init__(self, work: Mapping[str, Item], output: Output, engine: Engine, watch: Watch) -> None:
        self.work, self.output, self.engine, self.watch = work, output, engine, watch
        self.counts: Counter[str] = Counter(done=0, failed=0, skipped=0)
        self.kept = self.source_bytes = self.output_bytes = 0
        self._attempts: Counter[str] = Counter()
        self._waiting: dict[Future[dict[str, Any]], str] = {}

    def all(self) -> None:
        """Every model, the largest first, so that at the end no worker waits long for another.

        Twice as many are handed out as there are workers, so that none of these waits for us.
        """
        self.watch({"event": "start", "models": len(self.work), "engine": self.engine.name})
        rest, more = iter(sorted(self.work.values(), key=lambda item: -item.member.size)), True
        while more or self._waiting:
            while more and len(self._waiting) < 2 * self.engine.width:
                item = next(rest, None)
                more = item is not None
                if item is not None:
                    self._begin(item)
            if self._waiting:
                self._collect()

    def _begin(self, item: Item) -> None:
        name = item.member.name
        if item.job is None:
            self._through(name, {"key": None, "kept": False, "staging": None, "run": {}, "result": item.skipped()})
            return
        known = self.output.journal.get(name)
        if known is not None and (not _is_there(known, item.place) or _is_passing(known)):
            known = None
        told = None if known is None else {key: known[key] for key in ("key", "result")}
        self._submit(name, {**item.job, "known": told})

    def _submit(self, name: str, job: Mapping[str, Any]) -> None:
        self._attempts[name] += 1
        self._waiting[self.engine.executor.submit(self.engine.attempt, job)] = name

    def _collect(self) -> None:
        done, _ = wait(self._waiting, timeout=0.25, return_when=FIRST_COMPLETED)
        for future in done:
            name = self._waiting.pop(future)
            self._answered(self.work[name], _answer(future))
        self.watch({"event": "tick", "running": dict(RUNNING)})

    def _answered(self, item: Item, answer: Answer) -> None:
        name, cause = item.member.name, _cause(answer)
        if item.job is not None and cause in item.retry.after and self._attempts[name] <= item.retry.times:
            self.watch({"event": "retry", "model": name, "cause": cause, "attempt": self._attempts[name]})
            self._submit(name, item.job)
        else:
            self._through(name, _as_failed(name, answer) if "lost" in answer else answer)

    def _through(self, name: str, answer: Answer) -> None:
        """A model is through: note it, put its outputs in place, count it."""
        result = answer["result"]
        if answer["kept"]:
            self.kept += 1
        elif not self._is_noted(result):
            self.output.commit(self._record(name, answer))
        self.counts[result["outcome"]] += 1
        if result["outcome"] == "done":
            self.source_bytes += result["source"]["bytes"]
            self.output_bytes += sum(item["bytes"] for item in result["outputs"])
        self.watch({"event": "model", "model": name, "kept": answer["kept"], "result": result, "worker": answer.get("worker")})

    def _is_noted(self, result: Answer) -> bool:
        """Whether an earlier run has skipped the model for the same reason."""
        known = self.output.journal.get(result["model"])
        return known is not None and result["outcome"] == "skipped" and known["result"] == result

    def _record(self, name: str, answer: Answer) -> Record:
        place = self.work[name].place or Place("")
        told = {"attempts": self._attempts[name], "worker": answer.get("worker"), "at": round(time.time(), 3)}
        return {
            "model": name,
            "key": answer["key"],
            "folder": place.folder,
            **({} if place.stem is None else {"stem": place.stem}),
            "staging": answer["staging"],
            "result": answer["result"],
            "run": {**answer["run"], **told},
        }


def _is_there(record: Record, place: Place | None) -> bool:
    return place == Place(record["folder"], record.get("stem"))


def _is_passing(record: Record) -> bool:
    return record["result"]["outcome"] == "failed" and record["result"]["error"]["code"] in PASSING


def _answer(future: Future[dict[str, Any]]) -> Answer:
    """The answer of a job. A cluster gives up on a job whose workers it has lost one after the other."""
    try:
        return future.result()
    except Exception as error:
        if type(error).__name__ == "KilledWorker":
            return {"lost": "killed", "message": "the cluster lost every worker that tried it"}
        raise StoreError(
            f"the engine failed: {type(error).__name__}: {error}",
            code="engine-failed",
            hint="finished models are kept: continue with --resume",
        ) from error


def _cause(answer: Answer) -> str | None:
    """Why a model might be tried again."""
    if "lost" in answer:
        return str(answer["lost"])
    error = answer["result"].get("error") or {}
    return {"remote-failed": "remote", "remote-stalled": "remote", "worker-memory": "memory"}.get(error.get("code", ""))


def _as_failed(name: str, answer: Answer) -> Answer:
    """A job that was lost for good, as an outcome."""
    run = {"detail": answer["message"]}
    told = {"key": None, "kept": False, "staging": None, "worker": answer.get("worker"), "run": run}
    return {**told, "result": lost(name, answer)}
