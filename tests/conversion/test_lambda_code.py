"""Code of every Python from 3.5 to 3.13 is read alike, and hostile code is refused, in no time and with little memory."""

from __future__ import annotations

import json
import marshal
import opcode
import struct
import sys
import time
from base64 import b64decode, b64encode
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lambda_sources import READ, REFUSED, SHAPES
from support.corpus import releases
from support.thinned import examples
from written_lambdas import WRITTEN

from configsplit.conversion.lambdas.instructions import RELEASES
from configsplit.conversion.lambdas.marshal import Unread, read_code
from configsplit.conversion.lambdas.reading import Reading, read, titled
from configsplit.conversion.lambdas.values import Tensor
from configsplit.graph.json import FrozenDict, freeze
from configsplit.graph.model import TensorRef, TensorSpec

PUBLISHED = json.loads((Path(__file__).parent / "written_code.json").read_text())
STORED = json.loads((Path(__file__).parent / "lambda_code.json").read_text())


def _read(function: Any, shapes: Any = (None, 4), **config: Any) -> Reading:
    several = shapes if type(shapes) is list else [shapes]
    given = [Tensor(TensorRef(f"in{at}"), TensorSpec(shape, "float32"), "") for at, shape in enumerate(several)]
    inputs = tuple(given) if type(shapes) is list else given[0]
    return read(freeze({"function": function, "function_type": "lambda", **config}), titled(inputs), "code")


@pytest.mark.parametrize("release", sorted(STORED))
def test_every_release_is_read_alike(release: str) -> None:
    for name, text in READ.items():
        assert _read(STORED[release]["samples"][name], SHAPES.get(name, (None, 4))).text == text, name
    for name, reason in REFUSED.items():
        with pytest.raises(Unread, match=reason):
            _read(STORED[release]["samples"][name])


@pytest.mark.parametrize("release", sorted(PUBLISHED))
def test_what_people_write_is_read_alike_from_every_release(release: str) -> None:
    """``written_code.json``: base64(marshal.dumps(function.__code__)) of functions in ``written_lambdas.py`` by each Python."""
    for title, code in PUBLISHED[release].items():
        function, *shapes = WRITTEN[title]
        shapes = [(None, *shape) for shape in shapes]
        ours = b64encode(marshal.dumps(function.__code__)).decode()
        mine, theirs = (
            _read([each, function.__defaults__, None], shapes if len(shapes) > 1 else shapes[0]) for each in (ours, code)
        )
        assert mine == theirs, title


@pytest.mark.parametrize("release", sorted(STORED))
def test_the_numbers_of_instructions_are_those_of_the_release(release: str) -> None:
    key = "3.8" if release == "3.10" else release
    known = RELEASES[key]
    assert {name: number for number, name in known.names.items()}.items() <= STORED[release]["opmap"].items()
    cached = {name: count for name, count in STORED[release]["caches"].items() if name in known.names.values()}
    assert cached == known.caches


def test_the_stored_numbers_are_those_of_this_python() -> None:
    stored = STORED.get(f"{sys.version_info.major}.{sys.version_info.minor}")
    if stored is not None:
        assert stored["opmap"].items() <= opcode.opmap.items()


def test_code_of_the_corpus_is_read() -> None:
    """Python 3.6 to 3.11, as Keras 1.0.8 to tf_keras 2.21 have written it: in both spellings of bytes and of the layer."""
    texts = set()
    for path in sorted(releases().rglob("lambdas.json")):
        for config in _lambdas(json.loads(path.read_text())):
            if config.get("function_type") == "lambda" or "__lambda__" in json.dumps(config["function"]):
                texts.add(
                    read(freeze(config), titled(Tensor(TensorRef("in"), TensorSpec((None, 4), "float32"), "")), "code").text
                )
    assert texts == {"x * 2 + 1", "x * 3"}


def _lambdas(value: Any) -> list[dict[str, Any]]:
    found, todo = [], [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict) and item.get("class_name") == "Lambda":
            found.append(item["config"])
        todo += item.values() if isinstance(item, dict) else item if isinstance(item, list) else []
    return found


# ------------------------------------------------------------------------------------------- Python 3.5, put together by hand

_OBJECTS = {str: "u", bytes: "s"}


def _object(value: Any) -> bytes:
    if type(value) is tuple:
        return b"(" + struct.pack("<i", len(value)) + b"".join(map(_object, value))
    if value is None:
        return b"N"
    if type(value) is float:
        return b"g" + struct.pack("<d", value)
    if type(value) is int:
        return b"i" + struct.pack("<i", value)
    raw = value.encode() if type(value) is str else value
    return _OBJECTS[type(value)].encode() + struct.pack("<i", len(raw)) + raw


def _old(code: bytes, constants: tuple[Any, ...], names: tuple[str, ...] = (), flags: int = 0x43) -> list[Any]:
    """A function of one parameter as Python 3.5 to 3.7 wrote it."""
    fields = (code, constants, names, ("x",), (), (), "file.py", "<lambda>")
    raw = b"c" + struct.pack("<5i", 1, 0, 1, 4, flags) + b"".join(map(_object, fields)) + struct.pack("<i", 1) + _object(b"")
    return [b64encode(raw).decode(), None, None]


def test_python_3_5_is_read() -> None:
    """Instructions of one byte, or three with an argument; what is called by name stands behind its name."""
    rescale = bytes([124, 0, 0, 100, 1, 0, 27, 100, 2, 0, 24, 83])
    assert _read(_old(rescale, (None, 127.5, 1))).text == "x / 127.5 - 1"
    mean = bytes([116, 0, 0, 106, 1, 0, 124, 0, 0, 100, 1, 0, 100, 2, 0, 131, 1, 1, 83])
    assert _read(_old(mean, (None, "axis", 1), ("K", "mean"))).text == "reduce_mean(x, axis=1)"
    far = bytes([124, 0, 0, 144, 0, 0, 100, 1, 0, 23, 83])
    assert _read(_old(far, (None, 5.0))).text == "x + 5"


# -------------------------------------------------------------------------------------------------------------------- hostile


def _code(constants: tuple[Any, ...]) -> bytes:
    return marshal.dumps((lambda x: x * 2).__code__.replace(co_consts=constants))


def _raw(constants: bytes) -> bytes:
    """A function as Python 3.5 to 3.7 wrote it, whose constants are these bytes."""
    code = bytes([124, 0, 100, 1, 20, 0, 83, 0])
    rest = b"".join(map(_object, ((), ("x",), (), (), "file.py", "<lambda>")))
    return b"c" + struct.pack("<5i", 1, 0, 1, 4, 0x43) + _object(code) + constants + rest + struct.pack("<i", 1) + _object(b"")


def _laughs() -> bytes:
    """A tuple of ten times a tuple of ten times a tuple, each written once and then referred to: 10 ** 15 numbers."""
    value = b"\xa9\x0a" + _object(1) * 10
    for place in range(15):
        value = b"\xa9\x0a" + value + (b"r" + struct.pack("<i", 15 - place)) * 9
    return _raw(b"(" + struct.pack("<i", 2) + b"N" + value)


def _deep(levels: int) -> bytes:
    return _raw(b"(" + struct.pack("<i", 2) + b"N" + b")\x01" * levels + b")\x00")


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "no code": marshal.dumps((1, 2)),
    "a bomb of references": _laughs(),
    "deep": _deep(100_000),
    "a huge number": _code((None, 1 << 4000)),
    "a number that is none": _code((None, float("inf"))),
    "a complex number": _code((None, 1j)),
    "a set": _code((None, frozenset({1}))),
    "four billion items": b"\xe3" + struct.pack("<5i", 1, 0, 0, 1, 3) + b"(" + struct.pack("<I", 0xFFFFFFFF),
    "less than nothing": b"\xe3" + struct.pack("<5i", 1, 0, 0, 1, 3) + b"s" + struct.pack("<i", -5),
    "itself": b"\xe3" + struct.pack("<5i", 1, 0, 0, 1, 3) + b"r\0\0\0\0" * 12,
    "too long": _code((None, "a" * 300_000)),
    "something behind it": _code((None, 2)) + b"N",
}


@pytest.mark.parametrize("title", sorted(HOSTILE))
def test_hostile_code_is_refused(title: str) -> None:
    start = time.process_time()
    with pytest.raises(Unread):
        _read([b64encode(HOSTILE[title]).decode(), None, None])
    assert time.process_time() - start < 2


def test_what_python_passes_over_is_not_passed_over_here() -> None:
    """What stands where Python keeps its caches is never run, so that a file could hide instructions there."""
    code = bytearray(marshal.dumps((lambda x: x * 2 + 1).__code__))
    place = code.index(bytes([122, 5, 0, 0])) if sys.version_info[:2] in ((3, 11), (3, 12)) else -1
    if place >= 0:
        code[place + 2 : place + 4] = bytes([11, 0])
        with pytest.raises(Unread):
            _read([b64encode(bytes(code)).decode(), None, None])


def test_an_expression_that_doubles_stays_short() -> None:
    source = "def f(x):\n" + "    x = x + x\n" * 200 + "    return x"
    space: dict[str, Any] = {}
    exec(source, space)
    found = _read([b64encode(marshal.dumps(space["f"].__code__)).decode(), None, None])
    assert len(found.layers) == 200
    assert len(found.text) < 1000


@examples(300)
@given(st.data())
def test_damaged_code_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    release = data.draw(st.sampled_from(sorted(STORED)))
    raw = bytearray(b64decode(STORED[release]["samples"][data.draw(st.sampled_from(sorted(READ)))][0]))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Unread):
        assert _read([b64encode(bytes(raw)).decode(), None, None]).outputs


@examples(200)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(Unread):
        read_code(b"\xe3" + raw)


def test_a_config_that_no_release_writes_is_refused() -> None:
    for config in ({"function": 3}, {"function": "a"}, {"function": [1, 2]}, {"function": [b64encode(b"x").decode(), 5, None]}):
        with pytest.raises(Unread):
            _read(**config)
    with pytest.raises(Unread, match="mask"):
        read(FrozenDict({"mask": 1}), (), "code")
