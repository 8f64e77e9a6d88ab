"""The start of a process that builds a model.

    python -P -m configsplit.runtime.confinement.start POLICY.json MODULE ARGUMENT...

Limits and confinement come first, before numpy or a framework starts a thread; then the module's ``main`` runs. What could not
be put in force ends the process: nothing is built in a process that was to be confined and is not.

The policy: ``{"mode", "read", "write", "memory", "seconds", "parent"}``, see `configsplit.runtime.confinement.policy`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

NOT_CONFINED = 77
"""Exit code of a process that could not be confined as it should."""


def main(arguments: Sequence[str]) -> int:
    with open(arguments[0], encoding="utf-8") as file:  # noqa: PTH123 - before pathlib is loaded
        policy = json.load(file)
    try:
        held = apply(policy)
    except OSError as error:
        sys.stderr.write(f"not confined: {error}\n")
        return NOT_CONFINED
    if len(arguments) == 1:
        print(json.dumps(held))  # noqa: T201 - this is what the process was asked
        return 0
    return int(importlib.import_module(arguments[1]).main(arguments[2:]))


def apply(policy: Mapping[str, Any]) -> list[str]:
    """Put limits and confinement in force, for good; returns what holds, in words. Raises OSError if something could not be put
    in force.
    """
    if sys.platform == "linux":
        return _linux(policy)
    return [*_limits(policy), *(["sandbox-exec profile"] if policy["mode"] == "sandbox-exec" else [])]


def _linux(policy: Mapping[str, Any]) -> list[str]:
    from configsplit.runtime.confinement import linux

    linux.die_with_parent(policy["parent"])
    held = _limits(policy)
    if policy["mode"] == "none":
        return held
    if linux.threads() != 1 or not linux.can_filter():
        raise OSError("there are threads already" if linux.can_filter() else "no filter of system calls for this machine")
    version = 0 if policy["mode"] == "namespaces" else linux.landlock_version()
    if not version:
        linux.enter_namespaces(policy["write"])
    linux.drop_capabilities()
    linux.forbid_new_privileges()
    if version:
        linux.restrict_files(policy["read"], policy["write"], version)
    linux.filter_calls()
    files = f"Landlock {version}" if version else "namespaces: files read-only, no network"
    return [files, "seccomp: no network, programs or processes", "no new privileges", *held]


def _limits(policy: Mapping[str, Any]) -> list[str]:
    """Memory counts as what the process asks for in pages of its own; reservations of address space are free."""
    if os.name != "posix":
        return []
    import resource

    memory, seconds = policy.get("memory"), policy.get("seconds")
    _limit(resource.RLIMIT_CORE, 0)
    held = []
    if memory:
        _limit(resource.RLIMIT_DATA, memory)
        _limit(resource.RLIMIT_FSIZE, memory)
        held.append(f"{memory / (1 << 30):.1f} GB of memory")
    if seconds:
        _limit(resource.RLIMIT_CPU, int(seconds * (os.cpu_count() or 1)) + 1)
        held.append(f"{seconds:g} s")
    return held


def _limit(kind: int, value: int) -> None:
    import resource

    most = resource.getrlimit(kind)[1]
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
