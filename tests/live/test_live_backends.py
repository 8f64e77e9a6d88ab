"""The live verbs with Keras 3 on another backend: the very tests of this folder, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.first

HERE = Path(__file__).resolve().parent
RUN = """
import sys
import pytest
left_out = ("tf_keras", "two_keras", "composed", "frozen", "wrapper")
code = pytest.main(["-p", "no:cacheprovider", "-k", " and ".join(f"not {each}" for each in left_out), *sys.argv[2:]])
import keras
assert keras.backend.backend() == sys.argv[1], keras.backend.backend()
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("backend", "chosen"),
    [("jax", "not exhaustive"), pytest.param("jax", "exhaustive or not exhaustive", marks=pytest.mark.exhaustive)],
)
def test_the_live_verbs_run_unchanged(backend: str, chosen: str, tmp_path: Path) -> None:
    """Every verb; of cuts and hidden graphs one each, nothing of flags that no backend sees: each shape is compiled anew."""
    files = [
        str(HERE / "test_live_verbs.py"),
        f"{HERE / 'test_live_split.py'}::test_the_parts_compute_what_the_whole_computes",
        f"{HERE / 'test_live_hidden.py'}::test_system_2_a_subclassed_model_is_cut_layer_by_layer",
    ]
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, backend, "-m", chosen, *files],
        capture_output=True,
        text=True,
        cwd=HERE.parents[1],
        env=environment,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    counted = re.search(r"(\d+) passed", done.stdout)
    assert counted is not None
    assert int(counted[1]) >= (15 if chosen == "not exhaustive" else 30)
    assert "skipped" not in done.stdout
