"""What ``configsplit help CODE`` says: the tables of docs/errors.md as data.

``cd tests && python -m support.error_pages`` writes configsplit/cli/errors.json.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "configsplit" / "cli" / "errors.json"


def told() -> dict[str, list[str]]:
    """Code -> its section, what it means, what to do."""
    found = {}
    for section in (ROOT / "docs" / "errors.md").read_text("utf-8").split("\n## ")[1:]:
        title, _, rest = section.partition("\n")
        for code, means, remedy in re.findall(r"^\| `([^`]+)` \| (.+) \| (.+) \|$", rest, re.MULTILINE):
            found[code] = [title, *(re.sub(r"\[([^\]]+)\]\((\S+)\)", r"docs/\2", text) for text in (means, remedy))]
    return found


def written() -> str:
    return json.dumps(told(), indent=0, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    DATA.write_text(written(), "utf-8")
