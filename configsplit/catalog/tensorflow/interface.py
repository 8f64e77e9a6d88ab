"""Where TensorFlow 2 has the functions that are declared without a place: a document names them with it."""

from __future__ import annotations

_PLACES = {
    "math": "ceil count_nonzero cumprod divide_no_nan erf erfc erfinv expm1 floordiv floormod is_finite is_inf is_nan "
    "l2_normalize log log1p log_sigmoid log_softmax logical_xor mod multiply_no_nan reciprocal reduce_euclidean_norm "
    "reduce_std reduce_variance rint rsqrt softmax softplus softsign squared_difference top_k xdivy xlog1py xlogy",
    "nn": "avg_pool avg_pool1d avg_pool2d avg_pool3d batch_normalization bias_add conv1d conv2d conv3d convolution crelu "
    "depth_to_space depthwise_conv2d dropout elu embedding_lookup gelu l2_loss leaky_relu local_response_normalization lrn "
    "max_pool max_pool1d max_pool2d max_pool3d moments pool relu relu6 selu separable_conv2d silu space_to_depth swish",
    "linalg": "band_part cholesky det diag_part inv matrix_transpose matvec trace",
}

_FULL = {name: f"{place}.{name}" for place, names in _PLACES.items() for name in names.split()}

ABSENT = frozenset(
    {
        "arg_max",
        "arg_min",
        "check_numerics",
        "depthwise_conv2d_native",
        "div",
        "div_no_nan",
        "floor_div",
        "getitem",
        "keras.activations.hard_sigmoid",
        "keras.backend.hard_sigmoid",
        "linalg.transpose",
        "matrix_band_part",
        "matrix_determinant",
        "matrix_diag_part",
        "matrix_inverse",
        "where_v2",
    }
)
"""Functions that are declared, and that TensorFlow 2 does not find by any name of its own."""


def full_name(function: str) -> str:
    """A declared function as documents of TensorFlow 2 name it: ``math.log`` for ``log``; empty where TensorFlow 2 has none."""
    return "" if function in ABSENT else _FULL.get(function, function)
