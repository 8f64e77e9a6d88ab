"""Whether a layer that was opened still does what it did: Keras makes its graph again, which is run beside the layer.

A ``call`` may ask for sizes that were open when it was traced, or use what no config can hold, and a graph shows neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from configsplit.graph.model import TensorSpec
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.claims import SIZES, given_by, tensors_like
from configsplit.runtime.live.transfer import transfer
from configsplit.runtime.worker import to_stored

_KEYS = ("module", "class_name", "config", "registered_name")


def unlike_opened(
    layer: Any,
    entry: Mapping[str, Any],
    leaves: Mapping[str, Any],
    works: Framework,
    *,
    values: bool,
    true: Mapping[int, TensorSpec],
) -> str:
    """What is otherwise in the graph that a layer was opened into, in words; "" where nothing is. ``leaves`` are the live
    layers in it, by path; without ``values`` nothing but shapes is compared.
    """
    bare = {key: entry[key] for key in _KEYS if key in entry}
    try:
        again = works.module.saving.deserialize_keras_object(json.loads(json.dumps(bare)))
        if values:
            transfer(again, leaves, works)
    except Exception as error:  # noqa: BLE001 - code of others
        return f"what is in it cannot be made again: {type(error).__name__}"
    given = (list(layer._inbound_nodes[0].arguments.args), dict(layer._inbound_nodes[0].arguments.kwargs))
    flat, kind = works.flatten(given), works.module.KerasTensor
    for sizes in SIZES:
        symbols = [each for each in flat if isinstance(each, kind)]
        tensors = tensors_like(symbols, sizes, works, values=values, true=true)
        mixed = iter(tensors)
        args, kwargs = works.pack(given, [next(mixed) if isinstance(each, kind) else each for each in flat])
        try:
            its = _outputs(layer, args, kwargs, works, values=values)
        except Exception:  # noqa: BLE001 - it does not take these sizes
            continue
        try:
            ours = _outputs(again, [tensors if len(tensors) > 1 else tensors[0]], {}, works, values=values)
        except Exception as error:  # noqa: BLE001 - code of others
            return f"its graph does not take what it takes: {type(error).__name__}"
        return "" if ours == its else "its graph gives something else"
    return "it takes nothing that was tried, by which its graph could be told"


def _outputs(layer: Any, args: Any, kwargs: Any, works: Framework, *, values: bool) -> list[Any]:
    """What it gives, as something that can be compared: shape, dtype and, where there are any, bits."""
    outputs = given_by(layer, args, kwargs, works, values=values)
    told = [(tuple(each.shape), works.module.backend.standardize_dtype(each.dtype)) for each in outputs]
    return [*told, *(to_stored(each, works).values.tobytes() for each in outputs if values)]
