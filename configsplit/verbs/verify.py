"""`verify`: hold what a split wrote against its source, and on request run both in Keras."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from configsplit.containers import MAX_TEXT, Source, Stamp, Workers, digest, open_source, read_plain, stamp
from configsplit.errors import StoreError, VerificationError
from configsplit.models.document import load
from configsplit.records import manifest as record
from configsplit.saving.numeric import run
from configsplit.saving.proof import Proof, prove

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.numeric import NumericReport


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of `verify`: the proof, and what Keras computed if it was asked."""

    manifest: record.Manifest
    proof: Proof
    numeric: NumericReport | None = None


def verify(
    directory: str | Path,
    *,
    source: str | Path | None = None,
    numeric: bool = False,
    samples: int = 4,
    seed: int = 0,
    custom_objects: tuple[str, ...] = (),
    limits: Limits | None = None,
) -> Verified:
    """Prove a folder of parts against the file that they were cut from.

    Args:
        directory: what `split` wrote.
        source: the original; by default where the manifest says, or beside the folder.
        numeric: also run original and parts in Keras, fed through numpy, and demand bit-identical outputs.
        samples: samples of input for that, of the given ``seed``, drawn to exercise what is in the model (docs/numeric.md).
        custom_objects: plug-ins for it.
        limits: time and memory for it, and whether the operating system confines it.

    Raises:
        VerificationError: the parts do not equal the whole, or a file was changed since the split.
        StoreError: a file is missing.
    """
    folder = Path(directory)
    manifest = read_manifest(folder)
    original, weights = _find(folder, manifest.source, source)
    files = _Files.of(folder, manifest, original, weights)
    document = load(original, weights=weights, custom_objects=custom_objects)
    with open_source(original, weights) as opened:
        _check_digests(folder, manifest, opened, weights)
        proof = prove(folder, manifest, opened, document)
    files.check_unchanged()
    if not numeric:
        return Verified(manifest, proof)
    found = run(folder, manifest, document, samples=samples, seed=seed, specs=custom_objects, limits=limits)
    files.check_unchanged()
    return Verified(manifest, proof, found)


@dataclass(frozen=True, slots=True)
class _Files:
    """The files that are verified, as they were before the first of them was read. Each is opened several times, by name."""

    stamps: dict[Path, Stamp]

    @classmethod
    def of(cls, folder: Path, manifest: record.Manifest, original: Path, weights: Path | None) -> _Files:
        """Raises StoreError where a part is a link, a pipe or a device."""
        names = [name for part in manifest.parts for name in (part.file, part.weights) if name]
        own = {folder / name: stamp(folder / name, follow=False) for name in names}
        return cls({**own, **{path: stamp(path) for path in (original, weights) if path is not None}})

    def check_unchanged(self) -> None:
        """Raises VerificationError where a path leads to another file by now, or the file was written to."""
        for path, before in self.stamps.items():
            if stamp(path) != before:
                raise VerificationError(
                    "the file was changed or replaced while it was verified", code="verify-changed-file", where=str(path)
                )


def read_manifest(folder: Path) -> record.Manifest:
    """The manifest of a folder of parts.

    Raises:
        StoreError: there is none.
    """
    place = folder / record.NAME
    try:
        text = read_plain(place, MAX_TEXT).decode("utf-8")
    except (StoreError, UnicodeDecodeError) as error:
        if isinstance(error, StoreError) and error.code in ("no-descriptors", "no-memory"):
            raise  # nothing is known about the manifest then
        raise StoreError(
            f"no manifest can be read there: {error}",
            code="manifest-missing",
            where=str(place),
            hint="give the folder that `configsplit split` wrote",
        ) from None
    return record.from_text(text, str(place))


def _find(folder: Path, source: record.Source, given: str | Path | None) -> tuple[Path, Path | None]:
    """The original file, and its separate weights."""
    weights = None
    if source.weights is not None:
        weights = _first([folder / (source.weights_path or ""), folder.parent / source.weights], source.weights)
    if given is not None:
        return Path(given), weights
    return _first([folder / (source.path or ""), folder.parent / source.file, Path(source.file)], source.file), weights


def _first(places: list[Path], name: str) -> Path:
    for place in places:
        if place.is_file() or (place / "config.json").is_file():
            return place
    raise StoreError(
        f"the original {name!r} is not where it was",
        code="source-missing",
        where=str(places[0]),
        hint="say where it is: --source FILE",
    )


def _check_digests(folder: Path, manifest: record.Manifest, source: Source, weights: Path | None) -> None:
    """Raises VerificationError if a file is not the one that the manifest speaks of."""
    wanted: dict[Path, str] = {}
    if weights is not None and manifest.source.weights_sha256:
        wanted[weights] = manifest.source.weights_sha256
    for part in manifest.parts:
        wanted[folder / part.file] = part.sha256
        if part.weights and part.weights_sha256:
            wanted[folder / part.weights] = part.weights_sha256
    with Workers() as workers:
        found = {path: workers.submit(partial(digest, path)) for path in wanted}
        found[source.path] = workers.submit(source.sha256)
    for path, value in {**wanted, source.path: manifest.source.sha256}.items():
        if found[path].result() != value:
            raise VerificationError(
                "the file was changed since the split: its SHA-256 is not that of the manifest",
                code="verify-changed-file",
                where=str(path),
            )
