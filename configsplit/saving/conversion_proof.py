"""Proof of a conversion: the file read anew, its graph the one that the rules give, every weight what it was made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from configsplit.containers.arrays import Arrays
from configsplit.containers.relayout import read, relaid
from configsplit.containers.source import Source
from configsplit.errors import VerificationError
from configsplit.records.provenance import Accounts, Missing, Relaid
from configsplit.weights.accounts import Absent
from configsplit.weights.conversion import Laid, NewWeights
from configsplit.weights.kept import KeptWeights
from configsplit.weights.keras2 import Keras2Weights


@dataclass(frozen=True, slots=True)
class ConversionProof:
    """How many weights of a conversion were held against what they were made of, and their bytes."""

    weights: int
    bytes: int


def accounts(new: NewWeights | KeptWeights | Keras2Weights | None, absent: Sequence[Absent]) -> Accounts:
    """What a record says of the weights."""
    wanted = [] if new is None else new.every()
    anew = [each for each in wanted if each.recipe.steps]
    return Accounts(
        copied=len(wanted) - len(anew),
        relaid=tuple(
            Relaid(
                weight=each.place,
                origin=tuple(each.sources[number] for number in each.recipe.sources),
                recipe=str(each.recipe),
            )
            for each in anew
        ),
        absent=tuple(Missing(layer=each.path, reason=each.reason) for each in absent),
    )


def prove(written: Source, text: str, new: NewWeights | KeptWeights | Keras2Weights | None) -> ConversionProof:
    """Hold a converted file, read anew, against a conversion: the text of its document, and its weights."""
    if written.config_text != text:
        raise VerificationError(
            "the graph is not the one that the rules of conversion give for the source",
            code="verify-graph",
            where=str(written.path),
            hint="the file was changed, or written by another release of configsplit; convert the source again",
        )
    if written.weights is None or new is None:
        return ConversionProof(0, 0)
    sizes = list(_held(written.path, written.weights, new.every(), new.file))
    return ConversionProof(len(sizes), sum(sizes))


def _held(path: Path, ours: Arrays, wanted: Sequence[Laid], theirs: Arrays) -> Iterator[int]:
    """The size of each weight, once it is found to be what its recipe makes."""
    if strange := sorted(ours.datasets.keys() ^ {each.place for each in wanted}):
        raise _differs(path, f"the weight {strange[0]!r} is in the file or in the conversion, but not in both")
    for each in wanted:
        if not _is(ours, each, theirs):
            raise _differs(path, f"the weight {each.place!r} is not what was made of {each.sources[0]!r}: {each.recipe}")
        yield ours.datasets[each.place].nbytes


def _is(ours: Arrays, wanted: Laid, theirs: Arrays) -> bool:
    if not wanted.recipe.steps:
        return ours.same(wanted.place, theirs, wanted.sources[wanted.recipe.sources[0]])
    made, stored = relaid(theirs, wanted.sources, wanted.recipe), read(ours, wanted.place)
    return made.shape == stored.shape and made.dtype == stored.dtype and made.tobytes() == stored.tobytes()


def _differs(path: Path, message: str) -> VerificationError:
    return VerificationError(message, code="verify-weights", where=str(path))
