"""Models made in tf_keras, saved, converted, and run in Keras 3 beside tf_keras's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras
from support.conversion import Bench

from configsplit.runtime.arrays import Stored
from configsplit.verbs.convert import Converted, convert

NEAR = 1e-6


def fill(model: Any) -> None:
    """Numbers for every floating weight, positive for variances."""
    for number, weight in enumerate(model.weights):
        if not getattr(weight, "dtype", None) or not weight.dtype.is_floating:
            continue
        values = np.random.default_rng(number).normal(0, 0.5, weight.shape)
        weight.assign(np.abs(values) + 0.1 if "variance" in weight.name else values)


def samples(*shapes: tuple[int | None, ...], kind: str = "float32") -> list[Stored]:
    rng = np.random.default_rng(1)
    made = [
        rng.uniform(-1, 1, (2, *shape)).astype(kind) if kind == "float32" else rng.integers(0, 9, (2, *shape))
        for shape in shapes
    ]
    return [Stored(str(values.dtype), values) for values in made]


def converted(model: Any, folder: Path, ending: str = ".h5") -> Converted:
    source = folder / f"old{ending}"
    model.save(source)
    return convert(source)


def run_both(model: Any, given: Sequence[Stored], folder: Path, bench: Bench, ending: str = ".h5") -> None:
    """Convert a tf_keras model and hold what Keras 3 computes against what tf_keras does."""
    fill(model)
    made = converted(model, folder, ending)
    assert made.refusals == ()
    made.save(folder / "new.keras")
    whole = tf_keras.models.load_model(folder / f"old{ending}", compile=False)
    inputs = [each.values for each in given]
    wanted = whole(inputs if len(inputs) > 1 else inputs[0], training=False)
    found = bench.run(bench.keras, folder / "new.keras", None, given, safe=True)
    wanted = [np.asarray(each) for each in (wanted if isinstance(wanted, (list, tuple)) else [wanted])]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert (one.dtype, one.values.shape) == (other.dtype.name, other.shape)
        bound = NEAR * max(float(np.abs(other.astype("float64")).max()), 1e-6)
        assert np.abs(one.values.astype("float64") - other.astype("float64")).max() <= bound
