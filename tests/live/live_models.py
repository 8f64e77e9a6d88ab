"""Live models for the tests in this folder, the same for every Keras, and what they compute."""

from __future__ import annotations

from typing import Any

import numpy as np


def branching(keras: Any) -> Any:
    """A stem, a branch, a nested model that is called twice, a head."""
    layers = keras.layers
    image = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="c1")(image)
    y = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, padding="same", name="c2")(x))
    inner_in = keras.Input((8, 8, 4), name="inner_in")
    inner = keras.Model(inner_in, layers.Dense(4, name="fc")(layers.Activation("relu", name="act")(inner_in)), name="inner")
    z = layers.Add(name="sum")([inner(x), y, inner(y)])
    return strange(keras.Model(image, layers.Dense(2, name="out")(layers.Flatten(name="flat")(z)), name="branching"))


def strange(model: Any, seed: int = 5) -> Any:
    """Weights that no initializer makes; positive, as variances have to be."""
    chance = np.random.default_rng(seed)
    model.set_weights([np.abs(chance.normal(size=value.shape)).astype(value.dtype) * 0.3 for value in model.get_weights()])
    return model


def images(count: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 8, 8, 3)).astype("float32")


def numbers(keras: Any, outputs: Any) -> list[np.ndarray]:
    """What a model gave, flat, as numpy."""
    listed = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    if keras.__name__ == "keras":
        return [np.asarray(keras.ops.convert_to_numpy(value)) for value in listed]
    return [np.asarray(value) for value in listed]


def run(keras: Any, model: Any, *inputs: np.ndarray) -> list[np.ndarray]:
    return numbers(keras, model(inputs[0] if len(inputs) == 1 else list(inputs), training=False))


def same(ours: list[np.ndarray], theirs: list[np.ndarray]) -> bool:
    """Bit for bit."""
    assert ours
    return [(v.dtype, v.shape, v.tobytes()) for v in ours] == [(v.dtype, v.shape, v.tobytes()) for v in theirs]


def everything(model: Any) -> list[Any]:
    """A layer and all that are in it."""
    found, todo = [], [model]
    while todo:
        layer = todo.pop()
        found.append(layer)
        todo += [each for each in getattr(layer, "layers", ()) if each not in found and each not in todo]
    return found


def state(model: Any) -> Any:
    """All of a model that surgery could touch: configuration, names, nodes on both sides, weights, flags."""
    layers = everything(model)
    return (
        model.to_json() if shows(model) else None,
        [layer.name for layer in layers],
        [len(getattr(layer, side)) for layer in layers for side in ("_inbound_nodes", "_outbound_nodes")],
        [id(node) for layer in layers for side in ("_inbound_nodes", "_outbound_nodes") for node in getattr(layer, side)],
        [layer.trainable for layer in layers],
        [id(variable) for variable in model.weights],
        [value.tobytes() for value in model.get_weights()],
    )


def shows(model: Any) -> bool:
    return type(model).__name__ in ("Functional", "Sequential")
