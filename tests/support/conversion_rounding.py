"""Where a converted model is not tf_keras's to the last bit: the layers at which the two part, found by running, and why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from configsplit.graph.model import Layer, Model
from configsplit.runtime import arrays
from configsplit.runtime.arrays import Stored, same_bits
from configsplit.verbs.convert import Converted
from support.frameworks import Failed, FrameworkProcess

if TYPE_CHECKING:
    from support.conversion import Bench
    from support.conversion_files import OldFile

UNKNOWN = "no cause is known"


def rounding(
    file: OldFile, made: Converted, target: Path, found: Sequence[Stored], twin: Sequence[Stored], bench: Bench
) -> dict[str, Any]:
    """One entry of the list: the file, the layers that round otherwise, why, and how far off the outputs are at the most."""
    model = made.migration.model
    assert model is not None
    layers = _parting(model, file, target, bench)
    reasons = sorted({_why(layer, _old(made, layer)) for layer in layers}) or [UNKNOWN]
    return {
        "file": file.title,
        "layers": [f"{layer.name} ({layer.class_name})" for layer in layers],
        "why": reasons,
        "off": max((_off(one, other) for one, other in zip(found, twin, strict=False)), default=math.inf),
    }


def _off(one: Stored, other: Stored) -> float:
    """The largest difference, relative to the largest number."""
    if one.values.shape != other.values.shape or one.values.dtype.kind not in "fiu":
        return math.inf
    far = np.abs(one.values.astype("float64") - other.values.astype("float64")).max(initial=0.0)
    return float(far / max(float(np.abs(other.values).max(initial=0.0)), 1e-6))


# ------------------------------------------------------------------------------------------------------- where they part


def _parting(model: Model, file: OldFile, target: Path, bench: Bench) -> list[Layer]:
    """The layers that are given the same bits as in tf_keras, and give others."""
    names = [layer.name for layer in model.layers if not layer.is_operation]
    try:
        new = _layer_outputs(bench.keras, target, None, names, bench)
        old = _layer_outputs(bench.tf_keras, file.path, file.weights, names, bench)
    except Failed:
        return []
    same = {
        name: len(new[name]) == len(old[name]) and all(map(same_bits, new[name], old[name]))
        for name in names
        if name in new and name in old
    }
    return [
        layer
        for layer in model.layers
        if same.get(layer.name) is False and all(same.get(use.ref.layer, True) for call in layer.calls for use in call.uses())
    ]


def _layer_outputs(
    process: FrameworkProcess, model: Path, weights: Path | None, names: Sequence[str], bench: Bench
) -> dict[str, list[Stored]]:
    """By layer, on the inputs that the model was run with last. Raises Failed."""
    inputs, outputs = bench.folder / "inputs.npz", bench.folder / "layers.npz"
    answer = process.run(
        {
            "model": str(model),
            "weights": None if weights is None else str(weights),
            "inputs": [{"file": str(inputs), "index": index} for index in range(len(arrays.load(inputs)))],
            "outputs": str(outputs),
            "layers": list(names),
            "seed": 0,
        },
    )
    values = iter(arrays.load(outputs))
    return {name: [next(values) for _ in range(count)] for name, count in answer["given"]}


# ----------------------------------------------------------------------------------------------------------------- why


def _old(made: Converted, layer: Layer) -> Layer | None:
    origin = made.migration.origins.get((layer.name,))
    return made.document.model.by_name().get(origin[0]) if origin else None


def _why(layer: Layer, old: Layer | None) -> str:
    holds, why = _CAUSES.get(layer.class_name, (_never, ""))
    return why if old is not None and holds(layer.config, old.config) else UNKNOWN


def _never(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return False


def _scaled_scores(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Where ``1 / sqrt(key_dim)`` is no power of two, and Keras 3 takes the fused operation: it does not where it drops out."""
    root = math.isqrt(new["key_dim"])
    return not new.get("dropout") and (root * root != new["key_dim"] or root & (root - 1) != 0)


def _both_ways(new: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    return any(old[key]["config"].get("implementation") in (0, 1) for key in ("layer", "backward_layer") if old.get(key))


_CAUSES: Mapping[str, tuple[Callable[[Mapping[str, Any], Mapping[str, Any]], bool], str]] = {
    "MultiHeadAttention": (
        _scaled_scores,
        "MultiHeadAttention of Keras 3 multiplies the scores by `1 / sqrt(key_dim)`, that of tf_keras the query: "
        "other bits where that is no power of two",
    ),
    "Bidirectional": (
        _both_ways,
        "Bidirectional of Keras 3 makes its layers from configs that it writes itself, where `implementation` 1 is lost: "
        "all gates are multiplied at once",
    ),
}
