"""`configsplit weights`: weights alone under names that stay, and read in again as those of the same model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.corpus import releases
from support.thinned import thinned

import configsplit
from configsplit.cli.main import cli
from configsplit.containers.source import open_source
from configsplit.errors import StoreError, WeightsError
from configsplit.verbs.weights import ENDINGS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conversion"))

import keras3_models as made

REFUSED = {"spectral": (), "wrappers": (".safetensors", ".npz")}
"""Cells in a stack have the names of their classes, which say nothing of their order."""


@pytest.mark.parametrize(
    ("name", "kind", "ending"),
    thinned([(name, kind, ending) for name in made.MADE for kind in ("h5", "keras") for ending in ENDINGS], 6),
)
def test_what_is_written_is_read_in_again(name: str, kind: str, ending: str, tmp_path: Path) -> None:
    model = made.filled(name)
    wanted = made.run(model)
    model.save(tmp_path / f"old.{kind}")
    (tmp_path / "bare.json").write_text(model.to_json())
    told = configsplit.named_weights(tmp_path / f"old.{kind}")
    if ending in REFUSED.get(name, ()):
        with pytest.raises(WeightsError) as caught:
            told.save(tmp_path / f"w{ending}")
        assert caught.value.code == "weights-order-unknown"
        assert not (tmp_path / f"w{ending}").exists()
        return
    told.save(tmp_path / f"w{ending}")
    configsplit.convert(tmp_path / "bare.json", weights=tmp_path / f"w{ending}").save(tmp_path / "new.keras")
    assert made.same(made.run(made.loaded(tmp_path / "new.keras")), wanted)


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="configsplit")


def test_keras_loads_its_own_kind(tmp_path: Path) -> None:
    model = made.filled("nested")
    wanted = made.run(model)
    model.save(tmp_path / "old.h5")
    configsplit.named_weights(tmp_path / "old.h5").save(tmp_path / "w.weights.h5")
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    model.load_weights(tmp_path / "w.weights.h5")
    assert made.same(made.run(model), wanted)


def test_numpy_reads_it_by_names(tmp_path: Path) -> None:
    model = made.filled("nested")
    model.save(tmp_path / "old.keras")
    saved = configsplit.named_weights(tmp_path / "old.keras").save(tmp_path / "w.npz")
    found = np.load(tmp_path / "w.npz")
    assert set(found.files) == set(saved.names) > {"twice/twice_fc/kernel", "frozen/frozen_bn/moving_mean"}
    inner = model.get_layer("twice").get_layer("twice_fc")
    assert found["twice/twice_fc/kernel"].tobytes() == inner.get_weights()[0].tobytes()


def test_safetensors_as_their_own_library_has_them(tmp_path: Path) -> None:
    source = releases() / "keras-3.15.1" / "residual.keras"
    saved = configsplit.named_weights(source).save(tmp_path / "w.safetensors")
    raw = (tmp_path / "w.safetensors").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    head: dict[str, Any] = json.loads(raw[8 : 8 + size])
    assert size % 8 == 0
    assert list(head) == list(saved.names)
    with open_source(source) as opened:
        assert opened.weights is not None
        first = opened.weights.read("layers/conv2d/vars/0")
    entry = head[saved.names[0]]
    begin, end = (8 + size + offset for offset in entry["data_offsets"])
    assert (entry["dtype"], entry["shape"], raw[begin:end]) == ("F32", list(first.shape), first.tobytes())


def test_weights_of_keras_2_keep_their_names(tmp_path: Path) -> None:
    source = releases() / "tf-2.4" / "residual.h5"
    saved = configsplit.named_weights(source).save(tmp_path / "w.safetensors")
    assert "out/kernel" in saved.names
    bare = releases() / "tf-2.4" / "residual.json"
    one = configsplit.convert(bare, weights=tmp_path / "w.safetensors").save(tmp_path / "one.keras")
    other = configsplit.convert(source).save(tmp_path / "other.keras")
    assert (one.weights, one.sha256) == (other.weights, other.sha256)
    with pytest.raises(StoreError) as caught:
        configsplit.named_weights(source).save(tmp_path / "w.weights.h5")
    assert caught.value.code == "format-layout"


def test_nothing_is_replaced_or_half_written(tmp_path: Path) -> None:
    source, out = releases() / "keras-3.15.1" / "residual.keras", tmp_path / "w.npz"
    done = invoke("weights", source, "--out", out, "--json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["file"], len(told["weights"])) == (0, str(out), 11)
    before = out.read_bytes()
    assert invoke("weights", source, "--out", out).exit_code == 1
    assert out.read_bytes() == before
    assert invoke("weights", source, "--out", out, "--force").exit_code == 0
    assert out.read_bytes() == before, "the same input gives the same bytes"
    for name, code in (("w.bin", "output-suffix"), ("w.h5", "output-suffix")):
        assert code in invoke("weights", source, "--out", tmp_path / name).output
    bare = releases() / "keras-3.0.5" / "residual.json"
    assert "format-needs-weights" in invoke("weights", bare, "--out", tmp_path / "x.npz").output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["w.npz"]


def test_weights_of_what_other_verbs_gave(tmp_path: Path) -> None:
    """An edit, a part, a conversion, a live model: each from memory, and the same arrays as from its file."""
    model = made.filled("nested")
    model.save(tmp_path / "old.keras")
    document = configsplit.load(tmp_path / "old.keras")
    frozen, (_, tail) = configsplit.freeze(document, before="twice@0"), configsplit.split(document, at="twice@0")
    results: list[Any] = [frozen, tail, model]
    results.append(configsplit.convert(Path(__file__).resolve().parents[1] / "corpus/releases/keras-2.3.1/residual.h5"))
    for number, each in enumerate(results):
        told = configsplit.named_weights(each).save(tmp_path / f"{number}.npz")
        each.save(tmp_path / f"{number}.keras")
        configsplit.named_weights(tmp_path / f"{number}.keras").save(tmp_path / "again.npz", force=True)
        with np.load(tmp_path / f"{number}.npz") as one, np.load(tmp_path / "again.npz") as other:
            assert list(one) == list(other) == list(told.names) != []
            assert all(np.array_equal(one[name], other[name]) for name in one)
    with pytest.raises(TypeError, match=r"named_weights\(\) has no option 'macth'; did you mean 'match'"):
        configsplit.named_weights(document, macth="order")
