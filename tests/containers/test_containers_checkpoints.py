"""Checkpoints as TensorFlow itself writes them: by names alone (TensorFlow 1), in slices, with what optimizers keep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from support.bundle_files import Draft, block, message, number, table
from support.limits import limited

import configsplit
from configsplit.containers.bundle.tensors import slice_key
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError
from configsplit.telling import listening

pytestmark = pytest.mark.usefixtures("unleashed")

v1 = tf.compat.v1
WIDTH = 150


def architecture(folder: Path) -> Any:
    """Wide enough that places of slices have numbers of two bytes."""
    tf_keras.backend.clear_session()
    row = [
        tf_keras.layers.Dense(WIDTH, name="dense"),
        tf_keras.layers.BatchNormalization(name="norm"),
        tf_keras.layers.Dense(2, name="out"),
    ]
    model = tf_keras.Sequential([tf_keras.Input((3,), name="x"), *row], name="model")
    draw = np.random.default_rng(2)
    model.set_weights([draw.uniform(0.1, 1, each.shape).astype("float32") for each in model.get_weights()])
    (folder / "m.json").write_text(model.to_json())
    return model


def as_tensorflow_1(model: Any, prefix: Path, *, sliced: bool) -> Path:
    """What `tf.compat.v1.train.Saver` writes of variables of these names, with those of Adam and a count of steps; the model
    has their values afterwards."""
    split = {"kernel": v1.fixed_size_partitioner(3, axis=1), "bias": v1.fixed_size_partitioner(2)} if sliced else {}
    named = {weight.name.removesuffix(":0"): weight.shape for weight in model.weights}
    with tf.Graph().as_default(), v1.Session() as session:
        made = []
        for name, shape in named.items():
            draw, partitioner = v1.random_uniform_initializer(0.1, 1, seed=3), split.get(name.rpartition("/")[2])
            made.append(v1.get_variable(name, shape, initializer=draw, partitioner=partitioner, use_resource=False))
        loss = tf.add_n([tf.reduce_sum(tf.convert_to_tensor(each)) for each in made])
        v1.train.AdamOptimizer(0.0).minimize(loss, global_step=v1.train.get_or_create_global_step())
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(prefix), write_meta_graph=False)
    written = tf.train.load_checkpoint(str(prefix))
    model.set_weights([written.get_tensor(name) for name in named])
    return prefix


@pytest.mark.parametrize("sliced", [False, True])
def test_of_tensorflow_1(sliced: bool, tmp_path: Path) -> None:
    model = architecture(tmp_path)
    weights = as_tensorflow_1(model, tmp_path / "model.ckpt", sliced=sliced)
    document = configsplit.load(tmp_path / "m.json", weights=weights)
    configsplit.convert(document).save(tmp_path / "new.keras")
    configsplit.verify_file(tmp_path / "new.keras")
    with open_source(tmp_path / "new.keras") as opened:
        assert opened.weights is not None
        found = sorted(opened.weights.read(path).tobytes() for path in opened.weights.datasets)
    assert found == sorted(each.tobytes() for each in model.get_weights())
    done = configsplit.split(document, at="norm").save(tmp_path / "parts", to="h5")
    assert configsplit.verify(tmp_path / "parts").proof == done.proof
    head = tf_keras.models.load_model(tmp_path / "parts" / "part-0.h5", compile=False)
    assert [each.tobytes() for each in head.get_weights()] == [each.tobytes() for each in model.get_weights()[:6]]


def test_what_an_optimizer_keeps_stays_behind(tmp_path: Path) -> None:
    """A checkpoint of TensorFlow 2 in the middle of training, with slots and counts."""
    model = architecture(tmp_path)
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), epochs=1, verbose=0)
    saved = tf.train.Checkpoint(model=model, optimizer=model.optimizer, step=tf.Variable(1)).save(str(tmp_path / "ck"))
    configsplit.convert(configsplit.load(tmp_path / "m.json", weights=saved)).save(tmp_path / "new.keras")
    with open_source(tmp_path / "new.keras") as opened:
        assert opened.weights is not None
        found = sorted(opened.weights.read(path).tobytes() for path in opened.weights.datasets)
    assert found == sorted(each.tobytes() for each in model.get_weights())


@pytest.mark.parametrize("how", ["object graph", "name"])
def test_what_was_taken_for_which_weight_is_told(how: str, tmp_path: Path) -> None:
    model = architecture(tmp_path)
    if how == "name":
        prefix = as_tensorflow_1(model, tmp_path / "old.ckpt", sliced=False)
    else:
        prefix = Path(tf.train.Checkpoint(model=model).save(str(tmp_path / "ck")))
    document = configsplit.load(tmp_path / "m.json", weights=prefix)
    found = configsplit.inspect(document).as_json()["matched"]
    stored, values = tf.train.load_checkpoint(str(prefix)), {each.name.removesuffix(":0"): each for each in model.weights}
    assert {each["weight"]: each["by"] for each in found} == dict.fromkeys(values, how)
    for each in found:
        assert stored.get_tensor(each["stored"]).tobytes() == values[each["weight"]].numpy().tobytes()
    with listening(lambda kind, words: told.append(words) if kind == "decided" else None):
        told: list[str] = []
        configsplit.split(document, at="norm").save(tmp_path / "parts")
    assert {f"{each['stored']} is {each['weight']}, by {how}" for each in found} <= {*told}


@pytest.mark.parametrize("kind", ["objects", "names", "weights.h5"])
def test_what_keeps_no_order_is_not_taken_by_order(kind: str, tmp_path: Path) -> None:
    model = architecture(tmp_path)
    if kind == "objects":
        weights = Path(tf.train.Checkpoint(model=model).save(str(tmp_path / "ck")))
    elif kind == "names":
        weights = as_tensorflow_1(model, tmp_path / "old.ckpt", sliced=False)
    else:
        model.save(tmp_path / "m.h5")
        configsplit.convert(tmp_path / "m.h5").save(tmp_path / "new.keras")
        weights = tmp_path / "model.weights.h5"
        configsplit.named_weights(tmp_path / "new.keras").save(weights)
    document = configsplit.load(tmp_path / "m.json", weights=weights, match="order")
    with pytest.raises(ConfigSplitError, match="in no order of its own") as caught:
        configsplit.split(document, at="norm").save(tmp_path / "parts")
    assert caught.value.code == "weights-match-order"


VALUES = np.arange(12, dtype="float32").reshape(4, 3)
HALVES = [((0, 2), (0, -1)), ((2, 2), (0, -1))]


def sliced_index(
    places: Any, kept: Any = None, shape: tuple[int, ...] = (4, 3), size: int | None = None
) -> Callable[[Path], None]:
    """A checkpoint of one array in slices, of which ``kept`` have entries."""

    def write(prefix: Path) -> None:
        draft = Draft()
        for at in range(len(places)):
            rows = VALUES[2 * (at % 2) : 2 * (at % 2) + 2]
            draft.add(f"slice {at}", rows if size is None else rows[:size])
        entries = draft.index()
        for at, place in enumerate(places):
            entry = entries.pop(f"slice {at}".encode())
            if kept is None or at in kept:
                entries[slice_key("dense/kernel", place)] = entry
        dims = message(*((2, message((1, size))) for size in shape))
        told = [message(*((1, _extent(*each)) for each in place)) for place in places]
        entries[b"dense/kernel"] = message((1, 1), (2, dims), *((7, each) for each in told))
        draft.write(prefix, table(block(dict(sorted(entries.items())))))

    return write


def _extent(start: int, length: int) -> bytes:
    found = number(1 << 3) + number(start % (1 << 64)) if start else b""
    return found + (number(2 << 3) + number(length % (1 << 64)) if length >= 0 else b"")


HOSTILE = {
    "one is missing": sliced_index(HALVES, kept=[0]),
    "two overlap": sliced_index([HALVES[0], ((1, 2), (0, -1))]),
    "one twice": sliced_index([HALVES[0], HALVES[0]]),
    "beyond the end": sliced_index([HALVES[0], ((3, 2), (0, -1))]),
    "before the beginning": sliced_index([HALVES[0], ((-2, 2), (0, -1))]),
    "backwards": sliced_index([HALVES[0], ((2, -5), (0, -1))]),
    "not all": sliced_index([HALVES[0]]),
    "another number of axes": sliced_index([((0, 2),), ((2, 2),)]),
    "less than it should have": sliced_index(HALVES, size=1),
    "a large one of nothing": sliced_index([((0, 1 << 40), (0, -1))], shape=(1 << 40, 3)),
}


def read(folder: Path) -> Any:
    row = [tf_keras.Input((4,), name="x"), tf_keras.layers.Dense(3, use_bias=False, name="dense")]
    (folder / "m.json").write_text(tf_keras.Sequential(row).to_json())
    with open_source(folder / "m.json", folder / "ck") as opened:
        assert opened.weights is not None
        (path,) = opened.weights.datasets
        return opened.weights.read(path)


def test_slices_are_put_together(tmp_path: Path) -> None:
    sliced_index(HALVES)(tmp_path / "ck")
    assert read(tmp_path).tobytes() == VALUES.tobytes()


@pytest.mark.parametrize("what", HOSTILE)
def test_slices_that_are_no_array_are_refused(what: str, tmp_path: Path) -> None:
    HOSTILE[what](tmp_path / "ck")
    with limited(20, 300 << 20), pytest.raises(ConfigSplitError) as caught:
        read(tmp_path)
    assert caught.value.code == "bundle-damaged"
