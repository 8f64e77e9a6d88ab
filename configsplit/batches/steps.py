"""One step of a recipe, carried out on one model: each verb is the Python function of that name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from configsplit.batches.step import Bench, Facts
from configsplit.batches.step_command import run_step
from configsplit.batches.step_edit import convert_step, edit_step, join_step, weights_step
from configsplit.batches.step_split import split_step
from configsplit.batches.step_tell import cuts_step, inspect_step, layers_step, plot_step, verify_step
from configsplit.graph.json import dumps


def carry_out(step: Mapping[str, Any], bench: Bench) -> Facts:
    """Do one step. The facts that come back are the same for the same input: no times, no paths of this machine.

    Raises:
        ConfigSplitError: what the verb raises.
    """
    facts = _OWN.get(step["verb"], edit_step)(step, bench)
    return {"step": step["name"], "verb": step["verb"], **facts}


_OWN: dict[str, Callable[[Mapping[str, Any], Bench], Facts]] = {
    "split": split_step,
    "join": join_step,
    "verify": verify_step,
    "inspect": inspect_step,
    "cuts": cuts_step,
    "layers": layers_step,
    "plot": plot_step,
    "convert": convert_step,
    "weights": weights_step,
    "run": run_step,
}
"""The steps that are more than a verb of surgery and its file."""


def as_json(value: Any) -> Any:
    """Facts as plain JSON, tuples as lists."""
    return json.loads(dumps(value))
