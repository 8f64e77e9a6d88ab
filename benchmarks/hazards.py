"""`inspect --hazards` beside other scanners on the folder of attacks: ``python benchmarks/hazards.py --scanners FOLDER``.

FOLDER is the ``bin`` of an environment with modelscan, picklescan and modelaudit; what is not there is left out. The table goes
into docs/security.md, between its two marks.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "attacks" / "code"))
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- scanners -->", "<!-- end of scanners -->"


def write_attacks(folder: Path) -> dict[str, tuple[Path, Path]]:
    """Every attack, and two files without any, in two forms: a bare document, and a .keras archive."""
    from attacks import ATTACKS, HARMLESS

    found = {}
    for attack in (*ATTACKS, *HARMLESS):
        path = attack.write(folder, folder / "canary")
        archive = path.with_suffix(".keras")
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr("metadata.json", json.dumps({"keras_version": "3.10.0", "date_saved": ""}))
            made.writestr("config.json", path.read_text("utf-8"))
        found[attack.name] = (path, archive)
    return found


def _ran(*command: object) -> subprocess.CompletedProcess[str]:
    quiet = {**os.environ, "PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run([str(item) for item in command], capture_output=True, text=True, check=False, timeout=900, env=quiet)


def configsplit(path: Path) -> bool:
    done = _ran(sys.executable, "-m", "configsplit", "inspect", "--hazards", "--json", path)
    if done.returncode:  # refused as no model that can be read
        return "error [" in done.stderr
    return bool(json.loads(done.stdout)["hazards"])


def modelscan(tools: Path, folder: Path, answer: Path) -> set[str]:
    _ran(tools / "modelscan", "-p", folder, "-r", "json", "-o", answer)
    told = json.loads(answer.read_text("utf-8"))
    if lacking := [error["description"] for error in told["errors"] if error["category"] == "DEPENDENCY"]:
        raise SystemExit(f"modelscan looked at nothing: {lacking[0]}")
    return {_stem(issue["source"]) for issue in told["issues"]}


def picklescan(tools: Path, folder: Path, answer: Path) -> set[str]:
    answer.write_text(said := _ran(tools / "picklescan", "-p", folder).stdout, "utf-8")
    return {_stem(line.split(": ")[0]) for line in said.splitlines() if "dangerous import" in line}


def modelaudit(tools: Path, folder: Path, answer: Path) -> set[str]:
    """What it reports as a warning or worse counts."""
    _ran(tools / "modelaudit", "scan", "--format", "json", "--output", answer, folder)
    bad = ("warning", "critical", "error")
    found = [issue for issue in json.loads(answer.read_text("utf-8"))["issues"] if issue["severity"].lower() in bad]
    return {_stem(str(issue.get("location") or "")) for issue in found}


def _stem(place: str) -> str:
    """The attack of ``folder/name.keras:config.json``."""
    return re.split(r"\.(?:keras|json)", place.rsplit("/", 1)[-1])[0]


SCANNERS: dict[str, Callable[[Path, Path, Path], set[str]]] = {
    "modelscan": modelscan,
    "picklescan": picklescan,
    "modelaudit": modelaudit,
}


def version(tools: Path, name: str) -> str:
    found = re.search(r"^Version: (\S+)", _ran(tools / "pip", "show", name).stdout, re.MULTILINE)
    return found[1] if found else ""


def table(tools: Path) -> list[str]:
    present = [name for name in SCANNERS if (tools / name).exists()]
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as other:
        files = write_attacks(Path(name))
        seen = {"configsplit": {attack: configsplit(paths[0]) for attack, paths in files.items()}}
        for scanner in present:
            found = SCANNERS[scanner](tools, Path(name), Path(other, scanner))
            seen[scanner] = {attack: attack in found for attack in files}
    heads = ["configsplit", *(f"{name} {version(tools, name)}" for name in present)]
    lines = [f"| attack | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    lines += [f"| `{attack}` | {' | '.join('seen' if each[attack] else '' for each in seen.values())} |" for attack in files]
    attacks = [name for name in files if not name.startswith("harmless")]
    totals = [f"**{sum(each[name] for name in attacks)} of {len(attacks)}**" for each in seen.values()]
    more = [attack for attack in attacks if any(each[attack] for each in seen.values()) and not seen["configsplit"][attack]]
    if more:
        raise SystemExit(f"another scanner sees more: {', '.join(more)}")
    return [*lines, f"| attacks seen | {' | '.join(totals)} |"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scanners", type=Path, required=True)
    rows = "\n".join(table(parser.parse_args().scanners))
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{rows}\n\n{END}{rest.partition(END)[2]}", "utf-8")
    print(rows.splitlines()[-1])


if __name__ == "__main__":
    main()
