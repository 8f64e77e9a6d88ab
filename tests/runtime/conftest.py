"""Frameworks for the tests of the runtime room, and a worker that runs within the test's process: imports cost seconds."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from configsplit.runtime import compare, numeric, worker
from configsplit.runtime.feeding import Feed
from configsplit.runtime.frameworks import Framework, framework
from configsplit.runtime.reports import NumericReport


@pytest.fixture(scope="session", autouse=True)
def _quiet() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


@pytest.fixture(scope="session")
def keras3(_quiet: None) -> Framework:
    return _imported("keras")


@pytest.fixture(scope="session")
def keras2(_quiet: None) -> Framework:
    return _imported("tf_keras")


def _imported(name: str) -> Framework:
    found = framework(name)
    gc.collect()
    gc.freeze()  # the framework's own million objects need not be looked at after every step of a job
    return found


@pytest.fixture
def near_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs jobs here, still through files: what the process boundary adds is tested in test_runtime_process.py."""

    def run(job: Mapping[str, Any], folder: Path, *, limits: Any) -> dict[str, Any]:
        return worker.run_job(json.loads(json.dumps(job)))

    for module in (numeric, compare):
        monkeypatch.setattr(module, "run_in_worker", run)


@pytest.fixture
def verify(near_worker: None) -> Callable[..., NumericReport]:
    def run(split: Any, **options: Any) -> NumericReport:
        feed = Feed(**{name: options.pop(name) for name in ("samples", "seed", "arrays", "ranges") if name in options})
        return numeric.verify_numeric(split.folder, split.manifest, split.source, feed=feed, **options)

    return run
