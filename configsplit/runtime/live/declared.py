"""What plug-ins declare of classes offline, the live layers tell themselves: shapes behind them, their weights, their masks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from configsplit.catalog.facts import CallFacts, LayerFacts, MaskRule, WeightSpec
from configsplit.catalog.table import class_facts
from configsplit.errors import ShapeError
from configsplit.graph.json import rebuild
from configsplit.graph.model import TensorSpec
from configsplit.hazards import ROOTS
from configsplit.runtime.build import variables
from configsplit.runtime.expansion.seen import is_masked
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.claims import SIZES, corrected, says_itself, sized
from configsplit.runtime.live.layers import inner_layers


def live_facts(lives: Sequence[Any], works: Framework, known: Collection[str]) -> list[LayerFacts]:
    """A declaration for every class of the user's own among the layers, but for those that are ``known`` already."""
    by_class: dict[str, list[Any]] = {}
    for layer in (layer for live in lives for layer in inner_layers(live)):
        kind = type(layer)
        if kind.__module__.partition(".")[0] not in ROOTS and kind.__name__ not in known:
            by_class.setdefault(kind.__name__, []).append(layer)
    masked = works.name != "keras" or not all(getattr(live, "_nodes_by_depth", ()) for live in lives)
    masked = masked or any(is_masked(layer, works) for layers in by_class.values() for layer in layers)
    return [
        LayerFacts(
            class_name=name,
            outputs=partial(_outputs, layers, works),
            weights=partial(_weights, layers),
            mask=_mask(layers, works) if masked else "may_pass",
            uses_mask=_mask_arguments(layers),
            training=any("training" in inspect.signature(layer.call).parameters for layer in layers),
        )
        for name, layers in by_class.items()
    ]


def _layer(layers: Sequence[Any], call: CallFacts) -> Any:
    named = [layer for layer in layers if layer.name == call.config.get("name")]
    if len({id(layer) for layer in named}) != 1:
        raise ShapeError(f"no single live layer is the {call.class_name} of the document", code="shape-unknown")
    return named[0]


def _outputs(layers: Sequence[Any], works: Framework, call: CallFacts) -> tuple[TensorSpec, ...]:
    """What the live layer would give. Raises ShapeError where its class cannot tell."""
    if any(spec.shape is None or spec.dtype is None for spec in call.inputs):
        raise ShapeError("what it takes is not known", code="shape-unknown")
    layer, tell = _layer(layers, call), _of_keras3 if works.name == "keras" else _of_tf_keras
    try:
        said = _specs(tell(layer, works, call, own=True), works)
    except Exception as error:
        if isinstance(error, ShapeError):
            raise
        raise ShapeError(f"{call.class_name} cannot tell: {type(error).__name__}: {error}", code="shape-unknown") from error
    if not says_itself(layer, works):
        return said
    runs = []
    for sizes in SIZES:
        try:
            runs.append(_specs(tell(layer, works, _sized(call, sizes), own=False), works))
        except Exception:  # noqa: BLE001 - code of others, which may not take these sizes
            continue
        if len(runs) == 2:
            break
    if any(len(run) != len(said) for run in runs):
        raise ShapeError(f"{call.class_name} gives something other than it declares", code="shape-unknown")
    if not runs:
        return said
    known = all(spec.shape is not None and None not in spec.shape[1:] for spec in call.inputs)
    return tuple(corrected(one, each, known=known) for one, each in zip(said, zip(*runs, strict=True), strict=True))


def _sized(call: CallFacts, sizes: Sequence[int]) -> CallFacts:
    def at(value: Any) -> Any:
        return (
            replace(value, shape=sized(value.shape, sizes)) if type(value) is TensorSpec and value.shape is not None else value
        )

    return replace(call, args=rebuild(call.args, at), kwargs=rebuild(call.kwargs, at))


def _specs(given: Any, works: Framework) -> tuple[TensorSpec, ...]:
    given = works.flatten(given)
    return tuple(TensorSpec(tuple(each.shape), str(getattr(each.dtype, "name", each.dtype))) for each in given)


def _of_keras3(layer: Any, works: Framework, call: CallFacts, *, own: bool) -> Any:
    """What a layer's class says that it gives; or else what is found by tracing its ``call``."""
    make: Callable[[TensorSpec], Any] = lambda spec: works.module.KerasTensor(spec.shape, spec.dtype)  # noqa: E731
    args, kwargs = _thawed(call.args, make), _thawed(call.kwargs, make)
    return (type(layer) if own else works.module.Operation).compute_output_spec(layer, *args, **kwargs)


def _of_tf_keras(layer: Any, works: Framework, call: CallFacts, *, own: bool) -> Any:
    from configsplit.runtime.trace.trace import tensorflow

    tf = tensorflow()
    args = _thawed(call.args, lambda spec: tf.TensorSpec(spec.shape, spec.dtype))
    if own:
        return layer.compute_output_signature(args[0])
    return tf.function(lambda given: layer(given, training=False)).get_concrete_function(args[0]).structured_outputs


def _thawed(structure: Any, make: Callable[[TensorSpec], Any]) -> Any:
    """Frozen arguments as Keras wants them: lists and dicts, with something of its own for each tensor."""
    made = rebuild(structure, lambda value: make(value) if type(value) is TensorSpec else value)
    if isinstance(made, tuple):
        return [list(item) if isinstance(item, tuple) else item for item in made]
    return {key: list(item) if isinstance(item, tuple) else item for key, item in made.items()}


def _weights(layers: Sequence[Any], call: CallFacts) -> tuple[WeightSpec, ...]:
    return tuple(
        WeightSpec(str(each.name), tuple(each.shape), str(getattr(each.dtype, "name", each.dtype)))
        for each in variables(_layer(layers, call))
    )


def _mask_arguments(layers: Sequence[Any]) -> tuple[str, ...] | None:
    """The arguments by which such a layer takes masks; where there are none its code may still read one off a tensor."""
    names = {name for layer in layers for name in inspect.signature(layer.call).parameters}
    return tuple(sorted(name for name in names if name == "mask" or name.endswith("_mask"))) or None


def _mask(layers: Sequence[Any], works: Framework) -> MaskRule:
    """What such a layer does with a mask, as far as anybody can see without running its code.

    Of a class that computes masks in its own way the graph shows whether it makes one; where it shows none, nobody can say. One
    that does not support masks still hands one on where its code gives back the very tensor that it takes, or one that a layer
    inside it has put a mask on.
    """
    base = works.module.layers.Layer
    inside = [inner for layer in layers for inner in inner_layers(layer)]
    if any(_computes_masks(each, base) for each in layers) or any(_makes_masks(each, base) for each in inside):
        return "makes" if any(map(_gives_new_mask, layers)) else "unknown"
    plain = len(inside) == len(layers) and all(bool(layer.supports_masking) for layer in layers)
    return "passes" if plain else "may_pass"


def _gives_new_mask(layer: Any) -> bool:
    """Whether what a layer gave carries a mask where nothing that it took does."""
    return any(
        any(map(_carries_mask, _listed(node.outputs))) and not any(map(_carries_mask, _listed(node.input_tensors)))
        for node in layer._inbound_nodes
    )


def _listed(tensors: Any) -> list[Any]:
    """tf_keras keeps a single tensor by itself."""
    return list(tensors) if isinstance(tensors, (list, tuple)) else [tensors]


def _carries_mask(tensor: Any) -> bool:
    return getattr(tensor, "_keras_mask", None) is not None


def _computes_masks(layer: Any, base: type) -> bool:
    return getattr(type(layer), "compute_mask", base.compute_mask) is not base.compute_mask  # type: ignore[attr-defined]


def _makes_masks(layer: Any, base: type) -> bool:
    facts = class_facts(type(layer).__name__)
    return facts.mask == "makes" if facts.class_name else _computes_masks(layer, base)
