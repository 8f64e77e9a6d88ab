"""Layers and operations of tf_keras, one model each: converted, they compute the same in Keras 3."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
import tf_keras
from conversion_models import run_both, samples
from keras2_layers import INTEGERS, LAYERS, MERGES
from keras2_operations import OPERATIONS
from support.conversion import Bench

HARD = (
    "Activation hard_sigmoid",
    "BatchNormalization axes apart",
    "BatchNormalization axis 1",
    "BatchNormalization renorm",
    "Bidirectional two",
    "Conv2DTranspose output padding",
    "Dense LeakyReLU",
    "DepthwiseConv2D",
    "LocallyConnected2D",
    "LocallyConnected2D matrix",
    "LocallyConnected2D sparse first",
    "RandomCrop",
    "RandomWidth",
    "ThresholdedReLU",
)
HARD_OPERATIONS = ("backend", "flatten by shape", "matmul constant", "new axis", "positions", "split")


def _quick(titles: Iterable[str], hard: tuple[str, ...]) -> list[object]:
    """The hard ones always, all others in the long matrix."""
    return [title if title in hard else pytest.param(title, marks=pytest.mark.exhaustive) for title in titles]


@pytest.mark.parametrize("title", _quick(LAYERS, HARD))
def test_a_layer(title: str, tmp_path: Path, bench: Bench) -> None:
    shape, make = LAYERS[title]
    given = tf_keras.Input(shape)
    run_both(tf_keras.Model(given, make()(given)), samples(shape), tmp_path, bench)


@pytest.mark.exhaustive
@pytest.mark.parametrize("title", LAYERS)
def test_a_layer_in_an_archive(title: str, tmp_path: Path, bench: Bench) -> None:
    shape, make = LAYERS[title]
    given = tf_keras.Input(shape)
    run_both(tf_keras.Model(given, make()(given)), samples(shape), tmp_path, bench, ".keras")


@pytest.mark.parametrize("title", _quick(MERGES, ("Dot", "Attention")))
def test_a_merge(title: str, tmp_path: Path, bench: Bench) -> None:
    shape, make = MERGES[title]
    one, other = tf_keras.Input(shape), tf_keras.Input(shape)
    run_both(tf_keras.Model([one, other], make()([one, other])), samples(shape, shape), tmp_path, bench)


@pytest.mark.parametrize("title", _quick(INTEGERS, ("Embedding",)))
def test_a_layer_of_numbers(title: str, tmp_path: Path, bench: Bench) -> None:
    shape, make = INTEGERS[title]
    given = tf_keras.Input(shape, dtype="int64")
    run_both(tf_keras.Model(given, make()(given)), samples(shape, kind="int64"), tmp_path, bench)


@pytest.mark.parametrize("title", _quick(OPERATIONS, HARD_OPERATIONS))
def test_operations(title: str, tmp_path: Path, bench: Bench) -> None:
    one, other = tf_keras.Input((3, 4)), tf_keras.Input((3, 4))
    model = tf_keras.Model([one, other], OPERATIONS[title](one, other))
    run_both(model, samples((3, 4), (3, 4)), tmp_path, bench)
