"""Files of people, as their releases wrote them: what is cut and changed in them is loaded by the Keras it is for.

What each computes was recorded in the release that wrote it (the ``_ref`` beside it).
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.frameworks import FrameworkProcess, process_for

import configsplit
from configsplit.cli.main import cli
from configsplit.containers.source import open_source
from configsplit.dialects import emit
from configsplit.errors import CutError, DocumentError, TensorReferenceError, VerificationError, WeightsError
from configsplit.graph.equality import differences
from configsplit.graph.json import loads, thaw
from configsplit.models.results import Edited
from configsplit.runtime import arrays

FAULTS = Path(__file__).resolve().parent / "real_files"


@pytest.fixture
def frameworks(processes: dict[str, FrameworkProcess]) -> dict[str, FrameworkProcess]:
    return {process_for(processes, dialect).name: process_for(processes, dialect) for dialect in ("keras3", "keras2")}


def computed(framework: FrameworkProcess, model: Path, given: list[np.ndarray]) -> list[np.ndarray]:
    """What a file computes, loaded by Keras's own loader in a process of its own."""
    inputs, outputs = model.with_suffix(".in.npz"), model.with_suffix(".out.npz")
    arrays.save(inputs, [arrays.encode(array) for array in given])
    places = [{"file": str(inputs), "index": index} for index in range(len(given))]
    step = {
        "model": str(model),
        "weights": None,
        "inputs": places,
        "outputs": str(outputs),
        "fill": None,
        "probe": [],
        "seed": 0,
    }
    framework.run(step, patience=900)
    return [stored.values for stored in arrays.load(outputs)]


def recorded(name: str) -> list[np.ndarray]:
    with np.load(FAULTS / f"{name}.npz") as file:
        return [file[key] for key in sorted(file.files)]


def as_recorded(found: list[np.ndarray], name: str) -> bool:
    wanted = recorded(name)
    assert [each.shape for each in found] == [each.shape for each in wanted]
    return all(
        np.abs(one - other).max() <= 1e-5 * max(np.abs(other).max(), 1e-9) for one, other in zip(found, wanted, strict=True)
    )


# ---------------------------------------------------------------- a Sequential that begins with a model


OLD = ("2.1.6", "2.2.4", "tf-1.15")


def edited(verb: str, release: str) -> Edited:
    document = configsplit.load(FAULTS / f"m_{release}.h5")
    if verb == "insert":
        return configsplit.insert(document, FAULTS / "noise.json", after="effnet-b3/b1_act")
    return configsplit.replace(document, FAULTS / "act.json", from_="effnet-b3/b1_bn", to="effnet-b3/b1_act")


@pytest.mark.parametrize("verb", ["insert", "replace"])
@pytest.mark.parametrize("release", OLD)
def test_what_begins_with_a_model_is_changed_inside(
    verb: str, release: str, tmp_path: Path, frameworks: dict[str, FrameworkProcess]
) -> None:
    edited(verb, release).save(tmp_path / "m.h5")
    found = computed(frameworks["tf_keras"], tmp_path / "m.h5", recorded(f"in_{release}"))
    assert as_recorded(found, f"ref_{release}")


@pytest.mark.parametrize("release", OLD)
@pytest.mark.parametrize("at", ["effnet-b3/b1_act", "effnet-b3", "gap"])
def test_what_begins_with_a_model_is_cut_anywhere(
    at: str, release: str, tmp_path: Path, frameworks: dict[str, FrameworkProcess]
) -> None:
    source = FAULTS / f"m_{release}.h5"
    configsplit.split(configsplit.load(source), at).save(tmp_path / "parts")
    head = computed(frameworks["tf_keras"], tmp_path / "parts" / "part-0.h5", recorded(f"in_{release}"))
    tail = computed(frameworks["tf_keras"], tmp_path / "parts" / "part-1.h5", head)
    assert as_recorded(tail, f"ref_{release}")
    configsplit.extract(configsplit.load(source), to=at).save(tmp_path / "head.h5")
    again = computed(frameworks["tf_keras"], tmp_path / "head.h5", recorded(f"in_{release}"))
    assert [each.tobytes() for each in again] == [each.tobytes() for each in head]
    assert differences(configsplit.join(tmp_path / "parts").model, configsplit.load(source).model) == []


# ---------------------------------------------------------------- one output, written as a list of one


@pytest.mark.parametrize(
    ("model", "given", "to", "wanted"),
    [
        ("tl2_3.4.1", "tl2_3.4.1_in", "dense_5", "tl2_3.4.1_ref"),
        ("tl2_3.9.2", "tl2_3.9.2_in", "dense_3", "tl2_3.9.2_ref"),
        ("x_dense", "n_in", ("enc", "out"), "x_dense_ref"),
        ("reinput_3.1.1", "reinput_3.1.1_in", "conv2d_5", "reinput_3.1.1_ref"),
        ("bottleneck_3.2.1", "bottleneck_3.2.1_in", "c2", "bottleneck_3.2.1_ref"),
        ("bottleneck_3.9.2", "bottleneck_3.9.2_in", "c2", "bottleneck_3.9.2_ref"),
    ],
)
def test_what_older_releases_of_keras_3_wrote_is_written_for_today(
    model: str, given: str, to: str | tuple[str, ...], wanted: str, tmp_path: Path, frameworks: dict[str, FrameworkProcess]
) -> None:
    document = configsplit.load(FAULTS / f"{model}.keras")
    configsplit.extract(document, to=to).save(tmp_path / "m.keras")
    assert as_recorded(computed(frameworks["keras"], tmp_path / "m.keras", recorded(given)), wanted)
    assert configsplit.validate(tmp_path / "m.keras").valid


@pytest.mark.parametrize(
    ("model", "said"),
    [("tl2_3.4.1", "list of one"), ("reinput_3.1.1", "as call 1, output 0"), ("bottleneck_3.9.2", "as call 0, output 1")],
)
def test_what_was_put_right_is_said(model: str, said: str) -> None:
    assert said in configsplit.load(FAULTS / f"{model}.keras").notes[0]


def test_a_list_that_is_meant_is_not_read_as_a_tensor(tmp_path: Path) -> None:
    """Keras 3.15 says of its InputLayers whether they are optional, and a list of one is a list to it: it cannot build this."""
    source = FAULTS / "list_kept.json"
    assert [each.code for each in configsplit.validate(source).violations] == ["verify-buildable"]
    document = configsplit.load(source)
    with pytest.raises(VerificationError, match="written as a list") as caught:
        configsplit.extract(document, to=document.model.layers[-2].name).save(tmp_path / "m.json", verify="none")
    assert caught.value.code == "verify-buildable"
    with pytest.raises(VerificationError) as caught:
        configsplit.split(document, document.model.layers[-2].name).save(tmp_path / "parts", verify="none")
    assert (caught.value.code, list(tmp_path.iterdir())) == ("verify-buildable", [])


# ---------------------------------------------------------------- outputs that nothing uses


@pytest.mark.parametrize("source", ["s2s_2.2.4.h5", "s2s_tf-2.13.h5", "s2s_k3.keras"])
def test_the_decoder_of_a_training_graph_gives_its_states(
    source: str, tmp_path: Path, frameworks: dict[str, FrameworkProcess]
) -> None:
    """What the Keras tutorial builds anew in code: one step of the decoder, its states in and out."""
    document = configsplit.load(FAULTS / source)
    starts, ends = ["dec_in", "enc:1", "enc:2"], ["probs", "dec:1", "dec:2"]
    made = configsplit.extract(document, from_=starts, to=ends)
    place = made.save(tmp_path / f"m{Path(source).suffix}").path
    framework = frameworks["keras" if document.dialect == "keras3" else "tf_keras"]
    name = Path(source).stem
    assert as_recorded(computed(framework, place, recorded(f"{name}_dec_in")), f"{name}_dec_ref")


@pytest.mark.parametrize("name", ["dec:3", "probs:1", "dec_in:1"])
def test_an_output_that_the_class_does_not_have_is_refused(name: str) -> None:
    document = configsplit.load(FAULTS / "s2s_k3.keras")
    with pytest.raises(TensorReferenceError, match="nothing in the model uses output"):
        configsplit.extract(document, to=name)


def test_no_cut_goes_through_an_output_that_nothing_takes() -> None:
    with pytest.raises(TensorReferenceError, match=r"output 1 of 'dec'") as caught:
        configsplit.split(configsplit.load(FAULTS / "s2s_k3.keras"), "dec:1")
    assert "extract --to" in caught.value.hint


# ---------------------------------------------------------------- conversions


CONVERTED = {
    "layer_scale": {"shapes": ["ls=None,4"]},  # a class that keras.applications holds for itself
    "ordering_1.2.2": {"backend": "theano"},  # Keras 1 does not write the order of dimensions of padding and upsampling
}


@pytest.mark.parametrize("name", sorted(CONVERTED))
def test_what_is_converted_computes_what_was_recorded(
    name: str, tmp_path: Path, frameworks: dict[str, FrameworkProcess]
) -> None:
    made = configsplit.convert(FAULTS / f"{name}.h5", **CONVERTED[name])
    assert not made.needs
    made.save(tmp_path / "new.keras")
    assert as_recorded(computed(frameworks["keras"], tmp_path / "new.keras", recorded(f"{name}_in")), f"{name}_ref")


def test_a_class_of_the_user_with_the_name_of_one_of_keras_stays_his(tmp_path: Path) -> None:
    text = (FAULTS / "gui.json").read_text()
    document = json.loads(text)
    document["config"]["layers"][1] |= {"class_name": "LayerScale", "config": {"name": "d", "dim": 4}}
    (tmp_path / "old.json").write_text(json.dumps(document))
    assert configsplit.convert(tmp_path / "old.json", shapes=["d=None,4"]).needs == {"LayerScale": "not shipped"}


def test_an_order_of_dimensions_that_nothing_tells_is_refused(tmp_path: Path) -> None:
    layers = [
        {"class_name": "UpSampling2D", "config": {"name": "u", "batch_input_shape": [None, 4, 6, 2], "input_dtype": "float32"}},
        {"class_name": "Flatten", "config": {"name": "f"}},
    ]
    (tmp_path / "old.json").write_text(json.dumps({"class_name": "Sequential", "config": layers, "keras_version": "1.2.2"}))
    assert "convert-ordering-unknown" in {refusal.code for refusal in configsplit.convert(tmp_path / "old.json").refusals}


def test_the_bare_layer_of_keras_1_hands_its_input_on(tmp_path: Path, frameworks: dict[str, FrameworkProcess]) -> None:
    """A Sequential could begin with one, to have an input; the class of that name in Keras 3 cannot be called."""
    layers = [
        {"class_name": "Layer", "config": {"name": "l", "batch_input_shape": [None, 4], "input_dtype": "float32"}},
        {"class_name": "Activation", "config": {"name": "a", "activation": "relu"}},
    ]
    (tmp_path / "old.json").write_text(json.dumps({"class_name": "Sequential", "config": layers, "keras_version": "1.2.2"}))
    made = configsplit.convert(tmp_path / "old.json")
    assert not made.needs
    made.save(tmp_path / "new.json")
    rows = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    (found,) = computed(frameworks["keras"], tmp_path / "new.json", [rows])
    assert np.array_equal(found, np.maximum(rows, 0))


# ---------------------------------------------------------------- what is told of a file


@pytest.mark.parametrize("name", ["keras1_classes", "keras1_wrapper"])
def test_classes_of_keras_1_are_no_custom_ones(name: str) -> None:
    assert configsplit.inspect(configsplit.load(FAULTS / f"{name}.json")).custom == {}


def test_parameters_of_another_network_are_not_counted_for_this_one() -> None:
    found = configsplit.inspect(configsplit.load(FAULTS / "notop.json", weights=FAULTS / "full_w.h5"))
    assert (found.parameters, found.parameters_from) == (334, "the layers' configurations")
    assert any("not those of this model" in note and "fc1" in note for note in found.notes)


def test_references_of_three_are_read_in_what_says_keras_2(tmp_path: Path) -> None:
    document = configsplit.load(FAULTS / "gui.json")
    assert document.dialect == "keras2"
    text = (FAULTS / "gui.json").read_text()
    assert emit(document.model) == loads(text)
    bare = {key: value for key, value in json.loads(text).items() if key != "keras_version"}
    (tmp_path / "bare.json").write_text(json.dumps(bare))
    assert configsplit.load(tmp_path / "bare.json").dialect == "keras2"  # a Dense has units there
    (tmp_path / "old.json").write_text(json.dumps({**bare, "keras_version": "1.2.2"}).replace('"units"', '"output_dim"'))
    assert configsplit.load(tmp_path / "old.json").dialect == "keras1"


def test_the_architecture_in_a_file_of_tensorflow_js_is_read() -> None:
    document = configsplit.load(FAULTS / "tfjs_model.json")
    assert document.kind == "tfjs"
    assert len(document.model.layers) > 2
    assert configsplit.inspect(document).parameters


def test_a_peak_that_hangs_on_an_unknown_shape_is_not_told() -> None:
    rows = configsplit.cuts(configsplit.load(FAULTS / "unknown_shapes.h5")).places
    assert [row.after.peak_activation_bytes for row in rows] == [None, None]
    assert all(row.before.peak_activation_bytes for row in rows)


def test_the_key_of_an_input_is_renamed_with_it(tmp_path: Path) -> None:
    made = configsplit.rename(configsplit.load(FAULTS / "dicty.keras"), {"z_age": "age"})
    made.save(tmp_path / "new.keras")
    again = configsplit.load(tmp_path / "new.keras").model
    assert sorted(again.inputs) == ["a_cat", "age"]
    other = configsplit.rename(configsplit.load(tmp_path / "new.keras"), {"age": "z_age"})
    assert other.model.inputs == configsplit.load(FAULTS / "dicty.keras").model.inputs


# ---------------------------------------------------------------- call numbers that a release lost


def test_lost_calls_are_read_as_the_user_says(tmp_path: Path, frameworks: dict[str, FrameworkProcess]) -> None:
    """Keras 3.2.1 wrote call 0 for both uses of a shared Sequential; 3.15 loads such a file and computes ``f(a) - f(a)``."""
    file = FAULTS / "lost_calls.keras"
    with pytest.raises(DocumentError) as caught:
        configsplit.load(file)
    assert "--calls sub=base@0,base@1 --to o --out NEW" in (caught.value.hint or "")
    document = configsplit.load(file, calls=["sub=base@0,base@1"])
    configsplit.extract(document, to=["o"]).save(tmp_path / "new.keras")
    found = computed(frameworks["keras"], tmp_path / "new.keras", recorded("lost_calls_in"))
    assert as_recorded(found, "lost_calls_ref")
    other = configsplit.load(file, calls=["sub=base@1,base@0"])
    configsplit.extract(other, to=["o"]).save(tmp_path / "other.keras")
    assert differences(configsplit.load(tmp_path / "other.keras").model, configsplit.load(tmp_path / "new.keras").model)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("sub=base@0,base@0", "calls-unclear"),
        ("sub=base@0", "calls-unclear"),
        ("sub=base@0,base@1,base@1", "calls-unclear"),
        ("sub=base@0,base@2", "calls-unclear"),
        ("other=base@0,base@1", "calls-unclear"),
        ("base=base@0,base@1", "calls-unclear"),
        ("sub=base@x", "calls-syntax"),
        ("sub=", "calls-syntax"),
        ("=base@0", "calls-syntax"),
    ],
)
def test_a_reading_that_cannot_be_is_refused(said: str, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        configsplit.load(FAULTS / "lost_calls.keras", calls=[said])
    assert caught.value.code == code


def test_calls_that_are_not_lost_cannot_be_said() -> None:
    with pytest.raises(DocumentError) as caught:
        configsplit.load(FAULTS / "gui.json", calls=["d=i@0"])
    assert caught.value.code == "calls-unclear"


# ---------------------------------------------------------------- weights that no class tells, and the file does


def bytes_in(file: Path) -> int:
    with open_source(file) as source:
        assert source.weights is not None
        return sum(info.nbytes for info in source.weights.datasets.values())


def test_stages_are_balanced_by_what_the_file_holds_of_undeclared_layers(tmp_path: Path) -> None:
    planned = configsplit.plan(configsplit.load(FAULTS / "gated.keras"), 2, balance="bytes")
    assert (planned.uncounted, planned.state) == ((), "optimal")
    planned.parts.save(tmp_path / "parts")
    sizes = [bytes_in(tmp_path / "parts" / f"part-{number}.keras") for number in range(2)]
    assert sizes == [stage.weight_bytes for stage in planned.stages] == [98304, 99344]
    assert configsplit.plan(configsplit.load(FAULTS / "gated.keras"), 2, balance="macs").uncounted


def test_stages_of_a_quantized_model_keep_to_their_limit(tmp_path: Path) -> None:
    document = configsplit.load(FAULTS / "q_int8.keras")
    with pytest.raises(CutError) as caught:
        configsplit.plan(document, 2, balance="bytes", max_stage_bytes=1000)
    assert caught.value.code == "plan-infeasible"
    planned = configsplit.plan(document, 2, balance="bytes")
    planned.parts.save(tmp_path / "parts")
    for number, stage in enumerate(planned.stages):
        assert bytes_in(tmp_path / "parts" / f"part-{number}.keras") == stage.weight_bytes


def test_places_tell_the_weights_of_undeclared_layers() -> None:
    row = configsplit.cuts(configsplit.load(FAULTS / "gated.keras")).places[0]
    assert row.before.weight_bytes + row.after.weight_bytes == 198 * 1000 - 352


# ---------------------------------------------------------------- weights of another network, by name


def test_weights_are_taken_by_name(tmp_path: Path, frameworks: dict[str, FrameworkProcess]) -> None:
    """The part of a network with a head whose weights the network without it has; recorded in tf_keras (``by_name=True``)."""
    document = configsplit.load(FAULTS / "fulltop.json", weights=FAULTS / "notop_w.h5", by_name=True)
    configsplit.extract(document, to="block2_pool").save(tmp_path / "part.h5")
    assert as_recorded(computed(frameworks["tf_keras"], tmp_path / "part.h5", recorded("vg_in")), "vg_ref")
    assert configsplit.verify_file(tmp_path / "part.h5").weights == 4
    with pytest.raises(WeightsError) as caught:
        configsplit.extract(document, to="fc1").save(tmp_path / "more.h5")
    assert caught.value.code == "surgery-no-weights"


def test_a_network_takes_what_it_has_of_a_larger_one(tmp_path: Path) -> None:
    document = configsplit.load(FAULTS / "notop.json", weights=FAULTS / "full_w.h5", by_name=True)
    made = configsplit.convert(document).save(tmp_path / "new.keras")
    assert made.weights == 4
    assert configsplit.verify_file(tmp_path / "new.keras").weights == 4
    (tmp_path / "new.keras.provenance.json").write_text(
        (tmp_path / "new.keras.provenance.json").read_text().replace('"weights_by_name": true', '"weights_by_name": null')
    )
    with pytest.raises(WeightsError):
        configsplit.verify_file(tmp_path / "new.keras")
    with pytest.raises(WeightsError):
        configsplit.convert(configsplit.load(FAULTS / "fulltop.json", weights=FAULTS / "notop_w.h5", by_name=True))


def test_numbers_are_no_names(tmp_path: Path) -> None:
    document = configsplit.load(FAULTS / "s2s_k3.keras")
    (tmp_path / "m.json").write_text(json.dumps(thaw(emit(document.model))))
    (tmp_path / "w.weights.h5").write_bytes(zipfile.ZipFile(FAULTS / "s2s_k3.keras").read("model.weights.h5"))
    named = configsplit.load(tmp_path / "m.json", weights=tmp_path / "w.weights.h5", by_name=True)
    with pytest.raises(WeightsError) as caught:
        configsplit.extract(named, to="dec").save(tmp_path / "part.keras")
    assert caught.value.code == "weights-by-name"


def test_the_command_line_takes_weights_by_name(tmp_path: Path) -> None:
    words = [str(FAULTS / "fulltop.json"), "--weights", str(FAULTS / "notop_w.h5"), "--to", "block2_pool"]
    refused = CliRunner().invoke(cli, ["extract", *words, "--out", str(tmp_path / "a.h5")])
    assert "--by-name" in refused.output
    done = CliRunner().invoke(cli, ["extract", *words, "--by-name", "--out", str(tmp_path / "a.h5")])
    assert "4 weights" in done.output
