"""Which class of Keras a layer may be of, of which a file holds the weights alone: their names and shapes tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from configsplit.graph.model import Shape

_Guess = Callable[[Sequence[Shape]], tuple[str, dict[str, Any]] | None]


def _plain(shapes: Sequence[Shape]) -> tuple[str, dict[str, Any]] | None:
    kernel = shapes[0]
    if len(kernel) == 2:
        return "Dense", {"units": kernel[1]}
    return _window("Conv", kernel, {"filters": kernel[-1]})


def _window(kind: str, kernel: Shape, config: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    rank = len(kernel) - 2
    return (f"{kind}{rank}D", {**config, "kernel_size": kernel[:rank]}) if 1 <= rank <= 3 else None


def _recurrent(shapes: Sequence[Shape]) -> tuple[str, dict[str, Any]] | None:
    units, width = shapes[1]
    kind = {1: "SimpleRNN", 3: "GRU", 4: "LSTM"}.get((width or 0) // (units or 1))
    return None if kind is None else (kind, {"units": units})


_GUESSES: Mapping[tuple[str, ...], _Guess] = MappingProxyType(
    {
        ("kernel",): _plain,
        ("kernel", "recurrent_kernel"): _recurrent,
        ("depthwise_kernel",): lambda shapes: _window("DepthwiseConv", shapes[0], {"depth_multiplier": shapes[0][-1]}),
        ("depthwise_kernel", "pointwise_kernel"): lambda shapes: _window(
            "SeparableConv", shapes[0], {"filters": shapes[1][-1], "depth_multiplier": shapes[0][-1]}
        ),
        ("embeddings",): lambda shapes: ("Embedding", {"input_dim": shapes[0][0], "output_dim": shapes[0][1]}),
        ("gamma", "beta", "moving_mean", "moving_variance"): lambda shapes: ("BatchNormalization", {}),
        ("gamma", "beta"): lambda shapes: ("LayerNormalization", {}),
        ("alpha",): lambda shapes: ("PReLU", {}),
    }
)
_RANKS = {"kernel": (2, 3, 4, 5), "recurrent_kernel": (2,), "depthwise_kernel": (3, 4), "pointwise_kernel": (3, 4)}
_RANKS |= {"embeddings": (2,)}


def likely_class(names: Sequence[str], shapes: Sequence[Shape]) -> tuple[str, dict[str, Any]] | None:
    """The simplest class of Keras that has weights of these names and shapes, with what they say of its config; None where
    there is none. Another class may have them too.
    """
    held = {name: shape for name, shape in zip(names, shapes, strict=True) if name != "bias"}
    guess = _GUESSES.get(tuple(held))
    if guess is None or len(held) + names.count("bias") != len(names) or any(not _fits(*each) for each in held.items()):
        return None
    return guess(list(held.values()))


def _fits(name: str, shape: Shape) -> bool:
    return len(shape) in _RANKS.get(name, (len(shape),))
