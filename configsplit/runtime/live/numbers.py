"""Whether two live models give the same numbers, bit for bit, on inputs that both take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from configsplit.graph.model import TensorSpec
from configsplit.runtime import arrays
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.inputs import Hints, make_inputs, read_hints
from configsplit.runtime.live.signature import call_specs, takes_training
from configsplit.runtime.live.unchanged import unchanged
from configsplit.runtime.worker import to_stored, to_tensor

Batch: TypeAlias = list[arrays.Stored]

_FEW = 2
"""So many ids every model knows."""
_SIZES = (8, 16, 4, 32, 64, 2, 1, 1024)
"""What the open sizes of inputs are tried to be, where the model does not take what its document lets expect."""


def differ(one: Any, model: Any, works: Framework, specs: Any = None, text: str = "") -> bool | None:
    """Whether a model gives other numbers than another on any of two batches; None where none was found that the other takes.

    Args:
        one: the model that is held against the other.
        model: the other.
        works: the Keras of both.
        specs: what they are called on, nested as they take it; by default what Keras remembers.
        text: an architecture that tells what inputs make sense; by default that of ``one``.
    """
    specs = call_specs(model, works) if specs is None else specs
    runs = taken_by(model, works, specs, text or one.to_json())
    return None if runs is None else not all(_same(outputs(one, works, specs, batch), its) for batch, its in runs)


def taken_by(model: Any, works: Framework, specs: Any, text: str) -> list[tuple[Batch, Batch]] | None:
    """Two batches that a model takes, each with what it gives, as `differ` tries them; None where it takes nothing that is
    tried.
    """
    hints = read_hints(text)
    few = Hints(convolutions=hints.convolutions, ids=_FEW)
    tried = [(told, each) for each in (hints, few) for told in _described(works.flatten(specs), each)]
    for told, hint in tried:
        try:
            batches = [make_inputs(told, hint, samples=samples, seed=seed) for seed, samples in enumerate((2, 3))]
            return [(batch, outputs(model, works, specs, batch)) for batch in batches]
        except Exception:  # noqa: BLE001 - what a model says of what it does not take is its own
            continue
    return None


def _same(ours: Sequence[arrays.Stored], its: Sequence[arrays.Stored]) -> bool:
    return len(ours) == len(its) and all(map(arrays.same_bits, ours, its))


def _described(leaves: Sequence[TensorSpec], hints: Hints) -> Iterator[list[Mapping[str, Any]]]:
    """Inputs as `make_inputs` takes them, with one size after the other in the place of those that are open."""
    for size in (hints.free_dimension, *_SIZES):
        yield [
            {"name": f"input {number}", "shape": _fixed(spec.shape or (), size), "dtype": spec.dtype}
            for number, spec in enumerate(leaves)
        ]


def _fixed(shape: Sequence[int | None], size: int) -> tuple[int | None, ...]:
    return (None, *(size if extent is None else extent for extent in shape[1:]))


def outputs(model: Any, works: Framework, specs: Any, stored: Sequence[arrays.Stored]) -> Batch:
    """What a model gives at inference, which leaves it as it was."""
    given = works.pack(specs, [to_tensor(item, works) for item in stored])
    options = {"training": False} if takes_training(model) else {}
    with unchanged(model):
        return [to_stored(tensor, works) for tensor in works.flatten(model(given, **options))]
