"""Zoos for the tests, and what a batch has left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from configsplit.cli.main import cli

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"
PARTS = {"recipe": 1, "do": [{"split": {"at": "half the layers"}}]}
"""A recipe that fits any model of more than one layer."""

HOLD = """
import time
from pathlib import Path
while not Path({gate!r}).exists():
    time.sleep(0.01)
from configsplit.catalog.facts import LayerFacts, same_as_input
LAYERS = (LayerFacts(class_name="Nothing", outputs=same_as_input),)
"""
PATIENCE = 300.0
"""Seconds for what is certain to come, however busy the machine is."""


def architecture(name: str, length: int) -> str:
    """A Keras 3 model of so many Dense layers in a row, as text."""

    def tensor(layer: str) -> dict[str, Any]:
        config = {"shape": [None, 8], "dtype": "float32", "keras_history": [layer, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": config}

    def layer(index: int) -> dict[str, Any]:
        before = f"d{index - 1}" if index else "x"
        config = {"name": f"d{index}", "trainable": True, "dtype": "float32", "units": 8, "activation": "relu"}
        node = {"args": [tensor(before)], "kwargs": {}}
        frame = {"module": "keras.layers", "class_name": "Dense", "config": config, "registered_name": None}
        return {**frame, "build_config": {"input_shape": [None, 8]}, "name": f"d{index}", "inbound_nodes": [node]}

    entry = {"batch_shape": [None, 8], "dtype": "float32", "sparse": False, "name": "x"}
    first = {"module": "keras.layers", "class_name": "InputLayer", "config": entry, "registered_name": None}
    layers = [{**first, "name": "x", "inbound_nodes": []}, *map(layer, range(length))]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [[f"d{length - 1}", 0, 0]]}
    frame = {"module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional"}
    return json.dumps({**frame, "config": {"name": name, "trainable": True, "layers": layers, **ends}})


def architectures(folder: Path, count: int) -> Path:
    """A zoo of so many small architectures, in folders of a hundred."""
    for number in range(count):
        place = folder / f"{number // 100:03d}" / f"model{number:05d}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(architecture(f"model{number}", 2 + number % 9), "utf-8")
    return folder


def held(folder: Path, models: str, gate: Path) -> dict[str, Any]:
    """`PARTS`, by which these models are not through before there is a file ``gate``: a plug-in of theirs waits for it.

    So a batch is under way for as long as a test needs it to be, on a fast machine and on a slow one.
    """
    plugin = folder / "hold.py"
    plugin.write_text(HOLD.format(gate=str(gate)), "utf-8")
    return {**PARTS, "overrides": [{"models": models, "plugins": str(plugin)}]}


def wait_for(here: Callable[[], object], process: subprocess.Popen[Any]) -> None:
    """Wait until something is there that a running process brings about."""
    until = time.monotonic() + PATIENCE
    while not here():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until, "it never came"
        time.sleep(0.005)


def recipe(folder: Path, plain: Mapping[str, Any], name: str = "recipe.json") -> Path:
    """A recipe in a file."""
    place = folder / name
    place.write_text(json.dumps(plain), "utf-8")
    return place


def results(out: Path) -> dict[str, bytes]:
    """Everything that must be the same bytes however a batch went: all files but the run log and the page made of it."""
    files = {path.relative_to(out).as_posix(): path for path in sorted(out.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name not in ("run.jsonl", "report.html")}


def ledger(out: Path) -> dict[str, dict[str, Any]]:
    """The ledger, by model."""
    lines = (out / "ledger.jsonl").read_text("utf-8").splitlines()
    return {line["model"]: line for line in map(json.loads, lines)}


def records(out: Path) -> list[dict[str, Any]]:
    """The records of the run log, in the order in which models were through; a line that was cut off is none."""
    log = out / "run.jsonl"
    lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
    found = [json.loads(line) for line in lines if line.endswith(b"\n")]
    return [line for line in found if "model" in line]


def failures(out: Path) -> dict[str, str]:
    """The failed models with their codes."""
    return {name: line["error"]["code"] for name, line in ledger(out).items() if line["outcome"] == "failed"}


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file of a folder with mode and digest, links not followed: whether anything in it was touched."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
        found[path.relative_to(folder).as_posix()] = (status.st_mode, content)
    return found


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "configsplit", "batch", *(str(item) for item in arguments)]


def start(*arguments: object, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A batch in a process of its own, as a user starts it."""
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
        preexec_fn=_hear_signals,
    )


def _hear_signals() -> None:
    """A shell that runs the tests in the background makes their processes deaf to Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def told(*arguments: object) -> Result:
    """The same in this process, where nobody asks about the process."""
    return CliRunner().invoke(cli, ["batch", *(str(item) for item in arguments)], prog_name="configsplit")


def run(*arguments: object, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The same, to its end."""
    process = start(*arguments, environment=environment)
    out, err = process.communicate(timeout=3600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
