"""Plans, places, layers and hints look inside nested models: as in the same network built flat; every place can be split."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import nested_models
import networks
import pytest
from click.testing import CliRunner
from support.architectures import NETWORKS
from support.thinned import in_turn, thinned

import configsplit
from configsplit.batches.shares import places_for
from configsplit.cli.main import cli
from configsplit.errors import CutError, TensorReferenceError
from configsplit.models.document import Document
from configsplit.rewrites.split import bytes_per_sample

FEW = ["MobileNetV2", "ResNet50V2", "EfficientNetB0"]


def shells(name: str, folder: Path) -> tuple[Document, Document, Document]:
    """A network in a Sequential, in a functional model, and with the same layers around it in one flat graph."""
    import keras
    from keras import layers

    keras.backend.clear_session()
    build = getattr(keras.applications, name)
    base = build(weights=None, include_top=False, **({"input_shape": (331, 331, 3)} if name == "NASNetLarge" else {}))
    size = tuple(224 if each is None else each for each in base.input_shape[1:3])
    base = build(weights=None, include_top=False, input_shape=(*size, 3)) if None in base.input_shape[1:3] else base
    around = [layers.GlobalAveragePooling2D(name="fine_pool"), layers.Dense(5, name="fine_head")]

    def augmented() -> tuple[Any, Any]:
        image = layers.Input((*size, 3), name="image")
        return image, layers.Rescaling(0.5, name="fine_scale")(layers.RandomFlip(name="fine_flip")(image))

    def ended(x: Any) -> Any:
        return around[1](around[0](x))

    first = [layers.Input((*size, 3)), layers.RandomFlip(name="fine_flip"), layers.Rescaling(0.5, name="fine_scale")]
    sequential = networks.saved(keras.Sequential([*first, base, *around], name="shell"), folder / f"{name}_sequential.json")
    image, seen = augmented()
    functional = networks.saved(keras.Model(image, ended(base(seen)), name="shell"), folder / f"{name}_functional.json")
    image, seen = augmented()
    flat = build(weights=None, include_top=False, input_tensor=seen)
    return sequential, functional, networks.saved(keras.Model(image, ended(flat.output), name="shell"), folder / f"{name}.json")


def figures(plan: configsplit.Plan) -> Any:
    """All that a plan says, but for names of tensors."""
    told = plan.as_json()
    told["boundaries"] = [(len(each.tensors), each.bytes) for each in plan.boundaries]
    return told


def priced(found: Any) -> Any:
    """All that is said of places, but for names."""
    rows = [row.as_json() for row in found.places]
    return [(len(row["tensors"]), row["bytes"], row["input_bytes"], row["before"], row["after"]) for row in rows]


def hold(name: str, folder: Path) -> list[configsplit.Plan]:
    """In both shells a network has the places and the plans that it has built flat."""
    *nested, flat = shells(name, folder)
    plans = []
    for number, balance in ((2, "macs"), (4, "macs"), (2, "params"), (4, "params")):
        plans.append(configsplit.plan(flat, number, balance=balance))  # type: ignore[arg-type]
        for document in nested:
            assert figures(configsplit.plan(document, number, balance=balance)) == figures(plans[-1])  # type: ignore[arg-type]
    expected = configsplit.cuts(flat)
    for document in nested:
        found = configsplit.cuts(document)
        assert priced(found) == priced(expected)
        for row in found.places[:: max(1, len(found.places) // 6)]:
            parts = configsplit.split(document, row.at)
            assert crossing_bytes(parts) == (len(row.tensors), row.bytes)
    return plans


def crossing_bytes(parts: Any) -> tuple[int, int]:
    inputs = set(parts.split.model.input_refs())
    crossing = [ref for ref in parts[1].inputs if ref not in inputs]
    return len(crossing), sum(bytes_per_sample(parts.inference.specs[ref]) for ref in crossing)


@pytest.mark.parametrize("name", thinned(FEW, 1))
def test_a_nested_network_is_planned_as_the_flat_one(name: str, tmp_path: Path) -> None:
    plans = hold(name, tmp_path)
    assert {plan.state for plan in plans} == {"optimal"}


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NETWORKS["keras"])
def test_every_nested_network_is_planned_as_the_flat_one(name: str, tmp_path: Path) -> None:
    assert len(hold(name, tmp_path)) == 4


@cache
def config(name: str) -> str:
    import keras

    keras.backend.clear_session()
    return str(nested_models.MODELS[name]().to_json())


def document(name: str, folder: Path) -> Document:
    path = folder / f"{name}.json"
    path.write_text(config(name))
    return configsplit.load(path)


@pytest.mark.parametrize("name", nested_models.MODELS)
def test_every_place_listed_is_cut_there_and_proven(name: str, tmp_path: Path) -> None:
    whole = document(name, tmp_path)
    found = configsplit.cuts(whole)
    assert len(found.places) == found.found
    for number, row in enumerate(found.places):
        parts = configsplit.split(whole, row.at)
        if not parts.whole.masks:  # a mask crosses besides, unpriced
            assert crossing_bytes(parts) == (len(row.tensors), row.bytes), row.at
        out = tmp_path / f"cut-{number}"
        assert parts.save(out).proof is not None
        assert [figures_of(out, side) for side in (0, 1)] == [
            (side.macs, side.parameters) for side in (row.before, row.after)
        ], row.at


def figures_of(folder: Path, part: int) -> tuple[Any, int]:
    told = configsplit.inspect(configsplit.load(folder / f"part-{part}.json"))
    return told.macs, told.parameters


@pytest.mark.parametrize(("name", "balance"), in_turn([(name, "macs"), (name, "params")] for name in nested_models.MODELS))
def test_every_plan_is_carried_out_at_its_price(name: str, balance: Any, tmp_path: Path) -> None:
    whole = document(name, tmp_path)
    closed = configsplit.plan(whole, 2, balance=balance, whole_nested=True)
    for number in (2, 3, 4):
        plan = configsplit.plan(whole, number, balance=balance)
        assert plan.largest <= closed.largest  # type: ignore[operator]
        out = tmp_path / f"plan-{number}"
        assert plan.save(out).proof is not None
        assert [figures_of(out, stage) for stage in range(number)] == [(stage.macs, stage.parameters) for stage in plan.stages]


def test_only_what_is_cut_is_opened(tmp_path: Path) -> None:
    plan = configsplit.plan(document("shell", tmp_path), 2)
    assert [each.tensors for each in plan.boundaries] == [("base/first",)]
    first, second = plan.parts.models
    assert "augment" in first.by_name()
    assert "base" not in second.by_name()
    shared = configsplit.plan(document("siamese", tmp_path), 2)
    assert [each.tensors for each in shared.boundaries] == [("twin@1",)]
    assert [model.by_name()["twin"].class_name for model in shared.parts.models] == ["Functional"] * 2


def test_what_a_stage_counts_as_one_is_named(tmp_path: Path) -> None:
    whole = document("shell", tmp_path)
    opened, closed = (configsplit.plan(whole, 2, whole_nested=left) for left in (False, True))
    assert [stage.closed for stage in opened.stages] == [(), ()]
    assert [stage.closed for stage in closed.stages] == [("augment", "base"), ()]
    assert closed.as_json()["stages"][0]["closed"] == ("augment", "base")
    command = ["split", str(whole.path), "--stages", "2", "--whole-nested", "--out", str(tmp_path / "out")]
    told = CliRunner().invoke(cli, command)
    assert "left whole     augment, base: nested models, of which each call counts as one layer" in told.output


def test_a_shared_model_is_opened_in_all_its_calls(tmp_path: Path) -> None:
    parts = configsplit.split(document("siamese", tmp_path), "twin@0/relu")
    assert all("twin" not in model.by_name() for model in parts.models)
    assert len(parts.models[1].by_name()["first"].calls) == 1
    assert set(parts.split.shared) == {"first", "relu"}


def test_nested_models_may_be_left_whole(tmp_path: Path) -> None:
    whole = document("shell", tmp_path)
    assert [row.at for row in configsplit.cuts(whole, whole_nested=True).places] == ["augment", "base", "pool"]
    plan = configsplit.plan(whole, 2, whole_nested=True)
    assert [each.tensors for each in plan.boundaries] == [("pool",)]
    names = [each.name for each in configsplit.layers(whole, whole_nested=True)]
    assert names == ["image", "augment", "base", "pool", "head"]
    assert "base/add" in [each.name for each in configsplit.layers(whole)]
    with pytest.raises(TensorReferenceError, match="left whole"):
        configsplit.cuts(whole, whole_nested=True, after="base/add")
    assert [row.at for row in configsplit.cuts(whole, after="base/add").places] == ["base/add", "base", "pool"]


def test_layers_before_a_tensor_are_listed_with_what_is_inside(tmp_path: Path) -> None:
    names = [each.name for each in configsplit.layers(document("shell", tmp_path), before="base/relu")]
    made = [name for name in names if "input" not in name and name not in ("image", "base/base_in")]
    assert made == ["augment", "augment/flip", "augment/scale", "base/first", "base/relu"]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("first", "did you mean 'base/first'?"),
        ("frist", "did you mean 'base/first'?"),
        ("base/frist", "did you mean 'base/first'?"),
        ("bsae/first", "did you mean 'base/first'"),
        ("pol", "did you mean 'pool'?"),
    ],
)
def test_a_name_that_lies_inside_is_told(text: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(TensorReferenceError) as raised:
        configsplit.split(document("shell", tmp_path), text)
    assert raised.value.hint.startswith(hint)


def test_shares_look_inside(tmp_path: Path) -> None:
    options = {"at": ["half the MACs"], "shapes": [], "sizes": [], "max_tensors": None, "pick": "all", "whole_nested": False}
    whole = document("shell", tmp_path)
    assert places_for(whole, options) == ["base/first"]
    assert places_for(whole, options | {"whole_nested": True}) == ["pool"]


def test_times_of_inner_layers_decide_what_is_opened(tmp_path: Path) -> None:
    whole = document("shell", tmp_path)
    times = {"augment": 1.0, "base": 9.0, "pool": 1.0, "head": 1.0}
    plan = configsplit.plan(whole, 2, balance="latency", profile=times)
    assert plan.largest == 10_000_000
    inner = {"base/first": 1.0, "base/relu": 1.0, "base/second": 4.0, "base/add": 1.0, "base/down": 2.0}
    plan = configsplit.plan(whole, 2, balance="latency", profile=times | inner)
    assert plan.largest == 7_000_000
    with pytest.raises(CutError, match="'base/relu'") as raised:
        configsplit.plan(whole, 2, balance="latency", profile=times | {"base/first": 1.0})
    assert raised.value.code == "profile-missing-layer"


@pytest.mark.parametrize("key", ["class_name", "module"])
def test_a_model_of_a_class_of_the_users_own_stays_whole(key: str, tmp_path: Path) -> None:
    entry = json.loads(config("shell"))
    (base,) = (layer for layer in entry["config"]["layers"] if layer["config"]["name"] == "base")
    base[key] = "Backbone" if key == "class_name" else "mine"
    path = tmp_path / "own.json"
    path.write_text(json.dumps(entry))
    own = configsplit.load(path)
    assert [row.at for row in configsplit.cuts(own).places] == ["augment/flip", "augment", "base", "pool"]
    assert [each.tensors for each in configsplit.plan(own, 2).boundaries] == [("pool",)]


def test_a_model_that_calls_too_many_is_refused(tmp_path: Path) -> None:
    import keras
    from keras import layers

    values = layers.Input((2,), name="values")
    model = keras.Model(values, layers.Dense(2, name="dense")(values), name="level0")
    for depth in range(1, 17):
        values = layers.Input((2,), name="values")
        model = keras.Model(values, model(model(values)), name=f"level{depth}")
    path = tmp_path / "many.json"
    path.write_text(model.to_json())
    many = configsplit.load(path)
    with pytest.raises(CutError) as raised:
        configsplit.plan(many, 2)
    assert (raised.value.code, raised.value.hint) == ("nested-too-many", "leave nested models whole: --whole-nested")
    assert [row.at for row in configsplit.cuts(many, whole_nested=True).places] == ["level15@0"]


def test_the_command_line_looks_inside(tmp_path: Path) -> None:
    whole = document("shell", tmp_path)
    for arguments, wanted in (
        (["cuts", str(whole.path)], "base/add"),
        (["layers", str(whole.path)], "base/add"),
        (["split", str(whole.path), "--stages", "2", "--out", str(tmp_path / "out")], "first"),
    ):
        told = CliRunner().invoke(cli, arguments)
        assert (told.exit_code, wanted in told.output) == (0, True)
        if arguments[0] != "split":
            closed = CliRunner().invoke(cli, [*arguments, "--whole-nested"])
            assert (closed.exit_code, wanted in closed.output) == (0, False)
