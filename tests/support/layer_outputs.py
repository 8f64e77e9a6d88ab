"""What every layer of a model gives, one call each: run inside a process of `framework_worker`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from configsplit.runtime import arrays, worker
from configsplit.runtime.build import Classes, load
from configsplit.runtime.frameworks import Framework


def run_layers(step: Mapping[str, Any], used: Framework, classes: Classes) -> list[tuple[str, int]]:
    """Write the outputs of the layers named in ``step["layers"]``, one after the other; which they are, and how many each has.

    Layers that are not there, or have several calls, are left out.
    """
    weights = Path(step["weights"]) if step["weights"] else None
    model = load(Path(step["model"]), weights, framework=used, classes=classes, allow_lambda=True)
    found = {name: tensors for name in step["layers"] if (tensors := _outputs(model, used, name))}
    inputs = [arrays.load(Path(source["file"]))[source["index"]] for source in step["inputs"]]
    probed = used.module.Model(model.input, [tensor for tensors in found.values() for tensor in tensors])
    arrays.save(Path(step["outputs"]), worker.call(probed, used, inputs))
    return [(name, len(tensors)) for name, tensors in found.items()]


def _outputs(model: Any, used: Framework, name: str) -> Sequence[Any]:
    try:
        return used.flatten(model.get_layer(name).output)
    except (ValueError, AttributeError):
        return ()
