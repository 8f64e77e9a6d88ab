"""``tf.image`` as operations of Keras 3. Images are ``(height, width, channels)``, with or without a batch before."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from configsplit.conversion.operations.arguments import Operation, piece
from configsplit.conversion.operations.basic import FULL, Rule
from configsplit.graph.model import Use

_ALL = piece(None, None, None)


def resize(op: Operation) -> Use:
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


def flip(axis: int, op: Operation) -> Use:
    return op.emit("numpy.Flip", op.tensor("image"), axis=axis)


def turn(op: Operation) -> Use:
    axes = (op.rank("image") - 3, op.rank("image") - 2)
    return op.emit("numpy.Rot90", op.tensor("image"), k=int(op.static("k", 1)), axes=axes)


def gray(op: Operation) -> Use:
    if not str(op.spec("images").dtype or "float32").startswith(("float", "bfloat")):
        raise op.stop("rounds colours to whole numbers")
    return op.emit("image.RGBToGrayscale", op.tensor("images"), data_format="channels_last")


def colour(op: Operation) -> Use:
    return op.emit("numpy.Repeat", op.tensor("images"), repeats=3, axis=-1)


def _sides(op: Operation, name: str) -> tuple[int, int, int]:
    """Height, width and channels. Raises Stop where one is open."""
    shape = op.spec(name).shape
    if shape is None or None in shape[-3:]:
        raise op.stop("is called on an image of unknown size")
    height, width, channels = (int(size or 0) for size in shape[-3:])
    return height, width, channels


def _cut(op: Operation, name: str, top: int, left: int, height: int, width: int) -> Use:
    rows, columns = piece(top, top + height, None), piece(left, left + width, None)
    return op.emit("numpy.GetItem", op.tensor(name), (FULL, rows, columns, _ALL))


def crop(op: Operation) -> Use:
    names = ("offset_height", "offset_width", "target_height", "target_width")
    return _cut(op, "image", *(int(op.static(name)) for name in names))


def middle(op: Operation) -> Use:
    """TensorFlow leaves ``int((size - size * fraction) / 2)`` away on each side."""
    height, width, _ = _sides(op, "image")
    fraction = float(op.static("central_fraction"))
    top, left = int((height - height * fraction) / 2), int((width - width * fraction) / 2)
    return _cut(op, "image", top, left, height - 2 * top, width - 2 * left)


def frame(op: Operation) -> Use:
    height, width, _ = _sides(op, "image")
    top, left = int(op.static("offset_height")), int(op.static("offset_width"))
    below, right = int(op.static("target_height")) - top - height, int(op.static("target_width")) - left - width
    amounts = (*((0, 0),) * (op.rank("image") - 3), (top, below), (left, right), (0, 0))
    return op.emit("numpy.Pad", op.tensor("image"), pad_width=amounts, mode="constant")


def standard(op: Operation) -> Use:
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


def brightness(op: Operation) -> Use:
    if not str(op.spec("image").dtype or "float32").startswith("float"):
        raise op.stop("rounds and bounds whole numbers")
    return op.emit("numpy.Add", op.tensor("image"), op.static("delta"))


def contrast(op: Operation) -> Use:
    if not str(op.spec("images").dtype or "float32").startswith("float"):
        raise op.stop("rounds and bounds whole numbers")
    rank = op.rank("images")
    mean = op.emit("numpy.Mean", op.tensor("images"), axis=(rank - 3, rank - 2), keepdims=True)
    wide = op.emit("numpy.Multiply", op.emit("numpy.Subtract", op.tensor("images"), mean), op.static("contrast_factor"))
    return op.emit("numpy.Add", wide, mean)


def colours(kind: str, op: Operation) -> Use:
    return op.emit(kind, op.tensor("images"), data_format="channels_last")


ROWS: Mapping[str, tuple[str, Rule]] = {
    "image.resize": ("images size method preserve_aspect_ratio antialias", resize),
    "image.flip_left_right": ("image", partial(flip, -2)),
    "image.flip_up_down": ("image", partial(flip, -3)),
    "image.rot90": ("image k", turn),
    "image.rgb_to_grayscale": ("images", gray),
    "image.grayscale_to_rgb": ("images", colour),
    "image.crop_to_bounding_box": ("image offset_height offset_width target_height target_width", crop),
    "image.pad_to_bounding_box": ("image offset_height offset_width target_height target_width check_dims", frame),
    "image.central_crop": ("image central_fraction", middle),
    "image.per_image_standardization": ("image", standard),
    "image.adjust_brightness": ("image delta", brightness),
    "image.adjust_contrast": ("images contrast_factor", contrast),
    "image.rgb_to_hsv": ("images", partial(colours, "image.RGBToHSV")),
    "image.hsv_to_rgb": ("images", partial(colours, "image.HSVToRGB")),
}
