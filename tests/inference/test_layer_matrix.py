"""Every combination of what constructors take, in Keras 3 and tf_keras: what Keras refuses is no case, all else must agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from live import FRAMEWORKS, inferred, inferred_weights, inputs_of, live, outputs, tf, weights
from support.layer_cases import Case

SHAPES = {1: (9,), 2: (9, 10), 3: (6, 7, 8)}
Grid = dict[str, tuple[Any, ...]]

WINDOW: Grid = {"strides": (1, 2, 3), "padding": ("valid", "same"), "data_format": ("channels_last", "channels_first")}
CONV: Grid = {"kernel_size": (1, 2, 3), **WINDOW, "dilation_rate": (1, 2)}
KEEP: Grid = {"keepdims": (False, True), "data_format": ("channels_last", "channels_first")}
STATES: Grid = {"return_sequences": (False, True), "return_state": (False, True), "use_bias": (False, True)}

GRIDS: dict[str, tuple[int, dict[str, Any], Grid]] = {
    **{f"Conv{rank}D": (rank, {"filters": 4}, {**CONV, "groups": (1, 2), "use_bias": (True, False)}) for rank in (1, 2, 3)},
    **{f"DepthwiseConv{rank}D": (rank, {}, {**CONV, "depth_multiplier": (1, 2)}) for rank in (1, 2)},
    **{f"SeparableConv{rank}D": (rank, {"filters": 4}, {**CONV, "depth_multiplier": (1, 2)}) for rank in (1, 2)},
    **{f"Conv{rank}DTranspose": (rank, {"filters": 4}, {**CONV, "output_padding": (None, 0, 1)}) for rank in (1, 2, 3)},
    **{
        f"{kind}Pooling{rank}D": (rank, {}, {"pool_size": (2, 3), **WINDOW})
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    **{f"Global{kind}Pooling{rank}D": (rank, {}, KEEP) for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **{f"ZeroPadding{rank}D": (rank, {}, {"padding": (1, 2)}) for rank in (1, 2, 3)},
    **{f"Cropping{rank}D": (rank, {}, {"cropping": (1, 2)}) for rank in (1, 2, 3)},
    **{f"UpSampling{rank}D": (rank, {}, {"size": (2, 3)}) for rank in (1, 2, 3)},
    "BatchNormalization": (2, {}, {"axis": (1, 2, -1), "center": (True, False), "scale": (True, False)}),
    "LayerNormalization": (2, {}, {"axis": (1, -1, (1, 2)), "center": (True, False), "scale": (True, False)}),
    "GroupNormalization": (2, {}, {"groups": (1, 2), "axis": (-1,), "center": (True, False), "scale": (True, False)}),
    "LSTM": (1, {"units": 5}, STATES),
    "GRU": (1, {"units": 5}, {**STATES, "reset_after": (True, False)}),
    "SimpleRNN": (1, {"units": 5}, STATES),
    "ConvLSTM1D": (2, {"filters": 3, "kernel_size": 3}, {**STATES, "padding": ("valid", "same"), "strides": (1, 2)}),
    "ConvLSTM2D": (3, {"filters": 3, "kernel_size": 3}, {**STATES, "padding": ("valid", "same"), "strides": (1, 2)}),
}


def _cases(name: str) -> Iterator[Case]:
    rank, fixed, grid = GRIDS[name]
    spatial = SHAPES[rank]
    for values in product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        for sizes in (spatial, (None,) * rank):
            shape = (None, 4, *sizes) if chosen.get("data_format") == "channels_first" else (None, *sizes, 4)
            yield Case(name, {**fixed, **chosen}, (shape,))


REFUSALS = (ValueError, TypeError, NotImplementedError, AssertionError, tf.errors.OpError)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_all_that_keras_takes_is_inferred_alike(framework: str, name: str) -> None:
    seen: Counter[str] = Counter()
    for case in _cases(name):
        used = FRAMEWORKS[framework]
        try:
            layer = getattr(used.layers, name)(**case.kwargs)
            tensors = inputs_of(used, case.inputs)
            flat = tf.nest.flatten(layer(*tensors))
            model = used.Model(tensors, flat)
        except REFUSALS:
            seen["refused"] += 1
            continue
        seen["taken"] += 1
        inference = inferred(model)
        assert outputs(inference) == [live(tensor) for tensor in flat], (case.id, inference.reasons)
        assert inferred_weights(inference, layer.name) == weights(used, layer), case.id
    assert seen["taken"] > len(GRIDS[name][2])
