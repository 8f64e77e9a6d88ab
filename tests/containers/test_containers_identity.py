from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.corpus import releases
from support.identity import document, files, identity, name, open_arguments, without_state
from support.thinned import thinned

from configsplit.containers.source import open_source
from configsplit.errors import StoreError

pytestmark = pytest.mark.usefixtures("unleashed")

EVERYTHING = releases()
SUPPORT = Path(__file__).resolve().parents[1] / "support"


def rewritten(path: Path, folder: Path) -> Path:
    with open_source(*open_arguments(path)) as source:
        out = folder / (path.name if path.suffix else "residual.keras")
        written = identity(source, out).run()
        assert written.path == out
        assert written.bytes == out.stat().st_size
    return out


def assert_same_weights(path: Path, out: Path) -> None:
    with open_source(*open_arguments(path)) as one, open_source(*open_arguments_of(path, out)) as two:
        old, new = one.weights, two.weights
        assert old is not None
        assert new is not None
        assert old.layout == new.layout
        assert without_state(old.groups) == list(new.groups)
        assert without_state(old.datasets) == list(new.datasets)
        assert all(old.same(place, new, place) for place in new.datasets)
        for place in (*new.groups, *new.datasets):
            if place:
                assert_same_attributes(old.attributes(place), new.attributes(place))
        if not path.name.endswith((".weights.h5", ".weights_only.h5")):
            assert (one.config_text, one.metadata, one.assets) == (two.config_text, two.metadata, two.assets)


def open_arguments_of(path: Path, out: Path) -> tuple[Path, Path | None]:
    return (document(path), out) if open_arguments(path)[1] else (out, None)


def assert_same_attributes(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert list(old) == list(new)
    for key, value in old.items():
        assert value.dtype == new[key].dtype
        assert value.tolist() == new[key].tolist()


def rewritable(corpus: Path) -> list[Path]:
    found = []
    for path in files(corpus):
        with open_source(*open_arguments(path)) as source:
            if source.weights is not None:
                found.append(path)
    return found


@pytest.mark.parametrize("path", thinned(files(), 70), ids=name)
def test_identity_keeps_every_group_dataset_and_attribute(path: Path, tmp_path: Path) -> None:
    assert_same_weights(path, rewritten(path, tmp_path))


@pytest.mark.exhaustive
def test_identity_over_the_whole_corpus(tmp_path: Path) -> None:
    for number, path in enumerate(files(EVERYTHING)):
        try:
            (tmp_path / str(number)).mkdir()
            assert_same_weights(path, rewritten(path, tmp_path / str(number)))
        except StoreError as error:
            raise AssertionError(f"{path}: {error}") from error


@pytest.fixture(scope="session")
def keras3() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import keras

    keras.config.disable_interactive_logging()
    return keras


def loaded(keras: Any, path: Path, custom: dict[str, Any]) -> list[Any] | str:
    """The weights as Keras loads them, or why it does not: what it refuses of the original it may refuse of the copy."""
    options = {} if keras.__name__ == "tf_keras" and path.suffix == ".h5" else {"safe_mode": False}
    keras.utils.set_random_seed(7)  # what a file lacks (lists of lists) is made up by Keras
    try:
        return list(keras.models.load_model(path, custom_objects=custom, compile=False, **options).get_weights())
    except Exception as error:  # noqa: BLE001 - whatever Keras raises, the copy must raise it too
        return type(error).__name__


def assert_keras_agrees(keras: Any, path: Path, folder: Path, custom: dict[str, Any]) -> bool:
    """Whether Keras loads the original; it must see the same in the copy, or refuse it alike."""
    keras.backend.clear_session()
    before = loaded(keras, path, custom)
    keras.backend.clear_session()
    after = loaded(keras, rewritten(path, folder), custom)
    if isinstance(before, str):
        assert after == before
        return False
    assert not isinstance(after, str), after
    assert len(before) == len(after)
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(before, after, strict=True))
    return True


@pytest.mark.parametrize("model", ["residual.keras", "nested2.keras", "nested2.h5", "preproc_text.keras", "siamese.h5"])
def test_keras_3_loads_the_copy(model: str, keras3: Any, tmp_path: Path) -> None:
    path = files()[0].parent.parent / "keras-3.15.1" / model
    assert assert_keras_agrees(keras3, path, tmp_path, {})


@pytest.mark.exhaustive
def test_keras_3_loads_every_copy(keras3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    custom = custom_objects("plugin_keras", monkeypatch)
    paths = [path for path in rewritable(EVERYTHING) if path.parent.name == "keras-3.15.1" and is_model(path)]
    check_all(keras3, paths, tmp_path, custom)


@pytest.mark.exhaustive
def test_tf_keras_loads_every_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tf_keras

    custom = custom_objects("plugin_tf_keras", monkeypatch)
    paths = [path for path in rewritable(EVERYTHING) if path.parent.name == "tf_keras-2.21" and is_model(path)]
    check_all(tf_keras, paths, tmp_path, custom)


def is_model(path: Path) -> bool:
    return path.suffix in (".keras", ".h5") and open_arguments(path)[1] is None


def check_all(keras: Any, paths: list[Path], folder: Path, custom: dict[str, Any]) -> None:
    count = 0
    for number, path in enumerate(paths):
        (folder / str(number)).mkdir()
        try:
            count += assert_keras_agrees(keras, path, folder / str(number), custom)
        except AssertionError as error:
            raise AssertionError(f"{path}: {error}") from error
    assert count > len(paths) // 2
    print(f"{count} of {len(paths)} files loaded by {keras.__name__}, each equal to its copy")  # noqa: T201


def custom_objects(module: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The classes that the corpus was written with."""
    monkeypatch.syspath_prepend(str(SUPPORT))
    found = vars(importlib.import_module(module))
    return {key: value for key, value in found.items() if isinstance(value, type) or key in ("reg_act", "named_fn")}


def test_the_copy_has_the_superblock_that_every_release_reads(tmp_path: Path) -> None:
    path = next(path for path in files() if name(path) == "keras-3.15.1/residual.weights.h5")
    out = rewritten(path, tmp_path)
    with h5py.File(out) as file:
        assert file.id.get_create_plist().get_version()[0] == 0
