"""Layers of Keras 1 in the words of Keras 2, and how their weights become Keras 2's.

Keras 1 kept one array for every gate, convolution kernels with the filters first where images had their channels first, and
one-dimensional kernels with four axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from configsplit.catalog.keras3.places import turned_round
from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.layers.keras1 import CLASSES, KEYS, WINDOWS
from configsplit.catalog.recipes import Recipe, copies
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape

Recipes: TypeAlias = tuple[Recipe, ...]

_CLASSES: Mapping[str, str] = {**CLASSES, "Deconvolution2D": "Conv2DTranspose"}

_OWN = frozenset({"Highway", "MaxoutDense", "ParametricSoftplus", "SReLU"})
"""Classes of Keras 1 that become several layers."""

_KEYS: Mapping[str, str] = {
    **KEYS,
    "W_constraint": "kernel_constraint",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_constraint": "bias_constraint",
    "b_regularizer": "bias_regularizer",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "p": "rate",
    "sigma": "stddev",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "dim_ordering": "data_format",
}

_EMBEDDING: Mapping[str, str] = {
    "init": "embeddings_initializer",
    "W_constraint": "embeddings_constraint",
    "W_regularizer": "embeddings_regularizer",
    "output_dim": "output_dim",
}

_GONE = frozenset({"consume_less", "input_dim", "input_length", "batch_input_shape", "input_dtype", "forget_bias_init", "mode"})


def class_of(entry: FrozenDict) -> str:
    """The class of Keras 2 for one of Keras 1."""
    name = str(entry["class_name"])
    return _CLASSES.get(name, name)


def knows(class_name: str) -> bool:
    """Whether Keras 1 had a class of that name that later releases do not have."""
    return class_name in _CLASSES or class_name in _OWN


def layer(class_name: str, config: FrozenDict, shapes: Sequence[Shape], backend: str) -> tuple[str, FrozenDict, Recipes | None]:
    """Class and config as Keras 2 has them, and the recipes for its weights."""
    new = _CLASSES.get(class_name, class_name)
    made = _config(class_name, config)
    if made.get("padding") == "full":
        raise Stop("convert-setting", "border_mode 'full' is not possible inside another layer", "pad by ZeroPadding before it")
    if class_name == "BatchNormalization" and config.get("mode", 0) not in (0, None):
        raise Stop(
            "convert-setting",
            f"BatchNormalization of mode {config['mode']} becomes several operations, which cannot be inside another layer",
            "put a layer of your own in its place (`configsplit replace`)",
        )
    relaid = _RECIPES.get(new)
    recipes = None if relaid is None else relaid(made, shapes, backend)
    return new, made, recipes


def words(class_name: str, config: FrozenDict) -> FrozenDict:
    """A layer's config in the words of Keras 2."""
    return _config(class_name, config)


def _config(class_name: str, config: FrozenDict) -> FrozenDict:
    keys = {**_KEYS, **_EMBEDDING} if class_name == "Embedding" else _KEYS
    gone = _GONE - {"input_dim"} if class_name == "Embedding" else _GONE
    made: dict[str, Any] = {keys.get(key, key): value for key, value in config.items() if key not in gone}
    for names in WINDOWS:
        if names[0] in config:
            made["kernel_size"] = tuple(config[name] for name in names)
            made = {key: value for key, value in made.items() if key not in names}
    if "data_format" in made:
        made["data_format"] = {"th": "channels_first", "tf": "channels_last"}.get(made["data_format"], made["data_format"])
    if "forget_bias_init" in config:
        made["unit_forget_bias"] = config["forget_bias_init"] in ("one", "ones")
    if "consume_less" in config:  # "cpu" and "mem" multiply gate by gate, "gpu" all gates at once
        made["implementation"] = 2 if config["consume_less"] == "gpu" else 1
    return _SPECIAL.get(class_name, FrozenDict)(FrozenDict(made))


def _embedding(config: FrozenDict) -> FrozenDict:
    """Keras 1 dropped whole words while it trained; Keras 2 and 3 have no such thing."""
    return config.without("dropout")


def _zero_padding(config: FrozenDict) -> FrozenDict:
    """Keras 1.1 and later write four numbers, or a dict of four."""
    value = config["padding"]
    if isinstance(value, Mapping):
        value = tuple(int(value.get(f"{side}_pad", 0)) for side in ("top", "bottom", "left", "right"))
    if type(value) is tuple and len(value) == 4:
        value = (value[:2], value[2:])
    return config | {"padding": value}


def _prelu(config: FrozenDict) -> FrozenDict:
    moved = {"kernel_initializer": "alpha_initializer", "weights": "weights"}
    return FrozenDict({moved.get(key, key): value for key, value in config.items() if key != "weights"})


def _separable(config: FrozenDict) -> FrozenDict:
    return config.without("kernel_initializer")


def _deconvolution(config: FrozenDict) -> FrozenDict:
    return config.without("output_shape")


def _normalization(config: FrozenDict) -> FrozenDict:
    return config | {"center": True, "scale": True}


_SPECIAL: Mapping[str, Callable[[FrozenDict], FrozenDict]] = {
    "BatchNormalization": _normalization,
    "Deconvolution2D": _deconvolution,
    "Embedding": _embedding,
    "PReLU": _prelu,
    "SeparableConvolution2D": _separable,
    "ZeroPadding2D": _zero_padding,
}


# --------------------------------------------------------------------------------------------------------------- weights


def _first(change: Recipe, count: int) -> Recipes:
    return (change, *copies(count)[1:])


def _is_first(config: FrozenDict) -> bool:
    return config.get("data_format") == "channels_first"


def _turned(recipe: Recipe, config: FrozenDict, backend: str) -> Recipe:
    """Theano turns kernels round. A file of Keras 1 does not say what computed it; images like Theano's make one ask."""
    if not backend and _is_first(config):
        raise Stop(
            "convert-backend",
            "its images have their channels first, as Theano wants them, and Theano computes convolutions with flipped "
            "kernels; the file does not say which backend made it",
            "give --backend theano, or --backend tensorflow",
        )
    return turned_round(recipe) if backend == "theano" else recipe


def _conv1d(config: FrozenDict, shapes: Sequence[Shape], backend: str) -> Recipes:
    """``(length, 1, in, out)``, or before 1.1 ``(out, in, length, 1)``; Keras 2 has ``(length, in, out)``."""
    kernel = Recipe((0,))
    if not shapes:
        return ()
    if len(shapes[0]) == 4:
        length, filters = int(config["kernel_size"][0]), int(config["filters"])
        if tuple(shapes[0][:2]) != (length, 1) or shapes[0][3] != filters:
            kernel = kernel.then("transpose", (2, 3, 1, 0))
        kernel = kernel.then("squeeze", 1)
    return _first(_turned(kernel, config, backend), len(shapes))


def _conv2d(config: FrozenDict, shapes: Sequence[Shape], backend: str) -> Recipes:
    kernel = Recipe((0,)).then("transpose", (2, 3, 1, 0)) if _is_first(config) else Recipe((0,))
    return _first(_turned(kernel, config, backend), len(shapes)) if shapes else ()


def _conv3d(config: FrozenDict, shapes: Sequence[Shape], backend: str) -> Recipes:
    kernel = Recipe((0,)).then("transpose", (2, 3, 4, 1, 0)) if _is_first(config) else Recipe((0,))
    return _first(_turned(kernel, config, backend), len(shapes)) if shapes else ()


def _transposed(config: FrozenDict, shapes: Sequence[Shape], backend: str) -> Recipes:
    """Keras 1 has the filters last, or first; Keras 2 has them before the channels that come in."""
    axes = (2, 3, 0, 1) if _is_first(config) else (0, 1, 3, 2)
    return _first(_turned(Recipe((0,)).then("transpose", axes), config, backend), len(shapes)) if shapes else ()


def _separable2d(config: FrozenDict, shapes: Sequence[Shape], backend: str) -> Recipes:
    if not shapes:
        return ()
    recipes = copies(len(shapes))
    if not _is_first(config):
        return recipes
    return (recipes[0].then("transpose", (2, 3, 1, 0)), recipes[1].then("transpose", (2, 3, 1, 0)), *recipes[2:])


def _gates(order: Sequence[int], count: int) -> Recipes:
    """One array for each gate and kind (W, U, b) as three arrays with the gates side by side."""
    return tuple(
        Recipe(tuple(3 * gate + kind for gate in order)).then("concatenate", -1) for kind in range(count // len(order))
    )


def _recurrent(order: Sequence[int]) -> Callable[[FrozenDict, Sequence[Shape], str], Recipes]:
    def recipes(config: FrozenDict, shapes: Sequence[Shape], backend: str) -> Recipes:
        return copies(3) if len(shapes) == 3 else _gates(order, len(shapes))

    return recipes


def _conv_lstm(config: FrozenDict, shapes: Sequence[Shape], backend: str) -> Recipes:
    recipes = _recurrent((0, 2, 1, 3))(config, shapes, backend)
    if not recipes:
        return ()
    if _is_first(config) and len(shapes) > 3:  # filters first: the gates lie along the first axis
        first = [Recipe(recipe.sources, (recipe.steps[0]._replace(argument=0),)) for recipe in recipes[:2]]
        recipes = (*(recipe.then("transpose", (2, 3, 1, 0)) for recipe in first), recipes[2])
    return (_turned(recipes[0], config, backend), _turned(recipes[1], config, backend), recipes[2])


_RECIPES: Mapping[str, Callable[[FrozenDict, Sequence[Shape], str], Recipes]] = {
    "Conv1D": _conv1d,
    "Conv2D": _conv2d,
    "Conv3D": _conv3d,
    "Conv2DTranspose": _transposed,
    "SeparableConv2D": _separable2d,
    "LSTM": _recurrent((0, 2, 1, 3)),  # i c f o, as i f c o
    "GRU": _recurrent((0, 1, 2)),
    "ConvLSTM2D": _conv_lstm,
}
