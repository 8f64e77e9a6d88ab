"""Cut chains of 1,000 to 200,000 layers: neither time nor memory of a layer may grow with their number.

    python benchmarks/bench_chain.py [--rounds N] [--write docs/benchmarks.md]

Keras cannot build the longer ones (RecursionError from about 1,000 layers on), so the documents are written here.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from measure import OUT, Contender, alternate, configsplit, machine, removal, table, write_section

LENGTHS = (1_000, 5_000, 20_000, 100_000, 200_000)
NEXT_TO_NOTHING = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="put the results into this file")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    contenders = [contender(length) for length in (NEXT_TO_NOTHING, *LENGTHS)]
    alternate(contenders, options.rounds)
    text = report(contenders, options.rounds)
    print(text)
    if options.write:
        write_section(options.write, "chain", text)


def contender(length: int) -> Contender:
    model, parts = OUT / f"chain-{length}.json", OUT / f"chain-{length}"
    if not model.exists():
        write_chain(model, length)
    command = [*configsplit(), "split", str(model), "--at", f"dense_{length // 2}", "--out", str(parts)]
    return Contender(f"{length:,}", command, removal(parts))


def write_chain(path: Path, length: int) -> None:
    """The architecture of a Keras 3 model of Dense layers, each fed by the one before.

    Written piece by piece: a process inherits the peak memory of the one that started it, so this one has to stay small.
    """
    half = path.with_suffix(".half")
    with half.open("w") as file:
        file.write('{"module": "keras.src.models.functional", "class_name": "Functional", "config": ')
        file.write(f'{{"name": "chain_{length}", "trainable": true, "layers": [{json.dumps(_input())}')
        file.writelines(f", {json.dumps(_dense(index))}" for index in range(length))
        file.write(f'], "input_layers": [["x", 0, 0]], "output_layers": [["dense_{length - 1}", 0, 0]]}}')
        file.write(', "registered_name": "Functional", "build_config": {"input_shape": null}}')
    half.rename(path)


def _input() -> dict[str, Any]:
    config = {"batch_shape": [None, 16], "dtype": "float32", "sparse": False, "ragged": False, "name": "x"}
    frame = {"module": "keras.layers", "class_name": "InputLayer", "config": config}
    return {**frame, "registered_name": None, "name": "x", "inbound_nodes": []}


def _dense(index: int) -> dict[str, Any]:
    name, before = f"dense_{index}", f"dense_{index - 1}" if index else "x"
    policy = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}
    zeros = {"module": "keras.initializers", "class_name": "Zeros", "config": {}, "registered_name": None}
    tensor = {"shape": [None, 16], "dtype": "float32", "keras_history": [before, 0, 0]}
    return {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {
            "name": name,
            "trainable": True,
            "dtype": policy,
            "units": 16,
            "activation": "relu",
            "use_bias": True,
            "kernel_initializer": zeros,
            "bias_initializer": zeros,
            "kernel_regularizer": None,
            "bias_regularizer": None,
            "kernel_constraint": None,
            "bias_constraint": None,
        },
        "registered_name": None,
        "build_config": {"input_shape": [None, 16]},
        "name": name,
        "inbound_nodes": [{"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": {}}],
    }


def report(contenders: list[Contender], rounds: int) -> str:
    start, *chains = contenders
    each = [(length, run, (run.worked - start.worked) / length) for length, run in zip(LENGTHS, chains, strict=True)]
    return "\n".join(
        [
            f"A layer of the chain of {LENGTHS[-1]:,} takes **{each[-1][2] / each[0][2]:.2f} times** the processor's time that "
            f"one of the chain of {LENGTHS[0]:,} takes (1.00 would be exactly linear).",
            f"The start of a process, {start.worked:.2f} s and {start.peak:.0f} MB, is taken off.",
            "",
            f"Dense layers in a row (`.json`), cut in the middle and proven; medians of {rounds} rounds, whole processes:",
            "",
            table(
                ["layers", "seconds", "CPU seconds", "µs of CPU a layer", "peak MB", "kB a layer"],
                [
                    [f"{length:,}", f"{run.median:.2f}", f"{run.worked:.2f}", f"{cost * 1e6:.0f}", f"{run.peak:.0f}", kilobytes]
                    for length, run, cost in each
                    for kilobytes in [f"{(run.peak - start.peak) * 1e3 / length:.1f}"]
                ],
            ),
            "",
            f"Measured on {machine()}.",
        ]
    )


if __name__ == "__main__":
    main()
