"""The table of KerasHub's backbones in docs/kerashub.md, of the rows that `kerashub` has measured."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = ROOT / ".exhaustive" / "kerashub"
PAGE = ROOT / "docs" / "kerashub.md"
KINDS = ("keras", "preset", "all", "live")
_NOTE, _LONGEST = 160, 40
"""So many characters has a note, and so many a word in it."""
_BEGIN, _END = "<!-- table -->\n", "<!-- end of table -->"


def commit() -> str:
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def publish() -> str:
    """Write the table of all rows into the page, and return it."""
    rows = [json.loads(path.read_text()) for path in sorted(ROWS.glob("*.json"))]
    total = {key: sum(row.get(key) == "yes" for row in rows) for key in KINDS}
    notes: dict[str, int] = {}
    lines = [
        f"KerasHub {version('keras-hub')}, Keras {version('keras')}; {len(rows)} backbones, small, made-up weights. *Yes*: "
        "expanded, cut, proven, each part loaded by Keras from its file, every output equal to the whole's, bit for bit.",
        "",
        f"**{total['keras']}** as `.keras`, **{total['preset']}** as preset, **{total['all']}** with `--depth all`, "
        f"**{total['live']}** live.",
        "",
        "| backbone | layers | weights | `.keras` | preset | cut at | `--depth all`: opened, whole | cut at | live | commit |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ends = {key: _cell(row.get(key, "not measured"), notes) for key in KINDS}
        opened = f"{row['opened']}, {row['whole']}: " if "opened" in row else ""
        places = {key: f"`{row[f'at {key}']}`" if row.get(key) == "yes" else "" for key in ("keras", "all")}
        cells = [row["class"].removesuffix("Backbone"), row.get("layers", ""), row.get("weights", "")]
        cells += [ends["keras"], ends["preset"], places["keras"], opened + ends["all"], places["all"], ends["live"]]
        lines.append(f"| {' | '.join(map(str, [*cells, row['commit']]))} |")
    lines += ["", *(f"{number}. {note}" for note, number in notes.items())]
    page = PAGE.read_text()
    before, after = page.partition(_BEGIN)[0], page.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}{chr(10).join(lines).rstrip()}\n{_END}{after}")
    return "\n".join(lines)


def _cell(end: str, notes: dict[str, int]) -> str:
    """ "yes", or a code and the number of the note that says more."""
    code, _, more = end.partition(": ")
    words = re.sub(r"\x1b\[[0-9;]*m|[{}<>|`]", " ", more).split()
    note = " ".join(word if len(word) < _LONGEST else "…" for word in words)[:_NOTE]
    return f"{code} ({notes.setdefault(note, len(notes) + 1)})" if note else code
