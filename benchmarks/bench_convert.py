"""Convert the ResNet152 with `Scale` layers (.h5, 244 MB) to Keras 3, beside what a user does by hand, and `cp`.

    python benchmarks/bench_convert.py [--rounds N] [--write docs/benchmarks.md]

By hand a conversion needs what few have: the architecture as Keras 3 takes it. It is given for nothing here (the one that
configsplit writes); what is timed is loading the old model in tf_keras, building the new one, moving the weights by layer name,
saving.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from measure import COLUMNS, OUT, Contender, alternate, configsplit, machine, removal, row, table, write_section

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = ROOT / "tests" / "corpus" / "seed" / "resnet152_scale_keras2.0.9.json"
MODEL, TWIN = OUT / "resnet152_scale.h5", OUT / "resnet152_scale_keras3.json"

# Load there, build here, move the weights by name, save: the shortest program that does it. Two Kerases in one process.
BY_HAND = """
import sys
import keras, tf_keras
from configsplit.custom_objects.scale_keras import Scale as New
from configsplit.custom_objects.scale_tf_keras import Scale as Old
old = tf_keras.models.load_model(sys.argv[1], custom_objects={"Scale": Old}, compile=False)
new = keras.models.model_from_json(open(sys.argv[2]).read(), custom_objects={"Scale": New})
for layer in old.layers:
    new.get_layer(layer.name).set_weights(layer.get_weights())
new.save(sys.argv[3])
"""

# The same weights, in the same places.
CHECK = """
import sys, zipfile
import h5py
one, other = (h5py.File(zipfile.ZipFile(path).open("model.weights.h5")) for path in sys.argv[1:])
names = []
one.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
count = []
other.visititems(lambda name, item: count.append(name) if isinstance(item, h5py.Dataset) else None)
assert sorted(names) == sorted(count), set(names) ^ set(count)
assert all((one[name][()] == other[name][()]).all() for name in names)
print(len(names))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="put the results into this file")
    options = parser.parse_args()
    build()
    rows = contenders()
    alternate(rows, options.rounds)
    text = report(rows, same_weights(), options.rounds)
    print(text)
    if options.write:
        write_section(options.write, "convert", text)


def build() -> None:
    """Make the model once, and its architecture for Keras 3; they stay in benchmarks/out."""
    OUT.mkdir(exist_ok=True)
    if not MODEL.exists():
        half = MODEL.with_name("half.h5")
        command = [sys.executable, "-m", "support.seed", str(ARCHITECTURE), str(half)]
        subprocess.run(command, check=True, cwd=ROOT / "tests")
        half.rename(MODEL)
    convert = [*configsplit(), "convert", str(ARCHITECTURE), "--out", str(TWIN), "--force"]
    subprocess.run(convert, check=True, stdout=subprocess.DEVNULL)


def contenders() -> list[Contender]:
    by_hand, made, copy = OUT / "by_hand.keras", OUT / "converted.keras", OUT / "copy.h5"
    convert = [*configsplit(), "convert", str(MODEL), "--out", str(made)]
    clear = removal(made, made.with_name(made.name + ".provenance.json"))
    hand = [sys.executable, "-c", BY_HAND, str(MODEL), str(TWIN), str(by_hand)]
    return [
        Contender("by hand: tf_keras, Keras 3", hand, removal(by_hand)),
        Contender("configsplit --verify none", [*convert, "--verify", "none"], clear),
        Contender("configsplit, with proof", convert, clear),
        Contender("cp", ["cp", str(MODEL), str(copy)], removal(copy)),
    ]


def same_weights() -> int:
    """How many weights both conversions have written, bit for bit alike."""
    files = [str(OUT / name) for name in ("by_hand.keras", "converted.keras")]
    done = subprocess.run([sys.executable, "-c", CHECK, *files], check=True, capture_output=True, text=True)
    return int(done.stdout)


def report(rows: list[Contender], weights: int, rounds: int) -> str:
    """Ratios first: they are what holds on another machine."""
    hand, none, proven, copy = rows
    size = MODEL.stat().st_size / 1e6
    return "\n".join(
        [
            f"The ResNet152 with `Scale` layers of Keras 2.0.9 ({size:.0f} MB `.h5`), converted to a `.keras` of Keras 3. "
            "By hand: tf_keras loads it, Keras 3 builds the new model, the weights are moved by layer name and saved; the new "
            "architecture is given to that program, which it could not have made. Against it, configsplit takes",
            "",
            f"- **{hand.median / none.median:.0f} times less time** with `--verify none`, "
            f"{hand.median / proven.median:.0f} times less with proof, which reads every byte of both files again;",
            f"- **{hand.peak / none.peak:.0f} times less memory** with `--verify none`, "
            f"{hand.peak / proven.peak:.0f} times less with proof;",
            f"- {none.median / copy.median:.1f} times the time of `cp`.",
            "",
            f"Both files hold the same {weights:,} weights in the same places, bit for bit. Medians of {rounds} rounds, "
            "in turn, whole processes, caches warm, the disk at rest before each:",
            "",
            table(
                [*COLUMNS, "against by hand"],
                [[*row(each), f"{hand.median / each.median:.1f} ×"] for each in rows],
            ),
            "",
            f"Measured on {machine()}.",
        ]
    )


if __name__ == "__main__":
    main()
