"""Models without any functional graph: their TensorFlow graph is cut, and the SavedModels on disk give the same bits."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from live_models import numbers, same
from traced_models import ids, network, pair, pictures, several, shuffled, tied

import configsplit.keras as live
from configsplit.errors import ConfigSplitError
from configsplit.runtime.trace.cut import TracedParts

pytestmark = pytest.mark.in_turn("keras")

FromDisk: TypeAlias = Callable[[Path, Sequence[np.ndarray]], list[np.ndarray]]
SAVED = Path(__file__).resolve().parent / "saved_models.py"


@pytest.fixture(scope="module")
def process() -> Iterator[Any]:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_DETERMINISTIC_OPS": "1"}
    command = [sys.executable, "-P", str(SAVED)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as running:
        yield running
        running.communicate()


@pytest.fixture
def from_disk(process: Any, tmp_path: Path) -> FromDisk:
    """What the SavedModels give in a process that has neither Keras nor configsplit."""

    def run(folder: Path, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        np.savez(tmp_path / "in.npz", *inputs)
        process.stdin.write(f"{folder}\t{tmp_path / 'in.npz'}\t{tmp_path / 'out.npz'}\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "done"
        with np.load(tmp_path / "out.npz") as file:
            return [file[name] for name in file.files]

    return run


def refused(code: str, work: Any) -> ConfigSplitError:
    with pytest.raises(ConfigSplitError) as caught:
        work()
    assert caught.value.code == code, caught.value
    assert caught.value.hint
    return caught.value


def tensors(values: Sequence[np.ndarray]) -> list[Any]:
    tensorflow = importlib.import_module("tensorflow")
    return [tensorflow.constant(value) for value in values]


def untouched(model: Any) -> Any:
    layers = [model, *model.layers]
    sides = ("_inbound_nodes", "_outbound_nodes")
    return (
        [(layer.name, len(getattr(layer, side))) for layer in layers for side in sides],
        [(id(variable), value.tobytes()) for variable, value in zip(model.weights, model.get_weights(), strict=True)],
    )


def test_two_saved_models_run_on_their_own(keras: Any, from_disk: FromDisk, tmp_path: Path) -> None:
    """Inside a residual block that is one layer for Keras: two tensors cross, a variable is in both parts, a loop is in one."""
    model = network(keras)
    wanted = numbers(keras, model(pictures(), training=False))
    before = untouched(model)
    parts = live.split(model, "block2/norm")
    assert isinstance(parts, TracedParts)
    assert untouched(model) == before
    assert [port.layer for port in parts[0].outputs] == ["shared@0", "block2@0/norm@0"]
    assert same(numbers(keras, list(parts.run(*tensors([pictures()])))), wanted)
    assert any("scale" in name for name in parts.shared)
    assert any("shared" in name for name in parts.shared)
    assert len(parts.shared) == 3
    folder = parts.save(tmp_path / "parts")
    record = json.loads((folder / "trace.json").read_text())
    assert [item["from"] for item in record["parts"][1]["inputs"]] == [{"part": 0, "output": 0}, {"part": 0, "output": 1}]
    assert same(from_disk(folder, [pictures()]), wanted)
    assert same(from_disk(folder, [pictures(5)]), numbers(keras, model(pictures(5), training=False)))


def test_several_inputs_outputs_and_control_flow(keras: Any, from_disk: FromDisk, tmp_path: Path) -> None:
    """An output of the head is an output of the whole; loops and branches lie in one part."""
    model = several(keras)
    wanted = numbers(keras, model(pair()))
    folder = live.split_saved_model(model, ["left,right", "head"], tmp_path / "parts", inputs=pair())
    record = json.loads((folder / "trace.json").read_text())
    assert [item["name"] for item in record["parts"][0]["inputs"]] == ["a", "b"]
    assert (sorted({source["part"] for source in record["outputs"]}), len(record["parts"])) == ([1, 2], 3)
    assert same(from_disk(folder, [pair()["a"], pair()["b"]]), wanted)


def test_system_6_tied_weights_are_in_both_parts(keras: Any, from_disk: FromDisk, tmp_path: Path) -> None:
    """An Embedding and the step that borrows its matrix, cut apart: a variable in both, and said so."""
    model = tied(keras)
    wanted = numbers(keras, model(ids()))
    parts = live.split(model, "middle", inputs=ids())
    assert isinstance(parts, TracedParts)
    assert len(parts.shared) == 1
    assert "embedding" in parts.shared[0]
    assert [len(part.variables) for part in parts] == [3, 1]
    assert same(from_disk(parts.save(tmp_path / "parts"), [ids()]), wanted)


def test_system_2_what_keras_cannot_trace_is_cut_all_the_same(keras: Any, from_disk: FromDisk, tmp_path: Path) -> None:
    """A subclassed model, three parts, every boundary: no tensor is guessed by its name, and variables stay variables."""
    model = network(keras)
    refused("live-no-graph", lambda: live.split(model, "stem", trace=False))
    wanted = numbers(keras, model(pictures(), training=False))
    for boundary in ("smallest", "early", "late"):
        parts = live.cut_trace(model, ["block1", "shared@1"], boundary=boundary)
        assert len(parts) == 3
        assert same(numbers(keras, list(parts.run(*tensors([pictures()])))), wanted)
    assert same(from_disk(parts.save(tmp_path / "parts"), [pictures()]), wanted)
    assert sum(len(part.variables) for part in parts) == len(model.weights) + len(parts.shared)


def test_variables_can_be_trained(keras: Any) -> None:
    """They are variables of the part, not the model's own, and gradients reach all of them."""
    tensorflow = importlib.import_module("tensorflow")
    model = network(keras)
    before = [value.tobytes() for value in model.get_weights()]
    head, tail = live.cut_trace(model, "block1")
    handed = head(tensors([pictures()])[0])
    with tensorflow.GradientTape() as tape:
        loss = tensorflow.reduce_sum(tail(handed) ** 2)
    trained = [variable for variable in tail.module.weights if variable.trainable]
    gradients = tape.gradient(loss, trained)
    assert len(trained) == len([name for name in tail.variables if "moving" not in name])
    assert None not in gradients
    for variable, gradient in zip(trained, gradients, strict=True):
        variable.assign_sub(gradient * 0.1)
    assert not same(numbers(keras, tail(handed)), numbers(keras, model(pictures(), training=False)))
    assert [value.tobytes() for value in model.get_weights()] == before


def test_a_layer_that_is_called_twice_lists_its_calls(keras: Any) -> None:
    model = network(keras)
    error = refused("reference-ambiguous", lambda: live.cut_trace(model, "shared"))
    assert "shared@0 (Dense)" in error.hint
    assert "shared@1 (Dense)" in error.hint
    error = refused("reference-ambiguous", lambda: live.cut_trace(model, "conv"))
    assert "block1/conv@0 (Conv2D)" in error.hint
    assert "block2/conv@0 (Conv2D)" in error.hint
    for candidate in ("shared@0", "shared@1", "block1/conv@0", "block2/conv@0"):
        assert len(live.cut_trace(model, candidate)) == 2


def test_two_layers_of_one_name_are_not_taken_for_two_calls(keras: Any) -> None:
    """`@0` would be a guess: the candidates are named by their tensors, which can be given."""
    tf = importlib.import_module("tensorflow")

    class Twins(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="twins")
            self.one, self.two = keras.layers.Dense(3, name="twin"), keras.layers.Dense(3, name="twin")

        def call(self, x: Any) -> Any:
            return tf.nn.relu(self.two(tf.nn.tanh(self.one(x))))

    model = Twins()
    rows = pair()["a"]
    model(rows)
    shuffled(model)
    error = refused("reference-ambiguous", lambda: live.cut_trace(model, "twin", inputs=rows))
    named = [piece.split(" ")[0] for piece in error.hint.removeprefix("say which: ").split("; ")]
    assert len(named) == 2
    parts = live.cut_trace(model, named[1], inputs=rows)
    assert [len(part.variables) for part in parts] == [4, 0]
    assert same(numbers(keras, list(parts.run(*tensors([rows])))), numbers(keras, model(rows)))


def test_what_is_no_layer_goes_by_its_tensor(keras: Any) -> None:
    model = network(keras)
    error = refused("reference-unknown-layer", lambda: live.cut_trace(model, "netwrk/add"))
    assert "stem" in error.hint
    parts = live.cut_trace(model, "block1")
    tensor = parts[1].inputs[0].tensor
    assert live.cut_trace(model, tensor)[1].inputs[0].tensor == tensor


def test_inside_a_loop_or_a_branch_there_is_no_cut(keras: Any) -> None:
    model = several(keras)
    for inner in ("looped", "branch"):
        assert inner in refused("trace-inside", lambda name=inner: live.cut_trace(model, name, inputs=pair())).message


def test_ends_of_the_model_are_no_places(keras: Any) -> None:
    model = network(keras)
    assert refused("cut-at-output", lambda: live.cut_trace(model, "head")).where == "head"
    refused("cut-not-parallel", lambda: live.cut_trace(model, "shared@*"))
    refused("cut-nowhere", lambda: live.cut_trace(model, []))


def simple(keras: Any, between: Any) -> Any:
    class Simple(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="simple")
            self.one, self.two = keras.layers.Dense(4, name="one"), keras.layers.Dense(2, name="two")
            self.count = self.add_weight(name="count", shape=(), initializer="zeros", trainable=False)

        def call(self, x: Any) -> Any:
            return self.two(between(self, self.one(x)))

    model = Simple()
    model(pair()["a"])
    return shuffled(model)


def test_state_python_and_lists_are_refused(keras: Any) -> None:
    tf = importlib.import_module("tensorflow")

    def counted(model: Any, x: Any) -> Any:
        model.count.assign_add(1.0)
        return tf.identity(x) + model.count

    def python(_: Any, x: Any) -> Any:
        return tf.reshape(tf.numpy_function(lambda value: value * 2, [x], tf.float32), tf.shape(x))

    def listed(_: Any, x: Any) -> Any:
        made = tf.TensorArray(tf.float32, size=2).write(0, x).write(1, tf.identity(x, name="second"))
        return tf.reduce_sum(made.stack(), axis=0)

    rows = pair()["a"]
    assert "Assign" in refused("trace-writes", lambda: live.cut_trace(simple(keras, counted), "one", inputs=rows)).message
    refused("trace-python", lambda: live.cut_trace(simple(keras, python), "one", inputs=rows))
    model = simple(keras, listed)
    assert len(live.cut_trace(model, "one", inputs=rows)) == 2


def test_options_of_graphs_are_refused(keras: Any) -> None:
    model = network(keras)
    refused("trace-options", lambda: live.split(model, "stem", trace=True, boundary_dtype="float32"))
    assert isinstance(live.split(model, "stem", trace=True), TracedParts)


def test_what_fails_in_the_trace_says_so(keras: Any) -> None:
    def values(_: Any, x: Any) -> Any:
        return x if float(np.asarray(x).sum()) > 0 else -x

    model = simple(keras, values)
    refused("trace-failed", lambda: live.split(model, "one", inputs=pair()["a"]))
    assert keras.layers.Layer.__call__.__module__.split(".")[0] == keras.__name__


def test_an_existing_folder_is_kept(keras: Any, tmp_path: Path) -> None:
    model = network(keras)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "mine").write_text("mine")
    refused("output-exists", lambda: live.split_saved_model(model, "stem", tmp_path / "parts"))
    assert [path.name for path in tmp_path.rglob("*")] == ["parts", "mine"]


def test_a_functional_model_may_be_cut_in_its_trace_too(keras: Any) -> None:
    row = keras.Input((5,), name="row")
    tensor = keras.layers.Dense(4, name="one")(row)
    model = shuffled(keras.Model(row, keras.layers.Dense(2, name="two")(tensor)))
    parts = live.split(model, "one", trace=True)
    assert [port.name for port in parts[0].inputs] == ["row"]
    assert same(numbers(keras, list(parts.run(*tensors([pair()["a"]])))), numbers(keras, model(pair()["a"])))


def test_tables_come_along(keras: Any, from_disk: FromDisk, tmp_path: Path) -> None:
    """A vocabulary is a resource, not a variable."""
    tf = importlib.import_module("tensorflow")

    class Worded(keras.Model):
        def __init__(self) -> None:
            super().__init__(name="worded")
            self.lookup = keras.layers.StringLookup(vocabulary=["cat", "dog"], name="lookup")
            self.embedding = keras.layers.Embedding(3, 2, name="embedding")

        def call(self, words: Any) -> Any:
            return tf.reduce_sum(self.embedding(self.lookup(words)), axis=1)

    model = Worded()
    words = np.array([[b"dog", b"bird"], [b"cat", b"cat"]])
    model(tf.constant(words))
    parts = live.cut_trace(model, "lookup", inputs=tf.TensorSpec((None, 2), tf.string))
    given = tf.constant(words)
    assert same(numbers(keras, list(parts.run(given))), numbers(keras, model(given)))
    assert same(from_disk(parts.save(tmp_path / "parts"), [words]), numbers(keras, model(given)))


def test_traced_parts_show_themselves_in_a_notebook(keras: Any) -> None:
    shown = live.cut_trace(network(keras), "block1")._repr_html_()
    assert "2 parts of a traced model" in shown
    assert "block1@0" in shown
