"""The instructions of a code object, for every release of Python that may have written it.

Numbers and cache entries are those of CPython's ``Lib/opcode.py`` (3.13: ``Include/opcode_ids.h``); an instruction that is not
listed is not read. ``tests/conversion`` holds the table against the `opcode` module and against code of those releases.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from configsplit.conversion.lambdas.marshal import Code, Unread


class Instruction(NamedTuple):
    name: str
    argument: int


def _numbered(*texts: str) -> dict[int, str]:
    """``1 POP_TOP 2 ROT_TWO``."""
    words = " ".join(texts).split()
    return {int(number): name for number, name in zip(words[::2], words[1::2], strict=True)}


_COMMON = """9 NOP 11 UNARY_NEGATIVE 15 UNARY_INVERT 25 BINARY_SUBSCR 83 RETURN_VALUE 92 UNPACK_SEQUENCE 100 LOAD_CONST
    102 BUILD_TUPLE 103 BUILD_LIST 106 LOAD_ATTR 107 COMPARE_OP 108 IMPORT_NAME 109 IMPORT_FROM 116 LOAD_GLOBAL 124 LOAD_FAST
    125 STORE_FAST 133 BUILD_SLICE 144 EXTENDED_ARG 145 LIST_APPEND 1 POP_TOP"""
_UNTIL_310 = """2 ROT_TWO 3 ROT_THREE 4 DUP_TOP 5 DUP_TOP_TWO 10 UNARY_POSITIVE 16 BINARY_MATRIX_MULTIPLY
    17 INPLACE_MATRIX_MULTIPLY 19 BINARY_POWER 20 BINARY_MULTIPLY 22 BINARY_MODULO 23 BINARY_ADD 24 BINARY_SUBTRACT
    26 BINARY_FLOOR_DIVIDE 27 BINARY_TRUE_DIVIDE 28 INPLACE_FLOOR_DIVIDE 29 INPLACE_TRUE_DIVIDE 55 INPLACE_ADD
    56 INPLACE_SUBTRACT 57 INPLACE_MULTIPLY 59 INPLACE_MODULO 64 BINARY_AND 66 BINARY_OR 67 INPLACE_POWER 77 INPLACE_AND
    79 INPLACE_OR 131 CALL_FUNCTION 136 LOAD_DEREF"""
_SINCE_36 = "141 CALL_FUNCTION_KW"
_SINCE_37 = "160 LOAD_METHOD 161 CALL_METHOD"
_SINCE_38 = "6 ROT_FOUR"
_SINCE_39 = "82 LIST_TO_TUPLE 162 LIST_EXTEND"
_SINCE_311 = """2 PUSH_NULL 99 SWAP 120 COPY 122 BINARY_OP 137 LOAD_DEREF 149 COPY_FREE_VARS 151 RESUME 162 LIST_EXTEND
    171 CALL 172 KW_NAMES"""
_ONLY_311 = "10 UNARY_POSITIVE 82 LIST_TO_TUPLE 160 LOAD_METHOD 166 PRECALL"
_ONLY_312 = "26 BINARY_SLICE 121 RETURN_CONST 127 LOAD_FAST_CHECK 173 CALL_INTRINSIC_1"
_ONLY_313 = """4 BINARY_SLICE 5 BINARY_SUBSCR 30 NOP 32 POP_TOP 34 PUSH_NULL 36 RETURN_VALUE 41 UNARY_INVERT
    42 UNARY_NEGATIVE 45 BINARY_OP 47 BUILD_LIST 50 BUILD_SLICE 52 BUILD_TUPLE 53 CALL 55 CALL_INTRINSIC_1 57 CALL_KW
    58 COMPARE_OP 61 COPY 62 COPY_FREE_VARS 71 EXTENDED_ARG 74 IMPORT_FROM 75 IMPORT_NAME 80 LIST_APPEND 81 LIST_EXTEND
    82 LOAD_ATTR 83 LOAD_CONST 84 LOAD_DEREF 85 LOAD_FAST 87 LOAD_FAST_CHECK 88 LOAD_FAST_LOAD_FAST 91 LOAD_GLOBAL
    103 RETURN_CONST 110 STORE_FAST 111 STORE_FAST_LOAD_FAST 112 STORE_FAST_STORE_FAST 115 SWAP 117 UNPACK_SEQUENCE
    149 RESUME"""


class Release(NamedTuple):
    """How one release, and those after it up to the next, writes instructions.

    Attributes:
        layout: how it writes code objects.
        names: number -> name.
        caches: how many words of cache follow an instruction.
        shift: by how many bits the argument of a comparison is moved.
    """

    layout: str
    names: Mapping[int, str]
    caches: Mapping[str, int] = {}
    shift: int = 0


_OLD = _numbered(_COMMON, _UNTIL_310)
_37 = _OLD | _numbered(_SINCE_36, _SINCE_37)
_CACHES_312 = {
    "BINARY_SUBSCR": 1,
    "UNPACK_SEQUENCE": 1,
    "LOAD_ATTR": 9,
    "COMPARE_OP": 1,
    "LOAD_GLOBAL": 4,
    "BINARY_OP": 1,
    "CALL": 3,
}

RELEASES: Mapping[str, Release] = {
    "3.5": Release("3.5", _OLD),
    "3.6": Release("3.5", _37),
    "3.8": Release("3.8", _37 | _numbered(_SINCE_38, _SINCE_39)),
    "3.11": Release(
        "3.11",
        _numbered(_COMMON, _SINCE_311, _ONLY_311),
        {
            **_CACHES_312,
            "BINARY_SUBSCR": 4,
            "LOAD_GLOBAL": 5,
            "LOAD_ATTR": 4,
            "LOAD_METHOD": 10,
            "CALL": 4,
            "PRECALL": 1,
            "COMPARE_OP": 2,
        },
    ),
    "3.12": Release("3.11", _numbered(_COMMON, _SINCE_311, _ONLY_312), _CACHES_312, 4),
    "3.13": Release("3.11", _numbered(_ONLY_313), _CACHES_312, 5),
}
"""By the first release that wrote them so. In a layout of several releases the same number is the same instruction in all of
them or is read by one alone (3.6 to 3.10); where it is not (3.11 to 3.13), code is read by each."""

MAX_INSTRUCTIONS = 2_000
NOT_READ = "its code has jumps, loops, inner functions or other instructions that are not read"
NOT_PYTHON = "its code is not as Python writes it"


def instructions(code: Code, release: str) -> list[Instruction]:
    """The instructions of a code object as a release reads them, up to the first that leaves the function."""
    known = RELEASES[release]
    decode = _by_threes if release == "3.5" else _by_words
    listed: list[Instruction] = []
    rest, extended = decode(code.fields["code"]), 0
    for number, byte in rest:
        name = known.names.get(number)
        if name is None or len(listed) == MAX_INSTRUCTIONS:
            raise Unread(NOT_READ)
        argument = extended | byte
        if name == "EXTENDED_ARG":
            extended = argument << (16 if release == "3.5" else 8)
            continue
        if argument >= 1 << 24:
            raise Unread("an instruction of its code has too large an argument")
        extended = 0
        listed.append(Instruction(name, argument))
        for _ in range(known.caches.get(name, 0)):
            if next(rest, None) != (0, 0):
                raise Unread(NOT_PYTHON)
        if name in ("RETURN_VALUE", "RETURN_CONST"):
            return listed
    raise Unread("its code does not end")


def _by_words(code: bytes) -> Iterator[tuple[int, int]]:
    return zip(code[::2], code[1::2], strict=False)


def _by_threes(code: bytes) -> Iterator[tuple[int, int]]:
    """Before Python 3.6 an instruction had no argument, or one of two bytes."""
    at = 0
    while at < len(code):
        number = code[at]
        if number < 90:
            yield number, 0
            at += 1
        else:
            yield number, int.from_bytes(code[at + 1 : at + 3], "little")
            at += 3
