"""Whole networks: every tensor, every weight and the operations of the models in keras.applications."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from live import FRAMEWORKS, forgetful, inferred, inferred_weights, live_specs, weights

from configsplit.dialects import parse
from configsplit.inference import counted, trace

SMALL = [("keras", "MobileNetV3Small"), ("tf_keras", "MobileNetV2")]


def _constructors(framework: Any) -> list[str]:
    found = vars(framework.applications).items()
    return sorted(name for name, value in found if inspect.isfunction(value) and name[0].isupper())


ALL = [(name, model) for name, framework in FRAMEWORKS.items() for model in _constructors(framework)]


def _check(name: str, constructor: str, **arguments: Any) -> None:
    framework = FRAMEWORKS[name]
    framework.backend.clear_session()
    model = getattr(framework.applications, constructor)(weights=None, **arguments)
    inference = inferred(model)
    assert not inference.reasons
    wrong = {ref: pair for ref, pair in live_specs(framework, model, inference).items() if pair[0] != pair[1]}
    assert not wrong
    plain = [layer for layer in model.layers if not hasattr(layer, "layers")]
    assert {layer.name: inferred_weights(inference, layer.name) for layer in plain if not _is_operation(layer)} == {
        layer.name: weights(framework, layer) for layer in plain if not _is_operation(layer)
    }
    assert counted(inference).parameters == model.count_params()


def _is_operation(layer: Any) -> bool:
    """Operations of Keras 3 are no layers; they have neither weights nor the attribute."""
    return not hasattr(layer, "weights")


@pytest.mark.parametrize(("name", "constructor"), SMALL)
def test_small_applications(name: str, constructor: str) -> None:
    _check(name, constructor)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "constructor"), ALL)
def test_all_applications(name: str, constructor: str) -> None:
    _check(name, constructor)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "constructor"), ALL)
def test_all_applications_without_top_and_size(name: str, constructor: str) -> None:
    _check(name, constructor, include_top=False, input_shape=(None, None, 3))


@pytest.mark.exhaustive
@pytest.mark.parametrize("constructor", _constructors(FRAMEWORKS["keras"]))
def test_recorded_shapes_agree_with_the_rules(constructor: str) -> None:
    FRAMEWORKS["keras"].backend.clear_session()
    text = getattr(FRAMEWORKS["keras"].applications, constructor)(weights=None).to_json()
    model = parse(text).model
    assert trace(model).specs == trace(forgetful(model)).specs


OPERATIONS = {"ResNet50": 3.86e9, "VGG16": 15.47e9, "MobileNet": 0.57e9, "MobileNetV2": 0.30e9, "DenseNet121": 2.83e9}
"""Multiply-accumulate operations of one 224x224 image, as the literature gives them."""


@pytest.mark.parametrize("constructor", ["MobileNetV2", *(pytest.param(c, marks=pytest.mark.exhaustive) for c in OPERATIONS)])
def test_operations_are_those_of_the_literature(constructor: str) -> None:
    model = getattr(FRAMEWORKS["keras"].applications, constructor)(weights=None)
    found = counted(inferred(model))
    assert not found.unknown
    assert found.operations == pytest.approx(OPERATIONS[constructor], rel=0.03)
