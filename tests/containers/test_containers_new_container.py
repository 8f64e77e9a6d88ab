"""A new container is one file: here a folder of raw arrays with an index in JSON. It is cut, edited, joined and converted like
any other, without a line changed elsewhere."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import configsplit
from configsplit.containers import source
from configsplit.containers.addresses import LEGACY_WEIGHTS, V3
from configsplit.containers.arrays import Arrays, Listed, ListedArrays
from configsplit.containers.container import Container
from configsplit.containers.opening import Opened
from configsplit.containers.source import open_source
from configsplit.containers.system.hashing import sha256
from configsplit.containers.system.window import Span, stream
from configsplit.errors import StoreError

RELEASES = Path(__file__).parents[1] / "corpus" / "releases"
INDEX = "arrays.json"

pytestmark = pytest.mark.usefixtures("unleashed")


class RawFolder(Container):
    """``model.json``, ``arrays.json`` (a list of names, shapes, types, files), and a file for each array, packed or not."""

    kind = "raw"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return opened.has(INDEX)

    def config_text(self) -> str:
        return self.opened.small(self.opened.member("model.json")).decode("utf-8")

    def weights(self) -> Arrays:
        index = json.loads(self.opened.small(self.opened.member(INDEX)))
        listed = {name: self._array(*about) for name, about in index["arrays"].items()}
        return ListedArrays(str(self.opened.path), V3 if index["layout"] == "v3" else LEGACY_WEIGHTS, listed)

    def _array(self, shape: list[int], dtype: str, file: str) -> Listed:
        span, size = self.opened.member(file), int(np.prod(shape)) * np.dtype(dtype).itemsize
        if not file.endswith(".z"):
            return Listed(tuple(shape), dtype, size, span)
        return Listed(tuple(shape), dtype, size, _reader(span, dtype, shape))

    def sha256(self, stop: Any = None) -> str:
        files = sorted(path.name for path in self.opened.path.iterdir())
        return hashlib.sha256("".join(sha256([self.opened.member(name)], stop) for name in files).encode()).hexdigest()


def _reader(span: Span, dtype: str, shape: list[int]) -> Callable[[], np.ndarray[Any, Any]]:
    return lambda: np.frombuffer(zlib.decompress(b"".join(map(bytes, stream([span])))), dtype).reshape(shape)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    others = source.containers
    monkeypatch.setattr(source, "containers", lambda: chain([RawFolder], others()))


def as_folder(model: Path, folder: Path, *, packed: bool = False) -> Path:
    """A model of the corpus in a raw folder; its arrays keep their names, in the order of the layers."""
    folder.mkdir()
    with open_source(model) as opened:
        file = opened.weights
        assert file is not None
        legacy = file.layout.kind == "legacy"
        names = list(file.datasets)
        if legacy:  # the order of weights is that of the listing
            root = file.layout.container
            groups = [f"{root}/{layer['config']['name']}" for layer in json.loads(opened.config_text)["config"]["layers"]]
            names = [f"{each}/{name}" for each in groups if each in file.groups for name in file.weight_names(each)]
        arrays = {}
        for number, name in enumerate(names):
            values, place = file.read(name), f"{number}.bin{'.z' * packed}"
            data = values.tobytes()
            (folder / place).write_bytes(zlib.compress(data) if packed else data)
            arrays[name.removeprefix("model_weights/")] = (values.shape, str(values.dtype), place)
        index = {"layout": "legacy" if legacy else "v3", "arrays": arrays}
        (folder / "model.json").write_text(opened.config_text)
        (folder / INDEX).write_text(json.dumps(index))
    return folder


def contents(path: Path) -> tuple[Any, dict[str, tuple[str, bytes]]]:
    """A file's document, and every array in it."""
    with open_source(path) as opened:
        file = opened.weights
        assert file is not None
        values = {name: file.read(name) for name in file.datasets}
        return json.loads(opened.config_text), {name: (str(each.dtype), each.tobytes()) for name, each in values.items()}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "at"), [("residual", "bn1"), ("nested2", "mid"), ("mixed", "")])
def test_it_is_cut_with_proof(name: str, at: str, packed: bool, tmp_path: Path) -> None:
    original = RELEASES / "keras-3.15.1" / f"{name}.keras"
    folder = as_folder(original, tmp_path / "raw", packed=packed)
    document = configsplit.load(folder)
    assert document.kind == "raw"
    at = at or document.model.layers[1].name
    ours = configsplit.split(document, at=at).save(tmp_path / "ours")
    its = configsplit.split(configsplit.load(original), at=at).save(tmp_path / "its")
    assert ours.proof == its.proof
    for number in range(2):
        mine, wanted = (contents(tmp_path / who / f"part-{number}.keras") for who in ("ours", "its"))
        assert mine == wanted
    configsplit.join(tmp_path / "ours").save(tmp_path / "whole.keras")
    assert contents(tmp_path / "whole.keras") == contents(original)


def test_it_is_edited(tmp_path: Path) -> None:
    original = RELEASES / "keras-3.15.1" / "residual.keras"
    folder = as_folder(original, tmp_path / "raw")
    for which, name in ((original, "its.keras"), (folder, "ours.keras")):
        configsplit.extract(configsplit.load(which), to="bn1").save(tmp_path / name)
    assert contents(tmp_path / "ours.keras") == contents(tmp_path / "its.keras")


def test_an_old_model_in_it_is_converted(tmp_path: Path) -> None:
    original = RELEASES / "tf-2.4" / "gru_variants.h5"
    folder = as_folder(original, tmp_path / "raw")
    for which, name in ((original, "its.keras"), (folder, "ours.keras")):
        configsplit.convert(which).save(tmp_path / name)
    assert (tmp_path / "ours.keras").read_bytes() == (tmp_path / "its.keras").read_bytes()


def test_it_goes_beside_an_architecture(tmp_path: Path) -> None:
    original = RELEASES / "keras-3.15.1" / "residual.keras"
    folder = as_folder(original, tmp_path / "raw")
    document = configsplit.load(original.with_suffix(".json"), weights=folder)
    assert configsplit.split(document, at="bn1").save(tmp_path / "parts").proof is not None


def test_an_array_without_its_bytes_is_refused(tmp_path: Path) -> None:
    folder = as_folder(RELEASES / "keras-3.15.1" / "residual.keras", tmp_path / "raw")
    (folder / "0.bin").write_bytes(b"")
    with pytest.raises(StoreError) as caught:
        configsplit.split(configsplit.load(folder), at="bn1").save(tmp_path / "parts")
    assert caught.value.code == "weights-layout"
