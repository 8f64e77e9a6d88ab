"""Functions are short, and a file tells one thing."""

from __future__ import annotations

import ast
from statistics import median

from source_tree import files

LINES_OF_A_FUNCTION = 50
"""Without the docstring: what a public function takes, gives and raises is said in full."""

LINES_OF_A_FILE = 420


def _lines(function: ast.FunctionDef) -> int:
    told = function.body[0].end_lineno if ast.get_docstring(function) else None
    first = function.lineno if told is None else told
    assert first is not None
    assert function.end_lineno is not None
    return function.end_lineno - first + 1


def test_functions_are_short() -> None:
    sizes = {
        f"{file!r}:{node.lineno} {node.name}": _lines(node)
        for file in files()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.FunctionDef)
    }
    assert len(sizes) > 1000
    assert {name: size for name, size in sizes.items() if size > LINES_OF_A_FUNCTION} == {}
    assert median(sizes.values()) <= 6


def test_files_tell_one_thing() -> None:
    sizes = {repr(file): len(file.path.read_text("utf-8").splitlines()) for file in files()}
    assert {name: size for name, size in sizes.items() if size > LINES_OF_A_FILE} == {}
