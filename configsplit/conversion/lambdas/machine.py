"""Straight code followed instruction by instruction, with tensors in place of numbers: what it would call is written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from configsplit.conversion.lambdas.calling import Calls
from configsplit.conversion.lambdas.instructions import RELEASES, instructions
from configsplit.conversion.lambdas.marshal import Code, Unread
from configsplit.conversion.lambdas.names import called, member, module
from configsplit.conversion.lambdas.values import Sizes, Tensor, calculated

_NULL: Any = type("Null", (), {"__repr__": lambda self: "NULL"})()
"""What Python 3.7 and later put beside a function that is no method."""

_OPERATORS = ("+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^")
"""By the argument of BINARY_OP; those that work in place follow in the same order."""

_WORDS = {
    "POWER": "**",
    "MULTIPLY": "*",
    "MATRIX_MULTIPLY": "@",
    "MODULO": "%",
    "ADD": "+",
    "SUBTRACT": "-",
    "FLOOR_DIVIDE": "//",
    "TRUE_DIVIDE": "/",
    "AND": "&",
    "OR": "|",
}
_COMPARED = ("<", "<=", "==", "!=", ">", ">=")


class Machine:
    """One function on its way through a release's instructions."""

    def __init__(self, code: Code, release: str, given: Mapping[str, Any], closure: tuple[Any, ...], calls: Calls) -> None:
        self.code, self.release, self.calls, self.closure = code, release, calls, closure
        self.constants, self.names = code.fields["constants"], code.fields["names"]
        self.variables: dict[str, Any] = dict(given)
        self.stack: list[Any] = []
        self.keywords: tuple[str, ...] = ()

    def run(self) -> Any:
        """What the function gives."""
        try:
            for name, argument in instructions(self.code, self.release):
                if name in ("RETURN_VALUE", "RETURN_CONST"):
                    return self.stack.pop() if name == "RETURN_VALUE" else self.constants[argument]
                self._step(name, argument)
        except IndexError:
            raise Unread("its code takes what is not there") from None
        raise Unread("its code does not end")

    def _step(self, name: str, argument: int) -> None:
        kind, _, word = name.partition("_")
        if kind in ("BINARY", "INPLACE") and word in _WORDS:
            self._operate(_WORDS[word])
        else:
            _STEPS[name](self, argument)

    def pop(self, count: int) -> tuple[Any, ...]:
        if count > len(self.stack):
            raise IndexError(count)
        popped = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        return popped

    # ------------------------------------------------------------------------------------------------------ the stack

    def turn(self, count: int) -> None:
        """The topmost value goes below those under it."""
        *rest, top = self.pop(count)
        self.stack += [top, *rest]

    def swap(self, argument: int) -> None:
        self.stack[-1], self.stack[-argument] = self.stack[-argument], self.stack[-1]

    def copy(self, argument: int) -> None:
        self.stack.append(self.stack[-argument])

    def twice(self, count: int) -> None:
        self.stack += self.stack[-count:]

    # ------------------------------------------------------------------------------------------------------ variables

    def load_const(self, argument: int) -> None:
        self.stack.append(_known(self.constants[argument]))

    def load_fast(self, argument: int) -> None:
        name = self.code.fields["locals"][argument]
        if name not in self.variables:
            raise Unread(f"it takes {name!r}, which it was not given")
        self.stack.append(self.variables[name])

    def store_fast(self, argument: int) -> None:
        self.variables[self.code.fields["locals"][argument]] = self.stack.pop()

    def pair(self, argument: int, first: str, second: str) -> None:
        """Two instructions in one, of Python 3.13."""
        getattr(self, first)(argument >> 4)
        getattr(self, second)(argument & 15)

    def load_deref(self, argument: int) -> None:
        fields = self.code.fields
        if fields.get("cells") or any(kind & 0x40 for kind in fields.get("kinds", b"")):
            raise Unread("it shares variables with inner functions")
        place = argument - sum(not kind & 0x80 for kind in fields["kinds"]) if "kinds" in fields else argument
        if not 0 <= place < len(self.closure):
            raise Unread("it takes a variable from around it, which the file does not hold")
        self.stack.append(self.closure[place])

    def load_global(self, argument: int) -> None:
        null = self.code.layout == "3.11" and argument & 1
        name = self.names[argument >> 1 if self.code.layout == "3.11" else argument]
        pushed = [module(name), *([_NULL] if null else [])]
        self.stack += pushed if self.release == "3.13" else reversed(pushed)

    def imported(self, argument: int) -> None:
        level, wanted = self.pop(2)
        path = self.names[argument]
        if level != 0:
            raise Unread("it imports from its own package")
        module(path)
        self.stack.append(module(path if wanted else path.partition(".")[0]))

    def imported_from(self, argument: int) -> None:
        self.stack.append(member(self.stack[-1], self.names[argument]))

    # -------------------------------------------------------------------------------------------------------- members

    def load_attr(self, argument: int) -> None:
        if self.release in ("3.12", "3.13"):
            is_method, argument = argument & 1, argument >> 1
        else:
            is_method = 0
        self.stack.append(member(self.stack.pop(), self.names[argument]))
        if is_method:
            self.stack.append(_NULL)

    def load_method(self, argument: int) -> None:
        self.stack += [_NULL, member(self.stack.pop(), self.names[argument])]

    # -------------------------------------------------------------------------------------------------------- calling

    def call_method(self, count: int) -> None:
        """A call of Python 3.7 and later: beside the function stands nothing, since methods are bound here."""
        args = self.pop(count)
        self._call([each for each in self.pop(2) if each is not _NULL], args, self.keywords)
        self.keywords = ()

    def call_with(self, count: int) -> None:
        """With the names of the last arguments on top: Python 3.13."""
        (self.keywords,) = self.pop(1)
        self.call_method(count)

    def call_function(self, argument: int) -> None:
        """Up to Python 3.5 the second byte counts arguments by name, each behind its name."""
        pairs = self.pop(2 * (argument >> 8)) if self.release == "3.5" else ()
        args = self.pop(argument & 0xFF if self.release == "3.5" else argument)
        self._call(list(self.pop(1)), (*args, *pairs[1::2]), pairs[::2])

    def call_function_kw(self, count: int) -> None:
        (names,) = self.pop(1)
        args = self.pop(count)
        self._call(list(self.pop(1)), args, names)

    def name_keywords(self, argument: int) -> None:
        self.keywords = self.constants[argument]

    def _call(self, functions: list[Any], args: tuple[Any, ...], names: Any) -> None:
        if (
            len(functions) != 1
            or type(names) is not tuple
            or len(names) > len(args)
            or not all(type(name) is str for name in names)
        ):
            raise Unread("it calls something in a way that is not read")
        split = len(args) - len(names)
        self.stack.append(called(self.calls, functions[0], args[:split], dict(zip(names, args[split:], strict=True))))

    # -------------------------------------------------------------------------------------------------------- making

    def build(self, count: int) -> None:
        self.stack.append(self.pop(count))

    def append(self, argument: int) -> None:
        self.stack[-1] = (self.stack[-1],)
        self.extend(argument)

    def extend(self, argument: int) -> None:
        (more,) = self.pop(1)
        listed = more.sizes if type(more) is Sizes else more
        if type(listed) is not tuple or type(self.stack[-argument]) is not tuple:
            raise Unread("it puts into a list what is none")
        self.stack[-argument] += listed

    def slice(self, count: int) -> None:
        self.stack.append(slice(*self.pop(count)))

    def unpack(self, count: int) -> None:
        (value,) = self.pop(1)
        listed = value.sizes if type(value) is Sizes else value
        if type(listed) is not tuple or len(listed) != count:
            raise Unread("it takes apart what is no list of that length")
        self.stack += reversed(listed)

    def intrinsic(self, argument: int) -> None:
        if argument == 5:
            self.plus(0)
        elif argument != 6:  # a list as a tuple, which are the same here
            raise Unread("its code has instructions that are not read")

    # -------------------------------------------------------------------------------------------------------- computing

    def _operate(self, symbol: str) -> None:
        left, right = self.pop(2)
        tensors = any(type(side) is Tensor for side in (left, right))
        self.stack.append(self.calls.between(symbol, left, right) if tensors else calculated(symbol, left, right))

    def operate(self, argument: int) -> None:
        self._operate(_OPERATORS[argument % len(_OPERATORS)])

    def compare(self, argument: int) -> None:
        place = argument >> RELEASES[self.release].shift
        if place >= len(_COMPARED) or not any(type(side) is Tensor for side in self.stack[-2:]):
            raise Unread("it compares constants")
        self._operate(_COMPARED[place])

    def plus(self, _: int) -> None:
        if type(self.stack[-1]) not in (int, float):
            raise Unread("it computes in a way that is not read (+)")

    def minus(self, _: int) -> None:
        (value,) = self.pop(1)
        if type(value) is Tensor:
            self.stack.append(self.calls.negated(value))
        elif type(value) in (int, float):
            self.stack.append(-value)
        else:
            raise Unread("it computes in a way that is not read (-)")

    def invert(self, _: int) -> None:
        (value,) = self.pop(1)
        if type(value) is not Tensor or value.spec.dtype != "bool":
            raise Unread("it computes with the bits of numbers")
        self.stack.append(self.calls.call("logical_not", value))

    def subscript(self, _: int) -> None:
        self._index(*self.pop(2))

    def sliced(self, _: int) -> None:
        value, start, stop = self.pop(3)
        self._index(value, slice(start, stop))

    def _index(self, value: Any, key: Any) -> None:
        if type(value) is Tensor:
            self.stack.append(self.calls.indexed(value, key))
            return
        listed = value.sizes if type(value) is Sizes else value
        ends = (key.start, key.stop, key.step) if type(key) is slice else (key,)
        if type(listed) is not tuple or not all(type(end) is int or (end is None and type(key) is slice) for end in ends):
            raise Unread("it takes a part of what is no list")
        if type(key) is slice and key.step == 0:
            raise Unread("it takes a part of a list in steps of 0")
        self.stack.append(Sizes(listed[key]) if type(value) is Sizes and type(key) is slice else listed[key])


def _known(value: Any) -> Any:
    """A constant of the code; one that is code, or bytes, is not read."""
    todo = [value]
    while todo:
        item = todo.pop()
        if type(item) is tuple:
            todo += item
        elif type(item) not in (int, float, str, bool, type(None), type(...)):
            raise Unread("it has inner functions, or constants that are not read")
    return value


def _nothing(machine: Machine, _: int) -> None:
    """An instruction that changes nothing that is looked at."""


_Step = Callable[[Machine, int], None]

_STEPS: Mapping[str, _Step] = {
    **dict.fromkeys(["NOP", "RESUME", "COPY_FREE_VARS", "PRECALL", "LIST_TO_TUPLE"], _nothing),
    "POP_TOP": lambda machine, _: machine.stack.pop() and None,
    "PUSH_NULL": lambda machine, _: machine.stack.append(_NULL),
    "ROT_TWO": lambda machine, _: machine.turn(2),
    "ROT_THREE": lambda machine, _: machine.turn(3),
    "ROT_FOUR": lambda machine, _: machine.turn(4),
    "DUP_TOP": lambda machine, _: machine.twice(1),
    "DUP_TOP_TWO": lambda machine, _: machine.twice(2),
    "SWAP": Machine.swap,
    "COPY": Machine.copy,
    "LOAD_CONST": Machine.load_const,
    "LOAD_FAST": Machine.load_fast,
    "LOAD_FAST_CHECK": Machine.load_fast,
    "STORE_FAST": Machine.store_fast,
    "LOAD_FAST_LOAD_FAST": lambda machine, argument: machine.pair(argument, "load_fast", "load_fast"),
    "STORE_FAST_LOAD_FAST": lambda machine, argument: machine.pair(argument, "store_fast", "load_fast"),
    "STORE_FAST_STORE_FAST": lambda machine, argument: machine.pair(argument, "store_fast", "store_fast"),
    "LOAD_DEREF": Machine.load_deref,
    "LOAD_GLOBAL": Machine.load_global,
    "IMPORT_NAME": Machine.imported,
    "IMPORT_FROM": Machine.imported_from,
    "LOAD_ATTR": Machine.load_attr,
    "LOAD_METHOD": Machine.load_method,
    "CALL": Machine.call_method,
    "CALL_METHOD": Machine.call_method,
    "CALL_KW": Machine.call_with,
    "CALL_FUNCTION": Machine.call_function,
    "CALL_FUNCTION_KW": Machine.call_function_kw,
    "KW_NAMES": Machine.name_keywords,
    "BUILD_TUPLE": Machine.build,
    "BUILD_LIST": Machine.build,
    "BUILD_SLICE": Machine.slice,
    "LIST_APPEND": Machine.append,
    "LIST_EXTEND": Machine.extend,
    "UNPACK_SEQUENCE": Machine.unpack,
    "CALL_INTRINSIC_1": Machine.intrinsic,
    "BINARY_OP": Machine.operate,
    "BINARY_SUBSCR": Machine.subscript,
    "BINARY_SLICE": Machine.sliced,
    "COMPARE_OP": Machine.compare,
    "UNARY_POSITIVE": Machine.plus,
    "UNARY_NEGATIVE": Machine.minus,
    "UNARY_INVERT": Machine.invert,
}
