"""A pipeline of N stages: cut at N-1 places, run one stage after the other, and put them together again."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import configsplit


def main() -> None:
    import keras
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "network.keras")
        build(path)
        stages = (
            configsplit.split(configsplit.load(path), at=["block0", "block1", "block2"]).save(Path(folder, "stages")).directory
        )
        rows = np.random.default_rng(0).normal(size=(2, 12)).astype("float32")
        whole = np.asarray(keras.models.load_model(path)(rows))
        piped = run(stages, rows)
        print(f"4 stages give what the whole network gives, bit for bit: {piped.tobytes() == whole.tobytes()}")
        again = configsplit.join(stages).save(Path(folder, "again.keras"))
        one = np.asarray(keras.models.load_model(again.path)(rows))
        print(f"joined again: {again.layers} layers, {again.compared} weights; the same: {one.tobytes() == whole.tobytes()}")


def run(folder: Path, rows: Any) -> Any:
    """Each stage takes inputs of the whole, or what earlier stages gave, as the manifest says."""
    import keras
    import numpy as np

    manifest = json.loads((folder / "manifest.json").read_text())
    given: list[list[Any]] = []

    def tensor(source: dict[str, int]) -> Any:
        return rows if "input" in source else given[source["part"]][source["output"]]

    for part in manifest["parts"]:
        taken = [tensor(item["from"]) for item in part["inputs"]]
        outputs = keras.models.load_model(folder / part["file"])(taken if len(taken) > 1 else taken[0])
        given.append([np.asarray(value) for value in (outputs if isinstance(outputs, (list, tuple)) else [outputs])])
    return tensor(manifest["outputs"][0]["from"])


def build(path: Path) -> None:
    """A stand-in for your trained network."""
    import keras

    tensor = rows = keras.Input((12,), name="rows")
    for number in range(4):
        inner = keras.layers.Dense(12, activation="tanh", name=f"inner{number}")(tensor)
        tensor = keras.layers.Add(name=f"block{number}")([tensor, inner])
    keras.Model(rows, keras.layers.Dense(3, name="scores")(tensor)).save(path)


if __name__ == "__main__":
    main()
