"""The way of one model is straight: what a split opens, computes and writes, counted. The proof reads anew, by design."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import configsplit
from configsplit.containers.system import threads
from configsplit.graph import calls, rebuild_order
from configsplit.saving import manifesting
from configsplit.weights import parts as weights_parts
from configsplit.weights import placement

RELEASES = Path(__file__).parents[1] / "corpus" / "releases"
EMIT = sys.modules["configsplit.dialects.emit"]  # the package has a function of that name


class Counting:
    """Counts calls of functions, wherever they are called from."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.counts: Counter[str] = Counter()
        self._patch = monkeypatch

    def watch(self, name: str, *homes: Any, told: Callable[..., str] = lambda *_: "") -> None:
        real = getattr(homes[0], name)

        def counted(*arguments: Any, **keywords: Any) -> Any:
            self.counts[name + told(*arguments)] += 1
            return real(*arguments, **keywords)

        for home in homes:
            self._patch.setattr(home, name, counted)


def no_thread(*_: Any) -> None:
    raise RuntimeError


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    monkeypatch.setattr(threads, "start_new_thread", no_thread)  # two threads at once may find the same thing out
    made = Counting(monkeypatch)
    made.watch("CallGraph", calls)
    made.watch("_visit", rebuild_order)
    made.watch("addresses", weights_parts, placement)
    made.watch("emit", EMIT, manifesting)
    made.watch("open", os, told=lambda path, *_: f" {Path(os.fspath(path)).name}")
    return made


def test_a_plain_split(counting: Counting, tmp_path: Path) -> None:
    """Three models: the original and two parts, which the proof reads anew."""
    document = configsplit.load(RELEASES / "keras-3.15.1" / "residual.keras")
    configsplit.split(document, at="bn1").save(tmp_path / "parts")
    found = counting.counts
    assert found["CallGraph"] == found["_visit"] == 5
    assert found["emit"] == 3  # each part's document, and the frame of the original
    assert found["addresses"] == 5  # in the original, and in each part: for its writer, and by the proof
    assert found["open residual.keras"] == 2  # for the architecture, and for the weights
    assert found["open part-0.keras"] == found["open part-1.keras"] == 2  # written, and read by the proof
    assert found["open manifest.json"] == 1


def test_a_split_that_hands_a_mask_over(counting: Counting, tmp_path: Path) -> None:
    """Besides, the original as it is with the mask in its graph, and two parts of a first attempt without it."""
    document = configsplit.load(RELEASES / "tf-2.4" / "embed_mask_lstm.h5")
    saved = configsplit.split(document, at="emb").save(tmp_path / "parts")
    assert len(saved.manifest.masks) == 1
    found = counting.counts
    assert (found["CallGraph"], found["_visit"]) == (9, 8)  # where the mask is handed over no order is asked for
    assert found["emit"] == 5  # the frame has the wiring of the original, and the proof makes the model with the mask anew
    assert found["addresses"] == 3  # a legacy part is written by the names of its layers
    assert found["open embed_mask_lstm.h5"] == 2
    assert found["open part-0.h5"] == found["open part-1.h5"] == 2
