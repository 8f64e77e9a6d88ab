"""Weights in an ``.npz`` file of numpy: arrays by name; objects, which would be pickles, are refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod
from typing import Any

import numpy as np

from configsplit.containers.archive import ARRAY, Archive
from configsplit.containers.arrays import Listed, ListedArrays
from configsplit.containers.by_name import by_name
from configsplit.containers.given_arrays import array_in, head_of
from configsplit.containers.system.window import Span
from configsplit.dialects import parse


def npz_weights(archive: Archive, config_text: str) -> ListedArrays:
    """The arrays as weights of an architecture.

    Raises:
        StoreError: one is damaged, or no array of numbers.
        WeightsError: one is called after no layer, or nobody can say which weight it is.
    """
    return by_name(parse(config_text).model, dict(listed(archive)), archive.where)


def listed(archive: Archive) -> Iterator[tuple[str, Listed]]:
    """The arrays in the order of the archive. Raises StoreError as `npz_weights` does."""
    for name in archive.members:
        where = f"{archive.where}: {name}"
        head = head_of(next(iter(archive.chunks(name)), b""), archive.members[name].file_size, where, "biufc")
        size, plain = head.dtype.itemsize * prod(head.shape), head.dtype.newbyteorder("=")
        as_it_lies = archive.is_stored(name) and not head.fortran and head.dtype.isnative
        place = archive.place(name) if as_it_lies else None
        data = Span(place.fd, place.offset + head.size, size) if place else partial(_read, archive, name, where)
        yield name.removesuffix(ARRAY), Listed(head.shape, plain.name, size, data)


def _read(archive: Archive, name: str, where: str) -> np.ndarray[Any, Any]:
    values = array_in(b"".join(archive.chunks(name)), where)
    return values.astype(values.dtype.newbyteorder("="), order="C")
