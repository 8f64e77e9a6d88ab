"""Real cuts of real files, run in real Keras: bit for bit what the whole computes. `make exhaustive` does this for all."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.corpus import CorpusFile
from support.frameworks import FrameworkProcess, Original, process_for
from support.matrix import inputs_of, try_file
from support.outcomes import Row
from support.thinned import thinned

import configsplit
from configsplit.models.document import load

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
RELEASES = CORPUS / "releases"

KERAS = "residual siamese nested2 nested_out_ref mimo rnn_state bn_chain_part order_mix reuse_output struct_nested own_store"
TF_KERAS = "residual siamese nested2 mimo bn_chain_part shared_seq reuse_output struct_nested custom_block preproc_text"


FILES = [
    *(RELEASES / "keras-3.15.1" / f"{name}.keras" for name in KERAS.split()),
    *(path for name in TF_KERAS.split() for path in sorted((RELEASES / "tf_keras-2.21").glob(f"{name}.[kh]*"))[:1]),
    *(RELEASES / "keras-2.3.1" / f"{name}.h5" for name in ("residual", "siamese")),
    RELEASES / "keras-3.0.5" / "siamese.json",
    RELEASES / "tf-2.4" / "siamese.json",
]


@pytest.mark.parametrize("path", thinned(FILES, 10), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_parts_compute_the_same_bits(path: Path, processes: dict[str, FrameworkProcess], tmp_path: Path) -> None:
    recorded = path.with_name(f"{path.name.partition('.')[0]}.io.npz")
    row = Row(path.name)
    try_file(CorpusFile(path, None, recorded if recorded.exists() else None), tmp_path, row, processes, numeric=3)
    assert row.failures == []
    assert not row.unread
    assert not row.not_run
    assert row.compared == row.identical > 0


@pytest.fixture
def cut(processes: dict[str, FrameworkProcess], tmp_path: Path) -> Any:
    """Split a file at a place, and say what differs when both are run."""

    def run(path: Path, place: str, *, spoil: Any = None) -> list[str]:
        document = load(path)
        original = Original(
            process_for(processes, document.dialect), path, tmp_path / "run", tensors=inputs_of(document), samples=1
        )
        saved = configsplit.split(document, [place]).save(tmp_path / "out")
        if spoil is not None:
            spoil(tmp_path / "out")
        found: list[str] = original.differences(saved.directory, saved.manifest)
        return found

    return run


def test_the_last_bit_of_one_weight_is_a_difference(cut: Any) -> None:
    """What the tests of this file would overlook if they could not fail."""

    def spoil(folder: Path) -> None:
        with h5py.File(folder / "part-1.h5", "r+") as file:
            found: list[h5py.Dataset] = []
            file["model_weights"].visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
            kernel = next(item for item in found if item.shape == (3, 2))
            kernel[...] = np.nextafter(kernel[...], np.float32(9))

    (difference,) = cut(RELEASES / "keras-2.3.1" / "nested2.h5", "mid", spoil=spoil)
    assert difference.startswith("output 0: float32")


def test_system_4_the_seed_model_at_the_layer_where_everything_else_failed(cut: Any) -> None:
    """ResNet152 with Scale layers as Keras 2.0.9 wrote it, run in tf_keras with the Scale that ships with configsplit."""
    assert cut(CORPUS / "seed" / "resnet152_scale_keras2.0.9.json", "res3a_branch2a") == []


@pytest.mark.exhaustive
def test_resnet50_inside_a_branch(cut: Any, tmp_path: Path) -> None:
    """README.md's own cut, and tests/rewrites has the same graph with fewer channels."""
    import keras

    model = keras.applications.ResNet50(weights=None)
    path = tmp_path / "resnet50.json"
    path.write_text(model.to_json())
    del model
    assert cut(path, "conv3_block2_1_relu") == []


def keywords_in_another_order(k: Any, folder: Path, suffix: str) -> Path:
    """A model whose own order of layers does not tell that tf_keras visits keyword tensors as they are written, while that of
    its head depends on it: `value` before `key`, and both from layers of the same shape."""
    x = k.Input((3, 4), name="x")
    a, b = k.layers.Dense(4, name="a")(x), k.layers.Dense(4, name="b")(x)
    attended = k.layers.MultiHeadAttention(1, 2, name="att")(x, value=a, key=b)
    total = k.layers.Add(name="sum")([a, b])
    ends = [k.layers.Dense(2, name="o1")(total), k.layers.Dense(2, name="o2")(k.layers.Dense(3, name="h")(attended))]
    path = folder / f"keywords{suffix}"
    model = k.Model(x, ends)
    if suffix == ".json":
        path.write_text(model.to_json())
    else:
        model.save(path)
    return path


@pytest.mark.parametrize("suffix", [".h5", ".keras", ".json"])
@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_layers_that_only_a_part_lists_in_another_order(package: str, suffix: str, cut: Any, tmp_path: Path) -> None:
    k = importlib.import_module(package)
    k.utils.set_random_seed(3)
    assert cut(keywords_in_another_order(k, tmp_path, suffix), "sum,att") == []


def test_a_manifest_of_a_real_cut_reads_back(tmp_path: Path) -> None:
    saved = configsplit.split(load(RELEASES / "keras-3.15.1" / "residual.keras"), "c2").save(tmp_path / "out")
    text = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [part["file"] for part in text["parts"]] == [part.file for part in saved.manifest.parts]
    assert configsplit.verify(tmp_path / "out").proof == saved.proof
