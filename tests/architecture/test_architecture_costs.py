"""What a layer costs: counted, since times cannot be held by a test. `docs/profile.md` says where these go.

Two chains are cut and proven, one twice as long as the other; what the longer one takes more is what its further layers cost.
The counts are those of CPython: they are the same on every machine.
"""

from __future__ import annotations

import json
import re
import sys
import tracemalloc
from collections import Counter
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import configsplit
from configsplit import hazards
from configsplit.catalog.table import Table
from configsplit.containers.system import threads
from configsplit.graph.json import config_kind, dumps, loads
from configsplit.inference import built
from configsplit.models import configs

SHORT, LONG = 200, 400
CALLS, BYTES = 296, 7_900
"""The most that a layer may cost: Python functions called, and bytes of memory at the peak."""


def _dense(index: int) -> dict[str, Any]:
    zeros = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    tensor = {"shape": [None, 16], "dtype": "float32", "keras_history": [f"dense_{index - 1}" if index else "x", 0, 0]}
    settings = {
        "name": f"dense_{index}",
        "trainable": True,
        "dtype": policy,
        "units": 16,
        "activation": "relu",
        "use_bias": True,
    }
    more = {"kernel_initializer": zeros, "bias_initializer": zeros, "kernel_regularizer": None, "bias_constraint": None}
    node = {"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}}
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": settings | more,
        "registered_name": None,
        "build_config": {"input_shape": [None, 16]},
        "name": f"dense_{index}",
        "inbound_nodes": [node],
    }


def chain(folder: Path, length: int) -> Path:
    """A functional model of Keras 3, of Dense layers that feed each other."""
    inputs = {"batch_shape": [None, 16], "dtype": "float32", "sparse": False, "name": "x"}
    first = {"module": "keras.layers", "class_name": "InputLayer", "config": inputs, "name": "x", "inbound_nodes": []}
    ends = {"input_layers": ["x", 0, 0], "output_layers": [f"dense_{length - 1}", 0, 0]}
    config = {"name": "chain", "trainable": True, "layers": [first, *map(_dense, range(length))], **ends}
    path = folder / f"chain-{length}.json"
    path.write_text(json.dumps({"module": "keras.src.models.functional", "class_name": "Functional", "config": config}))
    return path


def _split(path: Path, out: Path) -> None:
    length = int(path.stem.rpartition("-")[2])
    with configsplit.reading(path) as document:
        assert configsplit.split(document, at=f"dense_{length // 2}").save(out).proof is not None


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the calls of the thread that looks are counted."""

    def none(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(threads, "start_new_thread", none)


@pytest.mark.usefixtures("one_thread")
def test_the_calls_of_a_layer_are_few(tmp_path: Path) -> None:
    paths = [chain(tmp_path, length) for length in (SHORT, LONG)]
    _split(paths[0], tmp_path / "first")  # loads modules, builds schemas
    counts: Counter[str] = Counter()

    def called(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            counts[frame.f_code.co_filename] += 1

    totals = []
    for path in paths:
        counts.clear()
        before = sys.getprofile()
        sys.setprofile(called)
        try:
            _split(path, tmp_path / f"{path.stem}-parts")
        finally:
            sys.setprofile(before)
        totals.append(sum(counts.values()))
    each = (totals[1] - totals[0]) / (LONG - SHORT)
    assert each <= CALLS, counts.most_common(12)
    assert each >= CALLS / 2, f"a layer takes {each:.0f} calls: lower CALLS, so that it stays so"


@pytest.mark.usefixtures("one_thread")
def test_the_memory_of_a_layer_is_small(tmp_path: Path) -> None:
    paths = [chain(tmp_path, length) for length in (SHORT, LONG)]
    _split(paths[0], tmp_path / "first")
    peaks = []
    for path in paths:
        tracemalloc.start()
        _split(path, tmp_path / f"{path.stem}-parts")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    each = (peaks[1] - peaks[0]) / (LONG - SHORT)
    assert BYTES / 2 <= each <= BYTES


def test_what_follows_from_a_config_is_found_out_once_for_each_kind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By inference and by the search for hazards, in the model, its parts and the proof of them."""
    counts: Counter[str] = Counter()

    def watch(home: Any, name: str) -> None:
        real = getattr(home, name)

        def counted(*arguments: Any) -> Any:
            counts[name] += 1
            return real(*arguments)

        monkeypatch.setattr(home, name, counted)

    watch(built, "_nature")
    watch(hazards, "_class")
    path = chain(tmp_path, LONG)
    _split(path, tmp_path / "parts")
    assert counts["_nature"] == 0  # every tensor that is taken is recorded: nobody asks those that take it
    assert 1 <= counts["_class"] < 10  # of a Dense, an InputLayer, and of what their configs hold
    recorded = '"shape": [null, 16], "dtype": "float32", "keras_history": ["dense_7"'
    text = path.read_text()
    assert recorded in text
    path.write_text(text.replace(recorded, recorded.replace("[null, 16]", "[]")))
    _split(path, tmp_path / "others")
    assert counts["_nature"] == 1


@pytest.mark.parametrize("archived", [False, True])
def test_an_inspection_asks_the_rules_of_a_class_once_for_each_kind(
    archived: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Archives number the objects that layers share, which makes no kinds."""
    counts: Counter[str] = Counter()

    def watch(home: Any, name: str) -> None:
        real = getattr(home, name)

        def counted(*arguments: Any) -> Any:
            counts[name] += 1
            return real(*arguments)

        monkeypatch.setattr(home, name, counted)

    path = chain(tmp_path, LONG)
    if archived:
        numbers = count(140_561_828_731_664, 16)
        bare = re.compile(r'"registered_name": null(?=\}, "units")')
        path.write_text(bare.sub(lambda match: f'{match[0]}, "shared_object_id": {next(numbers)}', path.read_text()))
        assert next(numbers) > 140_561_828_731_664 + LONG
    watch(configs, "config_faults")
    watch(hazards, "_class")
    for rule in ("outputs", "weights", "macs"):
        watch(Table, rule)
    seen = configsplit.inspect(path)
    assert seen.parameters == LONG * (16 * 16 + 16)
    assert seen.macs == LONG * 16 * 16
    assert counts.pop("_class") < 10
    assert dict(counts) == {"outputs": 1, "weights": 1, "macs": 1, "config_faults": 1}


def test_the_rule_of_a_plug_in_is_asked_for_every_call(tmp_path: Path) -> None:
    """It may look at the name, of which the kind of a layer tells nothing."""
    path = chain(tmp_path, 8)
    text = path.read_text().replace('"keras.layers", "class_name": "Dense"', '"mine", "class_name": "Named"')
    path.write_text(re.sub(r'"keras_history": \["\w+"', '"keras_history": ["x"', text))  # all take the same tensor
    plugin = tmp_path / "named.py"
    plugin.write_text(
        "from configsplit.ir.facts import LayerFacts\n"
        "from configsplit.ir.graph import TensorSpec\n\n"
        "def outputs(call):\n"
        "    return (TensorSpec((None, 100 + int(call.config['name'].rpartition('_')[2])), 'float32'),)\n\n"
        "LAYERS = (LayerFacts(class_name='Named', outputs=outputs),)\n"
    )
    specs = configsplit.load(path, custom_objects=[plugin]).infer().specs
    assert [spec.shape for ref, spec in specs.items() if ref.layer != "x"] == [(None, 100 + number) for number in range(8)]


def test_equal_objects_of_a_document_are_one(tmp_path: Path) -> None:
    layers = loads(chain(tmp_path, SHORT).read_text())["config"]["layers"]
    for key in ("dtype", "kernel_initializer", "bias_initializer"):
        assert len({id(layer["config"][key]) for layer in layers[1:]}) == 1
    assert len({config_kind(layer["config"]) for layer in layers}) == 2


KINDS = [
    *(
        '{"a": 1}',
        '{"a": 1.0}',
        '{"a": true}',
        '{"a": "1"}',
        '{"a": -0.0}',
        '{"a": 0.0}',
        '{"a": 0}',
        '{"a": -0}',
        '{"a": 1e0}',
    ),
    *('{"a": [1, 2]}', '{"a": [1, 2.0]}', '{"a": [1, true]}', '{"a": "[1, 2]"}', '{"a": [[1, 2]]}', '{"a": []}', '{"a": null}'),
    *('{"a": {}}', '{"a": {"a": 1}}', '{"a": {"a": 1.0}}', '{"a": {"a": true}}', '{"a": {"name": 1}}', '{"a": {"name": "b"}}'),
    *(
        '{"a": {"name": "c"}}',
        '{"b": 1}',
        '{"a": 1, "b": 1}',
        '{"b": 1, "a": 1}',
        '{"name": 1}',
        '{"name": null}',
        '{"name": {}}',
    ),
]


def test_what_differs_is_of_different_kinds_and_stays_what_it_was() -> None:
    read = [loads(text) for text in KINDS]
    assert len({config_kind(each) for each in read}) == len(KINDS)
    assert [dumps(each) for each in read] == KINDS


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [("1", "2", True), ("1", "1", True), ('"1"', '"2"', False), ("1", "true", False), ("1", "{}", False)],
)
def test_numbers_by_which_keras_tells_objects_apart_make_no_kinds(one: str, other: str, alike: bool) -> None:
    """And each object keeps its own."""
    policy = '{"name": "a", "dtype": {"class_name": "P", "config": {"name": "f"}, "shared_object_id": NUMBER}}'
    texts = [policy.replace("NUMBER", number) for number in (one, other)]
    texts += [f'{{"held": {text}, "more": 1}}' for text in texts]
    read = [loads(text) for text in texts]
    assert [dumps(each) for each in read] == texts
    assert (config_kind(read[0]) == config_kind(read[1])) is alike
    assert (config_kind(read[2]) == config_kind(read[3])) is alike
    bare = loads('{"name": "a", "dtype": {"class_name": "P", "config": {"name": "g"}, "shared_object_id": 1}}')
    assert config_kind(bare) not in map(config_kind, read)


def test_kinds_are_told_apart_when_more_were_seen_than_are_remembered() -> None:
    """Numbers are never given again: what was remembered under one cannot come to stand for something else."""
    first = [config_kind(loads(text)) for text in KINDS]
    for number in range(9_000):
        config_kind(loads(f'{{"a": {number}, "b": {{"c": {number}}}}}'))
    again = [config_kind(loads(text)) for text in KINDS]
    assert len({*first, *again}) >= len(KINDS)
    assert len(set(again)) == len(KINDS)
    assert all(one == other or other not in first for one, other in zip(first, again, strict=True))
