"""No function calls itself: a document decides how deep a graph is, and Python's stack is not deep."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TypeAlias

from source_tree import File, files

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

ALLOWED = {
    # the inputs of a live model, which the user has written down as Python values
    *(f"configsplit/runtime/live/signature.py:{name}" for name in ("_mapped", "nested", "spec_names")),
    # builds a model with Keras, from a recipe that was drawn small
    "configsplit/testing/masked_building.py:_layer",
}


def test_no_function_calls_itself() -> None:
    found = {place for file in files() for place in _recursive(file)}
    assert found == ALLOWED, "\n".join(sorted(found ^ ALLOWED))


def _recursive(file: File) -> Iterator[str]:
    todo: list[tuple[ast.AST, str, tuple[tuple[Function, str], ...]]] = [(file.tree, "", ())]
    while todo:
        node, owner, around = todo.pop()
        if isinstance(node, ast.Call):
            yield from (f"{file!r}:{function.name}" for function, its in around if _calls(node, function, its))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            around = (*around, (node, owner))
        owner = node.name if isinstance(node, ast.ClassDef) else "" if isinstance(node, ast.FunctionDef) else owner
        todo.extend((child, owner, around) for child in ast.iter_child_nodes(node))


def _calls(inner: ast.Call, function: Function, owner: str) -> bool:
    """Whether a call leads back to the function: by its name, or as ``self.name`` in a method."""
    target = inner.func
    if isinstance(target, ast.Name):
        return not owner and target.id == function.name
    named = isinstance(target, ast.Attribute) and target.attr == function.name
    return named and bool(owner) and isinstance(target.value, ast.Name) and target.value.id in ("self", "cls", owner)
