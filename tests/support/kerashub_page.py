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
_BEGIN, _END = "<!-- table -->\n", "<!-- end of table -->"


def commit() -> str:
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def publish() -> str:
    """Write the table of all rows into the page, and return it."""
    rows = [json.loads(path.read_text()) for path in sorted(ROWS.glob("*.json"))]
    total = {key: sum(row.get(key) == "yes" for row in rows) for key in KINDS}
    lines = [
        f"KerasHub {version('keras-hub')}, Keras {version('keras')}; {len(rows)} backbones, small, with made-up weights. "
        f"Commits: {', '.join(sorted({row['commit'] for row in rows}))}. *Yes*: expanded, cut, proven, each part loaded by "
        "Keras from its file, every output equal to the whole's, bit for bit.",
        "",
        f"**{total['keras']}** as `.keras`, **{total['preset']}** as preset, **{total['all']}** with `--depth all`, "
        f"**{total['live']}** live.",
        "",
        "| backbone | layers | weights | `.keras` | preset | cut at | `--depth all`: opened, whole | cut at | live |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ends = {
            key: re.sub(r"\x1b\[[0-9;]*m", "", row.get(key, "not measured")).replace("|", "/").replace("\n", " ")[:160]
            for key in KINDS
        }
        opened = f"{row.get('opened', '')}, {row.get('whole', '')}: {ends['all']}"
        cells = [
            row["class"].removesuffix("Backbone"),
            row.get("layers", ""),
            row.get("weights", ""),
            ends["keras"],
            ends["preset"],
        ]
        cells += [
            f"`{row['at keras']}`" if "at keras" in row else "",
            opened,
            f"`{row['at all']}`" if "at all" in row else "",
            ends["live"],
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    page = PAGE.read_text()
    before, after = page.partition(_BEGIN)[0], page.partition(_END)[2]
    PAGE.write_text(f"{before}{_BEGIN}{chr(10).join(lines)}\n{_END}{after}")
    return "\n".join(lines)
