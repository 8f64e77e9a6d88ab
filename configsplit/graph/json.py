"""Frozen JSON: the values of a document, immutable from the root to the last leaf, and their text.

Objects are `FrozenDict`, arrays are tuples. What a rewrite does not touch is written as it was read: key order and the
spelling of numbers included, which is why a number that Python would spell differently is kept as a `Number`.

Documents say few things many times. Small objects that are equal (an initializer, a policy) are read as one object, and
`config_kind` numbers configs that differ in their names alone: what follows from one is found out once for each kind of layer.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate, count
from typing import Any, NoReturn, TypeAlias

from configsplit.errors import DocumentError

MAX_DEPTH = 600
"""Deepest nesting of a document, in brackets; a nested model costs three or four."""


Content: TypeAlias = tuple[Any, ...]
"""What an object says, to be compared: ``1``, ``1.0`` and ``true`` are three things, and so are ``0.0`` and ``-0.0``."""


class FrozenDict(dict[str, Any]):
    """A dict that cannot change; `|` makes a new one, keeping the order of keys."""

    __slots__ = ("_kind", "_like", "_same")
    _kind: int
    _like: int
    _same: int

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("a document is immutable; make a new value with `|`")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __or__(self, other: dict[str, Any]) -> FrozenDict:  # type: ignore[override]
        return FrozenDict(super().__or__(other))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items(), key=lambda item: item[0])))

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return FrozenDict, (dict(self),)

    def without(self, *keys: str) -> FrozenDict:
        return FrozenDict({key: value for key, value in self.items() if key not in keys})


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A JSON number whose spelling Python would not repeat (``1E-5``, ``1.50``, ``-0``)."""

    text: str
    value: float

    def __eq__(self, other: object) -> bool:
        return bool(self.value == (other.value if isinstance(other, Number) else other))

    def __hash__(self) -> int:
        return hash(self.value)

    def __float__(self) -> float:
        return self.value


_EXACT = frozenset({str, int, bool, type(None)})
_ARRAYS = (tuple, list)
_IN_ARRAYS = frozenset({int, bool, float, type(None)})
_MOST = 4_000
"""So many small objects, and kinds, are remembered at a time; no model that Keras builds has nearly as many."""

_numbers = count()
_shared: dict[Content, FrozenDict] = {}
_kinds: dict[Content, int] = {}
EMPTY = FrozenDict()
EMPTY._same = next(_numbers)


def config_kind(config: FrozenDict) -> int:
    """A number that configs of different content never share, but for their ``name``, and for the ``shared_object_id`` of
    small objects in them, by which Keras tells objects apart: these alone may differ.

    Those of the same content share it if they hold numbers, texts, short arrays of numbers, and small objects that `loads` has
    made. No number is given twice, so what is found out for one can be remembered under it.
    """
    try:
        return config._kind
    except AttributeError:
        said = content(config.items(), "name") if len(config) < 64 else None
    config._kind = _number(said)
    return config._kind


def _number(said: Content | None) -> int:
    """One number for all that says the same, as long as it is remembered; always a new one for None."""
    if said is None:
        return next(_numbers)
    if (known := _kinds.get(said)) is not None:
        return known
    if len(_kinds) >= _MOST:
        _kinds.clear()
    _kinds[said] = number = next(_numbers)
    return number


def content(pairs: Iterable[tuple[str, Any]], besides: str = "") -> Content | None:
    """What an object says, but for the text under one key; None if that is more than is compared.

    Small objects in it are told by their numbers: ``_same`` where they are one object for all that say so, ``_like`` where
    they, or some in them, have a ``shared_object_id``, for which that number does not count.
    """
    said: list[Any] = []
    for key, value in pairs:
        type_ = type(value)
        if type_ is str:
            if key == besides:
                continue
            if len(value) > 64:
                return None
            said += (key, type_, value)
        elif type_ in _EXACT:
            said += (key, type_, value)
        elif type_ is FrozenDict:
            number = getattr(value, "_same", None)
            if number is None and (number := getattr(value, "_like", None)) is None:
                return None
            said += (key, number)
        elif (figures := _in_figures(value)) is not None:
            said += (key, type_, figures)
        else:
            return None
    return tuple(said)


def _in_figures(value: Any) -> str | None:
    """A number with a point, or a short array of numbers, or of such arrays, as text; None for all else."""
    if type(value) is float:
        return repr(value)
    if type(value) not in _ARRAYS or len(value) >= 16:
        return None
    return repr(value) if _IN_ARRAYS.issuperset(map(type, value)) or all(map(_is_row, value)) else None


def _is_row(value: Any) -> bool:
    return type(value) in _ARRAYS and len(value) < 16 and _IN_ARRAYS.issuperset(map(type, value))


def _never(_: Any) -> bool:
    return False


def _as_it_is(made: Any) -> Any:
    return made


def rebuild(
    value: Any,
    leaf: Callable[[Any], Any],
    *,
    stop: Callable[[Any], bool] = _never,
    whole: Callable[[FrozenDict], FrozenDict] = _as_it_is,
    lists: bool = False,
) -> Any:
    """A copy of nested tuples and FrozenDicts with every leaf replaced; iterative, so depth costs no stack.

    A container for which ``stop`` is true counts as a leaf. Every object that was put together goes through ``whole``, inner
    ones first. With ``lists`` it walks lists and plain dicts instead, and what is frozen already counts as a leaf.
    """
    array, mapping = (list, dict) if lists else (tuple, FrozenDict)
    if not value and stop is _never and type(value) is (mapping if not lists else None):
        return value  # most calls have no keywords
    if not lists and type(value) is tuple and len(value) == 1 and not stop(value):
        (only,) = value
        if (type(only) is not tuple and type(only) is not FrozenDict) or stop(only):
            return (leaf(only),)  # most calls take one tensor
    done: list[Any] = []
    todo: list[tuple[Any, bool]] = [(value, False)]
    while todo:
        item, children_done = todo.pop()
        kind = type(item)
        if (kind is not array and kind is not mapping) or (not children_done and stop(item)):
            done.append(leaf(item))
        elif not children_done:
            todo.append((item, True))
            todo.extend((child, False) for child in reversed(item.values() if kind is mapping else item))
        else:
            start = len(done) - len(item)
            children = done[start:]
            del done[start:]
            done.append(whole(FrozenDict(zip(item, children, strict=True))) if kind is mapping else tuple(children))
    return done[0]


_PLAIN = frozenset({list, dict})


def freeze(value: Any) -> Any:
    """Plain Python JSON (dicts, lists) as frozen values."""
    if type(value) is list and _PLAIN.isdisjoint(map(type, value)):  # most lists: numbers, or what is frozen already
        return tuple(value)
    return rebuild(value, lambda leaf: leaf, lists=True)


def thaw(value: Any) -> Any:
    """Frozen values as plain Python JSON, fresh dicts and lists that the caller may change."""
    return json.loads(dumps(value))


def _object(pairs: list[tuple[str, Any]]) -> FrozenDict:
    """The object of these pairs; where a small one says what one before said, that one."""
    if not pairs:
        return EMPTY
    key, value = pairs[-1]
    apart = key == "shared_object_id" and type(value) is int  # Keras 3 writes it last, in archives into nearly every object
    small = len(pairs) <= 4 + apart
    said = content(pairs[:-1] if apart else pairs) if small else None
    if said is not None and not apart and (known := _shared.get(said)) is not None:
        return known
    made = FrozenDict(pairs)
    if len(made) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise DocumentError(
            f"the key {twice!r} appears twice in one JSON object",
            code="json-duplicate-key",
            hint="two readers could understand such a file differently; remove one of the two",
        )
    for key, value in pairs:
        if type(value) is list:
            dict.__setitem__(made, key, freeze(value))
    if said is not None:
        if apart or any(type(value) is FrozenDict and not hasattr(value, "_same") for value in made.values()):
            made._like = _number(said)  # it stays an object of its own
        else:
            if len(_shared) >= _MOST:
                _shared.clear()
            _shared[said], made._same = made, next(_numbers)
    return made


def _float(text: str) -> float | Number:
    value = float(text)
    return value if repr(value) == text else Number(text, value)


_LARGEST = 1 << 128
"""Far above all that any release writes (64 bits), and so small that products of such numbers can still be told."""


def _int(text: str) -> int | Number:
    if text == "-0":
        return Number(text, -0.0)
    value = int(text)  # of 4,300 digits at most, else a ValueError
    if not -_LARGEST < value < _LARGEST:
        hint = "128 bits are the limit; no Keras release writes more than 64"
        raise DocumentError(f"the JSON has a number of {len(text)} digits", code="json-number", hint=hint)
    return value


class _Numerals(dict[str, Any]):
    """Numbers by their texts, of which a document has few."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self._read = read

    def __missing__(self, text: str) -> Any:
        value = self._read(text)
        if len(self) < _MOST:
            self[text] = value
        return value


_ESCAPED = re.compile(r"\\.", re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b'[]{}"\\'))
_ROUND = bytes.maketrans(b"[]{}", b"()()")
_STEP = {ord("("): 1, ord(")"): -1}


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside of strings."""
    brackets = _brackets(text)
    if b'"' in brackets or b"\\" in brackets:  # a string holds a bracket, or an escape
        brackets = _brackets("".join((_ESCAPED.sub("", text) if "\\" in text else text).split('"')[::2]))
    for depth in range(20):  # pairs that hold nothing are taken away, level by level: few documents nest deeper
        if not brackets:
            return depth
        brackets = brackets.replace(b"()", b"")
    return 20 + max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _brackets(text: str) -> bytes:
    """All brackets, as round ones; and the quotes around strings that hold any, with all escapes."""
    return text.encode("utf-8", "surrogatepass").translate(_ROUND, _OTHERS).replace(b'""', b"")


_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def _check_encoding(text: str) -> None:
    """Half of a surrogate pair stands for no character: such a name can be written into no file."""
    try:
        text.encode("utf-8")
        if _HALF.search(text):
            json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        message = f"the JSON holds half of a surrogate pair, which is no character (at {error.start})"
        raise DocumentError(message, code="json-invalid", hint="the file is damaged or hostile") from None
    except (ValueError, RecursionError):
        return  # `loads` says what else is wrong


def loads(text: str) -> Any:
    """Read JSON text into frozen values."""
    if (depth := _depth(text)) > MAX_DEPTH:
        raise DocumentError(
            f"the JSON nests {depth} levels deep; {MAX_DEPTH} is the limit",
            code="json-too-deep",
            hint="no Keras release writes such a file; it is damaged or hostile",
        )
    _check_encoding(text)
    try:
        floats, ints = _Numerals(_float).__getitem__, _Numerals(_int).__getitem__
        return freeze(json.loads(text, object_pairs_hook=_object, parse_float=floats, parse_int=ints))
    except RecursionError:
        raise DocumentError("the JSON is nested too deeply", code="json-too-deep") from None
    except ValueError as error:
        raise DocumentError(
            f"not valid JSON: {error}",
            code="json-invalid",
            hint="the file is truncated, or is not a Keras architecture",
        ) from None


def dumps(value: Any, *, indent: int | None = None) -> str:
    """JSON text of frozen or plain values, spelled as Keras spells it (or indented)."""
    numbers: list[str] = []
    mark = "\0"
    text = _encode(value, indent, mark, numbers)
    while numbers and text.count(json.dumps(mark)[1:-1]) != 2 * len(numbers):  # a string of the document looks like the mark
        mark += "\1\0"
        numbers.clear()
        text = _encode(value, indent, mark, numbers)
    escaped = re.escape(json.dumps(mark)[1:-1])
    text = re.sub(f'"{escaped}(\\d+){escaped}"', lambda match: numbers[int(match[1])], text) if numbers else text
    return spelled(text)


_BYTE = re.compile(r"\\\\|\\ud[89ab]..\\ud[c-f]..|\\udc([89a-f][0-9a-f])|([\udc80-\udcff])")
_SPELLED = re.compile(r"%([89A-F][0-9A-F])")


def spelled(text: str) -> str:
    """A name of a file, or JSON in ASCII, as every reader takes it: bytes of names that are no UTF-8 become ``%FF``.

    Python has half of a surrogate pair for each of them, which is no character and may stand in no text.
    """
    if text.isascii() and "\\udc" not in text:
        return text

    def byte(match: re.Match[str]) -> str:
        return f"%{match[1].upper()}" if match[1] else f"%{ord(match[2]) - 0xDC00:X}" if match[2] else match[0]

    return _BYTE.sub(byte, text)


def unspelled(name: str) -> str:
    """A name that `spelled` may have made, as the system has it; a file may also be called as it is spelled."""
    return _SPELLED.sub(lambda match: chr(0xDC00 + int(match[1], 16)), name)


def _encode(value: Any, indent: int | None, mark: str, numbers: list[str]) -> str:
    def placeholder(item: object) -> str:
        if not isinstance(item, Number):
            raise TypeError(f"{type(item).__name__} is not JSON")
        numbers.append(item.text)
        return f"{mark}{len(numbers) - 1}{mark}"

    return json.dumps(value, indent=indent, default=placeholder, check_circular=False)
