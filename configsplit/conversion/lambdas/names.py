"""The names that a function may use while it is read: modules by the names that everybody gives them, a few of Python's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi, sqrt
from typing import Any

from configsplit.catalog.operations.arguments import bound, parameters
from configsplit.catalog.tensorflow import backend
from configsplit.conversion.lambdas.calling import Calls
from configsplit.conversion.lambdas.marshal import Unread
from configsplit.conversion.lambdas.values import Member, Name, Sizes, Tensor, number

_BACKENDS = ("tf.keras.backend", "keras.backend", "backend")
_MODULES = {
    "tensorflow": "tf",
    "tf": "tf",
    "keras": "keras",
    "K": "K",
    "backend": "K",
    "numpy": "np",
    "np": "np",
    "math": "math",
}
_CONSTANTS: Mapping[str, Any] = {"np.pi": pi, "math.pi": pi, "np.newaxis": None, "tf.newaxis": None}
_OF_PYTHON = frozenset(["int", "float", "len", "abs", "list", "tuple", "slice"])


def module(path: str) -> Name:
    """An imported module, or a global name.

    Raises:
        Unread: it is none of those that are known.
    """
    first, dot, rest = path.partition(".")
    if first in _OF_PYTHON and not dot:
        return Name(first)
    if first not in _MODULES:
        raise Unread(f"it takes {path!r} from its own module, which the file does not hold")
    return Name(_short(f"{_MODULES[first]}{dot}{rest}"))


def _short(path: str) -> str:
    """``tf.keras.backend.mean`` as ``K.mean``."""
    for each in _BACKENDS:
        if path == each or path.startswith(f"{each}."):
            return f"K{path.removeprefix(each)}"
    return path


def member(value: Any, name: str) -> Any:
    """``value.name``.

    Raises:
        Unread: nothing is known of it.
    """
    if type(value) is Name:
        path = _short(f"{value.path}.{name}")
        return _CONSTANTS[path] if path in _CONSTANTS else Name(path)
    if type(value) is Tensor and name == "shape":
        return Sizes(value.spec.shape or ())
    if type(value) is Sizes and name in ("ndims", "rank"):
        return len(value.sizes)
    if type(value) is int and name == "value":
        return value  # a size, before TensorFlow 2
    if (type(value), name) in ((Tensor, "get_shape"), (Sizes, "as_list")):
        return Member(value, name)
    raise Unread(f"it asks for {name!r} of what it computes")


def called(calls: Calls, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``function(*args, **kwargs)``.

    Raises:
        Unread: it is none of the functions that are known, or called otherwise than those are.
    """
    if type(function) is Member and not args and not kwargs:
        owner = function.owner
        return owner.sizes if type(owner) is Sizes else Sizes(owner.spec.shape or ())
    if type(function) is not Name:
        raise Unread("it calls what is no function by name")
    first, _, rest = function.path.partition(".")
    if first == "K":
        return _backend(calls, rest, args, kwargs)
    if function.path in ("tf.constant", "tf.convert_to_tensor") and not any(type(each) is Tensor for each in args):
        return _backend(calls, "constant", args, kwargs)
    if first == "tf" and not rest.startswith("keras."):
        return calls.call(rest, *args, **kwargs)
    if kwargs or len(args) != 1:
        raise Unread(f"it calls {function.path}, for which there is no rule")
    return _plain(calls, function.path, args[0])


def _backend(calls: Calls, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    declared = backend.FUNCTIONS.get(name)
    if declared is None:
        raise Unread(f"it calls K.{name}, for which there is no rule")
    known = parameters(declared.parameters)
    names = {name for each in known for name in (each.name, *each.others)} | {"name"}
    if len(args) > len(known) or not kwargs.keys() <= names:
        raise Unread(f"it calls K.{name} with arguments that are not known")
    given = bound(declared.parameters, args, {key: value for key, value in kwargs.items() if key != "name"})
    try:
        return declared.becomes(calls, given)
    except (KeyError, ValueError):
        raise Unread(f"it calls K.{name} without all arguments") from None


def _plain(calls: Calls, name: str, value: Any) -> Any:
    """Python's own functions, of one argument."""
    if name == "abs" and type(value) is Tensor:
        return calls.call("abs", value)
    listed = value.sizes if type(value) is Sizes else value
    if name in ("tuple", "list", "len", "np.array") and type(listed) is tuple:
        return len(listed) if name == "len" else listed
    if type(value) in (int, float) and name in _OF_NUMBERS and not (name.endswith("sqrt") and value < 0):
        return number(_OF_NUMBERS[name](value))
    raise Unread(f"it calls {name} in a way that is not read")


_OF_NUMBERS: Mapping[str, Callable[[Any], Any]] = {"int": int, "float": float, "abs": abs, "math.sqrt": sqrt, "np.sqrt": sqrt}
