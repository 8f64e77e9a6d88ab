"""What every layer gave while a model ran: each call by the layer's path, with where its arguments came from, on disk.

Layers and operations are watched where Keras calls them, so that nothing is built that the model itself does not run: nested
models are seen from within, a wrapper as one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any

from configsplit.errors import VerificationError
from configsplit.runtime import arrays
from configsplit.runtime.frameworks import Framework

MAX_BYTES = 8 << 30
"""Bytes of all tensors of one run together."""

ToStored = Callable[[Any], arrays.Stored]


@dataclass(slots=True)
class Recorder:
    """Calls in the order in which they ended: ``{"path", "class_name", "call", "takes", "shapes", "file"}``.

    ``takes`` has for each tensor among the arguments ``[number of the call that gave it, output]``, the model's own inputs as
    ``[-1, number]``; None for what nobody saw being made. Every tensor seen is kept alive, or another could get its id.
    """

    used: Framework
    paths: Mapping[int, tuple[str, ...]]
    folder: Path
    to_stored: ToStored
    calls: list[dict[str, Any]] = field(default_factory=list)
    _counts: dict[int, int] = field(default_factory=dict)
    _makers: dict[int, tuple[int, int]] = field(default_factory=dict)
    _alive: list[Any] = field(default_factory=list)
    _under_way: list[Any] = field(default_factory=list)
    _bytes: int = 0

    def feed(self, tensors: list[Any]) -> None:
        """The model's own inputs."""
        for number, tensor in enumerate(tensors):
            self._enter(tensor, (-1, number))

    def run(self, call: Callable[..., Any], layer: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        path = self.paths.get(id(layer))
        if path is None or (self._under_way and self._under_way[-1] is layer):  # Layer.__call__ goes on to Operation.__call__
            return call(layer, *args, **kwargs)
        takes = [self._makers.get(id(leaf)) for leaf in self.used.flatten((args, dict(kwargs))) if hasattr(leaf, "shape")]
        self._under_way.append(layer)
        try:
            outputs = call(layer, *args, **kwargs)
        finally:
            self._under_way.pop()
        self._record(layer, path, takes, outputs)
        return outputs

    def _record(self, layer: Any, path: tuple[str, ...], takes: list[Any], outputs: Any) -> None:
        given = [leaf for leaf in self.used.flatten(outputs) if hasattr(leaf, "shape")]
        stored: list[arrays.Stored] = []
        with suppress(VerificationError, ValueError, TypeError, NotImplementedError, AttributeError):  # traced, sparse, ragged
            stored = [self.to_stored(tensor) for tensor in given]
        if not stored:
            return
        self._bytes += sum(each.values.nbytes for each in stored)
        if self._bytes > MAX_BYTES:
            raise VerificationError(
                f"the tensors inside the model have more than {MAX_BYTES} bytes",
                code="compare-too-large",
                where="/".join(path),
                hint="use fewer samples: --samples 1",
            )
        number, count = len(self.calls), self._counts.get(id(layer), 0)
        self._counts[id(layer)] = count + 1
        file = self.folder / f"call-{number}.npz"
        arrays.save(file, stored)
        for output, tensor in enumerate(given):
            self._enter(tensor, (number, output))
        shapes = [each.values.shape for each in stored]
        told = {"path": path, "class_name": type(layer).__name__, "call": count, "takes": takes, "shapes": shapes}
        self.calls.append({**told, "file": str(file)})

    def _enter(self, tensor: Any, maker: tuple[int, int]) -> None:
        """The first call that gave a tensor made it: a nested model, or a Dropout at rest, hands on what it was given."""
        self._alive.append(tensor)
        self._makers.setdefault(id(tensor), maker)


def paths_of(model: Any, used: Framework) -> dict[int, tuple[str, ...]]:
    """The path of every layer and operation of a model and of those nested in it, by its identity; iterative."""
    paths: dict[int, tuple[str, ...]] = {}
    todo: list[tuple[tuple[str, ...], Any]] = [((), model)]
    while todo:
        above, held = todo.pop()
        for layer in getattr(held, "operations", None) or held.layers:
            if id(layer) in paths:
                continue
            paths[id(layer)] = path = (*above, str(layer.name))
            if isinstance(layer, used.module.Model):
                todo.append((path, layer))
    return paths


@contextmanager
def recording(model: Any, used: Framework, folder: Path, to_stored: ToStored) -> Iterator[Recorder]:
    """Record every call of the model's layers while the block runs."""
    folder.mkdir()
    recorder = Recorder(used, paths_of(model, used), folder, to_stored)
    kinds = [used.module.layers.Layer, *([used.module.Operation] if used.name == "keras" else [])]
    originals = [kind.__call__ for kind in kinds]
    for kind, original in zip(kinds, originals, strict=True):
        kind.__call__ = _watching(recorder, original)
    try:
        yield recorder
    finally:
        for kind, original in zip(kinds, originals, strict=True):
            kind.__call__ = original


def _watching(recorder: Recorder, original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return recorder.run(original, layer, args, kwargs)

    return call
