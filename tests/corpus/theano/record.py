"""Writes what Keras 1 and 2 compute with Theano, for `tests/conversion/test_theano.py`. Run by hand, never by the tests.

    python3.11 -m venv old && old/bin/pip install "setuptools<60" wheel "numpy==1.23.5" "scipy<1.11" "h5py<3.12" six pyyaml
    old/bin/pip install --no-build-isolation theano-pymc
    old/bin/pip install --no-deps --target keras-1.2.2 keras==1.2.2
    old/bin/pip install --no-deps --target keras-2.3.1 keras==2.3.1 keras_applications keras_preprocessing
    HOME=$(mktemp -d) PYTHONPATH=keras-1.2.2 old/bin/python record.py keras-1.2.2

Each layer is one output of one model; beside the file lie the inputs ``in_*`` and the outputs ``out_*``.
"""

import collections
import collections.abc
import inspect
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "theano"
os.environ.setdefault("THEANO_FLAGS", "floatX=float32,device=cpu,optimizer=fast_compile,blas__ldflags=")
for name in ("Iterable", "Mapping", "Sequence", "Callable"):  # where Python 3.6 had them
    setattr(collections, name, getattr(collections.abc, name))
inspect.getargspec = getattr(
    inspect,
    "getargspec",
    lambda f: collections.namedtuple("Spec", "args varargs keywords defaults")(*inspect.getfullargspec(f)[:4]),
)

import numpy as np

sys.modules["theano.scan.scan_perform_ext"] = None  # C for Python 3.9 and earlier; Theano has the same in Python
import theano.sandbox.rng_mrg as random

random.MRG_RandomStreams = random.MRG_RandomStream  # its name in Theano itself

import keras
from keras import layers
from keras.models import Model

SHAPES = {
    "sequence": (6, 3),
    "first": (3, 5, 7),
    "last": (5, 6, 3),
    "volume": (2, 4, 4, 5),
    "film": (3, 2, 5, 5),
    "film_last": (3, 5, 5, 2),
}


def keras1():
    th, tf = {"dim_ordering": "th"}, {"dim_ordering": "tf"}
    yield "sequence", layers.Convolution1D(4, 3, name="conv1d")
    yield "sequence", layers.AtrousConvolution1D(4, 3, atrous_rate=2, name="atrous1d")
    yield "first", layers.Convolution2D(4, 2, 3, name="conv2d", **th)
    yield "last", layers.Convolution2D(4, 2, 3, border_mode="same", subsample=(2, 2), name="conv2d_last", **tf)
    yield "first", layers.AtrousConvolution2D(4, 2, 3, atrous_rate=(2, 1), name="atrous2d", **th)
    yield "first", layers.Deconvolution2D(4, 2, 3, output_shape=(None, 4, 10, 15), subsample=(2, 2), name="deconv2d", **th)
    yield "first", layers.Convolution2D(4, 2, 3, border_mode="full", name="conv2d_full", **th)
    yield "volume", layers.Convolution3D(3, 2, 3, 2, border_mode="same", name="conv3d", **th)
    for order, name in ((th, "film"), (tf, "film_last")):
        yield name, layers.ConvLSTM2D(2, 3, 3, border_mode="same", name="convlstm_" + name, **order)
    for how in ("cpu", "gpu"):
        yield "sequence", layers.LSTM(4, consume_less=how, name="lstm_" + how)
        yield "sequence", layers.GRU(4, consume_less=how, return_sequences=True, name="gru_" + how)
        yield "sequence", layers.SimpleRNN(4, consume_less=how, go_backwards=True, name="rnn_" + how)


def keras2():
    first, last = {"data_format": "channels_first"}, {"data_format": "channels_last"}
    yield "sequence", layers.Conv1D(4, 3, dilation_rate=2, padding="causal", name="conv1d")
    yield "first", layers.Conv2D(4, (2, 3), name="conv2d", **first)
    yield "last", layers.Conv2D(4, (2, 3), padding="same", strides=2, name="conv2d_last", **last)
    yield "last", layers.Conv2DTranspose(4, (2, 3), strides=2, name="transposed2d", **last)
    yield "first", layers.Conv2DTranspose(4, (2, 3), name="transposed2d_first", **first)
    yield "volume", layers.Conv3D(3, (2, 3, 2), name="conv3d", **first)
    yield "volume", layers.Conv3DTranspose(3, (2, 3, 2), name="transposed3d", **first)
    yield "sequence", layers.SeparableConv1D(4, 3, depth_multiplier=2, name="separable1d")
    yield "last", layers.SeparableConv2D(4, (2, 3), name="separable2d", **last)
    yield "first", layers.SeparableConv2D(4, (2, 3), depth_multiplier=2, name="separable2d_first", **first)
    yield "last", layers.DepthwiseConv2D((2, 3), depth_multiplier=2, name="depthwise2d", **last)
    yield "sequence", layers.Conv1D(4, 2, padding="same", name="conv1d_same")
    yield "film_last", layers.ConvLSTM2D(2, (1, 3), name="convlstm", **last)
    yield "film_last", layers.ConvLSTM2D(2, (3, 3), padding="same", return_sequences=True, name="convlstm_same", **last)
    for number in (1, 2):
        yield "sequence", layers.LSTM(4, implementation=number, name="lstm_%d" % number)
        yield "sequence", layers.GRU(4, implementation=number, reset_after=number == 2, name="gru_%d" % number)


def main(release):
    assert release == "keras-" + keras.__version__
    made = list(keras1() if release.startswith("keras-1") else keras2())
    used = [name for name in SHAPES if any(name == given for given, _ in made)]
    inputs = {name: layers.Input(SHAPES[name], name=name) for name in used}
    outputs = []
    for given, layer in made:
        try:
            outputs.append(layer(inputs[given]))
        except Exception as error:
            print(release, layer.name, "is not for Theano:", type(error).__name__, error)
    model = Model(list(inputs.values()), outputs)
    model.set_weights(
        [np.random.RandomState(at).normal(0, 0.5, w.shape).astype("float32") for at, w in enumerate(model.get_weights())]
    )
    given = [np.random.RandomState(99).uniform(-1, 1, (2,) + SHAPES[name]).astype("float32") for name in used]
    found = model.predict(given)
    here = Path(__file__).resolve().parent
    model.save(str(here / (release + ".h5")))
    record = {"in_%d" % at: array for at, array in enumerate(given)}
    record.update({"out_%d" % at: array for at, array in enumerate(found)})
    np.savez_compressed(str(here / (release + ".io.npz")), **record)
    print(release, [t.name if hasattr(t, "name") else t for t in model.output_names], [a.shape for a in found])


main(*sys.argv[1:])
