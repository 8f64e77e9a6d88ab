"""Image preprocessing and augmentation layers."""

from __future__ import annotations

from configsplit.inference.rules import channels_first, declare, declared_dtype, first_shape, kept_dtype, one_output, unknown
from configsplit.ir.facts import CallFacts
from configsplit.ir.graph import Shape


def _resized(call: CallFacts, height: int | None, width: int | None) -> Shape:
    """An image, batched or not, of another size."""
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


_RANDOM = """
AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix MixUp RandAugment RandomBrightness
RandomColorDegeneration RandomColorJitter RandomContrast RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur
RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
RandomTranslation RandomZoom Solarization
"""

LAYERS = (
    *declare("Resizing CenterCrop RandomCrop", one_output(target_shape, declared_dtype)),
    *declare("RandomHeight", one_output(random_height_shape, declared_dtype)),
    *declare("RandomWidth", one_output(random_width_shape, declared_dtype)),
    *declare("Equalization RandomGrayscale", one_output(first_shape, kept_dtype)),
    *declare(_RANDOM, one_output(first_shape, declared_dtype)),
)
