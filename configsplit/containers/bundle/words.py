"""The tables in which layers of Keras 2 look words up (StringLookup, IntegerLookup, TextVectorization), out of a SavedModel.

A table is filled from two constants of the program, words and their numbers; or from a file in ``assets/``, line by line; or it
lies in the tensor bundle, among the weights, where TensorFlow 2.3 to 2.5 put it. Nothing of the program is run: the graph of
objects says which constants or which file, by the names in which one object keeps another and by the constants that a function
is given; both are data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from configsplit.containers.bundle.wire import Damaged, Value, fields, messages, number_in, spans, text_in, varint
from configsplit.containers.opening import Opened
from configsplit.containers.system.window import Span, stream

if TYPE_CHECKING:
    from configsplit.containers.bundle.object_graph import ObjectGraph
    from configsplit.containers.bundle.tensors import Bundle

_GRAPH, _ASSETS, _OBJECTS = 2, 6, 7
"""The fields of a MetaGraphDef."""
INNER = ("_lookup_layer", "_index_lookup_layer")
"""Where TextVectorization keeps the layer that looks its words up: from TensorFlow 2.7 on, and before."""
TABLES = tuple((*inner, table) for table in ("lookup_table", "_table") for inner in ((), *((each,) for each in INNER)))
"""The steps from a layer to its table: from TensorFlow 2.6 on, and before."""
_FILL = ("_initialize",)
_FILE = ("_initializer", "_filename")
_ASSET, _FUNCTION, _CONSTANT = 5, 6, 9
"""The fields of a SavedObject."""
_INT64, _STRING = 9, 7
_MOST_WORDS = 10_000_000

_NUMBER = re.compile(r" *[+-]?[0-9]{1,18} *")

Words: TypeAlias = tuple[str, ...] | tuple[int, ...]


class Table(NamedTuple):
    """What a table is filled from: two rows, of which one has words and the other their numbers; or a file in ``assets/``."""

    keys: Words | None = None
    values: Words | None = None
    file: str = ""


def tables_in(opened: Opened, program: Span, layers: Sequence[Sequence[str]]) -> list[Table | None]:
    """The tables of layers.

    Args:
        opened: the SavedModel.
        program: its ``saved_model.pb``.
        layers: the steps from the model to each layer.

    Returns:
        What the table of each is filled from; None where it is filled otherwise, or with more than a row of words or numbers.

    Raises:
        Damaged: the program is no sound one.
    """
    where = str(opened.path)
    metas = [*spans(program, 2, where)]
    lists = [each for meta in metas for each in spans(meta, _OBJECTS, where)]
    if len(lists) != 1:
        return [None] * len(layers)
    graph = memoryview(opened.small(lists[0]))
    nodes, given = [*messages(graph, 1)], dict(_given(graph))
    sources = [_source(nodes, given, steps) for steps in layers]
    files = [text_in(memoryview(opened.small(each)), 2) for meta in metas for each in spans(meta, _ASSETS, where)]
    names = {name for source in sources if isinstance(source, tuple) for name in source}
    values = dict(_values(opened, [each for meta in metas for each in spans(meta, _GRAPH, where)], names))
    return [_table(source, files, values) for source in sources]


def _table(source: tuple[str, str] | int | None, files: Sequence[str], values: Mapping[str, Any]) -> Table | None:
    if isinstance(source, int):
        return Table(file=files[source]) if source < len(files) else None
    keys, numbers = (values.get(name) for name in source or ("", ""))
    return Table(keys, numbers) if keys and numbers else None


def _given(graph: memoryview) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The objects that each function is given besides its arguments, by their numbers."""
    for entry in messages(graph, 2):
        for function in messages(entry, 2):
            numbers = (number for field, value in fields(function) if field == 2 for number in _packed(value))
            yield text_in(entry, 1), tuple(numbers)


def _source(
    nodes: Sequence[memoryview], given: Mapping[str, tuple[int, ...]], steps: Sequence[str]
) -> tuple[str, str] | int | None:
    """The names of the two constants that a layer's table is filled from, or the number of the file.

    The function that fills it is given the table, its keys and its values.
    """
    for table in TABLES:
        if (file := _kept(nodes, (*steps, *table, *_FILE), _ASSET)) is not None:
            return number_in(file, 1)
        if (function := _kept(nodes, (*steps, *table, *_FILL), _FUNCTION)) is None:
            continue
        filled = [nodes[each] for each in given.get(text_in(function, 1), ())[1:] if 0 <= each < len(nodes)]
        if len(names := [text_in(each, 1) for node in filled for each in messages(node, _CONSTANT)]) == 2:
            return names[0], names[1]
    return None


def has_words(bundle: Bundle, graph: ObjectGraph, layer: int) -> bool:
    """Whether the table of a layer lies in the tensor bundle, filled. Raises StoreError where the graph is damaged."""
    key = _key_of_table(bundle, graph, layer)
    return key is not None and bundle.entries[f"{key}-keys"].shape != (0,)


def kept_table(bundle: Bundle, graph: ObjectGraph, layer: int) -> Table | None:
    """The table of a layer that lies in the tensor bundle; None where there is none, or an empty one.

    Raises:
        StoreError: the bundle or its graph of objects is damaged.
        Damaged: a word is not text.
    """
    if (key := _key_of_table(bundle, graph, layer)) is None:
        return None
    keys, values = _row(bundle, f"{key}-keys"), _row(bundle, f"{key}-values")
    return Table(keys, values) if keys and values and len(keys) == len(values) else None


def _key_of_table(bundle: Bundle, graph: ObjectGraph, layer: int) -> str | None:
    nodes = (graph.at(layer, *steps) for steps in TABLES)
    keys = (graph.table(node) for node in nodes if node is not None)
    return next((key for key in keys if key and {f"{key}-keys", f"{key}-values"} <= bundle.entries.keys()), None)


def _row(bundle: Bundle, key: str) -> Words | None:
    """A row of words or whole numbers of the bundle; None where it is something else."""
    entry = bundle.entries[key]
    if len(entry.shape) != 1 or entry.shape[0] > _MOST_WORDS:
        return None
    if not entry.dtype:
        return tuple(_text(each) for each in bundle.texts(key))
    return _whole_numbers(b"".join(map(bytes, stream([bundle.place(key)])))) if entry.dtype == "int64" else None


def words_of_file(text: memoryview, numbers: bool) -> Words | None:
    """The words of a file, a line each, as TensorFlow reads them; None where it would not: a line is empty, or no number."""
    lines = tuple(line.removesuffix("\r") for line in _text(text).removesuffix("\n").split("\n"))
    if not all(_NUMBER.fullmatch(line) if numbers else line for line in lines):
        return None
    return tuple(map(int, lines)) if numbers else lines


def _kept(nodes: Sequence[memoryview], steps: Sequence[str], kind: int) -> memoryview | None:
    """The object at the end of some steps, if it is of a kind."""
    at = 0
    for step in steps:
        kept = (number_in(each, 1) for each in messages(nodes[at], 1) if text_in(each, 2) == step)
        at = next(kept, -1)
        if not 0 <= at < len(nodes):
            return None
    return next(messages(nodes[at], kind), None)


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
    numbers = _whole_numbers(raw) or tuple(number for field, value in fields(data) if field == 10 for number in _packed(value))
    return numbers * sizes[0] if len(numbers) == 1 else numbers if len(numbers) == sizes[0] else None


def _whole_numbers(raw: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(raw[at : at + 8], "little", signed=True) for at in range(0, len(raw), 8))


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
        raise Damaged("a word of a vocabulary is not text") from None
