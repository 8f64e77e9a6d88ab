"""Inputs that make sense, and tensors that survive the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from configsplit.runtime import arrays
from configsplit.runtime.arrays import Stored, greatest_difference, same_bits
from configsplit.runtime.input_uses import Reach
from configsplit.runtime.inputs import Hints, make_inputs, read_hints
from configsplit.runtime.worker import numbers


def hinted(**reach: Any) -> Hints:
    return Hints(reached=(Reach(**reach),))


def one(shape: list[Any], dtype: str, hints: Hints, **options: Any) -> Stored:
    spec = {"name": "x", "shape": shape, "dtype": dtype}
    return make_inputs([spec], hints, **{"samples": 4, "seed": 0, **options})[0]


def entry(class_name: str, config: Any, *reads: str) -> dict[str, Any]:
    name = config.get("name", class_name.lower())
    calls = [[[read, 0, 0, {}] for read in reads]] if reads else []
    return {"class_name": class_name, "name": name, "config": {"name": name, **config}, "inbound_nodes": calls}


def model(*layers: dict[str, Any], inputs: str = "ids", outputs: str) -> str:
    ends = {"input_layers": [[name, 0, 0] for name in inputs.split()], "output_layers": [[outputs, 0, 0]]}
    document = {"class_name": "Model", "config": {"name": "m", "layers": list(layers), **ends}, "keras_version": "2.4.0"}
    return json.dumps({**document, "backend": "tensorflow"})


def fed(name: str, *shape: Any, dtype: str = "int32") -> dict[str, Any]:
    return entry("InputLayer", {"name": name, "batch_input_shape": [None, *shape], "dtype": dtype, "sparse": False})


def test_hints_are_gathered_at_any_depth() -> None:
    inner = model(fed("i", 7), entry("Embedding", {"input_dim": 8, "output_dim": 2}, "i"), inputs="i", outputs="embedding")
    nested = {**entry("Model", json.loads(inner)["config"], "ids"), "name": "m"}
    lookup = entry("StringLookup", {"vocabulary": ["red", "dog"], "mask_token": ""}, "words")
    layers = [fed("ids", 7), fed("words", 7, dtype="string"), nested, entry("Conv2D", {"filters": 2}, "ids"), lookup]
    hints = read_hints(model(*layers, inputs="ids words", outputs="conv2d"), ["seen"])
    assert (hints.convolutions, hints.words) == (1, ("seen", "red", "dog"))
    assert hints.reached == (Reach(limit=8), Reach(words=("red", "dog"), blanks=("",)))


def test_a_document_that_cannot_be_followed_keeps_ids_within_every_embedding() -> None:
    strange = {
        "class_name": "Mine",
        "config": {"a": entry("Embedding", {"input_dim": 5}), "b": entry("Embedding", {"input_dim": 3})},
    }
    hints = read_hints(json.dumps(strange))
    assert (hints.reached, hints.ids) == ((), 3)
    assert one([None, 40], "int32", hints).values.max() == 2


def test_shapes() -> None:
    assert one([None, None, 3], "float32", Hints()).values.shape == (4, 7, 3)
    assert one([2, None, None, 3], "float32", Hints(convolutions=60)).values.shape == (2, 96, 96, 3)
    assert one([None, None], "float32", Hints(), free_dimension=5).values.shape == (4, 5)


def test_ids_stay_in_bounds_and_have_padding() -> None:
    values = one([None, 9], "int32", hinted(limit=3, zeros=True)).values
    assert values.dtype == np.int32
    assert set(values.ravel().tolist()) == {0, 1, 2}
    assert ((values == 0).any(axis=1).tolist(), (values == 0).all(axis=1).tolist()) == ([1, 1, 1, 0], [0, 0, 1, 0])
    assert set(one([None, 9], "int64", hinted(limit=1)).values.ravel().tolist()) == {0}


@pytest.mark.parametrize("shape", [[None], [None, 9], [None, 3, 9], [None, 2, 3, 9]])
def test_ids_of_every_rank_are_padded(shape: list[Any]) -> None:
    values = one(shape, "int32", hinted(limit=50, zeros=True)).values
    assert 0 < (values == 0).sum() < values.size


def test_a_float_input_that_feeds_an_embedding_gets_ids() -> None:
    values = one([None, 9], "float32", hinted(limit=5)).values
    assert (values == values.round()).all()
    assert (values.min(), values.max()) == (0, 4)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "int8"])
@pytest.mark.parametrize("shape", [[None, 3], [None, 6, 3], [None, 2, 6, 3]])
def test_masking_leaves_whole_steps_out_and_one_feature_is_no_step(dtype: str, shape: list[Any]) -> None:
    values = one(shape, dtype, hinted(padding=(-1.0,), step=3)).values
    steps = (values == -1).reshape(-1, 3)
    assert 0 < steps.all(axis=1).sum() < len(steps)
    assert (steps.any(axis=1) & ~steps.all(axis=1)).any()


def test_steps_that_are_made_of_a_flat_input() -> None:
    steps = (one([None, 15], "float32", hinted(padding=(9.0,), step=3)).values == 9).reshape(4, 5, 3).all(axis=2)
    assert 0 < steps[0].sum() < 5


def test_several_values_of_padding_take_turns() -> None:
    values = one([None, 6, 2], "float32", hinted(padding=(0.0, -1.0), step=2)).values
    assert all((values == pad).all(axis=2).any() for pad in (0, -1))


def test_padding_that_is_no_valid_id_is_left_out() -> None:
    values = one([None, 9, 1], "int32", hinted(limit=4, zeros=True, padding=(-1.0, 0.5, 4.0), step=1)).values
    assert (values.min(), values.max()) == (0, 3)


@pytest.mark.parametrize("samples", [2, 4])
def test_booleans_are_both_by_rows_and_within_rows(samples: int) -> None:
    values = one([None, 8], "bool", Hints(), samples=samples).values
    assert values.dtype == np.bool_
    assert 0 < values[0].sum() < 8
    assert samples == 2 or {bool(row.all()) for row in values if row.all() == row.any()} == {True, False}
    assert set(one([None], "bool", Hints(), samples=samples).values.tolist()) == {True, False}


def test_texts() -> None:
    words = one([None, 30], "string", Hints(words=("red",))).values.ravel().tolist()
    assert b"red" in words
    assert any(b" " in word for word in words)
    looked_up = one([None, 6], "string", hinted(words=("red",), blanks=("[PAD]",))).values
    assert (looked_up == b"[PAD]").any(axis=1).tolist() == [True, True, True, False]
    texts = one([None, 1], "string", hinted(words=("red",), vectorized=True)).values.ravel().tolist()
    assert [len(text.split()) if text else 0 for text in texts][2] == 0
    assert len({len(text) for text in texts}) > 2


def test_what_may_be_a_limit_holds_for_ids_and_makes_no_ids_of_floats() -> None:
    assert one([None, 40], "int32", hinted(guess=3)).values.max() == 2
    assert one([None, 40], "int32", hinted(limit=50, guess=3)).values.max() == 2
    floats = one([None, 40], "float32", hinted(guess=3)).values
    assert (floats != floats.round()).any()


def test_tensors_without_elements() -> None:
    for shape in ([None, 0], [None, 0, 2], [None, 3, 0]):
        for reach in (hinted(padding=(-1.0,)), hinted(limit=3, zeros=True), Hints()):
            assert one(shape, "float32", reach).values.size == 0


def test_other_kinds() -> None:
    assert one([None, 4], "bfloat16", Hints()).values.dtype == np.uint16
    known = one([None, 40], "int64", hinted(words=("777",), blanks=("-5",))).values
    assert (known.min(), known.max()) == (-5, 777)


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
