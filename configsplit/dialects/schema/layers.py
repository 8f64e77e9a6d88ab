"""Configs of the layers that most models are made of, as each generation writes them: the keys without which it is none.

Everything else in a config is allowed, and classes that are not here may have any config: releases add keys, and custom
layers are anything.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from configsplit.dialects.schema.cases import Absent, Case
from configsplit.dialects.schema.frame import Wire

Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Size = Positive | tuple[Positive, ...]
Dimensions = tuple[Whole | None, ...]
Real = Annotated[float, Field(ge=0)]

OfKeras1 = Annotated[Any, Absent("only Keras 1 writes it")]
OfKeras2 = Annotated[Any, Absent("Keras 1 calls it otherwise")]
OfKeras3 = Annotated[Any, Absent("only Keras 3 writes it")]
BeforeKeras3 = Annotated[Any, Absent("Keras 3 does not write it")]


class ActivationConfig(Wire):
    """Activation, of every generation."""

    activation: str | dict[str, Any] | None


class RepeatConfig(Wire):
    """RepeatVector, of every generation."""

    n: Whole


class ReshapeConfig(Wire):
    """Reshape before Keras 3."""

    target_shape: tuple[int | None, ...]


class PermuteConfig(Wire):
    """Permute, of every generation."""

    dims: tuple[Positive, ...]


EVERY = (
    Case(classes=("RepeatVector",), then=RepeatConfig),
    Case(classes=("Permute",), then=PermuteConfig),
)
"""Cases of all three generations."""

BEFORE_3 = (Case(classes=("Activation",), then=ActivationConfig), Case(classes=("Reshape",), then=ReshapeConfig))
"""Cases of Keras 1 and 2; Keras 3 has operations of the same names, which an ``.h5`` does not tell from layers."""


# ---------------------------------------------------------------- Keras 1


class Keras1Config(Wire):
    """Any layer of Keras 1."""

    batch_shape: OfKeras3 = None


class Keras1FirstConfig(Wire):
    """A layer of Keras 1 that says what goes in."""

    batch_input_shape: Dimensions | None
    dtype: Annotated[Any, Absent("Keras 1 calls the type of what goes in input_dtype")] = None


class Keras1InputConfig(Wire):
    """InputLayer of Keras 1."""

    batch_input_shape: Dimensions
    input_dtype: str | None


class Keras1WidthConfig(Wire):
    """Dense, recurrent and other layers of Keras 1 that are so many units wide."""

    output_dim: Positive
    units: OfKeras2 = None


class Keras1Convolution1DConfig(Wire):
    """Convolution1D and AtrousConvolution1D of Keras 1."""

    nb_filter: Positive
    filter_length: Positive
    filters: OfKeras2 = None


class Keras1Convolution2DConfig(Wire):
    """The convolutions of Keras 1 in two dimensions."""

    nb_filter: Positive
    nb_row: Positive
    nb_col: Positive
    filters: OfKeras2 = None


class Keras1EmbeddingConfig(Wire):
    """Embedding of Keras 1."""

    input_dim: Positive
    output_dim: Positive
    embeddings_initializer: OfKeras2 = None


class Keras1DropoutConfig(Wire):
    """Dropout and its kin of Keras 1."""

    p: Real
    rate: OfKeras2 = None


class Keras1Pooling1DConfig(Wire):
    """Pooling in one dimension of Keras 1."""

    pool_length: Positive
    pool_size: OfKeras2 = None


class Keras1Pooling2DConfig(Wire):
    """Pooling in two and three dimensions of Keras 1."""

    pool_size: Size
    border_mode: str
    padding: OfKeras2 = None


class Keras1NormalizationConfig(Wire):
    """BatchNormalization of Keras 1."""

    mode: Whole
    center: OfKeras2 = None


class Keras1MergeConfig(Wire):
    """Merge: the layer of Keras 1 that adds, multiplies, concatenates or runs code."""

    mode: Any


KERAS1 = (
    Case(kind="object", then=Keras1Config),
    Case(has=("batch_input_shape",), then=Keras1FirstConfig),
    Case(classes=("InputLayer",), then=Keras1InputConfig),
    Case(classes=("Dense", "TimeDistributedDense", "MaxoutDense", "LSTM", "GRU", "SimpleRNN"), then=Keras1WidthConfig),
    Case(classes=("Convolution1D", "AtrousConvolution1D"), then=Keras1Convolution1DConfig),
    Case(
        classes=("Convolution2D", "AtrousConvolution2D", "Deconvolution2D", "SeparableConvolution2D"),
        then=Keras1Convolution2DConfig,
    ),
    Case(classes=("Embedding",), then=Keras1EmbeddingConfig),
    Case(classes=("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout"), then=Keras1DropoutConfig),
    Case(classes=("MaxPooling1D", "AveragePooling1D"), then=Keras1Pooling1DConfig),
    Case(classes=("MaxPooling2D", "AveragePooling2D", "MaxPooling3D", "AveragePooling3D"), then=Keras1Pooling2DConfig),
    Case(classes=("BatchNormalization",), then=Keras1NormalizationConfig),
    Case(classes=("Merge",), then=Keras1MergeConfig),
    *EVERY,
    *BEFORE_3,
)


# ---------------------------------------------------------------- Keras 2 and 3


class UnitsConfig(Wire):
    """Dense, recurrent and other layers that are so many units wide."""

    units: Whole
    output_dim: OfKeras1 = None


class KernelConfig(Wire):
    """Convolutions in depth, which have no filters of their own."""

    kernel_size: Size
    border_mode: OfKeras1 = None


class ConvolutionConfig(KernelConfig):
    """Convolutions."""

    filters: Annotated[int, Field(ge=0)]
    nb_filter: OfKeras1 = None


class EmbeddingConfig(Wire):
    """Embedding."""

    input_dim: Positive
    output_dim: Positive
    embeddings_initializer: Any = None
    init: OfKeras1 = None


class DropoutConfig(Wire):
    """Dropout and its kin."""

    rate: float | None
    p: OfKeras1 = None


class PoolingConfig(Wire):
    """Pooling."""

    pool_size: Size = 2
    padding: str = "valid"
    border_mode: OfKeras1 = None


class NormalizationConfig(Wire):
    """BatchNormalization."""

    epsilon: float | None = 0.001
    center: bool = True
    mode: OfKeras1 = None


SINCE_2 = (
    Case(classes=("Dense", "LSTM", "GRU", "SimpleRNN", "CuDNNLSTM", "CuDNNGRU"), then=UnitsConfig),
    Case(
        classes=(
            *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
            *("SeparableConv1D", "SeparableConv2D", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
        ),
        then=ConvolutionConfig,
    ),
    Case(classes=("DepthwiseConv1D", "DepthwiseConv2D"), then=KernelConfig),
    Case(classes=("Embedding",), then=EmbeddingConfig),
    Case(
        classes=("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "GaussianDropout"), then=DropoutConfig
    ),
    Case(classes=tuple(f"{kind}Pooling{number}D" for kind in ("Max", "Average") for number in (1, 2, 3)), then=PoolingConfig),
    Case(classes=("BatchNormalization", "BatchNormalizationV1"), then=NormalizationConfig),
    *EVERY,
)
"""Cases of Keras 2 and 3."""


class Keras2FirstConfig(Wire):
    """A layer of Keras 2 that says what goes in."""

    batch_input_shape: Dimensions | None
    input_dtype: OfKeras1 = None


class Keras2InputConfig(Wire):
    """InputLayer of Keras 2."""

    batch_input_shape: Dimensions | None
    dtype: str | dict[str, Any] | None = None
    batch_shape: OfKeras3 = None


KERAS2 = (
    Case(has=("batch_input_shape",), then=Keras2FirstConfig),
    Case(classes=("InputLayer",), then=Keras2InputConfig),
    *SINCE_2,
    *BEFORE_3,
)


class Keras3Config(Wire):
    """Any layer of Keras 3."""

    batch_input_shape: BeforeKeras3 = None


class Keras3InputConfig(Wire):
    """InputLayer of Keras 3; the shape is nested where the input is."""

    batch_shape: tuple[Any, ...] | dict[str, Any] | None
    dtype: str | dict[str, Any] | None = None


KERAS3 = (
    Case(kind="object", then=Keras3Config),
    Case(classes=("InputLayer",), then=Keras3InputConfig),
    *SINCE_2,
)
