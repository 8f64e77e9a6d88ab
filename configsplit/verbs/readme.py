"""The table of verbs in README.md, made from the records: ``python -m configsplit.verbs.readme README.md`` writes it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from configsplit.verbs.table import VERBS, record

HEAD = "| verb | what it does | in recipes | live |\n|---|---|---|---|\n"


def rows() -> str:
    """The table: each verb, and whether it can be a step of a recipe and takes live models."""
    told = {name: ("yes" if record(name).recipe else "", "yes" if record(name).live else "") for name in VERBS}
    return HEAD + "".join(f"| `configsplit {name}` | {VERBS[name]} | {' | '.join(told[name])} |\n" for name in VERBS)


def main(page: Path) -> None:
    """Put the table in place of the one that stands there."""
    text = page.read_text("utf-8")
    page.write_text(re.sub(r"^\| verb \|.*\n(\|.*\n)+", lambda _: rows(), text, flags=re.MULTILINE), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
