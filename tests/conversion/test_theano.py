"""Files that Keras wrote with Theano, beside what Theano computed: kernels turned round, gates apart, filters first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.conversion import Bench

from configsplit.catalog.keras3.refusals import Stop
from configsplit.conversion.layers import theano
from configsplit.errors import ConversionError
from configsplit.graph.json import FrozenDict
from configsplit.runtime.arrays import Stored
from configsplit.verbs.convert import convert

RECORDED = Path(__file__).resolve().parents[1] / "corpus" / "theano"
NEAR = 1e-6


def layers(release: str) -> list[str]:
    """The outputs of a recorded model, each of one layer."""
    with h5py.File(RECORDED / f"{release}.h5") as file:
        config = json.loads(file.attrs["model_config"])["config"]
    return [name for name, _, _ in config["output_layers"]]


@pytest.fixture(scope="module")
def found(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, Any]]:
    """By release, what Keras 3 computes of each layer, beside what was recorded."""
    folder, made = tmp_path_factory.mktemp("theano"), {}
    for release in ("keras-1.2.2", "keras-2.3.1"):
        target = folder / f"{release}.keras"
        convert(RECORDED / f"{release}.h5", backend="theano").save(target)
        with np.load(RECORDED / f"{release}.io.npz") as file:
            given = [Stored("float32", file[f"in_{at}"]) for at in range(sum(name.startswith("in_") for name in file))]
            wanted = [file[f"out_{at}"] for at in range(len(layers(release)))]
        outputs = bench.run(bench.keras, target, None, given, safe=True)
        made[release] = dict(zip(layers(release), zip(outputs, wanted, strict=True), strict=True))
    return made


@pytest.mark.parametrize(
    ("release", "layer"), [(release, layer) for release in ("keras-1.2.2", "keras-2.3.1") for layer in layers(release)]
)
def test_what_theano_computed(release: str, layer: str, found: Mapping[str, dict[str, Any]]) -> None:
    output, wanted = found[release][layer]
    assert output.values.shape == wanted.shape
    assert np.abs(output.values - wanted).max() <= NEAR * max(1.0, np.abs(wanted).max())


def test_kernels_taken_as_they_are_give_other_numbers(bench: Bench, tmp_path: Path) -> None:
    """So that the test above means something: read as TensorFlow's, every convolution with a window is wrong."""
    target = tmp_path / "wrong.keras"
    convert(RECORDED / "keras-1.2.2.h5", backend="tensorflow").save(target)
    with np.load(RECORDED / "keras-1.2.2.io.npz") as file:
        given = [Stored("float32", file[f"in_{at}"]) for at in range(sum(name.startswith("in_") for name in file))]
        outputs = bench.run(bench.keras, target, None, given, safe=True)
        far = {
            name: np.abs(output.values - file[f"out_{at}"]).max()
            for at, (name, output) in enumerate(zip(layers("keras-1.2.2"), outputs, strict=True))
        }
    assert {name for name, distance in far.items() if distance > 1e-2} == {
        name for name in far if not name.startswith(("lstm", "gru", "rnn"))
    }


def test_the_backend_of_keras_1_must_be_said(tmp_path: Path) -> None:
    """Nothing in the file tells it, and its images have their channels first."""
    made = convert(RECORDED / "keras-1.2.2.h5")
    assert {each.code for each in made.refusals} == {"convert-backend"}
    with pytest.raises(ConversionError, match="Theano computes convolutions with flipped"):
        made.save(tmp_path / "no.keras")
    assert list(tmp_path.iterdir()) == []


def test_keras_2_names_its_backend() -> None:
    assert convert(RECORDED / "keras-2.3.1.h5").backend == "theano"


@pytest.mark.parametrize(("window", "refused"), [((2, 3), True), ((3, 3), False)])
def test_states_that_theano_padded_elsewhere(window: tuple[int, int], refused: bool) -> None:
    """Measured with Keras 2.3.1: however its inputs are padded, the states of a ConvLSTM2D are, and by 'same'."""
    config = FrozenDict({"kernel_size": window, "padding": "valid"})
    with pytest.raises(Stop, match="even window") if refused else nullcontext():
        theano.check("ConvLSTM2D", config, "theano")
    theano.check("ConvLSTM2D", config, "tensorflow")
