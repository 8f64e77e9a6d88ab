"""Weights for an architecture that came without any: the same in the whole and in its parts, by the layer's original path."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from configsplit.runtime.arrays import Array
from configsplit.runtime.build import layers_with_weights, variables
from configsplit.runtime.frameworks import Framework

_POSITIVE = ("variance", "running_std")
_AROUND_ONE = ("gamma", "scale", "alpha")


def fill_weights(model: Any, framework: Framework, paths: Mapping[str, str]) -> None:
    """Set every floating weight of a model to numbers that depend only on its layer's original path and its own index.

    ``paths`` says what a layer, or the nested model that it stands in, was called in the original; a layer it does not
    mention kept its path. No two layers get the same numbers, so that any mix-up shows.
    """
    for path, layer in layers_with_weights(model, framework).items():
        original = _original(path, paths)
        for i, variable in enumerate(variables(layer)):
            variable.assign(_values(variable, original, i))


def _original(path: str, paths: Mapping[str, str]) -> str:
    parts = path.split("/")
    for length in range(len(parts), 0, -1):
        if (found := paths.get("/".join(parts[:length]))) is not None:
            return "/".join([found, *parts[length:]])
    return path


def _values(variable: Any, path: str, index: int) -> Array:
    current: Array = np.asarray(variable)
    if "float" not in current.dtype.name:  # counters, seeds, quantized kernels: their values mean something
        return current
    name = str(variable.name).rsplit("/", 1)[-1]
    return numbers(f"{path}#{index}", tuple(current.shape), name).astype(current.dtype)


def numbers(key: str, shape: tuple[int, ...], name: str) -> Array:
    """Numbers that keep activations of ordinary size through a hundred layers: saturated outputs would hide differences."""
    rng = np.random.default_rng(list(hashlib.sha256(key.encode()).digest()))
    if any(word in name for word in _POSITIVE):
        return rng.uniform(0.5, 1.5, shape)
    if len(shape) >= 2:
        return rng.standard_normal(shape) / math.sqrt(math.prod(shape[:-1]))
    return (1.0 if any(word in name for word in _AROUND_ONE) else 0.0) + 0.1 * rng.standard_normal(shape)
