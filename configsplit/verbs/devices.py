"""The devices of a pipeline, one for each stage: memory, speed, and the link to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from configsplit.boundaries.costs import read_amount, read_table
from configsplit.cutting.pipeline.search import UNLIMITED, Terms
from configsplit.errors import CutError

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
    """A list of devices (or an object with such a list as ``devices``) in JSON or YAML.

    Raises:
        CutError: it is something else.
        StoreError: the file cannot be read.
    """
    found = read_table(path, "list of devices")
    listed = found.get("devices") if isinstance(found, dict) else found
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
    """The terms of a plan. With speeds or links time is in whole nanoseconds, else time is the cost itself.

    Raises:
        CutError: devices and stages do not go together.
    """
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
            "speeds and links are for stages that are balanced by time",
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
