"""``configsplit verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from configsplit.cli.numeric_lines import numeric_lines
from configsplit.cli.output import but_for_masks, limits_of, show, size


def verify(
    directory: Path,
    source: Path | None,
    numeric: bool,
    samples: int,
    seed: int,
    custom_objects: tuple[str, ...],
    timeout: float | None,
    memory: float | None,
    unconfined: bool,
    as_json: bool,
) -> None:
    """Prove a folder of parts, or a file that surgery has written."""
    if directory.is_file():
        _file(directory, custom_objects, as_json)
        return
    from configsplit.verbs.verify import verify as prove

    found = prove(
        directory,
        source=source,
        numeric=numeric,
        samples=samples,
        seed=seed,
        custom_objects=custom_objects,
        limits=limits_of(timeout, memory, unconfined) if numeric else None,
    )
    if as_json:
        numbers = None if found.numeric is None else found.numeric.as_json()
        show({"directory": str(directory), "proof": asdict(found.proof), "numeric": numbers})
        return
    proof, tick = found.proof, click.style("proven", fg="green", bold=True)
    but = but_for_masks(found.manifest.warnings)
    click.echo(
        f"{tick}{but}: {proof.parts} parts of {found.manifest.source.file} recompose to its graph of {proof.layers} layers"
    )
    if proof.weights:
        click.echo(f"{tick}: {proof.weights} weights, {size(proof.bytes)}, are bit for bit the original's")
    if found.numeric is not None:
        click.echo("\n".join(numeric_lines(found.numeric)))


def _file(path: Path, custom_objects: tuple[str, ...], as_json: bool) -> None:
    from configsplit.verbs.verify_file import verify_file

    found = verify_file(path, custom_objects=custom_objects)
    if as_json:
        proof = {"layers": found.layers, "weights": found.weights, "bytes": found.bytes}
        show({"file": str(path), "verb": found.record.verb, "proof": proof})
        return
    sources = ", ".join(source.file for source in found.record.sources)
    tick = click.style("proven", fg="green", bold=True)
    click.echo(f"{tick}: {path.name} is what {found.record.verb} made of {sources}: {found.layers} layers accounted for")
    if found.weights:
        relaid = len(found.record.weights.relaid) if found.record.weights else 0
        but = f", {relaid} of them laid out anew as the record says" if relaid else ""
        click.echo(f"{tick}: {found.weights} weights, {size(found.bytes)}, are bit for bit those of their origins{but}")
    for each in found.record.weights.absent if found.record.weights else ():
        click.echo(f"{click.style('not proven', fg='yellow', bold=True)}: {'/'.join(each.layer)} begins with fresh weights")
