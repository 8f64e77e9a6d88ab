"""`profile`: milliseconds of each layer on this machine, for plans that balance latency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configsplit.containers.staging import Staging
from configsplit.containers.writing import prepare_text
from configsplit.graph.json import dumps
from configsplit.graph.model import walk
from configsplit.models.made import ModelLike, document_of
from configsplit.saving.numeric import described_inputs, readable
from configsplit.telling import doing

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What was measured: milliseconds of one call of each layer for one sample; ``LAYER: milliseconds`` in its file.

    A nested model has a time, and so has each layer inside it, as ``OUTER/INNER``; ``outermost`` are those of the model itself.
    """

    milliseconds: Mapping[str, float]
    framework: str
    version: str
    outermost: tuple[str, ...]

    def __repr__(self) -> str:
        return f"<profile of {len(self.outermost)} layers in {self.framework} {self.version}: {self.total:.3g} ms>"

    @property
    def total(self) -> float:
        """Milliseconds of all layers, each counted once."""
        return sum(self.milliseconds[name] for name in self.outermost)

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write the profile as one JSON object.

        Raises:
            StoreError: the file exists (without ``force``) or cannot be written.
        """
        place = Path(path)
        with Staging(place, folder=False, force=force) as staging:
            prepare_text(staging.path(place.name), dumps(dict(self.milliseconds), indent=2) + "\n").run()
            staging.commit()


def profile(
    model: ModelLike,
    *,
    weights: str | Path | None = None,
    samples: int = 1,
    rounds: int = 5,
    sizes: Iterable[str] = (),
    custom_objects: Sequence[str] = (),
    limits: Limits | None = None,
) -> Profile:
    """Run a model in Keras, in a process of its own, and time its layers.

    Args:
        model: a file, a loaded model, or the result of another verb.
        weights: weights for an architecture-only file; without them Keras initializes the weights.
        samples: samples in one batch; times are per sample.
        rounds: how often the model is run; the median counts.
        sizes: sizes of inputs that the model leaves open: ``"INPUT=1,224,224,3"``, or only the open ones.
        custom_objects: plug-ins, in addition to the installed ones.
        limits: time and memory for it, and whether the operating system confines it.

    Returns:
        Milliseconds that each layer takes for one sample, as `plan` takes them.

    Raises:
        RuntimeUnavailableError: the Keras that the model needs is not installed.
        VerificationError: the model could not be run.

    Example:
        >>> sorted(configsplit.profile("model.keras", rounds=1).milliseconds)[:3]
        ['activation', 'bn1', 'bn2']
    """
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.runtime.profile import measure

    document = document_of(model, weights=weights, custom_objects=custom_objects)
    doing("timing each layer in Keras")
    with readable(document) as (place, apart):
        measured = measure(
            place,
            apart,
            document.dialect,
            described_inputs(document, sizes),
            samples=samples,
            rounds=rounds,
            custom_objects=list(custom_objects),
            limits=limits or Limits(),
        )
    names = {"/".join(path): path[:-1] for path, layer in walk(document.model) if not layer.is_input}
    times = {name: round(time / samples, 6) for name, time in measured["milliseconds"].items() if name in names}
    timed = {names[name] for name in times}  # of a model that Keras runs as one nothing inside is known
    silent = {name: 0.0 for name, around in names.items() if not around or around in timed}
    outermost = tuple(name for name, around in names.items() if not around)
    return Profile(
        milliseconds=silent | times, framework=measured["framework"], version=measured["version"], outermost=outermost
    )
