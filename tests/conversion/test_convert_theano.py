"""What Theano padded, against its own definition in numpy: zeros on both sides alike, kernels turned round."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.conversion import Bench

from configsplit import convert
from configsplit.runtime.arrays import Stored

RNG = np.random.default_rng(11)


def written(folder: Path, class_name: str, config: dict[str, Any], weights: dict[str, Any], *, old: bool = False) -> Path:
    """A Sequential of one layer with weights, as Keras 2.3 (or 1.2) over Theano saved it."""
    first = {"batch_input_shape": [None, 7, 8, 3], **({"input_dtype": "float32"} if old else {"dtype": "float32"})}
    layer = {"class_name": class_name, "config": {"name": "layer", "trainable": True, **config, **first}}
    inner: Any = [layer] if old else {"name": "m", "layers": [layer]}
    with h5py.File(folder / "old.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": inner}).encode()
        file.attrs["keras_version"] = b"1.2.2" if old else b"2.3.1"
        if not old:
            file.attrs["backend"] = b"theano"
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [b"layer"]
        own = group.create_group("layer")
        own.attrs["weight_names"] = [name.encode() for name in weights]
        for name, values in weights.items():
            own[name] = values
    return folder / "old.h5"


def theano(x: Any, kernel: Any, mode: str, stride: int) -> Any:
    """``T.nnet.conv2d`` with ``half`` or ``full`` borders, kernels turned round, and what Keras cuts off behind it."""
    rows, columns = kernel.shape[:2]
    pads = [(size // 2 if mode == "same" else size - 1,) * 2 for size in (rows, columns)]
    wide = np.pad(x.astype("float64"), [(0, 0), *pads, (0, 0)])
    turned = kernel[::-1, ::-1].astype("float64")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (rows, columns), (1, 2))[:, ::stride, ::stride]
    found = np.einsum("bhwcij,ijcf->bhwf", windows, turned)
    cuts = [
        -(-size // stride) if mode == "same" and width % 2 == 0 else None
        for size, width in zip(x.shape[1:3], (rows, columns), strict=True)
    ]
    return found[:, : cuts[0], : cuts[1]]


def run(path: Path, x: Any, bench: Bench, **given: Any) -> Any:
    made = convert(path, **given)
    assert made.refusals == ()
    made.save(path.with_name("new.keras"))
    return bench.run(bench.keras, path.with_name("new.keras"), None, [Stored("float32", x)], safe=True)[0].values


@pytest.mark.parametrize(("rows", "columns", "stride"), [(3, 3, 2), (2, 4, 1), (2, 3, 2), (3, 5, 1)])
def test_a_convolution_that_theano_padded(rows: int, columns: int, stride: int, tmp_path: Path, bench: Bench) -> None:
    x, kernel = RNG.normal(size=(2, 7, 8, 3)).astype("float32"), RNG.normal(size=(rows, columns, 3, 4)).astype("float32")
    config = {"filters": 4, "kernel_size": [rows, columns], "strides": [stride, stride], "padding": "same", "use_bias": False}
    source = written(tmp_path, "Conv2D", {**config, "data_format": "channels_last"}, {"layer/kernel:0": kernel})
    wanted = theano(x, kernel, "same", stride)
    assert np.abs(run(source, x, bench) - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_a_full_border(tmp_path: Path, bench: Bench) -> None:
    x, kernel = RNG.normal(size=(2, 7, 8, 3)).astype("float32"), RNG.normal(size=(3, 2, 3, 4)).astype("float32")
    config = {"nb_filter": 4, "nb_row": 3, "nb_col": 2, "border_mode": "full", "dim_ordering": "tf", "bias": False}
    source = written(tmp_path, "Convolution2D", {**config, "subsample": [1, 1]}, {"layer_W": kernel}, old=True)
    wanted = theano(x, kernel, "full", 1)
    assert np.abs(run(source, x, bench, backend="theano") - wanted).max() <= 1e-5 * np.abs(wanted).max()


def test_a_separable_convolution_of_theano(tmp_path: Path, bench: Bench) -> None:
    """Keras turned depthwise kernels round before Theano did it again: they are used as they stand."""
    x, deep = RNG.normal(size=(2, 7, 8, 3)).astype("float32"), RNG.normal(size=(3, 3, 3, 2)).astype("float32")
    point = RNG.normal(size=(1, 1, 6, 4)).astype("float32")
    config = {"filters": 4, "kernel_size": [3, 3], "padding": "same", "depth_multiplier": 2, "use_bias": False}
    weights = {"layer/depthwise_kernel:0": deep, "layer/pointwise_kernel:0": point}
    source = written(tmp_path, "SeparableConv2D", {**config, "data_format": "channels_last"}, weights)
    channels = [theano(x[..., at : at + 1], deep[::-1, ::-1, at : at + 1], "same", 1) for at in range(3)]
    wanted = np.concatenate(channels, axis=-1) @ point[0, 0].astype("float64")
    assert np.abs(run(source, x, bench) - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("class_name", "config", "shapes"),
    [
        ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2]}, {}),
        ("SeparableConv2D", {"filters": 4, "kernel_size": [2, 2]}, {"depthwise_kernel": (2, 2, 3, 1), "kernel": (1, 1, 3, 4)}),
        ("Conv2DTranspose", {"filters": 4, "kernel_size": [3, 3], "strides": [2, 2]}, {"kernel": (3, 3, 4, 3)}),
    ],
)
def test_padding_of_theano_that_stands_nowhere_else_is_refused(
    class_name: str, config: dict[str, Any], shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    weights = {f"layer/{name}:0": np.zeros(shape, "float32") for name, shape in shapes.items()}
    config = {**config, "padding": "same", "data_format": "channels_last"} | ({"use_bias": False} if shapes else {})
    found = convert(written(tmp_path, class_name, config, weights)).refusals
    assert [each.code for each in found] == ["convert-backend"]
