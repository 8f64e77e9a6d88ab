"""The words that a layer of Keras 2 has counted (StringLookup, IntegerLookup, TextVectorization), out of a SavedModel.

An adapted layer fills a table from two constants of the program: words, and their numbers. Nothing of the program is run: the
graph of objects says which constants, by the names in which one object keeps another, and a constant is data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from configsplit.containers.bundle.wire import Damaged, Value, fields, messages, number_in, spans, text_in, varint
from configsplit.containers.opening import Opened
from configsplit.containers.system.window import Span

_GRAPH, _OBJECTS = 2, 7
"""The fields of a MetaGraphDef."""
_TABLES = (("lookup_table",), ("_lookup_layer", "lookup_table"))
_KEYS, _NUMBERS = (("_initialize", "trace_0", name) for name in ("capture_1", "capture_2"))
_INT64, _STRING = 9, 7
_MOST_WORDS = 10_000_000

Words: TypeAlias = tuple[str, ...] | tuple[int, ...]


def words_in(opened: Opened, program: Span, layers: Mapping[str, Sequence[str]], first: Mapping[str, int]) -> dict[str, Words]:
    """The words of layers, in the order of their numbers.

    Args:
        opened: the SavedModel.
        program: its ``saved_model.pb``.
        layers: the steps from the model to each layer, by name.
        first: the number of the first word of each.

    Returns:
        The words of all layers whose table is filled from constants, numbered without a hole.

    Raises:
        Damaged: the program is no sound one.
    """
    where = str(opened.path)
    metas = [*spans(program, 2, where)]
    found = [each for meta in metas for each in spans(meta, _OBJECTS, where)]
    if len(found) != 1:
        return {}
    nodes = [*messages(memoryview(opened.small(found[0])), 1)]
    wanted = {name: _constants(nodes, steps) for name, steps in layers.items()}
    names = {each for pair in wanted.values() if pair for each in pair}
    graphs = [each for meta in metas for each in spans(meta, _GRAPH, where)]
    values = dict(_values(opened, graphs, names))
    told: dict[str, Words] = {}
    for name, pair in wanted.items():
        words, numbers = (values.get(each) for each in pair or ("", ""))
        if words and numbers == (*range(first[name], first[name] + len(words)),):
            told[name] = words
    return told


def _constants(nodes: Sequence[memoryview], steps: Sequence[str]) -> tuple[str, str] | None:
    """The names of the two constants that a layer's table is filled from."""
    for table in _TABLES:
        keys, numbers = (_constant(nodes, (*steps, *table, *path)) for path in (_KEYS, _NUMBERS))
        if keys and numbers:
            return keys, numbers
    return None


def _constant(nodes: Sequence[memoryview], steps: Sequence[str]) -> str:
    at = 0
    for step in steps:
        kept = (number_in(each, 1) for each in messages(nodes[at], 1) if text_in(each, 2) == step)
        at = next(kept, -1)
        if not 0 <= at < len(nodes):
            return ""
    return next((text_in(each, 1) for each in messages(nodes[at], 9)), "")


def _values(opened: Opened, graphs: Sequence[Span], names: set[str]) -> Iterator[tuple[str, Any]]:
    """The values of constants of the outermost graph, by name."""
    for graph in graphs:
        for span in spans(graph, 1, str(opened.path)):
            node = memoryview(opened.small(span))
            if text_in(node, 2) == "Const" and (name := text_in(node, 1)) in names:
                held = (value for each in messages(node, 5) if text_in(each, 1) == "value" for value in messages(each, 2))
                yield from ((name, _tensor(tensor)) for value in held for tensor in messages(value, 8))


def _tensor(data: memoryview) -> Words | None:
    """A row of texts or whole numbers; None where it is something else."""
    dtype, sizes = number_in(data, 1), [number_in(each, 1) for shape in messages(data, 2) for each in messages(shape, 2)]
    if len(sizes) != 1 or sizes[0] > _MOST_WORDS:
        return None
    if dtype == _STRING:
        texts = tuple(_text(each) for each in messages(data, 8))
        return texts if len(texts) == sizes[0] else None
    raw = b"".join(messages(data, 4))
    if dtype != _INT64:
        return None
    numbers = [int.from_bytes(raw[at : at + 8], "little", signed=True) for at in range(0, len(raw), 8)]
    numbers = numbers or [number for field, value in fields(data) if field == 10 for number in _packed(value)]
    return tuple(numbers * sizes[0] if len(numbers) == 1 else numbers) if len(numbers) in (1, sizes[0]) else None


def _packed(value: Value) -> Iterator[int]:
    at, data = 0, value if isinstance(value, memoryview) else memoryview(b"")
    if isinstance(value, int):
        yield value
    while at < len(data):
        number, at = varint(data, at)
        yield number - (1 << 64) if number >> 63 else number


def _text(data: memoryview) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise Damaged("a word of a vocabulary is no text") from None
