"""Parts of a split run in Keras beside their original: bit-identical outputs, or an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from configsplit.errors import VerificationError
from configsplit.models.document import Document
from configsplit.records import manifest as record

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.numeric import NumericReport


def run(
    folder: Path,
    manifest: record.Manifest,
    document: Document,
    *,
    samples: int = 4,
    seed: int = 0,
    specs: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> NumericReport:
    """Run original and parts in Keras and demand bit-identical outputs.

    Raises:
        VerificationError: an output differs.
        RuntimeUnavailableError: the framework is not installed.
    """
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.numeric import verify_numeric

    report = verify_numeric(
        folder,
        json.loads(record.to_text(manifest)),
        document.path,
        source_weights=document.weights,
        samples=samples,
        seed=seed,
        custom_objects=specs,
        limits=limits or Limits(),
    )
    if not report.identical:
        raise VerificationError(
            f"the parts do not compute what the original computes: {_difference(report)}",
            code="verify-numeric",
            where=str(folder),
        )
    return report


def _difference(report: NumericReport) -> str:
    apart = [output.max_abs_difference for output in report.outputs if not output.identical]
    known = [value for value in apart if value is not None]
    if len(known) < len(apart):
        return "outputs differ in shape, or where one side is not a number"
    return f"outputs differ by up to {max(known):g}"
