"""Networks whose inputs have open sizes: with ``--size`` they are priced as the network of that size is, without it nothing is
said that depends on the size."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import keras
import networks
import numpy as np
import pytest
from click.testing import CliRunner
from support.architectures import NETWORKS
from support.thinned import thinned

import configsplit
from configsplit.boundaries.formulas import Formula
from configsplit.boundaries.pricing import Pricing
from configsplit.cli.main import cli
from configsplit.errors import CutError, ShapeError
from configsplit.models.document import Document

SIZE = 224

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"

FEW = ["MobileNetV2", "MobileNetV3Small", "ConvNeXtTiny"]
"""Each has something of its own: residuals; squeeze-and-excitation by pooling; layers that keep the channels last."""

UNBUILDABLE = {"NASNetMobile", "NASNetLarge"}
"""Networks that Keras itself can call at no size once they were made for any."""


def given(document: Document, *sizes: int) -> list[str]:
    (ref,) = document.model.input_refs()
    return [f"{ref.layer}={','.join(map(str, sizes))}"]


def as_one_sees_it(plan: configsplit.Plan) -> Any:
    return plan.as_json() | {"boundaries": [(each.tensors, each.bytes) for each in plan.boundaries]}


def hold(open_: Document, fixed: Document, stages: tuple[int, ...]) -> None:
    """With its size the open network has the places, prices and plans of the fixed one."""
    sizes = given(open_, SIZE, SIZE)
    expected = configsplit.cuts(fixed)
    found = configsplit.cuts(open_, sizes=sizes)
    assert [row.as_json() for row in found.places] == [row.as_json() for row in expected.places]
    assert found.sizes == {}
    assert found.uncounted == ()
    for number in stages:
        for balance in ("macs", "params"):
            plans = (
                configsplit.plan(open_, number, balance=balance, sizes=sizes),
                configsplit.plan(fixed, number, balance=balance),
            )
            assert as_one_sees_it(plans[0]) == as_one_sees_it(plans[1])
    for row in expected.places[:: max(1, len(expected.places) // 12)]:
        one, other = configsplit.split(open_, row.at, sizes=sizes), configsplit.split(fixed, row.at)
        assert [part.inputs for part in one] == [part.inputs for part in other]
        assert one.tried is None
        assert [spec.shape for spec in map(one.inference.specs.get, open_.model.input_refs()) if spec] == [
            (None, None, None, 3)
        ]


def hold_without(open_: Document, fixed: Document, stages: tuple[int, ...]) -> None:
    """Without a size nothing that depends on it is a number, or optimal; formulas have the prices of the fixed network."""
    found = configsplit.cuts(open_)
    priced = {row.at: row for row in configsplit.cuts(fixed).places}
    assert found.uncounted == ()
    assert found.sizes
    for row in (row for row in found.places if row.at in priced):
        same = priced[row.at]
        if row.tensors == same.tensors:
            pairs = [(row.bytes, same.bytes), (row.before.macs, same.before.macs), (row.after.macs, same.after.macs)]
            assert [at_size(one) for one, _ in pairs] == [other for _, other in pairs]
        assert isinstance(row.before.peak_activation_bytes, Formula)
    for number in stages:
        plan = configsplit.plan(open_, number, balance="params")
        assert plan.bytes_state != "optimal" or isinstance(plan.bytes, int)
        assert plan.largest == configsplit.plan(fixed, number, balance="params").largest
        with suppress(ShapeError):
            plan = configsplit.plan(open_, number)
            assert (plan.state, plan.bytes_state) == ("tried", "tried")
            assert plan.tried is not None
            assert isinstance(plan.largest, Formula)


def at_size(figure: int | Formula) -> Any:
    """A figure at 224 by 224, which 32 divides: exact there."""
    return figure.at([SIZE] * len(figure.names)) if isinstance(figure, Formula) else figure


@pytest.mark.parametrize("name", thinned(FEW, 1))
def test_a_size_gives_what_the_network_of_that_size_has(name: str, tmp_path: Path) -> None:
    open_, fixed = (networks.without_top(name, size, tmp_path) for size in (None, SIZE))
    hold(open_, fixed, (2, 4))
    hold_without(open_, fixed, (2, 4))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", NETWORKS["keras"])
def test_every_network_without_top(name: str, tmp_path: Path) -> None:
    open_, fixed = (networks.without_top(name, size, tmp_path) for size in (None, SIZE))
    if name in UNBUILDABLE:
        with pytest.raises(ShapeError) as raised:
            configsplit.plan(open_, 2, sizes=given(open_, SIZE, SIZE))
        assert raised.value.code == "size-unfit"
        return
    hold(open_, fixed, (2, 4, 8))
    hold_without(open_, fixed, (2, 4, 8))


def text(length: int | None, path: Path) -> Document:
    """A small transformer for texts of one length, or of any."""
    import keras
    from keras import layers

    ids = layers.Input((length,), dtype="int32", name="ids")
    x = layers.Embedding(1000, 64, name="embed")(ids)
    for block in range(3):
        attended = layers.MultiHeadAttention(4, 16, name=f"attend{block}")(x, x)
        x = layers.LayerNormalization(name=f"norm{block}")(layers.Add(name=f"add{block}")([x, attended]))
        wide = layers.Dense(256, activation="gelu", name=f"wide{block}")(x)
        x = layers.Add(name=f"sum{block}")([x, layers.Dense(64, name=f"narrow{block}")(wide)])
    x = layers.Dense(5, name="end")(layers.GlobalAveragePooling1D(name="mean")(x))
    return networks.saved(keras.Model(ids, x, name="text"), path)


def test_texts_of_any_length(tmp_path: Path) -> None:
    open_, fixed = text(None, tmp_path / "open.json"), text(96, tmp_path / "fixed.json")
    found = configsplit.cuts(open_, sizes=["ids=96"])
    assert [row.as_json() for row in found.places] == [row.as_json() for row in configsplit.cuts(fixed).places]
    assert as_one_sees_it(configsplit.plan(open_, 3, sizes=["ids=1,96"])) == as_one_sees_it(configsplit.plan(fixed, 3))
    macs = configsplit.inspect(open_).macs
    assert isinstance(macs, Formula)
    assert macs.names == ("L",)
    assert "L²" in str(macs)  # attention
    assert macs.at([96]) == configsplit.inspect(fixed).macs == configsplit.inspect(open_, sizes=["ids=96"]).macs


def two_inputs(path: Path) -> Document:
    import keras
    from keras import layers

    image, words = layers.Input((None, None, 3), name="image"), layers.Input((None,), dtype="int32", name="words")
    seen = layers.GlobalAveragePooling2D(name="pool")(layers.Conv2D(8, 3, padding="same", name="conv")(image))
    read = layers.LSTM(8, name="read")(layers.Embedding(50, 16, name="embed")(words))
    both = layers.Dense(1, name="end")(layers.Concatenate(name="both")([seen, read]))
    return networks.saved(keras.Model([image, words], both, name="two"), path)


def test_two_inputs_are_named_in_formulas_and_errors(tmp_path: Path) -> None:
    document = two_inputs(tmp_path / "two.json")
    found = configsplit.cuts(document)
    assert set(found.sizes.values()) == {"image[1]", "image[2]", "words[1]"}
    (row,) = (row for row in found.places if row.at == "conv")
    assert row.as_json()["bytes"] is None
    assert row.as_json()["bytes_formula"] == "32 × image[1] × image[2]"
    with pytest.raises(ShapeError, match="'image' and 'words'") as raised:
        configsplit.cuts(document, sort="bytes")
    assert raised.value.code == "size-needed"
    assert raised.value.hint.endswith("--size image=1,224,224,3 --size words=1,128")
    with pytest.raises(ShapeError, match="'words'"):
        configsplit.cuts(document, sort="bytes", sizes=["image=64,64"])
    sizes = ["image=1,64,32,3", "words=7"]
    (row,) = (row for row in configsplit.cuts(document, sort="bytes", sizes=sizes).places if row.at == "conv")
    assert row.bytes == 64 * 32 * 8 * 4
    assert row.after.macs == 7 * 4 * 8 * (16 + 8) + 16


def two_ways(path: Path) -> Document:
    """Beside ``wide`` either ``thin`` crosses or what becomes of it at 32 by 32: which is smaller depends on the size."""
    import keras
    from keras import layers

    image = layers.Input((None, None, 3), name="image")
    thin = layers.Conv2D(4, 3, name="thin")(image)
    wide, small = layers.Conv2D(16, 3, name="wide")(thin), layers.Resizing(32, 32, name="small")(thin)
    end = layers.Concatenate(name="end")([layers.Resizing(32, 32, name="same")(wide), small])
    return networks.saved(keras.Model(image, end, name="ways"), path)


def test_a_boundary_that_depends_on_the_size_is_refused(tmp_path: Path) -> None:
    document = two_ways(tmp_path / "ways.json")
    with pytest.raises(ShapeError, match="smallest depends on the size of 'image'") as raised:
        configsplit.split(document, "wide")
    assert raised.value.code == "size-needed"
    found = configsplit.cuts(document)
    assert "wide" not in [row.through for row in found.places]
    assert found.unsettled > 0
    for size, other in ((16, "thin"), (300, "small")):
        parts = configsplit.split(document, "wide", sizes=[f"image={size},{size}"])
        assert {ref.layer for ref in parts[1].inputs} == {"wide", other}
        places = configsplit.cuts(document, sizes=[f"image={size},{size}"]).places
        assert {"wide", other} in [set(row.tensors) for row in places]
        assert parts[0].model.input_refs() == document.model.input_refs()
    assert {ref.layer for ref in configsplit.split(document, "wide", boundary="early")[1].inputs} == {"wide", "thin"}


def test_choices_that_do_not_depend_on_the_size_go_on(tmp_path: Path) -> None:
    document = networks.without_top("MobileNetV2", None, tmp_path)
    assert configsplit.split(document, "block_5_add").tried is None  # there is one boundary only
    whole = configsplit.plan(document, 1)
    assert isinstance(whole.largest, Formula)
    assert whole.state == "optimal"
    limits: list[dict[str, Any]] = [{"max_boundary_bytes": 10**6}, {"balance": "params", "max_boundary_bytes": 10**6}]
    for limit in limits:
        with pytest.raises(ShapeError, match="input_layer"):
            configsplit.plan(document, 2, **limit)
    for early in ("early", "late"):
        assert configsplit.split(document, "block_5_expand", boundary=early).tried is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text_", "code"),
    [
        ("imagine=224,224", "size-no-input"),
        ("image=224", "size-unfit"),
        ("image=1,224,224,4", "size-unfit"),
        ("image=1,224,224", "size-unfit"),
        ("image=1,2,2,3", "size-unfit"),
        ("image=many", "size-syntax"),
        ("image=0,0", "size-syntax"),
        ("224,224", "size-syntax"),
    ],
)
def test_what_is_no_size_of_the_input_is_refused(text_: str, code: str, tmp_path: Path) -> None:
    document = two_ways(tmp_path / "ways.json")
    for verb in (configsplit.cuts, configsplit.inspect):
        with pytest.raises(ShapeError) as raised:
            verb(document, sizes=[text_])  # type: ignore[operator]
        assert raised.value.code == code


def u_net(path: Path) -> Document:
    """Up and down by 4: what is joined goes together for sizes that 4 divides alone, though the file records no size at all."""
    import keras
    from keras import layers

    image = layers.Input((None, None, 1), name="image")
    wide = layers.Conv2D(8, 3, padding="same", name="wide")(image)
    deep = layers.Conv2D(8, 3, padding="same", name="deep")(layers.MaxPooling2D(4, name="down")(wide))
    both = layers.Concatenate(name="both")([wide, layers.Conv2DTranspose(8, 4, 4, name="up")(deep)])
    return networks.saved(keras.Model(image, layers.Conv2D(1, 1, name="end")(both), name="u"), path)


@pytest.mark.parametrize(
    "verb",
    [
        configsplit.cuts,
        configsplit.inspect,
        partial(configsplit.plan, stages=2),
        partial(configsplit.split, at="deep", fix_size=True),
        partial(configsplit.extract, to="end", fix_size=True),
    ],
)
def test_a_size_at_which_layers_do_not_fit_together_is_refused(verb: Callable[..., Any], tmp_path: Path) -> None:
    import keras

    document = u_net(tmp_path / "u.json")
    with pytest.raises(Exception, match="Dimension 1 in both shapes must be equal"):
        keras.models.model_from_json(document.path.read_text())(keras.ops.zeros((1, 30, 30, 1)))
    with pytest.raises(ShapeError, match="'both' cannot take") as caught:
        verb(document, sizes=["image=30,30"])
    assert caught.value.code == "size-unfit"
    verb(document, sizes=["image=32,32"])
    assert 299 not in [size for sizes, _ in Pricing(document, document.model, {}, document.infer()).trials() for size in sizes]


@pytest.mark.parametrize("verb", [partial(configsplit.split, at="c2"), partial(configsplit.plan, stages=2)])
def test_an_input_is_no_record_to_be_opened(verb: Callable[..., Any]) -> None:
    """Parts keep what the document says of inputs: their manifest would tell another shape."""
    document = configsplit.load(RELEASES / "keras-3.15.1" / "residual.json")
    with pytest.raises(ShapeError) as caught:
        verb(document, opened=["image=1"])
    assert caught.value.code == "size-unfit"


def test_a_nested_network_is_priced_at_the_size_of_the_whole(tmp_path: Path) -> None:
    import keras
    from keras import layers

    keras.backend.clear_session()
    inner = keras.applications.MobileNetV2(weights=None, include_top=False, input_shape=(None, None, 3))
    found = []
    for size in (None, SIZE):
        image = layers.Input((size, size, 3), name="image")
        end = layers.Dense(3, name="end")(layers.GlobalAveragePooling2D(name="pool")(inner(image)))
        found.append(networks.saved(keras.Model(image, end, name="nested"), tmp_path / f"nested_{size}.json"))
    open_, fixed = found
    assert configsplit.inspect(open_, sizes=["image=224,224"]).macs == configsplit.inspect(fixed).macs == 299_498_112
    macs = configsplit.inspect(open_).macs
    assert isinstance(macs, Formula)
    assert macs.at([SIZE, SIZE]) == 299_498_112
    one, other = (configsplit.cuts(each, sizes=sizes).places for each, sizes in ((open_, ["image=224,224"]), (fixed, [])))
    assert [row.as_json() for row in one] == [row.as_json() for row in other]


def test_a_plan_with_what_nobody_has_declared_is_not_optimal(tmp_path: Path) -> None:
    document = networks.without_top("MobileNetV2", SIZE, tmp_path)
    assert configsplit.plan(document, 2).state == "optimal"
    path = tmp_path / "unknown.json"
    path.write_text(document.path.read_text().replace('"ReLU"', '"Swoosh"', 1))
    try:
        plan = configsplit.plan(configsplit.load(path), 2)
    except CutError:
        pytest.fail("it can be planned: what the unknown layer gives is recorded")
    assert plan.uncounted == plan.undeclared == ("Conv1_relu",)
    assert (plan.state, plan.bytes_state) == ("bounded", "bounded")


def test_the_command_line_shows_formulas_and_takes_sizes(tmp_path: Path) -> None:
    document = networks.without_top("MobileNetV2", None, tmp_path)
    path, out = str(document.path), str(tmp_path / "out")
    shown = CliRunner().invoke(cli, ["cuts", path])
    assert shown.exit_code == 0
    assert "16 B × H × W" in shown.stdout
    assert "H is input_layer[1], W is input_layer[2]" in shown.stdout
    assert "declared" not in shown.output
    asked = CliRunner().invoke(cli, ["split", path, "--stages", "3", "--out", out, "--json"])
    assert asked.exit_code == 1
    error = json.loads(asked.stdout)["error"]
    assert (error["code"], error["where"]) == ("size-needed", "input_layer")
    assert "--size input_layer=1,224,224,3" in error["hint"]
    done = CliRunner().invoke(cli, ["split", path, "--stages", "3", "--size", "input_layer=224,224", "--out", out])
    assert done.exit_code == 0
    assert "101 M multiply-accumulates (proven optimal)" in done.stdout
    assert "takes  input_layer  ?×?×3" in done.stdout  # files keep it open
    done = CliRunner().invoke(cli, ["split", path, "--stages", "3", "--balance", "params", "--out", out, "--force"])
    assert "802 k parameters (proven optimal)" in done.stdout
    assert "the same choice for every size tried, from 32 to 1024" in done.stdout


def test_recipes_take_sizes(near_jobs: None, tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    networks.without_top("MobileNetV2", None, zoo)

    def ledger(*steps: dict[str, Any]) -> dict[str, Any]:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        configsplit.batch({"recipe": 1, "do": list(steps), "verify": "none"}, zoo=zoo, out=out, jobs=1)
        (line,) = (out / "ledger.jsonl").read_text().splitlines()
        found: dict[str, Any] = json.loads(line)
        return found

    size = ["input_layer=1,224,224,3"]
    assert ledger({"split": {"at": "half the MACs"}})["error"]["code"] == "size-needed"
    assert ledger({"split": {"stages": 3}})["error"]["code"] == "size-needed"
    split = ledger({"split": {"at": "half the MACs", "size": size}})
    assert split["outcome"] == "done"
    planned, told = ledger({"split": {"stages": 3, "size": size}}, {"inspect": {}})["steps"]
    assert planned["plan"]["state"] == "optimal"
    assert told["macs"] is None
    assert told["macs_formula"] == "47751/8 × H × W"
    assert ledger({"inspect": {"size": size}})["steps"][0]["macs"] == 299_494_272


def test_what_is_cut_off_has_no_formula(tmp_path: Path) -> None:
    import keras
    from keras import layers

    words = layers.Input((None,), dtype="int32", name="words")
    first = layers.Embedding(50, 16, name="embed")(words)[:, :200]
    end = layers.Dense(3, name="end")(layers.Dense(8, name="dense")(first))
    document = networks.saved(keras.Model(words, end, name="cut"), tmp_path / "cut.json")
    rows = {row.at: row for row in configsplit.cuts(document).places}
    assert str(rows["embed"].bytes) == "64 × L"
    assert str(rows["dense"].bytes) == "depends on L"
    (row,) = (row for row in configsplit.cuts(document, sizes=["words=150"]).places if row.at == "dense")
    assert row.bytes == 150 * 8 * 4


@pytest.mark.parametrize("crop", [300, 5000])
def test_a_model_that_crops_more_than_most_sizes_have_is_tried_at_larger_ones(crop: int, tmp_path: Path) -> None:
    """As networks for sequences of genes do, which see thousands of letters around each that they speak of."""
    layers = keras.layers
    letters = layers.Input((None, 4), name="letters")
    first = layers.Conv1D(32, 1, name="first")(letters)
    norm = layers.BatchNormalization(name="norm")(first)
    both = layers.Add(name="both")([first, layers.Conv1D(32, 11, padding="same", name="wide")(norm)])
    inner = layers.Cropping1D(crop, name="inner")(both)
    end = layers.Conv1D(3, 1, name="end")(inner)
    document = networks.saved(keras.Model(letters, end, name="genes"), tmp_path / "genes.json")
    assert {ref.layer for ref in configsplit.split(document, "norm")[1].inputs} == {"first", "norm"}
    rows = {row.at: row for row in configsplit.cuts(document).places}
    assert rows["norm"].shapes == ((None, None, 32), (None, None, 32))
    sized = {row.at: row for row in configsplit.cuts(document, sizes=["letters=20000"]).places}
    assert sized["norm"].shapes == ((None, 20000, 32), (None, 20000, 32))
    macs = rows["inner"].after.macs
    assert isinstance(macs, Formula)
    assert macs.at([20000]) == sized["inner"].after.macs == (20000 - 2 * crop) * 32 * 3


class _Doubled(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x * 2

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def test_a_class_of_the_users_own_behind_an_open_size_does_not_stand_in_the_way(tmp_path: Path) -> None:
    """What it gives has the sizes that its record leaves open, whatever is tried; the cut is the cheapest at all that are."""
    layers = keras.layers
    start = keras.Input((None, None, 3))
    flow = _Doubled(name="own")(layers.Conv2D(4, 3, padding="same", name="first")(start))
    both = [layers.Conv2D(2, 1, name="left")(flow), layers.Conv2D(2, 3, padding="same", name="right")(flow)]
    model = keras.Model(start, layers.Add(name="sum")(both))
    model.save(path := tmp_path / "model.keras")
    saved = configsplit.split(path, "left").save(tmp_path / "parts")
    tensors = [tensor.name for tensor in saved.manifest.parts[1].inputs]
    assert tensors == ["left", "right"]
    given = np.random.default_rng(1).normal(size=(2, 9, 7, 3)).astype("float32")
    head, tail = (
        keras.models.load_model(tmp_path / "parts" / part.file, custom_objects={"_Doubled": _Doubled})
        for part in saved.manifest.parts
    )
    crossing = [np.asarray(each) for each in head(given, training=False)]
    assert np.array_equal(np.asarray(tail(crossing, training=False)), np.asarray(model(given, training=False)))
