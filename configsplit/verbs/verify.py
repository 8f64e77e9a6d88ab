"""`verify`: hold what a split wrote against its source, and on request run both in Keras."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from configsplit.containers.opening import MAX_TEXT
from configsplit.containers.source import Source
from configsplit.containers.system.errors import missing
from configsplit.containers.system.named_files import Stamp, read_plain, stamp
from configsplit.errors import StoreError, not_taken
from configsplit.models.document import reading
from configsplit.records.manifest import NAME, Manifest, SourceFile, from_text
from configsplit.saving.numeric import run
from configsplit.saving.proof import Proof, prove
from configsplit.telling import doing
from configsplit.verbs.notebook import verified_html
from configsplit.verbs.origins import Place, check_digests, check_unchanged, find, weights_of

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.reports import NumericReport


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of `verify`: the proof, and what Keras computed if it was asked."""

    manifest: Manifest
    proof: Proof
    numeric: NumericReport | None = None

    def _repr_html_(self) -> str:
        """For notebooks."""
        return verified_html(self)

    def __repr__(self) -> str:
        ran = "" if self.numeric is None else ", equal when run"
        return f"<{self.proof.parts} parts of {self.manifest.source.file}: {self.proof.weights} weights proven{ran}>"


def verify(
    directory: str | Path,
    *,
    source: str | Path | None = None,
    numeric: bool = False,
    samples: int = 4,
    seed: int = 0,
    inputs: str | Path | None = None,
    input_ranges: Iterable[str] = (),
    sizes: Iterable[str] = (),
    tolerance: float = 0.0,
    custom_objects: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> Verified:
    """Prove a folder of parts against the file that they were cut from.

    Args:
        directory: the folder that `split` wrote.
        source: the original; by default at the path in the manifest, or beside the folder.
        numeric: also run original and parts in Keras, fed through numpy, and demand equal outputs.
        samples, seed: of the random input, which is drawn to exercise the model (docs/numeric.md).
        inputs: an ``.npz`` file with your own samples instead, named like the inputs or in their order.
        input_ranges: bounds of the random input: ``"LOW,HIGH"`` for every numeric input, ``"INPUT=LOW,HIGH"`` for one.
        sizes: sizes of inputs that the model leaves open: ``"INPUT=1,224,224,3"``, or only the open ones.
        tolerance: how much outputs may differ, times their largest value if that is above 1; 0 demands equal bits.
        custom_objects: plug-ins for it.
        limits: time and memory for it, and whether the operating system confines it.

    Returns:
        The manifest, the proof, and the comparison of outputs if the models were run.

    Raises:
        VerificationError: the parts do not equal the whole, or a file has changed since the split.
        StoreError: a file is missing.

    Example:
        >>> saved = configsplit.split("model.keras", at="res").save("parts")
        >>> configsplit.verify("parts")
        <2 parts of model.keras: 11 weights proven>
    """
    if not isinstance(directory, (str, PathLike)):
        hint = "give the folder that `configsplit split` wrote, or the result of `save`; `configsplit.compare` runs models"
        raise not_taken(directory, "a folder of parts", "directory", hint)
    folder = Path(directory)
    manifest = read_manifest(folder)
    original, weights = _find(folder, manifest.source, source)
    stamps = _stamps(folder, manifest, original, weights)
    with (
        reading(original, weights=weights, custom_objects=custom_objects, **manifest.source.taken) as document,
        document.opened() as opened,
    ):
        doing(f"proving {len(manifest.parts)} parts against {original.name}")
        _check_digests(folder, manifest, opened, weights)
        proof = prove(folder, manifest, opened, document)
    check_unchanged(stamps)
    if not numeric:
        return Verified(manifest, proof)
    from configsplit.runtime.feeding import Feed

    doing("running original and parts in Keras")
    feed = Feed(samples=samples, seed=seed, arrays=inputs, ranges=tuple(input_ranges))
    report = run(folder, manifest, document, feed=feed, sizes=sizes, tolerance=tolerance, specs=custom_objects, limits=limits)
    check_unchanged(stamps)
    return Verified(manifest, proof, report)


def _stamps(folder: Path, manifest: Manifest, original: Path, weights: Path | None) -> dict[Path, Stamp]:
    """The files that are verified, as they are before the first of them is read. Each is opened several times, by name."""
    names = [name for part in manifest.parts for name in (part.file, part.weights) if name]
    own = {folder / name: stamp(folder / name, follow=False) for name in names}
    return {**own, **{path: stamp(path) for path in (original, weights) if path is not None}}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder of parts."""
    place = folder / NAME
    try:
        text = read_plain(place, MAX_TEXT).decode("utf-8")
    except (StoreError, UnicodeDecodeError) as error:
        if isinstance(error, StoreError) and error.code in ("no-descriptors", "no-memory"):
            raise  # nothing is known about the manifest then
        if not folder.exists():
            raise missing(folder) from None
        what = error.message if isinstance(error, StoreError) else "it is not text"
        raise StoreError(
            "this is a file, not a folder of parts" if folder.is_file() else f"no manifest can be read there: {what}",
            code="manifest-missing",
            where=str(folder if folder.is_file() else place),
            hint="give the folder that `configsplit split` wrote",
        ) from None
    return from_text(text, str(place))


_HINT = "say where it is: --source FILE"


def _find(folder: Path, source: SourceFile, given: str | Path | None) -> Place:
    """The original file, and its separate weights."""
    if given is not None:
        return Path(given), weights_of(folder, source, folder.parent, _HINT)
    return find(folder, source, folder.parent, _HINT)


def _check_digests(folder: Path, manifest: Manifest, source: Source, weights: Path | None) -> None:
    """Raises VerificationError if a file is not the one that the manifest speaks of."""
    wanted: dict[Path, str | None] = {} if weights is None else {weights: manifest.source.weights_sha256}
    for part in manifest.parts:
        wanted[folder / part.file] = part.sha256
        if part.weights:
            wanted[folder / part.weights] = part.weights_sha256
    told, since = manifest.source, " the split: its SHA-256 is not that of the manifest"
    check_digests(wanted, [(source, told.sha256, told.sha256_of is not None)], since)
