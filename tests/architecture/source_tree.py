"""The source of the package as syntax trees, and what each file imports."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"configsplit": ROOT / "configsplit", "configsplit.custom_objects": ROOT / "custom_objects"}


@dataclass(frozen=True)
class File:
    """One file of the package."""

    path: Path
    module: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The room it stands in: ``cutting`` for ``configsplit.cutting.places``; empty for the package's own two files."""
        steps = self.module.split(".")
        return "" if len(steps) < 2 or steps[1] in ("__init__", "__main__") else steps[1]

    def __repr__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()


@dataclass(frozen=True)
class Import:
    """One imported module; ``lazy`` inside a function, ``typing`` under ``if TYPE_CHECKING``."""

    module: str
    line: int
    lazy: bool
    typing: bool


@cache
def files() -> tuple[File, ...]:
    found = []
    for name, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            module = ".".join([name, *path.relative_to(folder).with_suffix("").parts])
            found.append(File(path, module, ast.parse(path.read_text("utf-8"), str(path))))
    return tuple(found)


@cache
def _modules_there() -> frozenset[str]:
    return frozenset(
        ".".join([name, *path.relative_to(folder).with_suffix("").parts])
        for name, folder in FOLDERS.items()
        for path in folder.rglob("*.py")
    )


@cache
def imports(file: File) -> tuple[Import, ...]:
    """Every import of a file, those by name (``import_module("h5py")``) included."""
    found: list[Import] = []
    todo: list[tuple[ast.AST, bool, bool]] = [(file.tree, False, False)]
    while todo:
        node, lazy, typing = todo.pop()
        found += [Import(module, getattr(node, "lineno", 0), lazy, typing) for module in _modules(node)]
        inside = lazy or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += [(child, inside, True) for child in node.body] + [(child, inside, typing) for child in node.orelse]
        else:
            todo += [(child, inside, typing) for child in ast.iter_child_nodes(node)]
    return tuple(found)


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"a relative import in line {node.lineno}: write it in full"
        base = node.module or ""
        named = [f"{base}.{alias.name}" for alias in node.names]
        return [each if base == "configsplit" or each in _modules_there() else base for each in named]
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")) and node.args:
        first = node.args[0]
        return [first.value] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
    return []
