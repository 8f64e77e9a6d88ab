"""A zoo of every network of keras.applications, split and proven by `configsplit batch`; and 10,000 small files.

    python benchmarks/bench_zoo.py [--rounds N] [--small N] [--write docs/benchmarks.md]

The zoo has the architecture (.json) of every network, and the whole model (.keras) of those up to 250 MB; beside it the corpus
of the tests, or a larger one that CONFIGSPLIT_CORPUS names. Keras loads, slices and saves the same files at the same places.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from measure import OUT, Contender, alternate, machine, removal, table, write_section

HERE = Path(__file__).resolve().parent
COMMAND = [sys.executable, "-m", "configsplit"]
ZOO, SMALL = OUT / "zoo", OUT / "zoo-small"
FITS = 250_000_000
"""Bytes up to which a whole model is part of the zoo."""

NAMES = """
import keras
print(*sorted(name for name, kind in vars(keras.applications).items() if name[0].isupper()))
"""

BUILD = """
import sys
from pathlib import Path
import keras, numpy
name, folder, fits = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
keras.utils.set_random_seed(1)
model = getattr(keras.applications, name)(weights=None)
if 4 * model.count_params() <= fits:
    model.save(folder / f"{name}.half.keras")
    (folder / f"{name}.half.keras").rename(folder / f"{name}.keras")
(folder / f"{name}.json").write_text(model.to_json())
"""

# Load, slice twice, save twice, for each file: one process for all of them, so that Keras is imported once.
KERAS = """
import json, sys, zlib
from pathlib import Path
import keras
out = Path(sys.argv[2])
for path, at in json.loads(Path(sys.argv[1]).read_text()):
    path, folder = Path(path), out / Path(path).name
    folder.mkdir(parents=True)
    whole = path.suffix == ".keras"
    model = keras.models.load_model(path, compile=False) if whole else keras.models.model_from_json(path.read_text())
    middle = next(each for each in model.operations if each.name == at).output
    for name, part in (("head", keras.Model(model.inputs, middle)), ("tail", keras.Model(middle, model.outputs))):
        part.save(folder / f"{name}.keras") if whole else (folder / f"{name}.json").write_text(part.to_json())
    keras.backend.clear_session()
"""

RECIPE = """recipe: 1
do:
  - split: {at: half the MACs, max-tensors: 1}
verify: proof
"""
LAYERS = RECIPE.replace("half the MACs, max-tensors: 1", "half the layers")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--small", type=int, default=10_000, help="how many small files")
    parser.add_argument("--write", type=Path, help="put the results into this file")
    options = parser.parse_args()
    build()
    small_zoo(options.small)
    (OUT / "zoo.yaml").write_text(RECIPE)
    (OUT / "zoo-layers.yaml").write_text(LAYERS)
    big = big_contenders()
    alternate(big, options.rounds)
    small = [batch("zoo-small", SMALL, jobs, "zoo-layers.yaml") for jobs in (1, 2)]
    alternate(small, 1)
    kept = Contender("all of it once more, --resume", [*small[1].command, "--resume"])
    alternate([kept], 1)
    text = report(big, small, kept, options)
    print(text)
    if options.write:
        write_section(options.write, "zoo", text)


def build() -> None:
    """Make the zoo once; it stays in benchmarks/out."""
    ZOO.mkdir(parents=True, exist_ok=True)
    names = subprocess.run([sys.executable, "-c", NAMES], capture_output=True, text=True, check=True).stdout.split()
    for name in names:
        if not (ZOO / f"{name}.json").exists():
            print(f"building {name}", file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-c", BUILD, name, str(ZOO), str(FITS)], check=True, stderr=subprocess.DEVNULL)


def small_zoo(count: int) -> None:
    """Small architectures, of 3 to 11 layers."""
    sys.path.insert(0, str(HERE.parent / "tests" / "batches"))
    from zoos import architectures

    if len(list(SMALL.rglob("*.json"))) != count:
        shutil.rmtree(SMALL, ignore_errors=True)
        architectures(SMALL, count)


def batch(name: str, zoo: Path, jobs: int, recipe: str = "zoo.yaml") -> Contender:
    out = OUT / f"{name}-{jobs}"
    command = [*COMMAND, "batch", str(OUT / recipe), "--zoo", str(zoo), "--out", str(out), "--jobs", str(jobs), "--json"]
    return Contender(f"configsplit batch, {jobs} worker{'s' if jobs > 1 else ''}", command, removal(out))


def big_contenders() -> list[Contender]:
    """configsplit on one worker and on two, and Keras at the places that configsplit has found."""
    one, two = batch("zoo", ZOO, 1), batch("zoo", ZOO, 2)
    one.run(count=False)
    places = [(str(ZOO / line["model"]), line["steps"][0]["at"][0]) for line in ledger(OUT / "zoo-1")]
    (OUT / "zoo-places.json").write_text(json.dumps(places))
    keras_out = OUT / "zoo-keras"
    keras = [sys.executable, "-c", KERAS, str(OUT / "zoo-places.json"), str(keras_out)]
    return [Contender("Keras: load, slice, save", keras, removal(keras_out)), one, two]


def ledger(out: Path) -> list[dict]:
    """The ledger of a batch in which every model must be done and proven."""
    lines = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
    bad = [line["model"] for line in lines if line["outcome"] != "done" or not line["steps"][0]["proof"]]
    if bad:
        raise SystemExit(f"not split and proven: {bad}")
    return lines


def memory(out: Path) -> list[float]:
    """Megabytes that workers held after each model, in the order of the run."""
    lines = [json.loads(line) for line in (out / "run.jsonl").read_text().splitlines()]
    return [line["run"]["memory"] / 1e6 for line in lines if "model" in line and line["run"].get("memory")]


def corpus() -> str:
    """Split whatever of the corpus can be split, and say how the rest ended."""
    given = Path(os.environ.get("CONFIGSPLIT_CORPUS", HERE.parent / "tests" / "corpus"))
    contender = batch("zoo-corpus", given, 2, "zoo-layers.yaml")
    contender.clear()
    done = subprocess.run(contender.command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    outcomes, causes = told["outcomes"], ", ".join(f"{count} `{code}`" for code, count in told["causes"].items())
    return (
        f"The corpus of real files (`half the layers`): {outcomes['done']:,} of {sum(outcomes.values()):,} done and proven in "
        f"{told['seconds']:.0f} s; the others end as {causes}."
    )


def report(big: list[Contender], small: list[Contender], kept: Contender, options: argparse.Namespace) -> str:
    keras, one, two = big
    lines = ledger(OUT / "zoo-2")
    size = sum(line["source"]["bytes"] for line in lines) / 1e6
    whole = sum(line["format"] == "keras" for line in lines)
    same = (OUT / "zoo-1" / "ledger.jsonl").read_bytes() == (OUT / "zoo-2" / "ledger.jsonl").read_bytes()
    if not same:
        raise SystemExit("one worker and two do not leave the same ledger")
    rows = [[*_row(each, len(lines), size), f"{keras.median / each.median:.1f} ×"] for each in big]
    count = options.small
    small_size = sum(path.stat().st_size for path in SMALL.rglob("*.json")) / 1e6
    held, held_small = memory(OUT / "zoo-2"), memory(OUT / "zoo-small-2")
    tenth = max(1, len(held_small) // 10)
    return "\n".join(
        [
            f"**Every network of keras.applications**: {len(lines) - whole} architectures (`.json`) and {whole} whole models "
            f"(`.keras`, up to {FITS // 10**6} MB), {size:,.0f} MB, cut at half their multiply-accumulates where one tensor "
            "passes. All are done and proven. Keras loads, slices and saves the same files at the same places, in one process.",
            "",
            table(["", "seconds", "models/s", "MB/s", "peak MB of a process", "against Keras"], rows),
            "",
            f"Two workers do {one.median / two.median:.2f} times what one does. After each model a worker held "
            f"{min(held):.0f} to {max(held):.0f} MB.",
            "",
            f"**{count:,} small architectures** of 3 to 11 layers, {small_size:.0f} MB, cut at half their layers and proven:",
            "",
            table(
                ["", "seconds", "models/s", "MB/s", "peak MB of a process"],
                [_row(each, count, small_size) for each in (*small, kept)],
            ),
            "",
            f"Two workers do {small[0].median / small[1].median:.2f} times what one does. A worker held "
            f"{sum(held_small[:tenth]) / tenth:.0f} MB over the first tenth of the run, "
            f"{sum(held_small[-tenth:]) / tenth:.0f} MB over the last.",
            "",
            corpus(),
            "",
            f"Medians of {options.rounds} rounds in turn (the small files: one round), whole processes, caches warm. "
            f"Measured on {machine()}.",
        ]
    )


def _row(each: Contender, count: int, size: float) -> list[str]:
    return [each.name, f"{each.median:.1f}", f"{count / each.median:.1f}", f"{size / each.median:.1f}", f"{each.peak:.0f}"]


if __name__ == "__main__":
    main()
