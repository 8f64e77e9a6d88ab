"""What `plan` gives: stages and boundaries with what each costs, what is proven of them, and the devices that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from configsplit.boundaries.costs import read_amount, read_table
from configsplit.boundaries.formulas import Figure, plain
from configsplit.containers.container import Format
from configsplit.cutting.pipeline.search import UNLIMITED, Terms
from configsplit.errors import CutError, Json
from configsplit.models.document import Document
from configsplit.models.results import Parts, Verify
from configsplit.models.shown import Shown
from configsplit.verbs.notebook import plan_html

if TYPE_CHECKING:
    from configsplit.runtime.confinement.policy import Limits
    from configsplit.saving.parts import Saved

_LONGEST = 40
"""As many letters tell in a line of print where a plan cuts."""

Balance = Literal["params", "macs", "bytes", "latency"]

State = Literal["optimal", "bounded", "tried"]

UNITS = {"params": "parameters", "macs": "multiply-accumulates", "bytes": "bytes of weights", "latency": "ns"}
"""What each balance counts. With devices that have speeds the unit of ``largest`` is ns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a plan: how many calls it makes, and what it costs for one sample.

    ``cost`` is in the unit of what is balanced; ``closed`` are the nested models in it that were left whole, each
    of whose calls counts as one.
    """

    device: str | None
    calls: int
    cost: Figure
    parameters: int
    weight_bytes: int
    macs: Figure
    closed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """What crosses between two neighbouring stages, tensors that only pass over one of them included."""

    tensors: tuple[str, ...]
    bytes: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Shown):
    """Where to cut, and what is known of it. Figures that depend on open sizes are formulas.

    Attributes:
        balance: what the stages are balanced by; ``unit`` is its unit.
        largest: the slowest stage or link; ``smallest`` the same without slack; ``bound``: no plan has a smaller one.
        state: "optimal" if ``smallest`` is proven to be the smallest there is, "tried" if that depends on open sizes and every
            size tried gives this plan, else "bounded".
        bytes: sum of the bytes per sample across each boundary; ``bytes_state`` whether it is the least for a largest stage of
            ``smallest``, slack included.
        imbalance: the largest stage's cost over the mean.
        uncounted: layers that nobody can count and that count as nothing; a plan that goes by them is never optimal.
        undeclared: those of them whose class nobody has declared.
        tried: the smallest and the largest size that the plan was tried for, where it goes by open sizes. (Where only bytes do,
            and not every size has the same plan, this is that of the first size tried, and its bytes are "bounded".)
    """

    document: Document
    balance: Balance
    unit: str
    stages: tuple[Stage, ...]
    boundaries: tuple[Boundary, ...]
    largest: Figure
    smallest: Figure
    bound: Figure
    state: State
    bytes: Figure
    bytes_state: State
    imbalance: float | None
    uncounted: tuple[str, ...]
    undeclared: tuple[str, ...]
    tried: tuple[int, int] | None
    parts: Parts

    def save(
        self,
        directory: str | Path,
        *,
        format: Format | None = None,
        weights: bool = True,
        verify: Verify = "proof",
        force: bool = False,
        limits: Limits | None = None,
        to: Format | None = None,
    ) -> Saved:
        """Carry the plan out.

        Args:
            directory, format, weights, verify, force, limits, to: as for `Parts.save`.

        Returns:
            The folder, its manifest, and what was proven.

        Raises:
            OptionError, StoreError, WeightsError, VerificationError: as `Parts.save` does.
        """
        return self.parts.save(directory, format=format, weights=weights, verify=verify, force=force, limits=limits, to=to)

    def _repr_html_(self) -> str:
        """For notebooks."""
        return plan_html(self)

    def __repr__(self) -> str:
        at = ", ".join(",".join(boundary.tensors) for boundary in self.boundaries)
        at = at if len(at) <= _LONGEST else f"{at[: _LONGEST - 1]}…"
        return f"<plan of {len(self.stages)} stages of {self.document.path.name} by {self.balance}: {self.state}, cut at {at}>"

    def as_json(self) -> dict[str, Json]:
        """The plan as plain values."""
        rows: dict[str, Any] = {"stages": list(map(_row, self.stages)), "boundaries": list(map(_row, self.boundaries))}
        objective = f"smallest largest stage ({self.unit}), then fewest bytes across the boundaries"
        lists = {
            "uncounted": list(self.uncounted),
            "undeclared": list(self.undeclared),
            "tried": None if self.tried is None else list(self.tried),
        }
        return {"objective": objective, **_row(self), **rows, **lists}


def _row(item: Any) -> dict[str, Any]:
    names = (name for name in item.__slots__ if name not in ("document", "parts"))
    return {key: value for name in names for key, value in plain(name, getattr(item, name)).items()}


# The devices of a pipeline, one for each stage: memory, speed, and the link to the next.


NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What runs one stage.

    Attributes:
        name: what people call it.
        speed: units of what is balanced per second: multiply-accumulates (``macs``); times faster than the machine that was
            measured (``latency``). None: devices are alike.
        memory: most bytes of weights.
        link: bytes per second to the next device; None: the link costs no time.
    """

    name: str
    speed: float | None = None
    memory: int | None = None
    link: float | None = None


_KEYS = {"name", "speed", "memory", "link"}


def read_devices(path: str | Path) -> tuple[Device, ...]:
    """A list of devices (or an object with such a list as ``devices``) in JSON or YAML."""
    table = read_table(path, "list of devices")
    listed = table.get("devices") if isinstance(table, dict) else table
    if not isinstance(listed, list) or not listed:
        raise _wrong(str(path), "there is no list of devices")
    return tuple(_device(item, f"{path}: devices[{number}]", number) for number, item in enumerate(listed))


def _device(item: Any, where: str, number: int) -> Device:
    if not isinstance(item, dict) or not set(item) <= _KEYS:
        raise _wrong(where, f"a device has {', '.join(sorted(_KEYS))} and nothing else")
    amounts = {key: read_amount(item[key]) for key in ("speed", "memory", "link") if item.get(key) is not None}
    for key, amount in amounts.items():
        if amount is None:
            raise _wrong(where, f"{key} is not a number above 0")
    memory = amounts.get("memory")
    return Device(
        name=str(item.get("name", f"device {number}")),
        speed=amounts.get("speed"),
        memory=None if memory is None else int(memory),
        link=amounts.get("link"),
    )


def _wrong(where: str, what: str) -> CutError:
    hint = '[{"name": "phone", "speed": 5e9, "memory": 2e8, "link": 1e6}, {"name": "server", "speed": 1e12}]'
    return CutError(what, code="devices-syntax", where=where, hint=hint)


def terms(
    stages: int, devices: Sequence[Device], balance: str, boundary_bytes: int | None = None, stage_bytes: int | None = None
) -> Terms:
    """The terms of a plan. With speeds or links time is in whole nanoseconds, else time is the cost itself."""
    across = UNLIMITED if boundary_bytes is None else boundary_bytes
    most = UNLIMITED if stage_bytes is None else stage_bytes
    if not devices:
        return Terms.equal(stages, weight=most, across=across)
    if len(devices) != stages:
        raise CutError(f"{len(devices)} devices cannot run {stages} stages", code="devices-count", hint="give one for each")
    weight = tuple(min(most, UNLIMITED if device.memory is None else device.memory) for device in devices)
    speeds, links = [device.speed for device in devices], [device.link for device in devices[:-1]]
    if not any(speeds) and not any(links):
        return Terms((Fraction(1),) * stages, weight, (across,) * (stages - 1), (None,) * (stages - 1))
    if not all(speeds) or balance not in ("macs", "latency"):
        raise CutError(
            "speeds and links apply only to stages balanced by time",
            code="devices-speed",
            hint="give every device a speed, and --balance macs or --balance latency",
        )
    # a profile is in nanoseconds already: a speed says how many times faster the device is
    unit = NANOSECONDS if balance == "macs" else 1
    return Terms(
        tuple(_fraction(speed) / unit for speed in speeds if speed),
        weight,
        (across,) * (stages - 1),
        tuple(None if link is None else _fraction(link) / NANOSECONDS for link in links),
    )


def _fraction(number: float) -> Fraction:
    return Fraction(str(number))
