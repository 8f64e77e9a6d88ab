"""What TensorFlow.js does with every setting that the catalog says it leaves out or computes otherwise, and Keras 2 beside it.

Each value that makes no difference and one that makes one stand in a model of one layer, with the same weights and the same
input in both. TensorFlow.js may refuse it, not have the key, or compute something.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from configsplit.catalog import tfjs

IMAGE, ROW, FRAMES = (6, 6, 2), (6, 3), (3, 6, 6, 2)
_LOOP = {"recurrent_initializer": "zeros"}
"""The usual one needs more of TensorFlow.js than is asked here."""
MADE: Mapping[str, tuple[tuple[int, ...], Mapping[str, Any]]] = {
    "BatchNormalization": ((4,), {}),
    "CategoryEncoding": ((4,), {"num_tokens": 4, "output_mode": "multi_hot"}),
    "Conv1D": ((6, 4), {"filters": 4, "kernel_size": 2}),
    "Conv2D": ((6, 6, 4), {"filters": 4, "kernel_size": 2}),
    "Conv3D": ((5, 5, 5, 4), {"filters": 4, "kernel_size": 2}),
    "Conv2DTranspose": (IMAGE, {"filters": 3, "kernel_size": 3, "strides": 2}),
    "Conv3DTranspose": ((4, 4, 4, 2), {"filters": 3, "kernel_size": 3, "strides": 2}),
    "DepthwiseConv2D": (IMAGE, {"kernel_size": 2}),
    "SeparableConv2D": (IMAGE, {"filters": 3, "kernel_size": 2}),
    "Embedding": ((4,), {"input_dim": 5, "output_dim": 3}),
    "GRU": (ROW, {"units": 4, "reset_after": False, **_LOOP}),
    "GRUCell": (ROW, {"units": 4, "reset_after": False, **_LOOP}),
    "LSTM": (ROW, {"units": 4, **_LOOP}),
    "SimpleRNN": (ROW, {"units": 4, **_LOOP}),
    "Bidirectional": (ROW, {"units": 4, **_LOOP}),
    "RNN": (ROW, {"units": 4, **_LOOP}),
    "ConvLSTM2D": (FRAMES, {"filters": 2, "kernel_size": 2, **_LOOP}),
    "ReLU": ((4,), {}),
    "Softmax": (ROW, {}),
    "UpSampling2D": (IMAGE, {}),
    "GlobalAveragePooling1D": (ROW, {}),
    "GlobalMaxPooling1D": (ROW, {}),
    "GlobalAveragePooling2D": (IMAGE, {}),
    "GlobalMaxPooling2D": (IMAGE, {}),
    "AveragePooling1D": (ROW, {}),
    "MaxPooling1D": (ROW, {}),
}
"""Class -> the input of a layer, and what it is made with."""
OTHER: Mapping[str, Any] = {
    **dict.fromkeys(("renorm", "sparse", "time_major", "zero_output_for_mask", "reset_after", "keepdims"), True),
    **dict.fromkeys(("groups", "dilation_rate", "virtual_batch_size"), 2),
    "axis": 1,
    "data_format": "channels_first",
    "interpolation": "bilinear",
    "negative_slope": 0.5,
    "output_padding": 1,
    "padding": "causal",
    "threshold": 0.3,
}
"""A value of each key that makes a difference."""

MASK = "a mask"
"""Stands where keys do; what is masked then is every row of zeros."""

_PROGRAM = """
const core = require('@tensorflow/tfjs-core'), layers = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');
const camel = (key) => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const tried = async ({topology, key, inner, shape, input, weights}) => {
  try {
    const model = await layers.models.modelFromJSON(topology);
    const layer = model.layers[model.layers.length - 1], config = (inner ? layer.cell : layer).getConfig();
    const does = camel(key) in config || key in config ? 'computes' : 'has no such key';
    model.setWeights(weights.map(([size, values]) => core.tensor(values, size)));
    const output = model.predict(core.tensor(input, shape));
    const values = Array.from(output.dataSync()).slice(0, 8).map((each) => Math.round(each * 1e4) / 1e4);
    return {does, gives: {shape: output.shape, values}};
  } catch (error) { return {does: 'refuses', why: String(error.message).slice(0, 100)}; }
};
const all = async (each) => { const found = []; for (const one of each) found.push(await tried(one)); return found; };
all(JSON.parse(require('fs').readFileSync(0))).then((found) => process.stdout.write(JSON.stringify(found)));
"""


def _layer(class_name: str, options: Mapping[str, Any]) -> Any:
    from tf_keras import layers

    if class_name == "GRUCell":
        return layers.RNN(layers.GRUCell(**options, name="cell"), name="layer")
    if class_name == "Bidirectional":
        return layers.Bidirectional(layers.SimpleRNN(**options, name="inner"), name="layer")
    if class_name == "RNN":
        loop = {key: value for key, value in options.items() if key not in ("units", *_LOOP)}
        return layers.RNN(layers.SimpleRNNCell(options["units"], name="cell", **_LOOP), name="layer", **loop)
    return getattr(layers, class_name)(name="layer", **options)


def _with(class_name: str, config: dict[str, Any], key: str, value: Any) -> None:
    (config["cell"]["config"] if class_name == "GRUCell" else config)[key] = value
    if class_name == "SeparableConv2D":  # `convert` leaves these out, too
        for each in ("kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            config.pop(each, None)


def cases() -> Iterator[tuple[str, str, Any, bool]]:
    """Class, key, value, and whether the catalog says that it makes no difference."""
    for class_name, taken in tfjs._TAKEN.items():
        for key, allowed in taken.items():
            yield from ((class_name, key, value, True) for value in allowed if not isinstance(value, tuple))
            yield class_name, key, OTHER[key], False
    yield from ((class_name, MASK, True, True) for class_name in sorted(tfjs.MASKED))


def measured(folder: Path) -> list[dict[str, Any]]:
    """What TensorFlow.js in a folder does with every setting, beside what tf_keras does."""
    pairs = [_case(*case) for case in cases()]
    asked = json.dumps([question for question, _ in pairs])
    done = subprocess.run(["node", "-e", _PROGRAM], cwd=folder, input=asked, capture_output=True, text=True, check=True)
    return [entry | said for (_, entry), said in zip(pairs, json.loads(done.stdout), strict=True)]


def _case(class_name: str, key: str, value: Any, same: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is asked of TensorFlow.js, and what tf_keras says."""
    import numpy as np

    shape, options = MADE[class_name]
    base = _model(class_name, shape, options, key)
    weights = [np.sin(np.arange(each.size) + at).reshape(each.shape) for at, each in enumerate(base.get_weights())]
    weights = [abs(each) for each in weights] if class_name == "BatchNormalization" else weights
    given = np.cos(np.arange(2 * int(np.prod(shape)))).reshape(2, *shape).astype("float32")
    given = np.floor(abs(given) * 3) if class_name in ("CategoryEncoding", "Embedding") else given
    given[:, 4:] *= key != MASK
    entry: dict[str, Any] = {"class": class_name, "key": key, "value": value, "same": same}
    try:
        model = base if key == MASK else _model(class_name, shape, {**options, key: value}, key)
        model.set_weights(weights)
        wanted = np.asarray(model(given))
        entry["keras"] = {"shape": list(wanted.shape), "values": [round(float(each), 4) for each in wanted.ravel()[:8]]}
    except (TypeError, ValueError, AttributeError, NotImplementedError):
        entry["keras"] = None  # it refuses the value, or has other weights then
    topology = json.loads(base.to_json())
    if key != MASK:
        _with(class_name, topology["config"]["layers"][1]["config"], key, value)
    told = [[list(each.shape), each.ravel().tolist()] for each in weights]
    question = {"topology": topology, "key": key, "inner": class_name == "GRUCell", "weights": told}
    return {**question, "shape": list(given.shape), "input": given.ravel().tolist()}, entry


def _model(class_name: str, shape: tuple[int, ...], options: Mapping[str, Any], key: str) -> Any:
    import tf_keras

    masking = [tf_keras.layers.Masking(name="masking")] if key == MASK else []
    return tf_keras.Sequential([tf_keras.Input(shape, name="x"), *masking, _layer(class_name, options)], name="model")
