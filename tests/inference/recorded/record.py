"""Writes what old releases of Keras say of their own layers, for `test_recorded_layers`. Run by hand, never by the tests.

    python3.7 -m venv old && old/bin/pip install "tensorflow==1.15.5" "protobuf<3.21" "h5py<3" "numpy<1.19" pyyaml scipy
    old/bin/pip install --no-deps --target keras-1.2.2 keras==1.2.2
    PYTHONPATH=keras-1.2.2 old/bin/python record.py > keras-1.2.2.json       (tf-1.15: without PYTHONPATH, with argument tf)

Keras 1.0 and 1.1 were written for TensorFlow 0.x; Keras 2 also needs keras_applications and keras_preprocessing.
"""

import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import tensorflow as tf

if sys.argv[1:] == ["tf"]:
    from tensorflow import keras
    from tensorflow.compat.v1.keras.layers import CuDNNGRU, CuDNNLSTM
    from tensorflow.keras import backend, layers
    from tensorflow.python.keras.layers import kernelized, recurrent, rnn_cell_wrapper_v2

    for cls in (CuDNNGRU, CuDNNLSTM, kernelized.RandomFourierFeatures, recurrent.PeepholeLSTMCell):
        setattr(layers, cls.__name__, cls)
    for name in ("DropoutWrapper", "ResidualWrapper"):
        setattr(layers, name, getattr(rnn_cell_wrapper_v2, name))
    VERSION = "tf-" + tf.__version__
else:
    import keras
    from keras import backend, layers

    VERSION = keras.__version__
    if VERSION > "2.1":
        from keras.layers import convolutional_recurrent

        layers.ConvRNN2D = convolutional_recurrent.ConvRNN2D
    if VERSION < "1.2":
        tf.pack, tf.unpack, tf.select, tf.mul, tf.sub, tf.neg = (
            tf.stack, tf.unstack, tf.where, tf.multiply, tf.subtract, tf.negative,
        )  # fmt: skip
        _concat = tf.concat
        tf.concat = lambda a, b, name="concat": _concat(b, a) if isinstance(a, int) else _concat(a, b)
        tf.batch_matmul = lambda x, y, adj_x=False, adj_y=False: tf.matmul(x, y, adjoint_a=adj_x, adjoint_b=adj_y)
        from tensorflow.python.ops import tensor_array_ops

        tensor_array_ops.TensorArray.unpack = tensor_array_ops.TensorArray.unstack
        tensor_array_ops.TensorArray.pack = tensor_array_ops.TensorArray.stack
        _reverse = tf.reverse
        tf.reverse = lambda x, axes, name=None: _reverse(x, [i for i, flag in enumerate(axes) if flag])

SEQ, ANY_SEQ, VEC = (None, 7, 4), (None, None, 4), (None, 6)
IMAGE, FIRST, OPEN = (None, 9, 10, 3), (None, 3, 9, 10), (None, None, None, 3)
CUBE, IDS, FILM = (None, 6, 7, 8, 2), (None, 7), (None, 4, 8, 9, 2)


def case(name, *inputs, **kwargs):
    return name, kwargs, inputs or (SEQ,)


def th(**kwargs):
    return dict(kwargs, dim_ordering="th")


def keras1():  # noqa: C901 - a list, not logic
    """Every layer class of Keras 1, in the arguments of its time."""
    tf_order = {"dim_ordering": "tf"}
    for name in ("Dense", "TimeDistributedDense", "MaxoutDense", "Highway"):
        shape = SEQ if name == "TimeDistributedDense" else VEC
        for bias in (True, False):
            yield case(name, shape, bias=bias, **({} if name == "Highway" else {"output_dim": 5}))
    yield case("MaxoutDense", VEC, output_dim=5, nb_feature=3)
    yield case("Dense", SEQ, output_dim=5)
    for name in ("Activation", "ActivityRegularization", "Dropout", "GaussianNoise", "GaussianDropout", "ELU", "LeakyReLU"):
        extra = {"Activation": {"activation": "relu"}, "Dropout": {"p": 0.5}, "GaussianNoise": {"sigma": 0.5}}
        for shape in (SEQ, VEC, OPEN):
            yield case(name, shape, **extra.get(name, {"p": 0.5} if name == "GaussianDropout" else {}))
    for name in ("PReLU", "ParametricSoftplus", "SReLU", "ThresholdedReLU", "Masking"):
        for shape in (SEQ, VEC, IMAGE):
            yield case(name, shape)
    for name in ("PReLU", "SReLU"):
        yield case(name, IMAGE, shared_axes=[1, 2])
    for name, shape in (("SpatialDropout1D", SEQ), ("SpatialDropout2D", IMAGE), ("SpatialDropout3D", CUBE)):
        yield case(name, shape, p=0.5)
    yield case("Flatten")
    yield case("Flatten", IMAGE)
    yield case("Reshape", target_shape=(4, 7))
    yield case("Reshape", target_shape=(-1, 2))
    yield case("Permute", dims=(2, 1))
    yield case("RepeatVector", VEC, n=3)
    for extra in ({}, {"mask_zero": True}, {"input_length": 7}, {"dropout": 0.2}):
        yield case("Embedding", IDS, input_dim=11, output_dim=5, **extra)
    for border in ("valid", "same"):
        for stride in (1, 2):
            yield case("Convolution1D", nb_filter=5, filter_length=3, border_mode=border, subsample_length=stride)
            yield case("Convolution1D", ANY_SEQ, nb_filter=5, filter_length=3, border_mode=border, subsample_length=stride)
            for name in ("Convolution2D", "SeparableConvolution2D"):
                for shape, order in ((IMAGE, "tf"), (OPEN, "tf"), (FIRST, "th")):
                    yield case(name, shape, nb_filter=5, nb_row=3, nb_col=2, border_mode=border, subsample=(stride, stride),
                               dim_ordering=order)  # fmt: skip
            yield case("Convolution3D", CUBE, nb_filter=5, kernel_dim1=3, kernel_dim2=2, kernel_dim3=2, border_mode=border,
                       subsample=(stride,) * 3, **tf_order)  # fmt: skip
        yield case("AtrousConvolution1D", nb_filter=5, filter_length=3, atrous_rate=2, border_mode=border)
        yield case("AtrousConvolution2D", IMAGE, nb_filter=5, nb_row=3, nb_col=3, atrous_rate=(2, 2), border_mode=border,
                   **tf_order)  # fmt: skip
        yield case("Deconvolution2D", (2, 9, 10, 3), nb_filter=5, nb_row=3, nb_col=3, border_mode=border, dim_ordering="tf",
                   output_shape=(2, 11, 12, 5) if border == "valid" else (2, 9, 10, 5))  # fmt: skip
    yield case("SeparableConvolution2D", IMAGE, nb_filter=5, nb_row=3, nb_col=3, depth_multiplier=2, bias=False, **tf_order)
    yield case("Convolution2D", IMAGE, nb_filter=5, nb_row=3, nb_col=3, bias=False, **tf_order)
    yield case("Deconvolution2D", (2, 9, 10, 3), nb_filter=5, nb_row=3, nb_col=3, subsample=(2, 2),
               output_shape=(2, 19, 21, 5), **tf_order)  # fmt: skip
    yield case("LocallyConnected1D", nb_filter=5, filter_length=3)
    yield case("LocallyConnected1D", nb_filter=5, filter_length=3, subsample_length=2, bias=False)
    for shape, order in ((IMAGE, "tf"), (FIRST, "th")):
        yield case("LocallyConnected2D", shape, nb_filter=5, nb_row=3, nb_col=2, dim_ordering=order)
    for kind in ("Max", "Average"):
        for border in ("valid", "same"):
            yield case(kind + "Pooling1D", pool_length=2, border_mode=border)
            yield case(kind + "Pooling1D", ANY_SEQ, pool_length=3, stride=2, border_mode=border)
            yield case(kind + "Pooling2D", IMAGE, pool_size=(3, 2), border_mode=border, **tf_order)
            yield case(kind + "Pooling2D", OPEN, pool_size=(2, 2), strides=(1, 1), border_mode=border, **tf_order)
            yield case(kind + "Pooling3D", CUBE, pool_size=(2, 2, 2), border_mode=border, **tf_order)
        yield case(kind + "Pooling2D", FIRST, **th())
        yield case("Global" + kind + "Pooling1D")
        yield case("Global" + kind + "Pooling2D", IMAGE, **tf_order)
        yield case("Global" + kind + "Pooling2D", FIRST, **th())
        yield case("Global" + kind + "Pooling3D", CUBE, **tf_order)
    yield case("UpSampling1D", length=3)
    yield case("UpSampling2D", IMAGE, size=(2, 3), **tf_order)
    yield case("UpSampling2D", FIRST, **th())
    yield case("UpSampling3D", CUBE, **tf_order)
    yield case("ZeroPadding1D", padding=2)
    yield case("ZeroPadding1D", padding=(1, 2))
    yield case("ZeroPadding1D", padding={"left_pad": 1, "right_pad": 2})
    for padding in ((1, 2),) if VERSION < "1.1" else ((1, 2), (1, 2, 3, 4), {"top_pad": 1, "right_pad": 2}):
        yield case("ZeroPadding2D", IMAGE, padding=padding, **tf_order)
    yield case("ZeroPadding2D", FIRST, padding=(1, 2), **th())
    yield case("ZeroPadding3D", CUBE, padding=(1, 2, 3), **tf_order)
    yield case("Cropping1D", cropping=(1, 2))
    yield case("Cropping2D", IMAGE, cropping=((1, 2), (3, 1)), **tf_order)
    yield case("Cropping3D", CUBE, cropping=((1, 1), (1, 2), (2, 1)), **tf_order)
    for mode in (0, 1, 2):
        yield case("BatchNormalization", VEC, mode=mode)
    for axis in (1, -1):
        yield case("BatchNormalization", IMAGE, axis=axis)
    yield from recurrent_cases("output_dim")
    for extra in ({}, {"consume_less": "mem"}, {"consume_less": "gpu"}):
        for name in ("LSTM", "GRU", "SimpleRNN"):
            yield case(name, output_dim=5, **extra)
    yield case("ConvLSTM2D", FILM, nb_filter=3, nb_row=3, nb_col=2, border_mode="same", dim_ordering="tf")
    yield case(
        "ConvLSTM2D", FILM, nb_filter=3, nb_row=3, nb_col=2, border_mode="same", dim_ordering="tf", return_sequences=True
    )
    for mode in ("sum", "mul", "ave", "max", "concat"):
        yield case("Merge", SEQ, SEQ, mode=mode)
    yield case("Merge", SEQ, (None, 3, 4), mode="concat", concat_axis=1)
    for shapes, axes in (((VEC, VEC), -1), ((SEQ, SEQ), 2), ((SEQ, (None, 5, 4)), (2, 2)), ((SEQ, (None, 7, 3)), (1, 1))):
        yield case("Merge", *shapes, mode="dot", dot_axes=axes)
    yield case("Merge", VEC, VEC, mode="cos", dot_axes=-1)
    yield case("Merge", SEQ, SEQ, mode="cos", dot_axes=2)
    yield case("TimeDistributed", SEQ, layer=case("Dense", output_dim=5))
    yield case("TimeDistributed", FILM, layer=case("Convolution2D", nb_filter=5, nb_row=3, nb_col=3, dim_ordering="tf"))
    for name in ("LSTM", "GRU", "SimpleRNN"):
        for mode in ("concat", "sum", None):
            for sequences in (False, True):
                yield case("Bidirectional", layer=case(name, output_dim=5, return_sequences=sequences), merge_mode=mode)


def recurrent_cases(units):
    for name in ("LSTM", "GRU", "SimpleRNN"):
        for shape in (SEQ, ANY_SEQ):
            for extra in ({}, {"return_sequences": True}, {"go_backwards": True}):
                yield case(name, shape, **dict(extra, **{units: 5}))
        yield case(name, (2, 7, 4), stateful=True, **{units: 5})


def keras2():  # noqa: C901 - a list, not logic
    """Every layer class of Keras 2 that tf_keras does not have, and a call of each that it has."""
    yield case("Highway", VEC)
    yield case("Highway", VEC, bias=False)
    yield case("MaxoutDense", VEC, output_dim=5, nb_feature=3)
    yield case("MaxoutDense", VEC, output_dim=5, bias=False)
    for mode in ("sum", "mul", "ave", "max", "concat"):
        yield case("Merge", SEQ, SEQ, mode=mode)
    yield case("Merge", SEQ, SEQ, mode="dot", dot_axes=2)
    for name in ("CuDNNLSTM", "CuDNNGRU"):
        for extra in ({}, {"return_sequences": True}, {"return_state": True}):
            yield case(name, units=5, **extra)
    yield case("RandomFourierFeatures", VEC, output_dim=5)
    yield case("RandomFourierFeatures", VEC, output_dim=5, trainable=True)
    yield case("RNN", cell=case("PeepholeLSTMCell", units=5), return_state=True)
    for name in ("DropoutWrapper", "ResidualWrapper"):
        yield case("RNN", cell=case(name, cell=case("LSTMCell", units=4)))
    for extra in ({}, {"return_sequences": True}, {"use_bias": False, "padding": "same"}):
        yield case("ConvLSTM2D", FILM, filters=3, kernel_size=3, **extra)
    yield case("ConvRNN2D", FILM, cell=case("ConvLSTM2DCell", filters=3, kernel_size=3), return_sequences=True)
    for implementation in (1, 2, 3):
        for extra in ({}, {"strides": 2}, {"use_bias": False}):
            yield case("LocallyConnected1D", filters=5, kernel_size=3, **dict(extra, **number(implementation)))
            yield case("LocallyConnected2D", IMAGE, filters=5, kernel_size=(3, 2), **dict(extra, **number(implementation)))
        yield case(
            "LocallyConnected2D", FIRST, filters=5, kernel_size=3, data_format="channels_first", **number(implementation)
        )
    for implementation in (2, 3):
        yield case("LocallyConnected1D", filters=5, kernel_size=3, padding="same", **number(implementation))
        yield case(
            "LocallyConnected2D", IMAGE, filters=5, kernel_size=(3, 2), padding="same", strides=2, **number(implementation)
        )
    yield from recurrent_cases("units")
    for name in ("LSTM", "GRU", "SimpleRNN"):
        yield case(name, units=5, return_state=True)
        yield case("Bidirectional", layer=case(name, units=5, return_sequences=True))
        yield case("RNN", cell=case(name + "Cell", units=5))
    yield case("GRU", units=5, reset_after=True)
    yield case(
        "RNN", cell=case("StackedRNNCells", cells=[case("LSTMCell", units=3), case("GRUCell", units=4)]), return_state=True
    )
    yield case("Dense", units=5)
    yield case("Embedding", IDS, input_dim=11, output_dim=5, mask_zero=True)
    for name, shape in (
        ("Conv1D", SEQ),
        ("Conv2D", IMAGE),
        ("Conv3D", CUBE),
        ("SeparableConv1D", SEQ),
        ("SeparableConv2D", IMAGE),
    ):
        for extra in ({}, {"padding": "same", "strides": 2}, {"use_bias": False}):
            yield case(name, shape, filters=5, kernel_size=3, **extra)
    yield case("Conv1D", filters=5, kernel_size=3, padding="causal")
    yield case("Conv2D", FIRST, filters=5, kernel_size=3, data_format="channels_first")
    yield case("DepthwiseConv2D", IMAGE, kernel_size=3, depth_multiplier=2)
    for name, shape in (("Conv2DTranspose", IMAGE), ("Conv3DTranspose", CUBE)):
        for extra in ({}, {"strides": 2}, {"padding": "same", "strides": 2}):
            yield case(name, shape, filters=5, kernel_size=3, **extra)
    yield case("Conv2DTranspose", IMAGE, filters=5, kernel_size=3, strides=2, output_padding=1)
    for kind in ("Max", "Average"):
        for rank, shape in ((1, SEQ), (2, IMAGE), (3, CUBE)):
            yield case(f"{kind}Pooling{rank}D", shape, pool_size=2)
            yield case(f"Global{kind}Pooling{rank}D", shape)
    for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"):
        yield case(name, SEQ, SEQ)
    yield case("Add", SEQ, (None, 1, 4))
    yield case("Dot", SEQ, (None, 5, 4), axes=2)
    yield case("Dot", VEC, VEC, axes=-1, normalize=True)
    for name in ("Flatten", "Masking", "PReLU", "ELU", "LeakyReLU", "ThresholdedReLU", "Softmax", "ReLU", "BatchNormalization"):
        yield case(name)
    for name in ("ActivityRegularization", "UpSampling1D", "ZeroPadding1D", "Cropping1D", "LayerNormalization"):
        yield case(name)
    for name in ("Dropout", "AlphaDropout", "GaussianDropout", "SpatialDropout1D"):
        yield case(name, rate=0.5)
    yield case("GaussianNoise", stddev=0.5)
    yield case("Activation", activation="relu")
    yield case("Permute", dims=(2, 1))
    yield case("Reshape", target_shape=(-1, 2))
    for name in ("UpSampling2D", "ZeroPadding2D", "Cropping2D", "SpatialDropout2D"):
        yield case(name, IMAGE, **({"rate": 0.5} if name.startswith("Spatial") else {}))
    for name in ("UpSampling3D", "ZeroPadding3D", "Cropping3D", "SpatialDropout3D"):
        yield case(name, CUBE, **({"rate": 0.5} if name.startswith("Spatial") else {}))
    yield case("RepeatVector", VEC, n=3)
    yield case("Attention", SEQ, (None, 5, 4), use_scale=True)
    yield case("AdditiveAttention", SEQ, (None, 5, 4))
    yield case("TimeDistributed", FILM, layer=case("Conv2D", filters=5, kernel_size=3))


def number(implementation):
    return {} if implementation == 1 else {"implementation": implementation}


def made(spec):
    """The layer of a case, and of the cases among its arguments."""
    name, kwargs, _ = spec
    return getattr(layers, name)(**{key: argument(value) for key, value in kwargs.items()})


def argument(value):
    if isinstance(value, list):
        return [argument(item) for item in value]
    is_case = isinstance(value, tuple) and len(value) == 3 and isinstance(value[0], str)
    return made(value) if is_case else value


def shape_of(tensor):
    shape = getattr(tensor, "_keras_shape", None) or backend.int_shape(tensor)
    return [None if size is None else int(size) for size in shape]


def dtype_of(tensor):
    return tensor.dtype.base_dtype.name


def hands_masks_on(layer, tensors):
    """Whether the layer makes a mask, or hands on one that all of its inputs have."""
    if getattr(layer, "mask_zero", False) or type(layer).__name__ == "Masking":
        return True
    if type(layer).__name__ == "Embedding":
        return False
    try:
        masks = [backend.placeholder(shape=shape_of(tensor)[:2], dtype="bool") for tensor in tensors]
        one = len(tensors) == 1
        found = layer.compute_mask(tensors[0] if one else tensors, masks[0] if one else masks)
    except (TypeError, ValueError, AttributeError, IndexError, NotImplementedError, Exception):  # noqa: BLE001
        return None
    found = found[0] if isinstance(found, (list, tuple)) and found else found
    return found is not None


def record(spec):
    name, _, shapes = spec
    layer = made(spec)
    dtype = "int32" if name == "Embedding" else "float32"
    tensors = [keras.layers.Input(batch_shape=shape, dtype=dtype) for shape in shapes]
    result = layer(tensors[0] if len(tensors) == 1 else tensors)
    results = result if isinstance(result, (list, tuple)) else [result]
    trainable = {id(weight) for weight in layer.trainable_weights}
    values = [(w.name, [int(size) for size in backend.int_shape(w)], id(w) in trainable) for w in layer.weights]
    ordering = getattr(layer, "dim_ordering", None)
    lost = {"dim_ordering": ordering} if ordering and "dim_ordering" not in layer.get_config() else {}
    return {
        "lost": lost,
        "class_name": name,
        "config": layer.get_config(),
        "inputs": [[shape, dtype] for shape in shapes],
        "outputs": [[shape_of(tensor), dtype_of(tensor)] for tensor in results],
        "weights": values,
        "masked": hands_masks_on(layer, tensors),
    }


def main():
    found, refused = [], {}
    for spec in keras1() if VERSION.startswith("1") else keras2():
        try:
            found.append(json.loads(json.dumps(record(spec), default=plain)))
        except Exception as error:  # noqa: BLE001
            refused.setdefault(spec[0], repr(error)[:150])
    done = {entry["class_name"] for entry in found}
    missing = {name: why for name, why in refused.items() if name not in done}
    sys.stderr.write(f"{VERSION}: {len(found)} layers; none of {missing}\n")
    sys.stdout.write("[\n" + ",\n".join(json.dumps(entry, sort_keys=True) for entry in found) + "\n]\n")


def plain(value):
    return value.tolist() if hasattr(value, "tolist") else value.__name__


main()
