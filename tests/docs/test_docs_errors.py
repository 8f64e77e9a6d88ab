"""docs/errors.md lists the error codes of the source: all of them, and no others."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

from support.error_pages import DATA, told, written

from configsplit.verbs.table import VERBS

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
NOT_CODES = {
    "custom-objects",
    "no-weights",
    "sandbox-exec",
    "utf-8",
    "with-cost",
    "multiply-accumulates",
    "layer-0",
    "layers-model",
    "group1-shard",
    "bit-identical",
}


@cache
def trees() -> list[tuple[Path, ast.Module]]:
    paths = [path for folder in ("configsplit", "custom_objects") for path in sorted((ROOT / folder).rglob("*.py"))]
    return [(path, ast.parse(path.read_text("utf-8"), str(path))) for path in paths]


def raised() -> dict[str, str]:
    """Everything that looks like a code -> where: codes also stand in tables and in arguments of helpers."""
    found: dict[str, str] = {}
    for path, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.setdefault(node.value, f"{path.relative_to(ROOT)}:{node.lineno}")
    return {code: place for code, place in found.items() if code not in NOT_CODES}


def declared() -> set[str]:
    """Literals that are codes beyond doubt: ``code=...``, and the first argument of a Hazard."""
    found: set[str] = set()
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                values = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                values += node.args[:1] if ast.unparse(node.func).endswith("Hazard") else []
                found |= {code for value in values for code in _literals(value)}
    return found


def _literals(value: ast.expr) -> set[str]:
    if isinstance(value, ast.IfExp):
        return _literals(value.body) | _literals(value.orelse)
    return {value.value} if isinstance(value, ast.Constant) and isinstance(value.value, str) else set()


def documented() -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "errors.md").read_text("utf-8"), re.MULTILINE)


def test_codes_are_spelt_alike() -> None:
    assert declared(), "nothing found: the collection itself is broken"
    assert {code for code in declared() if not CODE.fullmatch(code)} == set()


def test_every_code_of_the_source_is_documented() -> None:
    missing = {code: place for code, place in raised().items() if code not in documented()}
    assert not missing, f"docs/errors.md lacks {missing} (or add what is no code to NOT_CODES)"


def test_every_documented_code_is_in_the_source() -> None:
    assert set(documented()) - set(raised()) == set()


def test_codes_are_documented_once_and_in_order() -> None:
    text = (ROOT / "docs" / "errors.md").read_text("utf-8")
    for section in text.split("\n## ")[1:]:
        codes = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
        assert codes == sorted(set(codes)), section.splitlines()[0]
    assert len(documented()) == len(set(documented()))


def test_the_command_line_says_what_the_page_says() -> None:
    assert DATA.read_text("utf-8") == written(), "make generated"
    assert set(told()) == set(documented())


def test_messages_and_pages_name_verbs_that_exist() -> None:
    """Hints, docstrings and pages: what stands between backticks as a command is one."""
    pages = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"))
    texts = {path: path.read_text("utf-8") for path in pages}
    texts |= {path: path.read_text("utf-8") for folder in ("configsplit", "examples") for path in (ROOT / folder).rglob("*.py")}
    named = {(verb, path.name) for path, text in texts.items() for verb in re.findall(r"`configsplit ([a-z]+)\b", text)}
    assert {"split", "convert"} <= {verb for verb, _ in named}
    assert {each for each in named if each[0] not in (*VERBS, "help", "completion")} == set()
