"""What lookups and encodings give in each mode, in real Keras: Keras 3 declares float32 for some that give whole numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

import configsplit
from configsplit.runtime.frameworks import framework

tf = pytest.importorskip("tensorflow")

WORDS, NUMBERS = [["a", "b", "z"]], [[0, 1, 2]]
LAYERS: dict[str, tuple[dict[str, Any], str, Any, tuple[str, ...]]] = {
    "StringLookup": ({"vocabulary": ["a", "b"]}, "string", WORDS, ("int", "one_hot", "multi_hot", "count", "tf_idf")),
    "IntegerLookup": ({"vocabulary": [1, 2]}, "int64", NUMBERS, ("int", "one_hot", "multi_hot", "count", "tf_idf")),
    "TextVectorization": ({"vocabulary": ["a", "b"]}, "string", [["a b z"]], ("int", "multi_hot", "count", "tf_idf")),
    "CategoryEncoding": ({"num_tokens": 4}, "int64", NUMBERS, ("one_hot", "multi_hot", "count")),
    "Discretization": ({"bin_boundaries": [0.5, 1.5]}, "float32", [[0.0, 1.0, 2.0]], ("int", "one_hot", "multi_hot", "count")),
    "Hashing": ({"num_bins": 4}, "int64", NUMBERS, ("int", "one_hot", "multi_hot", "count")),
}
CASES = [
    (flavour, name, mode, width)
    for flavour in ("keras", "tf_keras")
    for name, (*_, modes) in LAYERS.items()
    for mode in modes
    for width in ((1,) if (flavour, mode) == ("tf_keras", "one_hot") else (3, 1))  # Keras 2 encodes no more than a matrix
]


@pytest.mark.parametrize(("flavour", "name", "mode", "width"), CASES)
def test_what_flows_is_what_is_declared(flavour: str, name: str, mode: str, width: int, tmp_path: Path) -> None:
    works = framework(flavour)
    settings, dtype, data, _ = LAYERS[name]
    settings = {**settings, "output_mode": mode, **({"idf_weights": [0.5, 0.6]} if mode == "tf_idf" else {})}
    given = tf.constant([data[0][:width]], dtype)
    start = works.module.Input((given.shape[1],), dtype=dtype, name="x")
    model = works.module.Model(start, getattr(works.module.layers, name)(**settings)(start))
    flows = model(given)
    (tmp_path / "m.json").write_text(model.to_json())
    document = configsplit.load(tmp_path / "m.json")
    (ref,) = document.model.output_refs()
    spec = document.infer().specs[ref]
    assert spec.dtype == flows.dtype.name
    assert spec.shape is not None
    assert len(spec.shape) == len(flows.shape)
    assert all(one in (None, two) for one, two in zip(spec.shape, flows.shape, strict=True))
