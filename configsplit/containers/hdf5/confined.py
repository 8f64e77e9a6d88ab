"""HDF5's own library, kept on a leash: a damaged global heap or B-tree makes it loop for ever, or take all memory.

What it shall do with a file that somebody else wrote is done first in a forked process with limits of time and memory. Only
what came to an end there is done here as well. No file of any Keras release needs it: they are plain, and read by
`plain_read`, which follows nothing twice.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import select
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from configsplit.containers.system.errors import HDF5_FAULTS, damaged
from configsplit.errors import StoreError

_SECONDS = 1
_BYTES_A_SECOND = 32 << 20
_MEMORY = 128 << 20
_PATIENCE = 10
"""How much longer than its processor time a child may take, on a machine that is busy."""


def confined(action: Callable[[], None], where: str, work: int) -> None:
    """Do something with HDF5 in a forked process, whose limits grow with the bytes of ``work`` that it is for.

    All that the action needs must be imported already. h5py takes its lock before a fork and lets go of it on both sides.

    Raises:
        StoreError: the action did, or it failed inside HDF5, or came to no end within the limits, or died.
    """
    answer, give = os.pipe()
    child = os.fork()
    if not child:
        os.close(answer)
        _run(action, give, where, work)
    os.close(give)
    try:
        said = _answer(answer, _PATIENCE * _seconds(work))
    finally:
        os.close(answer)
        os.kill(child, signal.SIGKILL)  # it is done, or out of time
        os.waitpid(child, 0)
    if said is None:
        raise _endless(where)
    if said:
        raise StoreError(**json.loads(said))


def _seconds(work: int) -> int:
    return _SECONDS + work // _BYTES_A_SECOND


def _answer(pipe: int, seconds: float) -> bytes | None:
    """What the child said: nothing if all went well. None where it died or took too long."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    said = b""
    while not said.endswith(b"\n"):
        piece = os.read(pipe, 1 << 16) if poll.poll(1000 * seconds) else b""
        if not piece:
            return None
        said += piece
    return said[:-1]


def _run(action: Callable[[], None], give: int, where: str, work: int) -> NoReturn:
    """The child's whole life. Whatever happens, it ends here: the parent's buffers and handlers are not its own."""
    try:
        faulthandler.disable()
        _limit(work)
        os.write(give, _told(action, where) + b"\n")
    finally:
        os._exit(0)


def _limit(work: int) -> None:
    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, _seconds(work)), (resource.RLIMIT_AS, _room(work))):
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, hard))


def _room(work: int) -> int:
    """Address space for the child: what it has, and so much more. macOS does not tell, nor does it hold anybody to it."""
    told = Path("/proc/self/statm")
    taken = int(told.read_text().split()[0]) * resource.getpagesize() if told.exists() else 1 << 40
    return taken + _MEMORY + 2 * work


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
        "HDF5 comes to no end with this file: it loops, or takes memory without bounds",
        code="hdf5-endless",
        where=where,
        hint="the file is damaged or hostile; copy or download it again",
    )
