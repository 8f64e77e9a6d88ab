"""Layers of one input that make, use, hand on or stop a mask.

By what they take: ids, vectors (F), sequences (T, F), documents (S, T, F).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import Any

from configsplit.testing.masked_sketch import FEATURES, STEPS, Made, Sketch, Spec, Tensor

Draw = Callable[[Sketch, Tensor], Made]
Config = dict[str, Any]


def one_input(sketch: Sketch, tensor: Tensor, *, several: bool = False) -> Made:
    """Any layer that takes the tensor; with ``several`` also those that give more than one."""
    if tensor.kind == "ids":
        return embedding(sketch, tensor)
    if tensor.kind == "bool":
        return sketch.layer("Activation", activation="linear"), [replace(tensor, ref="")]
    if sketch.often(sketch.custom):
        return undeclared(sketch, tensor)
    if tensor.rank == 2 and several and sketch.often(0.15):
        return sketch.pick((states, both_directions))(sketch, tensor)
    return sketch.pick(_TABLES[tensor.rank])(sketch, tensor)


# ---------------------------------------------------------------- makers


def embedding(sketch: Sketch, tensor: Tensor) -> Made:
    """For documents also at every sentence."""
    zero = sketch.often(0.85)
    spec = sketch.layer("Embedding", input_dim=9, output_dim=FEATURES, mask_zero=zero)
    if tensor.rank == 2 and sketch.often(0.2):
        spec = sketch.wrapper("TimeDistributed", spec)
    return spec, [tensor.like(*tensor.shape, FEATURES, masked=zero)]


def masking(sketch: Sketch, tensor: Tensor) -> Made:
    value = sketch.pick((0.0, 0.0, -1.0, 0.5))
    sketch.values.add(value)
    return sketch.layer("Masking", mask_value=value), [tensor.like(masked=True)]


# ---------------------------------------------------------------- what hands a mask on


def passing(sketch: Sketch, tensor: Tensor) -> Made:
    kinds: tuple[tuple[str, Config], ...] = (
        ("Dense", {"units": tensor.shape[-1]}),
        ("Dense", {"units": tensor.shape[-1], "activation": "tanh"}),
        ("Activation", {"activation": "tanh"}),
        ("Activation", {"activation": "relu"}),
        ("Dropout", {"rate": 0.5}),
        ("GaussianNoise", {"stddev": 0.3}),
        ("LayerNormalization", {}),
        ("BatchNormalization", {}),
        ("LeakyReLU", {}),
    )
    class_name, config = sketch.pick(kinds)
    return sketch.layer(class_name, **config), [tensor.like()]


def spatial(sketch: Sketch, tensor: Tensor) -> Made:
    return sketch.layer("SpatialDropout1D", rate=0.3), [tensor.like()]


def convolution(sketch: Sketch, tensor: Tensor) -> Made:
    spec = sketch.layer("Conv1D", filters=FEATURES, kernel_size=2, padding=sketch.pick(("same", "causal")))
    return spec, [tensor.like(tensor.shape[0], FEATURES)]


def at_every_step(sketch: Sketch, tensor: Tensor) -> Made:
    """TimeDistributed around a layer of what is in a step."""
    step = tensor.like(*tensor.shape[1:])
    spec, outputs = sketch.pick(_TABLES[step.rank])(sketch, step)
    return sketch.wrapper("TimeDistributed", spec), [tensor.like(tensor.shape[0], *outputs[0].shape)]


# ---------------------------------------------------------------- what uses a mask


def recurrent(sketch: Sketch, tensor: Tensor) -> Made:
    sequences = sketch.often(0.6)
    return recurrent_layer(sketch, sequences), [_after_steps(tensor, sequences, FEATURES)]


def recurrent_layer(sketch: Sketch, sequences: bool, **more: object) -> Spec:
    """In tf_keras mostly such as its fused kernels do not fit, for it takes seconds to trace these."""
    fused = sketch.often(0.5 if sketch.generation == "keras3" else 0.05)
    kinds: tuple[tuple[str, Config], ...] = (
        ("SimpleRNN", {}),
        ("SimpleRNN", {}),
        ("GRU", {"reset_after": fused}),
        ("LSTM", {} if fused else {"recurrent_activation": "hard_sigmoid"}),
    )
    class_name, own = sketch.pick(kinds)
    flags = ("go_backwards", "unroll", "zero_output_for_mask")
    drawn = {flag: True for flag in flags if sketch.often(0.12)}
    return sketch.layer(class_name, units=FEATURES, return_sequences=sequences, **own, **drawn, **more)


def _after_steps(tensor: Tensor, sequences: bool, features: int) -> Tensor:
    if sequences:
        return tensor.like(tensor.shape[0], features)
    return tensor.like(features, masked=False)


def states(sketch: Sketch, tensor: Tensor) -> Made:
    """A sequence and its last states."""
    spec = recurrent_layer(sketch, True, return_state=True)
    last = [tensor.like(FEATURES, masked=False)] * (2 if spec["class"] == "LSTM" else 1)
    return spec, [_after_steps(tensor, True, FEATURES), *last]


def bidirectional(sketch: Sketch, tensor: Tensor) -> Made:
    mode = sketch.pick(("concat", "sum", "ave", "mul"))
    spec, output = _bidirectional(sketch, tensor, mode)
    return spec, [output]


def both_directions(sketch: Sketch, tensor: Tensor) -> Made:
    """Bidirectional with an output for each direction."""
    spec, output = _bidirectional(sketch, tensor, None)
    return spec, [output, output]


def _bidirectional(sketch: Sketch, tensor: Tensor, mode: str | None) -> tuple[Spec, Tensor]:
    sequences = sketch.often(0.6)
    inner = recurrent_layer(sketch, sequences)
    inner["config"].pop("go_backwards", None)
    features = 2 * FEATURES if mode == "concat" else FEATURES
    return sketch.wrapper("Bidirectional", inner, merge_mode=mode), _after_steps(tensor, sequences, features)


def cells(sketch: Sketch, tensor: Tensor) -> Made:
    """RNN around one cell or a stack of two."""
    sequences = sketch.often(0.6)
    kinds = [sketch.pick(("SimpleRNNCell", "GRUCell", "LSTMCell")) for _ in range(sketch.pick((1, 2)))]
    spec = {**sketch.layer("RNN", return_sequences=sequences), "cells": [sketch.layer(kind, units=FEATURES) for kind in kinds]}
    return spec, [_after_steps(tensor, sequences, FEATURES)]


def average(sketch: Sketch, tensor: Tensor) -> Made:
    return sketch.layer("GlobalAveragePooling1D"), [tensor.like(tensor.shape[-1], masked=False)]


def convolutional_lstm(sketch: Sketch, tensor: Tensor) -> Made:
    sequences = sketch.often(0.5)
    spec = sketch.layer("ConvLSTM1D", filters=2, kernel_size=2, padding="same", return_sequences=sequences)
    steps, rows, _ = tensor.shape
    return spec, [tensor.like(steps, rows, 2) if sequences else tensor.like(rows, 2, masked=False)]


# ---------------------------------------------------------------- what stops a mask


def stopping(sketch: Sketch, tensor: Tensor) -> Made:
    steps, features = tensor.shape
    kinds: tuple[tuple[str, Config, tuple[int, ...]], ...] = (
        ("GlobalMaxPooling1D", {}, (features,)),
        ("Flatten", {}, (prod(tensor.shape),)),
        ("Reshape", {"target_shape": [steps, features]}, tensor.shape),
        ("Permute", {"dims": [1, 2]}, tensor.shape),
        ("ZeroPadding1D", {"padding": 1}, (steps + 2, features)),
        ("UpSampling1D", {"size": 2}, (2 * steps, features)),
    )
    class_name, config, shape = sketch.pick(kinds)
    return sketch.layer(class_name, **config), [tensor.like(*shape, masked=False)]


def repeated(sketch: Sketch, tensor: Tensor) -> Made:
    return sketch.layer("RepeatVector", n=STEPS), [tensor.like(STEPS, *tensor.shape, masked=False)]


def folded(sketch: Sketch, tensor: Tensor) -> Made:
    """(S, T, ...) to (S, everything else)."""
    shape = (tensor.shape[0], prod(tensor.shape[1:]))
    return sketch.layer("Reshape", target_shape=list(shape)), [tensor.like(*shape, masked=False)]


# ---------------------------------------------------------------- classes that nobody has declared

_ANY_RANK = ("PassScale", "StopScale", "ZeroMasked", "ZeroStop", "Invert", "MakeMask", "Peek")
_POOLS = ("MaskedMean", "MaskedMean", "AttentionPool", "AttentionPool")
_SEQUENCES = ("Block", "HiddenBlock", "HiddenBlockPass", "Reverse", "EverySecond", "Score")
_STOPPERS = frozenset({"StopScale", "ZeroStop", "Block", "HiddenBlock", *_POOLS})


def undeclared(sketch: Sketch, tensor: Tensor) -> Made:
    """See `configsplit.testing.masked_classes` for what each does. "Reg" in front: registered under a package name."""
    choices = _ANY_RANK + (_POOLS if tensor.rank > 1 else ()) + (_SEQUENCES if tensor.rank == 2 else ())
    kind = sketch.pick(choices)
    spec = sketch.layer(f"Reg{kind}" if sketch.often(0.4) else kind)
    shape = tensor.shape
    if kind in _POOLS:
        shape = (*shape[:-2], shape[-1])
    elif kind == "EverySecond":
        shape = ((shape[0] + 1) // 2, shape[1])
    elif kind == "Score":
        shape = shape[:1]
    return spec, [tensor.like(*shape, masked=kind == "MakeMask" or (tensor.masked and kind not in _STOPPERS))]


_VECTOR: tuple[Draw, ...] = (passing, passing, passing, passing, passing, repeated)
_SEQUENCE: tuple[Draw, ...] = (
    *(passing,) * 5, *(recurrent,) * 5, *(bidirectional,) * 2, *(masking,) * 2, *(average,) * 2,
    cells, at_every_step, stopping, stopping, convolution, spatial,
)  # fmt: skip
_DOCUMENT: tuple[Draw, ...] = (passing, passing, *(at_every_step,) * 5, convolutional_lstm, masking, folded)
_TABLES: dict[int, tuple[Draw, ...]] = {1: _VECTOR, 2: _SEQUENCE, 3: _DOCUMENT, 4: (passing, folded)}
