"""Multiply-accumulates, counted once more from the live layer: its own kernels, and the places where each is applied."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from support.layer_cases import Case


def _kernels(layer: Any, *names: str) -> list[tuple[int, ...]]:
    """Shapes of the layer's weights of these names, or of all kernels."""
    found = [(weight.name.split(":")[0].split("/")[-1], tuple(weight.shape)) for weight in layer.weights]
    return [shape for name, shape in found if (name in names if names else name.endswith("kernel"))]


def _spatial(shape: Any, case: Case) -> int:
    first = case.kwargs.get("data_format") == "channels_first"
    return prod(shape[2:] if first else shape[1:-1])


def _dense(layer: Any, case: Case, given: Any, result: Any) -> int:
    return prod(given[0][1:-1]) * sum(map(prod, _kernels(layer)))


def _windows(layer: Any, case: Case, given: Any, result: Any) -> int:
    return _spatial(result, case) * sum(map(prod, _kernels(layer)))


def _from_inputs(layer: Any, case: Case, given: Any, result: Any) -> int:
    return _spatial(given[0], case) * sum(map(prod, _kernels(layer)))


def _per_step(layer: Any, case: Case, given: Any, result: Any) -> int:
    steps = given[0][0] if case.kwargs.get("time_major") else given[0][1]
    return steps * sum(map(prod, _kernels(layer)))


def _film(layer: Any, case: Case, given: Any, result: Any) -> int:
    """Both kernels at every place of every frame."""
    frame = result[2:] if case.kwargs.get("return_sequences") else result[1:]
    return given[0][1] * _spatial((None, *frame), case) * sum(map(prod, _kernels(layer)))


def _local(layer: Any, case: Case, given: Any, result: Any) -> int:
    """Every output is a sum over its own window."""
    size = case.kwargs["kernel_size"]
    window = prod(size) if isinstance(size, tuple) else size ** (len(given[0]) - 2)
    return prod(result[1:]) * window * given[0][-1]


def _dot(layer: Any, case: Case, given: Any, result: Any) -> int:
    axes = case.kwargs["axes"]
    return prod(result[1:]) * given[0][axes[0] if isinstance(axes, tuple) else axes]


def _scores(layer: Any, case: Case, given: Any, result: Any) -> int:
    query, value, key = (*given, given[1])[:3]
    return query[1] * value[1] * (key[-1] + value[-1])


def _heads(layer: Any, case: Case, given: Any, result: Any) -> int:
    """Each projection at every place of its operand, then scores and their weighted sum for every head."""
    query, value, key = (*given, given[1])[:3]
    heads = case.kwargs.get("num_heads") or case.kwargs["num_query_heads"]
    size = case.kwargs.get("key_dim") or case.kwargs["head_dim"]
    width = case.kwargs.get("value_dim") or size
    places = {"query": query, "key": key, "value": value, "gate": query, "output": query}
    total = 0
    for name, inner in _projections(layer).items():
        total += prod(places[name][1:-1]) * sum(map(prod, _kernels(inner)))
    return total + prod(query[1:-1]) * prod(value[1:-1]) * heads * (size + width)


def _projections(layer: Any) -> dict[str, Any]:
    found = {name: getattr(layer, f"_{name}_dense", None) for name in ("query", "key", "value", "gate", "output")}
    return {name: inner for name, inner in found.items() if inner is not None}


def _einsum(layer: Any, case: Case, given: Any, result: Any) -> int:
    """One product for every combination of the letters of the kernel and of those of the input beside them."""
    source, rest = case.kwargs["equation"].replace("...", "").split(",")
    kernel, _ = rest.split("->")
    sizes = dict(zip(kernel, _kernels(layer)[0], strict=True))
    elided = len(given[0]) - len(source)
    shape = given[0] if not case.kwargs["equation"].startswith("...") else given[0][elided:]
    beside = [size for letter, size in zip(source, shape, strict=False) if letter not in sizes and size is not None]
    hidden = given[0][1:elided] if case.kwargs["equation"].startswith("...") else given[0][len(source) :]
    return prod(sizes.values()) * prod(beside) * prod(hidden)


def _wave(layer: Any, case: Case, given: Any, result: Any) -> int:
    """A window of every channel, at every step, for every number that comes out of it (two parts of each, for a power)."""
    parts = {"stft": 1}.get(case.kwargs.get("mode", "log"), 2)
    steps = result[1]
    return parts * steps * prod(result[2:]) * case.kwargs["frame_length"]


Formula = Callable[[Any, Case, Any, Any], int]

FORMULAS: dict[str, Formula] = {
    name: formula
    for formula, names in (
        (_dense, "Dense"),
        (_einsum, "EinsumDense"),
        (_windows, "Conv1D Conv2D Conv3D DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D"),
        (_from_inputs, "Conv1DTranspose Conv2DTranspose Conv3DTranspose"),
        (_per_step, "LSTM GRU SimpleRNN"),
        (_film, "ConvLSTM1D ConvLSTM2D ConvLSTM3D"),
        (_local, "LocallyConnected1D LocallyConnected2D"),
        (_dot, "Dot"),
        (_scores, "Attention AdditiveAttention"),
        (_wave, "STFTSpectrogram"),
        (_heads, "MultiHeadAttention GroupQueryAttention"),
        (lambda layer, case, given, result: given[0][-1] * case.kwargs["output_dim"], "RandomFourierFeatures"),
    )
    for name in names.split()
}


def expected_operations(layer: Any, case: Case, given: Any, result: Any) -> int | None:
    """What a layer multiplies and adds up for one sample: nothing where it has no formula; ``None`` where sizes are open."""
    shapes = [spec[0] if spec and isinstance(spec[0], tuple) else spec for spec in case.inputs]
    if any(None in shape[1:] for shape in shapes) or case.kwargs.get("attention_axes") is not None or case.call.get("reverse"):
        return None
    return FORMULAS[case.name](layer, case, given, result) if case.name in FORMULAS else 0
