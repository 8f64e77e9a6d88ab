"""Functions and operations that compute tensors from tensors and touch nothing else: Keras's activations, TensorFlow's
functions by place and name, and the names under which initializers, regularizers, constraints and dtypes stand as text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from configsplit.catalog.classes import words

ACTIVATIONS = words("""
    celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu linear log_sigmoid
    log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softmax_v2 softplus softsign sparse_plus sparse_sigmoid
    sparsemax squareplus swish tanh tanh_shrink threshold identity ReLU LeakyReLU PReLU ELU Softmax ThresholdedReLU
    """)
"""Activations by name, of every generation. Keras 2 takes an advanced activation by the name of its layer, too."""

MEASURES = words("""
    KLD MAE MAPE MSE MSLE binary_accuracy binary_crossentropy binary_focal_crossentropy categorical_accuracy
    categorical_crossentropy categorical_focal_crossentropy categorical_generalized_cross_entropy categorical_hinge circle
    concordance_correlation cosine_similarity ctc dice hinge huber kl_divergence kld kullback_leibler_divergence log_cosh
    logcosh mae mape mean_absolute_error mean_absolute_percentage_error mean_squared_error mean_squared_logarithmic_error mse
    msle pearson_correlation poisson sparse_categorical_accuracy sparse_categorical_crossentropy
    sparse_top_k_categorical_accuracy squared_hinge top_k_categorical_accuracy tversky
    """)
"""Losses and metrics: a nested model may have been compiled."""

INITIALIZERS = words("""
    constant glorot_normal glorot_uniform he_normal he_uniform identity lecun_normal lecun_uniform normal one ones orthogonal
    random_normal random_uniform stft truncated_normal uniform variance_scaling zero zeros Constant GlorotNormal GlorotUniform
    HeNormal HeUniform Identity IdentityInitializer LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal
    RandomUniform STFT STFTInitializer TruncatedNormal VarianceScaling Zeros gaussian laplacian
    """)

REGULARIZERS = words("L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l1l2 l2 orthogonal_regularizer activity_l1 activity_l2")

CONSTRAINTS = words("""
    MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm max_norm maxnorm min_max_norm non_neg nonneg radial_constraint unit_norm
    unitnorm
    """)

DTYPES = words("""
    bool int4 int8 int16 int32 int64 uint8 uint16 uint32 uint64 float8_e4m3fn float8_e5m2 float16 bfloat16 float32 float64 half
    double complex64 complex128 string resource variant mixed_float16 mixed_bfloat16 mixed_float32 mixed_float64 infer _infer
    float32_ref floatx float int
    """)
_QUANTIZED = re.compile(r"(gptq|awq|int8|int4|float8)(/-?\d+){0,3}(_from_(mixed_)?b?float(8|16|32|64))?")

FUNCTION_MODULES = words("""
    builtins keras.activations tf_keras.activations keras.ops keras.ops.nn keras.losses tf_keras.losses keras.metrics
    tf_keras.metrics
    """)
"""The modules that a document may name for a function; it is looked up among activations, losses and metrics anyway."""

OPERATION_PLACES = tuple(
    f"keras.src.{place}"
    for place in (
        "ops.numpy", "ops.nn", "ops.math", "ops.core", "ops.linalg", "ops.image", "ops.einops", "activations.activations",
        "quantizers.quantizers",
    )
)  # fmt: skip
"""Where Keras 3 keeps the classes of its operations."""

_MORE: Mapping[str, str] = {
    "": """
        acosh argsort asinh atanh batch_to_space bitcast boolean_mask clip_by_global_norm clip_by_norm complex constant
        dynamic_partition dynamic_stitch edit_distance eig eigvals extract_volume_patches eye fill fingerprint gather_nd
        grad_pass_through guarantee_const histogram_fixed_width histogram_fixed_width_bins identity_n linspace meshgrid ones
        range rank realdiv reverse_sequence saturate_cast scalar_mul scatter_nd searchsorted sequence_mask shape_n size slice
        space_to_batch space_to_batch_nd strided_slice tensor_scatter_nd_add tensor_scatter_nd_max tensor_scatter_nd_min
        tensor_scatter_nd_sub tensor_scatter_nd_update tensordot truncatediv truncatemod unique unique_with_counts
        unravel_index zeros as_string
    """,
    "__operators__": "eq ne ragged_getitem",
    "math": """
        accumulate_n acosh angle approx_max_k approx_min_k asinh atanh bessel_i0 bessel_i0e bessel_i1 bessel_i1e betainc
        bincount confusion_matrix conj count_nonzero cumulative_logsumexp digamma erfc erfcinv erfinv igamma igammac imag
        in_top_k invert_permutation is_non_decreasing is_strictly_increasing lbeta lgamma multiply_no_nan ndtri nextafter
        polygamma polyval real reciprocal_no_nan reduce_euclidean_norm scalar_mul segment_max segment_mean segment_min
        segment_prod segment_sum sobol_sample top_k unsorted_segment_max unsorted_segment_mean unsorted_segment_min
        unsorted_segment_prod unsorted_segment_sqrt_n unsorted_segment_sum xdivy xlog1py xlogy zero_fraction zeta
    """,
    "nn": """
        approx_max_k approx_min_k atrous_conv2d atrous_conv2d_transpose avg_pool avg_pool1d avg_pool2d avg_pool3d
        batch_norm_with_global_normalization batch_normalization collapse_repeated conv1d conv1d_transpose conv2d
        conv2d_transpose conv3d conv3d_transpose conv_transpose convolution crelu ctc_beam_search_decoder ctc_greedy_decoder
        ctc_loss depth_to_space depthwise_conv2d depthwise_conv2d_native dilation2d embedding_lookup erosion2d
        fractional_avg_pool fractional_max_pool in_top_k isotonic_regression l2_loss local_response_normalization
        log_poisson_loss lrn max_pool max_pool1d max_pool2d max_pool3d max_pool_with_argmax moments normalize_moments pool
        separable_conv2d sigmoid_cross_entropy_with_logits softmax_cross_entropy_with_logits space_to_batch space_to_depth
        sparse_softmax_cross_entropy_with_logits sufficient_statistics top_k weighted_cross_entropy_with_logits
        weighted_moments zero_fraction softmax_v2
    """,
    "linalg": """
        adjoint band_part banded_triangular_solve cholesky cholesky_solve cross det diag diag_part eig eigh eigh_tridiagonal
        eigvals eigvalsh expm eye global_norm inv logdet logm lstsq lu lu_matrix_inverse lu_reconstruct lu_solve matrix_rank
        matrix_transpose matvec normalize pinv qr set_diag slogdet solve sqrtm svd tensor_diag tensor_diag_part tensordot trace
        triangular_solve tridiagonal_matmul tridiagonal_solve
    """,
    "signal": """
        dct fft fft2d fft3d fftnd fftshift frame hamming_window hann_window idct ifft ifft2d ifft3d ifftnd ifftshift
        inverse_mdct inverse_stft irfft irfft2d irfft3d irfftnd kaiser_bessel_derived_window kaiser_window
        linear_to_mel_weight_matrix mdct mfccs_from_log_mel_spectrograms overlap_and_add rfft rfft2d rfft3d rfftnd stft
        vorbis_window
    """,
    "bitwise": "bitwise_and bitwise_or bitwise_xor invert left_shift right_shift",
    "image": """
        adjust_brightness adjust_contrast adjust_gamma adjust_hue adjust_saturation central_crop combined_non_max_suppression
        convert_image_dtype crop_and_resize crop_to_bounding_box draw_bounding_boxes extract_glimpse extract_patches
        flip_left_right flip_up_down grayscale_to_rgb hsv_to_rgb image_gradients non_max_suppression
        non_max_suppression_overlaps non_max_suppression_padded non_max_suppression_with_scores pad_to_bounding_box
        per_image_standardization psnr random_brightness random_contrast random_crop random_flip_left_right
        random_flip_up_down random_hue random_saturation resize_bicubic resize_bilinear resize_nearest_neighbor resize_area
        resize_image_with_crop_or_pad resize_images resize_with_crop_or_pad resize_with_pad rgb_to_grayscale rgb_to_hsv
        rgb_to_yiq rgb_to_yuv rot90 sobel_edges ssim ssim_multiscale total_variation transpose yiq_to_rgb yuv_to_rgb
    """,
    "quantization": """
        dequantize fake_quant_with_min_max_args fake_quant_with_min_max_vars_per_channel quantize quantize_and_dequantize
        quantize_and_dequantize_v2
    """,
    "random": """
        categorical gamma normal poisson shuffle stateless_binomial stateless_categorical stateless_gamma stateless_normal
        stateless_poisson stateless_truncated_normal stateless_uniform truncated_normal uniform
    """,
    "strings": """
        as_string bytes_split join length lower ngrams reduce_join regex_full_match regex_replace split strip substr
        to_hash_bucket to_hash_bucket_fast to_hash_bucket_strong to_number unicode_decode unicode_encode unicode_script
        unicode_split unicode_transcode upper
    """,
    "dtypes": "complex saturate_cast",
    "experimental.numpy": """
        abs absolute add all amax amin any arctan2 argmax argmin average broadcast_to ceil clip concatenate copy cos cosh
        cumprod cumsum divide einsum equal exp expand_dims expm1 flip floor floor_divide greater greater_equal identity
        isfinite isinf isnan less less_equal log log10 log1p log2 logical_and logical_not logical_or logical_xor matmul max
        maximum mean min minimum mod multiply negative not_equal ones_like pad power prod reciprocal repeat reshape roll round
        select shape sign sin sinh sort split sqrt square squeeze stack std subtract sum swapaxes take tan tanh tile transpose
        tril triu true_divide var where zeros_like
    """,
    "keras.backend": """
        all any argmax argmin bias_add cast clip concatenate conv1d conv2d conv3d cumprod cumsum depthwise_conv2d expand_dims
        gather max mean min one_hot ones prod repeat reshape reverse separable_conv2d shape squeeze stack std sum tile
        transpose zeros zeros_like var
    """,
    "keras.activations": "mish",
    "debugging": "check_numerics",
}
"""Pure functions besides, place by place."""

_PURE = {place: frozenset(names.split()) for place, names in _MORE.items()}

_NODES = words("""
    acosh asinh atanh avg_pool avg_pool3d batch_mat_mul_v3 check_numerics cholesky conv2d conv3d conv2d_backprop_input
    conv3d_backprop_input_v2 const crop_and_resize cross cumulative_logsumexp depth_to_space depthwise_conv2d_native diag
    diag_part digamma div_no_nan erfc erfinv extract_image_patches fill floor_mod fused_batch_norm fused_batch_norm_v2
    fused_batch_norm_v3 gather_nd greater_equal identity_n inv invert_permutation l2_loss less_equal lgamma lin_space
    lower_bound lrn matrix_band_part matrix_determinant matrix_diag matrix_diag_part matrix_inverse matrix_set_diag max_pool
    max_pool3d max_pool_v2 mul_no_nan one_hot range rank real resize_area resize_bicubic resize_nearest_neighbor reverse_v2
    reverse_sequence scatter_nd segment_max segment_mean segment_min segment_prod segment_sum shape_n size slice
    space_to_batch_nd batch_to_space_nd space_to_depth split_v string_lower string_upper
    sparse_softmax_cross_entropy_with_logits
    reverse where softmax_cross_entropy_with_logits svd tensor_scatter_update top_k top_kv2 truncate_div truncate_mod unpack
    unsorted_segment_max unsorted_segment_sum upper_bound xdivy xlog1py xlogy fft fft2d fft3d ifft ifft2d ifft3d rfft irfft
    bitwise_and bitwise_or bitwise_xor left_shift right_shift imag conj complex angle zeta polygamma igamma igammac
    logical_xor dilation2d hsv_to_rgb rgb_to_hsv adjust_contrastv2 adjust_hue adjust_saturation
    """)


PROPERTIES = words(
    """
    shape dtype rank values flat_values nested_flat_values nested_row_splits row_splits ragged_rank uniform_row_length indices
    dense_shape T
    """
)
"""Properties of tensors that an InstanceProperty may read."""


def is_pure_function(name: str) -> bool:
    """Whether a function of TensorFlow's interface (``math.reduce_mean``) is declared or on the list."""
    from configsplit.catalog.tensorflow import table

    place, _, last = name.removeprefix("compat.v1.").removeprefix("compat.v2.").rpartition(".")
    return last in _PURE.get(place, ()) or table.function(name) is not None


def is_pure_node(name: str) -> bool:
    """Whether an operation of TensorFlow's graphs (``MatMul``) is declared or on the list."""
    from configsplit.catalog.operations.layers import snake
    from configsplit.catalog.tensorflow import table

    return name in table.NODES or snake(name) in _NODES


def is_dtype(name: str) -> bool:
    """Whether a text names a dtype, or a dtype policy."""
    return name in DTYPES or _QUANTIZED.fullmatch(name) is not None
