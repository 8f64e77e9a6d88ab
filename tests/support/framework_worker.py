"""A process that loads and runs models for as long as it is asked: ``-m support.framework_worker FRAMEWORK``.

It answers each line of JSON (a step of `configsplit.runtime.worker`) with one of its own. What a step does is the package's
own code; that code starts a process for each verification, of which a matrix of ten thousand cuts cannot pay the start. A step
that says which weights to ``load`` loads and does no more. It names its ``plugins``, and a module whose ``FUNCTIONS`` the
model may call by name as ``functions``.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import logging
import os
import re
import sys
from pathlib import Path
from typing import Any

from configsplit.runtime import worker
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import Framework, framework
from support.layer_outputs import run_layers
from support.recurrent import for_processors_alone


def main(name: str) -> int:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # frameworks print
    for_processors_alone()
    used = framework(name)
    gc.collect()
    gc.freeze()  # the framework's own million objects need not be looked at after every step
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line), used)), file=answers, flush=True)
    return 0


@functools.cache
def _custom(name: str, plugins: str, functions: str) -> dict[str, Any]:
    """Classes and functions by the names that documents have for them."""
    return {**worker.custom_classes([plugins], name), **importlib.import_module(functions).FUNCTIONS}


def _answer(step: dict[str, Any], used: Framework) -> dict[str, Any]:
    try:
        classes = _custom(used.name, step["plugins"], step["functions"])
        worker.make_deterministic(used, step["seed"])
        if "layers" in step:
            return {"version": used.version, "given": run_layers(step, used, classes)}
        if "load" in step:
            load(
                Path(step["model"]),
                Path(step["load"]) if step["load"] else None,
                framework=used,
                classes=classes,
                allow_lambda=True,
            )
            used.module.backend.clear_session()
            return {"version": used.version}
        worker.run_step(step, used, classes, allow_lambda=step.get("allow_lambda", True))
    except Exception as error:  # whatever the framework raises is the answer
        logging.exception(step["model"])
        return {"error": _plain(f"{type(error).__name__}: {error}")}
    return {"version": used.version}


def _plain(text: str) -> str:
    """A message without what differs from run to run: addresses, paths, colours."""
    for pattern, instead in ((r"\x1b\[[0-9;]*m", ""), (r"0x[0-9a-f]+", "0x"), (r"(/[\w.-]+){2,}", "PATH"), (r"\s+", " ")):
        text = re.sub(pattern, instead, text)
    return text[:300]


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
