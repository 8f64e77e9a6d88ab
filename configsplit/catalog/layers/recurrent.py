"""Recurrent layers: LSTM, GRU, SimpleRNN, RNN over cells, the CuDNN layers of Keras 2, and convolutional LSTMs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from configsplit.catalog.classes import class_in
from configsplit.catalog.facts import CallFacts
from configsplit.catalog.layers.convolution import both_above_one, convolved
from configsplit.catalog.rules import (
    Outputs,
    Weights,
    class_of_keras,
    compute_dtype,
    declare,
    elements,
    first_shape,
    impossible,
    known,
    sizes,
    split_channels,
    unknown,
    weight,
    with_channels,
)
from configsplit.catalog.values import (
    ANYTHING,
    DATA_FORMAT,
    LAYER,
    PADDING,
    SEED,
    Values,
    axis_sizes,
    number,
    several,
    whole,
)
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind of cell: how many gates its kernels hold side by side, how many states it hands on, and its bias.

    ``peepholes`` are the gates that look at the state.
    """

    gates: int
    states: int
    bias: Callable[[FrozenDict, int], Shape]
    peepholes: tuple[str, ...] = ()


def _gru_bias(config: FrozenDict, width: int) -> Shape:
    """Files without ``reset_after`` come from Keras before 2.1, where there was no such thing."""
    return (2, width) if config.get("reset_after", False) else (width,)


CELLS = {
    "PeepholeLSTM": Cell(4, 2, lambda config, width: (width,), ("input_gate", "forget_gate", "output_gate")),
    "SimpleRNN": Cell(1, 1, lambda config, width: (width,)),
    "GRU": Cell(3, 1, _gru_bias),
    "LSTM": Cell(4, 2, lambda config, width: (width,)),
    "CuDNNGRU": Cell(3, 1, lambda config, width: (2 * width,)),
    "CuDNNLSTM": Cell(4, 2, lambda config, width: (2 * width,)),
}


_AROUND = ("DropoutWrapper", "ResidualWrapper", "DeviceWrapper")
"""What tf.keras wraps around cells: neither their states nor their weights change."""


def cells_of(call: CallFacts) -> list[tuple[str, FrozenDict]]:
    """Kind and config of every cell of a recurrent layer, or of a cell called by itself; stacks of stacks flattened.

    Raises:
        ShapeError: the class of one is nobody's that is known here.
    """
    return [_known(cell) for cell in _all_cells(call)]


def _known(cell: tuple[str, FrozenDict]) -> tuple[str, FrozenDict]:
    if cell[0] not in CELLS:
        raise unknown(f"there is no rule for the cell class {cell[0]!r}")
    return cell


def _all_cells(call: CallFacts) -> list[tuple[str, FrozenDict]]:
    if call.class_name in CELLS:
        return [(call.class_name, call.config)]
    by_itself = FrozenDict({"class_name": call.class_name, "config": call.config})
    todo, cells = [call.config["cell"] if call.class_name == "RNN" else by_itself], []
    while todo:
        entry = todo.pop()
        name = class_in(entry)
        kind = name.removesuffix("Cell")
        if name == "StackedRNNCells":
            todo.extend(reversed(entry["config"]["cells"]))
        elif name in _AROUND:
            todo.append(entry["config"]["cell"])
        else:
            cells.append((kind if kind in CELLS else name, entry["config"]))
    return cells


def over_own_cell(call: CallFacts) -> bool:
    """Whether an RNN ends in a cell of a class of the user's own."""
    return call.class_name == "RNN" and _all_cells(call)[-1][0] not in CELLS


def seemingly(call: CallFacts) -> Iterator[CallFacts]:
    """An RNN over a cell of the user's own that has ``units``, as each recurrent layer of Keras that might have its weights."""
    units = _all_cells(call)[-1][1].get("units")
    if type(units) is int:
        config = FrozenDict({**call.config.without("cell"), "units": units, "use_bias": False})
        yield from (replace(call, class_name=kind, config=config) for kind in ("SimpleRNN", "GRU", "LSTM"))


def _units(config: FrozenDict) -> int:
    return int(config["units"])


def _sequence(call: CallFacts) -> tuple[int | None, int | None]:
    """Batch and time."""
    first, second, *_ = first_shape(call)
    return (second, first) if call.config.get("time_major") else (first, second)


def recurrent_outputs(call: CallFacts) -> Outputs:
    dtype = compute_dtype(call)
    batch, time = _sequence(call)
    _check_batch(call, batch)
    _check_steps(call, time)
    units = _units(_known(_all_cells(call)[-1])[1])
    outputs = [TensorSpec(_over_time(call, batch, time, units), dtype)]
    if call.config.get("return_state"):
        outputs += [TensorSpec((batch, size), dtype) for size in _state_sizes(call, cells_of(call))]
    return tuple(outputs)


def _check_batch(call: CallFacts, batch: int | None) -> None:
    """Raises ShapeError where states are kept from batch to batch, of nobody knows how many samples."""
    if call.config.get("stateful") and batch is None:
        raise impossible("a stateful layer has to know the number of samples")


def _check_steps(call: CallFacts, time: int | None) -> None:
    """Raises ShapeError where Keras 2 would write out steps of which nobody knows how many there are."""
    if call.config.get("unroll") and time is None and call.dialect != "keras3":
        raise impossible("a layer that is unrolled has to know the number of steps")


def _over_time(call: CallFacts, batch: int | None, time: int | None, units: int) -> Shape:
    if not call.config.get("return_sequences"):
        return (batch, units)
    return (time, batch, units) if call.config.get("time_major") else (batch, time, units)


def _state_sizes(call: CallFacts, cells: list[tuple[str, FrozenDict]]) -> list[int]:
    if _reversed_states(call):
        cells = cells[::-1]
    return [_units(config) for kind, config in cells for _ in range(CELLS[kind].states)]


def _reversed_states(call: CallFacts) -> bool:
    cell = call.config.get("cell")
    return isinstance(cell, FrozenDict) and bool(cell["config"].get("reverse_state_order"))


def recurrent_weights(call: CallFacts) -> Weights:
    """Kernel, recurrent kernel and bias of every cell; a stack's names begin with the cell's number."""
    cells = cells_of(call)
    size, weights = first_shape(call)[-1], []
    for place, (kind, config) in enumerate(cells):
        prefix = f"cells/{place}/" if len(cells) > 1 else ""
        inner = replace(call, config=config if "dtype" in config else config | {"dtype": call.config.get("dtype")})
        weights += [replace(spec, name=prefix + spec.name) for spec in _cell_weights(inner, CELLS[kind], size)]
        size = _units(config)
    return tuple(weights)


def _cell_weights(call: CallFacts, cell: Cell, size: int | None) -> Weights:
    units = _units(call.config)
    width = cell.gates * units
    kernels = (weight(call, "kernel", size, width), weight(call, "recurrent_kernel", units, width))
    biases = (weight(call, "bias", *cell.bias(call.config, width)),) if call.config.get("use_bias", True) else ()
    peepholes = tuple(weight(call, f"{gate}_peephole_weights", units) for gate in cell.peepholes)
    return (*kernels, *biases, *peepholes)


def recurrent_macs(call: CallFacts) -> int:
    """Every kernel once a time step."""
    return known(_sequence(call)[1], "the number of time steps") * _step_macs(call)


def _step_macs(call: CallFacts) -> int:
    return sum(elements(spec.shape) for spec in recurrent_weights(call) if spec.name.endswith("kernel"))


def cell_outputs(call: CallFacts) -> Outputs:
    """A cell that is called by itself gives its output and its new states."""
    cells, dtype, batch = cells_of(call), compute_dtype(call), first_shape(call)[0]
    states = [_units(config) for kind, config in cells for _ in range(CELLS[kind].states)]
    return tuple(TensorSpec((batch, size), dtype) for size in (_units(cells[-1][1]), *states))


def _frames(call: CallFacts) -> tuple[Shape, Shape]:
    """A frame's spatial dimensions before and after the input convolution."""
    batch, _, *frame = first_shape(call)
    spatial, _ = split_channels(call, (batch, *frame))
    return spatial, tuple(convolved(call, spatial))


def conv_lstm_outputs(call: CallFacts) -> Outputs:
    batch, time, *_ = first_shape(call)
    _check_batch(call, batch)
    frame = with_channels(call, batch, _frames(call)[1], int(call.config["filters"]))
    dtype = compute_dtype(call)
    output = (batch, time, *frame[1:]) if call.config.get("return_sequences") else frame
    states = (TensorSpec(frame, dtype),) * 2 if call.config.get("return_state") else ()
    return (TensorSpec(output, dtype), *states)


def conv_lstm_weights(call: CallFacts) -> Weights:
    shape = first_shape(call)
    _, channels = split_channels(call, (shape[0], *shape[2:]))
    filters = int(call.config["filters"])
    window = sizes(call.config["kernel_size"], len(shape) - 3)
    kernels = (
        weight(call, "kernel", *window, channels, 4 * filters),
        weight(call, "recurrent_kernel", *window, filters, 4 * filters),
    )
    return (*kernels, weight(call, "bias", 4 * filters)) if call.config.get("use_bias", True) else kernels


def over_cell(call: CallFacts) -> CallFacts:
    """ConvRNN2D keeps in a cell what ConvLSTM2D has in its own config."""
    cell = call.config["cell"]
    if cell["class_name"] != "ConvLSTM2DCell":
        raise unknown(f"there is no rule for the cell class {cell['class_name']!r}")
    return replace(call, config=FrozenDict({**cell["config"], **call.config}))


def conv_lstm_macs(call: CallFacts) -> int:
    places = known(first_shape(call)[1], "the number of time steps") * elements(_frames(call)[1])
    return places * sum(elements(spec.shape) for spec in conv_lstm_weights(call)[:2])


_CELLS = "SimpleRNNCell GRUCell LSTMCell PeepholeLSTMCell"
_OVER_CELLS = "StackedRNNCells DropoutWrapper ResidualWrapper DeviceWrapper"

_STEPS: dict[str, Any] = {"uses_mask": ("mask",), "recurrent": True, "training": True}

_DROPPED = {"dropout": number(-inf), "recurrent_dropout": number(-inf)}
_UNITS = {"units": whole(), **_DROPPED}
_SEEDED = {"seed": SEED}


def _conv_values(rank: int) -> dict[str, Values]:
    several = axis_sizes(rank)
    return {
        **_DROPPED,
        "unroll": Values("false", lambda value: not value),
        "filters": whole(),
        "kernel_size": several,
        "strides": axis_sizes(rank, cut=True),
        "dilation_rate": several,
        "padding": PADDING,
        "data_format": DATA_FORMAT,
    }


_CELL_CLASSES = (*_CELLS.split(), *_OVER_CELLS.split(), "AbstractRNNCell", "ConvLSTM2DCell")


def _no_cell(config: FrozenDict) -> str:
    """What stands where a cell should be."""
    cell = config.get("cell", config.get("cells"))
    entries = cell if isinstance(cell, tuple) else (cell,)
    names = [class_of_keras(entry) for entry in entries if isinstance(entry, FrozenDict)]
    strange = next((name for name in names if name and name not in _CELL_CLASSES), "")
    return f"a {strange} is no cell" if strange else ""


_HOLDING: dict[str, Any] = {
    "values": {"cell": several(LAYER, 1), "cells": several(LAYER)},
    "values3": {"cells": several(LAYER, 1)},
    "conflict": _no_cell,
}

LAYERS = (
    *declare(_CELLS, cell_outputs, recurrent_weights, _step_macs, training=True, values=_UNITS, values3=_SEEDED),
    *declare(_OVER_CELLS, cell_outputs, recurrent_weights, _step_macs, training=True, **_HOLDING),
    *declare(
        "LSTM GRU SimpleRNN",
        recurrent_outputs,
        recurrent_weights,
        recurrent_macs,
        "passes",
        of_ragged="ragged",
        input_of=lambda config, kernel: (None, None, kernel[0]),
        ranks=(3, 3),
        values=_UNITS,
        values3=_SEEDED,
        **_STEPS,
    ),
    *declare(
        "RNN",
        recurrent_outputs,
        recurrent_weights,
        recurrent_macs,
        "passes",
        ranks=(3, None),
        of_ragged="ragged",
        **_STEPS,
        **_HOLDING,
    ),
    *declare("CuDNNLSTM CuDNNGRU", recurrent_outputs, recurrent_weights, recurrent_macs, "stops", ranks=(3, 3), **_STEPS),
    *declare(
        "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
        conv_lstm_outputs,
        conv_lstm_weights,
        conv_lstm_macs,
        "passes",
        keras3={"deaf_when_frozen": True},
        beside=3,
        values=_conv_values,
        values3={"filters": whole(0), "unroll": ANYTHING, **_SEEDED},
        conflict=both_above_one,
        **_STEPS,
    ),
    *declare(
        "ConvRNN2D",
        lambda call: conv_lstm_outputs(over_cell(call)),
        lambda call: conv_lstm_weights(over_cell(call)),
        lambda call: conv_lstm_macs(over_cell(call)),
        beside=3,
        mask="passes",
        **_STEPS,
    ),
)
