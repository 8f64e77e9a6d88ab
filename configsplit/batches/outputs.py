"""Where the results of a batch go: a folder that all workers see, or an address; each model's outputs whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from configsplit.batches import storage
from configsplit.batches.run_log import Journal, Record, is_record, places
from configsplit.containers.fetched import is_remote
from configsplit.containers.system import errors
from configsplit.errors import StoreError

NAME = "run.jsonl"
LEDGER = "ledger.jsonl"
REPORT = "report.html"
MODELS = "models"


class LocalOutput:
    """An output folder on this machine (or one that all machines see)."""

    def __init__(self, out: str, *, resume: bool, force: bool) -> None:
        """Open it."""
        self.root = Path(out)
        self._check()
        with errors.system_faults(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(self.root / NAME)
        if len(self.journal) and not resume and not force:
            self.journal.close()
            raise _stands(str(self.root))
        if force and not resume:
            self._empty()
        self._sweep_links()
        self._roll_forward()
        self._sweep_staging()

    def _check(self) -> None:
        if not os.path.lexists(self.root):
            return
        if not self.root.is_dir():
            raise StoreError("the output is a file", code="output-exists", where=str(self.root), hint="choose another --out")
        names = {item.name for item in self.root.iterdir()}
        if not names:
            return
        if not (self.root / NAME).is_file() or (self.root / NAME).is_symlink():
            raise StoreError(
                f"the folder is not empty and not the output of a batch: it has no {NAME}",
                code="output-not-ours",
                where=str(self.root),
                hint="choose a new folder",
            )

    def _empty(self) -> None:
        self._remove(self.journal.outputs)
        self.journal.close()
        shutil.rmtree(self.root / MODELS, ignore_errors=True)
        for name in (NAME, LEDGER, REPORT):
            (self.root / name).unlink(missing_ok=True)
        self.journal = Journal(self.root / NAME)

    def _roll_forward(self) -> None:
        """Put in place what was noted as done, but not yet put there when the run before was killed."""
        for record in self.journal.records():
            if record["staging"] and (self.root / record["staging"]).is_dir():
                self._put(record)

    def _sweep_links(self) -> None:
        """Nothing here makes links of such names: one that came with somebody's folder would be written through."""
        for item in self.root.glob(".staging-*"):
            if item.is_symlink():
                item.unlink()

    def _place(self, folder: str) -> Path:
        """The folder of a model's results."""
        place = self.root / folder
        for each in (place, *place.parents):
            if each == self.root:
                break
            if each.is_symlink():
                raise StoreError(
                    "there is a link where results would be written",
                    code="output-not-ours",
                    where=str(each),
                    hint="choose a new folder, or remove the link",
                )
        return place

    def _sweep_staging(self) -> None:
        for item in self.root.glob(".staging-*"):
            shutil.rmtree(item, ignore_errors=True)

    def commit(self, record: Record) -> None:
        """Note a model as through, and put its outputs in place.."""
        self.journal.append(record)
        if record["staging"]:
            self._put(record)

    def _put(self, record: Record) -> None:
        staging, above = self.root / record["staging"], MODELS if record.get("stem") is None else record["folder"]
        for place in places(record):
            final = self._place(place)
            source = staging / final.relative_to(self.root / above)
            with errors.system_faults(final):
                if source.exists():
                    final.parent.mkdir(parents=True, exist_ok=True)
                    self._put_away(final)
                    source.replace(final)
        shutil.rmtree(staging, ignore_errors=True)

    def _put_away(self, folder: Path) -> None:
        """Out of sight in one move, then gone."""
        if folder.is_dir():
            away = Path(tempfile.mkdtemp(prefix=".staging-old-", dir=self.root))
            folder.rename(away / "old")
            shutil.rmtree(away, ignore_errors=True)

    def finish(self, kept: set[str], texts: Mapping[str, Iterator[str]]) -> None:
        """Remove outputs of models that are no more, and write ledger and report, each whole or not at all. Raises StoreError
        if they cannot be written.
        """
        with errors.system_faults(self.root):
            os.sync()  # workers leave it to us
            self._remove(self.journal.outputs - kept)
            for name, pieces in texts.items():
                half = self.root / f".staging-{name}"
                with half.open("w", encoding="utf-8") as file:
                    file.writelines(pieces)
                half.replace(self.root / name)
            self._sweep_staging()
            self.journal.sync()

    def _remove(self, outputs: set[str]) -> None:
        for output in sorted(outputs):
            place = self._place(output)
            self._put_away(place)
            place.unlink(missing_ok=True)
            self._prune(place.parent)

    def _prune(self, folder: Path) -> None:
        while folder != self.root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent

    def close(self) -> None:
        self.journal.close()


def _stands(where: str) -> StoreError:
    return StoreError(
        "the folder has the output of a batch",
        code="output-exists",
        where=where,
        hint="--resume continues it, --force starts over",
    )


def _is_ours(name: str) -> bool:
    """Whether a name at a URL is of those that no file of a zoo has there."""
    return name.startswith((f"{MODELS}/", "run/")) or name in (LEDGER, REPORT, NAME)


class RemoteOutput:
    """An output at a URL. Workers send the files of a model, then its record, a small object of its own, is put beside them."""

    def __init__(self, out: str, *, resume: bool, force: bool) -> None:
        """Open it, and fetch the records of earlier runs."""
        self.root = out.rstrip("/")
        names = storage.names_below(self.root)
        if names and not (resume or force) and any(_is_ours(name) for name in names):
            raise _stands(self.root)
        self._spool = tempfile.TemporaryDirectory(prefix="configsplit-batch-")
        self.journal = Journal(Path(self._spool.name, NAME))
        if names:
            self._recall()
        try:
            self._check(names)
            if not resume:
                self._empty(names)
        except StoreError:
            self.close()
            raise

    def _check(self, names: Iterable[str]) -> None:
        foreign = [name for name in names if not _is_ours(name)]
        mirrors = any(not place.startswith(f"{MODELS}/") for place in self.journal.outputs)
        if foreign and not mirrors:  # else it may be what was sent before a kill, and not noted
            raise StoreError(
                f"there are other files, {foreign[0]!r} is one",
                code="output-not-ours",
                where=self.root,
                hint="choose a new place",
            )

    def _empty(self, names: Iterable[str]) -> None:
        for name in names:
            if _is_ours(name) or name in self.journal.outputs:
                storage.remove(f"{self.root}/{name}")

    def _recall(self) -> None:
        system, path = storage.file_system(f"{self.root}/run")
        for name in storage.names_below(f"{self.root}/run"):
            with storage.remote_faults(f"{self.root}/run/{name}"):
                text = system.cat_file(f"{path}/{name}")
            try:
                record = json.loads(text)
            except ValueError:
                continue
            if isinstance(record, dict) and is_record(record):
                self.journal.append(record)

    def commit(self, record: Record) -> None:
        """Note a model as through; its outputs are in place.."""
        name = hashlib.sha256(record["model"].encode("utf-8", "surrogateescape")).hexdigest()[:40]
        storage.write_text(f"{self.root}/run/{name}.json", json.dumps(record) + "\n")
        self.journal.append(record)

    def finish(self, kept: set[str], texts: Mapping[str, Iterator[str]]) -> None:
        """Remove outputs of models that are no more, and send ledger, report and run log. Raises StoreError if the store cannot
        be written.
        """
        for place in sorted(self.journal.outputs - kept):
            storage.remove(f"{self.root}/{place}")
        for name, pieces in texts.items():
            storage.write_text(f"{self.root}/{name}", "".join(pieces))

    def close(self) -> None:
        self.journal.close()
        self._spool.cleanup()


Output = LocalOutput | RemoteOutput


def open_output(out: str, *, resume: bool, force: bool) -> Output:
    """The place where results go; see `LocalOutput` and `RemoteOutput`."""
    kind = RemoteOutput if is_remote(out) else LocalOutput
    return kind(out, resume=resume, force=force)


def known(out: str) -> dict[str, Record]:
    """The records of earlier runs in a folder, for a dry run; none at a URL, which would have to be written to be read. Raises
    StoreError if a batch is under way there.
    """
    place = Path(out, NAME)
    if is_remote(out) or not place.is_file():
        return {}
    journal = Journal(place)
    try:
        return {record["model"]: record for record in journal.records()}
    finally:
        journal.close()
