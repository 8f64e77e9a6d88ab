"""``dataclass`` as the standard library has it, made in a quarter of the time: a command makes dozens of them at its start.

The standard one writes and compiles six methods for each class. All but ``__init__`` do the same for every class, once they
know the names of its fields; these are made here, and that one alone is compiled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls=None, /, *, frozen=False, eq=True, slots=False, **more):
        """As ``dataclasses.dataclass``, with its options ``frozen``, ``eq``, ``slots``, ``kw_only`` and ``weakref_slot``."""

        def made(cls):
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, **more)(cls)
            fields = dataclasses.fields(cls)
            methods = {"__init__": _init(cls, fields, frozen, slots), "__repr__": _told(fields)}
            if eq:
                methods["__eq__"], hashed = _compared(fields)
                if vars(cls).get("__hash__") is None:
                    cls.__hash__ = hashed if frozen else None
            if frozen:
                methods |= _frozen(fields, slots)
            for name in methods.keys() - vars(cls).keys():
                setattr(cls, name, methods[name])
            return cls

        return made if cls is None else made(cls)


Fields = tuple[Any, ...]


def _init(cls: type, fields: Fields, frozen: bool, slots: bool) -> Any:
    """``__init__``, compiled; what it needs besides its arguments it knows by names that begin with ``_``."""
    known: dict[str, Any] = {"_unset": dataclasses.MISSING, "_put": object.__setattr__}
    positional, keywords, lines = ["self"], ["*"], []
    for field in fields:
        name, new = field.name, field.default_factory is not dataclasses.MISSING
        given = new or field.default is not dataclasses.MISSING
        known |= {f"_of_{name}": field.default, f"_new_{name}": field.default_factory}
        if field.init:
            default = "=_unset" if new else f"=_of_{name}" if given else ""
            (keywords if field.kw_only else positional).append(f"{name}{default}")
            value = f"_new_{name}() if {name} is _unset else {name}" if new else name
        else:
            value = f"_new_{name}()" if new else f"_of_{name}"
        if frozen and slots:  # a slot is quicker than the search for it by its name
            known[f"_to_{name}"] = getattr(cls, name).__set__
        put = "_to_{0}(self, {1})" if frozen and slots else "_put(self, '{0}', {1})" if frozen else "self.{0} = {1}"
        lines += [put.format(name, value)] if field.init or given else []
    lines += ["self.__post_init__()"] if hasattr(cls, "__post_init__") else []
    parameters = ", ".join([*positional, *(keywords if len(keywords) > 1 else [])])
    exec(f"def __init__({parameters}):\n " + "\n ".join(lines or ["pass"]), known)
    init = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__annotations__ = {field.name: field.type for field in fields if field.init} | {"return": None}
    return init


def _told(fields: Fields) -> Callable[[Any], str]:
    names = [field.name for field in fields if field.repr]
    return recursive_repr()(
        lambda self: f"{type(self).__qualname__}({', '.join([f'{name}={getattr(self, name)!r}' for name in names])})"
    )


def _compared(fields: Fields) -> tuple[Callable[[Any, object], bool], Callable[[Any], int]]:
    """Equality and hash, by the fields that count."""
    names = [field.name for field in fields if field.compare]
    told: Callable[[Any], Any] = attrgetter(*names) if len(names) > 1 else lambda self: [getattr(self, name) for name in names]
    return (
        lambda self, other: told(self) == told(other) if type(other) is type(self) else NotImplemented,
        lambda self: hash(tuple(told(self))),
    )


def _frozen(fields: Fields, slots: bool) -> dict[str, Callable[..., Any]]:
    """Nothing can be set or deleted. With slots, it is said how copies and pickles are filled all the same."""
    names = [field.name for field in fields]

    def refuse(self: Any, name: str, *_: object) -> NoReturn:
        raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")

    def fill(self: Any, state: list[Any]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    def state(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    return {"__setattr__": refuse, "__delattr__": refuse} | ({"__getstate__": state, "__setstate__": fill} if slots else {})
