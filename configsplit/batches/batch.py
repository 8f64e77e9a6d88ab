"""`batch`: a recipe done on every model of a zoo. Outcomes are data; one bad model never stops the rest."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from configsplit.batches import engines, outputs, overrides, storage
from configsplit.batches.causes import Summary, cause_of, merged
from configsplit.batches.engines import Engine
from configsplit.batches.find_models import Zoo, find
from configsplit.batches.jobs import Item, Plan, foreseen, items
from configsplit.batches.read_recipe import checked, read_recipe
from configsplit.batches.recipe import Recipe
from configsplit.batches.run import Run, Watch
from configsplit.batches.run_log import places
from configsplit.containers.fetched import is_remote
from configsplit.errors import Json, StoreError
from configsplit.graph.json import spelled


def batch(
    recipe: str | Path | Recipe | Mapping[str, Json],
    *,
    zoo: str | Path,
    out: str | Path,
    jobs: int | None = None,
    resume: bool = False,
    force: bool = False,
    cluster: str | None = None,
    write_overrides: str | Path | None = None,
    watch: Watch = lambda event: None,
) -> Summary:
    """Run a recipe on every model of a zoo.

    Args:
        recipe: a file, or a recipe as plain values; its paths are relative to its folder (to the working directory).
        zoo: a folder, a glob, or a URL.
        out: a folder or URL for the results.
        jobs: how many worker processes; by default as many as cores and memory allow.
        resume: continue the batch in ``out``: do only what is missing or has changed.
        force: start over in the output of an earlier batch.
        cluster: the address of a Dask scheduler, instead of workers on this machine.
        write_overrides: a file beside the recipe for that of the next run, with an override for each cause of failure.
        watch: receives one event at a time.

    Returns:
        The outcome of every model, counts, and times in seconds.

    Raises:
        DocumentError: the recipe is invalid.
        StoreError: there are no models, or the output cannot be written or is not that of a batch.

    Example:
        >>> done = configsplit.batch({"do": [{"split": {"at": "res"}}]}, zoo="zoo", out="results", jobs=1)
        >>> done.outcomes["done"]
        1
    """
    started, began = time.perf_counter(), datetime.now().astimezone().isoformat(" ", "seconds")
    read, members, work = _prepared(recipe, str(zoo), str(out))
    if write_overrides is not None:
        overrides.check_place(Path(write_overrides), _home(recipe))
    with _engine(cluster, jobs, work, str(zoo), str(out)) as engine:  # before anything is written: it may be out of reach
        output = outputs.open_output(str(out), resume=resume, force=force)
        try:
            output.journal.begin({"zoo": str(zoo), "models": len(work), "recipe": read.model_dump(mode="json")})
            run = Run(work, output, engine, watch)
            run.all()
            if write_overrides is not None:
                results = (output.journal[name]["result"] for name in work)
                overrides.write_overrides(Path(write_overrides), read, work, results, str(out))
            return _finished(run, members, read, began, started)
        finally:
            output.close()


def plan(
    recipe: str | Path | Recipe | Mapping[str, Json],
    *,
    zoo: str | Path,
    out: str | Path,
    jobs: int | None = None,
    cluster: str | None = None,
) -> tuple[list[Plan], dict[str, str]]:
    """A dry run: what would happen to each model and why; and the files that a pattern excludes. Nothing is written. Raises
    DocumentError or StoreError as `batch` does.
    """
    _, members, work = _prepared(recipe, str(zoo), str(out))
    known = outputs.known(str(out))
    with _engine(cluster, jobs, work, str(zoo), str(out)) as engine:
        dry = {name: {**item.job, "dry": True, "known": known.get(name)} for name, item in work.items() if item.job is not None}
        answers = {name: engine.executor.submit(engine.attempt, job) for name, job in dry.items()}
        plans = [foreseen(item, answers[name].result() if name in answers else None) for name, item in work.items()]
    return plans, members.excluded


def _prepared(recipe: str | Path | Recipe | Mapping[str, Json], zoo: str, out: str) -> tuple[Recipe, Zoo, dict[str, Item]]:
    if isinstance(recipe, (str, Path)):
        read = read_recipe(recipe)
    else:
        read = recipe if isinstance(recipe, Recipe) else checked(dict(recipe))
    members = find(zoo, read.models, leave_out=None if is_remote(out) else Path(out))
    return read, members, items(read, members, _home(recipe), out)


def _home(recipe: str | Path | Recipe | Mapping[str, Json]) -> Path:
    return Path(recipe).absolute().parent if isinstance(recipe, (str, Path)) else Path()


@contextmanager
def _engine(address: str | None, workers: int | None, work: Mapping[str, Item], zoo: str, out: str) -> Iterator[Engine]:
    """Where the jobs run: on a cluster, in workers on this machine, or, where nobody else sees the files, in this process."""
    engines.check_limits(item.job["limits"]["memory"] for item in work.values() if item.job is not None)
    alone = any(storage.is_seen_by_one_process(place) for place in (zoo, out))
    if address is not None and alone:
        raise StoreError("memory:// is seen by this process alone", code="cluster-unreachable", where=address, hint="use files")
    if address is not None:
        with engines.cluster(address) as engine:
            yield engine
    elif alone:
        from configsplit.batches.engines import attempt_here

        with ThreadPoolExecutor(1) as executor:
            yield Engine(executor, 1, "this process", attempt_here)
    else:
        with engines.local(workers or _workers([item.job for item in work.values() if item.job is not None])) as engine:
            yield engine


def _workers(todo: list[dict[str, Any]]) -> int:
    limits = [job["limits"]["memory"] for job in todo if job["limits"]["memory"]]
    most = engines.most_jobs(max(limits, default=None), any(job["verify"] == "numeric" for job in todo))
    return max(1, min(most, len(todo)))


def _finished(run: Run, zoo: Zoo, recipe: Recipe, began: str, started: float) -> Summary:
    """Write ledger and report, and sum up."""
    from configsplit.batches.report_page import page

    output, root, records = run.output, str(run.output.root), run.output.journal
    names = [member.name for member in zoo.members]
    summary = Summary(
        outcomes=dict(run.counts),
        kept=run.kept,
        causes=merged(cause_of(records[name]["result"]) for name in names),
        source_bytes=run.source_bytes,
        output_bytes=run.output_bytes,
        began=began,
        host=platform.node(),
        seconds=round(time.perf_counter() - started, 3),
        engine=run.engine.name,
        out=root,
        ledger=f"{root}/{outputs.LEDGER}",
        report=f"{root}/{outputs.REPORT}",
    )
    each = map(records.__getitem__, names)  # one at a time: zoos may be large
    kept = {place for record in each if record["result"]["outcome"] == "done" for place in places(record)}
    texts = {
        outputs.LEDGER: (f"{spelled(json.dumps(records[name]['result']))}\n" for name in names),
        outputs.REPORT: page(summary, zoo.root, recipe, (records[name] for name in names)),
    }
    output.finish(kept, texts)
    return summary
