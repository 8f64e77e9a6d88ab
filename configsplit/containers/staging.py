"""Outputs appear whole or not at all: written into a hidden folder beside their place, then renamed into it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from configsplit.containers.archive import is_safe_name
from configsplit.containers.leftovers import NEW, OLD, Hidden, Move, alone, sweep
from configsplit.containers.opening import MAX_TEXT
from configsplit.containers.system.errors import system_faults
from configsplit.containers.system.files import opened_folder
from configsplit.containers.system.named_files import read_plain
from configsplit.containers.system.signals import Signals
from configsplit.errors import StoreError

MANIFEST = "manifest.json"

INDEX = "model.json"
"""The file by which a layers model of TensorFlow.js is found in its folder."""

WHOLE = "whole"
"""What the model is called among its parts that had no file before it was cut."""


class Staging:
    """A folder to write into, whose content becomes the output at `commit`; without a commit nothing remains.

    ``destination`` is the output folder, or with ``folder=False`` the main output file, whose companions stand beside it.
    """

    def __init__(self, destination: Path | str, *, folder: bool, force: bool = False) -> None:
        self.destination = Path(os.path.realpath(destination))
        self.folder = folder
        self.force = force
        self._made: list[Path] = []
        self._hidden: Hidden | None = None
        self._committed = False
        self._signals = Signals()

    def __enter__(self) -> Staging:
        """Make the hidden folder. Raises StoreError if the output exists (without ``force``), is not ours, or its folder cannot
        be written.
        """
        self._signals.take()
        try:
            with system_faults(self.destination.parent):
                sweep(self.destination.parent)
                self._check_destination()
                with self._signals.held():
                    self._make_parents()
                    self._hidden = Hidden(self.destination.parent)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._leave()

    def _leave(self) -> None:
        try:
            with self._signals.held():
                self._clean()
        finally:
            self._signals.give_back()

    @property
    def _new(self) -> Path:
        return self._opened / NEW

    @property
    def _old(self) -> Path:
        """Where the outputs that are replaced go until all new ones are in place."""
        return self._opened / OLD

    @property
    def _opened(self) -> Path:
        if self._hidden is None:
            raise StoreError("nothing is staged; use a `with` statement", code="output-name", where=str(self.destination))
        return self._hidden.path

    def path(self, name: str) -> Path:
        """Where to write the output ``name``; the name is the final one."""
        if not is_safe_name(name) or "/" in name:
            raise StoreError(f"{name!r} cannot be the name of an output", code="output-name", where=str(self.destination))
        if not self.folder:
            self._check_file(self.destination.parent / name)
        return self._new / name

    def commit(self) -> None:
        """Put everything that was written in its place. Raises StoreError if it cannot be put there; what was there before is
        there still.
        """
        with system_faults(self.destination):
            _sync(self._new)
            with alone(self.destination.parent):
                self._swap(self._folder_moves() if self.folder else self._file_moves())
        with system_faults(self.destination):
            _sync(self.destination.parent)

    def _check_destination(self) -> None:
        if not self.folder:
            self._check_file(self.destination)
        elif self.destination.is_dir():
            self._check_folder()
        elif os.path.lexists(self.destination):
            raise _exists(self.destination, "is a file where a folder is wanted", "choose another --out")

    def _check_file(self, place: Path) -> None:
        if place.is_dir():
            raise _exists(place, "is a folder where a file is wanted", "choose another --out")
        if os.path.lexists(place) and not self.force:
            raise _exists(place, "exists")

    def _check_folder(self) -> None:
        names = _names(self.destination)
        if not names:
            return
        if not self.force:
            raise _exists(self.destination, "exists and is not empty")
        if not _own_files(self.destination):
            raise StoreError(
                "the folder is not empty and not an output of configsplit",
                code="output-not-ours",
                where=str(self.destination),
                hint=f"it has no {MANIFEST} of ours; choose a new folder",
            )

    def _make_parents(self) -> None:
        missing = [folder for folder in self.destination.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir()
            self._made.append(folder)

    def _swap(self, moves: list[Move]) -> None:
        if self._hidden is not None:
            self._hidden.swap(moves)
        with self._signals.held(), _undo() as undo:
            for source, target in moves:
                _move(source, target, undo)
            self._committed = True

    def _folder_moves(self) -> list[Move]:
        self._new.chmod(0o777 & ~_umask())
        if not self.destination.is_dir():
            return [(self._new, self.destination)]
        self._check_folder()
        old = self._old / "output"
        foreign = sorted({*_names(self.destination)} - _own_files(self.destination))
        self._refuse_taken(foreign)
        kept = [(old / name, self._new / name) for name in foreign]
        return [(self.destination, old), *kept, (self._new, self.destination)]

    def _refuse_taken(self, foreign: list[str]) -> None:
        if taken := sorted({*foreign} & {*_names(self._new)}):
            message = f"{taken} stand there and are not outputs of configsplit"
            raise StoreError(message, code="output-not-ours", where=str(self.destination), hint="choose a new folder")

    def _file_moves(self) -> list[Move]:
        moves = []
        for name in _names(self._new):
            place = self.destination.parent / name
            self._check_file(place)
            if os.path.lexists(place):
                moves.append((place, self._old / name))
            moves.append((self._new / name, place))
        return moves

    def _clean(self) -> None:
        if self._hidden is not None:
            self._hidden.close(committed=self._committed)
        if not self._committed:
            _remove_empty(self._made[::-1])


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # not empty: somebody else uses it by now
            folder.rmdir()


def _names(folder: Path) -> list[str]:
    return sorted(item.name for item in folder.iterdir())


def _exists(place: Path, how: str, hint: str = "choose another --out, or use --force") -> StoreError:
    return StoreError(f"the output {how}", code="output-exists", where=str(place), hint=hint)


def _own_files(folder: Path) -> set[str]:
    """Names of the files in a folder that our manifest there speaks of, or our record; empty where there is none of ours."""
    manifest = _read(folder / MANIFEST)
    if manifest is None:
        return _layers_model(folder)
    if "manifest_version" not in manifest or not isinstance(manifest.get("parts"), list):
        return set()
    parts = [part for part in manifest["parts"] if isinstance(part, dict)]
    names = {part.get(key) for part in parts for key in ("file", "weights")} | _whole(manifest.get("source"), folder)
    return {MANIFEST} | {name for name in names if isinstance(name, str) and (folder / name).is_file() and "/" not in name}


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object; None where there is none."""
    try:
        record = json.loads(read_plain(path, MAX_TEXT))
    except (StoreError, OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _layers_model(folder: Path) -> set[str]:
    """The files of a layers model of TensorFlow.js that has our record beside it."""
    index, record = _read(folder / INDEX), f"{INDEX}.provenance.json"
    if index is None or not (folder / record).is_file():
        return set()
    groups = index.get("weightsManifest")
    named = [group.get("paths") for group in groups if isinstance(group, dict)] if isinstance(groups, list) else []
    shards = {name for paths in named if isinstance(paths, list) for name in paths if isinstance(name, str)}
    return {INDEX, record} | {name for name in shards if "/" not in name and (folder / name).is_file()}


def _whole(source: object, folder: Path) -> set[object]:
    """What was written among the parts since the model that was cut had no file: known by the record beside it."""
    told = source if isinstance(source, dict) else {}
    name = told.get("file")
    if not isinstance(name, str) or name.partition(".")[0] != WHOLE or told.get("path") != name:
        return set()
    record = f"{name}.provenance.json"
    return {name, told.get("weights"), record} if (folder / record).is_file() else set()


def _move(source: Path, target: Path, undo: list[Callable[[], object]]) -> None:
    source.rename(target)
    undo.append(lambda: target.rename(source))


@contextmanager
def _undo() -> Iterator[list[Callable[[], object]]]:
    """Steps to take back, last one first, if the body fails."""
    steps: list[Callable[[], object]] = []
    try:
        yield steps
    except BaseException:
        for step in reversed(steps):
            step()
        raise


def _sync(folder: Path) -> None:
    """Make the names in a folder last."""
    with opened_folder(folder) as held:
        held.settle()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
