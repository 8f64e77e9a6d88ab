"""One job, done in a worker: fetch, hash, carry out the steps, and say how it ended. Nothing that a model does gets out."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from configsplit import __version__
from configsplit.batches import storage
from configsplit.batches.causes import is_harmless
from configsplit.batches.files import Skipped, forget_source, measure, outputs_of, settle_source, stamp
from configsplit.batches.shares import is_missing
from configsplit.batches.step import Bench
from configsplit.batches.steps import as_json, carry_out
from configsplit.containers.fetched import is_remote
from configsplit.containers.system.errors import system_faults
from configsplit.dialects import emit
from configsplit.errors import ConfigSplitError, StoreError, in_recipe
from configsplit.hazards import hazards

STAGING = ".staging-"
_STAGED = re.compile(rf"/{re.escape(STAGING)}[0-9a-f]{{32}}")


def do(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do a job. Never raises: whatever goes wrong with a model is its outcome.

    Returns:
        ``key`` (what decides whether it has to be done again, None where the source cannot be read), ``kept`` (the result that
        was known holds still), ``result`` (the line of the ledger), ``staging`` (the folder with the outputs, to be put in
        place), ``run`` (times and the like).
    """
    started = time.perf_counter()
    task = _Task(job)
    try:
        answer = task.run()
    except Skipped as skipped:
        answer = task.ended("skipped", cause=skipped.cause, reason=skipped.reason)
    except ConfigSplitError as error:
        if is_harmless(error, task.path):
            answer = task.ended("skipped", cause=error.code, reason=error.message)
        else:
            answer = task.ended("failed", error={**error.as_json(), "hint": in_recipe(error.hint)})
    except MemoryError:
        answer = task.ended("failed", error=_plain("worker-memory", "there was not enough memory", "try fewer --jobs"))
    except Exception as error:  # noqa: BLE001 - one bad model never stops the rest
        answer = task.ended("failed", error=_unexpected(error))
    task.clear()
    answer["run"] |= {"seconds": round(time.perf_counter() - started, 6)}
    return answer


def _plain(code: str, message: str, hint: str = "") -> dict[str, Any]:
    return {"code": code, "message": message, "where": "", "hint": hint}


def _unexpected(error: Exception) -> dict[str, Any]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
    return {
        "code": "batch-unexpected",
        "message": f"{type(error).__name__}: {error}",
        "where": place,
        "hint": "a mistake in configsplit: please report it, with the file if you may",
    }


class _Task:
    """A job under way."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self.job = job
        self.remote_source = is_remote(job["source"])
        self.remote_out = is_remote(job["out"])
        self.path = Path(job["source"])
        self.weights: Path | None = None
        self.key: str | None = None
        self.about: dict[str, Any] = {}
        self.at: str | None = None
        self.staging: str | None = None
        self.seconds: dict[str, float] = {}

    @cached_property
    def scratch(self) -> Path:
        """A folder of this machine, where one is needed: what comes from afar or goes there passes through it."""
        return Path(tempfile.mkdtemp(prefix="configsplit-"))

    def clear(self) -> None:
        """Remove it."""
        if "scratch" in vars(self):
            shutil.rmtree(self.scratch, ignore_errors=True)

    def run(self) -> dict[str, Any]:
        if self.job["version"] != __version__:
            raise StoreError(
                f"the worker has configsplit {__version__}, the batch {self.job['version']}",
                code="worker-version",
                hint="install the same release everywhere",
            )
        with self._timed("read"), system_faults(self.path):
            before = self._bring()
        known = self.job.get("known")
        if known and known["key"] == self.key and self._holds(known["result"]):
            return {"key": self.key, "kept": True, "result": known["result"], "staging": None, "run": self._run_facts()}
        folder = self._folder()
        bench = Bench(
            path=self.path,
            weights=self.weights,
            folder=folder,
            verify=self.job["verify"],
            plugins=tuple(self.job["plugins"]),
            stem=self.job["stem"],
            dry=bool(self.job.get("dry")),
        )
        steps = self._steps(bench)
        if self._stamps() != before:
            hint = "wait until the program that writes it is done"
            raise StoreError("the file changed while it was processed", code="source-changed", where=str(self.path), hint=hint)
        if self.remote_source or self.remote_out:
            forget_source(folder)
        elif self.job["stem"] is not None:
            settle_source(folder, Path(self.job["out"], self.job["folder"]))
        outputs = outputs_of(folder, bench.digests)
        self._deliver(folder)
        return self.ended("done", steps=steps, outputs=outputs)

    def _bring(self) -> list[Any]:
        """Have the source here, and know its digest, which with the settings makes the key. The state that it was in."""
        limit = self.job["limits"]["source"]
        if self.remote_source:
            self.path = self.scratch / "source" / PurePosixPath(self.job["model"]).name
            storage.fetch(self.job["source"], self.path)
        before = [stamp(self.path)]
        size, sha = measure(self.path, limit)
        self.about["source"] = {"bytes": size, "sha256": sha}
        beside = self._weights_name()
        if beside is not None and (place := self._fetched_weights(beside)) is not None:
            self.weights = place
            before.append(stamp(place))
            own_size, own = measure(place, limit)
            self.about["source"] |= {"weights": {"file": beside, "bytes": own_size, "sha256": own}}
        content = [self.job["settings"], self.job["model"], self.about["source"]]
        self.key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return before

    def _stamps(self) -> list[Any]:
        return [stamp(path) for path in (self.path, self.weights) if path is not None]

    def _weights_name(self) -> str | None:
        pattern = self.job["weights"]
        if not pattern or self.path.suffix != ".json":
            return None
        name = pattern.replace("{stem}", self.path.stem)
        return name if name == PurePosixPath(name).name else None

    def _fetched_weights(self, name: str) -> Path | None:
        if not self.remote_source:
            place = self.path.with_name(name)
            return place if place.is_file() else None
        address = f"{self.job['source'].rpartition('/')[0]}/{name}"
        system, path = storage.file_system(address)
        with storage.remote_faults(address):
            there = system.exists(path)
        if not there:
            return None
        storage.fetch(address, self.path.with_name(name))
        return self.path.with_name(name)

    def _holds(self, result: Mapping[str, Any]) -> bool:
        """Whether what an earlier run has written is there still, bit for bit (remote: in name and size)."""
        if result["outcome"] != "done":
            return True
        wanted = result["outputs"]
        if self.remote_out:
            there = storage.names_below(self._address())
            listed = {item["file"]: item["bytes"] for item in wanted}
            return listed == ({name: there.get(name) for name in listed} if self.job["stem"] else there)
        place = Path(self.job["out"], self.job["folder"])
        return (
            place.is_dir() and outputs_of(place, only=[item["file"] for item in wanted] if self.job["stem"] else None) == wanted
        )

    def _address(self) -> str:
        """Where the outputs go at a URL."""
        return f"{self.job['out']}/{self.job['folder']}".rstrip("/")

    def _folder(self) -> Path:
        """Where the steps write. A folder of its own lies as deep as its final place, so that relative paths in manifests hold
        there too."""
        if self.remote_out or self.job.get("dry"):
            folder = self.scratch / "made" / str(self.job["folder"])
        else:
            self.staging = f"{STAGING}{uuid.uuid4().hex}"
            steps = () if self.job["stem"] is not None else PurePosixPath(self.job["folder"]).parts[1:]
            folder = Path(self.job["out"], self.staging, *steps)
        folder.mkdir(parents=True)
        return folder

    def _steps(self, bench: Bench) -> list[dict[str, Any]]:
        done = []
        self._describe(bench)
        for step in self.job["steps"]:
            self.at = step["name"]
            try:
                with self._timed(step["name"]):
                    done.append(as_json(carry_out(step, bench)))
            except ConfigSplitError as error:
                if step["missing"] == "skip" and is_missing(error):
                    raise Skipped(error.code, f"{step['name']}: {error.message}") from None
                raise
        self.at = None
        return done

    def _describe(self, bench: Bench) -> None:
        document = bench.document
        dangers = hazards(emit(document.model), classes=document.registry.names())
        rows = [{"code": item.code, "where": item.where, "message": item.message} for item in dangers]
        self.about |= {
            "format": document.kind,
            "dialect": document.dialect,
            "release": document.release,
            "kind": document.model.kind,
            "layers": len(document.model.layers),
            "hazards": rows,
        }

    def _deliver(self, folder: Path) -> None:
        if self.remote_out and not self.job.get("dry"):
            with self._timed("upload"):
                storage.send(folder, self._address(), alone=self.job["stem"] is None)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - start, 6)

    def ended(self, outcome: str, **told: Any) -> dict[str, Any]:
        """The answer. What a failed model has left in its staging folder goes."""
        if outcome != "done" and self.staging is not None:
            shutil.rmtree(Path(self.job["out"], self.staging), ignore_errors=True)
            self.staging = None
        result = {"model": self.job["model"], "outcome": outcome, **self.about, **told}
        if outcome == "failed":
            result |= {"step": self.at}
        detail = ""
        if "error" in result:
            result["error"], detail = _one_line(result["error"])
        run = self._run_facts() | ({"detail": detail} if detail else {})
        answer = {"key": self.key, "kept": False, "result": result, "staging": self.staging, "run": run}
        return self._scrubbed(answer)

    def _run_facts(self) -> dict[str, Any]:
        return {"steps": self.seconds, "pid": os.getpid()}

    def _scrubbed(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Results name the model, never where it lay on this machine or in which folder of the moment it was written."""
        places = [(str(self.path), self.job["model"]), (self.job["source"], self.job["model"])]
        if self.weights is not None:
            places.append((str(self.weights), self.weights.name))
        if "scratch" in vars(self):
            places.append((str(self.scratch), "(scratch)"))
        if answer["staging"] or not self.remote_out:
            places += [(str(Path(self.job["out"])), "(out)")]
        text = json.dumps(answer["result"])
        for place, name in places:
            text = text.replace(json.dumps(place)[1:-1], json.dumps(name)[1:-1])
        final = "/models" if self.job["stem"] is None else json.dumps(f"/{self.job['folder']}".rstrip("/"))[1:-1]
        return answer | {"result": json.loads(_STAGED.sub(lambda _: final, text))}


def _one_line(error: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """What a framework said last differs from run to run (times, addresses): the ledger keeps the first line alone."""
    first, _, more = str(error["message"]).partition("\n")
    return {**error, "message": first}, more
