"""A process without Keras and configsplit that runs SavedModels of a cut from disk, as their trace.json says.

It reads lines ``FOLDER INPUTS.npz OUT.npz`` and answers each. Every kernel is called as it stands: no graph rewriter
fuses what one file has side by side and the other has not.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    sys.modules |= {"keras": None, "tf_keras": None}  # TensorFlow imports Keras where it can; here it cannot
    import tensorflow as tf

    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    for line in sys.stdin:
        try:
            run(tf, *line.rstrip("\n").split("\t"))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)  # noqa: T201
        else:
            print("done", flush=True)  # noqa: T201


def run(tf: Any, folder: str, inputs: str, out: str) -> None:
    import numpy as np

    record = json.loads(Path(folder, "trace.json").read_text())
    with np.load(inputs) as file:
        given = [file[name] for name in file.files]
    parts: list[list[Any]] = []

    def value(source: dict[str, int]) -> Any:
        return given[source["input"]] if "input" in source else parts[source["part"]][source["output"]]

    for part in record["parts"]:
        loaded = tf.saved_model.load(str(Path(folder, part["directory"])))
        taken = {item["name"]: tf.constant(value(item["from"])) for item in part["inputs"]}
        named = loaded.signatures["serving_default"](**taken)
        direct = loaded(*taken.values())
        direct = direct if isinstance(direct, (list, tuple)) else [direct]
        parts.append([named[item["name"]].numpy() for item in part["outputs"]])
        assert [each.tobytes() for each in parts[-1]] == [each.numpy().tobytes() for each in direct]
        assert len(loaded.weights) == len(part["variables"])
    np.savez(out, *[value(source) for source in record["outputs"]])
    assert "configsplit" not in sys.modules


if __name__ == "__main__":
    main()
