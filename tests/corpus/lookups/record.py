"""Writes SavedModels with lookups of TensorFlow 2.3 to 2.6, for `tests/containers/test_old_lookups.py`. Run by hand, never by
the tests.

    python3.8 -m venv tf-2.3 && tf-2.3/bin/pip install tensorflow-cpu==2.3.4 "protobuf<3.21"
    tf-2.3/bin/python record.py

The same with 2.4.4, 2.5.3 and 2.6.5 (this with keras==2.6.0). Each lookup is one output of one model; beside the packed
SavedModel lie the inputs ``in_*``, and the outputs ``out_*`` that the model gave before it was saved.
"""

import os
import tarfile
import tempfile
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf

layers = tf.keras.layers
old = layers.experimental.preprocessing
HERE = Path(__file__).resolve().parent
RELEASE = "tf-" + ".".join(tf.__version__.split(".")[:2])
WORDS = np.array([["a"], ["b"], ["b"], ["apple"], ["\u00fc"]])
TEXTS = np.array([["a b"], ["b apple"], ["b"], ["\u00fc b"]])
NUMBERS = np.array([[5], [-7], [-7], [3]])
GIVEN = {
    "words": [["apple"], ["b"], ["a"], ["nobody"], [""], ["b a"], ["\u00fc"]],
    "numbers": [[5], [-7], [3], [0], [1], [2], [99]],
}


def adapted(layer, data):
    layer.adapt(data)
    return layer


def model(folder):
    file = folder / "words.txt"
    file.write_text("apple\nb\n\u00fc\n", encoding="utf-8")
    words = layers.Input((1,), dtype=tf.string, name="words")
    numbers = layers.Input((1,), dtype=tf.int64, name="numbers")
    looked_up = [
        adapted(old.StringLookup(num_oov_indices=2, name="strings"), WORDS)(words),
        adapted(old.StringLookup(mask_token=None, name="unmasked"), WORDS)(words),
        old.StringLookup(vocabulary=str(file), name="file")(words),
        adapted(old.IntegerLookup(name="integers"), NUMBERS)(numbers),
        adapted(old.TextVectorization(output_sequence_length=3, name="texts"), TEXTS)(words),
        adapted(old.TextVectorization(output_mode="tf-idf", max_tokens=9, name="weighed"), TEXTS)(words),
    ]
    if RELEASE not in ("tf-2.3", "tf-2.4"):
        looked_up += [
            adapted(old.StringLookup(output_mode="binary", name="encoded"), WORDS)(words),
            adapted(old.IntegerLookup(output_mode="count", name="counted"), NUMBERS)(numbers),
        ]
    twice = [old.Rescaling(2.0, name="twice_" + str(number))(each) for number, each in enumerate(looked_up)]
    return tf.keras.Model([words, numbers], twice, name="model")


with tempfile.TemporaryDirectory() as scratch:
    saved = Path(scratch) / RELEASE
    made = model(Path(scratch))
    made.save(str(saved))
    outputs = made([tf.constant(GIVEN["words"]), tf.constant(GIVEN["numbers"], tf.int64)])
    told = {"out_" + str(number): each.numpy() for number, each in enumerate(outputs)}
    words, numbers = np.array(GIVEN["words"]), np.array(GIVEN["numbers"], np.int64)
    np.savez(str(HERE / (RELEASE + ".io.npz")), in_words=words, in_numbers=numbers, **told)
    with tarfile.open(str(HERE / (RELEASE + ".tar.gz")), "w:gz") as packed:
        packed.add(str(saved), RELEASE)
