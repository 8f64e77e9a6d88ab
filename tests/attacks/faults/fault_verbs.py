"""Every verb that writes, as a command line on small files of the corpus, and what it writes when nothing goes wrong."""

from __future__ import annotations

import json
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fault_server import content
from support.lines import line_of

from configsplit.verbs.table import VERBS, record

RELEASES = Path(__file__).resolve().parents[2] / "corpus" / "releases"
SERVER = Path(__file__).with_name("fault_server.py")

LINES: dict[str, list[str]] = {
    "split": ["split", "k3.keras", "--at", "c2", "--out", "{out}"],
    "extract": ["extract", "k2.h5", "--to", "c2", "--out", "{out}.h5"],
    "insert": ["insert", "k3.keras", "--after", "c1", "--donor", "drop.json", "--out", "{out}.keras"],
    "replace": ["replace", "k3.keras", "--from", "c1", "--to", "bn1", "--donor", "relu.json", "--out", "{out}.keras"],
    "remove": ["remove", "k2.h5", "--layer", "activation_1", "--out", "{out}.h5"],
    "rename": ["rename", "k3.keras", "c1=stem", "--out", "{out}.keras"],
    "freeze": ["freeze", "k2.h5", "--layer", "c1", "--out", "{out}.h5"],
    "join": ["join", "parts", "--out", "{out}.keras"],
    "convert": ["convert", "k2.h5", "--out", "{out}.keras"],
    "weights": ["weights", "k2.h5", "--out", "{out}.safetensors"],
    "plot": ["plot", "k3.keras", "--out", "{out}.html"],
    "explore": ["explore", "k3.keras", "--no-open", "--out", "{out}.html"],
    "expand": ["expand", "k3.keras", "--library", "none", "--out", "{out}.json"],
    "profile": ["profile", "k3.keras", "--out", "{out}.json"],
    "convert back": ["convert", "k3.keras", "--to", "keras2", "--out", "{out}.h5"],
    "convert for browsers": ["convert", "k3.keras", "--to", "tfjs", "--out", "{out}"],
}
"""All but batch, whose work is done by other processes; see test_faults_batch.py. What ``profile`` and
``expand`` have made in another process is given to them by fault_server.py: here they write."""


def writing() -> set[str]:
    """The verbs that have an output, as their records say."""
    return {name for name in VERBS if any(option.key == "out" for option in record(name).options)}


WORDS = {
    "classes": "BatchNormalization",
    "at": "c2",
    "after": "c1",
    "from_": "c1",
    "to": "c2",
    "layer": "c1",
    "names": "c1=stem",
    "donor": "drop.json",
}
"""What options may be that a verb without a line above cannot do without."""
LINES |= {verb: line_of(verb, "k3.keras", "{out}.keras", WORDS) for verb in sorted(writing() - LINES.keys() - {"batch"})}


HANGS = 300
"""Seconds of the clock: long, for machines that do much else."""

verbs_run: list[str] = []
"""Each command that was run, for the table in docs/security.md."""

OTHER = {
    "split": ["split", "k3.keras", "--at", "c1", "--out", "{out}"],
    **{verb: ["rename", "k3.keras", "c2=other", "--out", "{out}.keras"] for verb in LINES if verb != "split"},
    **{verb: ["rename", "k2.h5", "c2=other", "--out", "{out}.h5"] for verb in ("extract", "remove", "freeze", "convert back")},
    "convert for browsers": ["convert", "k2.h5", "--to", "tfjs", "--out", "{out}"],
    "weights": ["weights", "k3.keras", "--out", "{out}.safetensors"],
    "plot": ["plot", "k2.h5", "--out", "{out}.html"],
    "explore": ["plot", "k2.h5", "--out", "{out}.html"],
    **{verb: ["rename", "k3.keras", "c2=other", "--no-weights", "--out", "{out}.json"] for verb in ("expand", "profile")},
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
    target: str


def visible(content: dict[str, str]) -> dict[str, str]:
    """A folder's content without the hidden folders of configsplit."""
    return {name: value for name, value in content.items() if not name.startswith(".configsplit-")}


class World:
    """A folder with the inputs, a server that runs commands in it, and what each verb writes there undisturbed."""

    def __init__(self, folder: Path, first: int = 0) -> None:
        self.folder = folder
        inputs(folder)
        self._number = first
        self._whole: dict[tuple[str, ...], Done] = {}
        self._server = subprocess.Popen([sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.run(["split", "k3.keras", "--at", "res", "--out", "parts", "--force"], folder / f"t{first}").code == 0

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
        self.send(arguments, target, **faults)
        return self.receive()

    def send(self, arguments: list[str], target: Path, **faults: Any) -> None:
        target.mkdir(exist_ok=True)
        job = {"arguments": arguments, "cwd": str(self.folder), "target": str(target), **faults}
        verbs_run.append(arguments[0])
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()

    def ready(self, seconds: float) -> bool:
        """Whether an answer comes within that time."""
        return bool(select.select([self._server.stdout], [], [], seconds)[0])

    def receive(self) -> Done:
        assert self._server.stdout is not None
        assert self.ready(HANGS), "it hangs"
        answer = json.loads(self._server.stdout.readline())
        assert "broken" not in answer, answer
        return Done(**answer)

    def wait_for_pause(self, gates: list[str]) -> None:
        deadline = time.monotonic() + 300
        while not Path(gates[0]).exists():
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def go_on(self, gates: list[str]) -> None:
        Path(gates[1]).touch()
        Path(gates[0]).unlink()

    def next_run(self, done: Done) -> dict[str, str]:
        """What is in the target of a command after another run has put something beside it; that is taken away again."""
        target = Path(done.target)
        assert self.run(["rename", "k3.keras", "c2=later", "--out", str(target / "next.keras")], target).code == 0
        for path in target.glob("next.keras*"):
            path.unlink()
        return content(target)

    def odd_names(self, verb: str) -> tuple[Done, Done]:
        """A verb on sources and outputs whose names begin with dashes and hold newlines, and what it writes otherwise."""
        words = [word.replace("{out}", "-o\nut") for word in LINES[verb]]
        options = next(number for number, word in enumerate(words) if word.startswith("--"))
        words = [words[0], *words[options:], "--", *words[1:options]]
        target = self.target()
        for name in ("k3.keras", "k2.h5", "drop.json", "relu.json", "parts"):
            odd = f"-{name[0]}\n{name[1:]}"
            (target / odd).symlink_to(Path("..") / name)
            words = [odd if word == name else word for word in words]
        done = self.run(words, target, cwd=str(target))
        for path in target.iterdir():
            if path.is_symlink():
                path.unlink()
        return replace(done, after=content(target)), self.whole(verb)

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
