"""Open pages of `plot` in Chromium, beside the same pages without their script: what a browser needs to show so many boxes.

    python benchmarks/bench_page.py [--rounds N] [--write docs/benchmarks.md]

Chromium is taken from the PATH, or from CHROMIUM=/path. Each opening has a browser of its own, which has opened nothing before.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench_chain import write_chain
from measure import OUT, environment, machine, table, write_section

NETWORKS = ("ResNet152", "NASNetLarge")
CHAIN = 20_000

MAKE = """
import sys, keras
for name in sys.argv[2:]:
    with open(f"{sys.argv[1]}/page-{name}.json", "w") as file:
        file.write(getattr(keras.applications, name)(weights=None).to_json())
"""

SHOWN = """new Promise((done) => requestAnimationFrame(() => setTimeout(() => {
  const { loadEventEnd } = performance.getEntriesByType("navigation")[0];
  done([loadEventEnd, performance.now(), document.querySelectorAll("#picture .b").length]);
})))"""
"""Milliseconds to the end of the load event and to the frame behind it, and how many boxes there are."""


@dataclass
class Opened:
    """A page, and what was measured each time that it was opened: milliseconds."""

    name: str
    page: Path
    bare: bool = False
    load: list[float] = field(default_factory=list)
    frame: list[float] = field(default_factory=list)
    boxes: int = 0

    def open(self, *, count: bool) -> None:
        from support.browser import visit

        with tempfile.TemporaryDirectory() as profile, visit(self.page, Path(profile)) as (page, run):
            load, frame, self.boxes = run(page.run(SHOWN))
            if page.complaints and not self.bare:
                raise SystemExit(f"{self.page}: {page.complaints}")
        if count:
            self.load.append(load)
            self.frame.append(frame)

    def row(self) -> list[str]:
        times = [*(pick(self.load) for pick in (median, min, max)), median(self.frame)]
        size = "" if self.bare else f"{self.page.stat().st_size / 1e3:,.0f}"
        return [self.name, "" if self.bare else f"{self.boxes:,}", size, *(f"{each / 1000:.2f}" for each in times)]


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="put the results into this file")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    pages = [each for made in drawn() for each in (made, without_script(made))]
    for number in range(options.rounds + 1):
        for page in pages:
            page.open(count=number > 0)
        print(f"round {number} of {options.rounds}", file=sys.stderr, flush=True)
    text = report(pages, options.rounds)
    print(text)
    if options.write:
        write_section(options.write, "page", text)


def drawn() -> list[Opened]:
    """The pages as the tool draws them, by the tree that this file is in."""
    missing = [name for name in NETWORKS if not (OUT / f"page-{name}.json").exists()]
    if missing:
        subprocess.run([sys.executable, "-c", MAKE, str(OUT), *missing], check=True, env=environment())
    chain = OUT / f"chain-{CHAIN}.json"
    if not chain.exists():
        write_chain(chain, CHAIN)
    wanted = [(name, f"page-{name}.json", unfold) for name in NETWORKS for unfold in (False, True)]
    return [_drawn(*each) for each in (*wanted, (f"a chain of {CHAIN:,}", chain.name, False))]


def _drawn(name: str, model: str, unfold: bool) -> Opened:
    page = OUT / f"{Path(model).stem}{'-unfolded' if unfold else ''}.html"
    flags = ["--unfold"] if unfold else []
    command = [sys.executable, "-m", "configsplit", "plot", str(OUT / model), *flags, "--out", str(page), "--force", "--quiet"]
    subprocess.run(command, check=True)
    return Opened(f"{name}{', unfolded' if unfold else ''}", page)


def without_script(whole: Opened) -> Opened:
    page = whole.page.with_suffix(".bare.html")
    text, count = re.subn(r"<script>.*</script>", "", whole.page.read_text("utf-8"), flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{whole.page} has {count} scripts")
    page.write_text(text.replace('class="picture"', 'class="picture settled"', 1), "utf-8")
    return Opened("the same without its script", page, bare=True)


def report(pages: list[Opened], rounds: int) -> str:
    ours, bare = pages[::2], pages[1::2]
    slowest = max(ours, key=lambda each: median(each.load))
    over = max(median(one.load) - median(other.load) for one, other in zip(ours, bare, strict=True))
    columns = ["", "boxes", "kB", "seconds to the load event", "fastest", "slowest", "to the first frame behind it"]
    return "\n".join(
        [
            f"The slowest page, {slowest.name}, is open after **{median(slowest.load) / 1000:.2f} seconds**. Scripts take "
            f"at most {over / 1000:.2f} of them.",
            "",
            f"Medians of {rounds} rounds in turn, headless Chromium at 1400 × 1000, a new browser for each; files on the disk:",
            "",
            table(columns, [each.row() for each in pages]),
            "",
            f"Measured on {machine()}.",
        ]
    )


if __name__ == "__main__":
    main()
