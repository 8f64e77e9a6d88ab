"""`configsplit.values.dataclass` makes what the standard library's makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import weakref
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import pytest

from configsplit import values

OPTIONS: list[dict[str, bool]] = [
    {},
    {"frozen": True},
    {"slots": True},
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "slots": True, "eq": False},
    {"frozen": True, "slots": True, "kw_only": True, "weakref_slot": True},
    {"kw_only": True, "eq": False},
]


class _Same:
    """Of classes that both decorators make."""

    def __init__(self, options: dict[str, bool]) -> None:
        self.pairs = [self._point(decorate, options) for decorate in (dataclasses.dataclass, values.dataclass)]

    @staticmethod
    def _point(decorate: Callable[..., Any], options: dict[str, bool]) -> Any:
        @decorate(**options)
        class Point:
            """A point."""

            x: int
            y: list[int] = dataclasses.field(default_factory=list, compare=False)
            told: str = dataclasses.field(default="", repr=False)
            late: int = dataclasses.field(init=False)
            known: int = dataclasses.field(default=7, init=False)

            def __post_init__(self) -> None:
                object.__setattr__(self, "late", self.x + 1)

            @property
            def twice(self) -> int:
                return 2 * self.x

        return Point

    def hold(self, does: Callable[[Any], Any]) -> Any:
        """That both do the same. Returns what they do."""
        theirs, ours = map(does, self.pairs)
        assert theirs == ours
        return ours


def _outcome(does: Callable[[], Any]) -> Any:
    try:
        return does()
    except (TypeError, AttributeError) as error:
        return type(error)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(options) or "plain")
def test_a_class_is_what_the_standard_library_makes_of_it(options: dict[str, bool]) -> None:
    same = _Same(options)
    frozen = options.get("frozen", False)
    assert same.hold(lambda made: repr(made(x=1, y=[2], told="a"))).endswith("Point(x=1, y=[2], late=2, known=7)")
    same.hold(
        lambda made: [repr(_outcome(partial(made, *given))) for given in ((), (1,), (1, [2]), (1, [2], "a"), (1, 2, 3, 4))]
    )
    same.hold(lambda made: _outcome(lambda: made(z=1)))
    same.hold(lambda made: [made(x=1, told=a) == made(x=1, y=[3], told=b) for a, b in (("", ""), ("", "b"))])
    same.hold(lambda made: (made(x=1) == (1, "", 2, 7), made(x=1) != made(x=1)))
    same.hold(lambda made: _outcome(lambda: hash(made(x=1)) == hash(made(x=1, y=[1]))))
    same.hold(lambda made: made.__hash__ is None)
    same.hold(lambda made: _outcome(lambda: setattr(made(x=1), "x", 2)))
    same.hold(lambda made: _outcome(lambda: delattr(made(x=1), "x")))
    assert (_outcome(lambda: setattr(same.pairs[1](x=1), "x", 2)) is dataclasses.FrozenInstanceError) is frozen
    same.hold(lambda made: repr(dataclasses.replace(made(x=1, told="a"), x=5)))
    same.hold(lambda made: dataclasses.asdict(made(x=1)))
    same.hold(lambda made: [(each.name, each.type) for each in dataclasses.fields(made)])
    same.hold(lambda made: [repr(each) for each in (copy.copy(made(x=1, y=[2])), copy.deepcopy(made(x=1, y=[2])))])
    same.hold(lambda made: hasattr(made(x=1), "__dict__"))
    same.hold(lambda made: _outcome(lambda: weakref.ref(made(x=1)) is None))
    same.hold(lambda made: (made.__match_args__, made.__doc__, made(x=3).twice))
    same.hold(lambda made: [(each.name, each.kind) for each in inspect.signature(made).parameters.values()])


def test_own_methods_stay() -> None:
    @values.dataclass(frozen=True, slots=True)
    class Own:
        x: int

        def __repr__(self) -> str:
            return "own"

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 5

    assert (repr(Own(1)), Own(1) == 3, hash(Own(1))) == ("own", True, 5)


def test_a_class_inherits_and_caches() -> None:
    @values.dataclass(frozen=True, kw_only=True)
    class Base:
        x: int = 1

    @values.dataclass(frozen=True, kw_only=True)
    class Derived(Base):
        y: int

        @cached_property
        def z(self) -> int:
            return self.x + self.y

    assert (Derived(y=2).z, repr(Derived(y=2)).rpartition(".")[2]) == (3, "Derived(x=1, y=2)")
    assert Derived(y=2) != Base()


@values.dataclass(frozen=True, slots=True)
class Sent:
    """At the top of a module, where pickle finds it."""

    x: tuple[int, ...]
    y: str = ""


def test_what_is_frozen_goes_through_pickle() -> None:
    assert pickle.loads(pickle.dumps(Sent((1,), "a"))) == Sent((1,), "a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        pickle.loads(pickle.dumps(Sent((1,)))).x = ()
