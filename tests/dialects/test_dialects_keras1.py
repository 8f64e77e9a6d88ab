"""How Keras 1 keeps its weights: Theano's kernels and one array for each gate are its own, anything else is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

import configsplit
from configsplit.catalog.layers.keras1 import stored_shapes
from configsplit.errors import WeightsError
from configsplit.graph.json import freeze
from configsplit.graph.model import Layer, Shape

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"
LSTM: list[Shape] = [(3, 16), (4, 16), (16,)]
GATES: list[Shape] = [(3, 4), (4, 4), (4,)] * 4


def layer(class_name: str, **config: object) -> Layer:
    return Layer(name="l", class_name=class_name, entry=freeze({"class_name": class_name, "config": config}))


@pytest.mark.parametrize(
    ("made", "wanted", "kept"),
    [
        (layer("Dense"), [(3, 4), (4,)], [(3, 4), (4,)]),
        (layer("LSTM", consume_less="cpu"), LSTM, GATES),
        (layer("LSTM", consume_less="gpu"), LSTM, LSTM),
        (layer("GRU", consume_less="mem"), [(3, 12), (4, 12), (12,)], GATES[:9]),
        (layer("SimpleRNN", consume_less="cpu"), [(3, 4), (4, 4), (4,)], [(3, 4), (4, 4), (4,)]),
        (layer("Convolution2D", dim_ordering="th"), [(3, 2, 5, 7), (7,)], [(7, 5, 3, 2), (7,)]),
        (layer("Convolution2D", dim_ordering="tf"), [(3, 2, 5, 7), (7,)], [(3, 2, 5, 7), (7,)]),
        (layer("Convolution3D", dim_ordering="th"), [(2, 3, 4, 5, 7), (7,)], [(7, 5, 2, 3, 4), (7,)]),
        (layer("Convolution1D"), [(3, 5, 7), (7,)], [(3, 1, 5, 7), (7,)]),
        (layer("Deconvolution2D", dim_ordering="tf"), [(3, 2, 7, 5), (7,)], [(3, 2, 5, 7), (7,)]),
        (layer("Deconvolution2D", dim_ordering="th"), [(3, 2, 7, 5), (7,)], [(7, 5, 3, 2), (7,)]),
        (
            layer("Bidirectional", layer={"class_name": "LSTM", "config": {"consume_less": "cpu"}}),
            LSTM * 2,
            GATES * 2,
        ),
    ],
    ids=lambda item: f"{item.class_name}-{'-'.join(map(str, item.config.values()))}" if isinstance(item, Layer) else "",
)
def test_shapes_as_keras_1_keeps_them(made: Layer, wanted: list[Shape], kept: list[Shape]) -> None:
    assert stored_shapes(made, wanted, kept) == kept


def test_the_kernel_of_a_convolution_before_1_0_6() -> None:
    older: list[Shape] = [(7, 5, 3, 1), (7,)]
    assert stored_shapes(layer("Convolution1D"), [(3, 5, 7), (7,)], older) == older


@pytest.mark.parametrize(
    ("name", "dataset", "place"),
    [
        ("conv_seq_th.h5", "conv1_1/conv1_1_W:0", "bn"),
        ("stateful_lstm.h5", "lstm_1/lstm_1_W_i:0", "lstm_1"),
    ],
)
def test_a_weight_of_another_shape_is_refused(name: str, dataset: str, place: str, tmp_path: Path) -> None:
    shutil.copy(RELEASES / "keras-1.2.2" / name, tmp_path / name)
    with h5py.File(tmp_path / name, "r+") as file:
        values = np.array(file["model_weights"][dataset])
        del file["model_weights"][dataset]
        file["model_weights"][dataset] = np.ascontiguousarray(values.T)
    with pytest.raises(WeightsError) as caught:
        configsplit.split(configsplit.load(tmp_path / name), place).save(tmp_path / "out")
    assert caught.value.code == "weights-shape"


def test_parts_of_a_chain_keep_the_words_of_keras_1(tmp_path: Path) -> None:
    source = RELEASES / "keras-1.2.2" / "conv_seq_tf.h5"
    for place in ("bn", "zeropadding2d_1"):
        saved = configsplit.split(configsplit.load(source), place).save(tmp_path / place)
        assert saved.proof is not None
        for part in saved.manifest.parts:
            assert configsplit.validate(tmp_path / place / part.file).schema == "keras1"
            assert configsplit.validate(tmp_path / place / part.file).valid


@pytest.mark.parametrize("place", ["encoder@0/enc_fc", "encoder@2/enc_fc"])
def test_cuts_inside_a_nested_model_go_by_the_names_of_keras_1(place: str, tmp_path: Path) -> None:
    source = RELEASES / "keras-1.0.8" / "siamese.h5"
    saved = configsplit.split(configsplit.load(source), place).save(tmp_path / "out")
    assert saved.proof is not None
    assert saved.proof.weights >= 4
    assert all(configsplit.validate(tmp_path / "out" / part.file).valid for part in saved.manifest.parts)


@pytest.mark.parametrize("place", ["sq/sqd", "mid/inner/d0", "mid/d1"])
@pytest.mark.parametrize("release", ["keras-1.0.8", "keras-1.2.2"])
def test_an_opened_sequential_is_written_in_the_words_of_keras_1(release: str, place: str, tmp_path: Path) -> None:
    for name in ("nested2.h5", "nested2.json"):
        saved = configsplit.split(configsplit.load(RELEASES / release / name), place).save(tmp_path / name)
        assert saved.proof is not None
        assert all(configsplit.load(tmp_path / name / part.file).dialect == "keras1" for part in saved.manifest.parts)
