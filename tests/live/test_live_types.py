"""What a verb gives of a file and of a live model, to type checkers (mypy reads this file) and when it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

import pytest
from live_models import branching

import configsplit
from configsplit.errors import OptionError, VerificationError
from configsplit.keras import LiveModel, LiveParts, LiveProof
from configsplit.models.results import Edited, Parts
from configsplit.runtime.trace.cut import TracedParts
from configsplit.verbs.cuts import Cuts
from configsplit.verbs.inspect import Inspection
from configsplit.verbs.planned import Plan

FILE = Path(__file__).resolve().parents[1] / "corpus" / "releases" / "keras-3.15.1" / "residual.keras"


def test_of_a_file() -> None:
    assert isinstance(assert_type(configsplit.split(FILE, at="res"), Parts), Parts)
    assert isinstance(assert_type(configsplit.extract(FILE, to="res"), Edited), Edited)
    assert isinstance(assert_type(configsplit.cuts(FILE, max_tensors=1), Cuts), Cuts)


def test_of_a_live_model(keras: Any) -> None:
    model: LiveModel = branching(keras)
    parts = assert_type(configsplit.split(model, at="sum"), LiveParts | TracedParts)
    assert isinstance(parts, LiveParts)
    assert isinstance(assert_type(configsplit.extract(model, to="sum"), LiveModel), LiveModel)
    places = assert_type(configsplit.keras.cuts(model, max_tensors=1), Cuts)
    assert [place.at for place in places] == [place.at for place in configsplit.cuts(model, max_tensors=1)] != []
    assert assert_type(configsplit.keras.plan(model, 2), Plan).largest > 0
    assert assert_type(configsplit.keras.inspect(model), Inspection).parameters == model.count_params()
    proof = assert_type(configsplit.verify(parts, numeric=True), LiveProof)
    assert (proof.parts, proof.weights, proof.outputs) == (2, len(model.get_weights()), 1)
    assert f"{proof.weights} weights equal · 1 output equal bit for bit" in proof._repr_html_()


def test_words_are_checked_before_the_model_is_read(keras: Any) -> None:
    with pytest.raises(OptionError, match="latency"):
        configsplit.keras.cuts(branching(keras), sort="latencies")  # type: ignore[arg-type]


def test_parts_that_were_trained_since_are_told(keras: Any) -> None:
    model: LiveModel = branching(keras)
    parts = configsplit.split(model, at="sum")
    assert isinstance(parts, LiveParts)
    assert configsplit.keras.verify(parts).outputs is None
    layer = parts[1].layers[-1]
    layer.set_weights([value * 2 for value in layer.get_weights()])
    with pytest.raises(VerificationError, match="'out' has other weights in part 1") as caught:
        configsplit.keras.verify(parts)
    assert caught.value.code == "verify-weights"


def test_parts_with_another_setting_are_told(keras: Any) -> None:
    """The weights are the same: only a run shows it."""
    model: Any = branching(keras)
    parts: Any = configsplit.split(model, at="sum")
    layer = parts[0].get_layer("bn")
    layer.epsilon = 0.5
    assert configsplit.keras.verify(parts).weights > 0
    with pytest.raises(VerificationError, match="'out'") as caught:
        configsplit.keras.verify(parts, numeric=True)
    assert caught.value.code == "verify-numeric"


def test_what_is_no_split_is_refused(keras: Any) -> None:
    with pytest.raises(OptionError) as caught:
        configsplit.keras.verify(branching(keras))
    assert caught.value.code == "model-unknown"
