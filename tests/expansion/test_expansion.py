"""What `expand` writes of models whose files hold hyperparameters: cut, proven, loaded by Keras, equal to the bit."""

from __future__ import annotations

import doctest
import inspect
import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from expansion_models import World, save_preset, text_net
from support.expanding import in_this_process
from support.thinned import in_turn

import configsplit
from configsplit.containers.source import open_source
from configsplit.errors import ConfigSplitError
from configsplit.saving.manifesting import doubts_of

IDS = {"one": np.array([[1, 2, 3], [4, 5, 6]]), "two": np.array([[7, 8], [9, 10]]), "ids": np.array([[1, 2, 0], [10, 5, 6]])}
SOURCES = [("net.keras", "block_1"), ("net_sharded", "forgetful"), ("pair_preset", "left/block_1"), ("pair.keras", "shared@0")]


def flat(outputs: Any) -> list[np.ndarray[Any, Any]]:
    import keras

    return [np.asarray(each) for each in keras.tree.flatten(outputs)]


def run_parts(folder: Path, given: dict[str, Any]) -> list[np.ndarray[Any, Any]]:
    """The parts, each loaded from its file by Keras alone, fed as the manifest says."""
    import keras

    manifest = json.loads((folder / "manifest.json").read_text())
    inputs = [given[each["name"]] for each in manifest["inputs"]]
    made: list[list[np.ndarray[Any, Any]]] = []
    for part in manifest["parts"]:
        model = keras.models.load_model(folder / part["file"])
        fed = [
            inputs[each["from"]["input"]] if "input" in each["from"] else made[each["from"]["part"]][each["from"]["output"]]
            for each in part["inputs"]
        ]
        made.append(flat(model(keras.tree.pack_sequence_as(model.input, fed), training=False)))
    return [made[each["from"]["part"]][each["from"]["output"]] for each in manifest["outputs"]]


def whole(model: Any) -> list[np.ndarray[Any, Any]]:
    return flat(model({tensor.name: IDS[tensor.name] for tensor in flat_inputs(model)}, training=False))


def flat_inputs(model: Any) -> list[Any]:
    return list(model.inputs)


@pytest.mark.parametrize(
    ("name", "at", "depth"), in_turn([(*source, depth) for depth in ("models", "all")] for source in SOURCES)
)
def test_parts_of_an_expanded_model_give_the_bits_of_the_model(
    world: World, tmp_path: Path, name: str, at: str, depth: str
) -> None:
    document = configsplit.load(
        world.graph(name, depth), weights=world.folder / name, custom_objects=[world.plugin(name, depth)]
    )
    sizes = ["one=1,3", "two=1,2"] if name.startswith("pair") else ()
    parts = configsplit.split(document, at, sizes=sizes)
    assert not any("mask" in doubt for doubt in doubts_of(parts))
    assert parts.save(tmp_path / "parts", to="keras").proof is not None
    made, model = run_parts(tmp_path / "parts", IDS), world.model(name)
    assert [each.tobytes() for each in made] == [each.tobytes() for each in whole(model)]


def test_what_a_class_forgets_is_written_and_what_no_graph_holds_is_left(world: World) -> None:
    text, pair = world.expanded("net.keras"), world.expanded("pair_preset")
    assert text.mended == {"forgetful": "Forgetful"}
    assert text.weights_at == {}
    assert set(pair.mended) == {"left/forgetful", "right/forgetful"}
    assert pair.left == ("unused/vars/0", "unused/vars/1")
    assert pair.weights_at["layers/functional/layers/block/up/vars/0"] == "layers/text_net/layers/block/up/vars/0"
    assert pair.weights == len(pair.weights_at) == 46
    assert text.run
    assert pair.run


def test_blocks_are_opened_where_nothing_is_lost(world: World) -> None:
    found = world.expanded("net.keras", "all")
    assert set(found.opened) == {"block_0", "block_1", "forgetful"}
    assert found.whole == {"scaled": "it has weights of its own, or makes layers when it is called"}
    assert found.weights_at["layers/functional/layers/dense/vars/0"] == "layers/block/up/vars/0"


def test_what_was_seen_of_the_classes_is_a_plugin(world: World) -> None:
    """Sizes that follow those of what is taken, weights, no masks: plans and prices need no more."""
    block = world.expanded("net.keras").classes["Block"]
    assert block["mask"] == "may_pass"
    assert block["keras_class"] == "smallhub:Block"
    assert block["layers"]["block_0"]["outputs"] == [["float32", [[0, 0], [0, 1], 8]]]
    assert ["kernel", [8, 16], "float32"] in block["layers"]["block_0"]["weights"]
    plan = configsplit.plan(
        configsplit.load(world.graph("net.keras"), custom_objects=[world.plugin("net.keras")]),
        3,
        balance="bytes",
        sizes=["ids=1,6"],
    )
    assert len(plan.stages) == 3


def test_parts_are_run_by_verify_with_the_plugin(near_worker: None, world: World, tmp_path: Path) -> None:
    plugin = world.plugin("net.keras")
    document = configsplit.load(world.graph("net.keras"), weights=world.folder / "net.keras", custom_objects=[plugin])
    configsplit.split(document, "block_0").save(tmp_path / "parts")
    assert configsplit.verify(tmp_path / "parts", numeric=True, custom_objects=[plugin]).numeric.passed


def test_a_cut_inside_a_block(world: World, tmp_path: Path) -> None:
    document = configsplit.load(world.graph("net.keras", "all"), weights=world.folder / "net.keras")
    configsplit.split(document, "block_1/up").save(tmp_path / "parts", to="keras")
    assert [each.tobytes() for each in run_parts(tmp_path / "parts", IDS)] == [each.tobytes() for each in whole(world.text)]


def test_an_output_that_comes_out_of_an_opened_block(smallhub: Any, tmp_path: Path) -> None:
    """Keras counts the calls of a model in a model from 1 where it names outputs, those of a layer from 0."""
    model = smallhub.Ended(8, name="ended")
    model.save(tmp_path / "ended.keras")
    with in_this_process():
        found = configsplit.expand(tmp_path / "ended.keras", "smallhub", depth="all")
    assert found.run
    assert set(found.opened) == {"first", "last"}
    document = configsplit.load(found.save(tmp_path / "graph.json")[0], weights=tmp_path / "ended.keras")
    configsplit.split(document, "last@0/up").save(tmp_path / "parts", to="keras")
    given = np.random.default_rng(4).normal(size=(2, 3, 8)).astype("float32")
    assert [each.tobytes() for each in run_parts(tmp_path / "parts", {"x": given})] == [
        each.tobytes() for each in flat(model(given, training=False))
    ]


@pytest.fixture(scope="module")
def odd(smallhub: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A model whose layers say too little of themselves, or something false; and its file."""
    model, path = smallhub.OddNet(8, name="odd"), tmp_path_factory.mktemp("odd") / "odd.keras"
    model.save(path)
    return model, path


@pytest.mark.parametrize(
    ("depth", "sizes", "at"),
    [("models", (), "liar"), ("models", (), "suffixed_0"), ("all", (), "heads"), ("all", ("x=1,3,8",), "heads/up")],
)
def test_parts_of_layers_that_say_something_false_run(
    odd: tuple[Any, Path], tmp_path: Path, depth: Any, sizes: Any, at: str
) -> None:
    """Their shapes are held against what they give, their arguments taken down, and what is opened is run beside the layer."""
    model, path = odd
    with in_this_process():
        found = configsplit.expand(path, "smallhub", depth=depth, sizes=sizes)
    assert found.run
    assert set(found.mended.values()) >= {"Suffixed"}
    assert ("heads" in found.opened) == bool(sizes)
    assert ("heads" in found.whole) == (depth == "all" and not sizes)
    graph, plugin = found.save(tmp_path / "graph.json")
    document = configsplit.load(graph, weights=path, custom_objects=[plugin])
    assert configsplit.split(document, at).save(tmp_path / "parts", to="keras").proof is not None
    given = np.random.default_rng(5).normal(size=(2, 3, 8)).astype("float32")
    made = run_parts(tmp_path / "parts", {"x": given})
    assert [each.tobytes() for each in made] == [each.tobytes() for each in flat(model(given, training=False))]


def test_a_live_model_of_such_layers_is_cut_too(odd: tuple[Any, Path]) -> None:
    given = np.random.default_rng(6).normal(size=(2, 3, 8)).astype("float32")
    assert live_bits(odd[0], "liar", {"x": given}) == [each.tobytes() for each in flat(odd[0](given, training=False))]


def test_what_is_claimed_and_cannot_be_held_against_anything_is_refused(smallhub: Any, tmp_path: Path) -> None:
    entry = {"module": "smallhub", "class_name": "OddNet", "config": {"name": "odd", "width": 8, "only": 77}}
    place = config(tmp_path, {**entry, "registered_name": "smallhub>OddNet"})
    assert "declares its own output shapes" in refused("expand-shapes", place).message
    with in_this_process():
        found = configsplit.expand(place, "smallhub", sizes={"x": (1, 77, 8)})
    (record,) = found.document["config"]["layers"][-1]["inbound_nodes"][0]["args"]
    assert record["config"]["shape"] == [None, None, 4, 2]
    refused("expand-size", place, sizes=["y=1,77,8"])
    refused("expand-size", place, sizes=["x=1,77,9"])
    refused("shape-syntax", place, sizes=["x"])


def test_without_ties_the_document_is_one_that_keras_reads(world: World, smallhub: Any) -> None:
    import keras

    model = keras.models.model_from_json(world.graph("net.keras").read_text())
    model.load_weights(weights_of(world.folder / "net.keras", world.folder))
    assert [each.tobytes() for each in whole(model)] == [each.tobytes() for each in whole(world.text)]


def weights_of(archive: Path, folder: Path) -> Path:
    import zipfile

    with zipfile.ZipFile(archive) as opened:
        return Path(opened.extract("model.weights.h5", folder))


def test_the_weights_of_older_releases_are_found_by_their_names(world: World, tmp_path: Path) -> None:
    """Keras 3.0 to 3.3 walked through a model's attributes before its layers."""
    import h5py

    folder = tmp_path / "older"
    save_preset(world.text, folder)
    with h5py.File(folder / "model.weights.h5", "r+") as file:
        file.move("layers/reversible_embedding", "embedding")
    with in_this_process():
        found = configsplit.expand(folder, "smallhub")
    assert found.weights_at["layers/reversible_embedding/vars/0"] == "embedding/vars/0"
    place, _ = found.save(tmp_path / "graph.json")
    with open_source(place, folder) as ours, open_source(world.folder / "net.keras") as its:
        assert ours.weights is not None
        assert its.weights is not None
        assert all(ours.weights.same(path, its.weights, path) for path in its.weights.datasets)


def refused(code: str, path: Path, *, confined: bool = False, **options: Any) -> ConfigSplitError:
    with nullcontext() if confined else in_this_process(), pytest.raises(ConfigSplitError) as caught:
        configsplit.expand(path, options.pop("libraries", "smallhub"), **options)
    assert caught.value.code == code
    return caught.value


def config(folder: Path, document: Any) -> Path:
    place = folder / "config.json"
    place.write_text(json.dumps(document))
    return place


def text_config(**changes: Any) -> dict[str, Any]:
    settings = {"name": "net", "words": 11, "width": 8, "depth": 1, **changes}
    return {"module": "smallhub", "class_name": "TextNet", "config": settings, "registered_name": "smallhub>TextNet"}


def test_a_file_that_names_other_modules_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()")
    entry = {"module": "evil", "class_name": "Evil", "config": {}, "registered_name": None}
    refused("hazard-foreign-module", config(tmp_path, entry), confined=True)
    inside = {**text_config(), "config": {**text_config()["config"], "exponent": entry}}
    refused("hazard-foreign-module", config(tmp_path, inside), confined=True)
    assert not marker.exists()


def test_hyperparameters_that_want_too_much_end_in_an_error(tmp_path: Path) -> None:
    from configsplit.runtime.confinement.policy import Limits

    error = refused("runtime-timeout", config(tmp_path, text_config(depth=10**7)), confined=True, limits=Limits(timeout=7))
    assert str(tmp_path) in error.where


def test_models_of_any_size_are_built_without_values(tmp_path: Path) -> None:
    """Weights of 34 GB, in a process that may take 8."""
    found = configsplit.expand(config(tmp_path, text_config(words=2**20, width=2**13)), "smallhub")
    assert not found.run
    assert found.weights == 14


@pytest.mark.parametrize(
    ("code", "document"),
    [
        (
            "expand-own-call",
            {**text_config(), "class_name": "OwnCall", "config": {"width": 3}, "registered_name": "smallhub>OwnCall"},
        ),
        ("expand-layer", text_config(secret=5)),
        ("expand-failed", text_config(depth="two")),
    ],
)
def test_what_has_no_graph_that_keras_makes_again_is_refused(tmp_path: Path, code: str, document: Any) -> None:
    refused(code, config(tmp_path, document))


def test_weights_of_another_model_are_refused(world: World, smallhub: Any, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    save_preset(text_net(smallhub, "net"), folder)
    (folder / "config.json").write_text(json.dumps(text_config(depth=3)))
    assert "are not there" in refused("expand-weights", folder).message


def test_missing_and_strange_things(world: World, tmp_path: Path) -> None:
    refused("expand-library", world.folder / "net.keras", libraries=["smallhub", "keras"])
    refused("expand-library", world.folder / "net.keras", libraries=["smallhub", "no_such_library"])
    refused("option-unknown", world.folder / "net.keras", depth="deep")
    copy = tmp_path / "copy"
    copy.mkdir()
    for each in (world.folder / "net_sharded").iterdir():
        (copy / each.name).write_bytes(each.read_bytes())
    (copy / "model_00001.weights.h5").unlink()
    refused("file-missing", copy)


@pytest.mark.parametrize(
    "record",
    [
        {"weights_at": {"layers/a/vars/0": 3}, "model": {}},
        {"weights_at": {"a": "x", "b": "x"}, "model": {}},
        {"weights_at": [], "model": {}},
        {"weights_at": {}},
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, record: Any) -> None:
    place = tmp_path / "graph.json"
    place.write_text(json.dumps(record))
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.load(place)
    assert caught.value.code == "expanded-damaged"


def test_weights_that_the_record_does_not_belong_to_are_refused(world: World, tmp_path: Path) -> None:
    document = configsplit.load(world.graph("pair_preset"), weights=world.folder / "net.keras")
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.split(document, "pool_one", boundary="early").save(tmp_path / "parts")
    assert caught.value.code == "weights-missing"
    assert not (tmp_path / "parts").exists()


def live_bits(model: Any, at: str, given: dict[str, Any]) -> list[bytes]:
    """What the parts of a live model give, in order."""
    import keras

    parts = configsplit.keras.split(model, at, boundary="early", trace=False)
    made: list[list[np.ndarray[Any, Any]]] = []

    def fed(wire: Any) -> Any:
        return given[model.inputs[wire.number].name] if wire.part is None else made[wire.part][wire.number]

    for part, wires in zip(parts, parts.parts.split.wires, strict=True):
        taken = keras.tree.pack_sequence_as(part.input, [fed(wire) for wire in wires])
        made.append(flat(part(taken, training=False)))
    return [fed(wire).tobytes() for wire in parts.parts.split.outputs]


@pytest.mark.parametrize(("name", "at"), [("net", "block_1"), ("pair", "left/block_1"), ("pair", "shared@0")])
def test_live_models_of_such_classes_are_cut_too(world: World, name: str, at: str) -> None:
    model = world.model(name)
    before = [(layer.name, len(layer._inbound_nodes)) for layer in model.layers]
    assert live_bits(model, at, IDS) == [each.tobytes() for each in whole(model)]
    assert before == [(layer.name, len(layer._inbound_nodes)) for layer in model.layers]


def test_a_live_class_with_a_call_of_its_own_is_cut_as_it_computes(smallhub: Any) -> None:
    model, given = smallhub.OwnCall(3, name="own"), {"inputs": np.arange(6, dtype="float32").reshape(2, 3)}
    assert live_bits(model, "dense", given) == [each.tobytes() for each in flat(model(given["inputs"], training=False))]


def test_the_example_in_the_docstring(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(world.folder / "net.keras", tmp_path)
    monkeypatch.chdir(tmp_path)
    lines = doctest.DocTestParser().get_examples(inspect.getdoc(configsplit.expand) or "")
    known: dict[str, Any] = {"configsplit": configsplit}
    with in_this_process():
        for line in lines:
            exec(line.source, known)
    assert known["file"] == Path("net.json")
    assert json.loads((tmp_path / "net.json").read_text("utf-8"))["class_name"] == "Functional"
