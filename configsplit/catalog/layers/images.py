"""Image preprocessing and augmentation layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf
from typing import Any

from configsplit.catalog.facts import CallFacts, LayerFacts, always
from configsplit.catalog.rules import (
    NOTHING,
    Outputs,
    channels_first,
    compute_dtype,
    declare,
    declared_dtype,
    first_shape,
    impossible,
    kept_dtype,
    on_jax,
    one_output,
    shape_of,
    unknown,
)
from configsplit.catalog.values import ANYTHING, DATA_FORMAT, NOT_NONE, SEED, Values, number, one_of, one_or_two, or_none, whole
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import Shape, TensorSpec, leaves


def _resized(call: CallFacts, height: int | None, width: int | None) -> Shape:
    """An image, batched or not, of another size. Raises ShapeError for a dict of images and labels."""
    if isinstance(call.args[0], Mapping):
        raise unknown("what Keras makes of labels beside an image of another size is not known")
    shape = list(first_shape(call))
    if len(shape) not in (3, 4):
        raise impossible(f"a tensor of {len(shape)} axes is not an image")
    start = len(shape) - (2 if channels_first(call) else 3)
    shape[start : start + 2] = [height, width]
    return tuple(shape)


def target_shape(call: CallFacts) -> Shape:
    return _resized(call, int(call.config["height"]), int(call.config["width"]))


def random_height_shape(call: CallFacts) -> Shape:
    shape = first_shape(call)
    return (*shape[:-3], None, *shape[-2:])


def random_width_shape(call: CallFacts) -> Shape:
    shape = first_shape(call)
    return (*shape[:-2], None, shape[-1])


def labelled_outputs(call: CallFacts) -> Outputs:
    """An image, or a dict of images with their labels and bounding boxes, which all go through in their shape."""
    if not isinstance(call.args[0], Mapping):
        return (TensorSpec(first_shape(call), declared_dtype(call)),)
    return tuple(TensorSpec(shape_of(spec), compute_dtype(call)) for spec in leaves(call.args[0], TensorSpec))


def coloured_outputs(call: CallFacts) -> Outputs:
    """The same of images that have to have three colours."""
    if not isinstance(call.args[0], Mapping):
        shape = _resized(call, None, None)
        colours = shape[-3 if channels_first(call) else -1]
        if colours not in (None, 3):
            raise impossible(f"images of {colours} channels have not three colours")
    return labelled_outputs(call)


def boxes_outputs(call: CallFacts) -> Outputs:
    """So many boxes and labels of each image, whatever else is given beside them."""
    labels, number = call.args[0], int(call.config["max_number"])
    if not isinstance(labels, Mapping) or "bounding_boxes" not in labels:
        return labelled_outputs(call)

    def wished(spec: TensorSpec) -> TensorSpec:
        batch, _, *rest = shape_of(spec)
        return TensorSpec((batch, number, *rest))

    boxes = rebuild(labels["bounding_boxes"], wished)
    return labelled_outputs(replace(call, args=(FrozenDict({**labels, "bounding_boxes": boxes}),)))


_WAYS = {"interpolation": one_of("nearest bilinear", case=False)}
_MOVED = {"fill_mode": one_of("reflect wrap constant nearest", case=False), "fill_value": NOT_NONE, **_WAYS}
_SEED2 = {"seed": Values("a number, or null", lambda value: not isinstance(value, str)), "rng_type": ANYTHING}
"""Keras 2 draws as it likes for images, whatever it is told."""
_ANY = {"data_format": DATA_FORMAT, "seed": SEED, "fill_value": ANYTHING}
_SIZED2 = {**_SEED2, "height": whole(), "width": whole()}
_SIZED = {"height": whole(0), "width": whole(0)}
_TWO = Values("two numbers", lambda value: isinstance(value, tuple) and len(value) == 2)
_RANGED = {**_ANY, "value_range": _TWO}
_SCALED = {"interpolation": one_of("bilinear nearest bicubic area lanczos3 lanczos5 gaussian mitchellcubic")}
_SCALED3 = {**_ANY, "interpolation": one_of("bilinear nearest bicubic lanczos3 lanczos5", case=False)}


def _reaching(least: float, most: float, *, none: bool = False) -> Values:
    """A factor as Keras 3 takes it: of two numbers it asks only that the range between them reaches into the bounds."""
    return one_or_two(number(least, most, none=none), number(-inf, most), number(least))


def _both(values: Values) -> dict[str, Values]:
    return {"height_factor": values, "width_factor": values}


_SHARE, _SIGNED, _NUMBER = number(0, 1), number(-1, 1), number(-inf)
_PART, _TURN = _reaching(0, 1), _reaching(-1, 1)
_IF_ANY = Values(f"{_TURN.wish}, or null", lambda value: not value or _TURN.takes(value))
_GROWN = {"factor": one_or_two(_SHARE, number(-1), ordered=True), **_SCALED, **_SEED2}
_ZOOM = number(-1, 1, above=True)
_ZOOMED = {"height_factor": one_or_two(_ZOOM), "width_factor": one_or_two(or_none(_ZOOM), _ZOOM)}
_ZOOMED2 = {"height_factor": one_or_two(_SIGNED), "width_factor": one_or_two(or_none(_SIGNED), number(-1))}
_FLIPS = one_of("horizontal vertical horizontal_and_vertical", case=False)
_ELASTIC = {"factor": _PART, "scale": _PART, "fill_mode": one_of("constant nearest wrap mirror reflect", case=False), **_WAYS}
_COLOURS = {
    "brightness_factor": _IF_ANY,
    "contrast_factor": _reaching(0, 1, none=True),
    "saturation_factor": _reaching(-1, 1, none=True),
    "hue_factor": _reaching(0, 1, none=True),
}


def _odd(value: Any) -> bool:
    pair = value if isinstance(value, tuple) else (value, value)
    return len(pair) == 2 and all(isinstance(each, (int, float)) and each % 2 != 0 for each in pair)


_BLURRED = {"factor": _PART, "sigma": _PART, "kernel_size": Values("an odd number, or two of them", _odd)}


def _unranged(config: FrozenDict) -> str:
    """RandomColorJitter asks for the bounds of its pixels where it has to scale them."""
    scales = any(config.get(key) is not None for key in ("brightness_factor", "saturation_factor"))
    return "value_range should be two numbers" if scales and not _TWO.takes(config.get("value_range", (0, 255))) else ""


def _changed(
    names: str, values3: Mapping[str, Values] = NOTHING, values: Mapping[str, Values] = NOTHING, **more: Any
) -> list[LayerFacts]:
    """Classes that change images, and what comes with them, while they are trained."""
    values, values3 = {**_SEED2, **values}, {**_ANY, **values3}
    return declare(names, labelled_outputs, training=True, values=values, values3=values3, **more)


_AUGMENTING = (
    *_changed("MixUp ContrastLimitedAdaptiveHistogramEqualization"),
    *_changed("RandomFlip", values={"mode": _FLIPS}, values3={"mode": ANYTHING}),
    *_changed("CutMix RandomHue RandomInvert", {"factor": _PART}),
    *_changed("RandomContrast", {"factor": _PART}, {"factor": one_or_two(_SHARE, _SHARE, number(0))}),
    *_changed("RandomErasing", {"factor": _PART, "scale": _PART}),
    *_changed("RandomGaussianBlur", _BLURRED),
    *_changed("AutoContrast", _RANGED),
    *_changed("AugMix RandAugment", {**_RANGED, **_WAYS, "factor": one_or_two(_SHARE)}),
    *_changed(
        "RandomBrightness",
        {**_RANGED, "factor": _IF_ANY},
        {"factor": one_or_two(_SIGNED), "value_range": _TWO},
    ),
    *_changed("RandomSaturation", {**_RANGED, "factor": _TURN}),
    *declare("RandomColorDegeneration", coloured_outputs, training=True, values3={**_RANGED, "factor": _TURN}),
    *_changed("RandomPosterization", {**_RANGED, "factor": _reaching(1, 8)}),
    *_changed("RandomSharpness", {**_RANGED, "factor": _PART}),
    *_changed("Solarization", {**_RANGED, "addition_factor": one_or_two(_SHARE), "threshold_factor": one_or_two(_SHARE)}),
    *_changed("RandomElasticTransform", _ELASTIC),
    *_changed("RandomPerspective", {"factor": _PART, "scale": _SHARE, **_WAYS}),
    *_changed(
        "RandomRotation",
        {"factor": _IF_ANY},
        {"factor": one_or_two(number(0), _NUMBER, ordered=True), **_MOVED},
        idle_keys=("value_range",),
    ),
    *_changed("RandomShear", {"x_factor": one_or_two(_SHARE), "y_factor": one_or_two(_SHARE), **_MOVED}),
    *_changed("RandomTranslation", _both(one_or_two(_SIGNED)), {**_both(one_or_two(_SHARE, _SIGNED, ordered=True)), **_MOVED}),
    *_changed("RandomZoom", _ZOOMED, {**_ZOOMED2, **_MOVED}),
)

LAYERS = (
    *declare("Resizing", one_output(target_shape, kept_dtype), values={**_SCALED, **_SIZED2}, values3={**_SCALED3, **_SIZED}),
    *declare(
        "CenterCrop",
        one_output(target_shape, declared_dtype),
        values=_SIZED2,
        values3={**_ANY, **_SIZED},
        keras3=on_jax(target_shape),
    ),
    *declare("RandomCrop", one_output(target_shape, declared_dtype), training=True, values=_SIZED2, values3={**_ANY, **_SIZED}),
    *declare("RandomHeight", one_output(random_height_shape, declared_dtype), training=True, values=_GROWN),
    *declare("RandomWidth", one_output(random_width_shape, declared_dtype), training=True, values=_GROWN),
    *declare("Equalization", one_output(first_shape, kept_dtype), training=True, values3=_RANGED),
    *declare("RandomGrayscale", one_output(first_shape, kept_dtype), training=True, values3={**_ANY, "factor": _SHARE}),
    *declare("MaxNumBoundingBoxes", boxes_outputs, training=True),
    *declare(
        "RandomColorJitter",
        labelled_outputs,
        training=True,
        values3={**_ANY, **_COLOURS},
        conflict=_unranged,
        keras3={"mask": "passes", "same_tensor": always},
    ),
    *_AUGMENTING,
)
