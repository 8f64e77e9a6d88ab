"""Jobs done in this very process, for stores that no other process sees (``memory://``). Nothing isolates one from the next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.zoo.work import do


def attempt_here(job: Mapping[str, Any]) -> dict[str, Any]:
    """As `slot.attempt` does, without a process of its own."""
    return {**do(job), "worker": "this process"}
