"""``--fix-size`` writes the sizes into the parts: they load with fixed shapes, and compute what the open original does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.made import flat, run, run_parts, same

import configsplit
from configsplit.batches.batch import batch
from configsplit.cli.main import cli
from configsplit.errors import ConfigSplitError, ShapeError, VerificationError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework
from configsplit.verbs.verify_file import verify_file

SIZE = "image=1,32,48,3"


@pytest.fixture(scope="module", params=["keras", "tf_keras"])
def works(request: pytest.FixtureRequest) -> Any:
    return framework(request.param)


def branched(works: Any) -> Any:
    """Two branches over images of any size, the one through a nested model of any size."""
    layers, model = works.module.layers, works.module.Model
    inner = layers.Input((None, None, 4), name="inner_in")
    nested = model(inner, layers.Conv2D(4, 3, padding="same", name="inner_conv")(inner), name="nested")
    image = layers.Input((None, None, 3), name="image")
    x = layers.Conv2D(4, 3, strides=2, padding="same", name="stem")(image)
    x = layers.Add(name="add")([x, nested(x)])
    x = layers.GlobalAveragePooling2D(name="pool")(layers.Conv2D(6, 3, name="conv")(x))
    return model(image, layers.Dense(3, name="head")(x), name="branched")


def chain(works: Any) -> Any:
    """A Sequential, whose input tf_keras leaves to the first layer."""
    layers = works.module.layers
    return works.module.Sequential(
        [
            layers.Input((None, None, 3), name="image"),
            layers.Conv2D(4, 3, name="stem"),
            layers.ReLU(name="add"),
            layers.GlobalMaxPooling2D(name="pool"),
            layers.Dense(3, name="head"),
        ],
        name="chain",
    )


def around(works: Any) -> Any:
    """A Sequential that begins with a model, as people fine-tune: tf_keras writes no input of its own."""
    layers = works.module.layers
    inner = layers.Input((None, None, 3), name="inner_in")
    base = works.module.Model(inner, layers.Conv2D(4, 3, name="stem")(inner), name="add")
    return works.module.Sequential([base, layers.GlobalMaxPooling2D(name="pool"), layers.Dense(3, name="head")], name="around")


def saved(model: Any, path: Path) -> configsplit.Document:
    model.save(path)
    return configsplit.load(path)


def size_of(document: configsplit.Document) -> str:
    (ref,) = document.model.input_refs()
    return f"{ref.layer}=1,32,48,3"


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("build", [branched, chain, around])
def test_parts_have_the_sizes_and_compute_the_same(build: Any, suffix: str, works: Any, tmp_path: Path) -> None:
    model = build(works)
    document = saved(model, tmp_path / f"m.{suffix}")
    parts = configsplit.split(document, "add", sizes=[size_of(document)], fix_size=True)
    done = parts.save(tmp_path / "parts")
    assert done.proof is not None
    assert [each.shape for each in done.manifest.fixed] == [(None, 32, 48, 3)]
    values = [np.random.default_rng(0).normal(size=(2, 32, 48, 3)).astype("float32")]
    whole = run(load(tmp_path / f"m.{suffix}", framework=works, classes={}), values, works)
    assert all(map(same, flat(whole, works), flat(run_parts(done.directory, done.manifest, values, works), works)))
    for part in done.manifest.parts:
        live = load(done.directory / part.file, framework=works, classes={})
        for tensor in (*works.flatten(live.inputs), *works.flatten(live.outputs)):
            assert None not in tuple(tensor.shape)[1:], part.file
        with pytest.raises(Exception, match=r"shape|expected"):
            run(live, [np.zeros((2, *(7 for _ in tensor.shape[1:])), "float32") for tensor in live.inputs], works)
    assert configsplit.verify(done.directory).proof == done.proof


def test_without_it_files_keep_sizes_open(works: Any, tmp_path: Path) -> None:
    document = saved(branched(works), tmp_path / "m.keras")
    done = configsplit.split(document, "add", sizes=[SIZE]).save(tmp_path / "parts")
    assert done.manifest.fixed == ()
    assert done.manifest.parts[0].inputs[0].shape == (None, None, None, 3)


def test_the_parts_join_to_the_model_of_that_size(tmp_path: Path) -> None:
    document = saved(branched(framework("keras")), tmp_path / "m.keras")
    configsplit.split(document, ["stem", "conv"], sizes=[SIZE], fix_size=True).save(tmp_path / "parts")
    configsplit.join(tmp_path / "parts").save(tmp_path / "again.keras")
    again = load(tmp_path / "again.keras", framework=framework("keras"), classes={})
    assert again.input_shape == (None, 32, 48, 3)


def test_plans_extracts_and_live_models_too(works: Any, tmp_path: Path) -> None:
    model = branched(works)
    document = saved(model, tmp_path / "m.keras")
    planned = configsplit.plan(document, 2, sizes=[SIZE], fix_size=True).save(tmp_path / "parts")
    assert [each.shape for each in planned.manifest.fixed] == [(None, 32, 48, 3)]
    taken = configsplit.extract(document, to="add", sizes=[SIZE], fix_size=True)
    assert taken.save(tmp_path / "taken.keras").record.arguments["fix_size"] == [SIZE]
    assert load(tmp_path / "taken.keras", framework=works, classes={}).output_shape == (None, 16, 24, 4)
    assert verify_file(tmp_path / "taken.keras").weights == 4
    head, tail = configsplit.keras.split(model, "add", sizes=[SIZE], fix_size=True)
    assert (head.input_shape, tail.input_shape) == ((None, 32, 48, 3), (None, 16, 24, 4))


@pytest.mark.parametrize(
    ("sizes", "code"),
    [
        ([], "size-none"),
        (["image=1,32,48,4"], "size-unfit"),
        (["image=2,2"], "size-unfit"),
        (["other=1,3,3,3"], "size-no-input"),
    ],
)
def test_what_is_no_size_is_refused(sizes: list[str], code: str, tmp_path: Path) -> None:
    document = saved(branched(framework("keras")), tmp_path / "m.keras")
    with pytest.raises(ShapeError) as raised:
        configsplit.split(document, "add", sizes=sizes, fix_size=True)
    assert raised.value.code == code


@pytest.mark.parametrize(
    "claim",
    [
        [],
        [{"name": "image", "shape": [None, 32, 49, 3], "dtype": "float32"}],
        [{"name": "image", "shape": [5, 32, 48, 3], "dtype": "float32"}],
        [{"name": "image", "shape": [None, 32, 48, 4], "dtype": "float32"}],
        [{"name": "other", "shape": [None, 32, 48, 3], "dtype": "float32"}],
    ],
)
def test_a_manifest_that_lies_about_sizes_is_refused(claim: list[Any], tmp_path: Path) -> None:
    document = saved(branched(framework("keras")), tmp_path / "m.keras")
    configsplit.split(document, "add", sizes=[SIZE], fix_size=True).save(tmp_path / "parts")
    path = tmp_path / "parts" / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fixed": claim}))
    with pytest.raises(VerificationError):
        configsplit.verify(tmp_path / "parts")


@pytest.mark.usefixtures("near_worker", "near_jobs")
def test_the_command_line_and_recipes(tmp_path: Path) -> None:
    saved(branched(framework("keras")), tmp_path / "m.keras")
    command = ["split", str(tmp_path / "m.keras"), "--at", "add", "--out", str(tmp_path / "out"), "--json"]
    made = CliRunner().invoke(cli, [*command, "--size", SIZE, "--fix-size", "--verify", "numeric"])
    assert made.exit_code == 0, made.output
    assert json.loads(made.output)["manifest"]["fixed"][0]["shape"] == [None, 32, 48, 3]
    alone = CliRunner().invoke(cli, [*command, "--fix-size", "--force"])
    assert (alone.exit_code, "--fix-size goes with --size" in alone.output) == (2, True)
    (tmp_path / "zoo").mkdir()
    (tmp_path / "m.keras").rename(tmp_path / "zoo" / "m.keras")
    recipe = {"do": [{"split": {"at": "add", "size": [SIZE], "fix-size": True}}]}
    assert batch(recipe, zoo=tmp_path / "zoo", out=tmp_path / "many").outcomes["done"] == 1
    found = next((tmp_path / "many").rglob("manifest.json"))
    assert json.loads(found.read_text())["fixed"][0]["shape"] == [None, 32, 48, 3]


def test_a_size_that_no_layer_takes_is_named(tmp_path: Path) -> None:
    document = saved(branched(framework("keras")), tmp_path / "m.keras")
    with pytest.raises(ConfigSplitError) as raised:
        configsplit.split(document, "add", sizes=["image=1,1,1,3"], fix_size=True)
    assert raised.value.code == "size-unfit"
