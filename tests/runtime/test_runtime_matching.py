"""Which call inside one model stands for which of another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from configsplit.runtime.matching import Call, matched


def calls(*told: tuple[Any, ...]) -> list[Call]:
    """``(path, class, takes)`` in the order of running."""
    counts: dict[str, int] = {}
    found = []
    for number, (path, class_name, takes, *shape) in enumerate(told):
        shapes = (tuple(shape) or (4, 2),)
        found.append(Call(number, tuple(path.split("/")), class_name, counts.get(path, 0), Path(), tuple(takes), shapes))
        counts[path] = counts.get(path, 0) + 1
    return found


def pairs(ours: list[Call], theirs: list[Call], names: Any = None, order: Any = (0, 1)) -> list[tuple[str, str, str]]:
    return [(pair.ours.name(), pair.theirs.name(), pair.by) for pair in matched(ours, theirs, order, names)]


def test_names_are_the_same() -> None:
    ours = calls(("a", "Dense", [(-1, 0)]), ("m/b", "ReLU", [(0, 0)]))
    assert pairs(ours, ours) == [("a", "a", "name"), ("m/b", "m/b", "name")]


def test_calls_of_a_shared_layer_go_by_what_they_take() -> None:
    """Keras runs calls in an order of its own: in the other model the second input's branch runs first."""
    ours = calls(("s", "Dense", [(-1, 0)]), ("s", "Dense", [(-1, 1)]), ("t", "Dense", [(0, 0)]), ("t", "Dense", [(1, 0)]))
    theirs = calls(("s", "Dense", [(-1, 1)]), ("s", "Dense", [(-1, 0)]), ("t", "Dense", [(0, 0)]), ("t", "Dense", [(1, 0)]))
    crossed = [("s", "s@1", "name"), ("s@1", "s", "name"), ("t", "t@1", "name"), ("t@1", "t", "name")]
    assert pairs(ours, theirs) == crossed
    swapped = [("s", "s", "name"), ("s@1", "s@1", "name"), ("t", "t", "name"), ("t@1", "t@1", "name")]
    assert pairs(ours, theirs, order=(1, 0)) == swapped


def test_a_layer_that_is_called_more_often_has_no_partner() -> None:
    ours = calls(("s", "Dense", [(-1, 0)]), ("s", "Dense", [(0, 0)]), ("t", "ReLU", [(1, 0)]))
    theirs = calls(("s", "Dense", [(-1, 0)]), ("t", "ReLU", [(0, 0)]))
    assert pairs(ours, theirs) == [("t", "t", "name")]


def test_a_record_wins_over_names() -> None:
    """``a`` and ``b`` have swapped their names; a fresh layer that is called as another was is not taken for it."""
    ours = calls(("a", "Dense", [(-1, 0)]), ("b", "Dense", [(0, 0)]), ("c", "Dense", [(1, 0)], 4, 9))
    theirs = calls(("b", "Dense", [(-1, 0)]), ("a", "Dense", [(0, 0)]), ("c", "Dense", [(1, 0)], 4, 3))
    names = {("b",): ("a",), ("a",): ("b",)}
    assert pairs(ours, theirs, names) == [("a", "b", "record"), ("b", "a", "record")]


def test_what_has_no_namesake_goes_by_its_place_among_its_class() -> None:
    ours = calls(("d", "Dense", []), ("d_1", "Dense", []), ("r", "ReLU", []), ("x", "Conv2D", []))
    theirs = calls(("e", "Dense", []), ("e_1", "Dense", []), ("q", "ReLU", []), ("p", "ReLU", []), ("x", "Conv2D", []))
    assert pairs(ours, theirs) == [("d", "e", "position"), ("d_1", "e_1", "position"), ("x", "x", "name")]


def test_other_shapes_are_no_match_by_place() -> None:
    ours, theirs = calls(("d", "Dense", [], 4, 3)), calls(("e", "Dense", [], 4, 5))
    assert pairs(ours, theirs) == []
