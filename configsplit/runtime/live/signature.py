"""What a live model is called on: given by the user, or remembered by Keras."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from configsplit.errors import DocumentError
from configsplit.graph.model import TensorSpec
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.kinds import Inputs

_HINT = "say what it is called on: inputs=an array, a shape such as (None, 28, 28, 3), or a list or dict of these"


def call_specs(model: Any, works: Framework, inputs: Inputs | None = None) -> Any:
    """The specs of a model's inputs, batch of any size, nested as it takes them (lists and dicts). Raises DocumentError if
    nobody knows what the model is called on, or it takes several arguments.
    """
    _check_arguments(model)
    return _mapped(inputs, lambda leaf: _spec(leaf, works)) if inputs is not None else _remembered(model, works)


def _check_arguments(model: Any) -> None:
    """Keras calls a model on one argument, however nested; others need values that nobody here has."""
    parameters = list(inspect.signature(model.call).parameters.values())[1:]
    needed = [item.name for item in parameters if item.default is item.empty and item.kind is item.POSITIONAL_OR_KEYWORD]
    if wanted := [name for name in needed if name not in ("training", "mask")]:
        raise DocumentError(
            f"the call of {model.name!r} takes several arguments: {', '.join(wanted)} besides the first",
            code="live-inputs",
            where=str(model.name),
            hint="let it take one list or dict of tensors",
        )


def _remembered(model: Any, works: Framework) -> Any:
    if getattr(model, "inputs", None):
        one = isinstance(model, works.module.Sequential)  # of Keras 3, which has no `input` before it is called
        return _mapped(model.inputs[0] if one else model.input, lambda leaf: _spec(leaf, works))
    known = _save_spec(model) if works.name == "tf_keras" else _built_shape(model)
    if known is None:
        _refuse(model)
    return _mapped(known, lambda leaf: _spec(leaf, works))


def _save_spec(model: Any) -> Any:
    specs = model.save_spec()
    if specs is None or len(specs[0]) != 1 or any(key != "training" for key in specs[1]):
        return None
    return specs[0][0]


def _built_shape(model: Any) -> Any:
    """Keras 3 remembers shapes, not dtypes: what takes integers or strings has to be told."""
    return (model.get_build_config() or {}).get("input_shape")


def _refuse(model: Any) -> NoReturn:
    raise DocumentError(f"what {model.name!r} is called on is unknown", code="live-inputs", where=str(model.name), hint=_HINT)


def _mapped(structure: Any, leaf: Callable[[Any], TensorSpec]) -> Any:
    """The structure with specs for its leaves. People nest inputs a few levels deep, never far."""
    if _is_shape(structure) or not isinstance(structure, (Mapping, list, tuple)):
        return leaf(structure)
    if isinstance(structure, Mapping):
        return {key: _mapped(value, leaf) for key, value in structure.items()}
    return [_mapped(value, leaf) for value in structure]


def _is_shape(item: Any) -> bool:
    return isinstance(item, (tuple, list)) and len(item) > 0 and all(size is None or isinstance(size, int) for size in item)


def _spec(item: Any, works: Framework) -> TensorSpec:
    """A shape alone is that of floating numbers."""
    bare = _is_shape(item)
    sizes: list[Any] = list(item if bare else getattr(item, "shape", None) or ())
    dtype = works.floatx if bare else getattr(item, "dtype", None)
    if not sizes or dtype is None:
        raise DocumentError(f"{item!r} is not an input of a model", code="live-inputs", hint=_HINT)
    rest = (None if size is None else int(size) for size in sizes[1:])
    return TensorSpec((None, *rest), str(getattr(dtype, "name", dtype)))


def takes_training(model: Any) -> bool:
    """Whether the model's call has an argument ``training``."""
    parameters = inspect.signature(model.call).parameters.values()
    return any(item.name == "training" or item.kind is item.VAR_KEYWORD for item in parameters)


def symbolic(specs: Any, works: Framework, taken: Sequence[str]) -> Any:
    """An Input of Keras for every spec, nested alike; dict keys are their names."""
    free = set(taken)

    def made(spec: TensorSpec, wish: str) -> Any:
        name = wish
        while name in free:
            name += "_"
        free.add(name)
        return works.module.Input(shape=(spec.shape or ())[1:], dtype=spec.dtype, name=name)

    def nested(item: Any, wish: str) -> Any:
        if isinstance(item, TensorSpec):
            return made(item, wish)
        if isinstance(item, dict):
            return {key: nested(value, str(key)) for key, value in item.items()}
        return [nested(value, f"{wish}_{number}") for number, value in enumerate(item)]

    return nested(specs, "inputs")


def spec_names(specs: Any, wish: str = "input") -> list[str]:
    """A name for every spec in the order in which Keras flattens them: keys of dicts, else numbers."""
    if isinstance(specs, TensorSpec):
        return [wish]
    if isinstance(specs, dict):
        return [name for key in sorted(specs) for name in spec_names(specs[key], str(key))]
    return [name for number, value in enumerate(specs) for name in spec_names(value, f"{wish}_{number}")]
