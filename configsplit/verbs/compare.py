"""`verify A B --numeric`: two models of the same inputs run in Keras, each in the one it is for, and where they part."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configsplit.boundaries.shapes import told
from configsplit.containers.source import open_source
from configsplit.containers.system.named_files import stamp
from configsplit.errors import ConfigSplitError, StoreError, VerificationError
from configsplit.graph.model import LayerPath, TensorSpec, walk
from configsplit.inference.recorded import agree
from configsplit.models.document import Document
from configsplit.models.made import Made, ModelLike, document_of
from configsplit.records.provenance import SUFFIX, from_text
from configsplit.saving.file_proof import provenance_of
from configsplit.saving.numeric import described_inputs, readable
from configsplit.verbs.origins import check_unchanged

if TYPE_CHECKING:
    from configsplit.runtime.compare import Comparison, Side
    from configsplit.runtime.confinement.policy import Limits


def compare(
    model: ModelLike,
    other: ModelLike,
    *,
    weights: str | Path | None = None,
    other_weights: str | Path | None = None,
    samples: int = 4,
    seed: int = 0,
    inputs: str | Path | None = None,
    input_ranges: Iterable[str] = (),
    sizes: Iterable[str] = (),
    tolerance: float = 0.0,
    bisect: bool = False,
    custom_objects: Sequence[str | Path] = (),
    limits: Limits | None = None,
) -> Comparison:
    """Run two models on the same inputs and compare their outputs: an original and its conversion, or two versions.

    Args:
        model, other: files, loaded models, or results of other verbs. If input names differ, inputs are matched by
            order.
        weights, other_weights: weights for an architecture-only file.
        samples, seed: of the random input.
        inputs: an ``.npz`` file with your own samples instead, named like the inputs of ``model`` or in their order.
        input_ranges: bounds of the random input: ``"LOW,HIGH"`` for every numeric input, ``"INPUT=LOW,HIGH"`` for one.
        sizes: sizes of inputs that ``model`` leaves open: ``"INPUT=1,224,224,3"``, or only the open ones.
        tolerance: how much outputs may differ, times their largest value if that is above 1; 0 demands equal bits.
        bisect: if outputs differ, find the first tensor inside that differs.
        custom_objects: plug-ins.
        limits: time and memory for the processes, and whether the operating system confines them.

    Returns:
        How far apart each output is, whether all bits are equal, and where a difference begins.

    Raises:
        VerificationError: the models do not take the same inputs, or one cannot be run. A difference is not an error.
        StoreError: a file cannot be read, or has no weights.
        RuntimeUnavailableError: the Keras of one is not installed.

    Example:
        >>> saved = configsplit.rename("model.keras", {"c1": "stem"}).save("renamed.keras")
        >>> configsplit.compare("model.keras", "renamed.keras").identical
        True
    """
    from configsplit.runtime.compare import compare_numeric
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.feeding import Feed

    with (
        _in_file(model, weights, custom_objects) as one,
        _in_file(other, other_weights, custom_objects) as two,
    ):
        stamps = {place: stamp(place) for each in (one, two) for place in (each.path, each.weights) if place is not None}
        fed, order = _same_inputs(described_inputs(one, sizes), described_inputs(two), str(two.path))
        with readable(one) as first, readable(two) as second:
            comparison = compare_numeric(
                _side(one, *first),
                _side(two, *second),
                fed,
                order,
                names=_names(one, two) if bisect else None,
                feed=Feed(samples=samples, seed=seed, arrays=inputs, ranges=tuple(input_ranges)),
                tolerance=tolerance,
                bisect=bisect,
                custom_objects=[str(spec) for spec in custom_objects],
                limits=limits or Limits(),
            )
        check_unchanged(stamps)
    return comparison


@contextmanager
def _in_file(model: ModelLike, weights: str | Path | None, custom_objects: Sequence[str | Path]) -> Iterator[Document]:
    """A model with weights, in a file: what stands in memory only is written for this block."""
    document = document_of(model, weights=weights, custom_objects=custom_objects)
    if not isinstance(document, Made):
        yield _with_weights(document)
        return
    with (
        tempfile.TemporaryDirectory(prefix="configsplit-") as folder,
        document.stored(Path(folder), "model", Path(folder)) as stored,
    ):
        yield _with_weights(stored)


def _side(document: Document, path: Path, weights: Path | None) -> Side:
    from configsplit.runtime.compare import Side

    outputs = tuple(ref.layer for ref in document.model.output_refs())
    return Side(path=path, weights=weights, dialect=document.dialect, outputs=outputs)


def _with_weights(document: Document) -> Document:
    """A model, refused without weights: two of these would get made-up ones, and could only be equal by being called alike."""
    with document.opened() as source:
        if source.weights is None and any(layer.class_name for layer in document.model.layers if not layer.is_input):
            raise StoreError(
                "the file has no weights: what it computes cannot be compared",
                code="compare-no-weights",
                where=str(document.path),
                hint="give them with --weights FILE (of the first model), --other-weights FILE (of the second)",
            )
    return document


def _same_inputs(
    ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], where: str
) -> tuple[list[dict[str, Any]], list[int]]:
    """What to feed, and which of it each input of the other model takes: by name, or in order where names differ."""
    names, others = [str(each["name"]) for each in ours], [str(each["name"]) for each in theirs]
    if len(names) != len(others):
        raise _unlike(f"the models have {len(names)} and {len(others)} inputs: {', '.join(names)}; {', '.join(others)}", where)
    order = [names.index(name) for name in others] if set(names) == set(others) else list(range(len(names)))
    fed = [dict(each) for each in ours]
    for number, its in zip(order, theirs, strict=True):
        mine = fed[number]
        if not agree(mine["shape"], its["shape"]) or (mine["dtype"] or "float32") != (its["dtype"] or "float32"):
            specs = [told(TensorSpec(each["shape"], each["dtype"])) for each in (mine, its)]
            raise _unlike(f"the input {mine['name']!r} is {specs[0]}, {its['name']!r} of the other {specs[1]}", where)
        if mine["shape"] and its["shape"]:
            mine["shape"] = [size if other is None else other for size, other in zip(mine["shape"], its["shape"], strict=True)]
        mine["shape"] = mine["shape"] or its["shape"]
    return fed, order


def _unlike(message: str, where: str) -> VerificationError:
    hint = "two models that take the same are compared; `extract` takes out the part that does"
    return VerificationError(message, code="compare-inputs", where=where, hint=hint)


def _names(one: Document, other: Document) -> dict[LayerPath, LayerPath] | None:
    """The layers of the first model that those of the other came from, where the record beside either file tells."""
    if (names := _recorded(other, one)) is not None:
        return names
    if (back := _recorded(one, other)) is not None:
        return {theirs: mine for mine, theirs in back.items()}
    return None


def _recorded(made: Document, source: Document) -> dict[LayerPath, LayerPath] | None:
    """Layer -> origin, if the record beside ``made`` speaks of this very file and says that ``source`` is what it came from."""
    place = made.path.with_name(made.path.name + SUFFIX)
    try:
        told = from_text(place.read_text("utf-8"), str(place))
    except (OSError, UnicodeDecodeError, ConfigSplitError):
        return None
    with open_source(made.path) as mine, open_source(source.path) as its:
        digests = mine.sha256(), its.sha256()
    numbers = [number for number, each in enumerate(told.sources) if each.sha256 == digests[1]]
    if told.result.sha256 != digests[0] or not numbers:
        return None
    provenance = provenance_of(told)
    origins = {path: provenance.origin(path) for path, _ in walk(made.model)}
    return {path: origin.path for path, origin in origins.items() if origin is not None and origin.source == numbers[0]}
