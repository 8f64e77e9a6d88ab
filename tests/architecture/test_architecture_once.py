"""The way of one model is straight: what verbs open, compute and write, counted. Proofs read what was written anew, by design.

What is counted: files opened, by name; the graph of calls and the order of rebuilding, once for each model; the addresses of
weights, once for each model and file; documents emitted. A model that a verb makes counts, and so does each that a proof reads.
Besides, the files of the source that a verb goes through.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from click.testing import CliRunner

import configsplit
from configsplit.cli.main import cli
from configsplit.containers.system import threads
from configsplit.errors import ConfigSplitError
from configsplit.graph import calls, rebuild_order
from configsplit.saving import manifesting
from configsplit.weights import conversion, placement
from configsplit.weights import parts as weights_parts

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
    made.watch("addresses", weights_parts, placement, conversion)
    made.watch("emit", EMIT, manifesting)
    made.watch("open", os, told=lambda path, *_: f" {Path(os.fspath(path)).name}")
    return made


def test_a_plain_split(counting: Counting, tmp_path: Path) -> None:
    """Five models: the original, two parts as they are made, and these as the proof reads them anew from their files. The
    graph, the order and the addresses of each are found out once; what recomposes the parts only compares layers."""
    with configsplit.reading(RELEASES / "keras-3.15.1" / "residual.keras") as document:
        configsplit.split(document, at="bn1").save(tmp_path / "parts")
    found = counting.counts
    assert found["CallGraph"] == found["_visit"] == 5
    assert found["emit"] == 3  # each part's document, and that of the original, of which hazards and the frame are told
    assert found["addresses"] == 5  # in the original, and in each part: for its writer, and by the proof
    assert found["open residual.keras"] == 1
    assert found["open part-0.keras"] == found["open part-1.keras"] == 2  # written, and read by the proof
    assert found["open manifest.json"] == 1


SOURCE = str(Path(configsplit.__file__).parent)


def test_a_plain_split_goes_through_few_files(counting: Counting, tmp_path: Path) -> None:
    """From the archive to the proof. Modules that are loaded and never called do not count; the first split loads them."""
    seen: set[str] = set()
    source = RELEASES / "keras-3.15.1" / "residual.keras"
    configsplit.split(source, at="bn1").save(tmp_path / "first")

    def called(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name != "<module>" and frame.f_code.co_filename.startswith(SOURCE):
            seen.add(frame.f_code.co_filename.removeprefix(SOURCE))

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        with configsplit.reading(source) as document:
            configsplit.split(document, at="bn1").save(tmp_path / "parts")
    finally:
        sys.setprofile(before)
    assert {"/verbs/split.py", "/cutting/minimum_cut.py", "/saving/proof.py"} <= seen
    assert len(seen) <= 105, sorted(seen)


def test_a_split_that_hands_a_mask_over(counting: Counting, tmp_path: Path) -> None:
    """Besides, the original with the mask in its graph, as the split made it, and as the proof makes it anew."""
    with configsplit.reading(RELEASES / "tf-2.4" / "embed_mask_lstm.h5") as document:
        saved = configsplit.split(document, at="emb").save(tmp_path / "parts")
    assert len(saved.manifest.masks) == 1
    found = counting.counts
    assert (found["CallGraph"], found["_visit"]) == (7, 6)  # where the mask is handed over no order is asked for
    assert found["emit"] == 5  # the frame has the wiring of the original, and the proof makes the model with the mask anew
    assert found["addresses"] == 3  # a legacy part is written by the names of its layers
    assert found["open embed_mask_lstm.h5"] == 1
    assert found["open part-0.h5"] == found["open part-1.h5"] == 2


def test_a_conversion(counting: Counting, tmp_path: Path) -> None:
    """Two models: the old and the new one, which the proof reads anew."""
    with configsplit.reading(RELEASES / "tf-2.4" / "residual.h5") as document:
        saved = configsplit.convert(document).save(tmp_path / "new.keras")
    assert saved.compared == saved.weights > 0
    found = counting.counts
    assert found["_visit"] == 3
    assert found["addresses"] == 3
    assert found["emit"] == 1
    assert found["open residual.h5"] == 1
    assert found["open new.keras"] == 2  # written, and read by the proof


@pytest.mark.parametrize("verb", ["split", "convert", "inspect", "remove"])
def test_a_command_opens_its_source_once(verb: str, counting: Counting, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / ("out.h5" if verb == "remove" else "out.keras" if verb == "convert" else "out"))]
    asked = {"split": ["--at", "c2", *out], "convert": out, "inspect": [], "remove": ["--layer", "bn1", *out]}
    done = CliRunner().invoke(cli, [verb, str(RELEASES / "tf-2.4" / "residual.h5"), *asked[verb]])
    assert done.exit_code == 0, done.output
    assert counting.counts["open residual.h5"] == 1


def test_a_model_that_is_loaded_is_opened_again_for_its_weights(counting: Counting, tmp_path: Path) -> None:
    """`load` leaves nothing open."""
    document = configsplit.load(RELEASES / "tf-2.4" / "residual.h5")
    configsplit.split(document, at="bn1").save(tmp_path / "parts")
    assert counting.counts["open residual.h5"] == 2


def test_what_was_replaced_since_it_was_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    shutil.copy(RELEASES / "tf-2.4" / "residual.h5", path)
    document = configsplit.load(path)
    shutil.copy(RELEASES / "tf-2.4" / "embed_mask_lstm.h5", path)
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.convert(document)
    assert caught.value.code == "source-changed"
