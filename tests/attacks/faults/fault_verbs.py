"""Every verb that writes, as a command line on small files of the corpus, and what it writes when nothing goes wrong."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RELEASES = Path(__file__).resolve().parents[2] / "corpus" / "releases"
SERVER = Path(__file__).with_name("fault_server.py")

LINES: dict[str, list[str]] = {
    "split": ["split", "k3.keras", "--at", "c2", "--out", "{out}"],
    "extract": ["extract", "k2.h5", "--to", "c2", "--out", "{out}.h5"],
    "insert": ["insert", "k3.keras", "--after", "c1", "--model", "drop.json", "--out", "{out}.keras"],
    "replace": ["replace", "k3.keras", "--from", "c1", "--to", "bn1", "--model", "relu.json", "--out", "{out}.keras"],
    "remove": ["remove", "k2.h5", "--layer", "activation_1", "--out", "{out}.h5"],
    "rename": ["rename", "k3.keras", "c1=stem", "--out", "{out}.keras"],
    "freeze": ["freeze", "k2.h5", "--layer", "c1", "--out", "{out}.h5"],
    "join": ["join", "parts", "--out", "{out}.keras"],
    "convert": ["convert", "k2.h5", "--out", "{out}.keras"],
}
"""All but batch, whose work is done by other processes; see test_faults_batch.py."""

OTHER = {
    "split": ["split", "k3.keras", "--at", "c1", "--out", "{out}"],
    **{verb: ["rename", "k3.keras", "c2=other", "--out", "{out}.keras"] for verb in LINES if verb != "split"},
    **{verb: ["rename", "k2.h5", "c2=other", "--out", "{out}.h5"] for verb in ("extract", "remove", "freeze")},
}
"""What has been written to the same place before."""


def inputs(folder: Path) -> None:
    """Put the files into a folder that the lines above name."""
    shutil.copy(RELEASES / "keras-3.15.1" / "residual.keras", folder / "k3.keras")
    shutil.copy(RELEASES / "keras-2.3.1" / "residual.h5", folder / "k2.h5")
    for name, config in (("drop", {"rate": 0.5}), ("relu", {"activation": "relu"})):
        kind = "Dropout" if name == "drop" else "Activation"
        (folder / f"{name}.json").write_text(json.dumps({"class_name": kind, "config": {"name": name, **config}}))


@dataclass(frozen=True)
class Done:
    """What a command left in its target folder, and how it ended."""

    code: int
    out: str
    err: str
    before: dict[str, str]
    after: dict[str, str]
    moments: int


class World:
    """A folder with the inputs, a server that runs commands in it, and what each verb writes there undisturbed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        inputs(folder)
        self._number = 0
        self._whole: dict[tuple[str, ...], Done] = {}
        self._server = subprocess.Popen([sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.run(["split", "k3.keras", "--at", "res", "--out", "parts"], folder / "t0").code == 0

    def target(self) -> Path:
        """A new folder for outputs, in which somebody has something already. All are as deep: paths are part of outputs."""
        self._number += 1
        folder = self.folder / f"t{self._number}"
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
        return folder

    def line(self, words: list[str], target: Path, *more: str) -> list[str]:
        return [word.replace("{out}", str(target / "out")) for word in words] + list(more)

    def run(self, arguments: list[str], target: Path, **faults: Any) -> Done:
        target.mkdir(exist_ok=True)
        job = {"arguments": arguments, "cwd": str(self.folder), "target": str(target), **faults}
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        assert "broken" not in answer, answer
        return Done(**answer)

    def verb(self, verb: str, **faults: Any) -> Done:
        """A verb into a new target, under a fault."""
        target = self.target()
        return self.run(self.line(LINES[verb], target), target, **faults)

    def whole(self, verb: str, words: list[str] | None = None) -> Done:
        """What the verb leaves undisturbed."""
        words = words or LINES[verb]
        if tuple(words) not in self._whole:
            target = self.target()
            done = self._whole[tuple(words)] = self.run(self.line(words, target), target)
            assert done.code == 0, done
            assert len(done.after) > len(done.before)
        return self._whole[tuple(words)]

    def close(self) -> None:
        self._server.stdin.close()  # type: ignore[union-attr]
        self._server.wait(60)


Check = Callable[[Done], None]
