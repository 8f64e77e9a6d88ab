"""Both models of a conversion, run: the old one and the new one, each in its own framework."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from configsplit.conversion.originals import without_code
from configsplit.graph.model import walk
from configsplit.models.document import Document, load
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.converted import ConvertedReport, Original, compare_converted
from configsplit.runtime.feeding import Feed
from configsplit.saving.numeric import described_inputs, readable

if TYPE_CHECKING:
    from configsplit.saving.conversion import Converted


class Run(NamedTuple):
    """How both models are run."""

    samples: int
    seed: int
    inputs: str | Path | None
    sizes: tuple[str, ...]
    custom_objects: tuple[str, ...]
    limits: Limits | None


def run_both(made: Converted, place: Path, run: Run) -> ConvertedReport:
    """What both models compute. Raises VerificationError where that differs."""
    limits, document = run.limits or Limits(), made.document
    feed = Feed(samples=run.samples, seed=run.seed, arrays=run.inputs)
    asked = made.request if document.dialect == "keras2" else None  # Keras 1 runs nowhere
    model, instead = (document.model, ()) if asked is None else without_code(asked)
    with readable(document, model if instead else None) as (path, weights):
        old = original(document, path, weights, run.sizes)
        with _runnable(made, place) as new:
            report = compare_converted(
                old, new, made.to != "keras3", feed=feed, custom_objects=run.custom_objects, limits=limits
            )
    return replace(report, instead=tuple(f"{'/'.join(each.path)}: {each.what}" for each in instead))


@contextmanager
def _runnable(made: Converted, place: Path) -> Iterator[Path]:
    """The new file as its framework loads it: TensorFlow.js is read by configsplit, and run as Keras 2."""
    if made.to != "tfjs":
        yield place
        return
    with readable(load(place, registry=made.document.registry)) as (path, _):
        yield path


def original(document: Document, path: Path, weights: Path | None, sizes: Iterable[str] = ()) -> Original:
    """What there is to know of an old model that is to be run, from the files that a framework reads it in."""
    return Original(
        path=path,
        weights=weights,
        dialect=document.dialect,
        facts=document.facts,
        inputs=described_inputs(document, sizes),
        outputs=[ref.layer for ref in document.model.output_refs()],
        half=any("16" in str(layer.config.get("dtype")) for _, layer in walk(document.model)),
        bare=document.kind == "json" and document.weights is None,
    )
