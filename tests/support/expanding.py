"""The work of the confined worker of `expand`, done in this process, which pays the import of Keras once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from configsplit.runtime.build import refuse_hazards
from configsplit.runtime.expansion import worker


@contextmanager
def in_this_process() -> Iterator[None]:
    """`expansion` without another process; a document that was expanded before is not built again."""
    known: dict[str, dict[str, Any]] = {}

    def expansion(
        document: str, libraries: Sequence[str], *, open_all: bool, limits: Any, sizes: Any = worker.NO_SIZES
    ) -> dict[str, Any]:
        job = {"document": json.loads(document), "libraries": libraries, "open_all": open_all, "sizes": dict(sizes)}
        refuse_hazards(job["document"], classes=worker.said_to_be_of(job["document"], libraries))
        bare = {key: each for key, each in job["document"].items() if key in ("module", "class_name", "config")}
        key = json.dumps([bare, open_all, job["sizes"]], sort_keys=True)
        if key not in known:
            known[key] = json.loads(json.dumps(worker.expanded(job)))
        return known[key]

    original, worker.expansion = worker.expansion, expansion  # type: ignore[assignment]
    try:
        yield
    finally:
        worker.expansion = original
