"""The one writer of models: a document, what its weights are made of, and assets, staged as the files of a format.

`split`, surgery and `convert` say what is to be written; what they record of it and how they prove it is theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from configsplit.containers.container import FileFormat
from configsplit.containers.source import Asset, Source
from configsplit.containers.staging import Staging
from configsplit.containers.system.threads import Task, Workers
from configsplit.containers.writing import Job, Written, prepare_archive, prepare_h5, prepare_text, prepare_weights
from configsplit.graph.json import dumps

if TYPE_CHECKING:
    from configsplit.weights.placement import Placed

UNDATED = "1980-01-01@00:00:00"
"""What ``metadata.json`` says where no source has one: the same input gives the same bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one model is written from. ``placed`` is None where weights are left behind; ``metadata`` is the text of
    ``metadata.json``, ``versions`` are the attributes by which Keras knows the release of a legacy file."""

    text: str
    placed: Placed | None = None
    assets: Sequence[Asset] = ()
    metadata: str = ""
    versions: dict[str, str] | None = None


class Files(NamedTuple):
    """The files of one model that are being written, and the text of its document."""

    text: str
    model: Task[Written]
    weights: Task[Written] | None
    names: tuple[str, str | None]
    shards: tuple[Task[Written], ...] = ()

    def written(self) -> tuple[Written, Written | None]:
        """The finished files: the model, and its weights where they stand apart in one file."""
        for each in self.shards:
            each.result()
        return self.model.result(), None if self.weights is None else self.weights.result()


def begin(workers: Workers, staging: Staging, name: str, format: FileFormat, content: Content) -> Files:
    """Write the files of a model; ``name`` is that of the model's. Raises StoreError or WeightsError as `prepare_archive` does;
    what fails later is raised by `Files.written`.
    """
    jobs = _jobs(staging, staging.path(name), format, content)
    tasks = [workers.submit(job.run) for job in jobs]
    if format == "tfjs":
        return Files(content.text, tasks[0], None, (name, None), tuple(tasks[1:]))
    apart = jobs[1].path.name if len(jobs) > 1 else None
    return Files(content.text, tasks[0], tasks[1] if apart else None, (name, apart))


def _jobs(staging: Staging, place: Path, format: FileFormat, content: Content) -> list[Job]:
    text, placed, versions = content.text, content.placed, content.versions or {}
    if format == "tfjs":
        from configsplit.containers.write_tfjs import prepare_tfjs

        made = prepare_tfjs(place, text, () if placed is None else placed.layers or (), versions)
        return [replace(job, path=staging.path(job.path.name)) for job in made]
    if placed is None:
        return [prepare_text(place, text)]
    if format == "json":
        apart = staging.path(f"{place.stem}.weights.h5")
        if placed.layers is None:
            return [prepare_text(place, text), prepare_weights(apart, items=placed.items)]
        return [
            prepare_text(place, text),
            prepare_weights(apart, layers=placed.layers, attributes=versions, like=placed.like),
        ]
    if format == "h5":
        attributes = {"model_config": text, **versions}
        return [prepare_h5(place, attributes=attributes, layers=placed.layers or (), like=placed.like)]
    return [prepare_archive(place, config_text=text, metadata_text=content.metadata, items=placed.items, assets=content.assets)]


def content_like(source: Source, text: str, placed: Placed | None, others: Sequence[Source] = ()) -> Content:
    """The content of a file that says of itself what a source says: its weights are that source's. Assets go along with
    weights from any source."""
    if placed is None:
        return Content(text=text)
    return Content(
        text=text,
        placed=placed,
        assets=[asset for each in (others or (source,)) for asset in Asset.moved(each, placed.groups(each.weights))],
        metadata=source.metadata_text or metadata_of("3.0.0"),
        versions={key: str(value) for key, value in source.metadata.items() if key in ("keras_version", "backend")},
    )


def metadata_of(release: str) -> str:
    """``metadata.json`` of a release of Keras, without a date."""
    return dumps({"keras_version": release, "date_saved": UNDATED})
