"""What a document says is kept as it is spelled: numbers, order of keys, unknown keys; and nothing read can be changed."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from malformed import DENSE, KERAS2, KERAS3, changed

from configsplit.dialects import emit, parse, to_text
from configsplit.errors import DocumentError
from configsplit.graph.json import MAX_DEPTH, FrozenDict, Number, dumps, freeze, loads, thaw
from configsplit.graph.model import TensorSpec, Use

SPELLINGS = ["1E-5", "1e-05", "1.50", "-0", "-0.0", "1e400", "0.1", "100000000000000000000000000000001", "1.0E+2", "3"]


@pytest.mark.parametrize("number", SPELLINGS)
def test_a_number_keeps_its_spelling(number: str) -> None:
    text = f'{{"b": [{number}, {{"a": {number}}}], "a": {number}}}'
    assert dumps(loads(text)) == text


@pytest.mark.parametrize("number", SPELLINGS)
@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_a_number_keeps_its_spelling_in_a_layer(document: dict[str, Any], number: str) -> None:
    text = json.dumps(changed(document, DENSE, "config", "mine", value="HERE")).replace('"HERE"', number)
    assert to_text(parse(text).model) == text


def test_numbers_of_one_value_are_equal_however_they_are_spelled() -> None:
    assert loads("[1E-5, 1.50]") == (1e-05, 1.5)
    assert loads("1E-5") == loads("0.00001")
    assert hash(loads("1.50")) == hash(1.5)
    assert float(loads("1.50")) == 1.5
    assert loads("1E-5") != loads("1E-6")


@pytest.mark.parametrize("text", ['"\\u0000" 0', '"\\u00000\\u0000"', '"\\u0000\\u0001\\u00000\\u0000"'])
def test_a_string_that_looks_like_the_mark_of_a_number_is_left_alone(text: str) -> None:
    whole = f"[{text.split(' ')[0]}, 1E-5]"
    assert dumps(loads(whole)) == whole


def test_the_order_of_keys_and_unknown_keys_are_kept() -> None:
    document = changed(KERAS3, "zebra", value=[{"z": 1, "a": None}])
    document = changed(document, DENSE, "config", value={"zeta": {"z": 1, "a": 2}, "name": "d", "alpha": True})
    text = json.dumps(document)
    assert to_text(parse(text).model) == text
    assert text.index('"zeta"') < text.index('"alpha"')


def test_a_key_that_stands_twice_is_refused() -> None:
    text = json.dumps(KERAS3).replace('"units": 2', '"units": 2, "units": 3', 1)
    assert text.count('"units"') == json.dumps(KERAS3).count('"units"') + 1
    with pytest.raises(DocumentError, match="'units' appears twice") as caught:
        parse(text)
    assert caught.value.code == "json-duplicate-key"


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_ends_at_the_limit(opening: str, closing: str) -> None:
    within = opening * (MAX_DEPTH - 1) + "[]" + closing * (MAX_DEPTH - 1)
    assert dumps(loads(within)).count(opening[0]) >= MAX_DEPTH - 1
    beyond = opening * MAX_DEPTH + "[]" + closing * MAX_DEPTH
    with pytest.raises(DocumentError) as caught:
        loads(beyond)
    assert caught.value.code == "json-too-deep"


def test_brackets_in_strings_are_no_nesting() -> None:
    text = json.dumps(["[" * 5000, '\\"' + "{" * 5000])
    assert dumps(loads(text)) == text


@pytest.mark.parametrize("text", ["", "{", '{"a": 1', "[1,]", "nul", "{'a': 1}", '{"a": 1} x', "\ufeff{}"])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert caught.value.code == "json-invalid"


@pytest.mark.parametrize("text", ["[]", "3", '"x"', "{}", '{"class_name": "Functional"}', '{"config": {}}', "null"])
def test_json_that_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse(text)
    assert caught.value.code == "document-not-a-model"


@pytest.mark.parametrize("document", [KERAS2, KERAS3], ids=["keras2", "keras3"])
def test_nothing_that_was_read_can_be_changed(document: dict[str, Any]) -> None:
    model = parse(json.dumps(document)).model
    layer = model.by_name()["d"]
    with pytest.raises(FrozenInstanceError):
        model.name = "other"  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        layer.calls = ()  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        layer.calls[0].args = ()  # type: ignore[misc]
    for where in (layer.entry, layer.config, layer.calls[0].kwargs, emit(model)):
        _refuses_change(where)


def _refuses_change(frozen: FrozenDict) -> None:
    before = dict(frozen)
    for change in (
        lambda: frozen.__setitem__("x", 1),
        lambda: frozen.update(x=1),
        lambda: frozen.setdefault("x", 1),
        lambda: frozen.pop("name", None),
        lambda: frozen.clear(),
        lambda: frozen.popitem(),
        lambda: frozen.__delitem__("name"),
        lambda: frozen.__ior__({"x": 1}),
    ):
        with pytest.raises(TypeError, match="immutable"):
            change()
    assert dict(frozen) == before


def test_frozen_values_are_frozen_down_to_the_leaves() -> None:
    frozen = freeze({"a": [1, {"b": [2, {"c": []}]}]})
    inner = frozen["a"][1]["b"]
    assert type(inner) is tuple
    with pytest.raises(TypeError):
        inner[1]["c"] = 1
    assert thaw(frozen) == {"a": [1, {"b": [2, {"c": []}]}]}
    thawed = thaw(frozen)
    thawed["a"].append(3)
    assert len(frozen["a"]) == 2


def test_frozen_values_hash_and_pickle() -> None:
    one, other = freeze({"a": [1, {"b": 2}], "c": 3}), freeze({"c": 3, "a": [1, {"b": 2}]})
    assert one == other
    assert hash(one) == hash(other)
    again = pickle.loads(pickle.dumps(one))
    assert (again, type(again), type(again["a"])) == (one, FrozenDict, tuple)
    assert one | {"a": 0} == {"a": 0, "c": 3}
    assert one["a"] == (1, {"b": 2})


def test_what_is_no_json_is_not_written() -> None:
    with pytest.raises(TypeError, match="not JSON"):
        dumps({"a": object()})
    assert dumps({"a": Number("1E5", 1e5)}) == '{"a": 1E5}'


def test_a_model_is_not_changed_by_what_is_made_of_it() -> None:
    text = json.dumps(KERAS3)
    model = parse(text).model
    for layer in model.layers:
        for node in layer.calls:
            node.map_uses(lambda use: Use(use.ref._replace(call=9), None, TensorSpec()))
    model.with_layers(())
    assert to_text(model) == text
