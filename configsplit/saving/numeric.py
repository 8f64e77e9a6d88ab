"""Parts of a split run in Keras beside their original: equal outputs, or an error."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configsplit.boundaries.records import culprits
from configsplit.boundaries.sizes import given_sizes
from configsplit.errors import VerificationError
from configsplit.graph.model import TensorSpec
from configsplit.models.document import Document
from configsplit.records.manifest import Manifest, to_text
from configsplit.saving.readable import readable
from configsplit.saving.whole import fixed_as, whole_of

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.feeding import Feed
    from configsplit.runtime.reports import NumericReport, OutputReport


def run(
    folder: Path,
    manifest: Manifest,
    document: Document,
    *,
    feed: Feed | None = None,
    sizes: Iterable[str] = (),
    tolerance: float = 0.0,
    specs: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> NumericReport:
    """Run original and parts in Keras and demand outputs that are equal to the bit, or within ``tolerance``.

    Raises:
        VerificationError: an output differs.
        RuntimeUnavailableError: the framework is not installed.
    """
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.feeding import Feed
    from configsplit.runtime.numeric import verify_numeric

    whole = whole_of(document, manifest)
    with readable(document) as (path, weights):
        report = verify_numeric(
            folder,
            json.loads(to_text(manifest)),
            path,
            source_weights=weights,
            feed=feed or Feed(),
            inputs=described_inputs(fixed_as(document, manifest), sizes),
            tolerance=tolerance,
            culprits=culprits(document, whole.model, whole.inference, whole.opened.provenance),
            custom_objects=specs,
            limits=limits or Limits(),
        )
    if not report.passed:
        raise VerificationError(
            f"the parts do not compute what the original computes: {difference(report.outputs, tolerance)}",
            code="verify-numeric",
            where=str(folder),
        )
    return report


def described_inputs(document: Document, sizes: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Name, shape and dtype of each input of a model, with the sizes that the user gives.

    Raises:
        ShapeError: a size names no input, or does not fit.
    """
    inference = document.infer()
    known = {**inference.specs, **given_sizes(inference, sizes)}
    refs = document.model.input_refs()
    return [
        {"name": ref.layer, "shape": spec.shape, "dtype": spec.dtype} for ref in refs for spec in [known.get(ref, _NOTHING)]
    ]


_NOTHING = TensorSpec()


def difference(outputs: Iterable[OutputReport], tolerance: float) -> str:
    """By how much the outputs differ that do, in words."""
    apart = [output.max_abs_difference for output in outputs if not output.within(tolerance)]
    known = [value for value in apart if value is not None]
    if len(known) < len(apart):
        return "outputs differ in shape, or where one side is not a number"
    allowed = f", more than the tolerance of {tolerance:g}" if tolerance else ""
    return f"outputs differ by up to {max(known):g}{allowed}"
