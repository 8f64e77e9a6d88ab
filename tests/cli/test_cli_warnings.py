"""Warnings that say the same of many layers: told once on a terminal, whole with ``-v`` and in the manifest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tf_keras
from command_line import run


class Own(tf_keras.layers.Layer):  # type: ignore[misc]
    def call(self, given: Any) -> Any:
        return given * 2.0


@pytest.mark.parametrize("count", [3, 6])
def test_many_alike_are_told_once(count: int, tmp_path: Path) -> None:
    flow = start = tf_keras.Input((5, 4))
    for number in range(count):
        flow = tf_keras.layers.Conv1D(4, 1, name=f"conv{number}")(Own(name=f"own{number}")(flow))
    tf_keras.Model(start, tf_keras.layers.Conv1D(2, 1, name="end")(flow)).save(path := tmp_path / "model.h5")
    command = ("split", path, "--at", "conv1", "--out", tmp_path / "parts", "--force")
    short, whole = (run(*command, *more).err.splitlines() for more in ((), ("-v",)))
    for alike in ("is not known to be harmless", "is of a class that does not say it"):
        every = [line for line in whole if alike in line]
        assert len(every) == count
        expected = every if count == 3 else [f"{every[0]} (5 more like this: -v)"]
        assert [line for line in short if alike in line] == expected
        told = json.loads((tmp_path / "parts" / "manifest.json").read_text())["warnings"]
        assert sum(alike in each for each in told) == count
