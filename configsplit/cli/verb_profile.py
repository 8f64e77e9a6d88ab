"""``configsplit profile``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from configsplit.cli.output import note, say, show, table


def profile(
    model: Path,
    out: Path | None,
    force: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure, and show the slowest layers."""
    from configsplit.verbs import asked, profile

    own = {name: options[name] for name in ("weights", "samples", "rounds", "sizes", "custom_objects")}
    times = profile.profile(model, **own, limits=asked.limits_of(options))
    if out is not None:
        times.save(out, force=force)
        note(f"written to {out}")
    if as_json:
        show(times.milliseconds)
        return
    slowest = sorted(times.milliseconds.items(), key=lambda item: -item[1])[:15]
    say(f"{times.framework} {times.version}: {times.total:.2f} ms a sample in {len(times.milliseconds)} layers; the slowest:")
    say(*table([(name, f"{time:.3f} ms") for name, time in slowest]))
