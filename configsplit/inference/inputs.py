"""What a document says of a model's inputs and of tensors on their way: no rules, only reading."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from configsplit.catalog.rules import policy, policy_dtype
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Model, Shape, TensorSpec


def recorded_spec(recorded: FrozenDict | None) -> TensorSpec | None:
    """What Keras 3 writes beside every tensor argument, or None where it has written nothing.

    No layer takes a tensor without a batch: an empty shape is what configsplit itself writes where nobody knows.
    """
    if recorded is None:
        return None
    config = recorded.get("config", recorded)
    shape = as_shape(config.get("shape"))
    if not shape:
        return None
    return TensorSpec(shape, config.get("dtype"), bool(config.get("sparse")), bool(config.get("ragged")))


def as_shape(value: Any) -> tuple[int | None, ...] | None:
    """A JSON array of sizes as a shape, None where it is anything else (several shapes, say)."""
    if isinstance(value, tuple) and all(size is None or type(size) is int for size in value):
        return value
    return None


_MOST_ELEMENTS = 1 << 63
_WHOLE = frozenset({int})


def is_possible(shape: Shape | None) -> bool:
    """Whether a tensor can have this shape: sizes are numbers, none negative, and its elements are counted in 63 bits."""
    known = [size for size in shape or () if size is not None]
    if not _WHOLE.issuperset(map(type, known)):
        return False
    return min(known, default=0) >= 0 and (prod(known) < _MOST_ELEMENTS or 0 in known)


def impossible_shape(layer: Layer) -> Any:
    """What is written as the shape of an input, or in a Sequential of its first layer, where no tensor has it; else None."""
    value = layer.config.get("batch_shape", layer.config.get("batch_input_shape"))
    if value is None or (isinstance(value, tuple) and is_possible(value)):
        return None
    return value


def input_spec(model: Model, layer: Layer) -> TensorSpec:
    """The declared spec of an input: fresh, in its own config, or, in a Sequential, wherever that keeps it."""
    if layer.spec is not None:
        return layer.spec
    spec = _config_spec(layer.config)
    if spec.shape is None and model.kind == "sequential" and layer is model.layers[0]:
        return _sequential_spec(model, spec)
    return spec


def _config_spec(config: Mapping[str, Any]) -> TensorSpec:
    shape = as_shape(config.get("batch_shape", config.get("batch_input_shape")))
    given = config.get("input_dtype")
    dtype = given if given and isinstance(given, str) else policy_dtype(policy(config.get("dtype")))
    return TensorSpec(shape, dtype, bool(config.get("sparse")), bool(config.get("ragged")))


def _sequential_spec(model: Model, spec: TensorSpec) -> TensorSpec:
    """The input shape of a Sequential without InputLayer, from its first layer or from what it was built on.

    A nested model that comes first brings its own input, however deep that lies.
    """
    first = model.layers[1] if len(model.layers) > 1 else None
    while first is not None and first.model is not None and first.model.input_refs():
        model, first = first.model, first.model.by_name().get(first.model.input_refs()[0].layer)
        if first is not None and not first.implicit:
            return first.spec or _config_spec(first.config)
        first = model.layers[1] if len(model.layers) > 1 else None
    sources: list[Any] = [model.config.get("build_input_shape"), *_built_on(model.entry)]
    if first is not None:
        sources += [first.config.get("batch_input_shape"), *_built_on(first.entry)]
    shape = next((each for each in map(as_shape, sources) if each is not None), None)
    dtype = spec.dtype or (None if first is None else _input_dtype(first))
    return TensorSpec(shape, dtype or ("float32" if shape is not None else None))


def _input_dtype(first: Layer) -> str | None:
    """tf.keras makes the implicit input with the dtype of the first layer's weights."""
    dtype = policy(first.config.get("dtype"))
    return "float32" if dtype is None or dtype.startswith("mixed_") else dtype


def _built_on(entry: Mapping[str, Any]) -> Iterable[Any]:
    build = entry.get("build_config")
    if isinstance(build, Mapping):
        yield build.get("input_shape")
