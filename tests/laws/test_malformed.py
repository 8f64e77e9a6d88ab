"""Damage of every kind, in both dialects: each is an error with the path of the damage, and none is repaired or overlooked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from malformed import DENSE, INNER, KERAS2, KERAS3, changed, node, tensor, without

from configsplit.dialects import emit, parse, to_text
from configsplit.errors import ConfigSplitError, DocumentError
from configsplit.graph.calls import call_graph, topological
from configsplit.graph.rebuild_order import rebuild_order


def refused(document: dict[str, Any]) -> tuple[str, str]:
    """The code and the place of the error."""
    with pytest.raises(DocumentError) as caught:
        parse(json.dumps(document))
    assert caught.value.where in str(caught.value)
    return caught.value.code, caught.value.where


@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_undamaged_they_are_read(document: dict[str, Any]) -> None:
    model = parse(json.dumps(document)).model
    assert to_text(model) == json.dumps(document)
    assert [len(layer.calls) for layer in model.layers] == [1, 2, 1, 1]
    assert [(ref.layer, ref.call) for ref in model.output_refs()] == [("s", 0), ("d", 1)]
    assert {use.ref.call for use in model.by_name()["s"].calls[0].uses()} == {0}


KERAS2_REFERENCES = [
    (["gone", 0, 0, {}], "document-unresolved"),
    (["x", 1, 0, {}], "document-unresolved"),
    (["d", 2, 0, {}], "document-unresolved"),
    (["d", -1, 0, {}], "document-unresolved"),
    (["n", 2, 0, {}], "document-unresolved"),
    ("x", "document-bad-reference"),
    (["x", 0], "document-bad-reference"),
    (["x", "0", 0, {}], "document-bad-reference"),
    (["x", None, 0, {}], "document-bad-reference"),
    (["x", True, 0, {}], "document-bad-reference"),
    ([3, 0, 0, {}], "document-bad-reference"),
    (["x", 0, 0, []], "document-bad-reference"),
    (["x", 0, 0, None], "document-bad-reference"),
    (["x", 0, 0, {}, {}], "document-bad-reference"),
    (None, "document-bad-reference"),
    (3, "document-bad-reference"),
]


@pytest.mark.parametrize(("reference", "code"), KERAS2_REFERENCES, ids=lambda item: json.dumps(item)[:40])
def test_a_keras_2_reference_that_leads_nowhere(reference: Any, code: str) -> None:
    document = changed(KERAS2, "config.layers.3.inbound_nodes.0.1", value=reference)
    assert refused(document) == (code, "layers[3].inbound_nodes[0]")


@pytest.mark.parametrize("output", ["0", None, -1, 1.5, True, []])
@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_an_output_number_is_a_number(document: dict[str, Any], output: Any) -> None:
    where = "args.0.1.config.keras_history" if document is KERAS3 else "1"
    damaged = changed(document, f"config.layers.3.inbound_nodes.0.{where}.2", value=output)
    _, place = refused(damaged)
    assert place.startswith("layers[3].inbound_nodes[0]")


def test_keyword_arguments_that_differ_between_the_references_of_one_call() -> None:
    document = changed(KERAS2, "config.layers.3.inbound_nodes.0.1.3", value={"training": True})
    assert refused(document) == ("document-bad-reference", "layers[3].inbound_nodes[0]")


def test_a_keyword_tensor_that_leads_nowhere() -> None:
    document = changed(KERAS2, "config.layers.1.inbound_nodes.0.0.3", value={"mask": ["x", 7, 0]})
    assert refused(document) == ("document-unresolved", "layers[1].inbound_nodes[0]")


KERAS3_REFERENCES = [
    (tensor("gone"), "document-unresolved"),
    (tensor("x", 1), "document-unresolved"),
    (tensor("d", 2), "document-unresolved"),
    (tensor("n", 1), "document-unresolved"),
    (tensor("d", -1), "document-invalid"),
    (tensor("d", "0"), "document-invalid"),
    (tensor("d", None), "document-invalid"),
    (tensor(""), "document-invalid"),
    (tensor(3), "document-invalid"),
    ({"class_name": "__keras_tensor__", "config": {}}, "document-invalid"),
    ({"class_name": "__keras_tensor__"}, "document-invalid"),
    ({"class_name": "__keras_tensor__", "config": None}, "document-invalid"),
    ({"class_name": "__keras_tensor__", "config": {"keras_history": ["d", 0]}}, "document-invalid"),
    ({"class_name": "__keras_tensor__", "config": {"shape": 3, "keras_history": ["d", 0, 0]}}, "document-invalid"),
    ({"class_name": "__keras_tensor__", "config": {"shape": ["a"], "keras_history": ["d", 0, 0]}}, "document-invalid"),
]


@pytest.mark.parametrize(("reference", "code"), KERAS3_REFERENCES, ids=lambda item: json.dumps(item)[:90])
@pytest.mark.parametrize("place", ["args.0.1", "kwargs.mask"])
def test_a_keras_3_tensor_that_leads_nowhere(reference: Any, code: str, place: str) -> None:
    document = changed(KERAS3, f"config.layers.3.inbound_nodes.0.{place}", value=reference)
    found, where = refused(document)
    assert found == code
    assert where.startswith("layers[3].inbound_nodes[0]")


ENDS = [
    (["gone", 0, 0], "document-unresolved"),
    (["x", 5, 0], "document-unresolved"),
    (["d", -1, 0], "document-unresolved"),
    (["d"], "document-bad-reference"),
    ("d", "document-bad-reference"),
    (["d", 0], "document-bad-reference"),
    (["d", "0", 0], "document-bad-reference"),
    (["d", 0, 0, 0], "document-bad-reference"),
    (None, "document-bad-reference"),
    (7, "document-bad-reference"),
    ([["d", 0, None]], "document-bad-reference"),
    ([["d", 0, "0"]], "document-bad-reference"),
]


@pytest.mark.parametrize(("reference", "code"), ENDS, ids=lambda item: json.dumps(item))
@pytest.mark.parametrize("key", ["input_layers", "output_layers"])
@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_inputs_and_outputs_that_lead_nowhere(document: dict[str, Any], key: str, reference: Any, code: str) -> None:
    assert refused(changed(document, f"config.{key}.0", value=reference)) == (code, key)


FRAMES: list[tuple[str, Any, str]] = [
    ("config.name", None, "name"),
    ("config.name", "", "name"),
    ("config.layers.1", 7, "layers[1]"),
    ("config.layers.1", None, "layers[1]"),
    ("config.layers.1.name", 3, "layers[1].name"),
    ("config.layers.1.name", "", "layers[1].name"),
    ("config.layers.1.class_name", None, "layers[1].class_name"),
    ("config.layers.1.class_name", ["Dense"], "layers[1].class_name"),
    ("config.layers.1.inbound_nodes", None, "layers[1].inbound_nodes"),
    ("config.layers.1.inbound_nodes", {}, "layers[1].inbound_nodes"),
    ("config.layers.1.inbound_nodes", "x", "layers[1].inbound_nodes"),
]


@pytest.mark.parametrize(("place", "value", "where"), FRAMES, ids=lambda item: str(item)[:40])
@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_a_frame_that_is_broken(document: dict[str, Any], place: str, value: Any, where: str) -> None:
    assert refused(changed(document, place, value=value)) == ("document-invalid", where)


@pytest.mark.parametrize("key", ["name", "class_name", "config", "inbound_nodes"])
@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_a_key_that_every_layer_has_is_missing(document: dict[str, Any], key: str) -> None:
    assert refused(without(document, DENSE, key)) == ("document-invalid", f"layers[1].{key}")


@pytest.mark.parametrize(
    "value", [[], {}, "x", None, {"args": []}, {"kwargs": {}}, {"args": {}, "kwargs": {}}, {"args": [], "kwargs": []}]
)
def test_a_keras_3_call_that_is_none(value: Any) -> None:
    code, where = refused(changed(KERAS3, "config.layers.1.inbound_nodes.1", value=value))
    assert code == "document-invalid"
    assert where.startswith("layers[1].inbound_nodes[1]")


@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_two_layers_of_one_name(document: dict[str, Any]) -> None:
    twin = document["config"]["layers"][1]
    assert refused(changed(document, "config.layers.4", value=twin)) == ("document-duplicate-layer", "layers[4].name")


@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_damage_in_a_nested_model_is_named_with_the_whole_path(document: dict[str, Any]) -> None:
    where = "args.0.config.keras_history.0" if document is KERAS3 else "0.0"
    damaged = changed(document, f"{INNER}.layers.1.inbound_nodes.0.{where}", value="gone")
    assert refused(damaged) == ("document-unresolved", "layers[2].config.layers[1].inbound_nodes[0]")
    assert refused(changed(document, INNER, "name", value=None)) == ("document-invalid", "layers[2].config.name")
    code, place = refused(changed(document, INNER, "output_layers", value=[["gone", 0, 0]]))
    assert (code, place) == ("document-unresolved", "layers[2].config.output_layers")
    twin = document["config"]["layers"][2]["config"]["layers"][1]
    place = refused(changed(document, INNER, "layers.2", value=twin))[1]
    assert place == "layers[2].config.layers[2].name"


@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_a_cycle_is_refused_with_its_layers(document: dict[str, Any]) -> None:
    back = [node(tensor("s"))] if document is KERAS3 else [[["s", 0, 0, {}]]]
    damaged = changed(document, DENSE, "inbound_nodes", value=[*back, document["config"]["layers"][1]["inbound_nodes"][1]])
    with pytest.raises(ConfigSplitError) as caught:
        topological(call_graph(parse(json.dumps(damaged)).model))
    assert caught.value.code == "graph-cycle"
    assert all(name in str(caught.value) for name in ("d", "n", "s"))


@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_a_call_that_waits_for_itself_is_a_cycle(document: dict[str, Any]) -> None:
    back = node(tensor("s")) if document is KERAS3 else [["s", 0, 0, {}]]
    model = parse(json.dumps(changed(document, "config.layers.3.inbound_nodes.0", value=back))).model
    with pytest.raises(ConfigSplitError) as caught:
        topological(call_graph(model))
    assert caught.value.code == "graph-cycle"


SEQUENTIAL: dict[str, Any] = {
    "class_name": "Sequential",
    "config": {
        "name": "q",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 2], "dtype": "float32", "name": "x"}},
            {"class_name": "Dense", "config": {"name": "d", "units": 2, "kernel_initializer": "zeros"}},
        ],
    },
    "keras_version": "2.9.0",
}


def test_a_sequential_is_read_undamaged() -> None:
    assert to_text(parse(json.dumps(SEQUENTIAL)).model) == json.dumps(SEQUENTIAL)


def test_a_sequential_that_is_damaged() -> None:
    assert refused(changed(SEQUENTIAL, "config.layers", value=[])) == ("document-no-graph", "layers")
    twin = SEQUENTIAL["config"]["layers"][1]
    assert refused(changed(SEQUENTIAL, "config.layers.2", value=twin)) == ("document-duplicate-layer", "layers[2].name")
    assert refused(changed(SEQUENTIAL, "config.layers.1", value=7)) == ("document-invalid", "layers[1]")
    assert refused(without(SEQUENTIAL, "config.layers.1.config")) == ("document-invalid", "layers[1].config")
    assert refused(without(SEQUENTIAL, "config.layers.1.class_name")) == ("document-invalid", "layers[1].class_name")


def test_signs_of_two_generations_are_refused_with_the_evidence() -> None:
    mixed = changed(KERAS2, "config.layers.0.config", value=KERAS3["config"]["layers"][0]["config"])
    with pytest.raises(DocumentError) as caught:
        parse(json.dumps(mixed))
    assert caught.value.code == "dialect-ambiguous"
    assert "batch_shape" in str(caught.value)


def test_the_order_of_layers_does_not_matter_to_reading() -> None:
    layers = KERAS3["config"]["layers"]
    shuffled = changed(KERAS3, "config.layers", value=[layers[index] for index in (3, 1, 0, 2)])
    model, other = parse(json.dumps(KERAS3)).model, parse(json.dumps(shuffled)).model
    assert set(model.layers) == set(other.layers)
    assert rebuild_order(model) == rebuild_order(other) == ("x", "d", "n", "s")
    assert emit(other) != emit(model)
