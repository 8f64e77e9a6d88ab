"""Sizes that the user gives of inputs, put in place while the library makes the model: its code then meets no open ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from configsplit.errors import DocumentError, nearest
from configsplit.inference import agree
from configsplit.runtime.frameworks import Framework


@contextmanager
def fixed_inputs(sizes: Mapping[str, Sequence[int | None]], works: Framework) -> Iterator[None]:
    """Inputs that are made in here have the sizes that are given for their names; the batch stays as it is."""
    kind = works.module.layers.InputLayer
    original, met = kind.__init__, set()

    def made(layer: Any, shape: Any = None, *args: Any, **kwargs: Any) -> None:
        name = str(kwargs.get("name"))
        met.add(name)
        if name in sizes:
            if kwargs.get("batch_shape") is not None:
                kwargs["batch_shape"] = (kwargs["batch_shape"][0], *_fixed(name, kwargs["batch_shape"][1:], sizes[name]))
            elif shape is not None:
                shape = _fixed(name, shape, sizes[name])
        original(layer, shape, *args, **kwargs)

    kind.__init__ = made
    try:
        yield
    finally:
        kind.__init__ = original
    for name in sizes:
        if name not in met:
            raise _wrong(name, f"no input is called {name!r}", nearest(name, met))


def _fixed(name: str, shape: Sequence[int | None], given: Sequence[int | None]) -> tuple[int | None, ...]:
    if not agree(tuple(shape), tuple(given[1:])):
        raise _wrong(name, f"the input {name!r} has the shape {[None, *shape]}, not {list(given)}", "")
    return tuple(size if other is None else other for size, other in zip(shape, given[1:], strict=True))


def _wrong(name: str, message: str, hint: str) -> DocumentError:
    return DocumentError(message, code="expand-size", where=name, hint=hint or "write INPUT=1,224,224,3, the batch first")
