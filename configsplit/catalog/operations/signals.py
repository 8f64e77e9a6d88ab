"""Operations of ``keras.ops`` on waves, segments and images."""

from __future__ import annotations

from configsplit.catalog.operations.arguments import Arguments, Operand, one, operand
from configsplit.catalog.operations.common import Operation
from configsplit.catalog.operations.elementwise import as_float
from configsplit.catalog.rules import Outputs, known, sizes, window_length
from configsplit.graph.model import Shape, TensorSpec

# ------------------------------------------------------------------------------------------------------------------- waves


def _complex(given: Arguments) -> Operand:
    """The real part of a pair of real and imaginary parts."""
    pair = given.get(0, "x")
    return operand(pair[0] if isinstance(pair, tuple) else pair)


def _parts(found: Operand, shape: Shape) -> Outputs:
    return (TensorSpec(shape, as_float(found.dtype)),) * 2


def _fourier(given: Arguments) -> Outputs:
    found = _complex(given)
    return _parts(found, found.shape)


def _real_fourier(given: Arguments) -> Outputs:
    found, length = given.operand(0), given.get(-1, "fft_length", None)
    size = found.shape[-1] if length is None else int(length)
    return _parts(found, (*found.shape[:-1], None if size is None else size // 2 + 1))


def _inverse_real_fourier(given: Arguments) -> Outputs:
    found, length = _complex(given), given.get(-1, "fft_length", None)
    size = found.shape[-1]
    last = int(length) if length is not None else (None if size is None else 2 * (size - 1))
    return one((*found.shape[:-1], last), as_float(found.dtype))


def _short_time(given: Arguments) -> Outputs:
    found, transform = given.operand(0), int(given.get(-1, "fft_length"))
    stride, size = int(given.get(-1, "sequence_stride")), found.shape[-1]
    if size is not None and given.get(-1, "center", True):
        size += 2 * (transform // 2)
    frames = None if size is None else 1 + (size - transform) // stride
    return _parts(found, (*found.shape[:-1], frames, transform // 2 + 1))


def _inverse_short_time(given: Arguments) -> Outputs:
    found, length = _complex(given), given.get(-1, "length", None)
    if length is None and (frames := found.shape[-2]) is not None:
        stride, transform = int(given.get(-1, "sequence_stride")), int(given.get(-1, "fft_length"))
        length = (frames - 1) * stride + transform
        length -= 2 * (transform // 2) if given.get(-1, "center", True) else 0
    return one((*found.shape[:-2], length), as_float(found.dtype))


def _extracted(given: Arguments) -> Outputs:
    found = given.operand(0)
    window, stride = int(given.get(-1, "sequence_length")), int(given.get(-1, "sequence_stride"))
    size = found.shape[-1]
    frames = None if size is None else 1 + (size - window) // stride
    return one((*found.shape[:-1], frames, window), found.dtype)


def _segments(given: Arguments) -> Outputs:
    found, number = given.operand(0, "data"), given.get(-1, "num_segments", None)
    return one((number, *found.shape[1:]), found.dtype)


def _as_complex(given: Arguments) -> Outputs:
    return one(given.operand(0).shape[:-1], "complex64")


def _as_real(given: Arguments) -> Outputs:
    return one((*given.operand(0).shape, 2), "float32")


# ------------------------------------------------------------------------------------------------------------------ images


def _first(given: Arguments) -> bool:
    return bool(given.get(-1, "data_format", None) == "channels_first")


def _image(given: Arguments) -> tuple[Operand, int]:
    """An image, batched or not, and the axis of its height."""
    found = given.operand(0, "images inputs x image1")
    return found, len(found.shape) - (2 if _first(given) else 3)


def _sized(given: Arguments, height: int | None, width: int | None) -> Outputs:
    found, start = _image(given)
    return one((*found.shape[:start], height, width, *found.shape[start + 2 :]), found.dtype)


def _same_image(given: Arguments) -> Outputs:
    found, _ = _image(given)
    return one(found.shape, found.dtype)


def _grey(given: Arguments) -> Outputs:
    found, start = _image(given)
    place = start - 1 if _first(given) else start + 2
    return one((*found.shape[:place], 1, *found.shape[place + 1 :]), found.dtype)


def _resized(given: Arguments) -> Outputs:
    height, width = sizes(given.get(-1, "size"), 2)
    return _sized(given, height, width)


def _cropped(given: Arguments) -> Outputs:
    return _bordered(given, "cropping", -1)


def _padded(given: Arguments) -> Outputs:
    return _bordered(given, "padding", 1)


def _bordered(given: Arguments, what: str, sign: int) -> Outputs:
    """A target size, or what is added or taken on either side."""
    found, start = _image(given)
    ends = (("height", ("top", "bottom")), ("width", ("left", "right")))
    lengths = []
    for size, (target, sides) in zip(found.shape[start : start + 2], ends, strict=True):
        wished = given.get(-1, f"target_{target}", None)
        amounts = [given.get(-1, f"{side}_{what}", None) for side in sides]
        lengths.append(wished if wished is not None else _bordered_length(size, sign, amounts))
    return _sized(given, *lengths)


def _bordered_length(size: int | None, sign: int, amounts: list[int | None]) -> int | None:
    return None if size is None else size + sign * sum(known(amount, "the border") for amount in amounts)


def _patches(given: Arguments) -> Outputs:
    """Patches of an image, flattened into its channels."""
    found, start = _image(given)
    spatial = found.shape[start : start + 2]
    window, strides, dilation = (
        sizes(given.get(-1, "size"), 2),
        given.get(-1, "strides", None),
        given.get(-1, "dilation_rate", 1),
    )
    steps = window if strides is None else sizes(strides, 2)
    padding = given.get(-1, "padding", "valid")
    axes = zip(spatial, window, steps, sizes(dilation, 2), strict=True)
    lengths = [window_length(size, reach, stride, padding, gap) for size, reach, stride, gap in axes]
    channels = found.shape[start - 1] if _first(given) else found.shape[start + 2]
    depth = known(channels, "the number of channels") * window[0] * window[1]
    batch = found.shape[: start - 1] if _first(given) else found.shape[:start]
    return one((*batch, depth, *lengths) if _first(given) else (*batch, *lengths, depth), found.dtype)


def _sobel(given: Arguments) -> Outputs:
    found, _ = _image(given)
    return one((*found.shape, 2), found.dtype)


def _mapped(given: Arguments) -> Outputs:
    return one(given.operand(1, "coordinates").shape[1:], given.operand(0, "inputs").dtype)


def _similarity(given: Arguments) -> Outputs:
    found = given.operand(0, "image1 x1")
    return one(found.shape[:-3], as_float(found.dtype))


def _scaled(given: Arguments) -> Outputs:
    return one(tuple(given.get(1, "output_shape")), given.operand(0, "images").dtype)


OPERATIONS: dict[str, Operation] = {
    name: rule
    for rule, names in (
        (_fourier, "fft fft2 ifft2"),
        (_real_fourier, "rfft"),
        (_inverse_real_fourier, "irfft"),
        (_short_time, "stft"),
        (_inverse_short_time, "istft"),
        (_extracted, "extract_sequences"),
        (_segments, "segment_sum segment_max segment_min segment_prod"),
        (_as_complex, "view_as_complex"),
        (_as_real, "view_as_real"),
        (_same_image, "rgb_to_hsv hsv_to_rgb elastic_transform gaussian_blur affine_transform perspective_transform"),
        (_grey, "rgb_to_grayscale"),
        (_resized, "resize"),
        (_cropped, "crop_images"),
        (_padded, "pad_images"),
        (_patches, "extract_patches"),
        (_sobel, "sobel_edges"),
        (_mapped, "map_coordinates"),
        (_similarity, "ssim"),
        (_scaled, "scale_and_translate"),
    )
    for name in names.split()
}
