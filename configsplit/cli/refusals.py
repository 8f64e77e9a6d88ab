"""What the system refuses where nobody expected it (memory, open files, threads, the loading of a module), as coded errors.

Nothing is imported here beyond what the command line has loaded already: a process that may open no more files cannot.
"""

from __future__ import annotations

import errno

from configsplit.errors import ConfigSplitError, StoreError

REFUSALS = (MemoryError, OSError, ImportError, RuntimeError, SyntaxError)
"""Python's compiler calls it a syntax error where it gets no memory for a module that was never compiled."""

_THREADS = "can't start new thread"
_MEMORY = ("failed to map segment", "Cannot allocate memory")
_FILES = "Too many open files"


def refusal(error: BaseException) -> ConfigSplitError | None:
    """The coded error for one that the system caused; None for one that is a fault of the program."""
    text = str(error)
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number == errno.ENOMEM or any(sign in text for sign in (_THREADS, *_MEMORY)):
        hint = "raise `ulimit -v` and `ulimit -u`, or close other programs; nothing was left behind"
        return StoreError("there is not enough memory, or no thread can be started", code="no-memory", hint=hint)
    if number in (errno.EMFILE, errno.ENFILE) or _FILES in text:
        return StoreError(
            "no more files can be opened", code="no-descriptors", hint="raise `ulimit -n`; nothing was left behind"
        )
    if isinstance(error, OSError):
        return StoreError(error.strerror or text, code="io-failed", where=str(error.filename or ""))
    if isinstance(error, (ImportError, SyntaxError)):
        hint = "raise `ulimit -n` and `ulimit -v`, or reinstall configsplit"
        return StoreError(f"a module cannot be loaded: {text}", code="module-not-loaded", hint=hint)
    return None
