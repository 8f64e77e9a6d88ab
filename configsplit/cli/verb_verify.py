"""``configsplit verify``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from configsplit.cli.numeric_lines import numeric_lines
from configsplit.cli.output import but_for_masks, json_option, limit_options, limits_of, plugin_option, show, size


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--source", type=click.Path(path_type=Path), help="The original, if it is not where it was.")
@click.option("--numeric", is_flag=True, help="Also run original and parts in Keras and compare bit for bit.")
@click.option("--samples", default=4, show_default=True, type=click.IntRange(1), help="Samples of random input.")
@click.option("--seed", default=0, show_default=True, help="Seed of the random input.")
@plugin_option
@limit_options
@json_option
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
    """Prove that the parts in DIRECTORY equal the model that they were cut from; or check a file that surgery has written.

    From the files on disk and without Keras: nothing was changed since, the parts recompose to the original graph, and every
    weight is bit for bit the original's. With --numeric original and parts are also run, fed through numpy; a mask that was
    never on or never off is named. A file is held against the provenance record beside it (FILE.provenance.json).
    """
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
        click.echo(f"{tick}: {found.weights} weights, {size(found.bytes)}, are bit for bit those of their origins")
