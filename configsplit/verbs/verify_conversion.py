"""Check a converted file: the conversion is done once more from the source, and the file is held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from configsplit.containers import open_source
from configsplit.containers.container import SUFFIXES
from configsplit.dialects import to_text
from configsplit.errors import VerificationError
from configsplit.models.document import reading
from configsplit.records.provenance import Accounts, ProvenanceRecord
from configsplit.saving.conversion import Target, came, new_weights
from configsplit.saving.conversion_proof import ConversionProof, accounts, prove
from configsplit.verbs.convert import convert


def verify_conversion(
    path: Path,
    told: ProvenanceRecord,
    places: Sequence[tuple[Path, Path | None]],
    *,
    custom_objects: Sequence[str | Path] = (),
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
    by_name = bool(told.sources[0].weights_by_name)
    with (
        reading(source, weights=weights, custom_objects=custom_objects, by_name=by_name) as document,
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
    texts = all(isinstance(found, (list, tuple)) and all(isinstance(each, str) for each in found) for found in lists)
    backend = arguments["backend"] is None or isinstance(arguments["backend"], str)
    return texts and backend and arguments["missing_weights"] in ("refuse", "initialize")


def _false(path: Path, what: str) -> VerificationError:
    return VerificationError(
        f"the record does not tell what the conversion gives: {what}",
        code="verify-provenance",
        where=str(path),
        hint="give the plug-ins that it was converted with (--custom-objects); if the record was changed, convert anew",
    )
