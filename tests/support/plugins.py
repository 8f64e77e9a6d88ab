"""The custom classes of the corpus as plug-ins: `configsplit` is given this file, and the real classes stand beside it.

`Scale` is not among them: the plug-in for it ships with configsplit, and is used here as anyone would.
"""

from __future__ import annotations

from configsplit.catalog.facts import CallFacts, LayerFacts, TensorSpec, WeightSpec, same_as_input


def last_axis(call: CallFacts) -> int:
    shape = call.first.shape
    assert shape is not None
    size = shape[-1]
    assert size is not None
    return size


def scale_weights(call: CallFacts) -> tuple[WeightSpec, ...]:
    return WeightSpec("gamma", (last_axis(call),)), WeightSpec("beta", (last_axis(call),))


def one_weight(call: CallFacts) -> tuple[WeightSpec, ...]:
    return (WeightSpec("w", (last_axis(call),)),)


def no_weights(call: CallFacts) -> tuple[WeightSpec, ...]:
    return ()


def units_wide(call: CallFacts) -> tuple[TensorSpec, ...]:
    shape = call.first.shape
    assert shape is not None
    return (TensorSpec((*shape[:-1], int(call.config.get("units", 3))), call.first.dtype),)


def facts(name: str, outputs: object = same_as_input, weights: object = None) -> LayerFacts:
    real = name.rpartition(">")[2]
    return LayerFacts(
        class_name=name,
        outputs=outputs,  # type: ignore[arg-type]
        weights=weights,  # type: ignore[arg-type]
        mask="stops",
        keras_class=f"plugin_keras:{real}",
        tf_keras_class=f"plugin_tf_keras:{real}",
    )


LAYERS = (
    facts("RegScale", weights=scale_weights),
    facts("research>RegScale", weights=scale_weights),
    facts("KwAdd", weights=no_weights),
    facts("TwoArg", weights=no_weights),
    facts("Block", units_wide),
    facts("Block2"),
    facts("HTTPServer2DLayer", weights=one_weight),
    facts("OwnStore"),
)
