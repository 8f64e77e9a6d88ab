"""The run log of a batch, ``run.jsonl``: one line for each model that is through, appended before its outputs are put in place.

What is in it is done; a line that kill -9 has cut off is not. ``--resume`` reads it, and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from configsplit import __version__
from configsplit.containers.system import errors
from configsplit.errors import StoreError

Record = dict[str, Any]
"""What a line says of a model."""


_STEP = r"(?!\.\.?(/|$))[^/\0]+"
_FOLDER = re.compile(rf"models(/{_STEP})+", re.DOTALL)
_MIRRORED = re.compile(rf"(?!\.staging-)({_STEP}(/{_STEP})*)?", re.DOTALL)
_FILE = re.compile(r"(?!(run|ledger)\.jsonl$|report\.html$|\.)[^/\0]+", re.DOTALL)
_STAGED = re.compile(r"\.staging-[0-9a-f]{32}")


def is_record(line: Mapping[str, Any]) -> bool:
    """Whether a line is the record of a model. What it names is moved and removed: it must lie within the output."""
    if not line.keys() >= {"model", "key", "folder", "staging", "result", "run"} or not isinstance(line["model"], str):
        return False
    folder, staging, result = line["folder"], line["staging"], line["result"]
    if not isinstance(result, dict) or not isinstance(line["run"], dict) or "outcome" not in result:
        return False
    if line.get("stem") is not None:
        files = result.get("outputs", [])
        named = isinstance(files, list) and all(isinstance(item, dict) and _matches(_FILE, item.get("file")) for item in files)
        return named and _matches(_MIRRORED, folder) and (staging is None or _matches(_STAGED, staging))
    places = (folder == "" or _matches(_FOLDER, folder)) and (staging is None or (_matches(_STAGED, staging) and folder))
    return bool(places)


def places(record: Mapping[str, Any]) -> list[str]:
    """Where the outputs of a model lie: in a folder of its own, or as files among those of others."""
    if record.get("stem") is None:
        return [record["folder"]] if record["folder"] else []
    return [f"{record['folder']}/{item['file']}".lstrip("/") for item in record["result"].get("outputs", ())]


def _matches(pattern: re.Pattern[str], text: Any) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None


class Journal:
    """The last record of each model, on disk: only where each begins is kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.outputs: set[str] = set()
        self._places: dict[str, int] = {}
        with errors.system_faults(path):
            self._file: BinaryIO = path.open("a+b")
        self._lock()
        self._read()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise StoreError(
                "another batch is writing there",
                code="batch-running",
                where=str(self.path.parent),
                hint="wait for it, or choose another --out",
            ) from None

    def _read(self) -> None:
        """Find the records. A line without its end, which kill -9 leaves behind, is cut off, so that the next begins afresh."""
        self._file.seek(0)
        at = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                self._file.truncate(at)
                break
            self._note(line, at)
            at += len(line)
        self._file.seek(0, os.SEEK_END)

    def _note(self, line: bytes, at: int) -> None:
        try:
            record = json.loads(line)
        except ValueError:  # after a power cut
            return
        if isinstance(record, dict) and is_record(record):
            self._places[record["model"]] = at
            self.outputs.update(places(record))

    def begin(self, header: Mapping[str, Any]) -> None:
        """Note that a run begins."""
        self._write({"run": 1, "configsplit": __version__, **header})

    def append(self, record: Record) -> None:
        """Note that a model is through."""
        at = self._write(record)
        self._places[record["model"]] = at
        self.outputs.update(places(record))

    def _write(self, record: Mapping[str, Any]) -> int:
        with errors.system_faults(self.path):
            at = self._file.seek(0, os.SEEK_END)
            self._file.write(json.dumps(record).encode("ascii") + b"\n")
            self._file.flush()
        return at

    def __getitem__(self, model: str) -> Record:
        self._file.seek(self._places[model])
        record: Record = json.loads(self._file.readline())
        return record

    def get(self, model: str) -> Record | None:
        """The last record of a model, if there is one."""
        return self[model] if model in self._places else None

    def __len__(self) -> int:
        return len(self._places)

    def records(self) -> Iterator[Record]:
        """The last record of every model ever seen."""
        for model in list(self._places):
            yield self[model]

    def sync(self) -> None:
        """Make it last through a power cut."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
