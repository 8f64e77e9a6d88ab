"""A model in an archive around it is the model; what an archive can do besides ends in a coded error."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from support.bundle_files import Hand
from support.limits import limited
from support.tfjs_files import as_tfjs
from support.thinned import in_turn

import configsplit
from configsplit.cli.main import cli
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError

RELEASES = Path(__file__).parents[1] / "corpus" / "releases"
OLD, NEW = RELEASES / "tf-2.4" / "residual.h5", RELEASES / "keras-3.15.1" / "residual.keras"
FORMS = {"zip": "zip", "gztar": "tar.gz", "tar": "tar", "bztar": "tar.bz2"}
READ = [form for form in FORMS if form != "bztar"]


def folder_of_keras(place: Path) -> Path:
    with zipfile.ZipFile(NEW) as archive:
        archive.extractall(place)
    return place


MODELS: dict[str, Callable[[Path], Path]] = {
    "saved_model": lambda place: Hand(OLD).write(place),
    "tfjs": lambda place: as_tfjs(OLD, place, shard=1000).parent,
    "dir": folder_of_keras,
    "h5": lambda place: Path(shutil.copy(OLD, place.with_suffix(".h5"))),
    "keras": lambda place: Path(shutil.copy(NEW, place.with_suffix(".keras"))),
    "json": lambda place: Path(shutil.copy(NEW.with_suffix(".json"), place.with_suffix(".json"))),
}


def packed(model: Path, form: str, folder: Path) -> Path:
    """An archive with the file or folder in it, and with what a Mac puts beside."""
    inside = folder / "inside"
    (inside / "__MACOSX").mkdir(parents=True)
    (inside / "__MACOSX" / "._model.h5").write_bytes(OLD.read_bytes()[:100])
    (inside / "README.md").write_text("# a model")
    (shutil.copytree if model.is_dir() else shutil.copy)(model, inside / model.name)
    return Path(shutil.make_archive(str(folder / f"packed-{form}"), form, inside))


def values(path: Path) -> dict[str, bytes]:
    with open_source(path) as opened:
        return {} if opened.weights is None else {name: opened.weights.read(name).tobytes() for name in opened.weights.datasets}


@pytest.mark.parametrize(("kind", "form"), in_turn([(kind, form) for form in READ] for kind in MODELS))
def test_it_is_the_model_that_lies_in_it(kind: str, form: str, tmp_path: Path) -> None:
    model = MODELS[kind](tmp_path / "model")
    archive = packed(model, form, tmp_path)
    assert archive.name.endswith(FORMS[form])
    found = configsplit.load(archive)
    assert (found.kind, found.model) == (kind, configsplit.load(model).model)
    assert values(archive) == values(model)
    with open_source(archive) as opened:
        assert opened.sha256() == hashlib.sha256(archive.read_bytes()).hexdigest()
    if kind == "json":
        return
    done = configsplit.split(found, at="bn1").save(tmp_path / "parts")
    assert done.proof is not None
    assert done.proof.weights == 11
    assert configsplit.verify(tmp_path / "parts").proof == done.proof
    its = configsplit.split(model, at="bn1").save(tmp_path / "its")
    assert [part.sha256 for part in done.manifest.parts] == [part.sha256 for part in its.manifest.parts]


@pytest.mark.parametrize("name", ["residual.h5.gz", "residual"])
def test_a_file_alone_may_be_packed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(OLD.read_bytes()))
    assert values(tmp_path / name) == values(OLD)
    (tmp_path / "twice.zip").write_bytes(zipped({"in/a.keras": NEW.read_bytes()}))
    assert values(tmp_path / "twice.zip") == values(NEW)


def test_weights_beside_an_architecture_may_be_packed(tmp_path: Path) -> None:
    weights = NEW.with_name("residual.weights.h5")
    (tmp_path / "w.zip").write_bytes(zipped({"residual.weights.h5": weights.read_bytes()}))
    (tmp_path / "w.h5.gz").write_bytes(gzip.compress(weights.read_bytes()))
    for name in ("w.zip", "w.h5.gz"):
        done = configsplit.split(configsplit.load(NEW.with_suffix(".json"), weights=tmp_path / name), at="bn1").save(
            tmp_path / name[:3]
        )
        assert done.proof is not None
        assert done.proof.weights == 11


@pytest.mark.usefixtures("unleashed")
def test_what_keras_is_to_run_is_unpacked_for_it(near_worker: None, tmp_path: Path) -> None:
    archive = packed(NEW, "zip", tmp_path)
    arguments = ["split", str(archive), "--at", "bn1", "--out", str(tmp_path / "parts"), "--verify", "numeric"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output


def zipped(members: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE, form: int = tarfile.GNU_FORMAT) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(data), kind, "elsewhere"
            archive.addfile(info, io.BytesIO(data))
    return made.getvalue()


def linked() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = zipfile.ZipInfo("model.h5")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    return made.getvalue()


def sparse() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("model.h5")
        info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.name": "model.h5"}
        archive.addfile(info)
    return made.getvalue()


def nested(depth: int) -> bytes:
    data = OLD.read_bytes()
    for _ in range(depth):
        data = gzip.compress(data)
    return data


def broken_header() -> bytes:
    data = bytearray(tarred(("model.h5", OLD.read_bytes())))
    data[124:135] = b"77777777777"
    return bytes(data)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "zip: leads out": (lambda: zipped({"../model.h5": OLD.read_bytes()}), "archive-unsafe-name"),
    "zip: absolute": (lambda: zipped({"/model.h5": OLD.read_bytes()}), "archive-unsafe-name"),
    "zip: a link": (linked, "archive-link"),
    "zip: a bomb": (lambda: zipped({"model.json": b" " * (70 << 20)}), "archive-bomb"),
    "zip: two models": (lambda: zipped({"a.h5": OLD.read_bytes(), "b.h5": OLD.read_bytes()}), "archive-several"),
    "zip: nothing": (lambda: zipped({"a.txt": b"hello"}), "not-a-model"),
    "tar: leads out": (lambda: tarred(("a/../../model.h5", OLD.read_bytes())), "archive-unsafe-name"),
    "tar: absolute": (lambda: tarred(("/model.h5", OLD.read_bytes())), "archive-unsafe-name"),
    "tar: a link": (lambda: tarred(("model.h5", b""), kind=tarfile.SYMTYPE), "archive-link"),
    "tar: a hard link": (lambda: tarred(("model.h5", b""), kind=tarfile.LNKTYPE), "archive-link"),
    "tar: a device": (lambda: tarred(("model.h5", b""), kind=tarfile.CHRTYPE), "archive-link"),
    "tar: holes": (sparse, "archive-link"),
    "tar: one name twice": (lambda: tarred(("a.h5", OLD.read_bytes()), ("a.h5", b"")), "archive-duplicate-member"),
    "tar: a size that is not there": (broken_header, "archive-damaged"),
    "tar: a second archive behind": (lambda: tarred(("a.h5", OLD.read_bytes())) * 2, "archive-damaged"),
    "tar: two models": (lambda: tarred(("a.h5", OLD.read_bytes()), ("b.h5", OLD.read_bytes())), "archive-several"),
    "tar: nothing": (lambda: tarred(("a.txt", b"hello")), "not-a-model"),
    "gzip: a bomb": (lambda: gzip.compress(bytes(70 << 20)), "archive-bomb"),
    "gzip: not finished": (lambda: gzip.compress(OLD.read_bytes())[:-100], "archive-damaged"),
    "gzip: something behind": (lambda: gzip.compress(OLD.read_bytes()) + b"more", "archive-damaged"),
    "gzip: no model": (lambda: gzip.compress(b"hello"), "not-a-model"),
    "archives in archives": (lambda: nested(4), "archive-nested"),
    "bzip2": (lambda: bz2.compress(OLD.read_bytes()), "not-a-model"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_archive_of_a_model_has_is_refused(what: str, tmp_path: Path) -> None:
    make, code = HOSTILE[what]
    (tmp_path / "model.h5.zip").write_bytes(make())
    with limited(10, 300 << 20), pytest.raises(ConfigSplitError) as caught:
        values(tmp_path / "model.h5.zip")
    assert caught.value.code == code
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5.zip"]


def test_a_model_as_deep_as_it_may_lie_is_read(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(nested(3))
    assert values(tmp_path / "model") == values(OLD)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_in_every_kind_of_tar(form: int, tmp_path: Path) -> None:
    steps = "/".join(["a" * 40] * (3 if form == tarfile.USTAR_FORMAT else 8))
    (tmp_path / "model.tar").write_bytes(tarred((f"./{steps}/model.h5", OLD.read_bytes()), form=form))
    assert values(tmp_path / "model.tar") == values(OLD)


def test_one_that_is_unpacked_leaves_nothing_behind(tmp_path: Path) -> None:
    archive = packed(MODELS["saved_model"](tmp_path / "model"), "gztar", tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = len([*Path("/proc/self/fd").iterdir()])
    with open_source(archive, scratch=str(scratch)) as opened:
        assert opened.weights is not None
        assert [*scratch.iterdir()] == []
    assert len([*Path("/proc/self/fd").iterdir()]) == before


@pytest.mark.parametrize("form", ["zip", "tar", "gztar"])
def test_damage_ends_in_a_coded_error_or_in_the_same_model(form: str, tmp_path: Path) -> None:
    """Every truncation of the last kilobytes and heads, and flipped bits."""
    archive = packed(MODELS["saved_model"](tmp_path / "model"), form, tmp_path)
    sound, wanted, chance, refused = archive.read_bytes(), values(archive), Random(3), 0
    attempts = 60
    for attempt in range(attempts):
        damaged: Any = bytearray(sound)
        if attempt % 2:
            damaged[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        else:
            damaged = sound[: chance.randrange(len(sound))]
        archive.write_bytes(bytes(damaged))
        try:
            with limited(5, 300 << 20):
                assert set(values(archive)) == set(wanted)
        except ConfigSplitError as error:
            refused += bool(error.code)
    assert refused > attempts // 3
