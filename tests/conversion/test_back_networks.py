"""The networks of keras.applications and random models, written for Keras 2: tf_keras computes what Keras 3 does."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import keras3_for_keras2 as made
import numpy as np
import pytest
from hypothesis import assume, given
from support.architectures import NETWORKS
from support.thinned import examples

import configsplit
from configsplit.dialects import to_text
from configsplit.graph.model import Model
from configsplit.testing import models
from configsplit.verbs.verify_file import verify_file

SAMPLE = ("MobileNet", "MobileNetV3Small")
EXACT = ("VGG16", "VGG19")
"""Networks without normalization, for which Keras 2 has another kernel."""
ROUNDED = 1e-4

WITHOUT = {"InceptionResNetV2": "CustomScaleLayer"}
"""Networks with a class of their own that Keras 2 does not have."""


def networks() -> Iterator[Any]:
    for name in NETWORKS["keras"]:
        yield pytest.param(name, marks=() if name in SAMPLE else pytest.mark.exhaustive)


def _filled(network: Any) -> Any:
    """What networks begin with as 0 or 1 drawn: no two channels are alike, and numbers stay small through many layers."""
    draw = np.random.default_rng(5)
    for weight in network.weights:
        if len(weight.shape) == 1:
            around, width = (1.0, 0.3) if weight.name in ("gamma", "moving_variance", "variance") else (0.0, 0.1)
            weight.assign(draw.uniform(around - width, around + width, weight.shape))
    return network


@pytest.mark.parametrize("name", networks())
def test_every_network_of_the_applications(name: str, tmp_path: Path) -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(5)
    network = _filled(getattr(keras.applications, name)(weights=None, input_shape=(96, 96, 3), classifier_activation=None))
    network.save(tmp_path / "new.keras")
    batch = [np.random.default_rng(2).uniform(0, 255, (2, 96, 96, 3)).astype("float32")]
    wanted, count = made.run(network, batch), len(network.weights)
    del network
    old = configsplit.convert(tmp_path / "new.keras", to="keras2")
    if name in WITHOUT:
        assert {each.code for each in old.refusals} == {"convert-class"}
        assert all(WITHOUT[name] in each.reason for each in old.refusals)
        return
    old.save(tmp_path / "old.h5")
    assert verify_file(tmp_path / "old.h5").weights == count
    assert np.isfinite(wanted[0]).all()
    assert np.ptp(wanted[0], axis=0).max() > 0, "samples give other numbers"
    off = made.off_by(wanted, made.run(made.in_keras2(tmp_path / "old.h5"), batch))
    assert off <= (0.0 if name in EXACT else ROUNDED)


@examples(100, few=4)
@given(models("keras3"))
def test_random_models(model: Model) -> None:
    live = made.filled(keras.models.model_from_json(to_text(model)))
    draw = np.random.default_rng(3)
    batch = [draw.normal(size=(4, 3, 4)).astype("float32") for _ in live.inputs]
    batch[0][1, 1:], batch[0][2, :1], batch[-1][3] = 0.0, -1.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        live.save(Path(folder, "new.keras"))
        found = configsplit.convert(Path(folder, "new.keras"), to="keras2")
        assert {each.code for each in found.refusals} <= {"convert-mask"}  # merges hand masks on in another way in Keras 2
        assume(not found.refusals)
        found.save(Path(folder, "old.h5"))
        again = made.in_keras2(Path(folder, "old.h5"))
    outputs = [
        [each + 0.0 for each in made.run(one, batch)] for one in (live, again)
    ]  # of -1, Masking makes 0.0 here, -0.0 there
    assert made.off_by(*outputs) == 0.0
