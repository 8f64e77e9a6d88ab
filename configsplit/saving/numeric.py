"""Parts of a split run in Keras beside their original: equal outputs, or an error; and the files that Keras is given to run."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configsplit.boundaries.doubts import culprits
from configsplit.boundaries.sizes import given_sizes
from configsplit.containers.arrays import ListedArrays
from configsplit.containers.container import READ_BY_KERAS, Format, whole_format
from configsplit.errors import VerificationError
from configsplit.graph.model import Model, TensorSpec
from configsplit.graph.provenance import Provenance, identity
from configsplit.models.document import Document
from configsplit.models.results import Edited
from configsplit.records.manifest import Manifest, to_text
from configsplit.saving.model import save
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
    """Name, shape and dtype of each input of a model, with the sizes that the user gives. Raises ShapeError if a size names no
    input, or does not fit.
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


# A model as configsplit read it, in a file that Keras reads too: what is run is what was cut.


@contextmanager
def readable(document: Document, instead: Model | None = None) -> Iterator[tuple[Path, Path | None]]:
    """The files that a framework is to load: those of the document, or what configsplit makes of them, as long as it takes.

    Args:
        document: what `load` gave.
        instead: its model with other layers in the place of some, of the same names, that have no weights.

    Returns:
        The model and the weights that stand apart, for a ``with`` statement.

    Raises:
        StoreError, WeightsError, VerificationError: what was read cannot be written.
    """
    format_ = _format_of_new(document, anyhow=instead is not None)
    if format_ is None:
        yield document.path, document.weights
        return
    model = instead or document.model
    with tempfile.TemporaryDirectory(prefix="configsplit-") as folder:
        edited = Edited(
            verb="extract",
            documents=(document,),
            model=model,
            provenance=_kept(document.model, model),
            inference=document.infer(None, model),
        )
        saved = save(edited, Path(folder, f"{document.path.stem}.{format_}"), format=format_)
        yield saved.path, saved.weights


def _kept(old: Model, new: Model) -> Provenance:
    """Every layer came from itself, but for those in whose place another stands."""
    came, before = identity(old), old.by_name()
    fresh = {layer.name for layer in new.layers if layer.class_name != before[layer.name].class_name}
    return Provenance({path: origin for path, origin in came.layers.items() if path[0] not in fresh})


def _format_of_new(document: Document, *, anyhow: bool) -> Format | None:
    """The format of a new file, None where Keras reads the one that is there as configsplit does (unless ``anyhow``)."""
    with document.opened() as source:
        weights = source.weights
        foreign = isinstance(weights, ListedArrays) or source.kind not in READ_BY_KERAS or source.path != document.path
        read = document.notes or document.by_name or document.match == "order" or (weights is not None and weights.renamed)
        if not (anyhow or foreign or source.is_packed or read):
            return None
        if weights is None:
            return "json"
        return whole_format(weights.layout.kind)
