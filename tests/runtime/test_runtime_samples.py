"""Inputs that make sense, and tensors that survive the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from configsplit.runtime import arrays
from configsplit.runtime.arrays import Stored, greatest_difference, same_bits
from configsplit.runtime.fill import numbers
from configsplit.runtime.samples import Hints, make_inputs, read_hints


def one(shape: list[Any], dtype: str, hints: Hints, **options: Any) -> Stored:
    spec = {"name": "x", "shape": shape, "dtype": dtype}
    return make_inputs([spec], hints, **{"samples": 4, "seed": 0, **options})[0]


def entry(class_name: str, config: Any, *reads: str) -> dict[str, Any]:
    return {"class_name": class_name, "config": config, "inbound_nodes": [[[name, 0, 0, {}] for name in reads]]}


def test_hints_are_gathered_at_any_depth() -> None:
    layers = [entry("Embedding", {"input_dim": 50}, "ids"), entry("Conv2D", {}), entry("Masking", {"mask_value": -1})]
    inner = {"class_name": "Model", "config": {"layers": [entry("my>Embedding", {"input_dim": 8})]}}
    lookup = entry("StringLookup", {"vocabulary": ["red", "dog"]})
    hints = read_hints({"class_name": "Model", "config": {"layers": [*layers, inner, lookup]}}, ["seen"])
    assert hints == Hints(ids=8, convolutions=1, words=("seen", "red", "dog"), mask_value=-1.0, looked_up=frozenset({"ids"}))


def test_shapes() -> None:
    assert one([None, None, 3], "float32", Hints()).values.shape == (4, 7, 3)
    assert one([2, None, None, 3], "float32", Hints(convolutions=60)).values.shape == (2, 96, 96, 3)
    assert one([None, None], "float32", Hints(), free_dimension=5).values.shape == (4, 5)


def test_ids_stay_in_bounds_and_have_padding() -> None:
    values = one([None, 9], "int32", Hints(ids=3)).values
    assert values.dtype == np.int32
    assert set(values.ravel().tolist()) == {0, 1, 2}
    assert (values[0, -3:] == 0).all()
    assert (values[:, 0] > 0).all()
    assert set(one([None, 9], "int64", Hints(ids=1)).values.ravel().tolist()) == {0}


def test_a_float_input_that_feeds_an_embedding_gets_ids() -> None:
    hints = Hints(ids=5, looked_up=frozenset({"x"}))
    values = one([None, 9], "float32", hints).values
    assert (values == values.round()).all()
    assert values.min() >= 0


def test_other_kinds() -> None:
    assert one([None, 8], "bool", Hints()).values.dtype == np.bool_
    words = one([None, 30], "string", Hints(words=("red",))).values.ravel().tolist()
    assert b"red" in words
    assert any(b" " in word for word in words)
    assert one([None, 4], "bfloat16", Hints()).values.dtype == np.uint16
    assert one([None, 40], "int64", Hints(words=("777",), coded=frozenset({"x"}))).values.max() == 777
    assert (one([None, 6, 2], "float32", Hints(mask_value=-1.0)).values[0, -2:] == -1).all()


def test_determinism() -> None:
    same, again, other = (one([None, 4], "float32", Hints(), seed=seed) for seed in (1, 1, 2))
    assert same_bits(same, again)
    assert not same_bits(same, other)


TENSORS = [
    Stored("float32", np.array([np.nan, -0.0, np.inf], np.float32)),
    Stored("float16", np.ones((2, 2), np.float16)),
    Stored("bfloat16", np.array([[0x3F80, 0x7FC1]], np.uint16)),
    Stored("string", arrays.strings([b"", b"a\0", b"\xff\xfe"], (3, 1))),
    Stored("bool", np.array([True, False])),
    Stored("int64", np.array(7)),
    Stored("float64", np.empty((0, 3))),
    Stored("string", arrays.strings([], (0,))),
]


def test_every_kind_of_tensor_survives_the_disk(tmp_path: Path) -> None:
    arrays.save(tmp_path / "x.npz", TENSORS)
    back = arrays.load(tmp_path / "x.npz")
    assert [(item.dtype, item.values.shape) for item in back] == [(item.dtype, item.values.shape) for item in TENSORS]
    assert all(same_bits(one, other) for one, other in zip(back, TENSORS, strict=True))


def test_framework_arrays_round_trip() -> None:
    half = np.array([[1.5, -2.0]], ml_dtypes.bfloat16)
    stored = arrays.encode(half)
    assert (stored.dtype, stored.values.dtype) == ("bfloat16", np.uint16)
    assert (arrays.decode(stored) == half).all()
    assert arrays.encode(np.array(["é"])).values.tolist() == ["é".encode()]


@pytest.mark.parametrize(
    ("left", "right", "same", "difference"),
    [
        (np.float32(0.0), np.float32(-0.0), False, 0.0),
        (np.float32(1), np.nextafter(np.float32(1), np.float32(2)), False, 2**-23),
        (np.float32(np.nan), np.float32(np.nan), True, 0.0),
        (np.float32(np.nan), np.float32(1), False, None),
        (np.float32(np.inf), np.float32(np.inf), True, 0.0),
        (np.float32(1), np.float64(1), False, 0.0),
        (np.ones(2), np.ones((2, 1)), False, None),
    ],
)
def test_comparison_is_by_bits(left: Any, right: Any, same: bool, difference: float | None) -> None:
    one, other = (Stored(np.asarray(item).dtype.name, np.asarray(item)) for item in (left, right))
    assert same_bits(one, other) is same
    assert greatest_difference(one, other) == difference


def test_made_up_weights_differ_by_layer_and_are_fit_for_their_purpose() -> None:
    assert not np.array_equal(numbers("a#0", (3, 3), "kernel"), numbers("b#0", (3, 3), "kernel"))
    assert numbers("a#3", (99,), "moving_variance").min() > 0
    assert abs(numbers("a#0", (99,), "gamma").mean() - 1) < 0.1
    assert 0.8 < numbers("a#0", (400, 20), "kernel").std() * 20 < 1.2
