from __future__ import annotations

from pathlib import Path

import pytest
from support.corpus import releases
from support.identity import CORPUS, files, name, open_arguments

from configsplit.containers.addresses import LEGACY, LEGACY_WEIGHTS, TF213, V3, addresses, inner_weights, snake_case
from configsplit.containers.source import Source, open_source
from configsplit.dialects import parse
from configsplit.errors import DocumentError, WeightsError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Model

EVERYTHING = releases()


def layer(name: str, class_name: str, model: Model | None = None, module: str = "keras.layers", **more: bool) -> Layer:
    return Layer(name=name, class_name=class_name, model=model, entry=FrozenDict({"module": module}), **more)


def model(kind: str, *layers: Layer) -> Model:
    return Model(name="m", kind=kind, layers=layers, inputs=(), outputs=())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("class_name", "group"),
    [
        ("Conv2D", "conv2d"),
        ("ReLU", "re_lu"),
        ("BatchNormalization", "batch_normalization"),
        ("HTTPServer2DLayer", "http_server2d_layer"),
        ("research>RegScale", "reg_scale"),
        ("GroupQueryAttention", "grouped_query_attention"),
        ("Conv2DTranspose", "conv2d_transpose"),
        ("TFOpLambda", "tf_op_lambda"),
    ],
)
def test_snake_case(class_name: str, group: str) -> None:
    assert snake_case(class_name) == group


def test_layers_are_numbered_by_class_and_not_by_name() -> None:
    found = addresses(model("functional", layer("dense_1", "Dense"), layer("conv2d", "Dense"), layer("dense", "Dense")), V3)
    assert list(found.values()) == ["layers/dense", "layers/dense_1", "layers/dense_2"]


def test_operations_and_the_input_of_a_sequential_are_not_stored() -> None:
    operation = layer("add", "Add", module="keras.src.ops.numpy")
    graph = model("functional", layer("i", "InputLayer"), operation, layer("plus", "Add"))
    assert addresses(graph, V3) == {("i",): "layers/input_layer", ("plus",): "layers/add"}
    stack = model("sequential", layer("i", "InputLayer", implicit=True), layer("j", "InputLayer"), layer("d", "Dense"))
    assert addresses(stack, V3) == {("d",): "layers/dense"}
    assert addresses(stack, LEGACY) == {("d",): "model_weights/d"}


def test_nested_models_recurse_by_class() -> None:
    inner = model("sequential", layer("d", "Dense"))
    middle = model("functional", layer("s1", "Sequential", inner), layer("s2", "Sequential", inner))
    found = addresses(model("functional", layer("enc", "Functional", middle), layer("d", "Dense")), V3)
    assert found["enc", "s2", "d"] == "layers/functional/layers/sequential_1/layers/dense"
    assert found["d",] == "layers/dense"


def test_a_layer_with_weights_takes_two_numbers_in_tf_2_13() -> None:
    graph = model("functional", layer("a", "Dense"), layer("b", "Dense"), layer("r", "ReLU"), layer("s", "ReLU"))
    found = addresses(graph, TF213, lambda path, _: path[-1] in "ab")
    root = "_layer_checkpoint_dependencies"
    assert list(found.values()) == [f"{root}/{group}" for group in ("dense", "dense_2", "re_lu", "re_lu_1")]


def test_legacy_groups_carry_the_names() -> None:
    graph = model("functional", layer("block1/fc", "Dense"))
    assert addresses(graph, LEGACY) == {("block1/fc",): "model_weights/block1/fc"}
    assert addresses(graph, LEGACY_WEIGHTS) == {("block1/fc",): "block1/fc"}


def test_ten_thousand_nested_models_cost_no_stack() -> None:
    graph = model("sequential", layer("d", "Dense"))
    for _ in range(2000):
        graph = model("sequential", layer("s", "Sequential", graph))
    assert len(addresses(graph, V3)) == 2001


def test_inner_weights_go_by_name() -> None:
    inner = model("sequential", layer("deepd", "Dense"))
    nest = layer("sq", "Sequential", model("sequential", layer("sqd", "Dense"), layer("deep_sq", "Sequential", inner)))
    names = ["sq/sqd/kernel", "sq/sqd/bias", "deep_sq/deepd/kernel"]
    assert inner_weights(nest, names) == {("sqd",): tuple(names[:2]), ("deep_sq", "deepd"): (names[2],)}


@pytest.mark.parametrize("names", [["mean:0"], ["other/kernel:0"]])
def test_inner_weights_without_a_name_are_refused(names: list[str]) -> None:
    nest = layer("n", "Functional", model("functional", layer("a", "Dense")))
    with pytest.raises(WeightsError, match="names no layer"):
        inner_weights(nest, names)


def test_inner_weights_of_two_candidates_are_refused() -> None:
    twice = [layer(f"m{k}", "Functional", model("functional", layer("fc", "Dense"))) for k in range(2)]
    with pytest.raises(WeightsError, match="any of"):
        inner_weights(layer("n", "Functional", model("functional", *twice)), ["fc/kernel:0"])


def check(path: Path, source: Source) -> int:
    """Every dataset of a file lies below the address of a layer, and every v3 address is a group."""
    weights = source.weights
    if weights is None:
        return 0
    try:
        graph = parse(source.config_text).model
    except DocumentError:
        return 0  # subclassed, or a broken file: see the dialects' own tests
    found = addresses(graph, weights.layout, lambda _, group: weights.has_datasets(group))
    strays, missing = weights.strays(found.values()), set(found.values()) - set(weights.groups)
    if path.stem == "seq_merge":
        return 0  # Keras 1 stores the branches of a Merge, which is one layer with models in its config
    assert not strays, (path, strays)
    if weights.layout.kind != "legacy" and path.stem != "tied":  # legacy: operations are not told from layers there
        assert not missing, (path, missing)
    return len(weights.datasets)


@pytest.mark.parametrize("path", files(), ids=name)
def test_every_dataset_belongs_to_one_layer(path: Path) -> None:
    with open_source(*open_arguments(path)) as source:
        check(path, source)


@pytest.mark.exhaustive
def test_every_dataset_of_the_whole_corpus_belongs_to_one_layer() -> None:
    count = 0
    for path in files(EVERYTHING):
        with open_source(*open_arguments(path)) as source:
            count += check(path, source)
    assert count > 1_000


def test_weight_files_know_names() -> None:
    with open_source(CORPUS / "keras-3.15.1" / "residual.keras") as source:
        assert source.weights is not None
        assert source.weights.vars_name("layers/conv2d") == "c1"
        assert source.weights.vars_name("") == "resnetish"
        assert source.weights.layer_names == ()
    with open_source(CORPUS / "keras-3.15.1" / "residual.h5") as source:
        assert source.weights is not None
        assert source.weights.layer_names[:2] == ("image", "c1")
        assert source.weights.weight_names("model_weights/c2") == ("c2/kernel", "c2/bias")
        assert source.weights.weight_names("model_weights/image") == ()
        assert not source.weights.fixed_strings
    with open_source(CORPUS / "keras-1.2.2" / "residual.h5") as source:
        assert source.weights is not None
        assert source.weights.fixed_strings
