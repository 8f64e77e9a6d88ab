"""What a system lacks is done in another way: the same files, byte for byte, where it is taken away beforehand."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

RELEASES = Path(__file__).parents[1] / "corpus" / "releases"

OF_OS = (
    *("fork", "forkpty", "waitpid", "kill", "killpg", "register_at_fork"),
    *("pread", "preadv", "pwrite", "pwritev", "readv", "sendfile", "copy_file_range", "splice", "posix_fadvise"),
    *("O_DIRECT", "O_CLOEXEC", "O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY", "O_TMPFILE"),
    *("statvfs", "fstatvfs", "uname", "geteuid", "getuid", "sched_getaffinity", "memfd_create"),
)
MODULES = ("fcntl", "resource", "pwd", "grp", "termios")

HIDE = """
import os, select, signal, sys
import h5py, numpy  # they look after themselves
attributes, modules = (names.split(",") if names else [] for names in sys.argv[1:3])
for name in modules:
    sys.modules[name] = None
for name in attributes:
    if hasattr(os, name):
        delattr(os, name)
if "kill" in attributes:
    del select.poll, signal.SIGHUP, signal.SIGKILL
import pathlib
import configsplit
source, out, how = sys.argv[3:]
if how == "convert":
    configsplit.convert(source).save(pathlib.Path(out, "new.keras"))
elif how == "rename":
    configsplit.rename(configsplit.load(source), {"out": "end"}).save(pathlib.Path(out, "new.keras"))
else:
    saved = configsplit.split(configsplit.load(source), at=how).save(pathlib.Path(out, "parts"), force=True)
    assert saved.proof is not None and saved.proof.parts == 2
"""

CASES = (
    ("keras-3.15.1/residual.keras", "bn1"),
    ("tf-2.4/nested2.h5", "mid"),
    ("keras-3.15.1/residual.json", "bn1"),
    ("tf-2.4/gru_variants.h5", "convert"),
    ("packed", "bn1"),
)


def run(attributes: tuple[str, ...], modules: tuple[str, ...], source: Path, out: Path, how: str) -> dict[str, str]:
    """The digests of what is written where these names are missing."""
    out.mkdir(exist_ok=True)
    arguments = [",".join(attributes), ",".join(modules), str(source), str(out), how]
    done = subprocess.run([sys.executable, "-c", HIDE, *arguments], capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def packed(folder: Path) -> Path:
    """An .h5 file that only HDF5 itself can read."""
    path = folder / "packed.h5"
    with h5py.File(RELEASES / "tf-2.4" / "residual.h5") as source, h5py.File(path, "w") as made:
        for name, value in source.attrs.items():
            made.attrs[name] = value
        for name in source:
            source.copy(name, made)
        for name in [*_datasets(made["model_weights"])]:
            values = made["model_weights"][name][()]
            del made["model_weights"][name]
            made["model_weights"].create_dataset(name, data=values, chunks=True, compression="gzip")
    return path


def _datasets(group: h5py.Group) -> list[str]:
    found: list[str] = []
    group.visititems(lambda name, thing: found.append(name) if isinstance(thing, h5py.Dataset) and thing.size > 1 else None)
    return found


@pytest.mark.parametrize(("name", "how"), CASES, ids=[f"{name}-{how}" for name, how in CASES])
def test_without_any_of_it_the_bytes_are_the_same(name: str, how: str, tmp_path: Path) -> None:
    source = packed(tmp_path) if name == "packed" else RELEASES / name
    usual = run((), (), source, tmp_path / "out", how)
    again = tmp_path / "out2"  # a manifest tells the way from its folder to the source
    assert usual
    assert run(OF_OS, MODULES, source, again, how) == usual


@pytest.mark.parametrize("name", ["fork", "pread", "O_DIRECTORY", "O_NONBLOCK", "fcntl", "resource"])
def test_each_alone_may_be_missing(name: str, tmp_path: Path) -> None:
    attributes, modules = ((), (name,)) if name in MODULES else ((name,), ())
    assert run(attributes, modules, RELEASES / "keras-3.15.1" / "residual.keras", tmp_path / "out", "bn1")
