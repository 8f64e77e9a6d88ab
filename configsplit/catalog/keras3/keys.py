"""The keys that each class of Keras 3 takes, beside ``name``, ``trainable`` and ``dtype``: held against Keras itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_TRAINED = "{0}_initializer {0}_regularizer {0}_constraint"
_KERNEL, _BIAS, _RECURRENT = (_TRAINED.format(name) for name in ("kernel", "bias", "recurrent"))
_DEPTHWISE, _POINTWISE = (_TRAINED.format(name) for name in ("depthwise", "pointwise"))
_SCALED = f"center scale {_TRAINED.format('beta')} {_TRAINED.format('gamma')}"
_WINDOW = "kernel_size strides padding data_format dilation_rate"
_DENSE = f"activation use_bias {_KERNEL} {_BIAS}"
_CELL = f"units {_DENSE} {_RECURRENT} dropout recurrent_dropout seed"
_LOOP = "return_sequences return_state go_backwards stateful unroll zero_output_for_mask"
_TOKENS = "max_tokens idf_weights output_mode sparse pad_to_max_tokens vocabulary"
_LOOKUP = f"{_TOKENS} num_oov_indices mask_token oov_token invert"
_MOVED = "fill_mode interpolation seed fill_value"

_TABLE = (
    ("Add Average Identity Maximum Minimum Multiply Subtract", ""),
    ("Activation", "activation"),
    ("ActivityRegularization", "l1 l2"),
    ("AdditiveAttention", "use_scale dropout seed"),
    ("AlphaDropout Dropout", "rate noise_shape seed"),
    ("Attention", "use_scale score_mode dropout seed"),
    ("AveragePooling1D AveragePooling2D AveragePooling3D", "pool_size strides padding data_format"),
    ("MaxPooling1D MaxPooling2D MaxPooling3D", "pool_size strides padding data_format"),
    (
        "BatchNormalization",
        f"axis momentum epsilon {_SCALED} moving_mean_initializer moving_variance_initializer synchronized",
    ),
    ("Bidirectional", "layer merge_mode backward_layer"),
    ("CategoryEncoding", "num_tokens output_mode sparse"),
    ("CenterCrop", "height width data_format"),
    ("Concatenate Softmax UnitNormalization", "axis"),
    ("Conv1D Conv2D Conv3D", f"filters groups {_WINDOW} {_DENSE}"),
    ("Conv1DTranspose Conv2DTranspose Conv3DTranspose", f"filters output_padding {_WINDOW} {_DENSE}"),
    (
        "ConvLSTM1D ConvLSTM2D ConvLSTM3D",
        f"filters {_WINDOW} {_DENSE} {_RECURRENT} recurrent_activation unit_forget_bias dropout recurrent_dropout seed {_LOOP}",
    ),
    ("Cropping1D", "cropping"),
    ("Cropping2D Cropping3D", "cropping data_format"),
    ("Dense", f"units {_DENSE}"),
    ("DepthwiseConv1D DepthwiseConv2D", f"{_WINDOW} depth_multiplier activation use_bias {_DEPTHWISE} {_BIAS}"),
    ("Discretization", "bin_boundaries num_bins epsilon output_mode sparse"),
    ("Dot", "axes normalize"),
    ("ELU", "alpha"),
    ("EinsumDense", f"equation output_shape activation bias_axes {_KERNEL} {_BIAS}"),
    ("Embedding", f"input_dim output_dim mask_zero {_TRAINED.format('embeddings')}"),
    ("Flatten", "data_format"),
    ("GRU", f"{_CELL} {_LOOP} recurrent_activation reset_after"),
    ("GRUCell", f"{_CELL} recurrent_activation reset_after"),
    ("GaussianDropout", "rate seed"),
    ("GaussianNoise", "stddev seed"),
    ("GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D", "data_format keepdims"),
    ("GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D", "data_format keepdims"),
    ("GroupNormalization", f"groups axis epsilon {_SCALED}"),
    ("HashedCrossing", "num_bins output_mode sparse"),
    ("Hashing", "num_bins mask_value salt output_mode sparse"),
    ("IntegerLookup", f"{_LOOKUP} vocabulary_dtype"),
    ("LSTM", f"{_CELL} {_LOOP} recurrent_activation unit_forget_bias"),
    ("LSTMCell", f"{_CELL} recurrent_activation unit_forget_bias"),
    ("LayerNormalization", f"axis epsilon {_SCALED}"),
    ("LeakyReLU", "negative_slope"),
    ("Masking", "mask_value"),
    (
        "MultiHeadAttention",
        f"num_heads key_dim value_dim dropout use_bias output_shape attention_axes {_KERNEL} {_BIAS} seed",
    ),
    ("Normalization", "axis mean variance invert"),
    ("PReLU", f"shared_axes {_TRAINED.format('alpha')}"),
    ("Permute", "dims"),
    ("RNN", f"cell {_LOOP}"),
    ("RandomBrightness", "factor value_range seed"),
    ("RandomContrast", "factor value_range seed"),
    ("RandomCrop", "height width seed"),
    ("RandomFlip", "mode seed"),
    ("RandomRotation", f"factor {_MOVED}"),
    ("RandomTranslation RandomZoom", f"height_factor width_factor {_MOVED}"),
    ("ReLU", "max_value negative_slope threshold"),
    ("RepeatVector", "n"),
    ("Rescaling", "scale offset"),
    ("Reshape", "target_shape"),
    ("Resizing", "height width interpolation crop_to_aspect_ratio data_format"),
    (
        "SeparableConv1D SeparableConv2D",
        f"filters {_WINDOW} depth_multiplier activation use_bias {_DEPTHWISE} {_POINTWISE} {_BIAS}",
    ),
    ("SimpleRNN", f"{_CELL} {_LOOP}"),
    ("SimpleRNNCell", _CELL),
    ("SpatialDropout1D", "rate seed"),
    ("SpatialDropout2D SpatialDropout3D", "rate data_format seed"),
    ("SpectralNormalization", "layer power_iterations"),
    ("StackedRNNCells", "cells"),
    ("StringLookup", f"{_LOOKUP} encoding"),
    ("TextVectorization", f"{_TOKENS} standardize split ngrams output_sequence_length ragged encoding"),
    ("TimeDistributed", "layer"),
    ("UpSampling1D", "size"),
    ("UpSampling2D", "size data_format interpolation"),
    ("UpSampling3D", "size data_format"),
    ("ZeroPadding1D", "padding"),
    ("ZeroPadding2D ZeroPadding3D", "padding data_format"),
)  # fmt: skip

NO_FLAG = frozenset({"Discretization", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"})
"""Classes of Keras 3 that refuse ``trainable`` and ``activity_regularizer``; they have no weights."""


def _keys(name: str, listed: str) -> frozenset[str]:
    more = set() if name in NO_FLAG else {"trainable", "activity_regularizer"}
    return frozenset({"name", "dtype", *listed.split(), *more})


KEYS: Mapping[str, frozenset[str]] = MappingProxyType(
    {name: _keys(name, listed) for names, listed in _TABLE for name in names.split()}
)
"""Class of Keras 3 -> the keys that its constructor takes."""
