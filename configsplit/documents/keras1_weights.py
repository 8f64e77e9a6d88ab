"""The shapes under which Keras 1 keeps the weights that Keras 2 has under others: kernels in Theano's order, one array a gate.

Nothing is moved here: a part of a Keras 1 model keeps them as they are. It is for holding a file against its configuration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from configsplit.ir.graph import Layer, Shape
from configsplit.ir.values import FrozenDict

_GATES = {"LSTM": 4, "GRU": 3}
_CONVOLUTIONS = frozenset(
    {
        "AtrousConvolution1D",
        "AtrousConvolution2D",
        "Convolution1D",
        "Convolution2D",
        "Convolution3D",
        "SeparableConvolution2D",
    }
)


def stored(layer: Layer, wanted: Sequence[Shape], found: Sequence[Shape]) -> list[Shape]:
    """The shapes of a layer's weights as a file of Keras 1 holds them, from those that its config implies in Keras 2.

    Args:
        layer: the layer; of a wrapper, what it wraps decides.
        wanted: the shapes in the order and layout of Keras 2, without a batch dimension.
        found: those in the file, which decide only where releases of Keras 1 differ among themselves.
    """
    class_name, config = _innermost(layer)
    if class_name in _GATES and config.get("consume_less") != "gpu":
        return [shape for triple in _triples(wanted) for shape in _by_gate(triple, _GATES[class_name])]
    if class_name == "ConvLSTM2D" and len(found) != len(wanted):
        return [_kernel(shape, config)[0] for triple in _triples(wanted) for shape in _by_gate(triple, 4)]
    if class_name == "Deconvolution2D":
        return [_deconvolution(shape, config) for shape in wanted]
    if class_name in _CONVOLUTIONS:
        newer, older = ([_kernel(shape, config)[number] for shape in wanted] for number in (0, 1))
        return older if Counter(older) <= Counter(found) else newer
    return list(wanted)


def _innermost(layer: Layer) -> tuple[str, FrozenDict]:
    class_name, config = layer.class_name, layer.config
    while isinstance(inner := config.get("layer"), FrozenDict) and isinstance(inner.get("config"), FrozenDict):
        class_name, config = str(inner.get("class_name")), inner["config"]
    return class_name, config


def _triples(wanted: Sequence[Shape]) -> list[Sequence[Shape]]:
    """Kernel, recurrent kernel and bias of each direction."""
    return [wanted[start : start + 3] for start in range(0, len(wanted), 3)]


def _by_gate(triple: Sequence[Shape], gates: int) -> list[Shape]:
    """``consume_less`` "cpu" and "mem" keep one array a gate, "gpu" all gates in one."""
    return [(*shape[:-1], (shape[-1] or 0) // gates) for shape in triple] * gates


def _kernel(shape: Shape, config: FrozenDict) -> tuple[Shape, Shape]:
    """The two forms of a kernel: that of Keras 1.0.6 and later, and that before it, which differ for one dimension only."""
    if len(shape) == 3:
        length, channels, filters = shape
        return (length, 1, channels, filters), (filters, channels, length, 1)
    if len(shape) > 3 and config.get("dim_ordering") == "th":
        return (both := (shape[-1], shape[-2], *shape[:-2])), both
    return shape, shape


def _deconvolution(shape: Shape, config: FrozenDict) -> Shape:
    """Keras 1 shapes its kernel like that of a convolution, Keras 2 with outputs before inputs."""
    if len(shape) < 4:
        return shape
    rows, columns, filters, channels = shape
    return (filters, channels, rows, columns) if config.get("dim_ordering") == "th" else (rows, columns, channels, filters)
