"""Dense, EinsumDense, locally connected and the other basic layers."""

from __future__ import annotations

import re
from math import inf, prod
from typing import Any

from configsplit.catalog.facts import CallFacts, LayerFacts, WeightSpec, always
from configsplit.catalog.rules import (
    Outputs,
    Weights,
    channels_first,
    compute_dtype,
    declare,
    declared_dtype,
    elements,
    first_shape,
    impossible,
    kept_dtype,
    kernel_and_bias,
    known,
    no_weights,
    one_output,
    sizes,
    split_channels,
    unknown,
    variable_dtype,
    weight,
    window_length,
    with_channels,
)
from configsplit.catalog.values import (
    DATA_FORMAT,
    NOTHING,
    PADDING,
    Values,
    axis_sizes,
    number,
    several,
    whole,
)
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec


def dense_shape(call: CallFacts) -> Shape:
    return (*first_shape(call)[:-1], int(call.config["units"]))


def dense_weights(call: CallFacts) -> Weights:
    units = int(call.config["units"])
    return with_lora(call, kernel_and_bias(call, (first_shape(call)[-1], units), (units,)))


def dense_macs(call: CallFacts) -> int:
    return elements(first_shape(call)[1:]) * int(call.config["units"])


def with_lora(call: CallFacts, weights: Weights, name: str = "kernel") -> Weights:
    """Low-rank adapters freeze the matrix, which moves to the end of ``layer.weights``.

    Raises ShapeError for a quantized layer: what it stores differs from release to release.
    """
    if str(call.config.get("quantization_mode") or "") or _quantized(call):
        raise unknown("the weights of a quantized layer are not declared")
    if not call.config.get("lora_rank"):
        return weights
    rank, matrix = int(call.config["lora_rank"]), weights[0].shape
    first = WeightSpec(f"lora_{name}_a", (*matrix[:-1], rank), variable_dtype(call))
    second = WeightSpec(f"lora_{name}_b", (rank, matrix[-1]), variable_dtype(call))
    return (*weights[1:], first, second, WeightSpec(weights[0].name, matrix, weights[0].dtype, False))


def _quantized(call: CallFacts) -> bool:
    dtype = call.config.get("dtype")
    name = dtype.get("class_name", "") if isinstance(dtype, dict) else str(dtype or "")
    return "Quantized" in name or "Int4" in name or "_from_" in name


_EQUATION = re.compile(r"(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?")


def _einsum(call: CallFacts) -> tuple[Shape, Shape, Shape | None, str, str, str]:
    """Output, kernel and bias shapes of an EinsumDense, and the three terms of its equation."""
    match = _EQUATION.fullmatch(str(call.config["equation"]).replace(" ", ""))
    if match is None:
        raise unknown("the einsum equation has a form that is not known")
    left, source, kernel, result = bool(match[1]), match[2], match[4], match[6]
    shape = first_shape(call)
    elided = len(shape) - len(source)
    if elided < 0:
        raise impossible(f"a tensor of {len(shape)} axes has none for all of {source!r}")
    output = _einsum_output(call, shape, elided, left)
    before = elided if left else 0
    if len(output) < before + len(result):
        raise impossible(f"output_shape has too few numbers for {result!r}")
    inputs = {letter: shape[place + before] for place, letter in enumerate(source)}
    outputs = {letter: output[place + before] for place, letter in enumerate(result)}
    for letter in (letter for letter in source if outputs.get(letter) is not None):
        if inputs[letter] != outputs[letter] and (inputs[letter] is not None or call.dialect == "keras3"):
            raise impossible(f"{letter!r} is {inputs[letter]} in what it takes, {outputs[letter]} in output_shape")
    matrix = tuple(inputs[letter] if letter in inputs else outputs[letter] for letter in kernel)
    bias = _einsum_bias(call, result, outputs, 0 if left else elided)
    if call.dialect != "keras3":  # tf.keras runs the operation, which knows more than the configured output shape
        whole = list(output)
        for place, letter in enumerate(result):
            whole[place + before] = outputs[letter] if outputs[letter] is not None else inputs.get(letter)
        output = tuple(whole)
    return output, matrix, bias, source, kernel, result


def _einsum_output(call: CallFacts, shape: Shape, elided: int, left: bool) -> Shape:
    declared: Any = call.config["output_shape"]
    tail = tuple(declared) if isinstance(declared, (tuple, list)) else (int(declared),)
    if elided <= 0:
        return (shape[0], *tail)
    return (shape[0], *shape[1:elided], *tail) if left else (shape[0], *tail, *shape[len(shape) - elided :])


def _einsum_bias(call: CallFacts, result: str, outputs: dict[str, int | None], elided: int) -> Shape | None:
    letters = call.config.get("bias_axes")
    if not letters:
        return None
    first = min(result.index(letter) for letter in letters)
    return (*(outputs[letter] if letter in letters else 1 for letter in result[first:]), *((1,) * elided))


def _unbiased(config: FrozenDict) -> str:
    """A bias has axes of the output alone."""
    result = str(config["equation"]).partition("->")[2]
    strange = sorted(set(config.get("bias_axes") or "") - set(result))
    return f"bias_axes has {', '.join(map(repr, strange))}, which the output {result!r} has not" if strange else ""


def einsum_shape(call: CallFacts) -> Shape:
    return _einsum(call)[0]


def einsum_weights(call: CallFacts) -> Weights:
    _, kernel, bias, *_ = _einsum(call)
    weights = (weight(call, "kernel", *kernel),)
    return with_lora(call, weights if bias is None else (*weights, weight(call, "bias", *bias)))


def einsum_macs(call: CallFacts) -> int:
    """The whole kernel for every place of the input that is not an axis of the kernel."""
    _, kernel, _, source, term, _ = _einsum(call)
    shape = first_shape(call)
    before = len(shape) - len(source) if str(call.config["equation"]).startswith("...") else 0
    letters = {place + before: letter for place, letter in enumerate(source)}
    beside = [size for place, size in enumerate(shape) if place and letters.get(place, ".") not in term]
    return elements(kernel) * elements(beside)


def local_shape(call: CallFacts) -> Shape:
    shape = first_shape(call)
    spatial, _ = split_channels(call, shape)
    return with_channels(call, shape[0], _local_lengths(call, spatial), int(call.config["filters"]))


def _local_lengths(call: CallFacts, spatial: Shape) -> list[int | None]:
    rank = len(spatial)
    windows, strides = sizes(call.config["kernel_size"], rank), sizes(call.config.get("strides", 1), rank)
    padding = call.config.get("padding", "valid")
    return [window_length(*axis, padding) for axis in zip(spatial, windows, strides, strict=True)]


def local_weights(call: CallFacts) -> Weights:
    """Kernels of LocallyConnected1D/2D, one for each place; implementation 2 keeps a dense matrix, 3 only what is not zero."""
    spatial, channels = split_channels(call, first_shape(call))
    lengths, filters = _local_lengths(call, spatial), int(call.config["filters"])
    inputs, kind = known(channels), int(call.config.get("implementation", 1))
    if kind == 2:
        places = ((inputs,), tuple(spatial), (filters,), tuple(lengths))
        first = channels_first(call)
        order = (0, 1, 2, 3) if first else (1, 0, 3, 2)
        kernel: Shape = tuple(size for place in order for size in places[place])
    elif kind == 3:
        kernel = (_local_taps(call, spatial) * inputs * filters,)
    else:
        kernel = (elements(lengths), elements(sizes(call.config["kernel_size"], len(spatial))) * inputs, filters)
    return kernel_and_bias(call, kernel, (*lengths, filters))


def _local_taps(call: CallFacts, spatial: Shape) -> int:
    """How many pairs of an input place and an output place are connected."""
    rank, padding = len(spatial), call.config.get("padding", "valid")
    axes = zip(spatial, sizes(call.config["kernel_size"], rank), sizes(call.config.get("strides", 1), rank), strict=True)
    return prod(_axis_taps(known(size), window, stride, padding) for size, window, stride in axes)


def _axis_taps(size: int, window: int, stride: int, padding: str) -> int:
    starts = range(0, size if padding == "same" else size - window + 1, stride)
    before = window // 2 if padding == "same" else 0
    return sum(min(start - before + window, size) - max(start - before, 0) for start in starts)


def local_macs(call: CallFacts) -> int:
    """Every place has a whole kernel of its own, whichever way it is kept."""
    spatial, channels = split_channels(call, first_shape(call))
    window = elements(sizes(call.config["kernel_size"], len(spatial)))
    return elements(_local_lengths(call, spatial)) * window * known(channels) * int(call.config["filters"])


def lambda_outputs(call: CallFacts) -> Outputs:
    """Lambda: the shape that Keras 2 keeps in the config, else what stands there cannot be known."""
    shape = call.config.get("output_shape")
    if not isinstance(shape, (tuple, list)) or call.config.get("output_shape_type") not in (None, "raw"):
        raise unknown("the code of a Lambda layer is not run, and its config gives no output shape")
    return (TensorSpec((first_shape(call)[0], *shape), declared_dtype(call)),)


def _local_values(rank: int) -> dict[str, Values]:
    several = axis_sizes(rank)
    return {
        "filters": whole(0),
        "kernel_size": several,
        "strides": several,
        "padding": PADDING,
        "data_format": DATA_FORMAT,
        "implementation": Values("1, 2 or 3", lambda value: value in (1, 2, 3)),
    }


def _unconnected(config: FrozenDict) -> str:
    kind = config.get("implementation", 1)
    if kind == 1 and str(config.get("padding", "valid")).lower() != "valid":
        return "implementation 1 needs the padding 'valid'"
    return "implementation 3 needs filters" if kind == 3 and config.get("filters") == 0 else ""


_SIZES = several(whole(0, none=True), 1)
_FORM = Values(_SIZES.wish, lambda value: value == () or (value is not None and _SIZES.takes(value)))

BASIC = (
    *declare(
        "Dense",
        one_output(dense_shape),
        dense_weights,
        dense_macs,
        mask="passes",
        input_of=lambda config, kernel: (None, kernel[0]),
        of_sparse="dense",
        of_ragged="ragged",
        ranks=(2, None),
        values={"units": whole(0, cut=True)},
        values3={"units": whole()},
    ),
    *declare(
        "EinsumDense",
        one_output(einsum_shape),
        einsum_weights,
        einsum_macs,
        rank_bound=True,
        of_sparse="dense",
        values={"output_shape": _FORM},
        conflict=_unbiased,
    ),
    *declare(
        "LocallyConnected1D LocallyConnected2D",
        one_output(local_shape, compute_dtype),
        local_weights,
        local_macs,
        values=_local_values,
        conflict=_unconnected,
    ),
    LayerFacts(  # its code may do anything with a mask that it is given; one of its own it has from its config
        class_name="Lambda", outputs=lambda_outputs, weights=no_weights, mask_key="mask", training=True, code_key="function"
    ),
    *declare("Identity", one_output(first_shape, kept_dtype), numbers="kept", keras3={"mask": "passes", "same_tensor": always}),
    *declare(
        "ActivityRegularization",
        one_output(first_shape, kept_dtype),
        mask="passes",
        same_tensor=always,
        numbers="kept",
        values=dict.fromkeys(("l1", "l2"), number(-inf, none=True)),
        values3=dict.fromkeys(("l1", "l2"), number(0, none=True)),
    ),
)


# Embedding layers.


def embedding_shape(call: CallFacts) -> Shape:
    return (*first_shape(call), int(call.config["output_dim"]))


def embedding_weights(call: CallFacts) -> Weights:
    matrix = weight(call, "embeddings", int(call.config["input_dim"]), int(call.config["output_dim"]))
    return with_lora(call, (matrix,), "embeddings")


def reversible_outputs(call: CallFacts) -> Outputs:
    """A call with ``reverse`` goes from vectors back to one logit for each token."""
    shape, size = first_shape(call), int(call.config["input_dim"])
    if call.kwargs.get("reverse") or True in call.args[1:]:
        dtype = call.config.get("reverse_dtype") or compute_dtype(call)
        return (TensorSpec((*shape[:-1], size), dtype),)
    return (TensorSpec(embedding_shape(call), compute_dtype(call)),)


def reversible_weights(call: CallFacts) -> Weights:
    if call.config.get("tie_weights", True):
        return embedding_weights(call)
    sizes = int(call.config["output_dim"]), int(call.config["input_dim"])
    return (*embedding_weights(call), weight(call, "reverse_embeddings", *sizes))


_IDS: dict[str, Any] = {"mask": "makes", "mask_key": "mask_zero", "mask_made": "not_zero", "limit_key": "input_dim"}

_TABLE3 = {"input_dim": whole(truth=False), "output_dim": whole(truth=False)}

EMBEDDING = (
    *declare(
        "Embedding",
        one_output(embedding_shape),
        embedding_weights,
        of_ragged="ragged",
        input_of=lambda config, kernel: (None, None),
        values={"input_dim": whole(), "output_dim": whole(), "weights": NOTHING},
        values3=_TABLE3,
        **_IDS,
    ),
    *declare("ReversibleEmbedding", reversible_outputs, reversible_weights, values3=_TABLE3, **_IDS),
)


LAYERS = (*BASIC, *EMBEDDING)
