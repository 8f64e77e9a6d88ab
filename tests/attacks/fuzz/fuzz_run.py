"""One input, run in this process under limits: it ends in a result or a coded error, soon, and in little memory.

``python tests/attacks/fuzz/fuzz_run.py FIRST COUNT FOLDER`` runs many and writes each failure into a folder; with a fourth
argument, docs/security.md, it writes there what was seen, if nothing failed.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # run by itself, it finds `support` so

import fuzz_inputs
from click.testing import CliRunner
from fuzz_inputs import Input
from support.limits import TooLongError, limited, most_resident

from configsplit.cli import main as main_module
from configsplit.cli.main import cli

SECONDS = 5.0
MEMORY = 300 << 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an input came to; ``failure`` is empty where that is right."""

    code: int
    failure: str
    seconds: float
    grown: int

    @property
    def place(self) -> str:
        """The line of configsplit that failed."""
        lines = [line.strip() for line in self.failure.splitlines() if "/configsplit/" in line and "line" in line]
        return (
            f"{lines[-1].rpartition('/configsplit/')[2]}: {self.failure.strip().splitlines()[-1][:90]}"
            if lines
            else self.failure
        )


def run(item: Input) -> Outcome:
    """Give an input to its verb."""
    with TemporaryDirectory(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        arguments = fuzz_inputs.put(item, Path(folder))
        before, start = most_resident(), time.process_time()
        failure, code = "", -1
        try:
            with (
                patch.object(main_module, "REFUSALS", ()),
                limited(SECONDS, MEMORY),
            ):  # what the system refuses must not hide a hoard
                done = CliRunner().invoke(cli, arguments)
            code = done.exit_code
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                failure = "".join(traceback.format_exception(done.exception))
        except TooLongError:
            failure = "".join(traceback.format_exc())
        seconds, grown = time.process_time() - start, max(0, most_resident() - before)
    if not failure and code not in (0, 1, 2):
        failure = f"exit code {code}"
    if not failure and seconds > SECONDS:
        failure = f"took {seconds:.1f} s of processor time"
    if not failure and grown > MEMORY:
        failure = f"took {grown >> 20} MB"
    return Outcome(code, failure, seconds, grown)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(first: int, count: int, folder: Path, page: Path | None = None) -> int:
    """Run many inputs, and keep the first that fails at each place; how many places there are."""
    folder.mkdir(parents=True, exist_ok=True)
    places: dict[str, int] = {}
    worst, most, codes = (0.0, -1), (0, -1), {0: 0, 1: 0, 2: 0}
    for number in range(first, first + count):
        item = fuzz_inputs.draw(number)
        outcome = run(item)
        codes[outcome.code] = codes.get(outcome.code, 0) + 1
        worst, most = max(worst, (outcome.seconds, number)), max(most, (outcome.grown, number))
        if outcome.failure:
            places[outcome.place] = places.get(outcome.place, 0) + 1
            if places[outcome.place] == 1:
                (folder / f"{number}.json").write_text(json.dumps(item.as_json()))
                (folder / f"{number}.txt").write_text(outcome.failure)
                _say(f"{number} {item.verb} {outcome.place}")
        if (number - first) % 1000 == 999:
            _say(f"# {number - first + 1} inputs, exit codes {codes}, longest {worst}, largest growth {most}")
    _say("\n".join(f"{times:6} {place}" for place, times in sorted(places.items(), key=lambda each: -each[1])))
    if page is not None and not places:
        _publish(page, count, codes, worst[0], most[0])
    return len(places)


BEGIN, END = "<!-- fuzz -->", "<!-- end of fuzz -->"


def _publish(page: Path, count: int, codes: dict[int, int], seconds: float, grown: int) -> None:
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    refused = sum(number for code, number in codes.items() if code)
    told = (
        f"`fuzz_run.py` on {count:,} inputs: {codes[0]:,} ended in a result, {refused:,} in a coded error, none in "
        f"anything else. The longest took {seconds:.1f} s of processor time, the hungriest {grown >> 20} MB."
    )
    page.write_text(f"{before}{BEGIN}\n{told}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    numbers, paths = sys.argv[1:3], [Path(each) for each in sys.argv[3:]]
    sys.exit(main(*map(int, numbers), *paths) > 0)
