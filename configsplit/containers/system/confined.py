"""HDF5's own library, kept on a leash: a damaged global heap or B-tree makes it loop for ever, or take all memory.

What it shall do with a file that somebody else wrote is done first in a forked process with limits of time and memory. Only
what came to an end there is done here as well. No file of any Keras release needs it: they are plain, and read by
`read_plain`, which follows nothing twice. A system that cannot fork (Windows) has no leash: there it is done at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from configsplit.containers.system.errors import HDF5_FAULTS, damaged
from configsplit.containers.system.forked import Forked, Orphaned, can_fork, limit
from configsplit.errors import StoreError

_SECONDS = 1
_BYTES_A_SECOND = 32 << 20
_MEMORY = 128 << 20
_PATIENCE = 60
"""How much longer than its processor time a child may take, on a machine that is busy."""


def confined(action: Callable[[], None], where: str, work: int) -> None:
    """Do something with HDF5 in a forked process, whose limits grow with the bytes of ``work`` that it is for.

    h5py takes its lock before a fork and lets go of it on both sides. What the action gives, it leaves in shared memory.
    """
    if not can_fork():
        said: bytes | None = _told(action, where)
    else:
        seconds = _SECONDS + work // _BYTES_A_SECOND

        def limited(_: Orphaned) -> bytes:
            limit(seconds, _MEMORY + 2 * work)
            return _told(action, where)

        with Forked(limited) as child:
            said = child.said(_PATIENCE * seconds)
    if said is None:
        raise _endless(where)
    if said:
        raise StoreError(**json.loads(said))


def _told(action: Callable[[], None], where: str) -> bytes:
    """Do it, and say what went wrong; nothing if nothing did."""
    try:
        action()
    except StoreError as error:
        return json.dumps(error.as_json()).encode()
    except MemoryError:
        return json.dumps(_endless(where).as_json()).encode()
    except HDF5_FAULTS as error:
        return json.dumps(_failed(error, where).as_json()).encode()
    return b""


def _failed(error: Exception, where: str) -> StoreError:
    return _endless(where) if is_want_of_memory(error) else damaged(error, where)


def is_want_of_memory(error: Exception) -> bool:
    """HDF5 says so in prose, in an error of any class."""
    return isinstance(error, MemoryError) or "alloc" in str(error)


def _endless(where: str) -> StoreError:
    return StoreError(
        "HDF5 does not finish with this file: it loops, or takes unlimited memory",
        code="hdf5-endless",
        where=where,
        hint="the file is damaged or hostile; copy or download it again",
    )
