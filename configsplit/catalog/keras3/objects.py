"""Initializers, regularizers, constraints, activations and dtype policies, as Keras 3 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from configsplit.catalog.keras3.refusals import Stop
from configsplit.graph.json import FrozenDict

_INITIALIZERS: Mapping[str, str] = {
    "Zeros": "",
    "Ones": "",
    "Constant": "value",
    "Identity": "gain",
    "Orthogonal": "gain seed",
    "RandomNormal": "mean stddev seed",
    "RandomUniform": "minval maxval seed",
    "TruncatedNormal": "mean stddev seed",
    "VarianceScaling": "scale mode distribution seed",
    "GlorotUniform": "seed",
    "GlorotNormal": "seed",
    "HeNormal": "seed",
    "HeUniform": "seed",
    "LecunNormal": "seed",
    "LecunUniform": "seed",
}
_REGULARIZERS: Mapping[str, str] = {
    "L1": "l1",
    "L2": "l2",
    "L1L2": "l1 l2",
    "OrthogonalRegularizer": "factor mode",
}
_CONSTRAINTS: Mapping[str, str] = {
    "MaxNorm": "max_value axis",
    "MinMaxNorm": "min_value max_value rate axis",
    "NonNeg": "",
    "UnitNorm": "axis",
}
KINDS = {"initializer": _INITIALIZERS, "regularizer": _REGULARIZERS, "constraint": _CONSTRAINTS}
"""Kind of object -> its classes in Keras 3 -> the keys of those that mean the same in Keras 2."""

_OTHER_NAMES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "zero": ("Zeros", {}),
    "one": ("Ones", {}),
    "uniform": ("RandomUniform", {"minval": -0.05, "maxval": 0.05}),
    "normal": ("RandomNormal", {"mean": 0.0, "stddev": 0.05}),
    "random_normal": ("RandomNormal", {}),
    "random_uniform": ("RandomUniform", {}),
    "OrthogonalInitializer": ("Orthogonal", {}),
    "maxnorm": ("MaxNorm", {}),
    "nonneg": ("NonNeg", {}),
    "unitnorm": ("UnitNorm", {}),
    "max_norm": ("MaxNorm", {}),
    "non_neg": ("NonNeg", {}),
    "unit_norm": ("UnitNorm", {}),
    "min_max_norm": ("MinMaxNorm", {}),
    "l1": ("L1", {"l1": 0.01}),
    "l2": ("L2", {"l2": 0.01}),
    "l1_l2": ("L1L2", {"l1": 0.01, "l2": 0.01}),
    "l1l2": ("L1L2", {"l1": 0.01, "l2": 0.01}),
    "WeightRegularizer": ("L1L2", {}),
    "L1L2Regularizer": ("L1L2", {}),
    "ActivityRegularizer": ("L1L2", {}),
    "Nonneg": ("NonNeg", {}),
}
"""What older releases called the same, with what the name alone implied."""

_KERAS1_CONSTRAINTS = {"m": "max_value", "low": "min_value", "high": "max_value"}


def trained(key: str, value: Any) -> Any:
    """The value of a key such as ``kernel_initializer`` or ``bias_constraint``, for Keras 3."""
    if value is None:
        return None
    kind = key.rpartition("_")[2]
    if isinstance(value, str):
        return _named(kind, value)
    if not isinstance(value, FrozenDict):
        raise Stop("convert-object", f"{key} is {value!r}", "write the object in a form that Keras writes")
    if "class_name" not in value and "name" in value:  # Keras 1: one flat object
        value = FrozenDict({"class_name": value["name"], "config": value.without("name")})
    return _object(kind, value)


def _camel(name: str) -> str:
    return "".join(piece.capitalize() for piece in name.split("_"))


def _named(kind: str, name: str) -> FrozenDict:
    known = KINDS[kind]
    renamed, implied = _OTHER_NAMES.get(name, (_camel(name) if name not in known else name, {}))
    return _made(kind, renamed, FrozenDict(implied)) if renamed in known else function(name)


def _object(kind: str, value: FrozenDict) -> FrozenDict:
    class_name, config = str(value["class_name"]), value.get("config")
    if is_of_user(value) or class_name == "function" or not isinstance(config, FrozenDict):
        return custom_object(value)
    renamed, implied = _OTHER_NAMES.get(class_name, (class_name, {}))
    if renamed not in KINDS[kind]:
        renamed = _camel(class_name)
    if renamed not in KINDS[kind]:
        return custom_object(value)
    moved = {_KERAS1_CONSTRAINTS.get(key, key): item for key, item in config.items()} if kind == "constraint" else config
    return _made(kind, renamed, FrozenDict(implied) | moved)


def _made(kind: str, class_name: str, config: FrozenDict) -> FrozenDict:
    known = KINDS[kind][class_name].split()
    left = {key: value for key, value in config.items() if key not in {*known, "dtype", "partition_info", "name"}}
    if any(value is not None for value in left.values()):
        raise Stop(
            "convert-object",
            f"the {kind} {class_name} has {min(left)} = {left[min(left)]!r}, which Keras 3 does not know",
            f"use another {kind}: it does not affect what the model computes",
        )
    kept = FrozenDict({key: config[key] for key in known if key in config})
    return built_in(f"keras.{kind}s", class_name, kept)


def built_in(module: str, class_name: str, config: Mapping[str, Any]) -> FrozenDict:
    """An object of Keras itself."""
    return FrozenDict({"module": module, "class_name": class_name, "config": FrozenDict(config), "registered_name": None})


def is_of_user(value: FrozenDict) -> bool:
    """Whether an object is of a class of the user's own, which may have the name of one of Keras's."""
    module = value.get("module", "keras")
    told = f"{value.get('class_name')} {value.get('registered_name')}"
    return ">" in told or module is None or str(module).partition(".")[0] not in _ROOTS


_ROOTS = ("keras", "tf_keras", "tensorflow", "builtins")


def custom_object(value: FrozenDict) -> FrozenDict:
    """An object of a class that Keras does not have: by its registered name, and never by a module to import."""
    registered = str(value.get("registered_name") or value["class_name"])
    if value["class_name"] == "function":
        return function(str(value["config"]))
    made = {"module": None, "class_name": registered.rpartition(">")[2], "config": value.get("config")}
    return FrozenDict({**made, "registered_name": registered})


def function(name: str) -> FrozenDict:
    """A function that Keras does not have, as it writes a registered one."""
    return FrozenDict({"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"})


# ----------------------------------------------------------------------------------------------------------- activations

SAME = frozenset(
    {
        "relu", "relu6", "softmax", "elu", "selu", "softplus", "softsign", "silu", "swish", "gelu", "tanh", "sigmoid",
        "exponential", "linear", "mish", "log_softmax",
    }
)  # fmt: skip
"""Activations that Keras 3 computes as Keras 2 did."""

_RENAMED = {"softmax_v2": "softmax", "leaky_relu": "leaky_relu", "identity": "linear"}


def activation(value: Any, dtype: Any = "float32") -> Any:
    """An activation for Keras 3 that computes the old numbers; ``dtype`` is the policy of the layer around it."""
    if value is None or value in SAME:
        return value
    if isinstance(value, str):
        return hard_sigmoid(dtype) if value == "hard_sigmoid" else _RENAMED.get(value) or function(value)
    if isinstance(value, FrozenDict):
        if value.get("class_name") == "function" and isinstance(value.get("config"), str):
            return function(str(value["config"]))
        return _activation_layer(value)
    raise Stop("convert-activation", f"the activation is {value!r}", "use a function of Keras 3")


def hard_sigmoid(dtype: Any) -> FrozenDict:
    """``clip(0.2 x + 0.5, 0, 1)``, as Keras computed it before version 3, where the name means ``relu6(x + 3) / 6``.

    Keras takes a layer for an activation, and these two give the same bits that Keras 2 gave.
    """
    steps = (
        built_in("keras.layers", "Rescaling", {"name": "slope", "dtype": dtype, "scale": 0.2, "offset": 0.5}),
        built_in("keras.layers", "ReLU", {"name": "bounds", "dtype": dtype, "max_value": 1.0}),
    )
    return built_in("keras", "Sequential", {"name": "hard_sigmoid", "dtype": dtype, "layers": steps})


def _activation_layer(value: FrozenDict) -> FrozenDict:
    """An advanced activation that stands where a function does: tf.keras wrote those whole."""
    class_name, config = str(value.get("class_name")), value.get("config")
    if is_of_user(value):
        return custom_object(value)
    if not isinstance(config, FrozenDict):
        raise Stop("convert-activation", f"the activation is a {class_name}", "use a function of Keras 3")
    if class_name == "LeakyReLU":
        config = FrozenDict({"negative_slope" if key == "alpha" else key: item for key, item in config.items()})
    known = {"LeakyReLU": "negative_slope", "ReLU": "max_value negative_slope threshold", "ELU": "alpha", "Softmax": "axis"}
    if class_name not in known:
        return custom_object(value)
    kept = {key: plain(config[key]) for key in ("name", *known[class_name].split()) if key in config}
    return built_in("keras.layers", class_name, kept)


# --------------------------------------------------------------------------------------------------------------- dtypes


def policy(value: Any) -> str:
    """The dtype policy of a layer, by name. A document without dtypes comes from releases that computed in float32."""
    while isinstance(value, FrozenDict):
        config = value.get("config")
        value = config.get("name") if isinstance(config, FrozenDict) else None
    return value if isinstance(value, str) and not value.startswith("_") and value != "infer" else "float32"


def plain(value: Any) -> Any:
    """A value that tf.keras wrapped as numpy's (``{"class_name": "__numpy__"...}``, ``{"type": "ndarray"...}``) or a tuple."""
    if isinstance(value, FrozenDict) and value.get("type") in ("ndarray", "TensorShape", "__tuple__"):
        return value.get("value", value.get("items"))
    if isinstance(value, FrozenDict) and value.get("class_name") in ("__tuple__", "TensorShape"):
        return value.get("items")
    return value
