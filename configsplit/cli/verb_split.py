"""``configsplit split``."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from configsplit.cli.options import Limited
from configsplit.cli.output import but_for, note, say, shape, show, table, told_once
from configsplit.display.figures import size

if TYPE_CHECKING:
    from configsplit.containers.container import Format
    from configsplit.containers.early_digest import EarlyDigest
    from configsplit.cutting.minimum_cut import Choice
    from configsplit.models.results import Parts, Verify
    from configsplit.records.manifest import FromInput, FromPart, Manifest, Tensor, WiredTensor
    from configsplit.rewrites.casts import Wider
    from configsplit.saving.parts import Saved
    from configsplit.verbs.planned import Balance, Plan


class Asked(Limited):
    """The options of ``configsplit split``, as its record has them."""

    boundary: Choice
    weights: Path | None
    with_weights: bool
    format: Format | None
    verify: Verify
    shapes: tuple[str, ...]
    opened: tuple[str, ...]
    sizes: tuple[str, ...]
    fix_size: bool
    boundary_dtype: Wider | None
    stages: int | None
    balance: Balance | None
    profile: Path | None
    devices: Path | None
    max_boundary_bytes: int | None
    slack: float | None
    whole_nested: bool
    max_stage_bytes: int | None
    custom_objects: tuple[str, ...]
    force: bool


def split(model: Path, at: tuple[str, ...], out: Path, as_json: bool, **options: Unpack[Asked]) -> None:
    """Cut as was asked, write the parts, and show them."""
    if options["weights"] and not options["with_weights"]:
        raise click.UsageError("--weights and --no-weights exclude each other")
    started = time.perf_counter()
    from configsplit.containers.early_digest import EarlyDigest

    with EarlyDigest(model, options["weights"]) as early:  # another core reads the file while this one loads the modules below
        parts, plan, saved = _done(at, out, options, early)
    if as_json:
        from configsplit.records.manifest import to_text

        made = {"plan": plan.as_json()} if plan else {"tried": list(parts.tried)} if parts.tried else {}
        show({"directory": str(out), "verified": options["verify"], **made, "manifest": json.loads(to_text(saved.manifest))})
        return
    if plan:
        from configsplit.cli.stages import plan_lines

        say(*plan_lines(plan))
    say(*_lines(parts, saved, options["verify"], time.perf_counter() - started))
    for warning in told_once(saved.manifest.warnings):
        note(f"{click.style('warning', fg='yellow')}: {warning}")


def _done(at: tuple[str, ...], out: Path, options: Asked, early: EarlyDigest) -> tuple[Parts, Plan | None, Saved]:
    """The parts, the plan that they follow if stages were asked for, and what was saved."""
    from configsplit.models.document import document_in
    from configsplit.plugins.registry import plugins
    from configsplit.saving.parts import save
    from configsplit.verbs import asked

    document = document_in(early.source, plugins(options["custom_objects"]))
    plan = asked.planned(document, options["stages"], options["balance"], options) if options["stages"] else None
    parts = plan.parts if plan else asked.cut(document, at, options)
    saved = save(
        parts,
        out,
        to=options["format"],
        weights=options["with_weights"],
        verify=options["verify"],
        force=options["force"],
        specs=options["custom_objects"],
        early=early,
        limits=asked.limits_of(options) if options["verify"] == "numeric" else None,
    )
    return parts, plan, saved


def _lines(parts: Parts, saved: Saved, verify: str, seconds: float) -> list[str]:
    from configsplit.containers.source import size_of

    document, manifest = parts.document, saved.manifest
    head = (
        f"{click.style(document.path.name, bold=True)}  {document.detection.dialect.title}, {len(document.model.layers)} layers"
    )
    lines = [f"{head}, {size(size_of(document.path))}", ""]
    for number, (part, made) in enumerate(zip(manifest.parts, parts.split.parts, strict=True)):
        bytes_ = sum((saved.directory / name).stat().st_size for name in (part.file, part.weights) if name)
        lines.append(f"{click.style(part.file, bold=True)}  {len(made.model.layers)} layers, {size(bytes_)}")
        lines += table([_row("takes", item, _origin(item)) for item in part.inputs])
        lines += table([_row("gives", item, _fate(manifest, number, index)) for index, item in enumerate(part.outputs)])
    if manifest.shared_layers:
        lines.append(f"shared  {', '.join(manifest.shared_layers)}: their weights stand in several parts")
    if parts.tried:
        from configsplit.cli.stages import tried

        lines.append(f"boundary  the smallest: {tried(parts.tried)}")
    lines += ["", *_verdict(saved, verify), f"written to {saved.directory} in {seconds:.2f} s"]
    return lines


def _row(word: str, item: Tensor, where: str) -> tuple[str, str, str, str]:
    return word, item.name, f"{shape(item.shape)} {item.dtype or ''}".strip(), where


def _origin(item: WiredTensor) -> str:
    source = item.source
    return "the model's own input" if hasattr(source, "input") else f"from part {source.part}"


def _fate(manifest: Manifest, number: int, output: int) -> str:
    """Who takes an output of a part."""
    takers = [
        f"to part {taker}"
        for taker, part in enumerate(manifest.parts)
        for item in part.inputs
        if _is(item.source, number, output)
    ]
    if any(_is(item.source, number, output) for item in manifest.outputs):
        takers.append("the model's own output")
    return ", ".join(takers)


def _is(source: FromInput | FromPart, part: int, output: int) -> bool:
    return getattr(source, "part", None) == part and getattr(source, "output", None) == output


def _verdict(saved: Saved, verify: str) -> list[str]:
    if saved.proof is None:
        return ["not verified (--verify none)"]
    proof, tick = saved.proof, click.style("proven", fg="green", bold=True)
    weights = f"; {proof.weights} weights, {size(proof.bytes)}, bit for bit" if proof.weights else ""
    but = but_for(saved.manifest.warnings)
    lines = [f"{tick}{but}: the {proof.parts} parts recompose to the original graph of {proof.layers} layers{weights}"]
    if verify == "numeric" and saved.numeric is not None:
        from configsplit.cli.numeric_lines import numeric_lines

        lines += numeric_lines(saved.numeric)
    return lines
