"""Outputs that replace others, and outputs that two processes want to put in one place."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from fault_verbs import LINES, OTHER, Done, World, visible
from support.thinned import in_turn
from test_faults_matrix import SIGNALS, survives_a_kill

SOME = ("split", "rename")


def replaced(world: World, verb: str, moment: int | None, number: int) -> tuple[Done, Done]:
    """Put another output where the verb's will be, then the verb with --force: struck at a moment, and what it should leave."""
    target = world.target()
    assert world.run(world.line(OTHER[verb], target), target).code == 0
    if (target / "out").is_dir():
        (target / "out" / "notes.txt").write_text("mine too")
    line = world.line(LINES[verb], target, "--force")
    strike = {} if moment is None else {"moment": moment, "signal": number}
    return world.run(line, target, **strike), world.whole(verb)


def with_force(world: World, verb: str, number: int, last: int) -> None:
    done, _ = replaced(world, verb, None, 0)
    assert done.code == 0
    for moment in range(max(0, done.moments - last), done.moments):
        struck, _ = replaced(world, verb, moment, number)
        if struck.moments <= moment:
            assert (struck.code, struck.after) == (0, done.after)
        elif number == signal.SIGKILL:
            survives_a_kill(world, struck, done)
        else:
            assert struck.code in (128 + number, -number)
            assert struck.after in (struck.before, done.after), sorted(struck.after)


@pytest.mark.parametrize(("verb", "name"), in_turn([(verb, name) for name in ("kill -9", "SIGTERM")] for verb in SOME))
def test_replacing_under_a_signal(world: World, verb: str, name: str) -> None:
    """The last moments are those of the swap."""
    with_force(world, verb, SIGNALS[name], last=12)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("verb", LINES)
def test_replacing_under_a_signal_at_any_moment(world: World, verb: str, name: str) -> None:
    with_force(world, verb, SIGNALS[name], last=1000)


def together(world: World, other: World, verb: str, moment: int, *more: str) -> tuple[Done, Done, dict[str, str]]:
    """One process waits at a moment while another does its work on the same ``--out``, or waits for the first to go on."""
    target = world.target()
    words = LINES[verb] if verb == "split" else OTHER[verb]
    gates = [str(target) + "-a", str(target) + "-b"]
    world.send(world.line(OTHER[verb], target, *more), target, moment=moment, pause=gates)
    world.wait_for_pause(gates)
    other.send(other.line(words, target, *more), target)
    other.ready(0.5)
    world.go_on(gates)
    first, second = world.receive(), other.receive()
    return first, second, visible(content_of(target))


def content_of(target: Path) -> dict[str, str]:
    from fault_server import content

    return content(target)


def two(world: World, other: World, verb: str, stride: int) -> None:
    words = LINES[verb] if verb == "split" else OTHER[verb]
    wholes = (world.whole(verb, OTHER[verb]), world.whole(verb, words))
    for moment in range(stride - 1, wholes[0].moments, stride):
        first, second, left = together(world, other, verb, moment)
        ends = (first.code, second.code)
        assert ends in ((0, 1), (1, 0)), (first, second)
        assert left == wholes[ends.index(0)].after
        assert "error [output-exists]" in (first, second)[ends.index(1)].err
        first, second, left = together(world, other, verb, moment, "--force")
        assert (first.code, second.code) == (0, 0), (first, second)
        assert left in (wholes[0].after, wholes[1].after)


@pytest.mark.parametrize("verb", ["split", "rename"])
def test_two_processes_on_one_output(world: World, other: World, verb: str) -> None:
    two(world, other, verb, 8)


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", LINES)
def test_two_processes_at_any_moment(world: World, other: World, verb: str) -> None:
    two(world, other, verb, 1)


def test_a_living_run_keeps_its_folder(world: World, other: World) -> None:
    """A run that stands still in the middle of its work is not dead: the next run leaves its hidden folder alone."""
    target = world.target()
    gates = [str(target) + "-a", str(target) + "-b"]
    world.send(world.line(LINES["split"], target), target, moment=12, pause=gates)
    world.wait_for_pause(gates)
    hidden = [name for name in content_of(target) if name.startswith(".configsplit-")]
    done = other.run(other.line(OTHER["rename"], target), target)
    assert done.code == 0
    assert hidden
    assert [name for name in content_of(target) if name.startswith(".configsplit-")] == hidden
    world.go_on(gates)
    assert world.receive().code == 0
    assert (target / "out" / "manifest.json").is_file()
