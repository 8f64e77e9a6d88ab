"""Image preprocessing and augmentation layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from configsplit.catalog.facts import CallFacts, always
from configsplit.catalog.rules import (
    Outputs,
    channels_first,
    compute_dtype,
    declare,
    declared_dtype,
    first_shape,
    kept_dtype,
    on_jax,
    one_output,
    shape_of,
    unknown,
)
from configsplit.catalog.values import DATA_FORMAT, Values, one_of
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import Shape, TensorSpec, leaves


def _resized(call: CallFacts, height: int | None, width: int | None) -> Shape:
    """An image, batched or not, of another size. Raises ShapeError for a dict of images and labels."""
    if isinstance(call.args[0], Mapping):
        raise unknown("what Keras makes of labels beside an image of another size is not known")
    shape = list(first_shape(call))
    if len(shape) not in (3, 4):
        raise unknown(f"a tensor of rank {len(shape)} is not an image")
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


def boxes_outputs(call: CallFacts) -> Outputs:
    """So many boxes and labels of each image, whatever else is given beside them."""
    found, number = call.args[0], int(call.config["max_number"])
    if not isinstance(found, Mapping) or "bounding_boxes" not in found:
        return labelled_outputs(call)

    def wished(spec: TensorSpec) -> TensorSpec:
        batch, _, *rest = shape_of(spec)
        return TensorSpec((batch, number, *rest))

    boxes = rebuild(found["bounding_boxes"], wished)
    return labelled_outputs(replace(call, args=(FrozenDict({**found, "bounding_boxes": boxes}),)))


_RANDOM = """
ContrastLimitedAdaptiveHistogramEqualization CutMix MixUp RandomContrast RandomErasing RandomFlip RandomGaussianBlur
RandomHue RandomInvert
"""

_WAYS = {"interpolation": one_of("nearest bilinear", case=False)}
_MOVED = {"fill_mode": one_of("reflect wrap constant nearest", case=False), **_WAYS}
_ANY = {"data_format": DATA_FORMAT}
_RANGED = {"value_range": Values("two numbers", lambda value: isinstance(value, tuple) and len(value) == 2)}
_SCALED = {"interpolation": one_of("bilinear nearest bicubic area lanczos3 lanczos5 gaussian mitchellcubic")}
_SCALED3 = {**_ANY, "interpolation": one_of("bilinear nearest bicubic lanczos3 lanczos5", case=False)}
_MOVING = "RandomElasticTransform RandomPerspective RandomShear RandomTranslation RandomZoom"
_COLOURED = """
AugMix AutoContrast RandAugment RandomBrightness RandomColorDegeneration RandomPosterization RandomSaturation
RandomSharpness Solarization
"""

LAYERS = (
    *declare("Resizing", one_output(target_shape, kept_dtype), values=_SCALED, values3=_SCALED3),
    *declare("CenterCrop", one_output(target_shape, declared_dtype), values3=_ANY, keras3=on_jax(target_shape)),
    *declare("RandomCrop", one_output(target_shape, declared_dtype), training=True, values3=_ANY),
    *declare("RandomHeight", one_output(random_height_shape, declared_dtype), training=True, values=_SCALED),
    *declare("RandomWidth", one_output(random_width_shape, declared_dtype), training=True, values=_SCALED),
    *declare("Equalization RandomGrayscale", one_output(first_shape, kept_dtype), training=True, values3=_ANY),
    *declare("MaxNumBoundingBoxes", boxes_outputs, training=True),
    *declare(_MOVING, labelled_outputs, training=True, values=_MOVED, values3=_ANY),
    *declare("RandomRotation", labelled_outputs, training=True, values=_MOVED, values3=_ANY, idle_keys=("value_range",)),
    *declare(_COLOURED, labelled_outputs, training=True, values3={**_ANY, **_RANGED, **_WAYS}),
    *declare(_RANDOM, labelled_outputs, training=True, values3=_ANY),
    *declare(
        "RandomColorJitter",
        labelled_outputs,
        training=True,
        values3=_ANY,
        keras3={"mask": "passes", "same_tensor": always},
    ),
)
