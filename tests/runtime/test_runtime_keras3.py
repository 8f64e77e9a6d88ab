"""Numeric verification of hand-made splits of Keras 3 models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from splits import Split

from configsplit.errors import VerificationError


@pytest.fixture
def k(keras3: Any) -> Any:
    keras3.module.utils.set_random_seed(7)
    return keras3.module


def chain(k: Any) -> Any:
    x = k.Input((5,), name="x")
    y = k.layers.Dense(8, activation="relu", name="a")(x)
    y = k.layers.Dense(1, use_bias=False, name="b")(y)
    return k.Model(x, k.layers.Dense(1, use_bias=False, name="c")(y))


def cut_chain(k: Any, folder: Path) -> Split:
    model = chain(k)
    a, b = model.get_layer("a").output, model.get_layer("b").output
    split = Split(folder, "keras3").whole(model, [{"part": 2, "output": 0}])
    split.part(k.Model(model.input, a), [{"input": 0}], ["a"])
    split.part(k.Model(a, b), [{"part": 0, "output": 0}], ["b"])
    return split.part(k.Model(b, model.output), [{"part": 1, "output": 0}], ["c"])


def test_three_parts_in_a_row_are_identical(k: Any, tmp_path: Path, verify: Any) -> None:
    report = verify(cut_chain(k, tmp_path))
    assert report.identical
    assert report.first_difference is None
    assert report.outputs[0].shape == (4, 1)
    assert (report.framework, report.version, report.weights) == ("keras", k.__version__, "file")
    assert report.as_json()["identical"] is True


@pytest.mark.parametrize(("layer", "part"), [("a", 0), ("b", 1), ("c", 2)])
def test_weights_one_ulp_off_is_found_and_placed(k: Any, tmp_path: Path, verify: Any, layer: str, part: int) -> None:
    split = cut_chain(k, tmp_path)
    path = tmp_path / f"part-{part}.keras"
    model = k.models.load_model(path)
    kernel = model.get_layer(layer).kernel
    kernel.assign(np.nextafter(np.asarray(kernel), np.float32(9)))
    model.save(path)
    report = verify(split)
    assert not report.identical
    assert report.first_difference == part
    assert report.deterministic
    assert 0 < (report.outputs[0].max_abs_difference or 0) < 1e-5


def forked(k: Any, folder: Path) -> Split:
    """Keras cannot slice where a shared layer is called on both sides of the cut: the halves call the same layers anew."""
    shared = k.layers.Dense(6, activation="tanh", name="shared")
    join, last = k.layers.Concatenate(name="join"), k.layers.Dense(2, name="last")
    zeta, alpha, left, right = (k.Input((6,), name=name) for name in ("zeta", "alpha", "left", "right"))
    a, z = shared(alpha), shared(zeta)
    model = k.Model({"zeta": zeta, "alpha": alpha}, {"q": shared(a), "p": last(join([a, z]))})
    assert [tensor.name for tensor in model.inputs] == ["alpha", "zeta"]
    split = Split(folder, "keras3").whole(model, [{"part": 1, "output": 1}, {"part": 1, "output": 0}])
    split.part(k.Model([zeta, alpha], {"r": z, "l": a}), [{"input": 1}, {"input": 0}])
    tail = k.Model({"right": right, "left": left}, [shared(left), last(join([left, right]))])
    return split.part(tail, [{"part": 0, "output": 0}, {"part": 0, "output": 1}])


def test_branches_shared_layer_and_dict_inputs(k: Any, tmp_path: Path, verify: Any) -> None:
    split = forked(k, tmp_path)
    assert verify(split).identical
    wires = split.manifest["parts"][1]["inputs"]
    wires[0]["from"], wires[1]["from"] = wires[1]["from"], wires[0]["from"]
    assert [output.identical for output in verify(split).outputs] == [False, False]


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_crosses_the_cut_bit_for_bit(k: Any, tmp_path: Path, verify: Any, policy: str) -> None:
    x = k.Input((9, 9, 2), name="x")
    y = k.layers.Conv2D(4, 3, dtype=policy, name="conv")(x)
    y = k.layers.BatchNormalization(dtype=policy, name="bn")(y)
    model = k.Model(x, k.layers.Dense(3, dtype=policy, name="out")(k.layers.ReLU(dtype=policy)(y)))
    conv = model.get_layer("conv").output
    split = Split(tmp_path, "keras3").whole(model, [{"part": 1, "output": 0}])
    split.part(k.Model(x, conv), [{"input": 0}]).part(k.Model(conv, model.output), [{"part": 0, "output": 0}])
    report = verify(split)
    assert report.identical
    assert report.outputs[0].dtype == policy.removeprefix("mixed_")


def test_another_dtype_with_equal_numbers_is_a_difference(k: Any, tmp_path: Path, verify: Any) -> None:
    x = k.Input((3,), name="x")
    model = k.Model(x, k.layers.Activation("relu", name="r")(x))
    other = k.Model(x, k.layers.Activation("relu", dtype="float64", name="r")(x))
    split = Split(tmp_path, "keras3").whole(model, [{"part": 0, "output": 0}]).part(other, [{"input": 0}])
    report = verify(split)
    assert not report.identical
    assert report.outputs[0].max_abs_difference == 0.0


def masked(k: Any, tmp_path: Path, *, with_mask: bool) -> Split:
    ids = k.Input((None,), dtype="int32", name="ids")
    embedded = k.layers.Embedding(6, 4, mask_zero=True, name="e")
    lstm = k.layers.LSTM(3, name="lstm")
    model = k.Model(ids, lstm(embedded(ids)))
    vectors, mask = k.Input((None, 4), name="vectors"), k.Input((None,), dtype="bool", name="mask")
    split = Split(tmp_path, "keras3").whole(model, [{"part": 1, "output": 0}])
    split.part(k.Model(ids, [embedded(ids), k.ops.not_equal(ids, 0)]), [{"input": 0}])
    handed = [{"part": 0, "output": 0}, {"part": 0, "output": 1}]
    if with_mask:
        return split.part(k.Model([vectors, mask], lstm(vectors, mask=mask)), handed)
    return split.part(k.Model(vectors, lstm(vectors)), handed[:1])


@pytest.mark.parametrize("with_mask", [True, False])
def test_a_mask_that_does_not_cross_shows(k: Any, tmp_path: Path, verify: Any, with_mask: bool) -> None:
    assert verify(masked(k, tmp_path, with_mask=with_mask)).identical is with_mask


def test_strings_reach_a_lookup_in_the_tail(k: Any, tmp_path: Path, verify: Any) -> None:
    words, numbers = k.Input((3,), dtype="string", name="words"), k.Input((4,), name="numbers")
    found = k.layers.StringLookup(vocabulary=["cat", "sat", "mat"], name="lookup")(words)
    vector = k.layers.Flatten()(k.layers.Embedding(4, 2, name="e")(found))
    middle = k.layers.Dense(2, name="d")(numbers)
    model = k.Model([words, numbers], k.layers.Concatenate()([vector, middle]))
    split = Split(tmp_path, "keras3").whole(model, [{"part": 1, "output": 0}])
    split.part(k.Model(numbers, middle), [{"input": 1}])
    split.part(k.Model([middle, words], model.output), [{"part": 0, "output": 0}, {"input": 0}])
    assert verify(split).identical


def test_without_weights_both_sides_get_the_same_ones(k: Any, tmp_path: Path, verify: Any) -> None:
    inner_in = k.Input((4,), name="i")
    inner = k.Model(inner_in, k.layers.Dense(4, name="fc")(k.layers.BatchNormalization(name="bn")(inner_in)), name="enc")
    x = k.Input((4,), name="x")
    model = k.Model(x, k.layers.Dense(2, name="fc")(inner(x)))
    head_in, tail_in = k.Input((4,), name="x"), k.Input((4,), name="enc_bn")
    head = k.Model(head_in, k.layers.BatchNormalization(name="enc_bn")(head_in))
    tail = k.Model(tail_in, k.layers.Dense(2, name="fc")(k.layers.Dense(4, name="enc_fc")(tail_in)))
    split = Split(tmp_path, "keras3", ".json").whole(model, [{"part": 1, "output": 0}])
    split.part(head, [{"input": 0}], layers={"enc_bn": ["enc", "bn"]})
    split.part(tail, [{"part": 0, "output": 0}], layers={"enc_fc": ["enc", "fc"]})
    report = verify(split)
    assert report.identical
    assert report.weights == "filled"
    del split.manifest["parts"][0]["layers"]
    assert not verify(split).identical


def test_same_seed_same_numbers_and_another_seed_others(k: Any, tmp_path: Path, verify: Any) -> None:
    split = cut_chain(k, tmp_path)
    split.manifest["outputs"][0]["from"] = {"part": 1, "output": 0}
    found = [verify(split, seed=seed, samples=2).outputs[0].max_abs_difference for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("source", "code"),
    [({"part": 1, "output": 0}, "manifest-wiring"), ({"input": 3}, "manifest-wiring"), ({}, "manifest-wiring")],
)
def test_wiring_that_leads_nowhere_is_refused(k: Any, tmp_path: Path, verify: Any, source: Any, code: str) -> None:
    split = cut_chain(k, tmp_path)
    split.manifest["parts"][1]["inputs"][0]["from"] = source
    with pytest.raises(VerificationError) as caught:
        verify(split)
    assert caught.value.code == code


def test_a_manifest_cannot_name_files_elsewhere(k: Any, tmp_path: Path, verify: Any) -> None:
    split = cut_chain(k, tmp_path)
    split.manifest["parts"][1]["file"] = "../part-1.keras"
    with pytest.raises(VerificationError) as caught:
        verify(split)
    assert caught.value.code == "manifest-path-escape"
