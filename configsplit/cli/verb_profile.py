"""``configsplit profile``."""

from __future__ import annotations

from pathlib import Path

import click

from configsplit.cli.output import json_option, limit_options, limits_of, note, plugin_option, show, table


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Write the profile there; `split --stages` takes it as --profile.")
@click.option("--weights", type=click.Path(path_type=Path), help="Weights that go with an architecture-only MODEL.")
@click.option("--samples", default=1, show_default=True, type=click.IntRange(1), help="Samples in one batch.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1), help="Runs; the median counts.")
@click.option("--force", is_flag=True, help="Replace an earlier profile.")
@plugin_option
@limit_options
@json_option
def profile(
    model: Path,
    out: Path | None,
    weights: Path | None,
    samples: int,
    rounds: int,
    force: bool,
    custom_objects: tuple[str, ...],
    timeout: float | None,
    memory: float | None,
    unconfined: bool,
    as_json: bool,
) -> None:
    """Measure how many milliseconds each layer of MODEL takes on this machine, one sample at a time. Needs Keras."""
    from configsplit.verbs.profile import profile as measure

    limits = limits_of(timeout, memory, unconfined)
    found = measure(model, weights=weights, samples=samples, rounds=rounds, custom_objects=custom_objects, limits=limits)
    if out is not None:
        found.save(out, force=force)
        note(f"written to {out}")
    if as_json:
        show(found.milliseconds)
        return
    slowest = sorted(found.milliseconds.items(), key=lambda item: -item[1])[:15]
    click.echo(
        f"{found.framework} {found.version}: {found.total:.2f} ms a sample in {len(found.milliseconds)} layers; the slowest:"
    )
    click.echo("\n".join(table([(name, f"{time:.3f} ms") for name, time in slowest])))
