"""A sample of a long matrix for `make test`; what it leaves out is run by `make exhaustive`."""

from __future__ import annotations

import itertools
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

LONG = "CONFIGSPLIT_EXHAUSTIVE"
"""Set in the environment by tests/conftest.py where ``-m exhaustive`` was asked for."""


def thinned(cases: Iterable[Any], keep: int) -> list[Any]:
    """Parameters of a test, of which ``keep`` run always, drawn by lot: the same in every run, spread over the matrix.

    A tuple is a case of several arguments. The rest runs where ``-m exhaustive`` is asked for: no case is ever lost.
    """
    known = [case if isinstance(case, tuple) else (case,) for case in cases]
    bounds = [number * len(known) // keep for number in range(keep + 1)]
    lot = random.Random(len(known))
    kept = {lot.randrange(start, end) for start, end in itertools.pairwise(bounds) if end > start}
    return [pytest.param(*case, marks=() if number in kept else pytest.mark.exhaustive) for number, case in enumerate(known)]


def in_turn(groups: Iterable[Sequence[tuple[Any, ...]]]) -> list[Any]:
    """Parameters of a test: of each group of cases one runs always, the first of the first group, the second of the second."""
    marks = ((), pytest.mark.exhaustive)
    return [
        pytest.param(*case, marks=marks[place != number % len(group)])
        for number, group in enumerate(groups)
        for place, case in enumerate(group)
    ]


def mark_out_of_turn(items: Iterable[pytest.Item]) -> None:
    """Where ``pytest.mark.in_turn(NAME)`` stands, each test of a file meets one of the values of that parameter always, and the
    next test the next one: each framework is there, and each test, not each test in each framework. The rest runs where
    ``-m exhaustive`` is asked for.

    A test counts once for each set of its other parameters. Several names are those of one parameter of several arguments.
    """
    groups: dict[Path, dict[tuple[Any, ...], list[pytest.Item]]] = defaultdict(lambda: defaultdict(list))
    for item in items:
        marker, call = item.get_closest_marker("in_turn"), getattr(item, "callspec", None)
        if marker is not None and call is not None:
            others = [(name, id(value)) for name, value in call.params.items() if name not in marker.args]
            groups[item.path][item.parent, getattr(item, "originalname", ""), *others].append(item)
    for tests in groups.values():
        for turn, group in enumerate(tests.values()):
            for item in [each for place, each in enumerate(group) if place != turn % len(group)]:
                item.add_marker(pytest.mark.exhaustive)


def examples(count: int, few: int = 0) -> Callable[[Any], Any]:
    """Settings of a Hypothesis test: so many examples where ``-m exhaustive`` is asked for, ``few`` or an eighth otherwise."""

    def decorated(test: Any) -> Any:
        drawn = count if os.environ.get(LONG) else few or max(8, count // 8)
        test = settings(max_examples=drawn, deadline=None, suppress_health_check=list(HealthCheck))(test)
        return pytest.mark.exhaustive(test) if os.environ.get(LONG) else test

    return decorated
