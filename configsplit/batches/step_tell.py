"""Steps that tell something of a model, or prove what an earlier step has made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from configsplit.batches.step import Bench, Facts
from configsplit.batches.step_split import numeric_facts
from configsplit.boundaries.formulas import plain
from configsplit.graph.json import dumps

_OWN = ("numeric", "samples", "seed", "inputs", "input_ranges", "sizes", "tolerance")


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
    own = {name: options[name] for name in _OWN}
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
