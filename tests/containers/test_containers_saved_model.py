"""A SavedModel of Keras 2 is read like the HDF5 file of the same model, without TensorFlow."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from support.limits import limited
from support.saved_models import KEPT_TWICE, MODELS, made, saved

import configsplit
from configsplit.containers.source import open_source
from configsplit.dialects import emit
from configsplit.errors import ConfigSplitError, StoreError, WeightsError
from configsplit.graph.json import thaw
from configsplit.graph.model import walk

pytestmark = pytest.mark.usefixtures("unleashed")

WHERE = {
    "nested": "add",
    "recurrent": "gru",
    "attention": "norm",
    "wrapped": "models",
    "images": "norm",
    "custom": "first",
}
CASES = [(name, False) for name in MODELS] + [("nested", True), ("custom", True)]
"""Traces take long to write."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], tuple[Any, Path, Path]]:
    """Each model in memory, as HDF5 and as a SavedModel, with traces and without."""
    found = {}
    for name, traces in CASES:
        model = made(name)
        found[name, traces] = (model, *saved(model, tmp_path_factory.mktemp(f"{name}-{traces}"), traces=traces))
    return found


def arrays(path: Path, weights: Path | None = None) -> dict[str, list[tuple[str, str, bytes]]]:
    """The weights of every layer, in order."""
    with open_source(path, weights) as opened:
        file = opened.weights
        assert file is not None
        found = {}
        for group in file.children(file.layout.container):
            names = file.weight_names(group) if group in file.groups else ()
            values = [(name, file.read(f"{group}/{name}")) for name in names]
            if values:
                found[group.rpartition("/")[2]] = [(name, str(each.dtype), each.tobytes()) for name, each in values]
        return found


def plain(value: Any) -> Any:
    """A config without what tells where classes are, which SavedModels do not say."""
    if isinstance(value, dict):
        left_out = ("module", "registered_name", "shared_object_id", "build_config")
        return {key: plain(each) for key, each in value.items() if key not in left_out}
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(("name", "traces"), [case for case in CASES if case != ("custom", False)])
def test_it_holds_what_the_file_holds(name: str, traces: bool, both: Any) -> None:
    _, its, ours = both[name, traces]
    assert configsplit.load(ours).kind == "saved_model"
    assert plain(thaw(emit(configsplit.load(ours).model))) == plain(thaw(emit(configsplit.load(its).model)))
    assert arrays(ours) == arrays(its)


def test_weights_that_a_layer_keeps_twice_are_taken_once(tmp_path: Path) -> None:
    its, ours = saved(made(KEPT_TWICE), tmp_path, traces=False)
    assert arrays(ours) == arrays(its)
    assert len(arrays(ours)["norm"]) == 3


def test_weights_whose_order_nobody_knows_are_refused(both: Any) -> None:
    """The class of nobody keeps a weight beside a layer, and without traces it lists neither."""
    with pytest.raises(WeightsError) as caught:
        arrays(both["custom", False][2])
    assert caught.value.code == "weights-order-unknown"


@pytest.mark.parametrize("name", MODELS)
def test_it_is_cut_with_proof_and_parts_give_the_same(name: str, both: Any, tmp_path: Path) -> None:
    model, its, ours = both[name, name == "custom"]
    for source, folder in ((ours, "ours"), (its, "its")):
        done = configsplit.split(configsplit.load(source), at=WHERE[name]).save(tmp_path / folder)
        assert done.proof is not None
        assert configsplit.verify(tmp_path / folder).proof == done.proof
    for number in range(2):
        assert arrays(tmp_path / "ours" / f"part-{number}.h5") == arrays(tmp_path / "its" / f"part-{number}.h5")
    if name == "custom":
        return  # its class stands in no file
    given: Any = np.random.default_rng(5).integers(0, 3, (2, *model.input_shape[1:])).astype("float32")
    wanted = model(given).numpy()
    for number in range(2):
        part = tf_keras.models.load_model(tmp_path / "ours" / f"part-{number}.h5", compile=False)
        given = part(given)
    assert given.numpy().tobytes() == wanted.tobytes()


def converted(source: Path, target: Path) -> Any:
    try:
        configsplit.convert(configsplit.load(source)).save(target)
    except ConfigSplitError as error:
        return error.code
    return arrays_of_keras3(target)


def arrays_of_keras3(path: Path) -> dict[str, bytes]:
    with open_source(path) as opened:
        assert opened.weights is not None
        return {name: opened.weights.read(name).tobytes() for name in opened.weights.datasets}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_converted_as_the_file_is(name: str, both: Any, tmp_path: Path) -> None:
    _, its, ours = both[name, name == "custom"]
    found = converted(ours, tmp_path / "ours.keras")
    assert found == converted(its, tmp_path / "its.keras")
    assert isinstance(found, str) is (name == "custom")


@pytest.mark.parametrize("name", [name for name in MODELS if name != "custom"])
def test_a_checkpoint_has_the_weights_of_its_architecture(name: str, both: Any, tmp_path: Path) -> None:
    """As `save_weights` writes it, and as one of several things that were saved together."""
    model, its, ours = both[name, False]
    architecture = tmp_path / "model.json"
    architecture.write_text(model.to_json())
    model.save_weights(tmp_path / "ck" / "model", save_format="tf")
    together = tf.train.Checkpoint(net=model, step=tf.Variable(3)).write(str(tmp_path / "together"))
    for weights in (tmp_path / "ck" / "model", tmp_path / "ck" / "model.index", Path(together)):
        assert arrays(architecture, weights) == arrays(its)
    for number, apart in enumerate((weights, its, ours)):
        document = configsplit.load(architecture, weights=apart)
        done = configsplit.split(document, at=WHERE[name]).save(tmp_path / f"parts-{number}", to="h5")
        assert done.proof is not None
        assert configsplit.verify(tmp_path / f"parts-{number}").proof == done.proof


def test_a_checkpoint_of_another_model_is_refused(both: Any, tmp_path: Path) -> None:
    architecture = tmp_path / "model.json"
    architecture.write_text(both["images", False][0].to_json())
    both["attention", False][0].save_weights(tmp_path / "other", save_format="tf")
    with pytest.raises(WeightsError) as caught:
        arrays(architecture, tmp_path / "other")
    assert caught.value.code == "checkpoint-layers"


def test_layers_in_another_order_than_in_the_checkpoint_are_refused(tmp_path: Path) -> None:
    """Their shapes are the same, so that nothing else would tell."""
    layers = [tf_keras.layers.Dense(2, name=name) for name in ("one", "two")]
    model = tf_keras.Sequential([tf_keras.Input((2,)), *layers])
    model.save_weights(tmp_path / "ck", save_format="tf")
    text = model.to_json().replace('"one"', '"other"').replace('"two"', '"one"').replace('"other"', '"two"')
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(WeightsError, match="like that of") as caught:
        arrays(tmp_path / "model.json", tmp_path / "ck")
    assert caught.value.code == "weights-misplaced"


def test_no_framework_is_loaded(both: Any) -> None:
    code = (
        "import sys, configsplit\n"
        "found = configsplit.split(configsplit.load(sys.argv[1]), at='norm').save(sys.argv[2])\n"
        "print(found.proof is not None, {'tensorflow', 'tf_keras', 'keras', 'google.protobuf'} & {*sys.modules})"
    )
    ours = both["images", False][2]
    done = subprocess.run(
        [sys.executable, "-c", code, ours, ours.with_name("parts")], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "set()"]


def test_what_has_no_architecture_is_named(tmp_path: Path) -> None:
    module = tf.Module()
    module.kernel = tf.Variable([1.0, 2.0])
    tf.saved_model.save(module, str(tmp_path / "plain"))
    with pytest.raises(StoreError, match="operations of TensorFlow alone") as caught:
        configsplit.load(tmp_path / "plain")
    assert caught.value.code == "not-a-model"

    class Own(tf_keras.Model):
        def call(self, x: Any) -> Any:
            return x + 1

    own = Own()
    own(np.zeros((1, 2), "float32"))
    own.save(tmp_path / "own", save_format="tf")
    with pytest.raises(StoreError, match="a class of its own") as caught:
        configsplit.load(tmp_path / "own")
    assert caught.value.code == "not-a-model"
    assert "configsplit.keras" in caught.value.hint


def test_the_architecture_of_old_releases_lies_in_the_program(both: Any, tmp_path: Path) -> None:
    """TensorFlow 2.0 to 2.4 have no file of metadata: each object in the program says what it is."""
    _, its, ours = both["nested", True]
    old = as_old(ours, tmp_path / "old")
    assert not (old / "keras_metadata.pb").exists()
    assert configsplit.load(old).model == configsplit.load(ours).model
    assert arrays(old) == arrays(its)


def as_old(model: Path, folder: Path) -> Path:
    """The same as TensorFlow 2.4 wrote it."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
    from tf_keras.protobuf.saved_metadata_pb2 import SavedMetadata

    shutil.copytree(model, folder)
    program, told = SavedModel(), SavedMetadata()
    program.ParseFromString((folder / "saved_model.pb").read_bytes())
    told.ParseFromString((folder / "keras_metadata.pb").read_bytes())
    for node in told.nodes:
        kept = program.meta_graphs[0].object_graph_def.nodes[node.node_id].user_object
        kept.identifier, kept.metadata = node.identifier, node.metadata
    (folder / "saved_model.pb").write_bytes(program.SerializeToString())
    (folder / "keras_metadata.pb").unlink()
    return folder


def looking_up(mode: str = "int") -> Any:
    """Words and numbers that layers have counted, of which some are in a nested model."""
    x, n = tf_keras.Input((1,), dtype="string", name="x"), tf_keras.Input((1,), dtype="int64", name="n")
    words = tf_keras.layers.StringLookup(name="words", num_oov_indices=2, mask_token="-")
    text = tf_keras.layers.TextVectorization(name="text", output_mode=mode, output_sequence_length=3 if mode == "int" else None)
    numbers = tf_keras.layers.IntegerLookup(name="numbers")
    words.adapt(np.array([["a"], ["b"], ["b"], ["-"], ["\u00fc"]]))
    text.adapt(np.array(["one two", "two three", "three three"]))
    numbers.adapt(np.array([[5], [-7], [-7]]))
    y = tf_keras.Input((1,), dtype="string", name="y")
    inner = tf_keras.Model(y, text(y), name="inner")
    return tf_keras.Model([x, n], [words(x), inner(x), numbers(n)], name="model")


GIVEN = [np.array([["a"], ["b"], ["one three four"], ["\u00fc"], ["-"]]), np.array([[5], [-7], [1], [0], [-1]])]


@pytest.mark.parametrize(("mode", "traces"), [("int", True), ("multi_hot", False)])
def test_words_that_were_counted_are_read_from_the_program(mode: str, traces: bool, tmp_path: Path) -> None:
    """They are constants, which are data; Keras 3 gives the same numbers for the same words."""
    model, ours = looking_up(mode), tmp_path / "ours"
    model.save(ours, save_format="tf", save_traces=traces)
    wanted = [np.asarray(each) for each in model([tf.constant(each) for each in GIVEN])]
    told = {path[-1]: layer.config.get("vocabulary") for path, layer in walk(configsplit.load(ours).model)}
    assert told["words"] == ("b", "\u00fc", "a")
    assert told["text"] == ("three", "two", "one")
    assert told["numbers"] == (-7, 5)
    configsplit.convert(configsplit.load(ours)).save(tmp_path / "new.keras")
    read = keras.models.load_model(tmp_path / "new.keras")
    found = [np.asarray(each) for each in read([tf.constant(each) for each in GIVEN])]
    assert [each.tolist() for each in found] == [each.tolist() for each in wanted]


def test_a_damaged_program_ends_in_a_coded_error(tmp_path: Path) -> None:
    looking_up().save(tmp_path / "ours", save_format="tf", save_traces=False)
    program, chance, refused = tmp_path / "ours" / "saved_model.pb", Random(4), 0
    sound = program.read_bytes()
    for attempt in range(100):
        damaged = bytearray(sound)
        damaged[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        program.write_bytes(bytes(damaged) if attempt % 2 else sound[: chance.randrange(len(sound))])
        try:
            with limited(5, 300 << 20):
                arrays(tmp_path / "ours")
        except ConfigSplitError as error:
            refused += bool(error.code)
    assert refused > 40


def test_words_that_are_nowhere_are_not_lost_silently(tmp_path: Path) -> None:
    """Nobody has counted any; or they go with numbers of which nothing is known."""
    x = tf_keras.Input((1,), dtype="string", name="x")
    tf_keras.Model(x, tf_keras.layers.StringLookup(name="words")(x)).save(
        tmp_path / "never", save_format="tf", save_traces=False
    )
    looking_up("tf_idf").save(tmp_path / "weighed", save_format="tf", save_traces=False)
    shutil.rmtree(tmp_path / "weighed" / "variables")
    (tmp_path / "weighed" / "variables").mkdir()
    tf.train.Checkpoint(other=tf.Variable(1.0)).write(str(tmp_path / "weighed" / "variables" / "variables"))
    looking_up().save(tmp_path / "apart", save_format="tf", save_traces=False)
    (tmp_path / "apart" / "saved_model.pb").unlink()
    for name, layer in (("never", "words"), ("weighed", "text"), ("apart", "numbers")):
        with pytest.raises(StoreError, match=f"vocabulary of '{layer}'") as caught:
            arrays(tmp_path / name)
        assert caught.value.code == "saved-model-vocabulary"


def test_a_shard_that_is_exchanged_is_noticed(both: Any, tmp_path: Path) -> None:
    ours = Path(shutil.copytree(both["images", False][2], tmp_path / "ours"))
    configsplit.split(configsplit.load(ours), at="norm").save(tmp_path / "parts")
    shard = ours / "variables" / "variables.data-00000-of-00001"
    data = bytearray(shard.read_bytes())
    data[0] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="checksum") as caught:
        configsplit.verify(tmp_path / "parts")
    assert caught.value.code == "bundle-damaged"
    with pytest.raises(StoreError, match="checksum"):
        configsplit.split(configsplit.load(ours), at="norm").save(tmp_path / "again")
    assert not (tmp_path / "again").exists()
