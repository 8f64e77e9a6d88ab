"""What the masks of a model were while it ran: which layers made one, and how many steps it kept and left out.

A document tells which masks there should be; only the run tells which there were. Keras hangs a mask onto the tensor that a
layer gives, and every layer gives it through ``Layer.__call__``, which is watched for the time of one run. A layer makes a
mask if what it gives has one and what it takes has none, or another one. Containers (nested models, wrappers) make none that a
layer in them does not make.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

import numpy as np

from configsplit.catalog.table import class_facts
from configsplit.runtime.frameworks import Framework


@dataclass(slots=True)
class _Call:
    """A call that is under way; ``makers`` counts the masks that began within it."""

    layer: Any
    makers: int = 0


@dataclass(slots=True)
class Watch:
    """Masks by the layer that made them: ``{"layer": path, "kept": steps, "padded": steps}``, over all of its calls.

    Both counts are 0 where a mask had no numbers to look at: Keras traced the call.
    """

    used: Framework
    under_way: list[_Call] = field(default_factory=list)
    reports: dict[int, dict[str, Any]] = field(default_factory=dict)

    def masks(self) -> list[dict[str, Any]]:
        return list(self.reports.values())

    def run(self, call: Callable[..., Any], layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        rest = {key: value for key, value in kwargs.items() if key != "mask"}
        arriving = [*self.used.flatten(kwargs.get("mask")), *self._masks_of((args, rest))]
        arriving = [mask for mask in arriving if mask is not None]
        self.under_way.append(_Call(layer))
        try:
            outputs = call(layer, *args, **kwargs)
        finally:
            ended = self.under_way.pop()
        made = [] if ended.makers else self._made(layer, arriving, outputs)
        for mask in made:
            self._enter(layer, mask)
        if self.under_way:
            self.under_way[-1].makers += ended.makers + len(made)
        return outputs

    def _made(self, layer: Any, arriving: list[Any], outputs: Any) -> list[Any]:
        """Masks that begin with a layer. One of Keras's own that combines those of its inputs begins nothing."""
        own = _makes_its_own(layer) or type(layer).__module__.partition(".")[0] != self.used.name
        if arriving and not own:
            return []
        return [mask for mask in self._masks_of(outputs) if not any(mask is each for each in arriving)]

    def _masks_of(self, structure: Any) -> list[Any]:
        masks = (self._mask_of(leaf) for leaf in self.used.flatten(structure))
        return [mask for mask in masks if mask is not None]

    def _mask_of(self, leaf: Any) -> Any:
        if not hasattr(leaf, "shape"):
            return None
        if self.used.name == "tf_keras":
            return getattr(leaf, "_keras_mask", None)
        return importlib.import_module("keras.src.backend").get_keras_mask(leaf)

    def _enter(self, layer: Any, mask: Any) -> None:
        path = "/".join(str(each.layer.name) for each in [*self.under_way[1:], _Call(layer)])
        entry = self.reports.setdefault(id(layer), {"layer": path, "kept": 0, "padded": 0})
        values = _numbers(mask, self.used)
        if values is not None:
            entry["kept"] += int(values.sum())
            entry["padded"] += int((~values).sum())


def _makes_its_own(layer: Any) -> bool:
    return any(class_facts(base.__name__).mask_made for base in type(layer).__mro__)


def _numbers(mask: Any, used: Framework) -> Any:
    try:
        return np.asarray(used.module.ops.convert_to_numpy(mask) if used.name == "keras" else mask).astype(bool)
    except Exception:  # noqa: BLE001 - what a framework says of a tensor without numbers differs by framework and release
        return None


@contextmanager
def watched(used: Framework) -> Iterator[Watch]:
    """See every layer's call while the block runs."""
    kind, watch = used.module.layers.Layer, Watch(used)
    original = kind.__call__

    @wraps(original)
    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return watch.run(original, layer, args, kwargs)

    kind.__call__ = call
    try:
        yield watch
    finally:
        kind.__call__ = original
