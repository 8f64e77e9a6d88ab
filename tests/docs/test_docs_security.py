"""Codes that docs/security.md names exist."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_codes_exist() -> None:
    known = set(re.findall(r"^\| `([^`]+)` \|", (DOCS / "errors.md").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", (DOCS / "security.md").read_text("utf-8")))
    assert named, "nothing found: the collection itself is broken"
    assert named - known == set()
