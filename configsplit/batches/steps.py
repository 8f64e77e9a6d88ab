"""One step of a recipe, carried out on one model: each verb is the Python function of that name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from configsplit.batches.step import Bench, Facts
from configsplit.batches.step_edit import convert_step, edit_step, join_step, weights_step
from configsplit.batches.step_split import numeric_facts, split_step
from configsplit.boundaries.formulas import plain
from configsplit.errors import ConfigSplitError
from configsplit.graph.json import dumps


def as_json(value: Any) -> Any:
    """Facts as plain JSON, tuples as lists."""
    return json.loads(dumps(value))


# The step ``run``, which runs the command line in a process of its own: any verb, as it is written there.


def run_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    """Run a verb. One that is not told to write into {out} tells something: what it prints is kept. Raises ConfigSplitError if
    the verb failed.
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


# Steps that tell something of a model, or prove what an earlier step has made.


_OF_VERIFY = ("numeric", "samples", "seed", "inputs", "input_ranges", "sizes", "tolerance")


def verify_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    from configsplit.verbs.asked import limits_of
    from configsplit.verbs.verify import verify
    from configsplit.verbs.verify_file import verify_file

    place, options = bench.made.get(step["of"]), step["options"]
    if bench.dry:
        return {}
    if place is not None and place.is_file():
        checked = verify_file(place, custom_objects=bench.plugins)
        return {"proof": {"layers": checked.layers, "weights": checked.weights, "bytes": checked.bytes}}
    own = {name: options[name] for name in _OF_VERIFY}
    limits = limits_of(options) if options["numeric"] else None
    verified = verify(bench.parts(step), custom_objects=bench.plugins, limits=limits, **own)
    return {"proof": asdict(verified.proof), "numeric": None if verified.numeric is None else numeric_facts(verified.numeric)}


def inspect_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    from configsplit.verbs.inspect import inspect

    inspection = inspect(bench.source(step), **step["options"])
    _tell(inspection.as_json(), step, bench)
    return {"parameters": inspection.parameters, **plain("macs", inspection.macs), "classes": dict(inspection.classes)}


def cuts_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    from configsplit.verbs.cuts import cuts

    listed = cuts(bench.source(step), **step["options"])
    _tell(listed.as_json(), step, bench)
    return {"places": len(listed.places), "found": listed.found}


def layers_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    from configsplit.verbs.marking import layers

    listed = layers(bench.source(step), **step["options"])
    _tell({"layers": [layer.as_json() for layer in listed]}, step, bench)
    return {"found": len(listed)}


def plot_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    from configsplit.verbs.plot import plot

    options, place = dict(step["options"]), bench.made.get(step["of"])
    suffix = options.pop("suffix")
    if bench.dry and step["of"]:
        return {}
    parts = place is not None and place.is_dir()
    made = plot(bench.parts(step) if parts else bench.source(step), custom_objects=bench.plugins, **options)
    if bench.dry:
        return {}
    file = bench.folder / step["name"] / f"{bench.path.stem}.{suffix}"
    file.parent.mkdir(parents=True, exist_ok=True)
    made.save(file)
    return {"file": file.name, "told": list(made.whole.facts)}


def _tell(document: Any, step: Mapping[str, Any], bench: Bench) -> None:
    """What a verb tells goes into a file of its own."""
    if bench.dry:
        return
    folder = bench.folder / step["name"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{step['verb']}.json").write_text(dumps(document, indent=2) + "\n", "utf-8")


def carry_out(step: Mapping[str, Any], bench: Bench) -> Facts:
    """Do one step. The facts that come back are the same for the same input: no times, no paths of this machine. Raises
    ConfigSplitError if what the verb raises.
    """
    facts = _OWN.get(step["verb"], edit_step)(step, bench)
    return {"step": step["name"], "verb": step["verb"], **facts}


_OWN: dict[str, Callable[[Mapping[str, Any], Bench], Facts]] = {
    "split": split_step,
    "join": join_step,
    "verify": verify_step,
    "inspect": inspect_step,
    "cuts": cuts_step,
    "layers": layers_step,
    "plot": plot_step,
    "convert": convert_step,
    "weights": weights_step,
    "run": run_step,
}
"""The steps that are more than a verb of surgery and its file."""
