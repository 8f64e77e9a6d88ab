"""What is being done, and what was decided and why: told to whoever listens, and made into words only then.

The command line listens for its line of progress, ``-v`` and ``--log-file``. In Python the logger ``configsplit`` gets the
same, if the program has loaded `logging`, which is not loaded for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

Kind = Literal["doing", "decided"]
Listener = Callable[[Kind, str], None]

_listeners: list[Listener] = []


def doing(what: str) -> None:
    """A step begins that may take long: ``writing 3 parts``."""
    _tell("doing", what)


def decided(words: Callable[[], str]) -> None:
    """A choice was made; ``words`` say which, among what and why, and are asked for only where somebody listens."""
    if _listeners or _logs("decided"):
        _tell("decided", words())


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell a listener all that is told in the body."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


_LEVELS = {"doing": 10, "decided": 20}  # logging.DEBUG, logging.INFO


def _logs(kind: Kind) -> bool:
    logging = sys.modules.get("logging")
    return logging is not None and logging.getLogger("configsplit").isEnabledFor(_LEVELS[kind])


def _tell(kind: Kind, words: str) -> None:
    for listener in tuple(_listeners):
        listener(kind, words)
    if _logs(kind):
        sys.modules["logging"].getLogger("configsplit").log(_LEVELS[kind], "%s", words)
