"""Codes that docs/security.md names exist."""

from __future__ import annotations

import re
from pathlib import Path

ATTACKS = Path(__file__).resolve().parents[1] / "attacks"
DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_codes_exist() -> None:
    known = set(re.findall(r"^\| `([^`]+)` \|", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", (DOCS / "security.md").read_text("utf-8")))
    assert named, "nothing found: the collection itself is broken"
    assert named - known == set()


def test_every_promise_names_tests_that_are_there() -> None:
    _, _, rest = (DOCS / "security.md").read_text("utf-8").partition("## Which tests hold this")
    named = re.findall(r"`([\w/]+\.py)`", rest.partition("\n## ")[0])
    missing = [name for name in named if "def test_" not in (ATTACKS.parent / name).read_text("utf-8")]
    assert missing == []
    attacks = {path.relative_to(ATTACKS.parent).as_posix() for path in ATTACKS.rglob("test_*.py")}
    assert attacks <= set(named)


def test_the_table_of_threats_has_the_folders_of_the_tests() -> None:
    """It is written by benchmarks/threats.py; here only that nothing has been added since, and that no threat stands empty."""
    _, _, rest = (DOCS / "security.md").read_text("utf-8").partition("<!-- threats -->")
    rows = [
        line.strip("| ").split(" | ") for line in rest.partition("<!-- end of threats -->")[0].splitlines() if line[:1] == "|"
    ]
    folders = sorted(item.name for item in ATTACKS.iterdir() if any(item.glob("test_*.py")))
    assert rows[0] == ["verb", *(f"`{folder}`" for folder in folders)]
    table = {row[0]: [cell.strip() for cell in row[1:]] for row in rows[2:]}
    writing = ("split", "extract", "insert", "replace", "remove", "rename", "freeze", "join", "convert", "batch")
    assert all(table[verb][folders.index("faults")] for verb in writing)
    assert all(int(count.strip("*").replace(",", "")) > 0 for count in table["tests"])
