"""Inputs for a model that is to be run: deterministic in the seed, and such that what is in the model matters.

Every input gets what its own layers make something of (`configsplit.runtime.input_uses`): ids that are in range, the padding
that they know, words and numbers that a lookup knows, both truth values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.table import class_facts
from configsplit.dialects import parse, read_entry
from configsplit.errors import ConfigSplitError
from configsplit.graph.json import FrozenDict, loads
from configsplit.graph.walking import values_in
from configsplit.inference import trace
from configsplit.runtime.arrays import Array, Stored, as_bfloat16, strings
from configsplit.runtime.input_uses import Reach, reaches
from configsplit.runtime.padding import across, padding

_WORDS = ("the", "cat", "sat", "on", "a", "mat", "zebra", "")
_VOCABULARY_WORDS = 40
_DEEP = 10
_SENTENCES = (1, 4, 0, 2)
_NEAR = 4
"""Of so many steps that are not padding one looks almost like it."""


class Range(NamedTuple):
    """Bounds of the numbers of an input; both may be drawn."""

    low: float
    high: float


NO_RANGES: Mapping[int, Range] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """What a document says about the inputs that make sense.

    Attributes:
        convolutions: how many convolution layers there are; they shrink an image, so free dimensions must be large enough.
        words: words that the model knows.
        reached: for each input what its numbers are taken for; empty where the document cannot be followed.
        ids: ids below it are valid anywhere in the model, for inputs that cannot be followed; 0 if nothing takes ids.
    """

    convolutions: int = 0
    words: tuple[str, ...] = ()
    reached: tuple[Reach, ...] = ()
    ids: int = 0

    @property
    def free_dimension(self) -> int:
        """Size of an unknown dimension: divisible by 32 for U-Nets, beyond the 75 pixels that Inception asks for."""
        return 7 if not self.convolutions else 32 if self.convolutions < _DEEP else 96

    def of(self, number: int) -> Reach:
        """What the input of that number is taken for. One that cannot be followed may be padded with 0."""
        return self.reached[number] if number < len(self.reached) else Reach(limit=self.ids, zeros=True)


def read_hints(text: str, words: Sequence[str] = (), facts: Mapping[str, LayerFacts] | None = None) -> Hints:
    """Gather hints from the text of an architecture; ``facts`` are those of plug-ins."""
    entries = list(_entries(loads(text)))
    keys = [(class_facts(name), entry["config"]) for name, entry in entries]
    sizes = [config.get(facts.limit_key) for facts, config in keys if facts.mask_made == "not_zero"]
    return Hints(
        convolutions=sum("Conv" in name for name, _ in entries),
        words=tuple(dict.fromkeys([*words, *_known_words(entries)]))[:_VOCABULARY_WORDS],
        reached=_reached(text, facts or {}),
        ids=min((size for size in sizes if isinstance(size, int) and size > 0), default=0),
    )


def _reached(text: str, facts: Mapping[str, LayerFacts]) -> tuple[Reach, ...]:
    try:
        return reaches(trace(parse(text).model, facts, read=read_entry))
    except ConfigSplitError:  # Keras may read what configsplit does not
        return ()


def _entries(document: Any) -> Iterator[tuple[str, FrozenDict]]:
    for item in values_in(document):
        if (
            isinstance(item, FrozenDict)
            and isinstance(item.get("class_name"), str)
            and isinstance(item.get("config"), FrozenDict)
        ):
            yield item["class_name"].split(">")[-1], item


def _known_words(entries: Sequence[tuple[str, FrozenDict]]) -> Iterator[str]:
    for _, entry in entries:
        vocabulary = entry["config"].get("vocabulary")
        if isinstance(vocabulary, tuple):
            yield from map(str, vocabulary[:20])


def make_inputs(
    specs: Sequence[Mapping[str, Any]],
    hints: Hints,
    *,
    samples: int,
    seed: int,
    free_dimension: int | None = None,
    ranges: Mapping[int, Range] = NO_RANGES,
    limit: int = 0,
) -> list[Stored]:
    """One tensor for each ``{"name", "shape", "dtype"}`` of a manifest's inputs, in the order of the model's inputs.

    An unknown batch size becomes ``samples``; every other unknown dimension takes one common size, because branches that
    meet must agree on it. ``ranges`` holds the numbers of some inputs, by their place, within bounds; with a ``limit`` whole
    numbers of all others stay below that, too.
    """
    free = free_dimension or hints.free_dimension
    made = []
    for number, spec in enumerate(specs):
        batch, *rest = spec["shape"] or [None]
        shape = (batch or samples, *(free if size is None else size for size in rest))
        rng = np.random.default_rng([seed, number])
        dtype, reach = str(spec["dtype"] or "float32"), hints.of(number)
        made.append(_Drawing(rng, shape, dtype, hints, reach, number, ranges.get(number), limit).stored())
    return made


@dataclass(frozen=True, slots=True)
class _Drawing:
    """One input being drawn; ``shift`` turns the order in which its samples are padded, so that inputs differ."""

    rng: np.random.Generator
    shape: tuple[int, ...]
    dtype: str
    hints: Hints
    reach: Reach
    shift: int
    range: Range | None = None
    limit: int = 0

    def stored(self) -> Stored:
        if self.dtype == "string":
            return Stored(self.dtype, self._text())
        if self.dtype == "bool":
            return Stored(self.dtype, ~padding(self.rng, self.shape, self.shift))
        values = self._numbers()
        if self.dtype == "bfloat16":
            return as_bfloat16(values)
        return Stored(self.dtype, values.astype(self.dtype))

    @property
    def _whole(self) -> bool:
        """Whether the numbers are whole ones, which floats are that an Embedding reads."""
        return "int" in self.dtype or self.reach.limit > 0

    @property
    def _limit(self) -> int:
        """Whole numbers stay below it; 0 where nothing asks for that."""
        return min((limit for limit in (self.reach.limit, self.reach.guess, self.limit) if limit), default=0)

    @property
    def _known(self) -> list[int]:
        """The whole numbers that lookups know, if any."""
        return _whole_numbers(self.reach.words or self.hints.words)

    def _numbers(self) -> Array:
        values = self._within() if self.range else self._ids() if self._whole else self.rng.standard_normal(self.shape)
        pads = self._pads()
        if not pads or not values.size:
            return values
        left_out = self._left_out()
        if self.reach.padding and self._step > 1:
            values = self._almost(values, left_out, pads[-1])
        return self._filled(values, left_out, pads)

    def _within(self) -> Array:
        low, high = self.range or Range(0, 0)
        if self._whole:
            return self.rng.integers(math.ceil(low), math.floor(high), self.shape, endpoint=True)
        return self.rng.uniform(low, high, self.shape)

    @property
    def _step(self) -> int:
        """How many numbers in a row are padding together or not at all; 0 where that is not known."""
        if self.reach.padding:
            return self.reach.step if self.reach.step and math.prod(self.shape[1:]) % self.reach.step == 0 else 0
        return 1 if self._whole else self.shape[-1]

    def _ids(self) -> Array:
        limit = self._limit or (256 if self.dtype == "uint8" else 10)
        values = self.rng.integers(min(1, limit - 1), limit, self.shape)
        known = self._known if self.reach.strict or not self._limit else []
        if known and self.reach.strict:
            return self.rng.choice(known, self.shape)
        return np.where(self.rng.random(self.shape) < 0.7, self.rng.choice(known, self.shape), values) if known else values

    def _pads(self) -> list[float]:
        """The numbers that stand for padding. Sequences are padded with 0 also where nobody says what takes them."""
        blanks = _whole_numbers(self.reach.blanks)
        sequence = len(self.shape) in ((1, 2, 3) if self._whole else (3,))
        zero = [] if self.reach.padding or blanks or not sequence else [0.0]
        if self.reach.zeros and (self._whole or sequence):
            zero = [0.0]
        return list(dict.fromkeys(filter(self._possible, (*zero, *map(float, blanks), *self.reach.padding))))

    def _possible(self, value: float) -> bool:
        if self.range is not None and not self.range.low <= value <= self.range.high:
            return False
        if not self._whole:
            return True
        if self.reach.strict:
            return value in (*self._known, *_whole_numbers(self.reach.blanks))
        above = -math.inf if not self._limit and "uint" not in self.dtype else 0
        return value.is_integer() and above <= value < (self._limit or math.inf)

    def _left_out(self) -> Array:
        """True for every number that is padding."""
        samples, *sizes = self.shape
        if not self._step and len(sizes) > 1:
            return across(self.rng, self.shape, self.shift)
        if self._step == 1:
            return padding(self.rng, self.shape, self.shift)
        size = self._step or math.prod(sizes)
        steps = sizes[:-1] if sizes[-1:] == [size] else [math.prod(sizes) // size]
        return np.repeat(padding(self.rng, (samples, *steps), self.shift).ravel(), size).reshape(self.shape)

    def _almost(self, values: Array, left_out: Array, pad: float) -> Array:
        """Steps of which one number is that of padding, and steps of zeros where padding is another number: both count."""
        steps = values.reshape(-1, self._step).copy()
        kept = np.flatnonzero(~left_out.reshape(-1, self._step)[:, 0])
        near = kept[::_NEAR]
        steps[near, self.rng.integers(0, self._step, len(near))] = pad
        if 0 not in self.reach.padding and self._possible(0.0):
            steps[kept[2 :: 2 * _NEAR]] = 0
        return steps.reshape(self.shape)

    def _filled(self, values: Array, left_out: Array, pads: Sequence[float]) -> Array:
        """The numbers with padding in its places, of several kinds in turn from step to step."""
        size = self._step or math.prod(self.shape[1:])
        turns = np.cumsum(left_out.reshape(-1, size)[:, 0]) % len(pads)
        return np.where(left_out, np.repeat(np.asarray(pads)[turns], size).reshape(self.shape), values)

    def _text(self) -> Array:
        """Words and sentences; mostly words that are known. A lookup wants single words, a vectorizer sentences."""
        strange = [word.encode() for word in _WORDS]
        known = [word.encode() for word in self.reach.words or self.hints.words]
        words = known if known and self.reach.strict else known * (1 + 3 * len(strange) // max(1, len(known))) + strange
        cells = range(math.prod(self.shape))
        texts = strings(
            [b" ".join(words[k] for k in self.rng.integers(0, len(words), self._length(i))) for i in cells], self.shape
        )
        if self.reach.blanks and not self.reach.vectorized:
            texts[padding(self.rng, self.shape, self.shift)] = self.reach.blanks[0].encode()
        return texts

    def _length(self, cell: int) -> int:
        """Words in a text: of every length up to none at all for a vectorizer, one and several in turn where nobody says."""
        if self.reach.vectorized:
            return _SENTENCES[cell % len(_SENTENCES)]
        return 3 if cell % 3 == 2 and not self.reach.words else 1


def _whole_numbers(words: Sequence[str]) -> list[int]:
    return [int(word) for word in words if word.lstrip("-").isdecimal()]
