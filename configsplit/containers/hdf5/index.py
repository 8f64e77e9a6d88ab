"""What stands in an HDF5 file and where; the two readers, `plain_read` and `hdf5`, give the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from configsplit.errors import StoreError

MAX_DEPTH = 1200
"""Groups within groups; a document's own limit of 600 brackets allows far fewer."""


class GroupInfo(NamedTuple):
    """A group: its real name in the file and how many attributes it has."""

    raw: bytes
    attributes: int


class DatasetInfo(NamedTuple):
    """A dataset.

    ``offset`` counts from the beginning of the HDF5 file; it is None where the bytes do not lie plain and in one run.
    ``type_key`` is its type as HDF5 encodes it.
    """

    raw: bytes
    shape: tuple[int, ...]
    dtype: str
    nbytes: int
    offset: int | None
    type_key: bytes
    attributes: int


@dataclass(frozen=True, slots=True)
class Index:
    """Path -> what stands there, outer ones first, names of one group in HDF5's own (alphabetical) order."""

    groups: dict[str, GroupInfo] = field(default_factory=dict)
    datasets: dict[str, DatasetInfo] = field(default_factory=dict)


def check_overlaps(index: Index, where: str) -> None:
    """Refuse datasets that share their bytes: they would let a small file grow into a large one when it is copied."""
    spans = sorted((info.offset, info.nbytes, path) for path, info in index.datasets.items() if info.offset is not None)
    for (offset, size, one), (following, _, other) in pairwise(spans):
        if offset + size > following:
            raise refusal("hdf5-alias", f"{one} and {other} share their bytes", where)


def refusal(code: str, message: str, where: str) -> StoreError:
    """The error for what only a hostile or damaged file has."""
    return StoreError(message, code=code, where=where, hint="no Keras release writes this: the file is damaged or hostile")
