"""Where the time of a split goes: of ResNet152.keras and of a chain, each proven, as a picture and a table.

    python benchmarks/bench_profile.py [--rounds N] [--write docs/profile.md]

Whole processes on the command line, asked every millisecond of processor time what they are at. A busy machine makes them
slower and moves few of the shares.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from html import escape
from pathlib import Path

from bench_chain import write_chain
from bench_split import CUT, MODEL, build
from measure import OUT, machine, table, write_section

LENGTH = 20_000

STEPS = {
    "loading modules": ("importlib", "<frozen importlib"),
    "reading the document": ("dialects/parse", "dialects/detect", "graph/json"),
    "shapes": ("inference/", "weights/implied"),
    "cutting": ("cutting/", "boundaries/", "rewrites/", "graph/"),
    "writing documents": ("dialects/emit",),
    "weights and files": ("weights/", "containers/", "saving/writer", "saving/buildable"),
    "manifest and hazards": ("saving/manifesting", "records/", "hazards"),
    "proof": ("saving/proof", "saving/mask_proof", "saving/file_proof", "saving/part_claims", "saving/divisions"),
}
"""Steps, and the files by which each is known; the first that is found on the way from the command to where it is now counts.
What threads do beside (bytes copied, digests) counts for where the command is meanwhile, which mostly waits for them."""

SAMPLED = """
import json, os, signal, sys
told, counts, mine, leave = sys.argv.pop(1), {}, os.getpid(), os._exit
def tick(_, frame):
    way = []
    while frame is not None:
        way.append(frame.f_code.co_filename.rpartition("/configsplit/")[2])
        frame = frame.f_back
    key = "\\n".join(reversed(way))
    counts[key] = counts.get(key, 0) + 1
def left(code):
    if os.getpid() == mine:
        signal.setitimer(signal.ITIMER_PROF, 0)
        with open(told, "w") as file:
            json.dump(counts, file)
    leave(code)
os._exit = left
signal.signal(signal.SIGPROF, tick)
signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
from configsplit.__main__ import main
try:
    main()
except SystemExit as left_by:
    os._exit(left_by.code or 0)
os._exit(0)
"""

COLOURS = ("#94a3b8", "#2563eb", "#7c3aed", "#65a30d", "#a16207", "#0891b2", "#ea580c", "#db2777", "#475569")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="put the table into this page, and the picture beside it")
    options = parser.parse_args()
    build()
    chain = OUT / f"chain-{LENGTH}.json"
    if not chain.exists():
        write_chain(chain, LENGTH)
    rows = {
        "ResNet152 (.keras)": profiled(MODEL, CUT, options.rounds),
        f"a chain of {LENGTH:,} (.json)": profiled(chain, f"dense_{LENGTH // 2}", options.rounds),
    }
    text = report(rows)
    print(text)
    if options.write:
        write_section(options.write, "profile", text)
        options.write.with_suffix(".svg").write_text(picture(rows), "utf-8")


def profiled(model: Path, at: str, rounds: int) -> Counter[str]:
    """Samples of each step, of all rounds."""
    found: Counter[str] = Counter()
    for _ in range(rounds):
        told, out = OUT / "profile.json", OUT / "profile-parts"
        command = [sys.executable, "-c", SAMPLED, str(told), "split", str(model), "--at", at, "--out", str(out), "--force"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for way, count in json.loads(told.read_text()).items():
            found[step(way.split("\n"))] += count
    return found


def step(way: list[str]) -> str:
    """The step that a way through files belongs to."""
    if any(file.startswith(STEPS["loading modules"]) for file in way):
        return "loading modules"
    known = (name for file in way for name, files in STEPS.items() if file.startswith(files))
    return next(known, "all else")


def report(rows: dict[str, Counter[str]]) -> str:
    names = [*STEPS, "all else"]
    shares = [[name, *(f"{100 * row[name] / row.total():.0f} %" for row in rows.values())] for name in names]
    return "\n".join([table(["", *rows], shares), "", f"Measured on {machine()}."])


def picture(rows: dict[str, Counter[str]]) -> str:
    """One bar for each model, and what its colours mean."""
    wide, high, names = 720, 46, [*STEPS, "all else"]
    parts = [f'<rect width="{wide + 40}" height="{len(rows) * 80 + 110}" fill="#fff"/>']
    for number, (title, row) in enumerate(rows.items()):
        left, top = 20.0, 40 + number * 80
        parts.append(f'<text x="20" y="{top - 8}" font-weight="600">{escape(title)}</text>')
        for name, colour in zip(names, COLOURS, strict=True):
            share = row[name] / row.total()
            parts.append(f'<rect x="{left:.1f}" y="{top}" width="{share * wide:.1f}" height="{high}" fill="{colour}"/>')
            if share >= 0.05:
                middle = left + share * wide / 2
                parts.append(
                    f'<text x="{middle:.1f}" y="{top + 28}" fill="#fff" text-anchor="middle">{100 * share:.0f} %</text>'
                )
            left += share * wide
    for number, (name, colour) in enumerate(zip(names, COLOURS, strict=True)):
        x, y = 20 + number % 4 * 180, len(rows) * 80 + 40 + number // 4 * 22
        parts.append(
            f'<rect x="{x}" y="{y - 11}" width="12" height="12" fill="{colour}"/><text x="{x + 18}" y="{y}">{name}</text>'
        )
    size = f'width="{wide + 40}" height="{len(rows) * 80 + 110}"'
    font = 'font-family="ui-sans-serif,system-ui,\'Segoe UI\',Roboto,Arial,sans-serif" font-size="13"'
    lines = "\n".join(parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font} role="img">'
    return f"{head}\n<title>Where the time goes</title>\n{lines}\n</svg>\n"


if __name__ == "__main__":
    main()
