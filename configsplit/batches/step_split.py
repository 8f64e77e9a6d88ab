"""The step ``split``: at names, patterns and shares, or into stages; and what the ledger says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configsplit.batches.shares import places_for, stages
from configsplit.batches.step import Bench, Facts
from configsplit.graph.model import TensorSpec
from configsplit.models.document import Document
from configsplit.rewrites.split import bytes_per_sample
from configsplit.verbs import asked

if TYPE_CHECKING:
    from configsplit.models.results import Parts


def split_step(step: Mapping[str, Any], bench: Bench) -> Facts:
    """Cut the model, and say where, what crosses, and what was proven."""
    options = step["options"]
    document = bench.source(step)
    parts, told = (_cut if options["stages"] is None else _planned)(document, options)
    if bench.dry:
        return {**told, "layers": [len(model.layers) for model in parts.models]}
    from configsplit.saving.parts import save

    target = bench.folder / step["name"]
    saved = save(
        parts,
        target,
        to=options["format"],
        weights=options["with_weights"],
        verify=bench.verify,  # type: ignore[arg-type]
        specs=bench.plugins,
        limits=asked.limits_of(options) if bench.verify == "numeric" else None,
    )
    bench.made[step["name"]] = target
    manifest = saved.manifest
    for part in manifest.parts:
        bench.written(target, part)
    return {
        **told,
        "parts": [_part(part, made, target) for part, made in zip(manifest.parts, parts.models, strict=True)],
        "boundaries": boundaries(manifest),
        "shared": list(manifest.shared_layers),
        "proof": None if saved.proof is None else asdict(saved.proof),
        "numeric": None if saved.numeric is None else numeric_facts(saved.numeric),
    }


def _cut(document: Document, options: Mapping[str, Any]) -> tuple[Parts, Facts]:
    at = places_for(document, dict(options))
    parts = asked.cut(document, at, options)
    return parts, {"at": at, **_tried(parts.tried)}


def _tried(sizes: Sequence[int] | None) -> Facts:
    """What the ledger says of a choice that goes by open sizes."""
    return {} if sizes is None else {"tried": list(sizes)}


def _planned(document: Document, options: Mapping[str, Any]) -> tuple[Parts, Facts]:
    count, balance = stages(options["stages"], options["balance"])
    planned = asked.planned(document, count, balance, options)
    names, told = ("balance", "unit", "largest", "bound", "state", "imbalance"), planned.as_json()
    return planned.parts, {"stages": count, "plan": {name: told[name] for name in names}, **_tried(planned.tried)}


def _part(part: Any, model: Any, folder: Path) -> Facts:
    files = [name for name in (part.file, part.weights) if name]
    return {
        "file": part.file,
        "layers": len(model.layers),
        "bytes": sum((folder / name).stat().st_size for name in files),
        "inputs": [tensor.name for tensor in part.inputs],
        "outputs": [tensor.tensor for tensor in part.outputs],
    }


def boundaries(manifest: Any) -> list[Facts]:
    """What crosses between each two neighbouring parts, tensors that only pass over one of them included; bytes per sample."""
    takers: dict[tuple[int, int], int] = {}
    for number, part in enumerate(manifest.parts):
        for tensor in part.inputs:
            if hasattr(tensor.source, "part"):
                takers[tensor.source.part, tensor.source.output] = number
    crossings = []
    for place in range(len(manifest.parts) - 1):
        crossing = sorted(key for key, last in takers.items() if key[0] <= place < last)
        tensors = [_tensor(manifest.parts[part].outputs[output]) for part, output in crossing]
        crossings.append({"tensors": tensors, "bytes": sum(tensor["bytes"] for tensor in tensors)})
    return crossings


def _tensor(given: Any) -> Facts:
    shape = None if given.shape is None else list(given.shape)
    size = bytes_per_sample(TensorSpec(given.shape, given.dtype)) if given.shape is not None and given.dtype else 0
    return {"tensor": given.tensor, "shape": shape, "dtype": given.dtype, "bytes": size}


def numeric_facts(report: Any) -> Facts:
    return {
        "framework": report.framework,
        "version": report.version,
        "samples": report.samples,
        "tolerance": report.tolerance,
        "weights": report.weights,
        "outputs": [output.name for output in report.outputs],
        "unexercised": list(report.unexercised),
    }
