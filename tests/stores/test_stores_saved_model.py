"""A SavedModel of Keras 2 is read like the HDF5 file of the same model, without TensorFlow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from support.saved_models import MODELS, made, saved

import configsplit
from configsplit.containers import open_source
from configsplit.dialects import emit
from configsplit.errors import ConfigSplitError, StoreError, WeightsError
from configsplit.graph.json import thaw

WHERE = {"nested": "shared@0", "recurrent": "gru", "attention": "norm", "wrapped": "models", "images": "norm", "custom": "first"}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], tuple[Any, Path, Path]]:
    """Each model in memory, as HDF5 and as a SavedModel, with traces and without."""
    found = {}
    for name in MODELS:
        for traces in (True, False):
            model = made(name)
            found[name, traces] = (model, *saved(model, tmp_path_factory.mktemp(f"{name}-{traces}"), traces=traces))
    return found


def arrays(path: Path) -> dict[str, list[tuple[str, str, bytes]]]:
    """The weights of every layer, in order."""
    with open_source(path) as opened:
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
        left_out = ("module", "registered_name", "shared_object_id")
        return {key: plain(each) for key, each in value.items() if key not in left_out}
    return [plain(each) for each in value] if isinstance(value, list) else value


CASES = [(name, traces) for name in MODELS for traces in (True, False)]


@pytest.mark.parametrize(("name", "traces"), [case for case in CASES if case != ("custom", False)])
def test_it_holds_what_the_file_holds(name: str, traces: bool, both: Any) -> None:
    _, its, ours = both[name, traces]
    assert configsplit.load(ours).kind == "saved_model"
    assert plain(thaw(emit(configsplit.load(ours).model))) == plain(thaw(emit(configsplit.load(its).model)))
    assert arrays(ours) == arrays(its)


def test_weights_whose_order_nobody_knows_are_refused(both: Any) -> None:
    """The class of nobody keeps a weight beside a layer, and without traces it lists neither."""
    with pytest.raises(WeightsError) as caught:
        arrays(both["custom", False][2])
    assert caught.value.code == "weights-ambiguous"


@pytest.mark.parametrize("name", MODELS)
def test_it_is_cut_with_proof_and_parts_give_the_same(name: str, both: Any, tmp_path: Path) -> None:
    model, its, ours = both[name, True]
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
        given = part(given if len(part.inputs) == 1 or number else [given])
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
    _, its, ours = both[name, True]
    found = converted(ours, tmp_path / "ours.keras")
    assert found == converted(its, tmp_path / "its.keras")
    assert isinstance(found, str) is (name == "custom")


def test_no_framework_is_loaded(both: Any) -> None:
    code = (
        "import sys, configsplit\n"
        "found = configsplit.split(configsplit.load(sys.argv[1]), at='norm').save(sys.argv[2])\n"
        "print(found.proof is not None, {'tensorflow', 'tf_keras', 'keras', 'google.protobuf'} & {*sys.modules})"
    )
    ours = both["images", True][2]
    done = subprocess.run([sys.executable, "-c", code, ours, ours.with_name("parts")], capture_output=True, text=True, check=True)
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
    import shutil

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


def test_a_shard_that_is_exchanged_is_noticed(both: Any, tmp_path: Path) -> None:
    import shutil

    ours = Path(shutil.copytree(both["images", True][2], tmp_path / "ours"))
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
