"""Functions of TensorFlow in tf_keras models: converted, they compute the same in Keras 3."""

from __future__ import annotations

from pathlib import Path

import pytest
import tf_keras
from conversion_models import run_both, samples
from keras2_functions import FUNCTIONS
from support.conversion import Bench

HARD = ("conv padded", "neighbours", "cumulative", "gather by sample", "heads", "joined shape", "tiles", "zeros")


@pytest.mark.parametrize(
    "title", [title if title in HARD else pytest.param(title, marks=pytest.mark.exhaustive) for title in FUNCTIONS]
)
def test_a_function(title: str, tmp_path: Path, bench: Bench) -> None:
    shape, make = FUNCTIONS[title]
    given = tf_keras.Input(shape)
    model = tf_keras.Model(given, make(given))
    run_both(model, samples(tuple(size or 5 for size in shape)), tmp_path, bench)
