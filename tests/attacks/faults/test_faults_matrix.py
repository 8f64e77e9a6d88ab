"""Every verb that writes under every fault: all or nothing, a coded error or the signal's own end, no traceback."""

from __future__ import annotations

import errno
import re
import signal
from typing import Any

import pytest
from fault_verbs import LINES, Done, World, visible, writing
from support.thinned import in_turn

VERBS = tuple(LINES)
MB = 1 << 20


def test_every_verb_that_writes_is_here() -> None:
    assert {words[0] for words in LINES.values()} | {"batch"} == writing()


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no file may grow": ({"limits": {"FSIZE": 0}}, "disk-full"),
    "no file beyond 16 kB": ({"limits": {"FSIZE": 16_000}}, ""),
    "a full disk, 4 kB": ({"mount": "full", "size": 4 << 10}, "disk-full"),
    "a full disk, 20 kB": ({"mount": "full", "size": 20 << 10}, ""),
    "a full disk, 44 kB": ({"mount": "full", "size": 44 << 10}, ""),
    "a read-only disk": ({"mount": "read-only"}, "read-only"),
    "a folder without leave to write": ({"mode": 0o555}, "no-permission"),
    "a folder without any leave": ({"mode": 0o000}, "no-permission"),
    "4 open files": ({"limits": {"NOFILE": 4}}, "no-descriptors"),
    "5 open files": ({"limits": {"NOFILE": 5}}, ""),
    "6 open files": ({"limits": {"NOFILE": 6}}, ""),
    "8 open files": ({"limits": {"NOFILE": 8}}, ""),
    "no more memory": ({"limits": {"AS": 0}}, "no-memory"),
    "4 MB more": ({"limits": {"AS": 4 * MB}}, ""),
    "12 MB more": ({"limits": {"AS": 12 * MB}}, ""),
    "28 MB more": ({"limits": {"AS": 28 * MB}}, ""),
    "stdout closed": ({"stdout": "closed"}, "done"),
    "all closed": ({"stdout": "all closed"}, "done"),
    "a reader that is gone": ({"stdout": "broken"}, "whole"),
    "stdout that is full": ({"stdout": "/dev/full"}, "whole"),
    "TMPDIR that is not there": ({"environment": {"TMPDIR": "/nowhere"}}, "done"),
    "TMPDIR that takes nothing": ({"environment": {"TMPDIR": "/proc"}}, "done"),
    "no HOME": ({"environment": {"HOME": None, "USER": None, "LOGNAME": None, "PATH": None, "TMPDIR": None}}, "done"),
}
"""Each fault and what it has to end in: a code, "done", "whole" (with any exit code); or empty, any that is allowed."""


def check(done: Done, whole: Done) -> None:
    """The whole or nothing, told rightly."""
    assert "Traceback" not in done.err, done.err
    complete = {**done.before, **{name: value for name, value in whole.after.items() if name not in whole.before}}
    assert visible(done.after) in (done.before, complete), sorted(done.after)
    assert visible(done.after) == done.after, "a hidden folder is left"
    assert done.code in (0, 1), done
    if done.code == 0:
        assert done.after == complete


SOME = in_turn([(verb, fault) for verb in VERBS[first : first + 5]] for first in range(0, len(VERBS), 5) for fault in FAULTS)
"""Of five verbs each fault meets one, the next fault the next."""


@pytest.mark.parametrize(("verb", "fault"), SOME)
def test_a_fault_of_the_system(world: World, verb: str, fault: str) -> None:
    settings, end = FAULTS[fault]
    done, whole = world.verb(verb, **settings), world.whole(verb)
    check(done, whole)
    if end in ("done", "whole"):
        assert done.after == whole.after
        assert end == "whole" or done.code == 0, done
    elif done.code:
        assert re.findall(r"error \[([a-z-]+)\]", done.err)[0] in ({end} if end else CODES)
        assert done.after == done.before
    else:
        fits = fault == "a full disk, 4 kB" and verb in ("profile", "weights")  # into one page
        assert not end or fits, "the fault was not met"


CODES = {"disk-full", "no-descriptors", "no-memory", "module-not-loaded", "io-failed"}


STRIDE = len(VERBS)
"""So that the verbs begin at different moments, and each kind of moment is met; `test_all_moments` meets all."""


def moments(verb: str, count: int, stride: int) -> range:
    """Every so many, beginning elsewhere for each verb: all together they meet each kind of moment."""
    return range(VERBS.index(verb) % stride, count, stride)


def struck(world: World, verb: str, stride: int, **fault: Any) -> None:
    whole = world.whole(verb)
    assert whole.moments > 10, "what changes the disk is not seen"
    for moment in moments(verb, whole.moments, stride):
        done = world.verb(verb, moment=moment, **fault)
        if done.moments <= moment:  # threads that meet save each other a call: the last moments may not come
            assert (done.code, done.after) == (0, whole.after)
            continue
        number = fault.get("signal", 0)
        if number == signal.SIGKILL:
            survives_a_kill(world, done, whole)
        elif number:
            assert done.code in (128 + number, -number), done
            check_signalled(done, whole)
        else:
            check_error(world, done, whole, moment)


def check_signalled(done: Done, whole: Done) -> None:
    assert (done.out, done.err) == ("", "") or done.after == whole.after
    assert done.after in (done.before, whole.after), sorted(done.after)


def check_error(world: World, done: Done, whole: Done, moment: int) -> None:
    """Where the system refuses to remove the hidden folder itself, it is the next run that does."""
    assert "Traceback" not in done.err, done.err
    assert visible(done.after) in (done.before, whole.after), (moment, sorted(done.after))
    assert done.code == 0 or (done.code == 1 and "error [" in done.err)
    assert done.code == 1 or visible(done.after) == whole.after
    assert visible(done.after) == done.after or visible(world.next_run(done)) == world.next_run(done)


def survives_a_kill(world: World, done: Done, *ends: Done) -> None:
    """Nothing is half there, or the next run brings it to its end; and it removes what is hidden."""
    assert done.code == -signal.SIGKILL
    after = world.next_run(done)
    assert visible(after) == after, "the next run has not removed the hidden folder"
    assert after in (done.before, *(end.after for end in ends)), sorted(after)
    if visible(done.after) != done.before:
        assert after != done.before, "what could be seen has vanished"


SIGNALS = {"kill -9": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}
ERRORS = {"no space": errno.ENOSPC, "a broken disk": errno.EIO, "too many files": errno.EMFILE}


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("verb", VERBS)
def test_a_signal_at_some_moments(world: World, verb: str, name: str) -> None:
    struck(world, verb, STRIDE, signal=SIGNALS[name])


@pytest.mark.parametrize("verb", VERBS)
def test_an_error_of_the_system_at_some_moments(world: World, verb: str) -> None:
    struck(world, verb, STRIDE, errno=errno.ENOSPC)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", [*SIGNALS, *ERRORS])
@pytest.mark.parametrize("verb", VERBS)
def test_all_moments(world: World, verb: str, name: str) -> None:
    struck(world, verb, 1, **({"signal": SIGNALS[name]} if name in SIGNALS else {"errno": ERRORS[name]}))


@pytest.mark.parametrize("verb", VERBS)
def test_names_with_newlines_and_leading_dashes(world: World, verb: str) -> None:
    done, whole = world.odd_names(verb)
    assert done.code == 0, done
    assert sorted(name.replace("-o\nut", "out") for name in done.after) == sorted(whole.after)
