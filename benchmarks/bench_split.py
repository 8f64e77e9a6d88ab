"""Split ResNet152.keras in the middle, beside Keras and `cp`: whole processes, in turn, medians.

    python benchmarks/bench_split.py [--rounds N] [--write docs/benchmarks.md]

The cut is at a place through which a single tensor passes, the only kind that Keras's own slicing can cut at.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from measure import COLUMNS, OUT, Contender, alternate, configsplit, machine, removal, row, table, write_section

CUT = "conv4_block18_out"
MODEL, ARCHITECTURE = OUT / "resnet152.keras", OUT / "resnet152.json"

BUILD = """
import sys
import keras, numpy
keras.utils.set_random_seed(152)
model = keras.applications.ResNet152(weights=None)
numbers = numpy.random.default_rng(152)
for layer in model.layers:
    if isinstance(layer, keras.layers.BatchNormalization):
        layer.set_weights([numbers.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
open(sys.argv[2], "w").write(model.to_json())
model.save(sys.argv[1])
"""

# Load, slice twice, save twice: the shortest program that does it.
KERAS = """
import sys
import keras
model = keras.models.load_model(sys.argv[1])
middle = model.get_layer(sys.argv[2]).output
keras.Model(model.input, middle).save(sys.argv[3])
keras.Model(middle, model.output).save(sys.argv[4])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="put the results into this file")
    options = parser.parse_args()
    build()
    big, small = big_contenders(), small_contenders()
    alternate(big, options.rounds)
    alternate(small, 2 * options.rounds)
    text = report(big, small, options.rounds)
    print(text)
    if options.write:
        write_section(options.write, "split", text)


def build() -> None:
    """Make the model once; it stays in benchmarks/out."""
    if MODEL.exists() and ARCHITECTURE.exists():
        return
    OUT.mkdir(exist_ok=True)
    half = MODEL.with_suffix(".half.keras")
    subprocess.run([sys.executable, "-c", BUILD, str(half), str(ARCHITECTURE)], check=True)
    half.rename(MODEL)


def big_contenders() -> list[Contender]:
    head, tail, parts, copy = OUT / "head.keras", OUT / "tail.keras", OUT / "parts", OUT / "copy.keras"
    split = [*configsplit(), "split", str(MODEL), "--at", CUT, "--out", str(parts)]
    keras = [sys.executable, "-c", KERAS, str(MODEL), CUT, str(head), str(tail)]
    return [
        Contender("Keras: load, slice, save", keras, removal(head, tail)),
        Contender("configsplit --verify none", [*split, "--verify", "none"], removal(parts)),
        Contender("configsplit, with proof", split, removal(parts)),
        Contender("cp", ["cp", str(MODEL), str(copy)], removal(copy)),
    ]


def small_contenders() -> list[Contender]:
    parts, python = OUT / "parts-json", str(Path(configsplit()[0]).with_name("python"))
    split = [*configsplit(), "split", str(ARCHITECTURE), "--at", CUT, "--out", str(parts)]
    return [
        Contender("cut the architecture (.json), --verify none", [*split, "--verify", "none"], removal(parts)),
        Contender("cut the architecture (.json), with proof", split, removal(parts)),
        Contender("configsplit inspect resnet152.keras", [*configsplit(), "inspect", str(MODEL)]),
        Contender("configsplit --help", [*configsplit(), "--help"]),
        Contender("import configsplit", [python, "-c", "import configsplit"]),
        Contender("Python itself", [python, "-c", "pass"]),
    ]


def report(big: list[Contender], small: list[Contender], rounds: int) -> str:
    """Ratios first: they are what holds on another machine."""
    keras, none, proof, copy = big
    size = MODEL.stat().st_size / 1e6
    return "\n".join(
        [
            f"ResNet152 ({size:.0f} MB `.keras`), cut at `{CUT}`. Against Keras, configsplit takes",
            "",
            f"- **{keras.median / none.median:.0f} times less time** with `--verify none` (digests in the manifest included), "
            f"{keras.median / proof.median:.0f} times less with proof;",
            f"- **{keras.peak / none.peak:.0f} times less memory** with `--verify none`, "
            f"{keras.peak / proof.peak:.0f} times less with proof;",
            f"- {none.median / copy.median:.1f} times the time of `cp`.",
            "",
            f"Medians of {rounds} rounds in turn, whole processes, caches warm, the disk at rest before each:",
            "",
            table(
                [*COLUMNS, "against Keras"],
                [[*row(each), f"{keras.median / each.median:.1f} ×"] for each in big],
            ),
            "",
            f"Small things, medians of {2 * rounds} rounds:",
            "",
            table(COLUMNS, [row(each) for each in small]),
            "",
            f"Measured on {machine()}.",
        ]
    )


if __name__ == "__main__":
    main()
