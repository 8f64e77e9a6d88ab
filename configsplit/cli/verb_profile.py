"""``configsplit profile``."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from configsplit.cli.options import Limited
from configsplit.cli.output import note, say, show, table


class Asked(Limited):
    """The options of ``configsplit profile``, as its record has them."""

    weights: Path | None
    samples: int
    rounds: int
    sizes: tuple[str, ...]
    custom_objects: tuple[str, ...]


def profile(model: Path, out: Path | None, force: bool, as_json: bool, **options: Unpack[Asked]) -> None:
    """Measure, and show the slowest layers."""
    from configsplit.verbs import asked, profile

    times = profile.profile(
        model,
        weights=options["weights"],
        samples=options["samples"],
        rounds=options["rounds"],
        sizes=options["sizes"],
        custom_objects=options["custom_objects"],
        limits=asked.limits_of(options),
    )
    if out is not None:
        times.save(out, force=force)
        note(f"written to {out}")
    if as_json:
        show(times.milliseconds)
        return
    slowest = sorted(times.milliseconds.items(), key=lambda item: -item[1])[:15]
    say(f"{times.framework} {times.version}: {times.total:.2f} ms a sample in {len(times.milliseconds)} layers; the slowest:")
    say(*table([(name, f"{time:.3f} ms") for name, time in slowest]))
