"""Preprocessing of numbers, categories, text and sound."""

from __future__ import annotations

from configsplit.catalog.facts import CallFacts, WeightSpec
from configsplit.catalog.rules import (
    Outputs,
    Weights,
    axes_of,
    channels_first,
    compute_dtype,
    declare,
    elements,
    first_shape,
    known,
    one_output,
    policy,
    policy_dtype,
    shape_of,
    unknown,
    variable_dtype,
    window_length,
)
from configsplit.catalog.values import AXES, DATA_FORMAT, one_of, whole
from configsplit.graph.model import Shape, TensorSpec, leaves


def encoded_shape(call: CallFacts, shape: Shape, depth: int | None) -> Shape:
    """One-hot adds an axis (or takes the place of a last axis of 1); multi-hot and counts replace the last axis."""
    if not shape:
        return (depth,)
    if call.config.get("output_mode") != "one_hot":
        return (*shape[:-1], depth)
    return (*shape[:-1], depth) if shape[-1] == 1 and len(shape) > 1 else (*shape, depth)


def category_outputs(call: CallFacts) -> Outputs:
    shape = encoded_shape(call, first_shape(call), int(call.config["num_tokens"]))
    return (TensorSpec(shape, compute_dtype(call), sparse=bool(call.config.get("sparse"))),)


def _written_dtype(call: CallFacts, default: str = "int64") -> str:
    """These layers name their output's dtype outright, integers included."""
    return policy_dtype(policy(call.config.get("dtype"))) or default


def discretization_outputs(call: CallFacts) -> Outputs:
    mode, shape = call.config.get("output_mode", "int"), first_shape(call)
    if mode == "int":
        return (TensorSpec(shape, "int32" if call.dialect == "keras3" else _written_dtype(call)),)
    boundaries = call.config.get("bin_boundaries")
    depth = len(boundaries) + 1 if boundaries is not None else int(call.config["num_bins"])
    if mode != "one_hot" and call.dialect == "keras3":
        shape = (shape[0], *shape[2:], depth) if len(shape) >= 2 else (depth,)
    else:
        shape = encoded_shape(call, shape, depth)
    return (TensorSpec(shape, _written_dtype(call, "float32")),)


def hashing_outputs(call: CallFacts) -> Outputs:
    shape, bins = first_shape(call), int(call.config["num_bins"])
    if call.config.get("output_mode", "int") == "int":
        return (TensorSpec(shape, _written_dtype(call)),)
    return (TensorSpec(encoded_shape(call, shape, bins), _written_dtype(call)),)


def crossing_outputs(call: CallFacts) -> Outputs:
    shape, bins = first_shape(call), int(call.config["num_bins"])
    if call.config.get("output_mode", "int") == "int":
        return (TensorSpec(shape, _written_dtype(call)),)
    return (TensorSpec(encoded_shape(call, shape, bins), _written_dtype(call, "float32")),)


def _vocabulary_size(call: CallFacts) -> int:
    """Tokens with mask and out-of-vocabulary ones. Raises ShapeError where the vocabulary is not in the config."""
    config = call.config
    if config.get("pad_to_max_tokens") and config.get("max_tokens"):
        return int(config["max_tokens"])
    if config.get("vocabulary_size"):  # tf.keras records it, special tokens included
        return int(config["vocabulary_size"])
    vocabulary = config.get("vocabulary")
    if not isinstance(vocabulary, tuple):
        raise unknown("the size of the vocabulary is not in the config")
    special = int(config.get("num_oov_indices", 1))
    return len([token for token in vocabulary if token not in ("", config.get("mask_token"))]) + special


def _counted_dtype(call: CallFacts) -> str:
    """What Keras 3 gives for encoded words, where it declares float32 for all of them."""
    return "float32" if call.config["output_mode"] == "tf_idf" else "int64"


def lookup_outputs(call: CallFacts) -> Outputs:
    config, shape = call.config, first_shape(call)
    if config.get("output_mode", "int") != "int":
        dtype = _counted_dtype(call) if call.dialect == "keras3" else _written_dtype(call, "float32")
        return (TensorSpec(encoded_shape(call, shape, _vocabulary_size(call)), dtype),)
    if call.dialect != "keras3" and config.get("invert"):
        return (TensorSpec(shape, "string" if call.class_name == "StringLookup" else str(config["vocabulary_dtype"])),)
    return (TensorSpec(shape, "int64"),)


def text_outputs(call: CallFacts) -> Outputs:
    config, shape = call.config, first_shape(call)
    if config.get("output_mode", "int") == "int":
        return (TensorSpec((shape[0], config.get("output_sequence_length")), "int64"),)
    size = _vocabulary_size(call)
    if call.dialect != "keras3":
        return (TensorSpec((shape[0], size), "float32"),)
    alone = config.get("split", "whitespace") is None and len(shape) == 1  # no axis of words to count over but the batch's
    return (TensorSpec((size,) if alone else (shape[0], size), _counted_dtype(call)),)


def normalization_weights(call: CallFacts) -> Weights:
    """mean, variance and count; none where mean and variance stand in the config."""
    config, shape = call.config, first_shape(call)
    if config.get("mean") is not None:
        return ()
    axes = () if config.get("axis", -1) is None else sorted(axes_of(config.get("axis", -1), len(shape)))
    kept = tuple(known(shape[axis], "the normalized axis") for axis in axes)
    dtype = variable_dtype(call) if call.dialect == "keras3" else compute_dtype(call)
    moments = [WeightSpec(name, kept, dtype, False) for name in ("mean", "variance")]
    return (*moments, WeightSpec("count", (), "int64", False))


def _wave(call: CallFacts) -> tuple[int | None, int | None, int | None]:
    """Batch, steps of the transform, and channels."""
    config, shape = call.config, first_shape(call)
    batch, time, channels = (shape[0], shape[2], shape[1]) if channels_first(call) else shape
    frame = int(config["frame_length"])
    steps = window_length(time, frame, int(config.get("frame_step") or frame // 2), config.get("padding", "valid"))
    return batch, steps, channels


def stft_macs(call: CallFacts) -> int:
    """It is a convolution of each channel."""
    _, steps, channels = _wave(call)
    return known(steps) * known(channels) * sum(elements(spec.shape) for spec in stft_weights(call))


def stft_shape(call: CallFacts) -> Shape:
    config, first = call.config, channels_first(call)
    batch, steps, channels = _wave(call)
    bins = _bins(call) * (2 if config.get("mode") == "stft" else 1)
    if config.get("expand_dims"):
        return (batch, channels, steps, bins) if first else (batch, steps, bins, channels)
    flat = bins * known(channels)
    return (batch, flat, steps) if first else (batch, steps, flat)


def _bins(call: CallFacts) -> int:
    return int(call.config.get("fft_length") or call.config["frame_length"]) // 2 + 1


def stft_weights(call: CallFacts) -> Weights:
    """The transform itself, as kernels of a convolution; "real" and "imag" need one only."""
    shape = (int(call.config["frame_length"]), 1, _bins(call))
    mode, dtype = call.config.get("mode", "log"), variable_dtype(call)
    kernels = [name for name in ("real", "imag") if mode not in ("real", "imag") or mode == name]
    return tuple(WeightSpec(f"{name}_kernel", shape, dtype) for name in kernels)


def mel_shape(call: CallFacts) -> Shape:
    config, shape = call.config, first_shape(call)
    stride, time = int(config["sequence_stride"]), shape[-1]
    frames = None if time is None else (time + stride + 1) // stride
    return (*shape[:-1], int(config["num_mel_bins"]), frames)


def rescaled_outputs(call: CallFacts) -> Outputs:
    """Every tensor, where images come with their labels."""
    specs = leaves(call.args[:1], TensorSpec) or call.inputs[:1]
    return tuple(TensorSpec(shape_of(spec), compute_dtype(call)) for spec in specs)


_CODED = "int one_hot multi_hot count"
_CATEGORIES = {"num_tokens": whole(), "output_mode": one_of("count one_hot multi_hot binary", case=False)}
_HASHED = {"num_bins": whole(), "output_mode": one_of(_CODED, case=False)}
_BINS = {"num_bins": whole(0, none=True), "output_mode": one_of(_CODED, case=False)}
_LOOKUP = {
    "max_tokens": whole(2, none=True),
    "num_oov_indices": whole(0),
    "output_mode": one_of(f"{_CODED} tf_idf binary", case=False),
    "vocabulary_size": whole(0, none=True),
}

_OUTSIDE = {"oov_method": one_of("farmhash floormod", case=False)}
_TEXT = {
    "standardize": one_of("lower_and_strip_punctuation lower strip_punctuation", none=True, case=False),
    "split": one_of("whitespace character", none=True, case=False),
    "output_mode": one_of(f"{_CODED} tf_idf binary", case=False),
    "max_tokens": whole(2, none=True),
}
_SPECTRUM = {
    "mode": one_of("log magnitude psd real imag angle stft", case=False),
    "scaling": one_of("density spectrum", none=True, case=False),
    "padding": one_of("valid same", case=False),
    "data_format": DATA_FORMAT,
    "frame_length": whole(),
    "frame_step": whole(none=True),
}

LAYERS = (
    *declare("Rescaling", rescaled_outputs, keras3={"mask": "passes"}),
    *declare("Normalization", one_output(first_shape), normalization_weights, values={"axis": AXES}, keras3={"mask": "passes"}),
    *declare("CategoryEncoding", category_outputs, tells_kind=True, limit_key="num_tokens", values=_CATEGORIES),
    *declare("Discretization", discretization_outputs, tells_kind=True, numbers="coded", values=_BINS),
    *declare("Hashing", hashing_outputs, tells_kind=True, numbers="coded", values=_HASHED),
    *declare("HashedCrossing", crossing_outputs, tells_kind=True, values={"output_mode": one_of("int one_hot", case=False)}),
    *declare("StringLookup", lookup_outputs, tells_kind=True, numbers="coded", values=_LOOKUP, values3=_OUTSIDE),
    *declare("IntegerLookup", lookup_outputs, tells_kind=True, numbers="coded", values=_LOOKUP, values3=_OUTSIDE),
    *declare("TextVectorization", text_outputs, tells_kind=True, numbers="split", values=_TEXT),
    *declare("STFTSpectrogram", one_output(stft_shape), stft_weights, stft_macs, values=_SPECTRUM),
    *declare("MelSpectrogram", one_output(mel_shape)),
)
