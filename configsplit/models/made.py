"""A model that a verb has made and nobody has written, as a document that the next verb takes; and what else counts as one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from configsplit.containers.source import Source, open_source
from configsplit.errors import not_taken
from configsplit.models.document import Document, document_in, load


@runtime_checkable
class Result(Protocol):
    """What a verb gives that is a model."""

    def as_document(self) -> Document: ...


ModelLike: TypeAlias = str | os.PathLike[str] | Document | Result
"""What every verb takes: a file, a loaded model, or the result of another verb."""


class Writer(Protocol):
    """Writes a model into a folder; its record speaks of its sources as they are seen from ``home``. Gives the file, and that
    of the weights if they stand apart."""

    def __call__(self, folder: Path, name: str, *, home: Path, verify: bool) -> tuple[Path, Path | None]: ...


@dataclass(frozen=True, kw_only=True)
class Made(Document):
    """A model that stands in no file; ``path`` says what it is, for messages.

    Attributes:
        result: what gave it; None where that is a live model.
        write: writes it, where somebody needs it as a file.
    """

    result: Result | None
    write: Writer

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """Its file, which is written for this block and gone behind it.

        Returns:
            The open file, for a ``with`` statement.

        Raises:
            StoreError, WeightsError: it cannot be written.
        """
        if self.source is not None and not self.source.is_closed:
            yield self.source
            return
        with tempfile.TemporaryDirectory(prefix="configsplit-") as folder:
            path, weights = self.write(Path(folder), "model", home=Path(folder), verify=False)
            with open_source(path, weights) as source:
                yield source

    @contextmanager
    def stored(self, folder: Path, name: str, home: Path) -> Iterator[Document]:
        """Write it into ``folder``, which will be ``home``, and keep it open there.

        Returns:
            The same model as a document with a file, for a ``with`` statement.

        Raises:
            StoreError, WeightsError, VerificationError: it cannot be written.
        """
        path, weights = self.write(folder, name, home=home, verify=True)
        with open_source(path, weights) as source:
            read = document_in(source, self.registry)
            apart = None if weights is None else home / weights.name
            read = replace(read, path=home / path.name, weights=apart)
            yield replace(read, model=self.model, notes=self.notes, fixed=self.fixed)

    __repr__ = Document.__repr__


def document_of(model: ModelLike, *, weights: str | Path | None = None, custom_objects: Iterable[str | Path] = ()) -> Document:
    """The document that a verb works on: a file, which is read as `load` does, a loaded model, or the result of another verb.
    What is no file brings its weights and plug-ins with it. Raises OptionError if it is nothing of these.
    """
    if isinstance(model, Document):
        return model
    if isinstance(model, (str, os.PathLike)):
        return load(Path(model), weights=weights, custom_objects=custom_objects)
    if isinstance(model, Result):
        return model.as_document()
    hint = "give the path of a file, a loaded model, the result of another verb, or a live Keras model"
    raise not_taken(model, "a model", "model", hint)
