"""Operations that give back the very tensor that they take, and with it its mask: declared as TensorFlow and JAX do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
from given_back import CHANGELESS, SHAPE, Found, given_back, in_tensorflow, of_keras, of_layers

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.operations.arguments import parameters
from configsplit.catalog.operations.operation_table import KERAS
from configsplit.catalog.table import class_facts
from configsplit.catalog.tensorflow.table import FUNCTIONS, PLACES
from configsplit.graph.json import freeze
from configsplit.graph.model import TensorSpec

pytestmark = pytest.mark.first

ELSEWHERE = {"rearrange": "by its pattern, of which nothing is known", "stop_gradient": "JAX, of a tensor that is there"}
"""Operations that are declared to give back their tensor perhaps, and that the calls here do not catch at it."""


@pytest.fixture(scope="module")
def on_tensorflow() -> dict[str, Found]:
    return of_keras(in_tensorflow)


@pytest.fixture(scope="module")
def jax() -> Any:
    program = Path(__file__).with_name("given_back.py")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, str(program)], env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def on_jax(jax: Any) -> dict[str, Found]:
    return {name: [(call, same) for call, same in found] for name, found in jax["operations"].items()}


def test_what_gives_back_its_very_tensor_is_declared(on_tensorflow: dict[str, Found], on_jax: dict[str, Found]) -> None:
    for found in (on_tensorflow, on_jax):
        assert len(found) > 250
        caught = {name: [call for call, same in calls if same] for name, calls in found.items()}
        assert {name: calls for name, calls in caught.items() if calls and KERAS[name].gives_back == "no"} == {}


def test_what_is_declared_to_give_it_back_does(on_tensorflow: dict[str, Found], on_jax: dict[str, Found]) -> None:
    for name, operation in KERAS.items():
        calls = [*on_tensorflow.get(name, []), *on_jax.get(name, [])]
        if operation.gives_back == "surely":
            assert calls, name
            assert all(same for _, same in calls), name
        elif operation.gives_back == "perhaps":
            assert any(same for _, same in calls) or name in ELSEWHERE, name


def test_layers_that_give_back_their_tensor_on_jax_alone_are_declared(jax: Any) -> None:
    on_tensorflow = of_layers(in_tensorflow)
    assert jax["layers"].keys() == CHANGELESS.keys()
    for name, config in CHANGELESS.items():
        layer = getattr(keras.layers, name)(**config)
        made = freeze(keras.saving.serialize_keras_object(layer)["config"])
        told = class_facts(name).same_tensor(CallFacts(name, made, (TensorSpec(SHAPE, "float32"),)))
        assert (told is not False) == (on_tensorflow[name] or jax["layers"][name]), name
        assert not (told and not on_tensorflow[name]), name


def test_functions_of_tensorflow_that_give_back_their_tensor_are_declared() -> None:
    asked = 0
    for name, function in FUNCTIONS.items():
        for place in PLACES if "." not in name else ("",):
            found = _at(f"{place}.{name}" if place and place != "__operators__" else name)
            if found is None:
                continue
            calls = list(given_back(found, [each.name for each in parameters(function.parameters)], in_tensorflow))
            asked += len(calls)
            if function.gives_back == "surely":
                assert all(same for _, same in calls), name
            if function.gives_back == "no":
                assert [call for call, same in calls if same] == [], name
    assert asked > 300


def _at(path: str) -> object:
    found: object = tf
    for step in path.split("."):
        found = getattr(found, step, None)
    return found if callable(found) else None
