"""No test is one that cannot fail: none without a check, and no check that is always true."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
CHECKS = ("raises", "warns", "fail", "check_call", "refused", "failed")
"""Calls that fail by themselves; so does every function of the tests that asserts, and one that calls such a function."""


@cache
def trees() -> dict[str, ast.Module]:
    paths = [path for path in sorted(TESTS.rglob("*.py")) if "corpus" not in path.parts]
    return {path.relative_to(TESTS).as_posix(): ast.parse(path.read_text("utf-8"), str(path)) for path in paths}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for place, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{place}:{node.lineno}", node


def always_true(test: ast.expr) -> str | None:
    """Why a check can never fail, as far as its form tells; None if it can."""
    if isinstance(test, ast.Constant) and test.value:
        return "it is a constant"
    if isinstance(test, ast.Tuple) and test.elts:
        return "a tuple is true whatever is in it"
    if isinstance(test, (ast.JoinedStr, ast.Lambda, ast.GeneratorExp)):
        return "such a value is always true"
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], (ast.Eq, ast.Is, ast.GtE, ast.LtE)):
        same = ast.dump(test.left) == ast.dump(test.comparators[0])
        return "it compares a thing with itself" if same and _is_still(test.left) else None
    if isinstance(test, ast.BoolOp):
        reasons = [always_true(each) for each in test.values]
        if isinstance(test.op, ast.Or):
            return (
                next((f"one side of `or`: {reason}" for reason in reasons if reason), None)
                or _only_named(test)
                or _either(test)
            )
        return "both sides" if all(reasons) else None
    return None


def _is_still(value: ast.expr) -> bool:
    """Whether a value is the same each time: it calls nothing."""
    return not any(isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)) for node in ast.walk(value))


def _only_named(test: ast.BoolOp) -> str | None:
    """``... or title(path)``: what a function makes of a value is mostly true; a condition says what it asks."""
    last = test.values[-1]
    plain = isinstance(last, ast.Call) and isinstance(last.func, ast.Name) and last.func.id not in ASKING
    return f"one side of `or` is {ast.unparse(last)}, which asks nothing" if plain else None


def _either(test: ast.BoolOp) -> str | None:
    """``x == 1 or x == 2``: a test knows which answer is right."""
    asked = [ast.dump(each.left) for each in test.values if isinstance(each, ast.Compare) and isinstance(each.ops[0], ast.Eq)]
    return "it takes either of two answers" if len(set(asked)) < len(asked) else None


ASKING = {"all", "any", "bool", "callable", "hasattr", "isinstance", "issubclass"}


def test_every_check_can_fail() -> None:
    wrong = [
        f"{place}:{node.lineno} {ast.unparse(node.test)}: {reason}"
        for place, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert) and (reason := always_true(node.test))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        ("x == 1 or True", True),
        ("x or 'text'", True),
        ("(x == 1, 'message')", True),
        ("x or len(y) < 6 or title(path)", True),
        ("x == x", True),
        ("x or isinstance(y, int)", False),
        ("x == 1 or x == 2", True),
        ("x == 1 or y == 2", False),
        ("not x or y == 2", False),
        ("f() == f()", False),
    ],
)
def test_this_check_can_fail_itself(check: str, wrong: bool) -> None:
    assert (always_true(ast.parse(check, mode="eval").body) is not None) is wrong


def test_every_test_checks_something() -> None:
    """By an assertion, an error that is waited for, or a function that does such a thing."""
    checking, tests = {*CHECKS}, [(place, node.name, _called(node)) for place, node in functions()]
    while more := {name for _, name, called in tests if name not in checking and called & checking}:
        checking |= more
    idle = [f"{place} {name}" for place, name, _ in tests if name.startswith("test_") and name not in checking]
    assert not idle, "\n".join(idle)


def _called(function: ast.FunctionDef) -> set[str]:
    """The names of what it calls, and ``fail`` where it asserts or raises by itself."""
    found = set()
    for node in ast.walk(function):
        if isinstance(node, (ast.Assert, ast.Raise)):
            found.add("fail")
        if isinstance(node, ast.Call):
            found.add(node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", ""))
            if any(word.arg == "check" and getattr(word.value, "value", None) is True for word in node.keywords):
                found.add("fail")
    return found
