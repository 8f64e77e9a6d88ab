"""The pages of docs/tutorials: each is what a new user does, and every block of it is run, in order, in one folder.

Times may differ from those that are shown; a line of three dots stands for any number of lines.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "tutorials"
CORPUS = ROOT / "tests" / "corpus" / "releases"
OLD = ("keras-1.2.2", "keras-2.2.4", "keras-2.3.1", "tf-1.15", "tf-2.4")


def camera(folder: Path) -> None:
    shutil.copy(CORPUS / "keras-3.15.1" / "residual.keras", folder / "camera.keras")


def nested(folder: Path) -> None:
    shutil.copy(CORPUS / "keras-3.15.1" / "nested2.keras", folder / "tuned.keras")


def old(folder: Path) -> None:
    """The zoo of somebody who has kept everything since 2016, with what lies about in such folders."""
    for release in OLD:
        place = folder / "models" / release
        place.mkdir(parents=True)
        for file in sorted(CORPUS.joinpath(release).glob("*.h5")):
            shutil.copy(file, place)
    shutil.copy(CORPUS / "keras-3.15.1" / "residual.keras", folder / "models" / "new.keras")
    (folder / "models" / "settings.json").write_text('{"learning_rate": 0.1}')
    (folder / "models" / "lost.h5").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


FILES: dict[str, Callable[[Path], None]] = {
    "device-and-server.md": camera,
    "fine-tuned.md": nested,
    "old-models.md": old,
}


def test_every_tutorial_is_run() -> None:
    assert {page.name for page in PAGES.glob("*.md")} == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_a_tutorial_shows_what_happens(name: str, tmp_path: Path) -> None:
    FILES[name](tmp_path)
    scope: dict[str, object] = {}
    blocks = re.findall(
        r"^```(console|pycon|yaml)( [\w.]+)?\n(.*?)^```$", (PAGES / name).read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    assert len(blocks) > 3
    for language, file, block in blocks:
        if language == "yaml":
            (tmp_path / file.strip()).write_text(block, "utf-8")
        elif language == "pycon":
            python(block, scope, tmp_path, name)
        else:
            console(block, tmp_path)


def console(block: str, folder: Path) -> None:
    for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = piece.partition("\n")
        environment = {**os.environ, "PATH": f"{folder}/.bin:{os.environ['PATH']}", "NO_COLOR": "1"}
        environment.pop("COLUMNS", None)  # tables are as wide as they are
        (folder / ".bin").mkdir(exist_ok=True)
        script = folder / ".bin" / "configsplit"
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m configsplit "$@"\n')
        script.chmod(0o755)
        done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert re.fullmatch(pattern(shown), alike(done.stdout)), f"$ {command}\n{done.stdout}\n{done.stderr}"


def alike(text: str) -> str:
    return re.sub(r"\b\d+\.\d+ s\b", "0.00 s", text)


def pattern(shown: str) -> str:
    lines = alike(shown).splitlines(keepends=True)
    return "".join("(?:.*\n)*" if line == "…\n" else re.escape(line) for line in lines)


def python(block: str, scope: dict[str, object], folder: Path, name: str) -> None:
    before = Path.cwd()
    os.chdir(folder)
    try:
        test = doctest.DocTestParser().get_doctest(block, scope, name, None, 0)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(test, clear_globs=False)
        assert runner.summarize().failed == 0
        scope.update(test.globs)
    finally:
        os.chdir(before)
