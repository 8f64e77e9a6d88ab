"""Every rule against the real class of the same configuration, in Keras 3 and in tf_keras: outputs, weights, operations."""

from __future__ import annotations

from typing import Any

import pytest
from live import FRAMEWORKS, flowing, inferred, inferred_weights, inputs_of, outputs, tf, weights
from live_operations import expected_operations
from support.layer_cases import CASES, Case
from support.thinned import in_turn

from configsplit.inference import operations_of

PAIRS = [[(name, case) for name in FRAMEWORKS if case.only in ("", name)] for case in CASES]


def _called(framework: Any, case: Case) -> tuple[Any, Any, Any, Any]:
    layer = _class(framework, case.name)(**case.kwargs)
    tensors = inputs_of(framework, case.inputs)
    result = layer(tensors, **case.call) if case.listed else layer(*tensors, **case.call)
    flat = tf.nest.flatten(result)
    return layer, framework.Model(tf.nest.flatten(tensors), flat), tensors, flat


def _class(framework: Any, name: str) -> Any:
    """Some classes of tf_keras are only exported as experimental."""
    layers = framework.layers
    return getattr(layers, name, None) or getattr(layers.experimental, name)


@pytest.mark.parametrize(("name", "case"), in_turn(PAIRS), ids=lambda value: getattr(value, "id", value))
def test_outputs_weights_and_operations_are_what_keras_says(name: str, case: Case) -> None:
    framework = FRAMEWORKS[name]
    layer, model, tensors, flat = _called(framework, case)
    inference = inferred(model)
    assert outputs(inference) == flowing(framework, model, flat), inference.reasons
    assert inferred_weights(inference, layer.name) == weights(framework, layer)
    wanted = expected_operations(layer, case, [tuple(tensor.shape) for tensor in tensors], tuple(flat[0].shape))
    if wanted is not None:
        assert operations_of(inference, inference.model.by_name()[layer.name], 0) == wanted
