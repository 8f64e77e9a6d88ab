"""What a conversion says and does without any framework: refusals as data, notes, nothing half written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.conversion import PLUGINS
from support.conversion_files import HERE
from support.corpus import releases

from configsplit import convert, load
from configsplit.cli.main import cli
from configsplit.containers.source import open_source
from configsplit.errors import ConversionError, StoreError

SEED = Path(__file__).resolve().parents[1] / "corpus" / "seed" / "resnet152_scale_keras2.0.9.json"


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(cli, [str(each) for each in arguments], prog_name="configsplit")


def dense(name: str, **changes: Any) -> dict[str, Any]:
    config = {"name": name, "trainable": True, "units": 3, "activation": "linear", "use_bias": True}
    return {"class_name": "Dense", "config": {**config, **changes}}


def written(folder: Path, *layers: dict[str, Any], shape: tuple[int | None, ...] = (None, 6)) -> Path:
    """A Sequential of Keras 2 in JSON."""
    first, *rest = layers
    first = {**first, "config": {**first["config"], "batch_input_shape": list(shape)}}
    document = {"class_name": "Sequential", "config": {"name": "m", "layers": [first, *rest]}, "keras_version": "2.2.4"}
    path = folder / "model.json"
    path.write_text(json.dumps(document))
    return path


def test_the_command_line_writes_a_model_of_keras_3(tmp_path: Path) -> None:
    done = invoke("convert", releases() / "tf-2.4" / "residual.h5", "--out", tmp_path / "new.keras")
    assert done.exit_code == 0, done.output
    assert load(tmp_path / "new.keras").dialect == "keras3"
    assert "11 weights copied bit for bit" in done.output
    again = invoke("convert", releases() / "tf-2.4" / "residual.h5", "--out", tmp_path / "new.keras")
    assert again.exit_code == 1
    assert "output-exists" in again.output


def test_the_same_file_gives_the_same_bytes(tmp_path: Path) -> None:
    source = HERE / "keras-1.2.2" / "embed_mask_lstm.h5"
    for name in ("a.keras", "b.keras"):
        convert(source, backend="tensorflow").save(tmp_path / name)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_refusals_are_data_and_nothing_is_written(tmp_path: Path) -> None:
    done = invoke("convert", HERE / "keras-1.2.2" / "merge_modes.h5", "--out", tmp_path / "new.keras", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert [each["layer"] for each in found["refusals"]] == ["merge_7"]
    assert found["refusals"][0]["code"] == "convert-lambda"
    assert "--lambda merge_7=" in found["refusals"][0]["remedy"]
    assert [*tmp_path.iterdir()] == []


def test_saving_what_was_refused_raises_with_every_refusal(tmp_path: Path) -> None:
    made = convert(HERE / "keras-1.2.2" / "lambdas.h5", read_lambda=False)
    assert {each.layer for each in made.refusals} == {"lam", "named"}
    with pytest.raises(ConversionError) as caught:
        made.save(tmp_path / "new.keras")
    assert caught.value.code == "convert-lambda"
    assert caught.value.as_json()["refusals"] == [each.as_json() for each in made.refusals]
    assert [*tmp_path.iterdir()] == []


def test_every_refusal_is_listed_at_once(tmp_path: Path) -> None:
    local = {"class_name": "LocallyConnected1D", "config": {"name": "inner", "filters": 2, "kernel_size": [3]}}
    each = {"class_name": "TimeDistributed", "config": {"name": "local", "layer": local}}
    loop = {"class_name": "LSTM", "config": {"name": "loop", "units": 2, "time_major": True}}
    odd = dense("d", activation={"class_name": "Odd"})
    made = convert(written(tmp_path, each, dense("between"), loop, odd, shape=(None, 4, 6, 2)))
    assert {each.layer: each.code for each in made.refusals} == {
        "local": "convert-class",
        "loop": "convert-setting",
        "d": "convert-activation",
    }


def test_feature_columns_are_refused_with_a_way_out(tmp_path: Path) -> None:
    column = {"class_name": "NumericColumn", "config": {"key": "age", "shape": [1], "default_value": None, "dtype": "float32"}}
    features = {"class_name": "DenseFeatures", "config": {"name": "features", "feature_columns": [column]}}
    (found,) = convert(written(tmp_path, features, dense("d"), shape=(None, 1))).refusals
    assert (found.layer, found.code) == ("features", "convert-class")
    assert "feature columns" in found.reason
    assert "configsplit split" in found.remedy


def test_an_einsum_whose_tensors_the_file_lost_says_so(tmp_path: Path) -> None:
    """tf.keras wrote the equation alone: nobody, tf.keras included, can load such a model."""
    import tensorflow as tf
    import tf_keras

    given = tf_keras.Input((3, 4))
    (tmp_path / "model.json").write_text(tf_keras.Model(given, tf.einsum("bij,bkj->bik", given, given)).to_json())
    (found,) = convert(tmp_path / "model.json").refusals
    assert "lost them" in found.reason


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kernel_initializer": {"class_name": "Zeros", "config": {"odd": 3}}}, "convert-object"),
        ({"unheard_of": 7}, "convert-setting"),
    ],
)
def test_settings_that_keras_3_cannot_say_are_refused(changes: dict[str, Any], code: str, tmp_path: Path) -> None:
    assert [each.code for each in convert(written(tmp_path, dense("d", **changes))).refusals] == [code]


def test_what_is_of_keras_3_already_has_no_use_for_lambdas(tmp_path: Path) -> None:
    model = releases() / "keras-3.0.5" / "residual.json"
    done = invoke("convert", model, "--lambda", "x=m:f", "--out", tmp_path / "new.json")
    assert done.exit_code == 1
    assert "convert-keras3" in done.output


def test_a_file_without_weights_becomes_json_alone(tmp_path: Path) -> None:
    source = releases() / "keras-2.3.1" / "residual.json"
    with pytest.raises(StoreError) as caught:
        convert(source).save(tmp_path / "new.keras")
    assert caught.value.code == "format-needs-weights"
    convert(source).save(tmp_path / "new.json")
    assert load(tmp_path / "new.json").dialect == "keras3"


def test_images_of_theano_ask_for_the_backend(tmp_path: Path) -> None:
    source = HERE / "keras-1.2.2" / "conv_seq_th.h5"
    assert {each.code for each in convert(source).refusals} == {"convert-backend"}
    straight, turned = convert(source, backend="tensorflow"), convert(source, backend="theano")
    straight.save(tmp_path / "straight.keras")
    turned.save(tmp_path / "turned.keras")
    with open_source(tmp_path / "straight.keras") as one, open_source(tmp_path / "turned.keras") as other:
        assert one.weights is not None
        assert other.weights is not None
        place = "layers/conv2d/vars/0"
        kernel = one.weights.read(place)
        assert kernel.shape == (3, 2, 3, 4)
        assert (other.weights.read(place) == kernel[::-1, ::-1]).all()


def test_files_of_keras_1_are_taken_for_tensorflows_with_a_note() -> None:
    assert any("backend" in each.what for each in convert(HERE / "keras-1.2.2" / "conv_zoo.h5").notes)
    assert not convert(HERE / "keras-1.2.2" / "custom_scale.h5").notes


def test_names_with_slashes_are_changed_and_noted() -> None:
    made = convert(releases() / "keras-2.3.1" / "slash_names.h5")
    assert [each.layer for each in made.notes] == ["block1/fc", "block1/fc2"]
    assert made.migration.origins["block1_fc",] == ("block1/fc",)


def test_weights_of_a_custom_layer_that_nobody_placed_are_refused() -> None:
    source = HERE / "tf-1.15" / "custom_block.h5"
    plain = PLUGINS.with_name("plugins.py")
    assert {each.code for each in convert(source, custom_objects=[plain]).refusals} == {"convert-weights-unknown"}
    assert convert(source, custom_objects=[PLUGINS]).refusals == ()


def test_hard_sigmoid_is_written_as_what_it_was() -> None:
    model = convert(HERE / "keras-2.2.4" / "gru_variants.h5").migration.model
    assert model is not None
    activation = model.by_name()["gru_after"].config["recurrent_activation"]
    assert [step["class_name"] for step in activation["config"]["layers"]] == ["Rescaling", "ReLU"]


def test_the_seed_model_becomes_a_document_of_keras_3(tmp_path: Path) -> None:
    made = convert(SEED)
    assert made.refusals == ()
    made.save(tmp_path / "seed.json")
    document = load(tmp_path / "seed.json")
    assert document.dialect == "keras3"
    assert len(document.model.layers) == len(load(SEED).model.layers)
    scale = next(layer for layer in document.model.layers if layer.class_name == "Scale")
    assert (scale.entry["module"], scale.entry["registered_name"]) == (None, "Scale")


@pytest.mark.parametrize("file", ["tf-2.4/residual.h5", "tf-2.13/residual.keras", "keras-1.2.2/residual.h5"])
def test_no_framework_is_loaded(file: str, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from configsplit import convert\n"
        f"convert({str(releases() / file)!r}).save('new.keras')\n"
        "heavy = {'keras', 'tf_keras', 'tensorflow', 'h5py', 'jsonschema'}\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
