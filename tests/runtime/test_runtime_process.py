"""The worker process itself: what passes the border, and what becomes of crashes."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from splits import Split

from configsplit.errors import DocumentError, RuntimeUnavailableError, VerificationError
from configsplit.runtime import process
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.frameworks import framework_name
from configsplit.runtime.numeric import verify_numeric

pytestmark = pytest.mark.first


def simple(k: Any, folder: Path, dialect: str, layer: Any = None) -> Split:
    x = k.Input((3,), name="x")
    model = k.Model(x, (layer or k.layers.Dense(2, name="d"))(x))
    return Split(folder, dialect).whole(model, [{"part": 0, "output": 0}]).part(model, [{"input": 0}])


def test_a_real_worker_process_and_its_refusals(keras3: Any, tmp_path: Path) -> None:
    layer = keras3.module.layers.Lambda(lambda x: x * 2, name="l")
    split = simple(keras3.module, tmp_path, "keras3", layer)
    with pytest.raises(DocumentError) as caught:
        verify_numeric(tmp_path, split.manifest, split.source)
    assert caught.value.code == "hazard-lambda"
    assert caught.value.where == "config.layers[1]"
    report = verify_numeric(tmp_path, split.manifest, split.source, allow_lambda=True)
    assert report.identical
    assert report.backend == "tensorflow"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-0.keras", "whole.keras"]


def test_what_the_framework_says_is_passed_on(keras3: Any, tmp_path: Path) -> None:
    split = simple(keras3.module, tmp_path, "keras3")
    part = tmp_path / "part-0.keras"
    text = zipfile.ZipFile(part).read("config.json").decode()
    assert '"units"' in text
    part.write_text(text.replace('"units"', '"unities"'))
    with pytest.raises(VerificationError, match="unities") as caught:
        verify_numeric(tmp_path, split.manifest, split.source)
    assert caught.value.code == "runtime-failed"
    assert caught.value.where.endswith("part-0.keras")


def test_what_is_no_model_is_refused_before_the_framework_sees_it(keras3: Any, tmp_path: Path) -> None:
    split = simple(keras3.module, tmp_path, "keras3")
    (tmp_path / "part-0.keras").write_bytes(b"{}")
    with pytest.raises(DocumentError) as caught:
        verify_numeric(tmp_path, split.manifest, split.source)
    assert caught.value.code == "document-not-a-model"
    assert caught.value.where.endswith("part-0.keras")


JOB = {"steps": [{"model": "/nowhere/m.keras", "weights": None, "outputs": "/nowhere/out.npz"}]}


@pytest.mark.parametrize(
    ("result", "code"), [(-signal.SIGKILL, "runtime-out-of-memory"), (-signal.SIGSEGV, "runtime-failed"), (1, "runtime-failed")]
)
def test_a_worker_that_dies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, result: int, code: str) -> None:
    def run(*_: Any, log: Any, **__: Any) -> int:
        os.write(log.fileno(), b"noise\n" * 99 + b"the last word\n")
        return result

    monkeypatch.setattr(process.policy, "run", run)
    with pytest.raises(VerificationError, match="the last word") as caught:
        process.run_in_worker(JOB, tmp_path, limits=Limits(timeout=1))
    assert (caught.value.code, caught.value.where) == (code, "/nowhere/m.keras")
    assert str(caught.value).count("noise") < 20


def test_a_worker_that_hangs(tmp_path: Path) -> None:
    with pytest.raises(VerificationError) as caught:
        process.run_in_worker(JOB, tmp_path, limits=Limits(timeout=0.01))
    assert caught.value.code == "runtime-timeout"


BLOCKED = """
import sys
for name in ("keras", "tf_keras", "tensorflow"):
    sys.modules[name] = None
from configsplit.errors import RuntimeUnavailableError
import configsplit.runtime.numeric, configsplit.runtime.worker
from configsplit.runtime.frameworks import framework, framework_name
for dialect, extra in (("keras3", "configsplit[tensorflow]"), ("keras2", "configsplit[legacy]")):
    try:
        framework(framework_name(dialect))
    except RuntimeUnavailableError as error:
        assert error.code == "runtime-not-installed" and extra in error.hint, error
    else:
        raise SystemExit(1)
"""


def test_without_a_framework_the_error_names_the_extra() -> None:
    subprocess.run([sys.executable, "-c", BLOCKED], check=True)


def test_importing_the_room_loads_no_framework_and_sets_no_environment() -> None:
    code = (
        "import os, sys; before = dict(os.environ)\n"
        "import configsplit.runtime.numeric, configsplit.runtime.build, configsplit.runtime.worker\n"
        "assert not {'keras', 'tf_keras', 'tensorflow', 'h5py'} & set(sys.modules) and dict(os.environ) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_keras_1_is_run_by_nothing() -> None:
    with pytest.raises(RuntimeUnavailableError) as caught:
        framework_name("keras1")
    assert caught.value.code == "runtime-no-framework"


PLUGIN = """
from configsplit.catalog.facts import LayerFacts, same_as_input

LAYERS = [LayerFacts(class_name="Doubling", outputs=same_as_input, keras_class="doubling:Doubling")]
"""
CLASS = """
import keras

class Doubling(keras.layers.Layer):
    def call(self, x):
        return x * 2
"""


def test_custom_classes_reach_the_worker_by_name_of_their_plugin(
    keras3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "doubling.py").write_text(CLASS)
    monkeypatch.syspath_prepend(str(tmp_path))
    layer = importlib.import_module("doubling").Doubling(name="twice")
    split = simple(keras3.module, tmp_path, "keras3", layer)
    with pytest.raises((DocumentError, VerificationError), match=r"doubling|Doubling"):
        verify_numeric(tmp_path, split.manifest, split.source)
    specs = [str(tmp_path / "plugin.py")]
    assert verify_numeric(tmp_path, split.manifest, split.source, custom_objects=specs).identical
