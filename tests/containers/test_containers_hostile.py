"""What a hostile file may try; each must be refused before anything is believed."""

from __future__ import annotations

import io
import struct
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.identity import CORPUS

from configsplit.containers.archive import is_safe_name
from configsplit.containers.source import open_source
from configsplit.errors import StoreError

GOOD = CORPUS / "keras-3.15.1" / "residual.keras"
CONFIG = zipfile.ZipFile(GOOD).read("config.json")
METADATA = zipfile.ZipFile(GOOD).read("metadata.json")


def refusal(path: Path) -> str:
    """The code with which a file is refused; opening, weights, assets and digest are all tried."""
    with pytest.raises(StoreError) as caught:
        read_all(path)
    assert caught.value.hint
    return caught.value.code


def read_all(path: Path) -> None:
    with open_source(path) as source:
        assert source.weights is not None
        for name in source.assets:
            for _ in source.asset(name):
                pass
        source.sha256()


def archive(path: Path, members: list[tuple[Any, bytes]], **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", **options) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in members:
            target.writestr(name, data)
    return path


def keras_file(folder: Path, *extra: tuple[Any, bytes], weights: bytes | None = None, **options: Any) -> Path:
    weights = zipfile.ZipFile(GOOD).read("model.weights.h5") if weights is None else weights
    members = [("metadata.json", METADATA), ("config.json", CONFIG), ("model.weights.h5", weights), *extra]
    return archive(folder / "model.keras", members, **options)


def hdf5(build: Callable[[h5py.File], object], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", **options) as file:
        file.create_group("layers/dense/vars")
        build(file)
    return buffer.getvalue()


def test_the_frame_of_these_tests_is_good(tmp_path: Path) -> None:
    with open_source(keras_file(tmp_path)) as source:
        assert source.weights is not None
        source.sha256()


def test_two_members_of_one_name(tmp_path: Path) -> None:
    assert refusal(keras_file(tmp_path, ("config.json", b"{}"))) == "archive-duplicate-member"


def test_an_archive_behind_another(tmp_path: Path) -> None:
    """Readers of the directory at the end take the last one, readers from the start the first."""
    one, two = keras_file(tmp_path).read_bytes(), keras_file(tmp_path).read_bytes()
    (path := tmp_path / "two.keras").write_bytes(one + two)
    assert refusal(path) == "archive-damaged"


@pytest.mark.parametrize(
    "name",
    ["../evil", "assets/../../evil", "/etc/passwd", "assets//x", "C:/x", "assets\\..\\x", "assets/./x", "..", "assets/a\0b"],
)
def test_member_names_that_lead_away(name: str, tmp_path: Path) -> None:
    marker = "assets/a?b" if "\0" in name else name
    path = keras_file(tmp_path, (marker, b"x"))
    path.write_bytes(path.read_bytes().replace(b"assets/a?b", b"assets/a\0b"))
    assert refusal(path) == "archive-unsafe-name"


@pytest.mark.parametrize("name", ["assets/layers/string_lookup/vocabulary.txt", "a", "a b/c.d", "..a/b"])
def test_member_names_that_stay(name: str) -> None:
    assert is_safe_name(name)


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"model.weights.h5"))
    data[at + 8] |= 1
    path.write_bytes(data)
    assert refusal(path) == "archive-encrypted"


def test_unknown_packing(tmp_path: Path) -> None:
    assert refusal(keras_file(tmp_path, compression=zipfile.ZIP_BZIP2)) == "archive-packing"


def test_a_zip_bomb(tmp_path: Path) -> None:
    path = keras_file(tmp_path, ("assets/bomb", bytes(80 << 20)), compression=zipfile.ZIP_DEFLATED)
    assert refusal(path) == "archive-bomb"


def patch_directory(path: Path, member: bytes, offset: int, value: int) -> None:
    """Change a 32-bit field of a member's entry in the central directory."""
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(member))
    data[at + offset : at + offset + 4] = struct.pack("<L", value)
    path.write_bytes(data)


def test_declared_size_is_not_the_real_one(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    patch_directory(path, b"config.json", 24, 7)  # unpacked size
    assert refusal(path) == "archive-damaged"


def test_declared_size_of_a_packed_member_is_not_the_real_one(tmp_path: Path) -> None:
    path = keras_file(tmp_path, compression=zipfile.ZIP_DEFLATED)
    patch_directory(path, b"config.json", 24, len(CONFIG) - 100)
    assert refusal(path) == "archive-damaged"


def test_member_beyond_the_end(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    patch_directory(path, b"model.weights.h5", 20, 1 << 30)
    patch_directory(path, b"model.weights.h5", 24, 1 << 30)
    assert refusal(path) == "archive-damaged"


def test_local_header_that_disagrees(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"model.weights.h5")
    data[at : at + 5] = b"MODEL"
    path.write_bytes(data)
    assert refusal(path) == "archive-damaged"


def test_a_flipped_bit_in_the_weights(tmp_path: Path) -> None:
    path = keras_file(tmp_path)
    with open_source(path) as source:
        assert source.weights is not None
        place = source.weights.place("layers/conv2d/vars/0")
        assert place is not None
    data = bytearray(path.read_bytes())
    data[place.offset] ^= 1
    path.write_bytes(data)
    assert refusal(path) == "archive-damaged"


def test_an_oversized_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("archive", "opening", "h5_model"):
        monkeypatch.setattr(f"configsplit.containers.{module}.MAX_TEXT", 1000)
    assert refusal(keras_file(tmp_path)) == "config-too-large"
    assert refusal(CORPUS / "keras-3.15.1" / "residual.json") == "config-too-large"
    assert refusal(CORPUS / "keras-3.15.1" / "residual.h5") == "config-too-large"


def test_packed_members_are_read(tmp_path: Path) -> None:
    with open_source(keras_file(tmp_path, compression=zipfile.ZIP_DEFLATED)) as packed, open_source(GOOD) as plain:
        assert packed.weights is not None
        assert plain.weights is not None
        assert all(packed.weights.same(path, plain.weights, path) for path in plain.weights.datasets)
        packed.sha256()


def soft(file: h5py.File) -> None:
    file["layers/dense/vars/0"] = h5py.SoftLink("/layers/other")


def external_link(file: h5py.File) -> None:
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/secret.h5", "/x")


def alias(file: h5py.File) -> None:
    file["layers/dense/vars/0"] = np.zeros(3, "f4")
    file["layers/dense/vars/1"] = file["layers/dense/vars/0"]


def cycle(file: h5py.File) -> None:
    file["layers/dense/vars/up"] = file["layers"]


def external_storage(file: h5py.File) -> None:
    file["layers/dense/vars"].create_dataset("0", (3,), "f4", external=[("/etc/passwd", 0, 12)])


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("/etc/secret.h5", "x", (3,), "f4")
    file["layers/dense/vars"].create_virtual_dataset("0", layout)


def unstored(file: h5py.File) -> None:
    file["layers/dense/vars"].create_dataset("0", (1 << 40,), "f4")


def unstored_chunks(file: h5py.File) -> None:
    file["layers/dense/vars"].create_dataset("0", (1 << 30,), "f4", chunks=(1024,))


def shape_bomb(file: h5py.File) -> None:
    data = file["layers/dense/vars"].create_dataset("0", (1 << 30,), "f4", chunks=(1 << 20,), compression="gzip")
    data[: 1 << 20] = 0


def unknown_filter(file: h5py.File) -> None:
    data = np.arange(1000, dtype="i4")
    file["layers/dense/vars"].create_dataset("0", data=data, chunks=(100,), scaleoffset=0)


def reference(file: h5py.File) -> None:
    file["layers/dense/vars"].create_dataset("0", data=file["layers"].ref, dtype=h5py.ref_dtype)


def named_type(file: h5py.File) -> None:
    file["layers/dense/vars/0"] = np.dtype("f4")


def no_shape(file: h5py.File) -> None:
    file["layers/dense/vars/0"] = h5py.Empty("f4")


def too_deep(file: h5py.File) -> None:
    file.create_group("/".join(["g"] * 1300))


HOSTILE = {
    "hdf5-link": (soft, external_link),
    "hdf5-alias": (alias, cycle),
    "hdf5-external": (external_storage,),
    "hdf5-virtual": (virtual,),
    "hdf5-declared-size": (unstored, unstored_chunks, shape_bomb),
    "hdf5-filter": (unknown_filter,),
    "hdf5-object": (reference, named_type, no_shape),
    "hdf5-too-deep": (too_deep,),
}


@pytest.mark.parametrize(("code", "build"), [(code, build) for code, builds in HOSTILE.items() for build in builds])
def test_hostile_hdf5(code: str, build: Callable[[h5py.File], None], tmp_path: Path) -> None:
    assert refusal(keras_file(tmp_path, weights=hdf5(build))) == code


def test_storage_beyond_the_end(tmp_path: Path) -> None:
    """The address of a dataset, patched to lie outside of the file."""

    def build(file: h5py.File) -> None:
        file["layers/dense/vars/0"] = np.full(7, 2.5, "f4")

    data = hdf5(build)
    with h5py.File(io.BytesIO(data)) as file:
        offset = file["layers/dense/vars/0"].id.get_offset()
    patched = data.replace(struct.pack("<QQ", offset, 28), struct.pack("<QQ", len(data) - 8, 28))
    assert patched != data
    assert refusal(keras_file(tmp_path, weights=patched)) in ("hdf5-bounds", "hdf5-damaged")  # 1.14.6 looks, older do not


def test_datasets_that_share_their_bytes(tmp_path: Path) -> None:
    """A thousand datasets over the same bytes would make a small file into a large one."""

    def build(file: h5py.File) -> None:
        for number in range(20):
            file[f"layers/dense/vars/{number}"] = np.full(4096, number, "f4")

    data = hdf5(build)
    with h5py.File(io.BytesIO(data)) as file:
        offsets = [file[f"layers/dense/vars/{number}"].id.get_offset() for number in range(20)]
    patched = data
    for offset in offsets[1:]:
        patched = patched.replace(struct.pack("<QQ", offset, 16384), struct.pack("<QQ", offsets[0], 16384))
    assert refusal(keras_file(tmp_path, weights=patched)) == "hdf5-alias"


@pytest.mark.parametrize("filters", [{"compression": "gzip"}, {"compression": "lzf"}, {"shuffle": True}, {"fletcher32": True}])
def test_known_filters_pass(filters: dict[str, Any], tmp_path: Path) -> None:
    data = hdf5(lambda file: file["layers/dense/vars"].create_dataset("0", data=np.arange(99.0), chunks=(10,), **filters))
    with open_source(keras_file(tmp_path, weights=data)) as source:
        assert source.weights is not None
        assert source.weights.read("layers/dense/vars/0").tolist() == list(range(99))


def test_backslashes_of_windows_are_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["layers\\dense/vars/0"] = np.ones(3, "f4")
        file.create_group("layers\\flatten/vars")
        file.create_group("vars")
    with open_source(keras_file(tmp_path, weights=buffer.getvalue())) as source:
        assert source.weights is not None
        assert list(source.weights.datasets) == ["layers/dense/vars/0"]
        assert source.weights.children("layers") == ["layers/dense", "layers/flatten"]
        assert source.weights.read("layers/dense/vars/0").tolist() == [1, 1, 1]


def test_an_asset_that_is_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "assets").mkdir(parents=True)
    for name in ("config.json", "metadata.json", "model.weights.h5"):
        (folder / name).write_bytes(zipfile.ZipFile(GOOD).read(name))
    (folder / "assets" / "vocabulary.txt").symlink_to("/etc/passwd")
    assert refusal(folder) == "asset-link"


def test_a_member_that_stands_twice_among_very_many_is_found_in_no_time(tmp_path: Path) -> None:
    names = [*(str(number) for number in range(20_000)), "19999"]
    path = archive(tmp_path / "model.keras", [("config.json", CONFIG), *((name, b"") for name in names)])
    start = time.process_time()
    with zipfile.ZipFile(path) as plain:
        assert len(plain.namelist()) == 20_002
    listed = time.process_time()
    assert refusal(path) == "archive-duplicate-member"
    assert time.process_time() - listed < 50 * (listed - start), "comparing each with each takes thousands of times as long"
