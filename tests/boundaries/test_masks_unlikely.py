"""Undeclared classes of Keras 2, whose files record nothing of masks, before a layer that uses them: behind layers that compute
with weights such a class is taken to make none, and it is said; where masks begin, or one arrives, the cut is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.made import fill, flat, inputs_for, run, run_parts, same

import configsplit
from configsplit.errors import CutError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework

WORKS = framework("tf_keras")
keras = WORKS.module
tf = pytest.importorskip("tensorflow")
L: Any = keras.layers


class Scaled(L.Layer):  # type: ignore[misc]
    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(name="scale", shape=(shape[-1],))

    def call(self, x: Any) -> Any:
        return x * self.scale


class Zeroed(Scaled):
    """Takes numbers below a limit for padding."""

    def __init__(self, mask_below: float = 0.5, **more: Any) -> None:
        super().__init__(**more)
        self.mask_below = mask_below

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return tf.reduce_any(inputs > self.mask_below, -1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_below": self.mask_below}


class MaskOut(Scaled):
    pass


class PositionEmbedding(Scaled):
    """Of features that are there already."""


class Patches(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.reshape(x, (-1, 7, 12))


class Tubes(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return tf.reshape(x, (-1, 4, 12))


class Frames(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x[..., 0]


CLASSES = {each.__name__: each for each in (Scaled, Zeroed, MaskOut, PositionEmbedding, Patches, Tubes, Frames)}


def behind(*layers: Any, shape: tuple[int, ...] = (7, 3)) -> Any:
    flow = start = L.Input(shape)
    for layer in layers:
        flow = layer(flow)
    flow = L.LSTM(4, return_sequences=True, name="lstm")(flow)
    return keras.Model(start, L.Dense(2)(L.GlobalAveragePooling1D(name="pooled")(flow)))


def conv(name: str = "conv") -> Any:
    return L.Conv1D(3, 3, padding="same", name=name)


def nested() -> Any:
    start = L.Input((7, 3))
    return keras.Model(start, L.ReLU()(conv()(start)), name="base")


def beside(other: Any) -> Any:
    """The class takes what is computed, and is added to what comes from elsewhere."""
    start = L.Input((7, 3))
    both = L.Add(name="both")([Scaled(name="at")(conv()(start)), other(start)])
    return keras.Model(start, L.GlobalAveragePooling1D(name="pooled")(both))


LIKELY_NONE: dict[str, Callable[[], Any]] = {
    "behind a convolution": lambda: behind(conv(), Scaled(name="at")),
    "behind one that comes behind one": lambda: behind(conv(), L.ReLU(), Scaled(), L.Dropout(0.1), Scaled(name="at")),
    "behind a nested model": lambda: behind(nested(), Scaled(name="at")),
    "behind each step": lambda: behind(
        L.TimeDistributed(L.Conv1D(2, 3), name="steps"), L.Reshape((7, 10)), Scaled(name="at"), shape=(7, 7, 3)
    ),
    "positions": lambda: behind(conv(), PositionEmbedding(name="at")),
    "patches of a picture": lambda: behind(Patches(), PositionEmbedding(name="at"), shape=(14, 2, 3)),
    "tubes of a clip": lambda: behind(Tubes(), PositionEmbedding(name="at"), shape=(2, 4, 2, 3)),
    "beside what has no mask": lambda: beside(L.Dense(3, name="other")),
}
MASKS_BEGIN: dict[str, Callable[[], Any]] = {
    "raw numbers": lambda: behind(Scaled(name="at")),
    "what is only moved": lambda: behind(L.Reshape((7, 3)), L.Dropout(0.1), Scaled(name="at")),
    "what an Embedding looks up": lambda: behind(L.Embedding(9, 3), Scaled(name="at"), shape=(7,)),
    "embedded words of sentences": lambda: behind(Patches(), Scaled(name="at"), shape=(7, 2, 6)),
    "sound of any length": lambda: behind(Frames(name="at"), shape=(None, 5, 1)),
    "behind another that takes raw numbers": lambda: behind(Scaled(), Scaled(name="at")),
    "a setting that speaks of masks": lambda: behind(conv(), Zeroed(name="at")),
    "a name that does": lambda: behind(conv(), MaskOut(name="at")),
    "beside a mask": lambda: beside(L.Masking(name="masked")),
}


@pytest.mark.parametrize("kind", LIKELY_NONE)
def test_it_is_cut_and_said(kind: str, tmp_path: Path) -> None:
    fill(LIKELY_NONE[kind]()).save(path := tmp_path / "model.h5")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    assert any("masks: no plug-in declares whether" in warning for warning in saved.manifest.warnings)
    branch = configsplit.extract(path, from_=["at", *(["other"] if "beside" in kind else [])], to="pooled")
    assert any("'pooled' misses it" in warning for warning in branch.warnings)
    whole = load(path, framework=WORKS, classes=CLASSES)
    inputs = inputs_for(whole)
    wanted = flat(run(whole, inputs, WORKS), WORKS)
    found = flat(run_parts(saved.directory, saved.manifest, inputs, WORKS, CLASSES), WORKS)
    assert all(same(np.asarray(one), np.asarray(two)) for one, two in zip(wanted, found, strict=True))


@pytest.mark.parametrize("kind", MASKS_BEGIN)
def test_where_masks_begin_nothing_is_taken_for_granted(kind: str, tmp_path: Path) -> None:
    MASKS_BEGIN[kind]().save(path := tmp_path / "model.h5")
    at = "both" if kind == "beside a mask" else "at"
    with pytest.raises(CutError) as caught:
        configsplit.split(path, at)
    assert caught.value.code == "cut-mask-unknown"


class Looked(L.Embedding):  # type: ignore[misc]
    pass


class Summed(Scaled):
    """Adds up the steps that count."""

    def call(self, x: Any, mask: Any = None) -> Any:
        return tf.reduce_sum(super().call(x) * tf.cast(mask, x.dtype)[..., None], 1)


@pytest.mark.parametrize("mask_zero", [True, False])
def test_settings_that_ask_for_a_mask_are_believed(mask_zero: bool, tmp_path: Path) -> None:
    """Where nobody has declared the class that would use the mask either, it was only said."""
    start = L.Input((7,))
    flow = Looked(9, 3, mask_zero=mask_zero, name="at")(start)
    flow = Summed(name="user")(flow) if mask_zero else Scaled(name="user")(flow)
    keras.Model(start, L.Dense(2)(flow)).save(path := tmp_path / "model.h5")
    if mask_zero:
        with pytest.raises(CutError, match="Looked makes one") as caught:
            configsplit.split(path, "at")
        assert caught.value.code == "cut-mask-unknown"
    else:
        assert any(
            "whether Looked" in each for each in configsplit.split(path, "at").save(tmp_path / "parts").manifest.warnings
        )


class Pooled(L.Layer):  # type: ignore[misc]
    """As recommenders have it: rows, and how many of them count."""

    def __init__(self, supports_masking: bool = False, **more: Any) -> None:
        super().__init__(**more)
        self.supports_masking = supports_masking

    def call(self, both: Any) -> Any:
        rows, length = both
        return tf.reduce_sum(rows, 1, keepdims=True) / tf.cast(length, rows.dtype)[:, None]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "supports_masking": self.supports_masking}


def test_a_length_is_no_sentence(tmp_path: Path) -> None:
    """What takes one beside looked up rows is not taken for an Embedding because a setting of it speaks of masks."""
    ids, length = L.Input((7,), dtype="int32"), L.Input((1,), dtype="int32")
    flow = Pooled(name="at")([L.Embedding(9, 3)(ids), length])
    keras.Model([ids, length], L.Dense(2)(Scaled()(flow))).save(path := tmp_path / "model.keras")
    saved = configsplit.split(path, "at").save(tmp_path / "parts")
    assert any("whether Pooled" in each for each in saved.manifest.warnings)
