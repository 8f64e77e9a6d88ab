"""Pages that tell a story which can be followed: their files, commands, Python and pictures are what happens.

A page's blocks are carried out in order, in one folder: ``python`` as a program that goes on from block to block, ``console``
as commands with their output, a block with a title as a file of that name. A picture of the page is what one of its commands
wrote. ``<!-- file: PATH as NAME -->`` puts a file of this repository there first. ``python -m support.stories [PAGE ...]``
writes outputs and pictures into the pages.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from support.commands import told

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "howto").glob("*.md"))
_GIVEN = re.compile(r"^<!-- file: (\S+) as (\S+) -->$", re.MULTILINE)
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_PICTURE = re.compile(r"!\[[^\]]+\]\(([\w-]+\.svg)\)")
_MAY_DIFFER = [
    (re.compile(r"\b\d+\.\d+ s\b"), "0.00 s"),
    (re.compile(r"\b(keras|tf_keras|release) \d+\.\d+\.\d+"), r"\1 0.0.0"),
    (re.compile(r"^confinement .*$", re.MULTILINE), "confinement"),
]
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "COLUMNS": "100"}


def plain(text: str) -> str:
    """Without what may differ from run to run: times, and the releases of frameworks."""
    for pattern, instead in _MAY_DIFFER:
        text = pattern.sub(instead, text)
    return text


def pictures(page: Path) -> list[str]:
    """The pictures of a page."""
    return _PICTURE.findall(page.read_text("utf-8"))


def carried_out(page: Path, folder: Path) -> str:
    """The page as it would be if it were written now; what it makes is in the folder."""
    text, names = page.read_text("utf-8"), dict[str, Any]()
    if "import keras" in text:
        import keras

        keras.utils.clear_session()  # layers that have no name of their own are numbered from the first one again
    for source, name in _GIVEN.findall(text):
        shutil.copy(ROOT / source, folder / name)

    def block(found: re.Match[str]) -> str:
        language, title, content = found.groups()
        if title:
            (folder / title).write_text(content, "utf-8")
        elif language == "python":
            with chdir(folder):
                exec(compile(content, str(page), "exec"), names)
        elif language == "console":
            return f"```console\n{_commands(content, folder)}```"
        return found.group()

    return _BLOCK.sub(block, text)


def _commands(content: str, folder: Path) -> str:
    """Each command, with what it prints now."""
    shown = []
    for piece in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
        command = piece.partition("\n")[0]
        program, *arguments = shlex.split(command)
        assert program == "configsplit", command
        code, said = told(arguments, folder, _QUIET)
        assert code in (0, 1), said
        shown.append(f"$ {command}\n{said}".rstrip() + "\n")
    return "\n".join(shown)


def main() -> None:
    for page in PAGES:
        if sys.argv[1:] and page.stem not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            text = carried_out(page, Path(folder))
            if plain(text) != plain(page.read_text("utf-8")):
                page.write_text(text, "utf-8")
            for name in pictures(page):
                shutil.copy(Path(folder) / name, page.parent / name)


if __name__ == "__main__":
    main()
