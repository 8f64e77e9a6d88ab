"""A layers model of TensorFlow.js is read like the HDF5 file it was made of; a hostile or broken one is refused."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from math import prod
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np
import pytest
from support.tfjs_files import as_tfjs
from support.thinned import thinned

import configsplit
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError, StoreError
from configsplit.runtime.examine import examine
from configsplit.verbs.verify_file import verify_file

pytestmark = pytest.mark.usefixtures("unleashed")

RELEASES = Path(__file__).parents[1] / "corpus" / "releases"
NESTED = RELEASES / "tf-2.4" / "nested2.h5"
RESIDUAL = RELEASES / "tf-2.4" / "residual.h5"


def whole_models() -> list[str]:
    found = []
    for release in ("keras-2.0.9", "keras-2.3.1", "tf-2.4", "tf_keras-2.21"):
        for path in sorted((RELEASES / release).glob("*.h5")):
            with h5py.File(path) as file:
                if "keras_version" in file.attrs and "model_config" in file.attrs:
                    found.append(f"{release}/{path.name}")
    return found


def arrays(path: Path) -> dict[str, tuple[str, bytes]]:
    with open_source(path) as opened:
        file = opened.weights
        assert file is not None
        found = {name: (file.datasets[name].dtype, file.read(name).tobytes()) for name in sorted(file.datasets)}
        return {name.removesuffix(":0"): value for name, value in found.items()}


def converted(model: Path, target: Path) -> dict[str, tuple[str, bytes]] | str:
    try:
        configsplit.convert(configsplit.load(model)).save(target)
    except ConfigSplitError as error:
        return error.code
    return arrays(target)


@pytest.mark.parametrize("name", thinned(whole_models(), 20))
def test_it_holds_what_the_file_holds(name: str, tmp_path: Path) -> None:
    """In shards so small that arrays lie across their ends."""
    web = as_tfjs(RELEASES / name, tmp_path / "web", shard=1000)
    assert configsplit.load(web).kind == "tfjs"
    assert configsplit.load(web).model == configsplit.load(RELEASES / name).model
    assert converted(web, tmp_path / "ours.keras") == converted(RELEASES / name, tmp_path / "its.keras")


def test_a_browser_names_shards_from_here(tmp_path: Path) -> None:
    """`model.save("downloads://...")` of TensorFlow.js writes ``./`` before the name of the file of weights."""
    web = as_tfjs(NESTED, tmp_path / "web")
    expected = arrays(web)
    index = json.loads(web.read_text())
    for group in index["weightsManifest"]:
        group["paths"] = [f"./{name}" for name in group["paths"]]
    web.write_text(json.dumps(index))
    assert arrays(web) == expected
    assert configsplit.split(web, configsplit.cuts(web)[0]).save(tmp_path / "parts").directory.is_dir()


def test_there_are_such_models() -> None:
    assert len(whole_models()) > 40


@pytest.mark.parametrize("shard", [1000, 1 << 20])
def test_it_is_cut_with_proof(shard: int, tmp_path: Path) -> None:
    web = as_tfjs(NESTED, tmp_path / "web", shard=shard)
    for which, folder in ((web, "ours"), (NESTED, "its")):
        done = configsplit.split(configsplit.load(which), at="mid").save(tmp_path / folder)
        assert done.proof is not None
        assert configsplit.verify(tmp_path / folder).proof == done.proof
    for number in range(2):
        assert arrays(tmp_path / "ours" / f"part-{number}.h5") == arrays(tmp_path / "its" / f"part-{number}.h5")


def test_a_shard_that_is_exchanged_is_noticed(tmp_path: Path) -> None:
    web = as_tfjs(RESIDUAL, tmp_path / "web")
    configsplit.split(configsplit.load(web), at="bn1").save(tmp_path / "parts")
    shard = next(web.parent.glob("*.bin"))
    shard.write_bytes(bytes(shard.stat().st_size))
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.verify(tmp_path / "parts")
    assert caught.value.code == "verify-changed-file"


# ---------------------------------------------------------------- what is refused


def edited(tmp_path: Path, change: Callable[[Any], None]) -> Path:
    web = as_tfjs(RESIDUAL, tmp_path / "web")
    found = json.loads(web.read_text())
    change(found)
    web.write_text(json.dumps(found))
    return web


def _first(found: Any) -> Any:
    return found["weightsManifest"][0]["weights"][0]


def _paths(*names: str) -> Callable[[Any], None]:
    return lambda found: found["weightsManifest"][0].update(paths=list(names))


REFUSED: dict[str, Callable[[Any], None]] = {
    "a path upward": _paths("../group1-shard1of1.bin"),
    "a path upward from here": _paths("./../group1-shard1of1.bin"),
    "here twice": _paths("././group1-shard1of1.bin"),
    "an absolute path": _paths("/etc/hostname"),
    "a URL": _paths("https://host/group1-shard1of1.bin"),
    "a shard named twice": _paths("group1-shard1of1.bin", "group1-shard1of1.bin"),
    "a name that is no text": lambda found: found["weightsManifest"][0].update(paths=[1]),
    "no list of weights": lambda found: found["weightsManifest"][0].update(weights={}),
    "no groups": lambda found: found.update(weightsManifest={"paths": []}),
    "a negative size": lambda found: _first(found).update(shape=[-1, 3]),
    "an endless size": lambda found: _first(found).update(shape=[1 << 60]),
    "many endless sizes": lambda found: _first(found).update(shape=[1 << 40] * 30),
    "a size that is no number": lambda found: _first(found).update(shape=[True]),
    "texts": lambda found: _first(found).update(dtype="string"),
    "a type that nobody knows": lambda found: _first(found).update(dtype="float7"),
    "the name of no layer": lambda found: _first(found).update(name="nobody/kernel"),
    "no name": lambda found: _first(found).pop("name"),
    "an empty step in a name": lambda found: _first(found).update(name="c1//kernel"),
    "a weight twice": lambda found: found["weightsManifest"][0]["weights"].append(_first(found)),
    "a weight too few": lambda found: found["weightsManifest"][0]["weights"].pop(),
    "weights in another order": lambda found: found["weightsManifest"][0]["weights"].reverse(),
    "no topology": lambda found: found.update(modelTopology=3),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_no_converter_writes_is_refused(kind: str, tmp_path: Path) -> None:
    web = edited(tmp_path, REFUSED[kind])
    with pytest.raises(StoreError) as caught:
        configsplit.split(configsplit.load(web), at="bn1").save(tmp_path / "parts")
    assert caught.value.code == "weights-manifest"
    assert not (tmp_path / "parts").exists()


def test_an_architecture_without_its_shards_is_cut_alone(tmp_path: Path) -> None:
    web = as_tfjs(RESIDUAL, tmp_path / "web", shard=1000)
    shards = sorted(web.parent.glob("*.bin"))
    shards[1].unlink()
    with pytest.raises(StoreError) as caught:
        configsplit.split(configsplit.load(web), at="bn1").save(tmp_path / "parts")
    assert caught.value.code == "file-missing"
    for shard in [shards[0], *shards[2:]]:
        shard.unlink()
    saved = configsplit.split(configsplit.load(web), at="bn1").save(tmp_path / "parts")
    assert [part.file for part in saved.manifest.parts] == ["part-0.json", "part-1.json"]


def test_a_link_in_place_of_a_shard_leads_nowhere(tmp_path: Path) -> None:
    web = as_tfjs(RESIDUAL, tmp_path / "web")
    shard = next(web.parent.glob("*.bin"))
    shard.unlink()
    shard.mkdir()
    with pytest.raises(StoreError):
        configsplit.split(configsplit.load(web), at="bn1").save(tmp_path / "parts")


def test_quantized_weights_are_refused_by_name(tmp_path: Path) -> None:
    change = {"quantization": {"dtype": "uint8", "min": 0.0, "scale": 0.1, "original_dtype": "float32"}}
    web = edited(tmp_path, lambda found: _first(found).update(change))
    with pytest.raises(StoreError, match="quantized") as caught:
        configsplit.split(configsplit.load(web), at="bn1").save(tmp_path / "parts")
    assert caught.value.code == "weights-quantized"


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float16"])
def test_quantized_weights_are_restored_on_request_as_tensorflow_js_does(tmp_path: Path, kind: str) -> None:
    web, chance = as_tfjs(RESIDUAL, tmp_path / "web"), Random(kind)
    index = json.loads(web.read_text())
    (group,), expected, row = index["weightsManifest"], {}, b""
    for entry in group["weights"]:
        count, code = prod(entry["shape"]), {"uint8": "B", "uint16": "H", "float16": "e"}[kind]
        packing = {"dtype": kind, "min": -0.7123456789012345, "scale": 0.0123456789012345, "original_dtype": "float32"}
        stored = [chance.uniform(-9, 9) if kind == "float16" else chance.randrange(256) for _ in range(count)]
        piece = struct.pack(f"<{count}{code}", *stored)
        read = struct.unpack(f"<{count}{code}", piece)
        values = read if kind == "float16" else [value * packing["scale"] + packing["min"] for value in read]
        expected[entry["name"]] = struct.pack(f"<{count}f", *values)
        entry["quantization"], row = {"dtype": kind} if kind == "float16" else packing, row + piece
    for name in group["paths"][1:]:
        (web.parent / name).write_bytes(b"")
    (web.parent / group["paths"][0]).write_bytes(row)
    web.write_text(json.dumps(index))
    with open_source(web, dequantize=True) as source:
        assert source.weights is not None
        found = {path.partition("/")[2]: source.weights.read(path).tobytes() for path in source.weights.datasets}
        assert found == expected
        assert f"{len(expected)} weights were quantized" in source.weights.notes[0]
        assert kind in source.weights.notes[0]

    configsplit.extract(configsplit.load(web, dequantize=True), to="bn1").save(tmp_path / "head.h5")
    record = json.loads((tmp_path / "head.h5.provenance.json").read_text())
    assert record["sources"][0]["dequantized"] is True
    assert any("quantized" in warning for warning in record["warnings"]), record["warnings"]
    verify_file(tmp_path / "head.h5")


@pytest.mark.parametrize(
    "packing",
    [
        {"dtype": "int8", "min": 0, "scale": 1},
        {"dtype": "uint8", "min": 0},
        {"dtype": "uint8", "scale": True, "min": 0},
        {"dtype": "uint16", "scale": 1e300, "min": 0},
        ["uint8"],
    ],
)
def test_what_no_tensorflow_js_would_restore(tmp_path: Path, packing: object) -> None:
    web = edited(tmp_path, lambda found: _first(found).update(quantization=packing))
    with open_source(web, dequantize=True) as source, pytest.raises(StoreError) as caught:
        source.weights  # noqa: B018 - reads the manifest
    assert caught.value.code == "weights-manifest"


def test_a_graph_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"format": "graph-model", "modelTopology": {"node": []}}))
    with pytest.raises(StoreError, match="graph model") as caught:
        configsplit.load(tmp_path / "model.json")
    assert caught.value.code == "not-a-model"


def test_damage_ends_in_a_coded_error_or_changes_no_shape(tmp_path: Path) -> None:
    web = as_tfjs(NESTED, tmp_path / "web", shard=3000)
    sound, chance = web.read_bytes(), Random(17)
    shapes = {name: found.shape for name, found in _datasets(web).items()}
    refused = 0
    for _ in range(100):
        damaged = bytearray(sound)
        damaged[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        web.write_bytes(bytes(damaged[: len(damaged) if chance.random() < 0.7 else chance.randrange(len(damaged))]))
        try:
            read = {name: found.shape for name, found in _datasets(web).items()}
        except ConfigSplitError as error:
            refused += bool(error.code)
        else:
            assert not read or sorted(map(np.prod, read.values())) == sorted(map(np.prod, shapes.values()))
    assert 30 < refused < 100


def _datasets(path: Path) -> Any:
    configsplit.load(path)
    with open_source(path) as opened:
        return {} if opened.weights is None else dict(opened.weights.datasets)


def test_it_is_run_from_what_was_read_of_it(near_worker: None, tmp_path: Path) -> None:
    web = as_tfjs(RESIDUAL, tmp_path / "web")
    configsplit.split(configsplit.load(web), at="bn1").save(tmp_path / "parts")
    assert configsplit.verify(tmp_path / "parts", numeric=True).numeric.passed
    with pytest.raises(StoreError, match="no Keras reads") as caught:
        examine(web)
    assert caught.value.code == "runtime-kind"


def test_a_folder_of_one_is_that_model(tmp_path: Path) -> None:
    web = as_tfjs(RESIDUAL, tmp_path / "web")
    assert configsplit.load(web.parent).path == web
    (web.parent / "config.json").write_text("{}")
    with pytest.raises(ConfigSplitError):
        configsplit.load(web.parent)
