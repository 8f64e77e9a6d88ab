"""Whether a layer can be made again from what is written of it, and what to write where its class writes too little.

Keras makes a layer of a file from its config alone. A class whose ``get_config`` fails, or leaves something out, comes back as
something else, or not at all, and nothing says so; so every layer of a class that is not Keras's own is made again here, called
as it was called, and held against the first.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from typing import Any

from configsplit.runtime.build import variables
from configsplit.runtime.expansion.made_with import Made, constructor_config
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.layers import inner_layers

_NEVER = {"name", "_name", "auto_name", "_auto_name", "built", "_called", "_path", "_parent_path", "_tracked", "_lock"}
_PLAIN = (bool, int, float, str, type(None))


def faithful_config(item: dict[str, Any], layer: Any, works: Framework, made: Made) -> tuple[dict[str, Any] | None, str]:
    """A config from which a live layer, called at least once, comes back as it is; or None and why there is none. ``item`` is
    its entry as its class writes it, ``made`` with what the layers were made.
    """
    reasons = []
    for way in (lambda: item["config"], lambda: constructor_config(layer, made, works)):
        try:
            if (config := way()) is None:
                continue
            again = works.module.saving.deserialize_keras_object(json.loads(json.dumps({**_bare(item), "config": config})))
            _call_alike(again, layer, works)
            why = unlike(layer, again) or _misnamed(layer, again, config)
        except Exception as error:  # noqa: BLE001 - code of others
            why = f"{type(error).__name__}: {str(error).strip()[-200:]}"
        if not why:
            return config, ""
        reasons.append(why)
    return None, "; or ".join(dict.fromkeys(reasons))


def _misnamed(layer: Any, again: Any, config: dict[str, Any]) -> str:
    """Where a config has no name, Keras goes by the one beside it."""
    return f"it comes back as {again.name!r}" if "name" in config and again.name != layer.name else ""


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key in ("module", "class_name", "registered_name")}


def _call_alike(again: Any, layer: Any, works: Framework) -> None:
    """Call a layer on tensors like those that another was first called on, so that it makes what it makes then."""
    node = layer._inbound_nodes[0]
    keras = works.module

    given = (list(node.arguments.args), dict(node.arguments.kwargs))
    kind = keras.KerasTensor
    fresh = [kind(tuple(each.shape), each.dtype) if isinstance(each, kind) else each for each in works.flatten(given)]
    args, kwargs = works.pack(given, fresh)
    again(*args, **kwargs)


def unlike(one: Any, other: Any) -> str:
    """What a layer has otherwise than another of the same class, in words; "" where nothing is seen."""
    ours, its = list(_inside(one)), list(_inside(other))
    if [type(each) for each in ours] != [type(each) for each in its]:
        return "it has other layers inside"
    for mine, theirs in zip(ours, its, strict=True):
        for key, value in vars(mine).items():
            was, now = _comparable(value), _comparable(vars(theirs).get(key, value))
            unmade = inspect.isfunction(value) and isinstance(
                vars(theirs).get(key), (dict, str)
            )  # nobody made a function of that
            if key not in _NEVER and (unmade or (was is not None and now is not None and was != now)):
                return f"{key} of {type(mine).__name__} becomes {vars(theirs)[key]!r}, was {value!r}"
    kept = [[(tuple(each.shape), str(each.dtype)) for each in variables(which)] for which in (one, other)]
    return "" if kept[0] == kept[1] else f"its weights become {kept[1]}, were {kept[0]}"


def _comparable(value: Any) -> Any:
    """Plain values as something that can be compared; None of anything else. Text tells None from it, and 1 from True."""
    if isinstance(value, _PLAIN):
        return _said(value)
    if isinstance(value, (list, tuple)) and all(isinstance(each, _PLAIN) for each in value):
        return [_said(each) for each in value]
    return f"function {value.__name__}" if inspect.isfunction(value) else None


def _said(value: Any) -> str:
    """numpy's floats are floats, too."""
    return repr(float(value) if isinstance(value, float) else value)


def _inside(live: Any) -> Iterator[Any]:
    """A layer and all that are tracked inside it."""
    return inner_layers(live, lambda layer: list(getattr(layer, "_layers", ())))
