"""Numeric proof: the parts of a split, run one after another, give bit for bit what the whole gives."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from configsplit.errors import VerificationError
from configsplit.runtime import arrays
from configsplit.runtime.arrays import Stored, same_bits
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.examine import examine
from configsplit.runtime.feeding import Feed, Specs, facts_of, fed_inputs, save_choices
from configsplit.runtime.frameworks import framework_name
from configsplit.runtime.process import a_step, run_steps
from configsplit.runtime.reports import MaskReport, NumericReport, OutputReport, boolean, made_by_layers, output_report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Everything that stays the same through one verification."""

    directory: Path
    manifest: Mapping[str, Any]
    source: Path
    source_weights: Path | None
    feed: Feed
    tolerance: float
    culprits: Mapping[str, str]
    custom_objects: tuple[str, ...]
    allow_lambda: bool
    limits: Limits
    filled: bool
    folder: Path


def verify_numeric(
    directory: Path,
    manifest: Mapping[str, Any],
    source: Path,
    *,
    source_weights: Path | None = None,
    feed: Feed = Feed(),  # noqa: B008 - frozen
    inputs: Specs | None = None,
    tolerance: float = 0.0,
    culprits: Mapping[str, str] = MappingProxyType({}),
    custom_objects: Sequence[str] = (),
    allow_lambda: bool = False,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> NumericReport:
    """Run the original and the parts in real Keras on the same inputs, through files on disk, and compare bit for bit.

    ``inputs`` describes what is fed where sizes that the manifest leaves open are known. ``culprits`` are the layers by whose
    record, which may be false, the tensors go that cross. ``limits`` holds the processes that build the models.

    Raises:
        RuntimeUnavailableError: the Keras that the dialect needs is not installed, or there is none; or the process that builds
            the models cannot be confined.
        DocumentError: a file holds code or reaches outside, and must not be run.
        StoreError: a file cannot be read.
        VerificationError: a model could not be run, or the manifest does not fit the files. A difference in numbers is no
            error: it stands in the report.
    """
    framework_name(manifest["source"]["dialect"])  # says what is wrong before anything is computed
    started = time.monotonic()
    examined = examine(source, source_weights)
    with tempfile.TemporaryDirectory(prefix="configsplit-") as folder:
        job = _Job(
            directory=directory,
            manifest=manifest,
            source=source,
            source_weights=source_weights,
            feed=feed,
            tolerance=tolerance,
            culprits=culprits,
            custom_objects=tuple(custom_objects),
            allow_lambda=allow_lambda,
            limits=limits,
            filled=_must_fill(manifest, bare=examined.kind == "json" and source_weights is None),
            folder=Path(folder),
        )
        waiting = save_choices(job.folder, examined, inputs or manifest["inputs"], feed, facts_of(custom_objects))
        return _verify(job, waiting, started)


def _verify(job: _Job, waiting: list[str], started: float) -> NumericReport:
    steps = [
        _source_step(job, "whole") | {"choices": waiting},
        *(_part_step(job, i) for i in range(len(job.manifest["parts"]))),
    ]
    ran = _run(job, steps)[0]
    outputs = _compare(job)
    fed = fed_inputs(job.folder, [str(entry["name"]) for entry in job.manifest["inputs"]])
    different = not all(output.within(job.tolerance) for output in outputs)
    first, deterministic = _explain(job) if different else (None, True)
    return NumericReport(
        outputs=outputs,
        framework=ran["framework"],
        version=ran["version"],
        backend=ran["backend"],
        weights="filled" if job.filled else "file",
        samples=fed[0].shape[0] if fed and fed[0].shape else 1,
        seed=job.feed.seed,
        seconds=round(time.monotonic() - started, 3),
        first_difference=first,
        deterministic=deterministic,
        masks=_coverage(job, ran["masks"]),
        inputs=fed,
        given=job.feed.arrays is not None,
        sized=any(None in list(entry["shape"] or ())[1:] for entry in job.manifest["inputs"]),
        tolerance=job.tolerance,
    )


def _coverage(job: _Job, made: Sequence[Mapping[str, Any]]) -> tuple[MaskReport, ...]:
    given = arrays.load(job.folder / "inputs.npz")
    names = [str(entry["name"]) for entry in job.manifest["inputs"]]
    inputs = [report for name, tensor in zip(names, given, strict=True) for report in boolean("input", name, tensor)]
    wires = {
        (entry["from"]["part"], entry["from"]["output"]): str(entry["name"])
        for part in job.manifest["parts"]
        for entry in part["inputs"]
        if "part" in entry["from"]
    }
    crossing = [
        report
        for (part, output), name in wires.items()
        for report in boolean("boundary", name, _read(job, {"part": part, "output": output}))
    ]
    return (*made_by_layers(made), *inputs, *crossing)


def _must_fill(manifest: Mapping[str, Any], *, bare: bool) -> bool:
    """Whether weights have to be made up: the source has none (``bare``), or the split was made without them."""
    parts = manifest["parts"]
    without = [part["file"] for part in parts if part["file"].endswith(".json") and not part.get("weights")]
    if without and not bare and len(without) < len(parts):
        raise VerificationError(
            "this part has no weights, while others have",
            code="runtime-part-without-weights",
            where=without[0],
            hint="split again, with or without weights",
        )
    return bare or bool(without)


def _run(job: _Job, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return run_steps(steps, job.folder, job.custom_objects, job.limits, allow_lambda=job.allow_lambda)


def _source_step(job: _Job, name: str, *, seed: int | None = None, probe: Sequence[str] = ()) -> dict[str, Any]:
    sources = [{"input": i} for i in range(len(job.manifest["inputs"]))]
    return a_step(
        job.source,
        None if job.filled else job.source_weights,
        framework_name(job.manifest["source"]["dialect"]),
        [_place(job, source, 0) for source in sources],
        job.folder / f"{name}.npz",
        job.feed.seed if seed is None else seed,
        fill={} if job.filled else None,
        probe=list(probe),
    )


def _part_step(job: _Job, number: int) -> dict[str, Any]:
    part = job.manifest["parts"][number]
    weights = part.get("weights")
    return a_step(
        _inside(job.directory, part["file"]),
        _inside(job.directory, weights) if weights else None,
        framework_name(part.get("dialect", job.manifest["source"]["dialect"])),
        [_place(job, item["from"], number) | _crossing(job, part, item) for item in part["inputs"]],
        job.folder / f"part-{number}.npz",
        job.feed.seed,
        fill={new: "/".join(old) for new, old in part.get("layers", {}).items()} if job.filled else None,
    )


def _crossing(job: _Job, part: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of a tensor that crosses, for the worker to hold against what flows."""
    source = item["from"]
    if "part" not in source:
        return {}
    given = job.manifest["parts"][source["part"]]["outputs"][source["output"]]
    name = given.get("tensor") or item["name"]
    told = {"tensor": name, "part": part["file"], "culprit": job.culprits.get(name, "")}
    return {"boundary": {**told, "shape": item["shape"], "dtype": item["dtype"]}}


def _inside(directory: Path, name: str) -> Path:
    if Path(name).name != name:
        raise VerificationError(
            f"the manifest names {name!r}, which is not beside it",
            code="manifest-path-escape",
            where=str(directory / "manifest.json"),
            hint="a manifest may name only files of its own directory",
        )
    return directory / name


def _place(job: _Job, source: Mapping[str, int], before: int) -> dict[str, Any]:
    """Where the tensor of a manifest's ``from`` lies on disk; a part reads only from parts before it."""
    if "input" in source and 0 <= source["input"] < len(job.manifest["inputs"]):
        return {"file": str(job.folder / "inputs.npz"), "index": source["input"]}
    if "part" in source and 0 <= source["part"] < before:
        outputs = job.manifest["parts"][source["part"]]["outputs"]
        if 0 <= source["output"] < len(outputs):
            return {"file": str(job.folder / f"part-{source['part']}.npz"), "index": source["output"]}
    raise VerificationError(
        f"the manifest reads from {dict(source)}, which does not exist",
        code="manifest-wiring",
        where=str(job.directory / "manifest.json"),
        hint="a part reads the model's inputs and the outputs of earlier parts",
    )


def _read(job: _Job, source: Mapping[str, int]) -> Stored:
    place = _place(job, source, len(job.manifest["parts"]))
    outputs, index = arrays.load(Path(place["file"])), int(place["index"])
    if index >= len(outputs):
        raise VerificationError(
            f"the part gives {len(outputs)} outputs, the manifest asks for output {index}",
            code="runtime-output-count",
            where=place["file"].rsplit("/", 1)[-1],
        )
    return outputs[index]


def _compare(job: _Job) -> tuple[OutputReport, ...]:
    whole, declared = arrays.load(job.folder / "whole.npz"), job.manifest["outputs"]
    if len(whole) != len(declared):
        raise VerificationError(
            f"the original gives {len(whole)} outputs, the manifest lists {len(declared)}",
            code="runtime-output-count",
            where=str(job.source),
            hint="the manifest belongs to another model",
        )
    pairs = [(entry["name"], one, _read(job, entry["from"])) for entry, one in zip(declared, whole, strict=True)]
    return tuple(output_report(name, one, other) for name, one, other in pairs)


def _explain(job: _Job) -> tuple[int | None, bool]:
    """The first part that differs, and whether the original repeats itself; runs the original twice more."""
    parts = job.manifest["parts"]
    named = [(p, o, str(entry.get("tensor", ""))) for p, part in enumerate(parts) for o, entry in enumerate(part["outputs"])]
    probe = _source_step(job, "probe", probe=[tensor for _, _, tensor in named])
    given = _run(job, [_source_step(job, "again", seed=job.feed.seed + 1), probe])[1]["given"]
    pairs = zip(arrays.load(job.folder / "whole.npz"), arrays.load(job.folder / "again.npz"), strict=True)
    deterministic = all(same_bits(one, other) for one, other in pairs)
    inside = dict(zip(given, arrays.load(job.folder / "probe.npz"), strict=False))
    for part, output, tensor in named:
        if tensor in inside and not same_bits(inside[tensor], _read(job, {"part": part, "output": output})):
            return part, deterministic
    return None, deterministic
