"""The step ``run``, which runs the command line in a process of its own: any verb, as it is written there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from configsplit.batches.step import Bench, Facts
from configsplit.errors import ConfigSplitError


def run_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    """Run a verb. One that is not told to write into {out} tells something: what it prints is kept.

    Raises:
        ConfigSplitError: the verb failed.
    """
    command = " ".join(step["options"])
    if bench.dry:
        return {"command": command}
    document, folder = bench.source(step), bench.folder / step["name"]
    folder.mkdir(parents=True, exist_ok=True)
    given = {"{model}": str(document.path), "{out}": str(folder), "{weights}": str(document.weights or "")}
    said = _command([_filled(word, given) for word in step["options"]])
    if "{out}" not in command:
        (folder / "output.txt").write_text(said, "utf-8")
    files = [path for path in folder.iterdir() if path.suffix in (".keras", ".h5", ".json") and path.name != "manifest.json"]
    bench.made[step["name"]] = files[0] if len(files) == 1 else folder
    return {"command": command}


def _filled(word: str, given: Mapping[str, str]) -> str:
    """All at once: a path may hold what is filled in elsewhere."""
    return re.sub("|".join(map(re.escape, given)), lambda match: given[match[0]], word)


def _command(words: list[str]) -> str:
    """Run the command line in a process of its own, and give what it said."""
    command = [sys.executable, "-P", "-m", "configsplit", *words]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout
    last = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    raise _named(last) or ConfigSplitError(
        f"`configsplit {words[0]}` failed: {last[-1]}",
        code="step-failed",
        where=words[0],
        hint=f"`configsplit {words[0]} --help` shows its options",
    )


def _named(lines: list[str]) -> ConfigSplitError | None:
    """The error that the command line named on stderr: ``error [code] message``, and its hint."""
    for number, line in enumerate(lines):
        code, mark, message = line.removeprefix("error [").partition("] ")
        if line.startswith("error [") and mark:
            hint = lines[number + 1].strip().removeprefix("hint: ") if number + 1 < len(lines) else ""
            return ConfigSplitError(message, code=code, hint=hint)
    return None
