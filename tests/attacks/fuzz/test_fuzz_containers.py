"""Every kind of container, cut short and with flipped bits: a coded error or the model, soon and in little memory."""

from __future__ import annotations

import gzip
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
from support.bundle_files import Draft, Hand
from support.limits import limited
from support.tfjs_files import as_tfjs

import configsplit
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError
from configsplit.models.in_order import weights_in_order

RELEASES = Path(__file__).resolve().parents[2] / "corpus" / "releases"
OLD, NEW = RELEASES / "tf-2.4" / "residual.h5", RELEASES / "keras-3.15.1" / "residual.keras"
FLIPS, LENGTHS = 10_000, 4_000
SAMPLE = 20
SECONDS, MEMORY = 5, 300 << 20


def as_zip(place: Path) -> Path:
    return Path(shutil.make_archive(str(place), "zip", Hand(OLD).write(place.with_name("saved"))))


def as_tar(place: Path) -> Path:
    with tarfile.open(place, "w") as archive:
        archive.add(Hand(OLD).write(place.with_name("saved")), "saved")
    return place


def as_gzip(place: Path) -> Path:
    place.write_bytes(gzip.compress(as_tar(place).read_bytes()))
    return place


def written(place: Path) -> Path:
    """The weights alone under names."""
    configsplit.named_weights(OLD).save(place)
    place.with_name("m.json").write_text(architecture())
    return place


def architecture() -> str:
    with open_source(OLD) as opened:
        return opened.config_text


def as_numbers(place: Path) -> Path:
    """Packed arrays in the order of the model's weights."""
    wanted, draw = weights_in_order(architecture(), {}), np.random.default_rng(1)
    np.savez_compressed(place, *(draw.normal(size=each.shape).astype("float32") for each in wanted))  # type: ignore[arg-type]
    place.with_name("m.json").write_text(architecture())
    return place


def as_checkpoint(place: Path) -> Path:
    draft = Draft()
    with open_source(OLD) as opened:
        assert opened.weights is not None
        for path in opened.weights.datasets:
            draft.add(path.partition("/")[2].partition("/")[2].removesuffix(":0"), opened.weights.read(path))
    draft.write(place.with_name("ck"))
    place.with_name("m.json").write_text(architecture())
    return place.with_name("ck.index")


KINDS: dict[str, Callable[[Path], Path]] = {
    "saved_model: metadata": lambda place: Hand(OLD).write(place) / "keras_metadata.pb",
    "saved_model: index": lambda place: Hand(OLD).write(place) / "variables" / "variables.index",
    "saved_model: arrays": lambda place: Hand(OLD).write(place) / "variables" / "variables.data-00000-of-00001",
    "checkpoint": as_checkpoint,
    "tfjs: manifest": lambda place: as_tfjs(OLD, place, shard=1000),
    "tfjs: arrays": lambda place: as_tfjs(OLD, place, shard=1000).parent / "group1-shard1of2.bin",
    "h5": lambda place: Path(shutil.copy(OLD, place)),
    "keras": lambda place: Path(shutil.copy(NEW, place)),
    "json": lambda place: Path(shutil.copy(NEW.with_suffix(".json"), place)),
    "yaml": lambda place: Path(shutil.copy(RELEASES / "keras-1.0.8" / "residual.yaml", place)),
    "safetensors": lambda place: written(place.with_name("w.safetensors")),
    "npz": lambda place: written(place.with_name("w.npz")),
    "npz: by order": lambda place: as_numbers(place.with_name("w.npz")),
    "zip": as_zip,
    "tar": as_tar,
    "gzip": as_gzip,
}


def model_of(file: Path, folder: Path) -> tuple[Path, Path | None]:
    """What is opened to read the damaged file: the folder that it lies in, or an architecture beside it."""
    if (folder / "m.json").exists():
        return folder / "m.json", file
    top = folder / file.relative_to(folder).parts[0]
    return (top / "model.json", None) if (top / "model.json").exists() else (top, None)


def read(model: Path, weights: Path | None, *, order: bool) -> None:
    """All that a verb asks of a container."""
    with open_source(model, weights, order=(lambda text: weights_in_order(text, {})) if order else None) as opened:
        opened.sha256()
        opened.weights_sha256()
        file = opened.weights
        for path in () if file is None else file.datasets:
            assert file is not None
            file.read(path)


def damaged(sound: bytes, flips: int, lengths: int, chance: Random) -> Iterator[bytes]:
    for length in sorted(chance.sample(range(len(sound)), min(lengths, len(sound)))):
        yield sound[:length]
    for _ in range(flips):
        made = bytearray(sound)
        made[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        yield bytes(made)


def try_all(kind: str, folder: Path, flips: int, lengths: int) -> int:
    """How many were refused; anything but a coded error fails."""
    file = KINDS[kind](folder / "model")
    (model, weights), sound, refused = model_of(file, folder), file.read_bytes(), 0
    read(model, weights, order="order" in kind)
    for data in damaged(sound, flips, lengths, Random(7)):
        file.write_bytes(data)
        try:
            with limited(SECONDS, MEMORY):
                read(model, weights, order="order" in kind)
        except ConfigSplitError as error:
            refused += bool(error.code)
    return refused


@pytest.mark.parametrize("kind", KINDS)
def test_damage_ends_in_a_coded_error(kind: str, tmp_path: Path) -> None:
    assert try_all(kind, tmp_path, SAMPLE, SAMPLE) > SAMPLE // 10


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_thousands_of_truncations_and_ten_thousand_flipped_bits(kind: str, tmp_path: Path) -> None:
    assert try_all(kind, tmp_path, FLIPS, LENGTHS) > LENGTHS // 8


def test_archives_are_what_they_are_called(tmp_path: Path) -> None:
    """Else the above would test nothing but the first bytes."""
    for name in ("zip", "tar", "gzip"):
        (tmp_path / name).mkdir()
        assert configsplit.load(KINDS[name](tmp_path / name / "model")).kind == "saved_model"
