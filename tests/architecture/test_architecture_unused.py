"""Nothing stands in the source that nobody uses: what is defined is named somewhere else, or public, or called by others."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from source_tree import ROOT, File, files

import configsplit
import configsplit.keras

MADE = ROOT / "benchmarks" / "out"
"""What benchmarks leave: models, and what is installed to run them."""
PLACES = ("README.md", "docs", "examples", "benchmarks", "pyproject.toml", "Makefile")
"""What people are told to use counts as used. Tests do not count: code that only tests call does nothing."""

FOR_OTHERS = {"testing", "ir"}
"""Rooms that other projects use."""

FOR_TESTS = {"ABSTRACT": "classes that stand in no model by themselves: what Keras exports is held against the catalog"}

CALLED_BY_OTHERS = re.compile(r"__\w+__|visit_\w+|_repr_html_|_repr_mimebundle_|_")
"""Python, libraries and notebooks call these by name."""


def _defined(file: File) -> Iterator[tuple[str, int]]:
    """Functions, classes, methods and constants of a file. Fields of records and overridden methods are left out."""
    for node in file.tree.body:
        yield from _names(node)
        if isinstance(node, ast.ClassDef) and not node.bases:
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield inner.name, inner.lineno


def _names(node: ast.stmt) -> Iterator[tuple[str, int]]:
    if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name, node.lineno
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id, node.lineno


def _uses() -> Counter[str]:
    """How often each word stands in the code other than where it is defined, imported or exported; not in a function of that
    very name, which hands on to its namesakes."""
    found: Counter[str] = Counter()
    for file in files():
        exported = _exported(file)
        todo: list[tuple[ast.AST, frozenset[str]]] = [(file.tree, frozenset())]
        while todo:
            node, inside = todo.pop()
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                found.update({node.id} - inside)
            elif isinstance(node, ast.Attribute):
                found.update({node.attr} - inside)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in exported:
                found.update(re.findall(r"[A-Za-z_]\w*", node.value) if _is_code(node.value) else ())
            inside |= {node.name} if isinstance(node, ast.FunctionDef) else set()
            todo += [(each, inside) for each in ast.iter_child_nodes(node)]
    return found


def _exported(file: File) -> set[int]:
    """The strings in the list ``__all__``."""
    lists = [
        statement.value
        for statement in file.tree.body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"
    ]
    return {id(item) for each in lists for item in ast.walk(each)}


def _is_code(text: str) -> bool:
    """Names of attributes, and types in quotes; no sentences."""
    return " " not in text or " | " in text


def _told() -> set[str]:
    """Words of everything that shows how configsplit is used."""
    paths = [path for place in PLACES for path in ([ROOT / place] if (ROOT / place).is_file() else (ROOT / place).rglob("*"))]
    texts = [
        path.read_text("utf-8")
        for path in paths
        if path.suffix in (".md", ".py", ".toml", "") and path.is_file() and MADE not in path.parents
    ]
    return {word for text in texts for word in re.findall(r"\w+", text)}


def test_everything_that_is_defined_is_used() -> None:
    uses, told = _uses(), _told()
    public = {*configsplit.__all__, *configsplit.keras.__all__}
    unused = [
        f"{file!r}:{line} {name}"
        for file in files()
        if file.package not in FOR_OTHERS
        for name, line in _defined(file)
        if not uses[name] and name not in told | public | FOR_TESTS.keys() and not CALLED_BY_OTHERS.fullmatch(name)
    ]
    assert not unused, "\n".join(unused)


def test_what_a_room_hands_out_is_taken() -> None:
    """A name in ``__all__`` of a room is imported from it somewhere, or is there for others."""
    taken = {
        f"{node.module}.{name.name}"
        for file in files()
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    rooms = [file for file in files() if file.path.name == "__init__.py" and file.package not in FOR_OTHERS | PUBLIC]
    handed = [f"{file.module.removesuffix('.__init__')}.{name}" for file in rooms for name in _names_handed_out(file)]
    assert len(handed) > 40
    assert sorted({*handed} - taken) == []


PUBLIC = {"", "keras", "plugins"}


def _names_handed_out(file: File) -> list[str]:
    return [node.value for node in ast.walk(file.tree) if id(node) in _exported(file) and isinstance(node, ast.Constant)]
