"""Where each class of Keras 3 keeps its weights below its own group, and how it gets them from the old class."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from configsplit.catalog.classes import words
from configsplit.catalog.recipes import Recipe, Slot, copies
from configsplit.graph.json import FrozenDict, dumps
from configsplit.graph.model import Shape

_IN_CELL = frozenset({"LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "CuDNNLSTM", "CuDNNGRU"})
"""Layers that keep their weights in a cell."""

WEIGHT_NAMES = words(
    """
    kernel bias recurrent_kernel depthwise_kernel pointwise_kernel real_kernel imag_kernel embeddings alpha
    gamma beta moving_mean moving_variance mean variance count scale
    """
)
"""What the layers of Keras call their weights. One of these below a scope is most likely that of a layer inside."""

LOAD_THEIR_OWN = frozenset({"Dense", "EinsumDense", "Embedding", "Conv1D", "Conv2D", "Conv3D"})
"""Classes of Keras 3 that load a kernel and a bias from an archive, and leave what a subclass has besides as it was made."""

_LOOKS_UP = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})
_WORD_WEIGHTS = ("vars/idf_weights", "_lookup_layer/vars/idf_weights")
"""What TextVectorization keeps twice, and those that only look words up once."""
_DENSES = ("query_dense", "key_dense", "value_dense", "output_dense")


def places(class_name: str, count: int, *, old: bool = False) -> tuple[str, ...]:
    """The datasets of a layer that holds no others, in the order of ``layer.weights``; ``old`` for tf.keras's archives."""
    if class_name in _IN_CELL:
        return tuple(f"cell/vars/{number}" for number in range(count))
    if class_name in _LOOKS_UP:
        return _WORD_WEIGHTS[:count]
    if class_name in ("MultiHeadAttention", "GroupQueryAttention"):
        each = count // len(_DENSES)
        mark = "_" if old or class_name == "GroupQueryAttention" else ""
        return tuple(f"{mark}{dense}/vars/{number}" for dense in _DENSES for number in range(each))
    return tuple(f"vars/{number}" for number in range(count))


def listed_otherwise(config: FrozenDict) -> bool:
    """Whether a layer of Keras 3 lists other weights, or in another order, than an archive keeps: low-rank adapters are merged
    there, and quantized kernels stand first."""
    quantized = config.get("quantization_config") or '"source_name"' in dumps(config.get("dtype"))
    return bool(config.get("lora_rank") or quantized)


def slots(class_name: str, recipes: Sequence[Recipe]) -> tuple[Slot, ...]:
    """The weights of a layer of Keras 3, each in its place."""
    if class_name == "TextVectorization" and len(recipes) == 1:
        recipes = (*recipes, *recipes)
    return tuple(map(Slot, places(class_name, len(recipes)), recipes))


# ------------------------------------------------------------------------------------------------------ Keras 2 to Keras 3


def _cudnn(gates: int, bias: Callable[[Recipe], Recipe]) -> Callable[[Any], tuple[Recipe, ...]]:
    """CuDNN keeps its kernels transposed inside, gate by gate, and two biases of which it uses the sum or both."""

    def recipes(shapes: Sequence[Shape]) -> tuple[Recipe, ...]:
        kernel, recurrent, both = copies(3)
        return kernel.then("cudnn_kernel", gates), recurrent.then("cudnn_recurrent", gates), bias(both)

    return recipes


_RELAID: Mapping[str, Callable[[Sequence[Shape]], tuple[Recipe, ...]]] = {
    "CuDNNLSTM": _cudnn(4, lambda both: both.then("sum_halves")),
    "CuDNNGRU": _cudnn(3, lambda both: both.then("reshape", (2, -1))),
}

_CONVOLUTIONS: Mapping[str, int] = {
    "Conv1D": 1, "Conv2D": 1, "Conv3D": 1, "Conv2DTranspose": 1, "Conv3DTranspose": 1, "ConvLSTM2D": 2,
}  # fmt: skip
"""Convolutions that Theano computes with its kernels turned round, and how many such kernels each has.

Depthwise and separable ones are not among them: Keras 2 turned their kernels round before it gave them to Theano.
"""


def keras2_recipes(class_name: str, config: FrozenDict, shapes: Sequence[Shape], backend: str) -> tuple[Recipe, ...]:
    """How each weight of the Keras 3 layer comes from those of the Keras 2 layer."""
    if class_name in _RELAID:
        return _RELAID[class_name](shapes)
    recipes = copies(len(shapes))
    if class_name.startswith("BatchNormalization") and config.get("renorm"):
        return recipes[: 2 + bool(config.get("center", True)) + bool(config.get("scale", True))]  # the rest serves training
    if backend == "theano" and class_name in _CONVOLUTIONS:
        turned = _CONVOLUTIONS[class_name]
        recipes = tuple(turned_round(recipe) if number < turned else recipe for number, recipe in enumerate(recipes))
    return recipes


def turned_round(recipe: Recipe) -> Recipe:
    """A kernel ``(..., in, out)`` with its spatial axes reversed."""
    return recipe.then("flip_window")
