"""Split a live ResNet50, beside `keras.models.clone_model`, which builds its layers once and knows no cut.

    python benchmarks/bench_live.py [--rounds N] [--write docs/benchmarks.md]

Both in one process, in turn; the time is the processor's, of all threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median

from measure import environment, machine, table, write_section

AT = "conv4_block3_out"

MEASURED = """
import gc, json, sys, time
import keras
import configsplit

model = keras.applications.ResNet50(weights=None)
jobs = {
    "clone": lambda: keras.models.clone_model(model),
    "split": lambda: configsplit.split(model, at=sys.argv[1]),
}
found = {name: [] for name in jobs}
for number in range(int(sys.argv[2]) + 1):
    for name, job in jobs.items():
        gc.collect()
        start = time.process_time()
        made = job()
        found[name].append(time.process_time() - start)
        del made
print(json.dumps({name: times[1:] for name, times in found.items()}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", type=Path, help="put the results into this file")
    options = parser.parse_args()
    command = [sys.executable, "-c", MEASURED, AT, str(options.rounds)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout
    text = report(json.loads(told.splitlines()[-1]))
    print(text)
    if options.write:
        write_section(options.write, "live", text)


def report(found: dict[str, list[float]]) -> str:
    ratio = median(ours / theirs for ours, theirs in zip(found["split"], found["clone"], strict=True))
    names = {"clone": "`keras.models.clone_model`", "split": "`configsplit.split`"}
    rows = [[names[name], f"{median(times):.2f}", f"{min(times):.2f}", f"{max(times):.2f}"] for name, times in found.items()]
    return "\n".join(
        [
            f"Splitting takes **{ratio:.2f} times** what cloning takes (median of {len(found['split'])} pairs): the two parts "
            "are built as clones are, and given the weights of the original.",
            "",
            table(["", "CPU seconds", "least", "most"], rows),
            "",
            f"Measured on {machine()}.",
        ]
    )


if __name__ == "__main__":
    main()
