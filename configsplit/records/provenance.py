"""``FILE.provenance.json``: which layer of a file came from which layer of which file."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

from configsplit.graph.json import dumps
from configsplit.records.manifest import Count, Digest, FileName, SourceFile
from configsplit.records.record import FROM, Record, compact, read

VERSION: Literal[1] = 1
SUFFIX = ".provenance.json"


class Came(Record):
    """A layer (its names from the outermost model inwards), and where it came from; ``source`` is null for a fresh one.

    A nested model that was kept whole has one record, which speaks for everything in it.
    """

    layer: tuple[str, ...]
    source: Count | None = None
    origin: tuple[str, ...] = field(default=(), metadata=FROM)


class Step(Record):
    """A verb that was carried out before, of which no file was written."""

    verb: str
    arguments: dict[str, Any] = field(default_factory=dict)


class Result(Record):
    """The file that was made."""

    file: FileName
    sha256: Digest
    weights: FileName | None = None
    weights_sha256: Digest | None = None


class Relaid(Record):
    """A weight that a conversion laid out anew: where it is in the file, what it was made of, and by which steps."""

    weight: str
    origin: tuple[str, ...] = field(default=(), metadata=FROM)
    recipe: str


class Missing(Record):
    """A layer that begins with fresh weights, since the source does not hold all that it has, or may not."""

    layer: tuple[str, ...]
    reason: str


class Accounts(Record):
    """Every weight of a conversion: how many were copied bit for bit, which were laid out anew, and which are absent."""

    copied: Count = 0
    relaid: tuple[Relaid, ...] = ()
    absent: tuple[Missing, ...] = ()


class ProvenanceRecord(Record):
    """The whole of the record. ``arguments`` are those of the verb, as they were given.

    ``steps`` are the verbs before it, whose results were not written.

    A conversion also tells the ``weights``, and which classes whoever loads the file ``needs``, with where each is.
    """

    provenance_version: Literal[1] = VERSION
    configsplit: str
    verb: str
    arguments: dict[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    result: Result
    sources: tuple[SourceFile, ...]
    layers: tuple[Came, ...]
    weights: Accounts | None = None
    needs: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Asked when it is read."""
        if strange := [came.layer for came in self.layers if came.source is not None and came.source >= len(self.sources)]:
            raise ValueError(f"layer {'/'.join(strange[0])!r} comes from a source that is not listed")


def to_text(record: ProvenanceRecord) -> str:
    """The record as it is written: one line for each layer."""
    plain = record.plain()
    plain["result"] = compact(plain["result"])
    plain["sources"] = [compact(source) for source in plain["sources"]]
    if not record.steps:
        del plain["steps"]
    if record.weights is None:  # only conversions tell of them
        del plain["weights"], plain["needs"]
    layers = plain.pop("layers")
    head = dumps(plain, indent=2).rstrip("}\n")
    return f'{head},\n  "layers": [\n' + ",\n".join(f"    {dumps(layer)}" for layer in layers) + "\n  ]\n}\n"


def from_text(text: str, where: str) -> ProvenanceRecord:
    """Read a record. Raises DocumentError if it is none, or of a later version."""
    return read(ProvenanceRecord, text, where, "a provenance record", "provenance-invalid")
