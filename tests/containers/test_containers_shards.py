"""Weights in shards: read as the one file that they are together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import configsplit
from configsplit.containers.source import digest, open_source
from configsplit.errors import DocumentError, StoreError, VerificationError, WeightsError

KERAS3 = Path(__file__).resolve().parents[1] / "corpus" / "releases" / "keras-3.15.1"
MODEL, INDEX = "siamese.json", "siamese_sharded.weights.json"
SHARDS = ("siamese_sharded_00000.weights.h5", "siamese_sharded_00001.weights.h5")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (MODEL, INDEX, *SHARDS):
        shutil.copy(KERAS3 / name, tmp_path / name)
    return tmp_path


def changed_index(folder: Path, change: Any) -> Path:
    index = json.loads((folder / INDEX).read_text())
    change(index["weight_map"])
    (folder / INDEX).write_text(json.dumps(index))
    return folder / INDEX


def weights(folder: Path) -> Any:
    with open_source(folder / MODEL, folder / INDEX) as source:
        return source.weights


def test_shards_hold_what_the_whole_file_holds(folder: Path) -> None:
    with open_source(folder / MODEL, folder / INDEX) as sharded, open_source(KERAS3 / "siamese.keras") as whole:
        one, other = sharded.weights, whole.weights
        assert one is not None
        assert other is not None
        assert set(one.datasets) == {path for path in other.datasets if not path.startswith("optimizer")}
        assert all(one.same(path, other, path) for path in one.datasets)
        assert {one.vars_name("layers/dense"), one.vars_name("layers/functional/layers/dense")} == {"shared", "enc_fc"}


def test_a_split_of_shards_is_that_of_the_whole_file(folder: Path) -> None:
    document = configsplit.load(folder / MODEL, weights=folder / INDEX)
    saved = configsplit.split(document, "encoder@0").save(folder / "out", to="keras")
    assert saved.proof is not None
    configsplit.split(configsplit.load(KERAS3 / "siamese.keras"), "encoder@0").save(folder / "whole")
    for number in range(2):
        parts = [folder / place / f"part-{number}.keras" for place in ("out", "whole")]
        with open_source(parts[0]) as one, open_source(parts[1]) as other:
            assert one.weights is not None
            assert other.weights is not None
            assert set(one.weights.datasets) == set(other.weights.datasets) != set()
            assert all(one.weights.same(path, other.weights, path) for path in one.weights.datasets)


def test_a_shard_that_changes_is_noticed(folder: Path) -> None:
    document = configsplit.load(folder / MODEL, weights=folder / INDEX)
    configsplit.split(document, "encoder@0").save(folder / "out")
    configsplit.verify(folder / "out")
    before = digest(folder / INDEX)
    data = bytearray((folder / SHARDS[1]).read_bytes())
    data[-1] ^= 1
    (folder / SHARDS[1]).write_bytes(data)
    assert digest(folder / INDEX) != before
    with pytest.raises(VerificationError, match="changed since the split"):
        configsplit.verify(folder / "out")


def test_a_shard_that_is_missing_is_named(folder: Path) -> None:
    (folder / SHARDS[1]).unlink()
    with pytest.raises(StoreError) as caught:
        weights(folder)
    assert SHARDS[1] in caught.value.where


@pytest.mark.parametrize("name", ["../x.weights.h5", "/etc/passwd", "x.h5", ".weights.h5", "a\\b.weights.h5", 3, None, ["x"]])
def test_an_index_opens_nothing_but_shards_beside_it(folder: Path, name: Any) -> None:
    changed_index(folder, lambda shards: shards.update({"/layers/dense/vars": [name]}))
    with pytest.raises(StoreError) as caught:
        weights(folder)
    assert caught.value.code == "weights-shards"


@pytest.mark.parametrize("text", ["{}", "[]", '{"weight_map": {}}', '{"weight_map": 3}', '{"weight_map": {"/a": 3}}', "{"])
def test_what_is_no_index_is_refused(folder: Path, text: str) -> None:
    (folder / INDEX).write_text(text)
    with pytest.raises(StoreError) as caught:
        weights(folder)
    assert caught.value.code == "weights-shards"


def test_a_weight_that_stands_in_two_shards_is_refused(folder: Path) -> None:
    shutil.copy(folder / SHARDS[0], folder / SHARDS[1])
    with pytest.raises(StoreError, match="stands in two shards"):
        weights(folder)


def test_a_shard_of_another_model_is_refused(folder: Path) -> None:
    shutil.copy(KERAS3 / "residual.weights.h5", folder / "z.weights.h5")
    changed_index(folder, lambda shards: shards.update({"/layers/dense_7/vars": ["z.weights.h5"]}))
    document = configsplit.load(folder / MODEL, weights=folder / INDEX)
    with pytest.raises((WeightsError, StoreError)):
        configsplit.split(document, "encoder@0").save(folder / "out")
    assert not (folder / "out").exists()


def test_an_index_is_no_model(folder: Path) -> None:
    with pytest.raises(DocumentError, match="index of sharded weights") as caught:
        configsplit.load(folder / INDEX)
    assert "--weights" in caught.value.hint
