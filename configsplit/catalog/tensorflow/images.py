"""``tf.image`` as operations of Keras 3. Images are ``(height, width, channels)``, with or without a batch before."""

from __future__ import annotations

from functools import partial
from typing import Any

from configsplit.catalog.operations.arguments import Arguments, one
from configsplit.catalog.operations.common import same
from configsplit.catalog.operations.rearranging import target_shape
from configsplit.catalog.rules import Outputs
from configsplit.catalog.tensorflow.call import FULL, OperationCall, piece
from configsplit.catalog.tensorflow.declare import Function, function, node
from configsplit.graph.model import Use

_ALL = piece(None, None, None)

# ---------------------------------------------------------------------------------------------------------------- outputs


def _resized(given: Arguments) -> Outputs:
    """An image of another size, in float32 unless the nearest pixel is taken."""
    image = given.operand("images")
    start = len(image.shape) - 3
    shape = (*image.shape[:start], *target_shape(given.get("size")), *image.shape[start + 2 :])
    return one(shape, image.dtype if given.get("method", "bilinear") in ("nearest", 1) else "float32")


def _with_channels(number: int, given: Arguments) -> Outputs:
    image = given.operand("images")
    return one((*image.shape[:-1], number), image.dtype)


# ------------------------------------------------------------------------------------------------------------ in Keras 3


def resize(op: OperationCall) -> Use:
    method = str(op.static("method", "bilinear")).lower()
    if op.static("preserve_aspect_ratio", False):
        raise op.stop("keeps the aspect ratio")
    if method not in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5"):
        raise op.stop(f"interpolates by {method!r}")
    sizes = op.sizes("size")
    if None in sizes:
        raise op.stop("takes 'size' from the running model")
    smooth = bool(op.static("antialias", False))
    config = {"size": sizes, "interpolation": method, "antialias": smooth, "data_format": "channels_last"}
    return op.emit("image.Resize", op.tensor("images"), **config)


def flip(axis: int, op: OperationCall) -> Use:
    return op.emit("numpy.Flip", op.tensor("image"), axis=axis)


def turn(op: OperationCall) -> Use:
    axes = (op.rank("image") - 3, op.rank("image") - 2)
    return op.emit("numpy.Rot90", op.tensor("image"), k=int(op.static("k", 1)), axes=axes)


def gray(op: OperationCall) -> Use:
    if not str(op.spec("images").dtype or "float32").startswith(("float", "bfloat")):
        raise op.stop("rounds colours to whole numbers")
    return op.emit("image.RGBToGrayscale", op.tensor("images"), data_format="channels_last")


def colour(op: OperationCall) -> Use:
    return op.emit("numpy.Repeat", op.tensor("images"), repeats=3, axis=-1)


def _sides(op: OperationCall, name: str) -> tuple[int, int, int]:
    """Height, width and channels. Raises Stop where one is open."""
    shape = op.spec(name).shape
    if shape is None or None in shape[-3:]:
        raise op.stop("is called on an image of unknown size")
    height, width, channels = (int(size or 0) for size in shape[-3:])
    return height, width, channels


def _cut(op: OperationCall, name: str, top: int, left: int, height: int, width: int) -> Use:
    rows, columns = piece(top, top + height, None), piece(left, left + width, None)
    return op.emit("numpy.GetItem", op.tensor(name), (FULL, rows, columns, _ALL))


def crop(op: OperationCall) -> Use:
    names = ("offset_height", "offset_width", "target_height", "target_width")
    return _cut(op, "image", *(int(op.static(name)) for name in names))


def middle(op: OperationCall) -> Use:
    """TensorFlow leaves ``int((size - size * fraction) / 2)`` away on each side."""
    height, width, _ = _sides(op, "image")
    fraction = float(op.static("central_fraction"))
    top, left = int((height - height * fraction) / 2), int((width - width * fraction) / 2)
    return _cut(op, "image", top, left, height - 2 * top, width - 2 * left)


def frame(op: OperationCall) -> Use:
    height, width, _ = _sides(op, "image")
    top, left = int(op.static("offset_height")), int(op.static("offset_width"))
    below, right = int(op.static("target_height")) - top - height, int(op.static("target_width")) - left - width
    amounts = (*((0, 0),) * (op.rank("image") - 3), (top, below), (left, right), (0, 0))
    return op.emit("numpy.Pad", op.tensor("image"), pad_width=amounts, mode="constant")


def standard(op: OperationCall) -> Use:
    """Each image by its own mean and deviation, of which at least one over the root of its numbers is taken."""
    height, width, channels = _sides(op, "image")
    x: Any = op.tensor("image")
    if not str(op.spec("image").dtype or "float32").startswith("float"):
        x = op.emit("core.Cast", x, dtype="float32")
    rank = op.rank("image")
    over: dict[str, Any] = {"axis": tuple(range(rank - 3, rank)), "keepdims": True}
    deviation = op.emit("numpy.Std", x, **over)
    floor = op.emit("numpy.Maximum", deviation, (height * width * channels) ** -0.5)
    return op.emit("numpy.TrueDivide", op.emit("numpy.Subtract", x, op.emit("numpy.Mean", x, **over)), floor)


def brightness(op: OperationCall) -> Use:
    if not str(op.spec("image").dtype or "float32").startswith("float"):
        raise op.stop("rounds and clips whole numbers")
    return op.emit("numpy.Add", op.tensor("image"), op.static("delta"))


def contrast(op: OperationCall) -> Use:
    if not str(op.spec("images").dtype or "float32").startswith("float"):
        raise op.stop("rounds and clips whole numbers")
    rank = op.rank("images")
    mean = op.emit("numpy.Mean", op.tensor("images"), axis=(rank - 3, rank - 2), keepdims=True)
    wide = op.emit("numpy.Multiply", op.emit("numpy.Subtract", op.tensor("images"), mean), op.static("contrast_factor"))
    return op.emit("numpy.Add", wide, mean)


def colours(kind: str, op: OperationCall) -> Use:
    return op.emit(kind, op.tensor("images"), data_format="channels_last")


_BOX = "image offset_height offset_width target_height target_width"

FUNCTIONS: dict[str, Function] = {
    **function("image.resize", "images size method preserve_aspect_ratio antialias", _resized, resize, rows="images"),
    **function(
        "image.resize_bilinear",
        "images size align_corners half_pixel_centers",
        _resized,
        None,
        node("ResizeBilinear", "images size"),
    ),
    **function("image.flip_left_right", "image", same, partial(flip, -2)),
    **function("image.flip_up_down", "image", same, partial(flip, -3)),
    **function("image.rot90", "image k", None, turn, gives_back="perhaps"),
    **function("image.rgb_to_grayscale", "images", partial(_with_channels, 1), gray),
    **function("image.grayscale_to_rgb", "images", partial(_with_channels, 3), colour),
    **function("image.crop_to_bounding_box", _BOX, None, crop),
    **function("image.pad_to_bounding_box", _BOX, None, frame),
    **function("image.central_crop", "image central_fraction", None, middle, gives_back="perhaps"),
    **function("image.per_image_standardization", "image", None, standard),
    **function("image.adjust_brightness", "image delta", same, brightness),
    **function("image.adjust_contrast", "images contrast_factor", same, contrast),
    **function("image.rgb_to_hsv", "images", same, partial(colours, "image.RGBToHSV")),
    **function("image.hsv_to_rgb", "images", same, partial(colours, "image.HSVToRGB")),
}
