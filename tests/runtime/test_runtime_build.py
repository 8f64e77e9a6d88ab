"""Models rebuilt from documents: weights by name, the caller's dict untouched, safe mode on."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

from configsplit.errors import DocumentError, WeightsError
from configsplit.runtime.build import load, rebuild, safe_scope


@pytest.fixture(params=["keras3", "keras2"])
def used(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def nested(k: Any) -> Any:
    i = k.Input((3,), name="i")
    inner = k.Model(i, k.layers.Dense(4, name="fc")(i), name="inner")
    x = k.Input((3,), name="x")
    return k.Model(x, k.layers.Dense(2, name="fc")(inner(x)), name="outer")


def test_weights_go_by_path_and_the_document_survives(used: Any) -> None:
    model = nested(used.module)
    document = json.loads(model.to_json())
    before = copy.deepcopy(document)
    inner, outer = model.get_layer("inner"), model.get_layer("fc")
    by_path = {"fc": outer.get_weights(), "inner/fc": inner.get_layer("fc").get_weights()}
    whole = {"fc": outer.get_weights(), "inner": inner.get_weights()}
    x = np.ones((2, 3), np.float32)
    for weights in (by_path, whole):
        made = rebuild(document, weights, framework=used, classes={})
        assert np.array_equal(np.asarray(made(x)), np.asarray(model(x)))
    assert document == before


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"fc": [np.zeros((4, 3)), np.zeros(3)]}, "weights-do-not-fit", "fc"),
        ({"fc": [np.zeros((4, 2))]}, "weights-do-not-fit", "fc"),
        ({"inner/fcc": [np.zeros(1)]}, "weights-unknown-layer", "inner/fcc"),
        ({"inner/fc": None}, "weights-do-not-fit", "inner/fc"),
    ],
)
def test_weights_that_do_not_fit(used: Any, change: dict[str, Any], code: str, where: str) -> None:
    model = nested(used.module)
    weights = {"fc": model.get_layer("fc").get_weights(), "inner/fc": model.get_layer("inner").get_weights(), **change}
    weights = {name: values for name, values in weights.items() if values is not None}
    with pytest.raises(WeightsError) as caught:
        rebuild(json.loads(model.to_json()), weights, framework=used, classes={})
    assert (caught.value.code, caught.value.where) == (code, where)


def test_sequential_and_unknown_tops(used: Any) -> None:
    k = used.module
    model = k.Sequential([k.Input((3,)), k.layers.Dense(2, name="d")])
    made = rebuild(json.loads(model.to_json()), {"d": model.get_weights()}, framework=used, classes={})
    assert np.array_equal(made.get_weights()[0], model.get_weights()[0])
    for name, code in (("Mine", "hazard-unknown-class"), ("Dense", "runtime-model-class")):
        with pytest.raises(DocumentError) as caught:
            rebuild({"class_name": name, "config": {}}, framework=used, classes={})
        assert caught.value.code == code


def test_the_scope_hides_what_was_registered_and_puts_it_back(used: Any) -> None:
    saving = used.module.saving

    class Stray(used.module.layers.Layer):  # type: ignore[misc, name-defined]
        pass

    class Allowed(used.module.layers.Layer):  # type: ignore[misc, name-defined]
        pass

    saving.register_keras_serializable("test")(Stray)
    try:
        with safe_scope(used, {"Allowed": Allowed}):
            assert saving.get_registered_object("test>Stray") is None
            assert saving.get_registered_object("Allowed") is Allowed
        assert saving.get_registered_object("test>Stray") is Stray
    finally:
        saving.get_custom_objects().pop("test>Stray")


def test_safe_mode_holds_even_past_the_search(used: Any) -> None:
    """Were bytecode to slip through the search, the framework itself must refuse it inside the scope."""
    layers = used.module.layers
    config = layers.Lambda(lambda x: x, name="l").get_config()
    with pytest.raises((ValueError, TypeError)), safe_scope(used, {}):
        layers.Lambda.from_config(copy.deepcopy(config))
    with safe_scope(used, {}, allow_lambda=True):
        assert layers.Lambda.from_config(copy.deepcopy(config)).name == "l"


@pytest.mark.parametrize(("kind", "name"), [("keras", "m.h5"), ("keras", "model"), ("h5", "m.keras"), ("h5", "m.bin")])
def test_keras_is_handed_what_was_read_whatever_its_name_says(used: Any, kind: str, name: str, tmp_path: Any) -> None:
    model = nested(used.module)
    model.save(tmp_path / f"model.{kind}")
    (tmp_path / f"model.{kind}").rename(tmp_path / name)
    x = np.ones((2, 3), np.float32)
    made = load(tmp_path / name, framework=used, classes={})
    assert np.array_equal(np.asarray(made(x)), np.asarray(model(x)))
