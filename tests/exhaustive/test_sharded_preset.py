"""A preset of 11 GB in shards: the library builds the graph without weights, and `split` streams them without reading them.

The shards are sparse files: only the first bytes of every array are there, by which it is told again in the parts.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest

from configsplit.containers.source import open_source
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.expansion.worker import expansion

pytestmark = pytest.mark.exhaustive
LIBRARY = Path(__file__).resolve().parents[1] / "expansion" / "library"
SETTINGS = {"name": "net", "words": 2**17, "width": 2**12, "depth": 32}
SHARD, LEAST = 2 << 30, 10 << 30
EXPANDING, SPLITTING = 2 << 30, 400 << 20
"""Bytes of memory: of a process in which Keras is, and of one in which it is not."""


def run(*words: Any) -> tuple[str, int]:
    """What a command of configsplit prints, and its peak memory in bytes."""
    command = [sys.executable, "-m", "configsplit", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said, failed = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, failed
    return said, usage.ru_maxrss * 1024


def sparse_shard(path: Path, arrays: list[tuple[str, list[int]]]) -> None:
    """A file of weights as Keras lays it out, in which nothing is written but the name of each array at its beginning."""
    early = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    early.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    early.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    begins = {}
    with h5py.File(path, "w") as file:
        for name, shape in arrays:
            group, _, last = name.rpartition("/")
            space = h5py.h5s.create_simple(tuple(shape))
            made = h5py.h5d.create(file.require_group(group).id, last.encode(), h5py.h5t.IEEE_F32LE, space, early)
            begins[name] = made.get_offset()
    with path.open("r+b") as raw:
        for name, begin in begins.items():
            raw.seek(begin)
            raw.write(marker(name))


def marker(name: str) -> bytes:
    return name.rjust(64, "#").encode()[-64:]


def preset(folder: Path, config: Path, arrays: list[tuple[str, list[int]]]) -> int:
    """A preset of these arrays in shards; how many bytes they have."""
    folder.mkdir()
    (folder / "config.json").write_text(config.read_text())
    shards: list[list[tuple[str, list[int]]]] = [[]]
    held = total = 0
    for name, shape in arrays:
        size = 4 * math.prod(shape)
        if held + size > SHARD and shards[-1]:
            shards.append([])
            held = 0
        shards[-1].append((name, shape))
        held, total = held + size, total + size
    index: dict[str, list[str]] = {}
    for number, shard in enumerate(shards):
        place = folder / f"model_{number:05}.weights.h5"
        sparse_shard(place, shard)
        for name, _ in shard:
            index.setdefault(f"/{name.rpartition('/')[0]}", []).append(place.name)
    names = {group: sorted(set(places)) for group, places in index.items()}
    told = {group: places if len(places) > 1 else places[0] for group, places in names.items()}
    (folder / "model.weights.json").write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": told}))
    return total


def test_a_preset_of_more_than_10_gb_in_shards_is_cut_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(LIBRARY))
    config = tmp_path / "config.json"
    entry = {"module": "smallhub", "class_name": "TextNet", "config": SETTINGS, "registered_name": "smallhub>TextNet"}
    config.write_text(json.dumps(entry))
    found = expansion(json.dumps(entry), ["smallhub"], open_all=False, limits=Limits())
    arrays = [(each["stored"][0], each["shape"]) for each in found["arrays"]]
    total = preset(tmp_path / "preset", config, arrays)
    assert total > LEAST
    graph, parts = tmp_path / "graph.json", tmp_path / "parts"
    _, expanding = run("expand", tmp_path / "preset", "--library", "smallhub", "-o", graph)
    words = ("--weights", tmp_path / "preset", "--custom-objects", tmp_path / "graph_classes.py", "--size", "ids=1,64")
    _, splitting = run("split", graph, *words, "--stages", 4, "--balance", "bytes", "--out", parts)
    assert expanding < EXPANDING
    assert splitting < SPLITTING
    begins: dict[bytes, int] = {}
    for part in sorted(parts.glob("part-*.json")):
        with open_source(part, part.with_suffix(".weights.h5")) as source:
            assert source.weights is not None
            for name, info in source.weights.datasets.items():
                place = source.weights.place(name)
                assert place is not None
                begins[os.pread(place.fd, 64, place.offset)] = info.nbytes
    assert begins == {marker(name): 4 * math.prod(shape) for name, shape in arrays}
