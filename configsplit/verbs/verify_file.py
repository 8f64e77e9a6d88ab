"""Check a file against its provenance record: nothing was changed since, every weight is bit for bit that of its origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from configsplit.containers.container import SUFFIXES
from configsplit.containers.source import Source, open_source
from configsplit.dialects import to_text
from configsplit.errors import StoreError, VerificationError
from configsplit.graph.json import unspelled
from configsplit.models.document import reading
from configsplit.models.fragments import load_fragment
from configsplit.models.notebook import record_html
from configsplit.records.manifest import NAME
from configsplit.records.provenance import SUFFIX, Accounts, ProvenanceRecord, from_text
from configsplit.saving.conversion import Target, came, new_weights
from configsplit.saving.conversion_proof import ConversionProof, accounts, prove
from configsplit.saving.file_proof import account, compare
from configsplit.verbs.convert import convert
from configsplit.verbs.origins import Place, check_digests, find, weights_of

_HINT = "put it there, or beside the file; or say where it is: --source FILE"


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that is what its record says: how many layers it has, how many weights were compared, and their bytes."""

    record: ProvenanceRecord
    layers: int
    weights: int
    bytes: int

    def __repr__(self) -> str:
        return f"<{self.record.result.file}: {self.layers} layers, {self.weights} weights proven>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        return record_html(self.record, f"{self.layers} layers", f"{self.weights} weights proven")


def verify_file(path: str | Path, *, source: str | Path | None = None, custom_objects: Sequence[str | Path] = ()) -> Checked:
    """Check a file that a verb of surgery or `convert` wrote against the record beside it.

    Args:
        path: the file; its record is ``FILE.provenance.json``.
        source: the model that it was made of; by default at the path in the record, or beside the file.
        custom_objects: the plug-ins that it was made with.

    Returns:
        The record, and how many layers, weights and bytes were checked against it.

    Raises:
        VerificationError: a file has changed since, or a weight differs from its origin.
        StoreError: the record or a source is missing.

    Example:
        >>> saved = configsplit.freeze("model.keras", before="res").save("frozen.keras")
        >>> configsplit.verify_file("frozen.keras")
        <frozen.keras: 11 layers, 11 weights proven>
    """
    path = Path(path)
    told = read_record(path)
    apart = None if told.result.weights is None else _beside(path, told.result.weights)
    try:
        places = list(_places(path.parent, told, source))
    except StoreError as error:
        if error.code == "source-missing":
            error.message += f". Without it nothing is proven; {_alone(path, apart, told)}"
        raise
    _check_digests(path, apart, told, places)
    if told.verb == "convert":
        proof = verify_conversion(path, told, places, custom_objects)
        return Checked(told, len(told.layers), proof.weights, proof.bytes)
    with ExitStack() as stack:
        (model, weights), *others = places
        taken, *named = (source.taken for source in told.sources)
        host = stack.enter_context(reading(model, weights=weights, custom_objects=custom_objects, **taken))
        documents = [host]
        for (model, weights), taken in zip(others, named, strict=True):
            documents.append(load_fragment(model, host, weights=weights, custom_objects=custom_objects, **taken))
        sources = [stack.enter_context(each.opened()) for each in documents]
        count, size = compare(path, apart, told, sources, documents)
    return Checked(told, len(told.layers), count, size)


def _beside(path: Path, name: str) -> Path:
    return next(
        (each for each in (path.with_name(name), path.with_name(unspelled(name))) if each.exists()), path.with_name(name)
    )


def _places(folder: Path, told: ProvenanceRecord, given: str | Path | None) -> Iterator[Place]:
    """Where the sources are; the first is the model itself. Raises StoreError where one is missing."""
    for number, source in enumerate(told.sources):
        if given is not None and not number:
            yield Path(given), weights_of(folder, source, folder, _HINT)
        else:
            yield find(folder, source, folder, _HINT)


def _alone(path: Path, apart: Path | None, told: ProvenanceRecord) -> str:
    """What holds of a file without its sources, in words."""
    _check_digests(path, apart, told, ())
    weights = account(path, apart, told)
    counted = f" and {weights} weights" if told.weights is not None else ""
    return f"the file is that of the record, which accounts for all of its {len(told.layers)} layers{counted}"


def read_record(path: Path) -> ProvenanceRecord:
    """The record beside a file."""
    place = path.with_name(path.name + SUFFIX)
    try:
        return from_text(place.read_text("utf-8"), str(place))
    except (OSError, UnicodeDecodeError) as error:
        missing = isinstance(error, FileNotFoundError)
        raise StoreError(
            f"{path.name} has no provenance record" if missing else f"no provenance record can be read there: {error}",
            code="provenance-missing",
            where=str(place),
            hint="give the folder of the parts to prove them together"
            if (path.parent / NAME).is_file()
            else "only files that configsplit wrote have one; give a folder that `configsplit split` wrote, or such a file",
        ) from None


def _check_digests(path: Path, apart: Path | None, told: ProvenanceRecord, places: Sequence[Place]) -> None:
    wanted = {} if apart is None else {apart: told.result.weights_sha256}
    with ExitStack() as stack:
        models = [(stack.enter_context(Source(path=path)), told.result.sha256, False)]
        for source, (model, weights) in zip(told.sources, places, strict=False):
            models.append((stack.enter_context(Source(path=model)), source.sha256, source.sha256_of is not None))
            if weights is not None:
                wanted[weights] = source.weights_sha256
        check_digests(wanted, models, ": its SHA-256 is not that of the record")


# Check a converted file: the conversion is done once more from the source, and the file is held against it.


def verify_conversion(
    path: Path,
    told: ProvenanceRecord,
    places: Sequence[Place],
    custom_objects: Sequence[str | Path],
) -> ConversionProof:
    """Hold a converted file against its source: its graph is what the rules of conversion give, each weight is what the
    record says (a copy, or laid out anew by its recipe), and no layer lacks weights but those that the record names.

    Raises:
        VerificationError: the file or the record says something else.
        ConfigSplitError: as `convert` does; the source cannot be converted as the record says.
    """
    if len(places) != 1 or not _sound(told.arguments):
        raise _false(path, "it has not the sources or the arguments of a conversion")
    ((source, weights),) = places
    with (
        reading(source, weights=weights, custom_objects=custom_objects, **told.sources[0].taken) as document,
        document.opened() as opened,
    ):
        made = convert(document, **told.arguments)
        if made.migration.model is None:
            raise _false(path, f"{made.refusals[0].layer!r} cannot be converted: {made.refusals[0].reason}")
        with open_source(path) as written:
            new = (
                None
                if written.weights is None
                else new_weights(made, opened, "tfjs" if made.to == "tfjs" else SUFFIXES[path.suffix.lower()])
            )
            proof = prove(written, to_text(made.migration.model), new)
        real = Accounts() if new is None else accounts(new, made.absent)
    if told.layers != tuple(came(made.migration)):
        raise _false(path, "its layers come from others than the record says")
    if told.weights != real or told.needs != made.needs:
        raise _false(path, "its weights, or the classes that it needs, are others than the record says")
    return proof


def _sound(arguments: Mapping[str, Any]) -> bool:
    """Whether a record's arguments are those that `convert` takes; a record may have been changed."""
    if arguments.keys() - {"read_lambda", "to", "target"} != {"lambdas", "shapes", "backend", "missing_weights"}:
        return False
    if type(arguments.get("read_lambda", False)) is not bool:
        return False
    if arguments.get("to", "keras3") not in get_args(Target) or not isinstance(arguments.get("target", ""), str):
        return False
    lists = [arguments["lambdas"], arguments["shapes"]]
    texts = all(isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value) for value in lists)
    backend = arguments["backend"] is None or isinstance(arguments["backend"], str)
    return texts and backend and arguments["missing_weights"] in ("refuse", "initialize")


def _false(path: Path, what: str) -> VerificationError:
    return VerificationError(
        f"the record does not match the conversion: {what}",
        code="verify-provenance",
        where=str(path),
        hint="give the plug-ins that it was converted with (--custom-objects); if the record was changed, convert again",
    )
