"""Which operations give back the very tensor that they take, found by calling them with arguments that change nothing.

Run as a program, with KERAS_BACKEND=jax, it asks JAX and prints JSON; tests ask TensorFlow in their own process.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np

SHAPE = (2, 4, 3)

NOTHING_CHANGED: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("axis", "axes", "perm", "dims"), (0, -1, (), (0, 1, 2))),
    **dict.fromkeys(("shape", "newshape", "target_shape"), (SHAPE,)),
    **dict.fromkeys(("source", "destination", "axis1", "axis2", "k", "n", "shift", "decimals", "rate", "fill_value"), (0,)),
    **dict.fromkeys(("repeats", "multiples"), (1, (1, 1, 1))),
    **dict.fromkeys(("pad_width", "paddings"), (((0, 0),) * 3,)),
    **dict.fromkeys(("indices_or_sections", "num_or_size_splits", "central_fraction", "num"), (1,)),
    **dict.fromkeys(("start_indices", "begin"), ((0, 0, 0),)),
    **dict.fromkeys(("key", "slice_spec"), (slice(None), ...)),
    "size": (SHAPE, SHAPE[1:], SHAPE[:2]),
    "dtype": ("float32",),
    "pattern": ("a b c -> a b c",),
    "x2": (0.0, 1.0),
    "y": (0.0, 1.0),
}
"""Values of parameters that leave the tensor as it is, where any do."""

Traced: TypeAlias = Callable[[Callable[[Any], None]], None]
"""Calls a function with a tensor of a backend."""


Found = list[tuple[str, bool]]
"""Every call that is taken and changes neither shape nor dtype: its arguments, and whether the very tensor came back."""


def given_back(function: Callable[..., Any], parameters: Iterable[str], traced: Traced) -> Iterator[tuple[str, bool]]:
    first, *rest = parameters
    known = [name for name in rest if name in NOTHING_CHANGED]
    choices = [[None, *NOTHING_CHANGED[name]] for name in known]
    for values in itertools.product(*choices):
        arguments = {name: value for name, value in zip(known, values, strict=True) if value is not None}
        for listed in (False, True):
            same: list[bool] = []

            def call(x: Any, listed: bool = listed, arguments: Any = arguments, same: list[bool] = same) -> None:
                made = function([x] if listed else x, **arguments)
                outputs = made if isinstance(made, (list, tuple)) else [made]
                same += [out is x for out in outputs if getattr(out, "shape", None) == x.shape and out.dtype == x.dtype]

            try:
                traced(call)
            except Exception:  # noqa: BLE001 - not an argument of this function
                continue
            if same:
                yield f"{first}={'[x]' if listed else 'x'}, {arguments}", any(same)


def in_tensorflow(call: Callable[[Any], None]) -> None:
    """Call with a tensor, and with one of a graph, as a function is traced with."""
    import tensorflow as tf

    tensor = tf.constant(np.arange(24, dtype="float32").reshape(SHAPE))
    call(tensor)
    with suppress(Exception), tf.Graph().as_default():  # some take no tensor whose numbers are not known yet
        call(tf.compat.v1.placeholder("float32", SHAPE))


def in_jax(call: Callable[[Any], None]) -> None:
    """Call with a tensor that a function is traced with; every call with one that is there is compiled, which takes long."""
    import jax

    jax.make_jaxpr(call)(np.zeros(SHAPE, "float32"))


def of_keras(traced: Traced) -> dict[str, Found]:
    """Of all declared operations of Keras 3, by the names of their functions."""
    import keras

    found = {}
    for name, parameters in declared():
        function = next((getattr(place, name) for place in (keras.ops, keras.activations) if hasattr(place, name)), None)
        if name == "get_item":
            function = keras.src.ops.numpy.get_item  # what x[...] calls
        if function is not None:
            found[name] = list(given_back(function, parameters, traced))
    return found


CHANGELESS: dict[str, dict[str, Any]] = {
    "Reshape": {"target_shape": SHAPE[1:]},
    "Permute": {"dims": (1, 2)},
    "Cropping1D": {"cropping": 0},
    "ZeroPadding1D": {"padding": 0},
    "UpSampling1D": {"size": 1},
    "AveragePooling1D": {"pool_size": 1},
    "MaxPooling1D": {"pool_size": 1},
    "Rescaling": {"scale": 1.0},
    "UnitNormalization": {},
    "Resizing": {"height": 2, "width": 4},
}
"""Layers of Keras that stop masks, made so that they change nothing."""


def of_layers(traced: Traced) -> dict[str, bool]:
    import keras

    found: dict[str, bool] = {}
    for name, config in CHANGELESS.items():
        layer = getattr(keras.layers, name)(**config)

        def call(x: Any, name: str = name, layer: Any = layer) -> None:
            found[name] = found.get(name, False) or layer(x) is x

        traced(call)
    return found


def declared() -> list[tuple[str, list[str]]]:
    from configsplit.catalog.operations.arguments import parameters
    from configsplit.catalog.operations.operation_table import KERAS

    return [(name, [each.name for each in parameters(found.parameters)]) for name, found in sorted(KERAS.items())]


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"operations": of_keras(in_jax), "layers": of_layers(in_jax)}))
