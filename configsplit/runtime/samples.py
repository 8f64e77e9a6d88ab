"""Inputs for a model that is to be run: sensible, deterministic in the seed, and such that masks and lookups matter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from configsplit.runtime.arrays import Array, Stored, strings

_WORDS = ("the", "cat", "sat", "on", "a", "mat", "zebra", "")
_VOCABULARY_WORDS = 40
_DEEP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a document says about the inputs that make sense.

    Attributes:
        ids: integers below this are valid ids wherever they are fed; 0 where the document does not say.
        convolutions: how many convolution layers there are; they shrink an image, so free dimensions must be large enough.
        words: words that the model knows.
        mask_value: the number that marks a step as padding.
        looked_up: names of the layers whose outputs an Embedding reads, whatever their dtype.
        coded: names of the layers whose outputs an IntegerLookup reads: any number will do, known ones are better.
    """

    ids: int = 0
    convolutions: int = 0
    words: tuple[str, ...] = ()
    mask_value: float = 0.0
    looked_up: frozenset[str] = frozenset()
    coded: frozenset[str] = frozenset()

    @property
    def free_dimension(self) -> int:
        """Size of an unknown dimension: divisible by 32 for U-Nets, beyond the 75 pixels that Inception asks for."""
        return 7 if not self.convolutions else 32 if self.convolutions < _DEEP else 96


def read_hints(document: Any, words: Sequence[str] = ()) -> Hints:
    """Gather hints from a document (plain JSON); iterative."""
    entries = list(_entries(document))
    sizes = [size for name, entry in entries for size in _id_limits(name, entry["config"])]
    masks = [entry["config"].get("mask_value", 0.0) for name, entry in entries if name == "Masking"]
    return Hints(
        ids=min(sizes, default=0),
        convolutions=sum("Conv" in name for name, _ in entries),
        words=tuple(dict.fromkeys([*words, *_known_words(entries)]))[:_VOCABULARY_WORDS],
        mask_value=float(masks[0]) if masks else 0.0,
        looked_up=_read_by("Embedding", entries),
        coded=_read_by("IntegerLookup", entries),
    )


def _objects(document: Any) -> Iterator[Any]:
    todo = [document]
    while todo:
        item = todo.pop()
        yield item
        if isinstance(item, (dict, list)):
            todo.extend(reversed(item.values() if isinstance(item, dict) else item))


def _entries(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in _objects(document):
        if isinstance(item, dict) and isinstance(item.get("class_name"), str) and isinstance(item.get("config"), dict):
            yield item["class_name"].split(">")[-1], item


def _read_by(class_name: str, entries: Sequence[tuple[str, dict[str, Any]]]) -> frozenset[str]:
    """Names in the calls of a class's layers; strings there that are no names do no harm."""
    calls = [entry.get("inbound_nodes", []) for name, entry in entries if name == class_name]
    return frozenset(item for item in _objects(calls) if isinstance(item, str))


def _id_limits(name: str, config: dict[str, Any]) -> list[int]:
    """The number of ids that a layer can take; whichever input it hangs on, the smallest limit is safe for all."""
    keys = {"Embedding": "input_dim", "CategoryEncoding": "num_tokens", "ReversibleEmbedding": "input_dim"}
    value = config.get(keys.get(name, ""))
    return [value] if isinstance(value, int) and value > 0 else []


def _known_words(entries: Sequence[tuple[str, dict[str, Any]]]) -> Iterator[str]:
    for _, entry in entries:
        vocabulary = entry["config"].get("vocabulary")
        if isinstance(vocabulary, list):
            yield from map(str, vocabulary[:20])


def make_inputs(
    specs: Sequence[Mapping[str, Any]], hints: Hints, *, samples: int, seed: int, free_dimension: int | None = None
) -> list[Stored]:
    """One tensor for each ``{"name", "shape", "dtype"}`` of a manifest's inputs.

    An unknown batch size becomes ``samples``; every other unknown dimension takes one common size, because branches that
    meet must agree on it.
    """
    free = free_dimension or hints.free_dimension
    numeric_only = not any(_is_integer(spec) for spec in specs)
    made = []
    for i, spec in enumerate(specs):
        batch, *rest = spec["shape"] or [None]
        shape = (batch or samples, *(free if size is None else size for size in rest))
        rng = np.random.default_rng([seed, i])
        ids = _is_integer(spec) or (hints.ids > 0 and (spec["name"] in hints.looked_up or numeric_only))
        known = _known_ids(hints) if spec["name"] in hints.coded else []
        made.append(_tensor(rng, shape, str(spec["dtype"] or "float32"), hints, ids, known))
    return made


def _is_integer(spec: Mapping[str, Any]) -> bool:
    return "int" in str(spec["dtype"])


def _known_ids(hints: Hints) -> list[int]:
    return [int(word) for word in hints.words if word.lstrip("-").isdecimal()]


def _tensor(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: str, hints: Hints, ids: bool, known: Sequence[int]
) -> Stored:
    if dtype == "string":
        return Stored(dtype, _text(rng, shape, hints))
    if dtype == "bool":
        return Stored(dtype, rng.random(shape) < 0.5)
    values = _ids(rng, shape, hints, dtype) if ids else _numbers(rng, shape, hints)
    if known and ids:
        values = np.where(rng.random(shape) < 0.7, rng.choice(known, shape), values)
    if dtype == "bfloat16":  # its bits are the upper half of a float32
        return Stored(dtype, (values.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16))
    return Stored(dtype, values.astype(dtype))


def _numbers(rng: np.random.Generator, shape: tuple[int, ...], hints: Hints) -> Array:
    values = rng.standard_normal(shape)
    if len(shape) == 3 and shape[1] > 1:
        values[::2, -max(1, shape[1] // 3) :] = hints.mask_value  # whole steps, which is what Masking looks for
    return values


def _ids(rng: np.random.Generator, shape: tuple[int, ...], hints: Hints, dtype: str) -> Array:
    """Ids with padding (0) at the end of every second sample, never a sample of padding alone."""
    limit = hints.ids or (256 if dtype == "uint8" else 10)
    values = rng.integers(min(1, limit - 1), limit, shape)
    if len(shape) == 2 and shape[1] > 1:
        values[::2, -max(1, shape[1] // 3) :] = 0
    return values


def _text(rng: np.random.Generator, shape: tuple[int, ...], hints: Hints) -> Array:
    """Single words and phrases in turn: a lookup wants the first, a vectorizer the second; mostly words that are known."""
    strange = [word.encode() for word in _WORDS]
    words = [word.encode() for word in hints.words] * (1 + 3 * len(strange) // max(1, len(hints.words))) + strange
    cells = range(math.prod(shape))
    return strings([b" ".join(words[k] for k in rng.integers(0, len(words), 3 if i % 3 == 2 else 1)) for i in cells], shape)
