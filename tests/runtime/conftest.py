"""Frameworks for the tests of the runtime room."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from typing import Any

import pytest

from configsplit.runtime import numeric
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
def verify(near_worker: None) -> Callable[..., NumericReport]:
    def run(split: Any, **options: Any) -> NumericReport:
        feed = Feed(**{name: options.pop(name) for name in ("samples", "seed", "arrays", "ranges") if name in options})
        return numeric.verify_numeric(split.folder, split.manifest, split.source, feed=feed, **options)

    return run
