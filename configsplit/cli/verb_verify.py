"""``configsplit verify``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

import click

from configsplit.cli.numeric_lines import compared_lines, numeric_lines
from configsplit.cli.options import Limited
from configsplit.cli.output import but_for, say, show
from configsplit.display.figures import size

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits


class Fed(TypedDict):
    """What models are run on, and how outputs are compared."""

    samples: int
    seed: int
    inputs: Path | None
    input_ranges: tuple[str, ...]
    sizes: tuple[str, ...]
    tolerance: float
    custom_objects: tuple[str, ...]


class Asked(Fed, Limited):
    """The options of ``configsplit verify``, as its record has them."""

    source: Path | None
    numeric: bool
    bisect: bool
    weights: Path | None
    other_weights: Path | None


class Run(Fed):
    """What both kinds of run take."""

    limits: Limits | None


def verify(directory: Path, other: Path | None, as_json: bool, **options: Unpack[Asked]) -> None:
    """Prove a folder of parts, or a file that surgery has written; or compare two models."""
    _check_usage(directory, other, options)
    if other is not None:
        _compare(directory, other, as_json, options)
        return
    if directory.is_file():
        _file(directory, options["source"], options["custom_objects"], as_json)
        return
    from configsplit.verbs import verify

    verified = verify.verify(directory, source=options["source"], numeric=options["numeric"], **_run(options))
    if as_json:
        numbers = None if verified.numeric is None else verified.numeric.as_json()
        show({"directory": str(directory), "proof": asdict(verified.proof), "numeric": numbers})
        return
    proof, tick = verified.proof, click.style("proven", fg="green", bold=True)
    but = but_for(verified.manifest.warnings)
    say(f"{tick}{but}: {proof.parts} parts of {verified.manifest.source.file} recompose to its graph of {proof.layers} layers")
    if proof.weights:
        say(f"{tick}: {proof.weights} weights, {size(proof.bytes)}, are bit for bit the original's")
    if verified.numeric is not None:
        say(*numeric_lines(verified.numeric))


def _run(options: Asked) -> Run:
    from configsplit.verbs.asked import limits_of

    given: Mapping[str, object] = options
    fed = {name: given[name] for name in Fed.__annotations__}
    return cast("Run", {**fed, "limits": limits_of(options) if options["numeric"] else None})


def _check_usage(directory: Path, other: Path | None, options: Asked) -> None:
    """Raises UsageError for options that mean nothing here."""
    if other is not None:
        if not options["numeric"]:
            raise click.UsageError("two models are compared by running them: verify A B --numeric")
        if options["source"] is not None:
            raise click.UsageError("--source goes with a folder of parts, or a file that was made of it")
        return
    of_two = (("--bisect", options["bisect"]), ("--weights", options["weights"]), ("--other-weights", options["other_weights"]))
    for flag, given in of_two:
        if given:
            raise click.UsageError(f"{flag} goes with two models: verify A B --numeric")
    if options["numeric"] and directory.is_file():
        raise click.UsageError("--numeric needs two models for a single file: verify A B --numeric")


def _compare(one: Path, other: Path, as_json: bool, options: Asked) -> None:
    """Show what two models have given; ends with 1 where that is not equal."""
    from configsplit.verbs.compare import compare

    comparison = compare(
        one,
        other,
        weights=options["weights"],
        other_weights=options["other_weights"],
        bisect=options["bisect"],
        **_run(options),
    )
    if as_json:
        show({"model": str(one), "other": str(other), "numeric": comparison.as_json()})
    else:
        say(*compared_lines(comparison, *_apart(one, other)))
    if not comparison.passed:
        click.get_current_context().exit(1)


def _apart(one: Path, other: Path) -> tuple[str, str]:
    """The names of two files; with their folders where they are the same."""
    return (one.name, other.name) if one.name != other.name else (str(one), str(other))


def _file(path: Path, source: Path | None, custom_objects: tuple[str, ...], as_json: bool) -> None:
    from configsplit.verbs.verify_file import verify_file

    checked = verify_file(path, source=source, custom_objects=custom_objects)
    if as_json:
        proof = {"layers": checked.layers, "weights": checked.weights, "bytes": checked.bytes}
        show({"file": str(path), "verb": checked.record.verb, "proof": proof})
        return
    sources = ", ".join(source.file for source in checked.record.sources)
    tick = click.style("proven", fg="green", bold=True)
    say(f"{tick}: {path.name} is what {checked.record.verb} made of {sources}: {checked.layers} layers accounted for")
    if checked.weights:
        relaid = len(checked.record.weights.relaid) if checked.record.weights else 0
        but = f", {relaid} of them in a new layout, as the record says" if relaid else ""
        say(f"{tick}: {checked.weights} weights, {size(checked.bytes)}, are bit for bit those of their origins{but}")
    for each in checked.record.weights.absent if checked.record.weights else ():
        say(f"{click.style('not proven', fg='yellow', bold=True)}: {'/'.join(each.layer)} begins with fresh weights")
