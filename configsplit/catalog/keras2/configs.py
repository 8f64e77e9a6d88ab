"""The entry of a layer of Keras 3 as Keras 2 takes it (TF 2.4 to 2.15, tf_keras): the tables of the way there, read backwards.

A key that Keras 2 does not take is left out only where it says what Keras 2 does without it. Any other stops the conversion.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from configsplit.catalog.classes import application_place
from configsplit.catalog.constructors import Constructor, bases_of, constructor, is_neutral, same_value
from configsplit.catalog.keras2 import objects
from configsplit.catalog.keras3.configs import RENAMED, WHOLE
from configsplit.catalog.keras3.objects import plain
from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.table import class_facts
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import INPUT

_TRAINING = frozenset({"seed", "use_cudnn", "flash_attention"})
"""Keys that change no number that a model predicts."""

_INSTEAD = "put a layer of your own in its place (`configsplit replace`), or cut the model there (`configsplit split`)"

DIFFERENT = {
    "RandomCrop": "where it does not train, that of Keras 2 scales the middle of the image, and that of Keras 3 does nothing",
}
"""Classes that compute something else in Keras 2 under the same name."""

_MODELS = ("Functional", "Model", "Sequential")


Wrapped = Callable[[FrozenDict], FrozenDict]


def nowhere(entry: FrozenDict) -> FrozenDict:
    """What becomes of a model where none can be written."""
    raise Stop("convert-inside", f"a {entry['class_name']} is inside a layer", "put it into the model itself")


def written(entry: FrozenDict, wrapped: Wrapped = nowhere) -> FrozenDict:
    """``class_name`` and ``config`` of an entry of Keras 3, and of layers in its config; ``wrapped`` writes a model that the
    layer wraps.
    """
    class_name, config = str(entry["class_name"]), entry.get("config")
    if not isinstance(config, FrozenDict):
        raise Stop("convert-odd", f"the {class_name} has no config", "the file may be damaged")
    if class_name in _MODELS and "layers" in config:
        return wrapped(entry)
    if class_facts(class_name).code_key and _is_of_keras(entry):
        told = config.get("function")
        named = told.get("config") if isinstance(told, FrozenDict) and told.get("class_name") == "function" else None
        code = (
            f"it calls the function {named!r}, which is not in the file"
            if named
            else "its code runs only in the Python that wrote it"
        )
        raise Stop("convert-lambda", code, _INSTEAD)
    if not _is_of_keras(entry):
        return _custom(entry, config, wrapped)
    taken = constructor(class_name, "keras2")
    if taken is None or class_name in DIFFERENT:
        raise Stop("convert-class", DIFFERENT.get(class_name, f"Keras 2 has no {class_name}"), _INSTEAD)
    return objects.entry_of(class_name, _config(class_name, config, taken, wrapped))


def is_layer(value: Any) -> bool:
    """Whether a value of a config is a layer, or a model, of Keras 3 or of the user's own."""
    return isinstance(value, FrozenDict) and isinstance(value.get("config"), FrozenDict) and "registered_name" in value


def _is_of_keras(entry: FrozenDict) -> bool:
    return str(entry.get("module")).partition(".")[0] == "keras"


def names_another(entry: FrozenDict) -> bool:
    """Whether what is written of a layer of Keras 3 names a class of the user's own as Keras 2 names one of its own."""
    name = str(entry.get("registered_name") or entry["class_name"])
    return not _is_of_keras(entry) and constructor(name, "keras2") is not None


def _custom(entry: FrozenDict, config: FrozenDict, wrapped: Wrapped) -> FrozenDict:
    """A layer of a class that Keras does not export, by its registered name; what it holds of Keras's as Keras 2 has it."""
    name = str(entry.get("registered_name") or entry["class_name"])
    config = _of_subclass(config)
    config = config | {key: written(value, wrapped) for key, value in config.items() if key in WHOLE and is_layer(value)}
    kept = config | ({"dtype": objects.policy(config["dtype"])} if "dtype" in config else {})
    return objects.entry_of(name.rpartition(">")[2] if application_place(name.rpartition(">")[2], config) else name, kept)


def _of_subclass(config: FrozenDict) -> FrozenDict:
    """The config of a class that has all settings of one of Keras 3 and hands them on: as that of Keras 2 takes them."""
    for base in bases_of(config, "keras3")[:1]:
        new, old = constructor(base, "keras3"), constructor(base, "keras2")
        if new is not None and old is not None:
            settings = FrozenDict({key: config[key] for key in config if key in new.keys})
            with suppress(Stop):  # a setting without an equal is the class's own affair
                return config.without(*settings) | _config(base, settings, old, nowhere)
    return config


def _config(class_name: str, config: FrozenDict, taken: Constructor, wrapped: Wrapped) -> dict[str, Any]:
    renames = {new: old for old, new in RENAMED.get(class_name, {}).items() if new not in taken.keys}
    dtype = objects.policy_name(config.get("dtype"))
    made: dict[str, Any] = {}
    for key, value in _completed(class_name, config).items():
        old = renames.get(key, key)
        if old in taken.keys:
            if not (old in taken.neutral and same_value(value, taken.neutral[old])):
                made[old] = _value(old, value, dtype, wrapped if key == "layer" else nowhere)
        elif key not in _TRAINING and not is_neutral("keras.layers", class_name, key, value):
            raise Stop(
                "convert-setting",
                f"Keras 2's {class_name} has no {key}, which is {value!r} here",
                f"change that setting of the {class_name} where the model still loads, and save it again",
            )
    return {**made, **dict.fromkeys(key for key in taken.required if key not in made)}


def _completed(class_name: str, config: FrozenDict) -> FrozenDict:
    """The shape of an input by the name that Keras 2 has for it."""
    if class_name != INPUT:
        return config
    shape = config.get("batch_shape", config.get("batch_input_shape"))
    return FrozenDict({"batch_input_shape": shape} | config.without("batch_shape", "batch_input_shape"))


def _value(key: str, value: Any, dtype: str, wrapped: Wrapped) -> Any:
    if key in WHOLE:
        return tuple(map(written, value)) if type(value) is tuple else None if value is None else written(value, wrapped)
    if key.endswith(("_initializer", "_regularizer", "_constraint")):
        return objects.trained(key, value)
    if key in ("activation", "recurrent_activation"):
        return _activation(value, dtype)
    if key == "dtype":
        return objects.policy(value)
    if key == "seed":  # a generator of Keras 3 has a state, which serves training
        return value if type(value) is int else None
    value = plain(value)
    objects.check_plain(key, value)
    return value


def _activation(value: Any, dtype: str) -> Any:
    """A layer may stand in the place of a function."""
    if isinstance(value, FrozenDict) and value.get("module") == "keras.layers":
        return written(value)
    return objects.activation(value, dtype)
