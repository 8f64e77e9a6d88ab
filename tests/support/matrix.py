"""One file, every cut: split, proven, every part loaded by its Keras, some cuts run where the original itself can be run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configsplit import convert
from configsplit.errors import ConfigSplitError
from configsplit.graph.model import TensorSpec
from configsplit.models.document import Document, load
from configsplit.saving.parts import Saved
from support.corpus import CorpusFile
from support.frameworks import PLUGINS, Failed, FrameworkProcess, Original, process_for
from support.outcomes import Row, cut
from support.places import everywhere, spread


def try_file(
    file: CorpusFile,
    folder: Path,
    row: Row,
    processes: dict[str, FrameworkProcess],
    *,
    numeric: int,
    places: Sequence[str] | int | None = None,
    samples: int = 2,
) -> None:
    """Cut a file at every place, at some of them evenly spread, or at those given; ``numeric`` limits the cuts that are run."""
    row.files += 1
    try:
        document = load(file.path, weights=file.weights, custom_objects=[PLUGINS])
    except ConfigSplitError as error:
        row.unread[error.code] += 1
        return
    wanted = everywhere(document.model) if places is None or isinstance(places, int) else list(places)
    wanted = spread(wanted, places) if isinstance(places, int) else wanted
    chosen = set(spread(wanted, numeric))
    run = _Runs(file, document, folder / "run", processes, row, samples)
    loads = Loads(file, document.dialect, processes, row)
    for place in wanted:
        out = folder / "parts"
        saved = cut(document, place, out, row)
        if saved is not None and not (place in chosen and run.compare(place, saved)):
            loads.add(place, saved)
    shutil.rmtree(folder, ignore_errors=True)


def inputs_of(document: Document) -> list[Mapping[str, Any]]:
    """The model's inputs as a manifest lists them."""
    specs = document.infer().specs
    found = [(ref.layer, specs.get(ref, TensorSpec())) for ref in document.model.input_refs()]
    return [{"name": name, "shape": spec.shape, "dtype": spec.dtype} for name, spec in found]


class _Runs:
    """The numeric side of one file; the original is run when the first split of it asks."""

    def __init__(
        self,
        file: CorpusFile,
        document: Document,
        folder: Path,
        processes: dict[str, FrameworkProcess],
        row: Row,
        samples: int,
    ) -> None:
        self._samples = samples
        self._file, self._document, self._folder, self._processes, self._row = file, document, folder, processes, row
        self._original: Original | None = None
        self._known: dict[tuple[str, ...], list[str]] = {}
        self._reason = ""

    def compare(self, place: str, saved: Saved) -> bool:
        """Hold the parts against the whole; whether they were run, and hence loaded."""
        original = self._run_original()
        if original is None:
            self._row.not_run[self._reason] += 1
            return False
        try:
            found = self._differences(original, saved)
            if found and not original.repeats():
                self._row.not_run["the original samples at inference"] += 1
                return False
        except Failed as error:
            found = [f"the parts do not run: {error}"]
        self._row.compared += 1
        if found:
            self._row.failures.append(f"{self._file.title} at {place}: {'; '.join(found)}")
        else:
            self._row.identical += 1
            self._row.loaded += len(saved.manifest.parts)
        return True

    def _run_original(self) -> Original | None:
        if self._original is None and not self._reason:
            try:
                process = process_for(self._processes, self._document.dialect)
                made = Original(
                    process,
                    self._file.path,
                    self._folder,
                    tensors=inputs_of(self._document),
                    weights=self._file.weights,
                    recorded=self._file.recorded,
                    samples=self._samples,
                )
            except Failed as error:
                self._reason = f"the original does not run: {error}"
            except ConfigSplitError as error:
                self._reason = f"the original does not run: {error.code}"
            else:
                self._original = made
        return self._original

    def _differences(self, original: Original, saved: Saved) -> list[str]:
        """The same parts are run once: several places may mean the same cut."""
        key = tuple(part.sha256 + (part.weights_sha256 or "") for part in saved.manifest.parts)
        if key not in self._known:
            self._known[key] = original.differences(saved.directory, saved.manifest)
        return self._known[key]


_REFUSED = "there is no Keras for it, and its conversion is refused"


class Loads:
    """Whether the Keras of a file loads what is cut out of it, with weights; where it does not, whether it loads the file.

    No Keras that runs today loads a file of Keras 1: Keras 3 loads what `convert` makes of it.
    """

    def __init__(self, file: CorpusFile, dialect: str, processes: dict[str, FrameworkProcess], row: Row) -> None:
        self._file, self._dialect, self._processes, self._row = file, dialect, processes, row
        self._known: dict[str, str] = {}
        self._whole: str | None = None

    def add(self, place: str, saved: Saved) -> None:
        """Load every part of a cut; the same files, which several places may give, once."""
        for part in saved.manifest.parts:
            key = part.sha256 + (part.weights_sha256 or "")
            if key not in self._known:
                weights = saved.directory / part.weights if part.weights else None
                self._known[key] = self._load(saved.directory / part.file, weights)
            if not (reason := self._known[key]):
                self._row.loaded += 1
            elif excuse := reason if reason.startswith(_REFUSED) else self._load_whole():
                self._row.not_loaded[excuse] += 1
            else:
                self._row.failures.append(f"{self._file.title} at {place}: {part.file} is not loaded: {reason}")

    def _load_whole(self) -> str:
        if self._whole is None:
            self._whole = self._load(self._file.path, self._file.weights)
        return self._whole

    def _load(self, path: Path, weights: Path | None) -> str:
        """What keeps the framework from loading a file; nothing where it does."""
        try:
            with tempfile.TemporaryDirectory() as folder:
                if (dialect := self._dialect) == "keras1":
                    converted = convert(path, weights=weights, custom_objects=[PLUGINS])
                    bare = path.suffix == ".json" and weights is None
                    path, weights, dialect = (
                        converted.save(Path(folder, "new.json" if bare else "new.keras")).path,
                        None,
                        "keras3",
                    )
                process = process_for(self._processes, dialect)
                process.run({"model": str(path), "load": str(weights) if weights else None, "seed": 0})
        except Failed as error:
            return f"nor does the framework load the original: {error}"
        except ConfigSplitError as error:
            return f"{_REFUSED}: {error.code}"
        return ""
