"""Initializers, regularizers, constraints, activations and dtype policies of Keras 3 as Keras 2 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.catalog.constructors import is_neutral, names_of
from configsplit.catalog.keras3.objects import KINDS, SAME, hard_sigmoid, is_of_user
from configsplit.catalog.keras3.refusals import Stop
from configsplit.graph.json import FrozenDict
from configsplit.graph.walking import values_in

_PLAIN_POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy")

_BY_NAME = "give it by its name, or rebuild that part of the model in Keras 2"

_ACTIVATION = "put a layer that computes the same behind it, with the activation 'linear' (`configsplit replace`)"


def trained(key: str, value: Any) -> Any:
    """The value of a key such as ``kernel_initializer`` or ``bias_constraint``, for Keras 2."""
    kind = key.rpartition("_")[2]
    if value is None or (isinstance(value, str) and value in names_of(f"{kind}s", "keras2")):
        return value
    if not isinstance(value, FrozenDict):
        raise Stop("convert-object", f"Keras 2 has no {kind} {value!r}", f"use another {kind}: it only affects training")
    if (own := _of_user(value)) is not None:
        return own
    class_name, config = str(value["class_name"]), value.get("config")
    known = KINDS[kind].get(class_name)
    if known is None or not isinstance(config, FrozenDict):
        raise Stop("convert-object", f"Keras 2 has no {kind} {class_name}", f"use another {kind}: it only affects training")
    module = str(value.get("module") or f"keras.{kind}s")
    for each in config:
        if each not in (*known.split(), "dtype", "name") and not is_neutral(module, class_name, each, config[each]):
            reason = f"the {kind} {class_name} has {each} = {config[each]!r}, which Keras 2 does not know"
            raise Stop("convert-object", reason, f"use another {kind}: it only affects training")
    return entry_of(class_name, {each: config[each] for each in known.split() if each in config})


def activation(value: Any, dtype: Any) -> Any:
    """An activation for Keras 2 that computes the same numbers; ``dtype`` is the policy of the layer around it, by name."""
    if value in ("silu", "swish"):
        return "swish"  # by which every release knows it
    if value is None or (isinstance(value, str) and value in SAME and value in names_of("activations", "keras2")):
        return value
    if isinstance(value, FrozenDict):
        if value == hard_sigmoid(dtype):
            return "hard_sigmoid"
        if (own := _of_user(value)) is not None:
            return own
    told = value.get("class_name") if isinstance(value, FrozenDict) else value
    raise Stop("convert-activation", f"Keras 2 has no activation {told!r}, or computes another by that name", _ACTIVATION)


def policy(value: Any) -> Any:
    """The dtype policy of a layer, as TF 2.4 and later read it. Raises Stop if it is one of quantized numbers, or one that the
    user made.
    """
    name = policy_name(value)
    return entry_of("Policy", {"name": name}) if name.startswith("mixed_") else name


def policy_name(value: Any) -> str:
    """The same by name alone. Raises Stop as `policy` does."""
    config = value.get("config") if isinstance(value, FrozenDict) else None
    if value is None:
        return "float32"
    if isinstance(value, str):
        return value
    if isinstance(config, FrozenDict) and value.get("class_name") in _PLAIN_POLICIES and isinstance(config.get("name"), str):
        return str(config["name"])
    told = value.get("class_name") if isinstance(value, FrozenDict) else value
    raise Stop("convert-setting", f"Keras 2 has no dtype policy {told!r}", "save the model with float32 or mixed_float16")


def entry_of(class_name: str, config: Mapping[str, Any]) -> FrozenDict:
    """An object as every release of Keras 2 writes it."""
    return FrozenDict({"class_name": class_name, "config": FrozenDict(config)})


def check_plain(key: str, value: Any) -> None:
    """Raises Stop where a value holds an object that nothing of Keras 2 can be told for."""
    for item in values_in(value):
        if isinstance(item, FrozenDict) and item:
            raise Stop("convert-object", f"its {key} is an object of Keras 3: {item.get('class_name', item)!r}", _BY_NAME)


def _of_user(value: FrozenDict) -> Any:
    """What Keras does not have, by its registered name; None for what it has."""
    if value.get("class_name") == "function" and isinstance(value.get("config"), str):
        return value["config"]
    if is_of_user(value):
        return entry_of(str(value.get("registered_name") or value["class_name"]), value.get("config") or {})
    return None
