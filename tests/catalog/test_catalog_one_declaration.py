"""One declaration says all that work offline asks of a class: under another name, with the same declaration, it is the same.

The class of Keras is renamed in a document, as if it were the user's own, and what a plug-in would declare of it is what the
catalog does: the masks, their users and the kinds of tensors come out as for the class itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import pytest
import tf_keras

from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.table import class_facts
from configsplit.dialects import parse
from configsplit.inference import Inference, Masks, trace, traced_masks
from configsplit.inference.tensor_kinds import with_kinds

FRAMEWORKS: dict[str, Any] = {"keras3": keras, "keras2": tf_keras}
NEW = "Unheard"

Graph = Callable[[Any, Any], Any]


def words(k: Any, x: Any) -> Any:
    return k.layers.Embedding(11, 4, mask_zero=True)(x)


CASES: dict[str, Graph] = {
    "Embedding": lambda k, x: k.layers.GRU(3)(words(k, x)),
    "Masking": lambda k, x: k.layers.GRU(3)(k.layers.Masking()(k.layers.Embedding(11, 4)(x))),
    "LSTM": lambda k, x: k.layers.GRU(3)(k.layers.LSTM(3, return_sequences=True)(words(k, x))),
    "GRU": lambda k, x: k.layers.Dense(3)(k.layers.GRU(3)(words(k, x))),
    "GlobalAveragePooling1D": lambda k, x: k.layers.GlobalAveragePooling1D()(words(k, x)),
    "Multiply": lambda k, x: k.layers.GRU(3)(k.layers.Multiply()([words(k, x), words(k, x)])),
    "Add": lambda k, x: k.layers.GRU(3)(k.layers.Add()([words(k, x), k.layers.Embedding(11, 4)(x)])),
    "Concatenate": lambda k, x: k.layers.GRU(3)(k.layers.Concatenate(axis=1)([words(k, x), words(k, x)])),
    "Attention": lambda k, x: k.layers.GRU(3)(k.layers.Attention()([words(k, x), words(k, x)])),
    "MultiHeadAttention": lambda k, x: k.layers.GRU(3)(k.layers.MultiHeadAttention(2, 3)(words(k, x), words(k, x))),
    "BatchNormalization": lambda k, x: k.layers.GRU(3)(k.layers.BatchNormalization()(words(k, x))),
    "Dropout": lambda k, x: k.layers.GRU(3)(k.layers.Dropout(0.5)(words(k, x))),
    "Flatten": lambda k, x: k.layers.Flatten()(words(k, x)),
    "Softmax": lambda k, x: k.layers.GRU(3)(k.layers.Softmax()(k.layers.Embedding(11, 7, mask_zero=True)(x))),
    "CategoryEncoding": lambda k, x: k.layers.Dense(3)(k.layers.CategoryEncoding(11, "multi_hot", sparse=True)(x)),
}


def text_of(dialect: str, graph: Graph) -> str:
    k = FRAMEWORKS[dialect]
    k.backend.clear_session()
    x = k.Input((7,), dtype="int32", name="x")
    return str(k.Model(x, graph(k, x)).to_json())


def renamed(text: str, class_name: str) -> str:
    document = json.loads(text)
    for layer in document["config"]["layers"]:
        if layer["class_name"] == class_name:
            layer |= {"class_name": NEW, "module": None, "registered_name": f"mine>{NEW}"}
    return json.dumps(document)


def inferred(text: str, dialect: str, facts: dict[str, LayerFacts]) -> Inference:
    return trace(parse(text).model, facts, dialect=dialect)


def without_names(masks: Masks) -> tuple[Any, ...]:
    tensors = {ref: mask._replace(why=(mask.why[0], "")) for ref, mask in masks.tensors.items()}
    return tensors, masks.used, masks.unknown, masks.doubted, masks.loose


@pytest.mark.parametrize("dialect", sorted(FRAMEWORKS))
@pytest.mark.parametrize("class_name", sorted(CASES))
def test_a_class_under_another_name_is_the_same(class_name: str, dialect: str) -> None:
    text = text_of(dialect, CASES[class_name])
    facts = replace(class_facts(class_name, dialect), class_name=NEW)
    own, new = inferred(text, dialect, {}), inferred(renamed(text, class_name), dialect, {NEW: facts})
    assert NEW in {layer.class_name for layer in new.model.layers}
    assert without_names(traced_masks(new)) == without_names(traced_masks(own))
    assert with_kinds(new)[1] == with_kinds(own)[1]
    sparse = ({ref for ref, spec in with_kinds(each)[0].specs.items() if spec.sparse} for each in (own, new))
    assert next(sparse) == next(sparse)
