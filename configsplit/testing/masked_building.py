"""Recipes of masked models (`configsplit.testing.masked`) into live ones of a given Keras, and arrays to feed them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from configsplit.testing.masked_classes import masked_classes
from configsplit.testing.masked_sketch import BATCH, UNCHANGING, Spec

Arrays = list["np.ndarray[Any, Any]"]


class UnbuildableError(Exception):
    """Keras builds nothing of this recipe."""


class Workshop:
    """Builds recipes with keras or tf_keras, whichever is given. ``objects`` are the custom classes by name."""

    def __init__(self, framework: Any) -> None:
        self.framework = framework
        self.objects = masked_classes(framework)
        self._new = hasattr(framework, "ops")

    def build(self, recipe: Spec, seed: int = 0) -> Any:
        """A live model with random weights, so that every path and every mask shows in the outputs.

        Steps that Keras refuses to build are taken out of the recipe, with all that depends on them.

        Raises:
            UnbuildableError: nothing is left.
        """
        with self._precision(recipe["float64"], recipe.get("policy", False)):
            model = self._model(recipe["model"])
        _fill(model.weights, np.random.default_rng(seed))
        return model

    @contextmanager
    def _precision(self, everything: bool, layers: bool) -> Iterator[None]:
        """Double precision for inputs and layers alike, or, in Keras 3, for layers alone, between which models cast."""
        backend = self.framework.backend
        floatx, policy = backend.floatx(), self.framework.config.dtype_policy().name if self._new else ""
        if everything:
            backend.set_floatx("float64")
        if policy and (everything or layers):
            self.framework.config.set_dtype_policy("float64")
        try:
            yield
        finally:
            backend.set_floatx(floatx)
            if policy:
                self.framework.config.set_dtype_policy(policy)

    def _model(self, spec: Spec) -> Any:
        return self._functional(spec) if "steps" in spec else self._sequential(spec)

    def _input(self, record: Spec) -> Any:
        return self.framework.Input(tuple(record["shape"]), dtype=record["dtype"], name=record["name"])

    def _sequential(self, spec: Spec) -> Any:
        layers = [self._layer(each) for each in spec["layers"]]
        if spec["begin"] == "input":
            layers = [self._input(spec["input"]), *layers]
        model = self.objects.get(spec["class"], self.framework.Sequential)(layers, name=spec["name"])
        if spec["begin"] == "build":
            model.build((None, *spec["input"]["shape"]))
        return model

    def _layer(self, spec: Spec) -> Any:
        if "layers" in spec or "steps" in spec:
            return self._model(spec)
        layers, config = self.framework.layers, {"name": spec["name"], **spec["config"]}
        if spec["class"] == "not_equal" or spec["class"] in UNCHANGING:
            return self._operation(spec["class"])
        if spec["class"] in self.objects:
            return self.objects[spec["class"]](**config)
        made = getattr(layers, spec["class"])
        if "cells" in spec:
            cells = [self._layer(each) for each in spec["cells"]]
            return made(cells if len(cells) > 1 else cells[0], **config)
        return made(self._layer(spec["held"]), **config) if "held" in spec else made(**config)

    def _operation(self, name: str) -> Callable[[Any], Any]:
        """A function of one tensor, which stands in the model as a layer of its own."""
        operations = self.framework.ops if self._new else self.framework.backend
        turn = "transpose" if self._new else "permute_dimensions"
        return {
            "not_equal": lambda x: operations.not_equal(x, 0),
            "cast": lambda x: operations.cast(x, "float32"),
            "stop_gradient": lambda x: operations.stop_gradient(x),
            "reshape": lambda x: operations.reshape(x, (-1, *x.shape[1:])),
            "transpose": lambda x: getattr(operations, turn)(x, tuple(range(len(x.shape)))),
            "multiply": lambda x: x * 1.5,
        }[name]

    def _functional(self, spec: Spec) -> Any:
        inputs = [self._input(record) for record in spec["inputs"]]
        tensors = {f"{record['name']}@0:0": each for record, each in zip(spec["inputs"], inputs, strict=True)}
        layers: dict[str, tuple[Any, Spec]] = {}
        calls: dict[str, int] = {}
        spec["steps"] = [step for step in spec["steps"] if self._done(step, layers, calls, tensors)]
        if not spec["steps"]:
            raise UnbuildableError(spec["name"])
        spec["outputs"] = [ref for ref in spec["outputs"] if ref in tensors] or [list(tensors)[-1]]
        made = self.objects.get(spec["class"], self.framework.Model)
        return made(_one_or_all(inputs), _one_or_all([tensors[ref] for ref in spec["outputs"]]), name=spec["name"])

    def _done(self, step: Spec, layers: dict[str, tuple[Any, Spec]], calls: dict[str, int], tensors: dict[str, Any]) -> bool:
        """Take one step, if Keras will; its outputs come into ``tensors``."""
        name = step["again"] if "again" in step else step["layer"]["name"]
        try:
            args = [tensors[ref] for ref in _listed(step["args"])]
            kwargs = {key: tensors[value] if isinstance(value, str) else value for key, value in step["kwargs"].items()}
            if "layer" in step:
                layers[name] = self._layer(step["layer"]), step["layer"]
            layer, spec = layers[name]
            made = self.called(layer, spec, args, kwargs)
        except Exception:  # noqa: BLE001 - shapes that do not fit, in as many ways as there are layers
            return False
        number = calls[name] = calls.get(name, -1) + 1
        tensors.update({f"{name}@{number}:{output}": each for output, each in enumerate(_listed(made))})
        return True

    def called(self, layer: Any, spec: Spec, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Several tensors go in one by one, by name, or as one list, as the class wants it."""
        if len(args) == 1:
            return layer(args[0], **kwargs)
        if "by_position" in spec and spec["class"] not in ("Attention", "AdditiveAttention"):
            named = {} if spec["by_position"] else dict(zip(("value", "key"), args[1:], strict=False))
            return layer(*(args[:1] if named else args), **named, **kwargs)
        return layer(*args, **kwargs) if spec["class"] == "CrossPool" and self._new else layer(args, **kwargs)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _one_or_all(items: list[Any]) -> Any:
    return items if len(items) > 1 else items[0]


def _fill(weights: Iterable[Any], chance: np.random.Generator) -> None:
    for weight in weights:
        dtype = str(getattr(weight.dtype, "name", weight.dtype))
        if "float" in dtype:
            value = chance.normal(size=tuple(weight.shape)) * 0.6
            positive = "variance" in getattr(weight, "path", weight.name)
            weight.assign((np.abs(value) + 0.5 if positive else value).astype(dtype))


# ---------------------------------------------------------------- arrays


def arrays(recipe: Spec, dtypes: Sequence[str], seed: int = 0) -> Arrays:
    """A batch for each input, in the order of the model's inputs, of whose samples most are padded.

    Right, left, in the middle, whole rows; floats with each value that a Masking layer looks for. ``dtypes`` are those of the
    built model's inputs.
    """
    chance = np.random.default_rng(seed)
    model = recipe["model"]
    records = model["inputs"] if "steps" in model else [model["input"]]
    made = []
    for number, (record, dtype) in enumerate(zip(records, dtypes, strict=True)):
        steps = tuple(record["shape"]) if record["ids"] or dtype == "bool" else tuple(record["shape"][:-1])
        off = _padding(chance, steps, number)
        made.append(_batch(chance, record, dtype, off, recipe["values"]))
    return made


def _batch(chance: np.random.Generator, record: Spec, dtype: str, off: Any, values: Sequence[float]) -> Any:
    if dtype == "bool":
        return ~off
    if record["ids"]:
        return np.where(off, 0, chance.integers(1, 9, size=off.shape)).astype(dtype)
    padding = chance.choice(np.array(values), size=off.shape)[..., None]
    return np.where(off[..., None], padding, chance.normal(size=(BATCH, *record["shape"]))).astype(dtype)


def _padding(chance: np.random.Generator, steps: tuple[int, ...], shift: int) -> Any:
    """Which steps are padding. ``shift`` lets several inputs be padded in other samples; of documents whole sentences too."""
    rows = int(np.prod((BATCH, *steps[:-1])))
    off = np.array([_row(chance, row + shift, steps[-1]) for row in range(rows)]).reshape((BATCH, *steps))
    if len(steps) > 1:
        off[1::2, -1] = True
    return off


def _row(chance: np.random.Generator, row: int, steps: int) -> Any:
    off, count = np.zeros(steps, bool), int(chance.integers(1, max(2, steps)))
    kind = ("right", "left", "none", "middle", "all", "right")[row % 6]
    if kind == "right":
        off[steps - count :] = True
    elif kind == "left":
        off[:count] = True
    elif kind == "middle":
        off[int(chance.integers(0, steps))] = True
    elif kind == "all":
        off[:] = True
    return off
