"""Layers that make spectra of sound."""

from __future__ import annotations

from typing import Any

from configsplit.catalog.facts import CallFacts, WeightSpec
from configsplit.catalog.rules import (
    Weights,
    channels_first,
    declare,
    elements,
    first_shape,
    impossible,
    known,
    one_output,
    variable_dtype,
    window_length,
)
from configsplit.catalog.values import DATA_FORMAT, Values, one_of, whole
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape


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
    if channels is None:
        raise impossible("the spectra of an open number of channels cannot be laid side by side")
    flat = bins * channels
    return (batch, flat, steps) if first else (batch, steps, flat)


def _bins(call: CallFacts) -> int:
    length = int(call.config["frame_length"])
    return int(call.config.get("fft_length") or 1 << (length - 1).bit_length()) // 2 + 1


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


_WINDOWS = (
    "bar bart barthann bartlett bkh black blackharr blackman blackmanharris blk bman bmn bohman box boxcar brt brthan bth "
    "cosine exponential flat flattop flt halfcosine ham hamm hamming han hann lanczos nut nutl nuttall ones par parz parzen "
    "poisson rect rectangular sinc taylor taylorwin tri triang triangle tuk tukey"
)
"""What SciPy calls windows that take no parameters."""


def _is_window(value: Any) -> bool:
    return not isinstance(value, str) or value.removesuffix("_symmetric").removesuffix("_periodic") in _WINDOWS.split()


_SPECTRUM = {
    "mode": one_of("log magnitude psd real imag angle stft", case=False),
    "scaling": one_of("density spectrum", none=True, case=False),
    "padding": one_of("valid same", case=False),
    "data_format": DATA_FORMAT,
    "frame_length": whole(),
    "frame_step": whole(none=True),
    "fft_length": whole(none=True),
    "window": Values("the name of a window of SciPy's that takes no parameters, or numbers", _is_window),
}


def _framed(config: FrozenDict) -> str:
    """Frames of a sound overlap or touch, and the transform of each is no shorter."""
    length, step, transform = config.get("frame_length", 256), config.get("frame_step"), config.get("fft_length")
    if step is not None and step > length:
        return f"frame_step {step} is above frame_length {length}"
    return f"fft_length {transform} is below frame_length {length}" if transform is not None and transform < length else ""


def _spread(config: FrozenDict) -> str:
    transform = config.get("fft_length", 2048)
    length = config.get("sequence_length") or transform
    return f"fft_length {transform} is below sequence_length {length}" if transform < length else ""


_FILTERED = {"fft_length": whole(0), "sequence_stride": whole(), "num_mel_bins": whole(0)}


LAYERS = (
    *declare(
        "STFTSpectrogram", one_output(stft_shape), stft_weights, stft_macs, ranks=(3, 3), values=_SPECTRUM, conflict=_framed
    ),
    *declare("MelSpectrogram", one_output(mel_shape), values=_FILTERED, conflict=_spread),
)
