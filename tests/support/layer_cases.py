"""Configurations of every built-in layer class: class name, arguments, inputs, and how it is called.

``only`` names the framework that has the class. Inputs are shapes with the batch, or (shape, dtype).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

IMAGE = (None, 9, 10, 3)
OPEN = (None, None, None, 3)
FIRST = (None, 3, 9, 10)
SEQ = (None, 7, 4)
ANY_SEQ = (None, None, 4)
CUBE = (None, 6, 7, 8, 2)
IDS = ((None, 7), "int32")
TEXT = ((None, 3), "string")


@dataclass(frozen=True)
class Case:
    name: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    inputs: tuple[Any, ...] = (SEQ,)
    call: dict[str, Any] = field(default_factory=dict)
    only: str = ""
    listed: bool = False
    """Whether several inputs are given as one list."""

    @property
    def id(self) -> str:
        text = ",".join(f"{key}={value}" for key, value in {**self.kwargs, **self.call}.items())
        return f"{self.name}({text}){list(self.inputs)}".replace(" ", "")


def case(name: str, *inputs: Any, call: dict[str, Any] | None = None, only: str = "", listed: bool = False, **kw: Any) -> Case:
    return Case(name, kw, inputs or (SEQ,), call or {}, only, listed)


DENSE = [
    case("Dense", units=5),
    case("Dense", (None, 6), units=5, use_bias=False),
    case("Dense", (2, 3, 4, 5), units=1, dtype="mixed_float16"),
    case("Dense", (None, 6), units=5, dtype="float64"),
    case("Dense", (None, 6), units=5, dtype="float16"),
    case("Dense", (None, 6), units=5, dtype="mixed_bfloat16"),
    case("EinsumDense", equation="abc,cd->abd", output_shape=(None, 64), bias_axes="d"),
    case("EinsumDense", equation="abc,cd->abd", output_shape=(7, 64)),
    case("EinsumDense", equation="...x,xy->...y", output_shape=8, bias_axes="y"),
    case("EinsumDense", (None, 5, 6, 4), equation="...bc,cd->...bd", output_shape=(6, 8), bias_axes="bd"),
    case("EinsumDense", (None, 32), equation="ab,bc->ac", output_shape=64, bias_axes="c"),
    case("EinsumDense", (None, 5, 4), equation="abc,cde->abde", output_shape=(None, 2, 3), bias_axes="de"),
    case("EinsumDense", (None, 5, 4, 3), equation="ab...,bc->ac...", output_shape=(6,), bias_axes="c"),
    case("LocallyConnected1D", filters=3, kernel_size=3, only="tf_keras"),
    case("LocallyConnected1D", filters=3, kernel_size=2, strides=2, use_bias=False, only="tf_keras"),
    case("LocallyConnected2D", IMAGE, filters=3, kernel_size=(3, 2), strides=(2, 1), only="tf_keras"),
    *(
        case("LocallyConnected2D", IMAGE, filters=3, kernel_size=(3, 2), implementation=kind, only="tf_keras", **extra)
        for kind in (2, 3)
        for extra in ({}, {"padding": "same"}, {"strides": 2, "padding": "same"}, {"use_bias": False})
    ),
    case("RandomFourierFeatures", (None, 6), output_dim=5, trainable=True, only="tf_keras"),
    case("Identity"),
    case("Identity", IDS),
    case("ActivityRegularization", l1=0.1),
]

CONVOLUTION = [
    case(name, shape, filters=6, kernel_size=size, **extra)
    for name, shape, size in (("Conv1D", SEQ, 3), ("Conv2D", IMAGE, (3, 2)), ("Conv3D", CUBE, 3), ("Conv2D", OPEN, 5))
    for extra in (
        {},
        {"padding": "same"},
        {"strides": 2},
        {"strides": 2, "padding": "same"},
        {"dilation_rate": 2, "padding": "same"},
        {"use_bias": False},
    )
] + [
    case("Conv1D", filters=2, kernel_size=3, padding="causal"),
    case("Conv1D", filters=2, kernel_size=2, padding="causal", dilation_rate=2),
    case("Conv1D", ANY_SEQ, filters=2, kernel_size=2),
    case("Conv1D", (None, 20, 4), filters=2, kernel_size=3, dilation_rate=4),
    case("Conv2D", (None, 9, 10, 4), filters=6, kernel_size=3, groups=2),
    case("Conv2D", FIRST, filters=6, kernel_size=3, data_format="channels_first"),
    case("Conv2D", IMAGE, filters=6, kernel_size=3, dtype="mixed_float16"),
    case("Conv2D", (None, 3, 3, 3), filters=6, kernel_size=3),
    *(
        case(name, shape, kernel_size=3, **extra)
        for name, shape in (("DepthwiseConv1D", SEQ), ("DepthwiseConv2D", IMAGE), ("DepthwiseConv2D", OPEN))
        for extra in (
            {},
            {"depth_multiplier": 2},
            {"padding": "same", "strides": 2},
            {"use_bias": False},
        )
    ),
    case("DepthwiseConv2D", (None, 20, 20, 3), kernel_size=3, dilation_rate=2),
    case("DepthwiseConv2D", FIRST, kernel_size=3, depth_multiplier=2, data_format="channels_first"),
    *(
        case(name, shape, filters=5, kernel_size=3, **extra)
        for name, shape in (("SeparableConv1D", SEQ), ("SeparableConv2D", IMAGE), ("SeparableConv2D", OPEN))
        for extra in ({}, {"depth_multiplier": 2}, {"padding": "same", "strides": 2}, {"use_bias": False})
    ),
    *(
        case(name, shape, filters=5, kernel_size=size, **extra)
        for name, shape, size in (
            ("Conv1DTranspose", SEQ, 3),
            ("Conv2DTranspose", IMAGE, (3, 4)),
            ("Conv3DTranspose", CUBE, 2),
            ("Conv2DTranspose", OPEN, 3),
        )
        for extra in (
            {},
            {"padding": "same"},
            {"strides": 2},
            {"strides": 3},
            {"strides": 2, "padding": "same"},
            {"use_bias": False},
        )
    ),
    case("Conv2DTranspose", IMAGE, filters=5, kernel_size=3, strides=2, output_padding=1),
    case("Conv2DTranspose", IMAGE, filters=5, kernel_size=3, strides=2, padding="same", output_padding=1),
    case("Conv2DTranspose", IMAGE, filters=5, kernel_size=3, strides=2, padding="same", output_padding=0),
    case("Conv2DTranspose", IMAGE, filters=5, kernel_size=3, dilation_rate=2),
    case("Conv2DTranspose", FIRST, filters=5, kernel_size=3, data_format="channels_first"),
]

POOLING = (
    [
        case(f"{kind}Pooling{rank}D", shape, **extra)
        for kind in ("Max", "Average")
        for rank, shape in ((1, SEQ), (2, IMAGE), (3, CUBE), (2, OPEN))
        for extra in (
            {"pool_size": 2},
            {"pool_size": 3},
            {"pool_size": 3, "strides": 2, "padding": "same"},
            {"pool_size": 2, "strides": 1},
        )
    ]
    + [
        case(f"Global{kind}Pooling{rank}D", shape, **extra)
        for kind in ("Max", "Average")
        for rank, shape in ((1, SEQ), (2, IMAGE), (3, CUBE), (2, OPEN))
        for extra in ({}, {"keepdims": True})
    ]
    + [
        case("MaxPooling2D", FIRST, data_format="channels_first"),
        case("MaxPooling2D", (IMAGE, "int32")),
        case("AveragePooling2D", IMAGE, pool_size=2, dtype="mixed_float16"),
        case("GlobalAveragePooling2D", FIRST, data_format="channels_first"),
        case("GlobalMaxPooling1D", (None, 4, 7), data_format="channels_first"),
        *(
            case(f"Adaptive{kind}Pooling{rank}D", shape, output_size=size, only="keras")
            for kind in ("Max", "Average")
            for rank, shape, size in ((1, SEQ, 3), (2, IMAGE, (3, 2)), (3, CUBE, 2))
        ),
    ]
)

NORMALIZATION = [
    *(
        case("BatchNormalization", IMAGE, **extra)
        for extra in ({}, {"axis": 1}, {"scale": False}, {"center": False}, {"dtype": "mixed_float16"}, {"dtype": "float16"})
    ),
    case("BatchNormalization", OPEN),
    case("BatchNormalization", (None, 5), dtype="float64"),
    case("BatchNormalization", IMAGE, renorm=True, only="keras"),
    case("BatchNormalization", IMAGE, axis=[1, 3], only="tf_keras"),
    case("LayerNormalization"),
    case("LayerNormalization", IMAGE, axis=[1, -1]),
    case("LayerNormalization", axis=-1, scale=False),
    case("LayerNormalization", center=False, dtype="mixed_float16"),
    case("GroupNormalization", (None, 5, 6, 8), groups=4),
    case("GroupNormalization", (None, 8, 6), groups=2, axis=1, scale=False),
    case("UnitNormalization"),
    case("UnitNormalization", axis=1),
    case("RMSNormalization", only="keras"),
    case("RMSNormalization", IMAGE, axis=[1, 2], only="keras"),
]

RECURRENT = [
    *(
        case(name, shape, units=5, **extra)
        for name in ("LSTM", "GRU", "SimpleRNN")
        for shape in (SEQ, ANY_SEQ)
        for extra in (
            {},
            {"return_sequences": True},
            {"return_state": True},
            {"return_sequences": True, "return_state": True},
            {"use_bias": False, "dropout": 0.2},
            {"dtype": "mixed_float16"},
        )
    ),
    case("GRU", units=5, reset_after=False),
    case("LSTM", (2, 7, 4), units=5, stateful=True),
    case("LSTM", (7, 2, 4), units=5, time_major=True, return_sequences=True, only="tf_keras"),
    *(
        case(name, shape, filters=3, kernel_size=size, **extra)
        for name, shape, size in (
            ("ConvLSTM1D", (None, 4, 8, 2), 3),
            ("ConvLSTM2D", (None, 4, 8, 9, 2), (3, 2)),
            ("ConvLSTM3D", (None, 4, 8, 9, 7, 2), 3),
            ("ConvLSTM2D", (None, None, 8, 9, 2), 3),
        )
        for extra in (
            {},
            {"return_sequences": True, "padding": "same"},
            {"return_state": True},
            {"use_bias": False, "strides": 2},
        )
    ),
    case("ConvLSTM2D", (None, 4, 2, 8, 9), filters=3, kernel_size=3, data_format="channels_first", return_sequences=True),
]

MERGING = [
    *(
        case(name, *shapes, listed=True)
        for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")
        for shapes in (
            (SEQ, SEQ),
            (SEQ, (None, 1, 4)),
            (ANY_SEQ, SEQ),
            ((3, 7, 4), SEQ),
            (SEQ, (None, 4)),
            ((SEQ, "int32"), (SEQ, "int32")),
        )
    ),
    case("Add", SEQ, SEQ, SEQ, listed=True, dtype="mixed_float16"),
    case("Add", (None, 4), (None, 7, 4), listed=True),
    *(
        case("Concatenate", *shapes, listed=True, axis=axis)
        for axis, shapes in (
            (-1, (SEQ, SEQ)),
            (1, (SEQ, (None, 3, 4))),
            (1, (SEQ, ANY_SEQ)),
            (2, (ANY_SEQ, (None, 7, 2))),
            (-1, ((3, 4), (None, 5))),
            (-1, (((None, 4), "int32"), ((None, 5), "int32"))),
            (0, (SEQ, SEQ)),
        )
    ),
    *(
        case("Dot", *shapes, listed=True, axes=axes)
        for axes, shapes in (
            (1, ((None, 5), (None, 5))),
            ((1, 2), ((None, 3, 5), (None, 10, 3))),
            ((2, 1), (SEQ, (None, 4, 6))),
            (-1, (SEQ, (None, 5, 4))),
            ((2, 1), (SEQ, (None, 4))),
        )
    ),
]

ATTENTION = [
    *(
        case(name, *shapes, listed=True, **extra)
        for name, extra in (("Attention", {}), ("Attention", {"use_scale": True}), ("AdditiveAttention", {}))
        for shapes in ((SEQ, (None, 5, 4)), (SEQ, (None, 5, 4), (None, 5, 4)))
    ),
    case("Attention", SEQ, (None, 5, 4), listed=True, score_mode="concat"),
    case("Attention", SEQ, (None, 5, 4), listed=True, call={"return_attention_scores": True}),
    case("AdditiveAttention", SEQ, (None, 5, 4), listed=True, use_scale=False),
    *(
        case("MultiHeadAttention", *shapes, num_heads=2, key_dim=3, **extra)
        for shapes in ((SEQ, SEQ), (SEQ, (None, 5, 6)), (SEQ, (None, 5, 6), (None, 5, 2)), ((None, 3, 4, 5), (None, 3, 4, 5)))
        for extra in ({}, {"value_dim": 5}, {"use_bias": False}, {"output_shape": 9})
    ),
    case("MultiHeadAttention", SEQ, SEQ, num_heads=2, key_dim=3, dtype="mixed_float16"),
    case("MultiHeadAttention", SEQ, SEQ, num_heads=2, key_dim=3, call={"return_attention_scores": True}),
    case("MultiHeadAttention", (None, 3, 4, 5), (None, 3, 4, 5), num_heads=2, key_dim=3, attention_axes=(2,)),
    case("GroupQueryAttention", SEQ, SEQ, head_dim=3, num_query_heads=4, num_key_value_heads=2, only="keras"),
    case("GroupQueryAttention", SEQ, (None, 5, 4), head_dim=3, num_query_heads=4, num_key_value_heads=2, only="keras"),
    case("GroupQueryAttention", SEQ, SEQ, head_dim=3, num_query_heads=4, num_key_value_heads=2, use_gate=True, only="keras"),
    case("MultiHeadAttention", SEQ, SEQ, num_heads=2, key_dim=3, use_gate=True, only="keras"),
    case("Embedding", IDS, input_dim=11, output_dim=5),
    case("Embedding", IDS, input_dim=11, output_dim=5, mask_zero=True),
    case("Embedding", (None, 7), input_dim=11, output_dim=5, dtype="mixed_float16"),
    case("ReversibleEmbedding", IDS, input_dim=11, output_dim=5, only="keras"),
    case("ReversibleEmbedding", IDS, input_dim=11, output_dim=5, tie_weights=False, only="keras"),
    case("ReversibleEmbedding", SEQ, input_dim=11, output_dim=4, call={"reverse": True}, only="keras"),
]

RESHAPING = [
    case("Flatten"),
    case("Flatten", ANY_SEQ),
    case("Flatten", (None,)),
    case("Flatten", (3, 4, 5)),
    case("Flatten", FIRST, data_format="channels_first"),
    case("Flatten", (SEQ, "int32")),
    case("Reshape", target_shape=(4, 7)),
    case("Reshape", target_shape=(-1, 2)),
    case("Reshape", target_shape=(2, -1, 2)),
    case("Reshape", ANY_SEQ, target_shape=(-1, 2)),
    case("Reshape", (SEQ, "int32"), target_shape=(28,)),
    case("Reshape", target_shape=(28,), dtype="mixed_float16"),
    case("Permute", dims=(2, 1)),
    case("Permute", CUBE, dims=(4, 1, 3, 2)),
    case("RepeatVector", (None, 4), n=3),
    case("UpSampling1D", size=3),
    case("UpSampling2D", IMAGE, size=(2, 3)),
    case("UpSampling2D", OPEN, interpolation="bilinear"),
    case("UpSampling2D", FIRST, data_format="channels_first"),
    case("UpSampling3D", CUBE),
    case("ZeroPadding1D", padding=2),
    case("ZeroPadding1D", padding=(1, 2)),
    case("ZeroPadding2D", IMAGE, padding=((1, 2), (3, 4))),
    case("ZeroPadding2D", IMAGE, padding=(1, 2)),
    case("ZeroPadding2D", OPEN, padding=3),
    case("ZeroPadding2D", FIRST, data_format="channels_first"),
    case("ZeroPadding3D", CUBE, padding=(1, 2, 3)),
    case("Cropping1D", cropping=2),
    case("Cropping1D", cropping=(1, 2)),
    case("Cropping2D", IMAGE, cropping=((1, 2), (3, 4))),
    case("Cropping2D", OPEN, cropping=1),
    case("Cropping3D", CUBE, cropping=1),
    case("ZeroPadding2D", (IMAGE, "int32")),
    case("Masking"),
]

ACTIVATION = [
    *(case(name, IMAGE) for name in ("ReLU", "LeakyReLU", "ELU", "Softmax", "PReLU")),
    case("ThresholdedReLU", only="tf_keras"),
    case("PReLU", IMAGE, shared_axes=[1, 2]),
    case("Activation", activation="relu"),
    case("Activation", activation="softmax", dtype="mixed_float16"),
    case("Activation", activation="softmax", dtype="float64"),
    case("Activation", (SEQ, "int32"), activation="relu"),
    case("ReLU", max_value=6.0, dtype="mixed_bfloat16"),
    case("Softmax", axis=1),
    case("Dropout", rate=0.5),
    case("Dropout", rate=0.5, noise_shape=(None, 1, 4)),
    case("SpatialDropout1D", rate=0.5),
    case("SpatialDropout2D", IMAGE, rate=0.5),
    case("SpatialDropout3D", CUBE, rate=0.5),
    case("AlphaDropout", rate=0.5),
    case("GaussianDropout", rate=0.5),
    case("GaussianNoise", stddev=0.5),
]

IMAGES = [
    case("Rescaling", IMAGE, scale=1 / 255),
    case("Rescaling", (IMAGE, "uint8"), scale=1 / 255),
    case("Rescaling", IMAGE, scale=1 / 255, dtype="mixed_float16"),
    case("Resizing", IMAGE, height=5, width=6),
    case("Resizing", OPEN, height=5, width=6, interpolation="nearest"),
    case("Resizing", IMAGE, height=5, width=6, crop_to_aspect_ratio=True),
    case("CenterCrop", IMAGE, height=5, width=6),
    case("RandomCrop", IMAGE, height=5, width=6),
    case("RandomFlip", IMAGE),
    case("RandomRotation", IMAGE, factor=0.2),
    case("RandomZoom", IMAGE, height_factor=0.2),
    case("RandomTranslation", IMAGE, height_factor=0.2, width_factor=0.2),
    case("RandomContrast", IMAGE, factor=0.2),
    case("RandomBrightness", IMAGE, factor=0.2),
    case("RandomHeight", IMAGE, factor=0.2, only="tf_keras"),
    case("RandomWidth", IMAGE, factor=0.2, only="tf_keras"),
    *(
        case(name, IMAGE, only="keras", **extra)
        for name, extra in (
            ("AutoContrast", {}),
            ("AugMix", {}),
            ("CutMix", {}),
            ("MixUp", {}),
            ("RandAugment", {}),
            ("RandomColorDegeneration", {"factor": 0.5}),
            ("RandomColorJitter", {}),
            ("RandomElasticTransform", {}),
            ("RandomErasing", {}),
            ("RandomGaussianBlur", {}),
            ("RandomGrayscale", {}),
            ("RandomHue", {"factor": 0.5}),
            ("RandomInvert", {}),
            ("RandomPerspective", {}),
            ("RandomPosterization", {"factor": 4}),
            ("RandomSaturation", {"factor": 0.5}),
            ("RandomSharpness", {"factor": 0.5}),
            ("RandomShear", {"x_factor": 0.2}),
            ("Solarization", {}),
            ("ContrastLimitedAdaptiveHistogramEqualization", {}),
        )
    ),
]

PREPROCESSING = [
    case("Normalization", (None, 4)),
    case("Normalization", IMAGE, axis=-1),
    case("Normalization", (None, 5, 4), axis=[1, 2]),
    case("Normalization", (None, 4), axis=None),
    case("Normalization", (None, 4), mean=2.0, variance=3.0),
    *(case("CategoryEncoding", (IDS[0], "int64"), num_tokens=6, output_mode=mode) for mode in ("multi_hot", "count")),
    case("CategoryEncoding", ((None, 1), "int64"), num_tokens=6, output_mode="one_hot"),
    case("Discretization", (None, 4), bin_boundaries=[0.0, 1.0]),
    case("Discretization", (None, 1), bin_boundaries=[0.0, 1.0], output_mode="one_hot"),
    case("Discretization", (None, 4), bin_boundaries=[0.0, 1.0], output_mode="multi_hot"),
    case("Hashing", TEXT, num_bins=5),
    case("Hashing", ((None, 1), "string"), num_bins=5, output_mode="one_hot"),
    case("HashedCrossing", ((None, 1), "string"), ((None, 1), "string"), num_bins=5, listed=True),
    case("HashedCrossing", ((None, 1), "string"), ((None, 1), "string"), num_bins=5, output_mode="one_hot", listed=True),
    case("StringLookup", TEXT, vocabulary=["a", "b", "c"]),
    case("StringLookup", TEXT, vocabulary=["a", "b", "c"], output_mode="multi_hot"),
    case("StringLookup", TEXT, vocabulary=["a", "b", "c"], num_oov_indices=2, mask_token="", output_mode="count"),
    case("StringLookup", ((None, 1), "string"), vocabulary=["a", "b"], output_mode="one_hot"),
    case("IntegerLookup", ((None, 3), "int64"), vocabulary=[5, 6, 7]),
    case("IntegerLookup", ((None, 3), "int64"), vocabulary=[5, 6, 7], output_mode="multi_hot"),
    case("TextVectorization", ((None, 1), "string"), vocabulary=["a", "b"], output_sequence_length=6),
    case("TextVectorization", ((None, 1), "string"), vocabulary=["a", "b"]),
    case("TextVectorization", ((None, 1), "string"), vocabulary=["a", "b"], output_mode="multi_hot"),
    case("STFTSpectrogram", (None, 160, 1), only="keras", frame_length=16, frame_step=8),
    case("STFTSpectrogram", (None, 160, 2), only="keras", mode="stft", frame_length=16, fft_length=32, padding="same"),
    case("STFTSpectrogram", (None, 160, 2), only="keras", frame_length=16, expand_dims=True),
    case("STFTSpectrogram", (None, 160, 1), only="keras", frame_length=20),
    case("MelSpectrogram", (None, 16000), only="keras"),
]

CASES = [
    *DENSE,
    *CONVOLUTION,
    *POOLING,
    *NORMALIZATION,
    *RECURRENT,
    *MERGING,
    *ATTENTION,
    *RESHAPING,
    *ACTIVATION,
    *IMAGES,
    *PREPROCESSING,
]
