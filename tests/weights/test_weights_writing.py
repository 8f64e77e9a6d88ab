from __future__ import annotations

import hashlib
import os
import resource
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from threading import Event

import h5py
import numpy as np
import pytest
from support.identity import CORPUS, identity, layers, moves

from configsplit.containers import zip_structure
from configsplit.containers.source import Asset, open_source
from configsplit.containers.system.threads import Workers
from configsplit.containers.system.window import CHUNK, Cancelled
from configsplit.containers.writing import (
    Empty,
    Fresh,
    LegacyLayer,
    Move,
    prepare_archive,
    prepare_h5,
    prepare_text,
    prepare_weights,
)
from configsplit.errors import ConfigSplitError, StoreError, WeightsError

KERAS3 = CORPUS / "keras-3.15.1"
TEXTS = {"config_text": "{}", "metadata_text": "{}"}


def test_the_same_input_gives_the_same_bytes_later(tmp_path: Path) -> None:
    names = ["residual.keras", "residual.h5", "preproc_text.keras", "nested2.h5"]
    digests: dict[str, set[str]] = {name: set() for name in names}
    for number in range(2):
        for name, found in digests.items():
            with open_source(KERAS3 / name) as source:
                out = tmp_path / f"{number}-{name}"
                found.add(identity(source, out).run().sha256)
            assert hashlib.sha256(out.read_bytes()).hexdigest() in found
        time.sleep(1.1 * (number == 0))  # HDF5 counts time in seconds
    assert [len(found) for found in digests.values()] == [1] * len(names)


def test_an_archive_is_laid_out_as_keras_does(tmp_path: Path) -> None:
    with open_source(KERAS3 / "preproc_text.keras") as source:
        identity(source, tmp_path / "m.keras").run()
    with zipfile.ZipFile(KERAS3 / "preproc_text.keras") as old, zipfile.ZipFile(tmp_path / "m.keras") as new:
        assert new.testzip() is None
        assert new.namelist() == old.namelist()
        for info in new.infolist():
            assert (info.compress_type, info.flag_bits, info.extra, info.create_version) == (0, 0, b"", 20)
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            if info.filename != "model.weights.h5":
                assert new.read(info) == old.read(info.filename)


def test_renaming_and_moving(tmp_path: Path) -> None:
    with open_source(KERAS3 / "residual.keras") as source:
        weights = source.weights
        assert weights is not None
        items = [
            Move(weights, "layers/conv2d_1", "layers/conv2d", rename="first"),
            Empty("layers/input_layer", "fresh"),
            Empty("layers/flatten"),
            Empty("", "half"),
            Move(weights, "layers/dense/vars/0", "layers/dense/vars/0"),
            Fresh("layers/dense/vars/1", np.arange(2, dtype="f4")),
            Fresh("layers/scale/vars/0", np.float32(3.0)),
        ]
        prepare_archive(tmp_path / "m.keras", **TEXTS, items=items).run()
        with open_source(tmp_path / "m.keras") as copy:
            new = copy.weights
            assert new is not None
            assert new.same("layers/conv2d/vars/0", weights, "layers/conv2d_1/vars/0")
            assert new.crc("layers/conv2d/vars/1") == weights.crc("layers/conv2d_1/vars/1")
            names = [new.vars_name(f"layers/{name}") for name in ("conv2d", "input_layer", "flatten")]
            assert names == ["first", "fresh", None]
            assert new.vars_name("") == "half"
            assert new.read("layers/dense/vars/1").tolist() == [0, 1]
            assert new.read("layers/scale/vars/0").shape == ()
            assert not new.same("layers/conv2d/vars/0", weights, "layers/conv2d/vars/0")


def test_no_name_is_invented_where_the_source_has_none(tmp_path: Path) -> None:
    with open_source(CORPUS / "keras-3.0.5" / "residual.keras") as source:
        assert source.weights is not None
        prepare_weights(tmp_path / "w", items=[Move(source.weights, "layers/dense", "layers/dense", rename="x")]).run()
    with h5py.File(tmp_path / "w") as file:
        assert "name" not in file["layers/dense/vars"].attrs


def test_legacy_layers(tmp_path: Path) -> None:
    with open_source(CORPUS / "keras-1.2.2" / "residual.h5") as source:
        weights = source.weights
        assert weights is not None
        kept = [layer for layer in layers(weights) if layer.name in ("image", "c1")]
        moved = LegacyLayer("new", weights, weights=(("a", "model_weights/c2/c2_W:0"), ("b", np.zeros(3, "f4"))))
        all_layers = [*kept, moved, LegacyLayer("bare")]
        prepare_h5(tmp_path / "m.h5", attributes={"model_config": "{}"}, layers=all_layers, like=weights).run()
    with h5py.File(tmp_path / "m.h5") as file:
        group = file["model_weights"]
        assert group.attrs["layer_names"].tolist() == [b"image", b"c1", b"new", b"bare"]
        assert group.attrs["layer_names"].dtype.kind == "S"
        assert group["new"].attrs["weight_names"].tolist() == [b"a", b"b"]
        assert group["bare"].attrs["weight_names"].dtype == np.float64
        assert group["new/b"][()].tolist() == [0, 0, 0]
        assert file.attrs["model_config"] == "{}"
        assert "top_level_model_weights" not in group


@pytest.mark.parametrize("fixed", [True, False])
def test_long_lists_of_names_are_chunked_as_keras_does(fixed: bool, tmp_path: Path) -> None:
    names = [f"layer_{number:050d}" for number in range(2500)]
    release = "keras-1.2.2" if fixed else "keras-3.15.1"
    with open_source(CORPUS / release / "residual.h5") as source:
        bare = [LegacyLayer(name) for name in names]
        prepare_h5(tmp_path / "m.h5", attributes={"model_config": "{}"}, layers=bare, like=source.weights).run()
    with open_source(tmp_path / "m.h5") as copy:
        assert copy.weights is not None
        assert copy.weights.layer_names == tuple(names)
    with h5py.File(tmp_path / "m.h5") as file:
        attributes = file["model_weights"].attrs
        chunks = [attributes[f"layer_names{number}"] for number in range(3)]
        assert "layer_names" not in attributes
        assert np.concatenate(chunks).tolist() == [name.encode() for name in names]
        assert [len(chunk) for chunk in chunks] == [len(part) for part in np.array_split(np.arange(len(names)), 3)]


def test_chunked_names_of_keras_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for number in range(12):
            file.attrs[f"layer_names{number}"] = np.array([b"l%d" % number])
            file.create_group(f"l{number}").attrs["weight_names"] = []
    with open_source(KERAS3 / "residual.json", tmp_path / "w.h5") as source:
        assert source.weights is not None
        assert source.weights.layer_names == tuple(f"l{number}" for number in range(12))


def test_packed_datasets_keep_their_filters(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        group = file.create_group("layers/dense/vars")
        group.create_dataset("0", data=np.arange(1000.0), chunks=(100,), compression="gzip", shuffle=True)
        group.create_dataset("1", data=["a", "bc"], dtype=h5py.string_dtype())
        group.create_dataset("2", shape=(0, 3), dtype="f4")
        group.create_dataset("3", data=np.zeros(3, "V2")).attrs["dtype"] = "bfloat16"
        group["0"].attrs["note"] = "kept"
    with open_source(KERAS3 / "residual.json", tmp_path / "w.h5") as source:
        assert source.weights is not None
        prepare_weights(tmp_path / "copy.h5", items=moves(source.weights)).run()
    with h5py.File(tmp_path / "copy.h5") as file:
        group = file["layers/dense/vars"]
        assert (group["0"].compression, group["0"].shuffle, group["0"].chunks) == ("gzip", True, (100,))
        assert group["0"][()].tolist() == list(range(1000))
        assert group["0"].attrs["note"] == "kept"
        assert group["1"].asstr()[()].tolist() == ["a", "bc"]
        assert group["2"].shape == (0, 3)
        assert group["3"].attrs["dtype"] == "bfloat16"


def test_two_weights_for_one_place(tmp_path: Path) -> None:
    with open_source(KERAS3 / "residual.keras") as source:
        assert source.weights is not None
        twice = [Move(source.weights, "layers/dense", "layers/a"), Move(source.weights, "layers/dense", "layers/a")]
        with pytest.raises(WeightsError) as caught:
            prepare_weights(tmp_path / "w", items=twice)
    assert caught.value.code == "weights-collision"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dst", ["layers/../x", "/layers/x", "layers//x", "layers/./x", ""])
def test_unsafe_places(dst: str, tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        prepare_weights(tmp_path / "w", items=[Fresh(dst, np.zeros(1))])
    with pytest.raises(StoreError):
        prepare_archive(tmp_path / "a", **TEXTS, items=[], assets=[Asset(dst or "..", 0, tuple)])


def test_a_weight_that_the_source_lacks(tmp_path: Path) -> None:
    with open_source(KERAS3 / "residual.keras") as source:
        assert source.weights is not None
        with pytest.raises(StoreError, match="no such group") as caught:
            prepare_weights(tmp_path / "w", items=[Move(source.weights, "layers/lstm", "layers/lstm")])
    assert caught.value.code == "weights-missing"


def test_a_legacy_list_that_lies(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file:
        file.attrs["layer_names"] = ["a"]
        file.create_group("a").attrs["weight_names"] = ["a/kernel:0"]
    with open_source(KERAS3 / "residual.json", tmp_path / "w.h5") as source:
        assert source.weights is not None
        with pytest.raises(StoreError, match="listed but not stored"):
            source.weights.weight_names("a")


def test_text(tmp_path: Path) -> None:
    written = prepare_text(tmp_path / "m.json", "{}é").run()
    assert (tmp_path / "m.json").read_text("utf-8") == "{}é"
    assert written.sha256 == hashlib.sha256("{}é".encode()).hexdigest()


def test_large_archives_use_zip64(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_structure, "LIMIT", 20_000)
    with open_source(KERAS3 / "residual.keras") as source:
        job = identity(source, tmp_path / "m.keras")
        job.run()
    monkeypatch.undo()
    with zipfile.ZipFile(tmp_path / "m.keras") as file:
        assert file.getinfo("model.weights.h5").create_version == 45
        assert file.testzip() is None
    with open_source(tmp_path / "m.keras") as copy:
        assert copy.weights is not None
        copy.sha256()


def sparse_weights(path: Path, size: int) -> None:
    """A dataset of holes: stored as far as HDF5 knows, nothing on the disk."""
    with h5py.File(path, "w") as file:
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        group = file.create_group("layers/dense/vars")
        h5py.h5d.create(group.id, b"0", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((size // 4,)), plan)


@pytest.mark.exhaustive
def test_more_than_four_gigabytes_in_bounded_memory(tmp_path: Path) -> None:
    sparse_weights(tmp_path / "w.h5", 5 << 30)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with open_source(KERAS3 / "residual.json", tmp_path / "w.h5") as source:
        assert source.weights is not None
        written = prepare_archive(tmp_path / "m.keras", **TEXTS, items=moves(source.weights)).run()
    assert written.bytes > 5 << 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10
    with open_source(tmp_path / "m.keras") as copy:
        assert copy.weights is not None
        assert copy.weights.datasets["layers/dense/vars/0"].nbytes == 5 << 30


def test_a_source_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes((KERAS3 / "residual.keras").read_bytes())
    with open_source(path) as source:
        source.check_unchanged()
        os.utime(path, ns=(1, 1))
        with pytest.raises(StoreError, match="changed") as caught:
            source.check_unchanged()
        assert caught.value.code == "source-changed"
        job = identity(source, tmp_path / "copy.keras")
        os.truncate(path, 20_000)
        with pytest.raises(StoreError, match="shorter"):
            job.run()


def test_one_failure_calls_the_other_work_off(tmp_path: Path) -> None:
    def fails(stop: Event) -> None:
        raise StoreError("boom", code="x")

    def waits(stop: Event) -> None:
        assert stop.wait(10)
        raise Cancelled

    def both() -> None:
        with Workers() as workers:
            waiting = workers.submit(waits)
            workers.submit(fails)
            waiting.result()

    with pytest.raises(StoreError, match="boom"):
        both()


def test_an_error_of_the_caller_calls_the_work_off(tmp_path: Path) -> None:
    sparse_weights(tmp_path / "w.h5", 16 * CHUNK)
    with open_source(KERAS3 / "residual.json", tmp_path / "w.h5") as source:
        assert source.weights is not None
        job = prepare_weights(tmp_path / "copy.h5", items=moves(source.weights))
        workers = Workers()
        running = workers.submit(job.run)
        workers.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
        assert isinstance(running.error, Cancelled)


def test_digest_of_a_folder() -> None:
    with open_source(KERAS3 / "residual_dir") as source:
        listing = subprocess.run(
            ["sha256sum", "config.json", "metadata.json", "model.weights.h5"],
            cwd=KERAS3 / "residual_dir", capture_output=True, check=True,
        )  # fmt: skip
        assert source.sha256() == hashlib.sha256(listing.stdout).hexdigest()


def test_modes_follow_the_umask(tmp_path: Path) -> None:
    prepare_text(tmp_path / "m.json", "{}").run()
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "m.json").stat().st_mode) == 0o666 & ~mask


FULL = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.identity import identity
from configsplit.errors import StoreError
from configsplit.containers.source import open_source
from configsplit.containers.staging import Staging
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[4]), resource.RLIM_INFINITY))
try:
    with open_source(sys.argv[2]) as source, Staging(sys.argv[3], folder=True) as staging:
        identity(source, staging.path('part-0.keras')).run()
        staging.commit()
except StoreError as error:
    print(error.code)
"""


@pytest.mark.parametrize("limit", [0, 100, 5_000, 20_000, 30_000])
def test_a_disk_that_is_full_leaves_nothing(limit: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = [str(Path(__file__).parents[1]), str(KERAS3 / "residual.keras"), str(out), str(limit)]
    done = subprocess.run([sys.executable, "-c", FULL, *arguments], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("disk-full", 0), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_no_room_is_known_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs(tmp_path)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((*real[:4], 1, *real[5:])))
    with pytest.raises(ConfigSplitError, match="are free"):
        prepare_text(tmp_path / "m.json", " " * 100_000).run()
    assert list(tmp_path.iterdir()) == []
