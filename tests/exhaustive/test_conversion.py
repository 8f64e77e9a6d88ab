"""Every file that was written before Keras 3, converted and run in Keras 3, beside what Keras 3 makes of it alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.conversion import Bench, Outcome, differences, try_old_file
from support.conversion_files import old_files, old_releases
from support.conversion_report import store

from configsplit.runtime.arrays import Stored
from configsplit.runtime.confinement.policy import environment


@pytest.mark.exhaustive
@pytest.mark.parametrize("release", old_releases())
def test_every_old_file_converts(release: str, tmp_path: Path) -> None:
    outcome, bench, done = Outcome(release), Bench(tmp_path / "work"), set[str]()
    try:
        for file in old_files(release):
            try_old_file(file, bench, outcome, cuts=file.model not in done)
            done.add(file.model)
            store(outcome)
    finally:
        bench.close()
    assert outcome.equal > 0
    assert outcome.failures == []


@pytest.mark.exhaustive
def test_the_seed_model_with_its_weights(tmp_path: Path) -> None:
    """ResNet152 with Scale layers, 244 MB: in bounded memory, and with the outputs that tf_keras gives."""
    source, target = tmp_path / "seed.h5", tmp_path / "seed.keras"
    architecture = Path(__file__).resolve().parents[1] / "corpus" / "seed" / "resnet152_scale_keras2.0.9.json"
    surroundings = {**environment(), "PYTHONPATH": f"{Path(__file__).resolve().parents[1]}:{environment()['PYTHONPATH']}"}
    subprocess.run([sys.executable, "-m", "support.seed", str(architecture), str(source)], env=surroundings, check=True)
    code = (
        "import resource\n"
        "from configsplit import convert\n"
        f"convert({str(source)!r}).save({str(target)!r})\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=surroundings, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 150_000  # kilobytes; the file has 244,000
    bench = Bench(tmp_path / "work")
    try:
        values = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype("float32")
        given = [Stored("float32", values)]
        (old,) = bench.run(bench.tf_keras, source, None, given, safe=True)
        (new,) = bench.run(bench.keras, target, None, given, safe=True)
    finally:
        bench.close()
    assert differences([new], [old.values]) == []
