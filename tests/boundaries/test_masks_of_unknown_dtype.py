"""Keras 2 casts what a nested model takes to the dtype of its input, and the mask is lost there. Where a class that nobody has
declared gives what is taken, the file does not say whether that happens: such a mask is handed over by no part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import cut_and_run, fill, run_parts, same

import configsplit
from configsplit.errors import CutError, VerificationError
from configsplit.runtime.frameworks import framework

WORKS = framework("tf_keras")
K = WORKS.module
L = K.layers
IDS = np.array([[1, 2, 0, 0, 0, 0], [3, 0, 0, 4, 0, 0]], "int32")


class Half(L.Layer):  # type: ignore[name-defined, misc]
    """Of one dtype or another: its config does not say of which."""

    def __init__(self, gives: str = "float32", **config: Any) -> None:
        super().__init__(**config)
        self.gives, self.supports_masking = gives, True

    def call(self, values: Any) -> Any:
        return K.backend.cast(values * 0.5, self.gives)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gives": self.gives}


def words() -> tuple[Any, Any]:
    ids = K.Input((6,), dtype="int32", name="ids")
    return ids, L.Embedding(5, 4, mask_zero=True, name="emb")(ids)


def nested() -> Any:
    steps = K.Input((6, 4), name="steps")
    return K.Model(steps, L.LSTM(3, name="lstm")(steps), name="nested")


def at_a_nested_model(gives: str) -> Any:
    ids, steps = words()
    half = L.TimeDistributed(Half(gives, name="half"), name="halves")(steps)
    return fill(K.Model(ids, nested()(half)))


def at_every_step(gives: str) -> Any:
    ids = K.Input((2, 6), dtype="int32", name="ids")
    steps = L.TimeDistributed(L.Embedding(5, 4, mask_zero=True), name="emb")(ids)
    half = L.TimeDistributed(L.TimeDistributed(Half(gives, name="half")), name="halves")(steps)
    return fill(K.Model(ids, L.TimeDistributed(nested(), name="each")(half)))


class Pool(L.Layer):  # type: ignore[name-defined, misc]
    def call(self, values: Any, mask: Any = None) -> Any:
        return K.backend.mean(values, axis=1)


def at_a_nested_model_alone() -> Any:
    """The model in TimeDistributed stops the mask at every step, so that none but the LSTM uses it: a step without words."""
    pooled = K.Sequential([K.Input((6, 4)), L.Masking(0.5), Pool(name="pool")], name="step")
    steps = K.Input((2, 4), name="steps")
    last = K.Model(steps, L.LSTM(3, name="lstm")(steps), name="nested")
    begin = [K.Input((2, 6), dtype="int32"), L.TimeDistributed(L.Embedding(5, 4, mask_zero=True), name="emb")]
    middle = [L.TimeDistributed(L.Dropout(0.5), name="drop"), L.TimeDistributed(pooled, name="pooled")]
    return fill(K.Sequential([*begin, *middle, last]))


DECLARED = """
from configsplit.plugins import LayerFacts, TensorSpec

LAYERS = LayerFacts(
    class_name="Half",
    outputs=lambda call: (TensorSpec(call.first.shape, call.config["gives"]),),
    mask="stops",
    uses_mask=(),
)
"""
MAKERS = pytest.mark.parametrize("make", [at_a_nested_model, at_every_step])


@pytest.mark.parametrize("suffix", ["h5", "json"])
def test_a_cut_behind_the_maker_is_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(CutError) as raised:
        cut_and_run(at_a_nested_model("float32"), "emb", tmp_path, WORKS, suffix=suffix, classes={"Half": Half})
    assert (raised.value.code, raised.value.where) == ("cut-mask-unknown", "nested")


@pytest.mark.parametrize("at", ["emb", "drop"])
def test_a_mask_that_a_nested_model_alone_uses_is_not_lost(at: str, tmp_path: Path) -> None:
    model = at_a_nested_model_alone()
    with pytest.raises(CutError) as raised:
        cut_and_run(model, at, tmp_path, WORKS, suffix="h5", classes={"Pool": Pool})
    assert (raised.value.code, raised.value.where) == ("cut-mask-unknown", "nested")


def test_at_every_step_the_proof_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(VerificationError) as raised:
        cut_and_run(at_every_step("float32"), "emb", tmp_path, WORKS, suffix="h5", classes={"Half": Half})
    assert (raised.value.code, raised.value.where) == ("verify-masks", "each")


@pytest.mark.parametrize("gives", ["float32", "float64"])
def test_both_readings_of_such_a_file_are_what_keras_does(gives: str) -> None:
    """The LSTM skips padding in one of them alone."""
    model = at_a_nested_model(gives)
    halves = np.asarray(model.get_layer("halves")(model.get_layer("emb")(IDS)))  # an array carries no mask
    without = np.asarray(model.get_layer("nested")(halves))
    assert np.allclose(model(IDS), without) == (gives == "float64")


@pytest.mark.parametrize("gives", ["float32", "float64"])
def test_a_declared_class_settles_it(gives: str, tmp_path: Path) -> None:
    plugin = tmp_path / "half.py"
    plugin.write_text(DECLARED)
    model, path = at_a_nested_model(gives), tmp_path / "model.h5"
    model.save(path)
    saved = configsplit.split(configsplit.load(path, custom_objects=[plugin]), "emb").save(tmp_path / "parts")
    parts = run_parts(saved.directory, saved.manifest, [IDS], WORKS, {"Half": Half})
    assert same(np.asarray(model(IDS)), parts[0])


@MAKERS
def test_a_cut_that_no_mask_crosses_is_made(make: Callable[[str], Any], tmp_path: Path) -> None:
    model, path = make("float32"), tmp_path / "model.h5"
    model.save(path)
    last = model.layers[-1].name
    edited = configsplit.extract(configsplit.load(path), to=last)
    assert edited.model.output_refs()


@MAKERS
def test_no_such_model_is_brought_to_keras_3(make: Callable[[str], Any], tmp_path: Path) -> None:
    """Keras 3 casts, and keeps the mask."""
    make("float32").save(tmp_path / "model.h5")
    assert configsplit.convert(tmp_path / "model.h5").refusals
