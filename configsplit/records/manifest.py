"""``manifest.json``: what was cut, into which files, and how they are wired. The record, and its making."""

from __future__ import annotations

from dataclasses import field
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from configsplit.graph.json import dumps
from configsplit.records.record import FROM, Must, Record, compact, read

VERSION: Literal[1] = 1
NAME = "manifest.json"


def _no_step(name: str) -> str:
    if name in (".", ".."):
        raise ValueError("this is not the name of a file")
    return name


def _plain_name(name: str) -> str:
    if "/" in name or "\x00" in name:
        raise ValueError("this is not the name of a file")
    return _no_step(name)


def _relative(path: str) -> str:
    if PurePosixPath(path).is_absolute() or "\x00" in path:
        raise ValueError("the path of the original must be relative")
    return path


Count = Annotated[int, Must(ge=0)]
Digest = Annotated[str, Must(pattern="^[0-9a-f]{64}$")]
Dimensions = tuple[Count | None, ...] | None
FileName = Annotated[str, Must(_no_step, pattern=r"^[^/\\\x00]+$")]
PlainName = Annotated[str, Must(_plain_name)]
Below = Annotated[str, Must(_relative)]


class FromInput(Record):
    """The original model's input of that number."""

    input: Count


class FromPart(Record):
    """An output of a part."""

    part: Count
    output: Count


class Tensor(Record):
    """An input of the original model. ``shape`` has the batch dimension first; null stands for any size."""

    name: str
    shape: Dimensions = None
    dtype: str | None = None


class WiredTensor(Tensor):
    """An input of a part, or an output of the original model, and where it comes from."""

    source: FromInput | FromPart = field(metadata=FROM)


class GivenTensor(Tensor):
    """An output of a part; ``tensor`` is the reference that names it in the original model."""

    tensor: str


class Opening(Record):
    """Calls of a nested model whose layers came up into the model around it; the layer's name as it was at that step.

    With ``pieces`` it was a model in a wrapper, which was divided: the wrapper became these layers. ``cuts`` are the tensors
    (layer, call, output) of the wrapped model that cross between one piece and the next, once ``inside`` is done in it.
    """

    layer: str
    calls: tuple[Count, ...]
    pieces: tuple[str, ...] = ()
    cuts: tuple[tuple[tuple[str, Count, Count], ...], ...] = ()
    inside: tuple[Opening, ...] = ()


class Casting(Record):
    """A tensor (layer, call, output) that is handed over as another dtype, and the calls that take it, grouped by part."""

    tensor: tuple[str, Count, Count]
    dtype: str
    takers: tuple[tuple[tuple[str, Count], ...], ...]


class Masked(Record):
    """A tensor (layer, call, output) that is handed over with its mask, and the calls that take it, grouped by part."""

    tensor: tuple[str, Count, Count]
    takers: tuple[tuple[tuple[str, Count], ...], ...]


class Shape(Record):
    """What the user said of a tensor (layer, call, output); ``inside`` are the calls of the nested models and wrappers that it
    lies in, from the outside in."""

    tensor: tuple[str, Count, Count]
    shape: Dimensions = None
    dtype: str | None = None
    inside: tuple[tuple[str, Count], ...] = ()


class Part(Record):
    """One part: its file, its inputs and outputs in the order of ``model.inputs`` and ``model.outputs``.

    ``calls`` gives, for each layer whose calls are numbered otherwise than in the original, their numbers there.
    ``layers`` gives, for each layer that was inside a nested model or has another name there, its path in the original.
    """

    file: FileName
    sha256: Digest
    inputs: tuple[WiredTensor, ...]
    outputs: tuple[GivenTensor, ...]
    weights: FileName | None = None
    weights_sha256: Digest | None = None
    calls: dict[str, tuple[Count, ...]] = field(default_factory=dict)
    layers: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Asked when it is read."""
        if (self.weights is None) != (self.weights_sha256 is None):
            raise ValueError("weights and their digest go together")


class SourceFile(Record):
    """The file that was cut. ``path`` leads to it from the manifest's folder; ``address`` is where it was fetched from, for
    who reads the record: nobody follows it. ``sha256_of`` says that no more than the architecture was."""

    file: PlainName
    sha256: Digest
    sha256_of: Literal["architecture"] | None = None
    format: str
    dialect: Literal["keras1", "keras2", "keras3"]
    path: Below | None = None
    address: str | None = None
    weights: PlainName | None = None
    weights_path: Below | None = None
    weights_address: str | None = None
    weights_sha256: Digest | None = None
    weights_by_name: Literal[True] | None = None
    weights_match: Literal["order"] | None = None
    dequantized: Literal[True] | None = None

    @property
    def taken(self) -> dict[str, Any]:
        """How the weights were taken, as who reads the model again has to be told."""
        match = self.weights_match or "name"
        return {"by_name": bool(self.weights_by_name), "match": match, "dequantize": bool(self.dequantized)}


class Manifest(Record):
    """The whole of ``manifest.json``. ``frame`` is the original document without its layers; where the parts hold layers that
    were inside a nested model, or masks or casts that were put in, it has the layers' names and calls."""

    manifest_version: Literal[1] = VERSION
    configsplit: str
    source: SourceFile
    inputs: tuple[Tensor, ...]
    outputs: tuple[WiredTensor, ...]
    parts: tuple[Part, ...]
    shared_layers: tuple[str, ...] = ()
    opened: tuple[Opening, ...] = ()
    functional: bool = False
    masks: tuple[Masked, ...] = ()
    casts: tuple[Casting, ...] = ()
    shapes: tuple[Shape, ...] = ()
    fixed: tuple[Tensor, ...] = ()
    warnings: tuple[str, ...] = ()
    frame: dict[str, Any] = field(default_factory=dict)


def to_text(manifest: Manifest) -> str:
    """The manifest as it is written: indented, optional keys left out where they say nothing."""
    plain = manifest.plain()
    plain["source"] = compact(plain["source"])
    plain["parts"] = [*map(compact, plain["parts"])]
    plain["opened"] = [*map(_opening, plain["opened"])]
    return dumps(plain, indent=2) + "\n"


def _opening(plain: dict[str, Any]) -> dict[str, Any]:
    """An opening of a nested model needs two keys only."""
    return plain if plain["pieces"] else {key: plain[key] for key in ("layer", "calls")}


def from_text(text: str, where: str) -> Manifest:
    """Read a manifest. Raises DocumentError if it is no manifest, or of a later version."""
    return read(Manifest, text, where, "a manifest", "manifest-invalid")


def wire_from(part: int | None, number: int) -> FromInput | FromPart:
    """``{"input": i}`` or ``{"part": p, "output": o}``."""
    return FromInput(input=number) if part is None else FromPart(part=part, output=number)
