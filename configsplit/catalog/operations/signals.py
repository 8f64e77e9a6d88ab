"""Operations of ``keras.ops`` on waves, segments and images."""

from __future__ import annotations

from configsplit.catalog.operations.arguments import Arguments, Operand, one, operand
from configsplit.catalog.operations.common import Operation, declared
from configsplit.catalog.operations.elementwise import as_float
from configsplit.catalog.rules import Outputs, known, sizes, window_length
from configsplit.graph.model import Shape, TensorSpec

# ------------------------------------------------------------------------------------------------------------------- waves


def _complex(given: Arguments) -> Operand:
    """The real part of a pair of real and imaginary parts."""
    pair = given.get("x")
    return operand(pair[0] if isinstance(pair, tuple) else pair)


def _parts(tensor: Operand, shape: Shape) -> Outputs:
    return (TensorSpec(shape, as_float(tensor.dtype)),) * 2


def _fourier(given: Arguments) -> Outputs:
    tensor = _complex(given)
    return _parts(tensor, tensor.shape)


def _real_fourier(given: Arguments) -> Outputs:
    tensor, length = given.operand(0), given.get("fft_length", None)
    size = tensor.shape[-1] if length is None else int(length)
    return _parts(tensor, (*tensor.shape[:-1], None if size is None else size // 2 + 1))


def _inverse_real_fourier(given: Arguments) -> Outputs:
    tensor, length = _complex(given), given.get("fft_length", None)
    size = tensor.shape[-1]
    last = int(length) if length is not None else (None if size is None else 2 * (size - 1))
    return one((*tensor.shape[:-1], last), as_float(tensor.dtype))


def _short_time(given: Arguments) -> Outputs:
    tensor, transform = given.operand(0), given.number("fft_length")
    stride, size = given.number("sequence_stride"), tensor.shape[-1]
    if size is not None and given.get("center", True):
        size += 2 * (transform // 2)
    frames = None if size is None else 1 + (size - transform) // stride
    return _parts(tensor, (*tensor.shape[:-1], frames, transform // 2 + 1))


def _inverse_short_time(given: Arguments) -> Outputs:
    tensor, length = _complex(given), given.get("length", None)
    if length is None and (frames := tensor.shape[-2]) is not None:
        stride, transform = given.number("sequence_stride"), given.number("fft_length")
        length = (frames - 1) * stride + transform
        length -= 2 * (transform // 2) if given.get("center", True) else 0
    return one((*tensor.shape[:-2], length), as_float(tensor.dtype))


def _extracted(given: Arguments) -> Outputs:
    tensor = given.operand(0)
    window, stride = given.number("sequence_length"), given.number("sequence_stride")
    size = tensor.shape[-1]
    frames = None if size is None else 1 + (size - window) // stride
    return one((*tensor.shape[:-1], frames, window), tensor.dtype)


def _segments(given: Arguments) -> Outputs:
    tensor, number = given.operand("data"), given.get("num_segments", None)
    return one((number, *tensor.shape[1:]), tensor.dtype)


def _as_complex(given: Arguments) -> Outputs:
    return one(given.operand(0).shape[:-1], "complex64")


def _as_real(given: Arguments) -> Outputs:
    return one((*given.operand(0).shape, 2), "float32")


# ------------------------------------------------------------------------------------------------------------------ images


def _first(given: Arguments) -> bool:
    return bool(given.get("data_format", None) == "channels_first")


def _image(given: Arguments) -> tuple[Operand, int]:
    """An image, batched or not, and the axis of its height."""
    image = given.operand(0)
    return image, len(image.shape) - (2 if _first(given) else 3)


def _sized(given: Arguments, height: int | None, width: int | None) -> Outputs:
    image, start = _image(given)
    return one((*image.shape[:start], height, width, *image.shape[start + 2 :]), image.dtype)


def _same_image(given: Arguments) -> Outputs:
    image, _ = _image(given)
    return one(image.shape, image.dtype)


def _grey(given: Arguments) -> Outputs:
    image, start = _image(given)
    place = start - 1 if _first(given) else start + 2
    return one((*image.shape[:place], 1, *image.shape[place + 1 :]), image.dtype)


def _resized(given: Arguments) -> Outputs:
    height, width = sizes(given.get("size"), 2)
    return _sized(given, height, width)


def _cropped(given: Arguments) -> Outputs:
    return _bordered(given, "cropping", -1)


def _padded(given: Arguments) -> Outputs:
    return _bordered(given, "padding", 1)


def _bordered(given: Arguments, what: str, sign: int) -> Outputs:
    """A target size, or what is added or taken on either side."""
    image, start = _image(given)
    ends = (("height", ("top", "bottom")), ("width", ("left", "right")))
    lengths = []
    for size, (target, sides) in zip(image.shape[start : start + 2], ends, strict=True):
        wished = given.get(f"target_{target}", None)
        amounts = [given.get(f"{side}_{what}", None) for side in sides]
        lengths.append(wished if wished is not None else _bordered_length(size, sign, amounts))
    return _sized(given, *lengths)


def _bordered_length(size: int | None, sign: int, amounts: list[int | None]) -> int | None:
    return None if size is None else size + sign * sum(known(amount, "the border") for amount in amounts)


def _patches(given: Arguments) -> Outputs:
    """Patches of an image, flattened into its channels."""
    image, start = _image(given)
    spatial = image.shape[start : start + 2]
    window, strides, dilation = (
        sizes(given.get("size"), 2),
        given.get("strides", None),
        given.get("dilation_rate", 1),
    )
    steps = window if strides is None else sizes(strides, 2)
    padding = given.get("padding", "valid")
    axes = zip(spatial, window, steps, sizes(dilation, 2), strict=True)
    lengths = [window_length(size, reach, stride, padding, gap) for size, reach, stride, gap in axes]
    channels = image.shape[start - 1] if _first(given) else image.shape[start + 2]
    depth = known(channels, "the number of channels") * window[0] * window[1]
    batch = image.shape[: start - 1] if _first(given) else image.shape[:start]
    return one((*batch, depth, *lengths) if _first(given) else (*batch, *lengths, depth), image.dtype)


def _sobel(given: Arguments) -> Outputs:
    image, _ = _image(given)
    return one((*image.shape, 2), image.dtype)


def _mapped(given: Arguments) -> Outputs:
    return one(given.operand("coordinates").shape[1:], given.operand("inputs").dtype)


def _similarity(given: Arguments) -> Outputs:
    image = given.operand(0)
    return one(image.shape[:-3], as_float(image.dtype))


def _scaled(given: Arguments) -> Outputs:
    return one(tuple(given.get("output_shape")), given.operand("images").dtype)


OPERATIONS: dict[str, Operation] = {
    **declared("fft fft2 ifft2", "x", _fourier),
    **declared("rfft", "x fft_length", _real_fourier),
    **declared("irfft", "x fft_length", _inverse_real_fourier),
    **declared("stft", "x sequence_length sequence_stride fft_length window center", _short_time),
    **declared("istft", "x sequence_length sequence_stride fft_length length window center", _inverse_short_time),
    **declared("extract_sequences", "x sequence_length sequence_stride", _extracted),
    **declared("segment_sum segment_max segment_min segment_prod", "data segment_ids num_segments sorted", _segments),
    **declared("view_as_complex", "x", _as_complex),
    **declared("view_as_real", "x", _as_real),
    **declared("rgb_to_hsv hsv_to_rgb", "images data_format", _same_image),
    **declared("elastic_transform", "images alpha sigma interpolation fill_mode fill_value seed data_format", _same_image),
    **declared("gaussian_blur", "images kernel_size sigma data_format", _same_image),
    **declared("affine_transform", "images transform interpolation fill_mode fill_value data_format", _same_image),
    **declared("perspective_transform", "images start_points end_points interpolation fill_value data_format", _same_image),
    **declared("rgb_to_grayscale", "images data_format", _grey),
    **declared(
        "resize",
        "images size interpolation antialias crop_to_aspect_ratio pad_to_aspect_ratio fill_mode fill_value data_format",
        _resized,
    ),
    **declared(
        "crop_images",
        "images top_cropping left_cropping bottom_cropping right_cropping target_height target_width data_format",
        _cropped,
    ),
    **declared(
        "pad_images",
        "images top_padding left_padding bottom_padding right_padding target_height target_width data_format",
        _padded,
    ),
    **declared("extract_patches", "images size strides dilation_rate padding data_format", _patches),
    **declared("sobel_edges", "images data_format", _sobel),
    **declared("map_coordinates", "inputs coordinates order fill_mode fill_value", _mapped),
    **declared("ssim", "image1 image2 max_val filter_size filter_sigma k1 k2 data_format", _similarity),
    **declared("scale_and_translate", "images output_shape scale translation spatial_dims method antialias", _scaled),
}
