"""Real networks, cut all over and run in real Keras: eight of keras.applications, and the model that started it all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.architectures import architecture
from support.corpus import CorpusFile
from support.frameworks import FrameworkProcess
from support.matrix import try_file
from support.outcomes import Row
from support.places import inside, spread

from configsplit.models.document import load
from configsplit.runtime.confinement.policy import environment

EIGHT = "ResNet50 ResNet152 InceptionV3 DenseNet121 EfficientNetB0 MobileNetV3Small NASNetMobile Xception"
SEED = Path(__file__).resolve().parents[1] / "corpus" / "seed" / "resnet152_scale_keras2.0.9.json"
SEED_LAYER = "res3a_branch2a"

Report = Callable[[str, Row], None]
Processes = dict[str, FrameworkProcess]


@pytest.mark.exhaustive
@pytest.mark.parametrize("network", EIGHT.split())
def test_twenty_cuts_of_a_network_compute_the_same_bits(
    network: str, report: Report, processes: Processes, tmp_path: Path
) -> None:
    path = architecture("keras", network)
    places = spread(inside(load(path).model), 20)
    row = Row(network)
    try_file(CorpusFile(path, None, None), tmp_path / "work", row, processes, numeric=20, places=places, samples=1)
    report("numeric", row)
    assert row.failures == []
    assert row.identical == row.asked == 20


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", ["json", "h5"])
def test_the_seed_model_is_cut_where_everything_else_failed(
    kind: str, report: Report, processes: Processes, tmp_path: Path
) -> None:
    """As Keras 2.0.9 wrote it, and as a whole model of 244 MB; at the famous layer and 50 others."""
    path = SEED if kind == "json" else with_weights(tmp_path / "resnet152_scale.h5")
    places = [SEED_LAYER, *spread([place for place in inside(load(SEED).model) if place != f"{SEED_LAYER}@0"], 50)]
    row = Row(f"{path.name}, {path.stat().st_size / 1e6:.1f} MB")
    try_file(CorpusFile(path, None, None), tmp_path / "work", row, processes, numeric=51, places=places, samples=1)
    report("seed", row)
    assert row.failures == []
    assert row.identical == row.asked == 51


def with_weights(path: Path) -> Path:
    """The seed model as tf_keras saves it, with the Scale that ships with configsplit and made-up weights."""
    surroundings = environment()
    surroundings["PYTHONPATH"] = f"{Path(__file__).resolve().parents[1]}:{surroundings['PYTHONPATH']}"
    command = [sys.executable, "-m", "support.seed", str(SEED), str(path)]
    subprocess.run(command, env=surroundings, check=True, capture_output=True)
    assert path.stat().st_size > 240e6
    return path
