"""The order of sources, nested models, sizes beyond recursion, and what is said where something is unknown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from configsplit.catalog.facts import CallFacts, LayerFacts, WeightSpec, same_as_input
from configsplit.dialects import parse
from configsplit.errors import ShapeError
from configsplit.graph.json import FrozenDict, freeze
from configsplit.graph.model import Layer, Model, Node, TensorRef, TensorSpec, Use
from configsplit.inference import counted, explain, trace, weights_of


def use(name: str, call: int = 0, output: int = 0, **recorded: Any) -> Use:
    return Use(TensorRef(name, call, output), freeze({"config": recorded}) if recorded else None)


def layer(name: str, class_name: str, *calls: Any, model: Model | None = None, **config: Any) -> Layer:
    nodes = tuple(Node((item,)) for item in calls) or (Node(),)
    entry = FrozenDict({"class_name": class_name, "config": freeze(config)})
    return Layer(name=name, class_name=class_name, entry=entry, calls=nodes, model=model)


def start(name: str = "x", shape: tuple[int | None, ...] | None = (None, 4)) -> Layer:
    return layer(name, "InputLayer", batch_input_shape=shape, dtype="float32")


def model(*layers: Layer, outputs: Any = None, inputs: Any = None, dialect: str = "keras2") -> Model:
    ends = (TensorRef(layers[-1].name),) if outputs is None else outputs
    starts = (TensorRef(layers[0].name),) if inputs is None else inputs
    return Model(name="m", kind="functional", layers=layers, inputs=starts, outputs=ends, dialect=dialect)


def shape(found: dict[TensorRef, TensorSpec], name: str, call: int = 0, output: int = 0) -> Any:
    return found[TensorRef(name, call, output)].shape


def test_what_the_user_gives_wins_over_rules_and_those_over_what_is_recorded() -> None:
    m = model(
        start(),
        layer("a", "Dense", use("x"), units=3),
        layer("b", "Dense", use("a", shape=[None, 7], dtype="float16"), units=3),
        dialect="keras3",
    )
    assert trace(m).specs[TensorRef("a")] == TensorSpec((None, 3), "float32")
    assert trace(m).contradictions == {TensorRef("a"): "recorded as (None, 7) float16, but its class gives (None, 3) float32"}
    assert shape(trace(m, given={TensorRef("a"): TensorSpec((2, 9), "float32")}).specs, "a") == (2, 9)


def test_keras_3_0_records_dtypes_as_the_consumer_casts_them() -> None:
    m = model(start(), layer("a", "Foo", use("x", shape=[None, 4], dtype="float16")), dialect="keras3")
    assert trace(m).specs[TensorRef("x")] == TensorSpec((None, 4), "float32")


def test_given_shape_of_an_input_goes_downstream() -> None:
    m = model(start(shape=(None, None)), layer("a", "Dense", use("x"), units=3), layer("f", "Flatten", use("a")))
    assert shape(trace(m, given={TensorRef("x"): TensorSpec((5, 4), "float32")}).specs, "f") == (5, 3)


def test_plug_ins_match_by_registered_name_then_by_class_name_without_package() -> None:
    doubled = LayerFacts(class_name="RegScale", outputs=lambda call: (TensorSpec((None, 8), "float32"),))
    m = model(start(), layer("a", "research>RegScale", use("x")))
    assert shape(trace(m).specs, "a") is None
    assert shape(trace(m, {"RegScale": doubled}).specs, "a") == (None, 8)
    assert shape(trace(m, {"research>RegScale": doubled}).specs, "a") == (None, 8)
    other = LayerFacts(class_name="RegScale", outputs=same_as_input)
    assert shape(trace(m, {"RegScale": other, "research>RegScale": doubled}).specs, "a") == (None, 8)


def test_a_custom_class_with_a_built_in_name_gets_no_built_in_rule() -> None:
    entry = FrozenDict({"module": None, "class_name": "Dense", "config": FrozenDict({"units": 3}), "registered_name": "Dense"})
    custom = Layer(name="a", class_name="Dense", entry=entry, calls=(Node((use("x"),)),))
    assert shape(trace(model(start(), custom)).specs, "a") is None
    assert shape(trace(model(start(), layer("a", "mine>Dense", use("x"), units=3))).specs, "a") is None


def test_unknown_spreads_and_explains_itself_from_its_source() -> None:
    m = model(start(), layer("a", "Foo", use("x")), layer("b", "ReLU", use("a")), layer("c", "Dense", use("b"), units=2))
    found = trace(m)
    assert shape(found.specs, "c") is None
    text = explain(found, TensorRef("c"))
    assert "'Foo'" in text
    assert text.startswith("'c'")
    assert explain(found, TensorRef("x")) == ""


@pytest.mark.parametrize(
    "config",
    [{}, {"units": "many"}, {"units": None}, {"units": [1, 2]}, {"units": {"a": 1}}],
    ids=["missing", "text", "null", "list", "object"],
)
def test_odd_configs_are_unknown_and_never_raise(config: dict[str, Any]) -> None:
    found = trace(model(start(), layer("a", "Dense", use("x"), **config)))
    assert shape(found.specs, "a") is None
    assert "Dense" in found.reasons[TensorRef("a")]


def test_errors_of_a_plug_in_are_reasons() -> None:
    def refuse(call: CallFacts) -> tuple[TensorSpec, ...]:
        raise ShapeError("only squares", code="shape-unknown")

    found = trace(model(start(), layer("a", "Sq", use("x"))), {"Sq": LayerFacts(class_name="Sq", outputs=refuse)})
    assert "only squares" in found.reasons[TensorRef("a")]


def test_a_call_has_at_least_as_many_outputs_as_are_used() -> None:
    m = model(start(), layer("a", "Foo", use("x")), layer("b", "ReLU", use("a", output=2)))
    assert {ref.output for ref in trace(m).specs if ref.layer == "a"} == {0, 1, 2}


def test_calls_of_a_shared_layer_are_inferred_each_by_itself_in_any_order() -> None:
    m = model(
        layer("d", "Dense", use("x"), use("late"), units=2),
        layer("late", "Dense", use("d"), units=4),
        start(),
        inputs=(TensorRef("x"),),
        outputs=(TensorRef("d", 1),),
    )
    found = trace(m).specs
    assert shape(found, "d", 1) == (None, 2)
    assert shape(found, "late") == (None, 4)


def test_a_cycle_is_unknown() -> None:
    m = model(start(), layer("a", "ReLU", use("b")), layer("b", "ReLU", use("a")))
    assert shape(trace(m).specs, "a") is None


def encoder(units: int = 3) -> Model:
    return model(start("in", (None, None)), layer("fc", "Dense", use("in"), units=units))


def test_nested_models_are_called_with_their_arguments() -> None:
    inner = model(
        start("p"),
        start("q", (None, 5)),
        layer("cat", "Concatenate", (use("p"), use("q")), axis=-1),
        inputs=(TensorRef("p"), TensorRef("q")),
        outputs=(TensorRef("cat"), TensorRef("p")),
    )
    m = model(
        start(),
        start("y", (2, 5)),
        layer("enc", "Functional", (use("x"), use("y")), model=inner),
        outputs=(TensorRef("enc", 0, 1),),
    )
    found = trace(m).specs
    assert shape(found, "enc") == (2, 9)
    assert shape(found, "enc", 0, 1) == (None, 4)


def test_an_unknown_inside_a_nested_model_names_the_layer() -> None:
    inner = model(start("p"), layer("odd", "Foo", use("p")))
    found = trace(model(start(), layer("enc", "Functional", use("x"), model=inner)))
    assert "'odd'" in explain(found, TensorRef("enc"))


def test_a_chain_of_ten_thousand_layers() -> None:
    layers = [start("l0")]
    layers += [layer(f"l{number}", "Dense", use(f"l{number - 1}"), units=4) for number in range(1, 10_001)]
    m = model(*layers)
    assert shape(trace(m).specs, "l10000") == (None, 4)
    assert counted(trace(m)).parameters == 10_000 * 20


def test_a_chain_of_unknown_layers_explains_itself_without_a_wall_of_text() -> None:
    layers = [start("l0"), layer("l1", "Foo", use("l0"))]
    layers += [layer(f"l{number}", "ReLU", use(f"l{number - 1}")) for number in range(2, 3000)]
    text = explain(trace(model(*layers)), TensorRef("l2999"))
    assert "'Foo'" in text
    assert len(text) < 400


def test_two_thousand_nested_models() -> None:
    inner = encoder()
    for _ in range(2000):
        inner = model(start("in", (None, None)), layer("deep", "Functional", use("in"), model=inner))
    m = model(start(), layer("top", "Functional", use("x"), model=inner))
    assert shape(trace(m).specs, "top") == (None, 3)
    assert counted(trace(m)).operations == 12


def test_models_that_call_their_inner_model_twice_cost_no_more_than_their_depth() -> None:
    inner = encoder(4)
    for _ in range(200):
        inner = model(
            start("in"), layer("deep", "Functional", use("in"), use("deep"), model=inner), outputs=(TensorRef("deep", 1),)
        )
    found = counted(trace(model(start(), layer("top", "Functional", use("x"), model=inner))))
    assert found.operations == 16 * 2**200
    assert found.parameters == 20


def test_inferring_twice_gives_the_same_and_changes_nothing() -> None:
    m = model(start(), layer("enc", "Functional", use("x"), model=encoder()))
    before = hash(m)
    assert trace(m).specs == trace(m).specs
    assert hash(m) == before


def test_weights_of_unknown_classes_are_none_and_of_plug_ins_their_own() -> None:
    plug = LayerFacts(
        class_name="Scale", outputs=same_as_input, weights=lambda call: (WeightSpec("gamma", (call.first.shape[-1],)),)
    )
    m = model(start(), layer("s", "Scale", use("x")), layer("t", "Foo", use("s")))
    assert weights_of(trace(m), m.by_name()["s"]) is None
    known = trace(m, {"Scale": plug})
    assert {each.name: weights_of(known, each) for each in m.layers} == {"x": (), "s": (WeightSpec("gamma", (4,)),), "t": None}
    assert counted(trace(m, {"Scale": plug})).unknown == ("t",)


def test_plug_ins_work_inside_wrappers() -> None:
    plug = LayerFacts(class_name="Half", outputs=lambda call: (TensorSpec((call.first.shape[0], 2), "float32"),))
    m = model(
        start(shape=(None, 7, 4)),
        layer("t", "TimeDistributed", use("x"), layer={"class_name": "Half", "config": {}}),
    )
    assert shape(trace(m, {"Half": plug}).specs, "t") == (None, 7, 2)
    assert "'Half'" in trace(m).reasons[TensorRef("t")]


def test_a_model_inside_a_wrapper_is_read_by_whoever_can() -> None:
    m = model(
        start(shape=(None, 7, 6, 4)),
        layer("t", "TimeDistributed", use("x"), layer={"class_name": "Functional", "config": {"of": "anything"}}),
    )
    assert shape(trace(m).specs, "t") is None
    assert shape(trace(m, read=lambda entry, dialect: encoder(5)).specs, "t") == (None, 7, 6, 5)


def test_the_implicit_input_of_a_sequential_takes_the_shape_of_a_nested_model() -> None:
    text = json.dumps(
        {
            "class_name": "Sequential",
            "config": {
                "name": "s",
                "layers": [
                    {
                        "class_name": "Sequential",
                        "config": {
                            "name": "t",
                            "layers": [
                                {
                                    "class_name": "Dense",
                                    "config": {"name": "d", "units": 3, "batch_input_shape": [None, 5], "use_bias": True},
                                }
                            ],
                        },
                    },
                    {"class_name": "Dense", "config": {"name": "e", "units": 2, "use_bias": True}},
                ],
            },
            "keras_version": "2.2.4",
            "backend": "tensorflow",
        }
    )
    m = parse(text).model
    assert trace(m).specs[m.output_refs()[0]].shape == (None, 2)
