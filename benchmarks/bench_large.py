"""Look at models of 10 GB: what is read must be their architecture and their lists of arrays, and no array.

    python benchmarks/bench_large.py [--rounds N] [--write docs/benchmarks.md]

The arrays are holes in sparse files, which take no room on the disk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from zlib import crc32

from measure import COLUMNS, OUT, Contender, alternate, configsplit, machine, row, table, write_section

_TESTS = Path(__file__).resolve().parent.parent / "tests"
SMALL = _TESTS / "corpus" / "releases" / "tf-2.4" / "residual.h5"
ARCHITECTURE = _TESTS / "corpus" / "releases" / "keras-3.15.1" / "residual.json"
SIZE = 10 << 30
SAVED, BESIDE, CHECKPOINT, ARCHIVE = (OUT / f"large{end}" for end in ("-saved-model", ".json", "-checkpoint", ".keras"))


def main() -> None:
    sys.path.insert(0, str(_TESTS))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="put the results into this file")
    parser.add_argument("--make", action="store_true", help="only write the models")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    if options.make:
        keras_archive(), saved_model(), with_checkpoint()
        return
    subprocess.run([sys.executable, __file__, "--make"], check=True)  # a process inherits the peak memory of who started it
    command = configsplit()
    contenders = [
        Contender("SavedModel: `layers`", [*command, "layers", str(SAVED)]),
        Contender("SavedModel: `inspect`", [*command, "inspect", str(SAVED)]),
        Contender("checkpoint: `inspect --weights`", [*command, "inspect", str(BESIDE), "--weights", str(CHECKPOINT)]),
        Contender("`.keras`: `layers`", [*command, "layers", str(ARCHIVE)]),
    ]
    alternate(contenders, options.rounds)
    text = report(contenders, options.rounds)
    print(text)
    if options.write:
        write_section(options.write, "large", text)


def saved_model() -> None:
    """A small SavedModel, with an array of 10 GB beside its weights."""
    from support.bundle_files import Hand, graph

    if not SAVED.exists():
        hand = Hand(SMALL)
        hand.draft.add_text("_CHECKPOINTABLE_OBJECT_GRAPH", graph(hand.nodes))
        add_hole(hand.draft)
        hand.write(SAVED)
        shard = SAVED / "variables" / "variables.data-00000-of-00001"
        stretch(shard, shard.stat().st_size + SIZE)


def with_checkpoint() -> None:
    """The architecture of an Embedding of 10 GB, and a checkpoint of TensorFlow 1 that has its weights."""
    from support.bundle_files import Draft

    config = {"name": "words", "trainable": True, "dtype": "float32", "input_dim": SIZE // 4 // 1024, "output_dim": 1024}
    given = {"name": "x", "batch_input_shape": [None, 4], "dtype": "int32", "sparse": False, "ragged": False}
    layers = [{"class_name": "InputLayer", "config": given}, {"class_name": "Embedding", "config": config}]
    whole = {
        "class_name": "Sequential",
        "config": {"name": "m", "layers": layers},
        "keras_version": "2.4.0",
        "backend": "tensorflow",
    }
    BESIDE.write_text(json.dumps(whole))
    draft = Draft()
    add_hole(draft)
    draft.entries["words/embeddings"] = draft.entries.pop("hole")
    draft.write(CHECKPOINT)
    stretch(CHECKPOINT.with_name(f"{CHECKPOINT.name}.data-00000-of-00001"), SIZE)


def add_hole(draft: Any) -> None:
    import numpy as np

    draft.add("hole", np.zeros(0, "float32"))
    draft.entries["hole"] |= {"shape": (SIZE // 4 // 1024, 1024), "size": SIZE}


def stretch(file: Path, size: int) -> None:
    with file.open("r+b") as opened:
        opened.truncate(size)


def keras_archive() -> None:
    """An archive whose HDF5 file has an array of 10 GB; its checksum is none, which only who moves weights would notice."""
    import h5py

    from configsplit.containers.zip_structure import Entry, headers

    weights = OUT / "large.weights.h5"
    if ARCHIVE.exists():
        return
    with h5py.File(weights, "w") as file:
        file.create_dataset("layers/words/vars/0", (SIZE // 4,), "float32", fillvalue=None)
    stretch(weights, max(weights.stat().st_size, SIZE))
    config, size = ARCHITECTURE.read_bytes(), weights.stat().st_size
    before, inside, behind = headers([Entry("config.json", len(config), crc32(config)), Entry("model.weights.h5", size, 0)])
    with ARCHIVE.open("wb") as file, weights.open("rb") as source:
        file.write(before + config + inside + source.read(1 << 16))
        file.seek(size - (1 << 16), 1)
        file.write(behind)
    weights.unlink()


def report(contenders: list[Contender], rounds: int) -> str:
    slowest, largest = max(each.median for each in contenders), max(each.peak for each in contenders)
    return "\n".join(
        [
            f"At most **{slowest:.2f} s and {largest:.0f} MB**, whole processes, for files of {SIZE >> 30} GiB.",
            "",
            f"Medians of {rounds} rounds:",
            "",
            table(COLUMNS, [row(each) for each in contenders]),
            "",
            f"Measured on {machine()}.",
        ]
    )


if __name__ == "__main__":
    main()
