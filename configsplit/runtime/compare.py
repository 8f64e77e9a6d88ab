"""Two models of the same inputs, each in the Keras that it is for: whether they compute the same, and where they part.

The first tensor at which they part is found among the tensors that every layer gave. Which of the one model stands for which
of the other: as a record of provenance says where there is one, else of the same name; what has no namesake by its place among
the layers of its class, where both models have as many of these, with the same shapes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from configsplit.errors import Json, VerificationError
from configsplit.graph.model import LayerPath
from configsplit.graph.walking import reached
from configsplit.runtime import arrays
from configsplit.runtime.arrays import same_bits
from configsplit.runtime.confinement.policy import Limits
from configsplit.runtime.examine import examine
from configsplit.runtime.feeding import FedInput, Feed, Specs, facts_of, fed_inputs, save_choices
from configsplit.runtime.frameworks import framework_name
from configsplit.runtime.matching import Call, Pair, matched
from configsplit.runtime.process import a_step, run_steps
from configsplit.runtime.reports import OfOutputs, OutputReport, output_report, outputs_html

_NEIGHBOURS = 2
"""So many tensors are shown before the first that differs, and behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the models: its file, its weights if they stand apart, its dialect, and the names of its outputs."""

    path: Path
    weights: Path | None
    dialect: str
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What ran a model: "tf_keras", "2.21.0"."""

    framework: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A tensor inside the one model against the one of the other that stands for it.

    Attributes:
        name, other: references to them: ``block1/conv@1:0``, numbers only where they are needed.
        by: how it was found which stands for which: "record", "name" or "position".
        difference: as `OutputReport.max_abs_difference`.
        equal: whether they are equal, within the tolerance.
    """

    name: str
    class_name: str
    other: str
    other_class: str
    by: str
    shape: tuple[int, ...]
    other_shape: tuple[int, ...]
    difference: float | None
    largest: float
    equal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Parting:
    """Where two models part.

    Attributes:
        first: the first tensor that differs, in the order in which the first model runs; None where all that were compared
            are equal.
        before, behind: the nearest compared tensors that it is computed from, and that are computed from it.
        others: further tensors that differ though all that they are computed from is equal: the models part there, too.
        compared: how many tensors were compared; ``alone`` and ``other_alone`` are those of each model that had none to be
            compared with.
    """

    first: Compared | None
    before: tuple[Compared, ...]
    behind: tuple[Compared, ...]
    others: tuple[Compared, ...]
    compared: int
    alone: tuple[str, ...]
    other_alone: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(OfOutputs):
    """What a comparison found; see `configsplit.runtime.reports.NumericReport` for the fields that both have."""

    outputs: tuple[OutputReport, ...]
    ran: Ran
    other: Ran
    inputs: tuple[FedInput, ...]
    given: bool
    seed: int
    tolerance: float
    seconds: float
    deterministic: bool = True
    parting: Parting | None = None

    def __repr__(self) -> str:
        count = len(self.outputs)
        return f"<two models, {self._said()} on {count} output{'s' if count != 1 else ''}>"

    def _repr_html_(self) -> str:
        """For notebooks."""
        first = None if self.parting is None else self.parting.first
        facts = (f"{self.ran.framework} {self.ran.version}", f"{self.other.framework} {self.other.version}")
        parting = () if first is None else (f"they part at {first.name}",)
        return outputs_html(f"two models, {self._said()}", self.outputs, self.tolerance, *facts, *parting)

    def _said(self) -> str:
        return "equal to the bit" if self.identical else "equal within the tolerance" if self.passed else "different"

    def as_json(self) -> dict[str, Json]:
        return {"identical": self.identical, "passed": self.passed, **asdict(self)}


def compare_numeric(
    one: Side,
    other: Side,
    inputs: Specs,
    order: Sequence[int],
    *,
    names: Mapping[LayerPath, LayerPath] | None = None,
    feed: Feed = Feed(),  # noqa: B008 - frozen
    tolerance: float = 0.0,
    bisect: bool = False,
    custom_objects: Sequence[str] = (),
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Comparison:
    """Run two models in Keras on the same inputs, and compare what they give.

    Args:
        one, other: the models.
        inputs: what is fed to the first; ``order`` says which of them each input of the other takes.
        names: the layers of the first model that those of the other came from, where a record tells; all by name without.
        feed: what is fed.
        tolerance: by how much outputs may differ.
        bisect: also compare the tensors inside, where outputs differ.
        custom_objects: plug-ins.
        limits: what the processes may take that build the models.

    Raises:
        RuntimeUnavailableError, DocumentError, StoreError: as `configsplit.runtime.numeric.verify_numeric`.
        VerificationError: a model could not be run, or they have different numbers of outputs. A difference in numbers is no
            error.
    """
    started = time.monotonic()
    examined = examine(one.path, one.weights)
    with tempfile.TemporaryDirectory(prefix="configsplit-") as name:
        folder = Path(name)
        waiting = save_choices(folder, examined, inputs, feed, facts_of(custom_objects))
        job = _Job(one, range(len(inputs)), other, order, feed.seed, tuple(custom_objects), limits, folder)
        first, second = job.run([job.of_one("one") | {"choices": waiting}, job.of_other("other")])
        outputs = _outputs(one, other, folder)
        differ = not all(output.within(tolerance) for output in outputs)
        deterministic, calls = job.explained(bisect) if differ else (True, [])
        return Comparison(
            outputs=outputs,
            ran=Ran(framework=first["framework"], version=first["version"]),
            other=Ran(framework=second["framework"], version=second["version"]),
            inputs=fed_inputs(folder, [str(spec["name"]) for spec in inputs]),
            given=feed.arrays is not None,
            seed=feed.seed,
            tolerance=tolerance,
            seconds=round(time.monotonic() - started, 3),
            deterministic=deterministic,
            parting=_parting(calls[0], calls[1], order, names, tolerance) if calls else None,
        )


class _Job(NamedTuple):
    """Two models to run, which of the inputs each takes, and the folder through which they are fed."""

    one: Side
    order: Sequence[int]
    other: Side
    other_order: Sequence[int]
    seed: int
    custom_objects: tuple[str, ...]
    limits: Limits
    folder: Path

    def run(self, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return run_steps(steps, self.folder, self.custom_objects, self.limits)

    def of_one(self, name: str, more: int = 0) -> dict[str, Any]:
        return _step(self.one, self.folder, name, self.order, self.seed + more)

    def of_other(self, name: str) -> dict[str, Any]:
        return _step(self.other, self.folder, name, self.other_order, self.seed)

    def explained(self, bisect: bool) -> tuple[bool, list[list[Call]]]:
        """Whether the first model gives the same with another seed; and with ``bisect`` the calls inside of both, with all that
        layers gave on disk."""
        inside = [
            self.of_one("one_inside") | {"record": str(self.folder / "one_calls")},
            self.of_other("other_inside") | {"record": str(self.folder / "other_calls")},
        ]
        told = self.run([self.of_one("again", 1), *(inside if bisect else ())])[1:]
        calls = [[Call.read(number, each) for number, each in enumerate(step["calls"])] for step in told]
        return _same(self.folder / "one.npz", self.folder / "again.npz"), calls


def _step(side: Side, folder: Path, name: str, order: Sequence[int], seed: int) -> dict[str, Any]:
    inputs = [{"file": str(folder / "inputs.npz"), "index": number} for number in order]
    return a_step(side.path, side.weights, framework_name(side.dialect), inputs, folder / f"{name}.npz", seed)


def _outputs(one: Side, other: Side, folder: Path) -> tuple[OutputReport, ...]:
    ours, theirs = arrays.load(folder / "one.npz"), arrays.load(folder / "other.npz")
    if len(ours) != len(theirs):
        raise VerificationError(
            f"the models have {len(ours)} and {len(theirs)} outputs",
            code="compare-outputs",
            where=str(other.path),
            hint="compare models with the same inputs and outputs; `extract` can cut out the part that both have",
        )
    names = one.outputs if len(one.outputs) == len(ours) else tuple(map(str, range(len(ours))))
    return tuple(output_report(*each) for each in zip(names, ours, theirs, strict=True))


def _same(one: Path, other: Path) -> bool:
    return all(same_bits(a, b) for a, b in zip(arrays.load(one), arrays.load(other), strict=True))


# Where they part.


def _parting(
    ours: Sequence[Call],
    theirs: Sequence[Call],
    order: Sequence[int],
    names: Mapping[LayerPath, LayerPath] | None,
    tolerance: float,
) -> Parting:
    pairs = matched(ours, theirs, order, names)
    flow = _Flow(ours, {pair.ours.number: _compared(pair, tolerance) for pair in pairs})
    rows = [(number, row) for number in sorted(flow.rows) for row in flow.rows[number]]
    at = next((place for place, (_, row) in enumerate(rows) if not row.equal), None)
    starts = [] if at is None else flow.starts(rows[at:])
    seen = {pair.theirs.number for pair in pairs}
    return Parting(
        first=None if at is None else rows[at][1],
        before=() if at is None else tuple(flow.near(rows[at][0], flow.sources)[-_NEIGHBOURS:]),
        behind=() if at is None else tuple(flow.near(rows[at][0], flow.takers)[:_NEIGHBOURS]),
        others=tuple(starts[1:]),
        compared=len(rows),
        alone=tuple(call.name() for call in ours if call.number not in flow.rows),
        other_alone=tuple(call.name() for call in theirs if call.number not in seen),
    )


class _Flow:
    """Which calls take what others give, and what came of those that could be compared."""

    def __init__(self, calls: Sequence[Call], rows: Mapping[int, list[Compared]]) -> None:
        self.rows = rows
        self.sources: dict[int, list[int]] = {
            call.number: [maker[0] for maker in call.takes if maker is not None and maker[0] >= 0] for call in calls
        }
        self.takers: dict[int, list[int]] = {call.number: [] for call in calls}
        for number, sources in self.sources.items():
            for source in sources:
                self.takers[source].append(number)
        self._calls = {call.number: call for call in calls}
        self._holders = {call.path[:length] for call in calls for length in range(1, len(call.path))}

    def near(self, start: int, ways: Mapping[int, Sequence[int]]) -> list[Compared]:
        """The nearest calls in one direction that were compared, in the order of running."""
        return [row for number in sorted(self._near(start, ways)) for row in self.rows[number]]

    def _near(self, start: int, ways: Mapping[int, Sequence[int]]) -> set[int]:
        passed = reached(ways[start], lambda number: () if number in self.rows else ways[number])
        return {number for number in passed if number in self.rows}

    def starts(self, rows: Sequence[tuple[int, Compared]]) -> list[Compared]:
        """The first row, and of all others that differ those at which nothing differs yet, one for each layer."""
        starts = {self._calls[number].path: row for number, row in reversed(rows) if not row.equal and self._starts(number)}
        first = self._calls[rows[0][0]].path
        return [rows[0][1], *(row for path, row in reversed(starts.items()) if path != first)]

    def _starts(self, number: int) -> bool:
        """Whether all is known that a call takes, and is equal. Of a nested model the calls inside say more."""
        call = self._calls[number]
        return (
            call.path not in self._holders
            and None not in call.takes
            and all(row.equal for source in self._near(number, self.sources) for row in self.rows[source])
        )


def _compared(pair: Pair, tolerance: float) -> list[Compared]:
    ours, theirs = arrays.load(pair.ours.file), arrays.load(pair.theirs.file)
    several = len(ours) > 1
    rows = []
    for number, (mine, its) in enumerate(zip(ours, theirs, strict=False)):
        report = output_report("", mine, its)
        rows.append(
            Compared(
                name=pair.ours.name(number if several else None),
                class_name=pair.ours.class_name,
                other=pair.theirs.name(number if several else None),
                other_class=pair.theirs.class_name,
                by=pair.by,
                shape=report.shape,
                other_shape=tuple(its.values.shape),
                difference=report.max_abs_difference,
                largest=report.largest,
                equal=report.within(tolerance),
            )
        )
    return rows
