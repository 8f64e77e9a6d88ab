"""The names that a function may use while it is read: modules by the names that everybody gives them, a few of Python's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from math import exp, log, log10, pi, prod, sqrt
from typing import Any

from configsplit.catalog.operations.arguments import bound, parameters
from configsplit.catalog.tensorflow import backend
from configsplit.conversion.lambdas.calling import Calls, dtype_of
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
_OF_PYTHON = frozenset(["int", "float", "len", "abs", "list", "tuple", "sum"])
_ACTIVATIONS = frozenset(["relu", "sigmoid", "tanh", "softmax", "hard_sigmoid", "elu", "softplus", "softsign"])
"""Functions of ``keras.activations`` that are those of the backend."""

_RANDOM = ("random", "dropout", "truncated_normal", "multinomial", "shuffle")
_TRAINING = frozenset(["learning_phase", "in_train_phase", "in_test_phase"])


def module(path: str) -> Name:
    """An imported module, or a global name."""
    first, dot, rest = path.partition(".")
    if first in _OF_PYTHON and not dot:
        return Name(first)
    if first not in _MODULES:
        raise Unread(f"it takes {path!r} from its own module, which the file does not hold")
    return Name(_short(f"{_MODULES[first]}{dot}{rest}"))


def _short(path: str) -> str:
    """``tf.keras.backend.mean`` as ``K.mean``, ``K.tf.nn.relu`` as ``tf.nn.relu``."""
    path = path.removeprefix("K.") if path == "K.tf" else path
    for each in _BACKENDS:
        if path == each or path.startswith(f"{each}."):
            return f"K{path.removeprefix(each)}"
    return path


def member(value: Any, name: str) -> Any:
    """``value.name``."""
    if type(value) is Name:
        path = _short(f"{value.path}.{name}")
        return _CONSTANTS[path] if path in _CONSTANTS else Name(path)
    if type(value) is Tensor and name == "shape":
        return Sizes(value.spec.shape or ())
    if type(value) is Sizes and name in ("ndims", "rank"):
        return len(value.sizes)
    if type(value) is int and name == "value":
        return value  # a size, before TensorFlow 2
    if (type(value), name) in ((Tensor, "get_shape"), (Sizes, "as_list"), (float, "astype")):
        return Member(value, name)
    raise Unread(f"it asks for {name!r} of what it computes")


def called(calls: Calls, function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """``function(*args, **kwargs)``."""
    if type(function) is Member:
        return _method(function, args, kwargs)
    if type(function) is not Name:
        raise Unread("it calls what is no function by name")
    path = _instead(function.path, args)
    if path in ("tf.slice", "K.slice", "tf.strided_slice") and not kwargs:
        return _sliced(calls, path.partition(".")[2], args)
    if path.startswith("K."):
        return _backend(calls, path.removeprefix("K."), args, kwargs)
    if path.startswith("tf.") and not path.startswith("tf.keras."):
        return calls.call(path.removeprefix("tf."), *args, **kwargs)
    if path == "np.array" and kwargs.keys() <= {"dtype"} and len(args) == 1:
        return _array(args[0], kwargs.get("dtype"))
    if kwargs or len(args) != 1:
        raise Unread(f"it calls {path}, for which there is no rule")
    return _plain(calls, path, args[0])


def _method(function: Member, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    owner, takes = function.owner, int(function.name == "astype")
    if kwargs or len(args) != takes:
        raise Unread(f"it calls {function.name} with arguments that are not known")
    if takes:
        return _array(owner, args[0])
    return owner.sizes if type(owner) is Sizes else Sizes(owner.spec.shape or ())


def _instead(path: str, args: tuple[Any, ...]) -> str:
    """The function that computes the same, where a function has several names; of numbers that of Python."""
    package, _, name = path.rpartition(".")
    if name.startswith(_RANDOM) or ".random." in path:
        raise Unread(f"it draws at random ({path}), which operations of a file do not: put the function itself in its place")
    if name in _TRAINING:
        raise Unread(f"it asks whether the model trains ({path})")
    if package in ("keras.activations", "tf.keras.activations") and name in _ACTIVATIONS:
        return f"K.{name}"
    if path in ("tf.constant", "tf.convert_to_tensor") and not any(type(each) is Tensor for each in args):
        return "K.constant"
    if package in ("K", "tf", "tf.math") and name in _OF_TENSORS and [*map(type, args)] == [float]:
        return f"math.{name}"
    return path


def _array(value: Any, dtype: Any) -> Any:
    """Numbers as numpy's: beside a tensor they take its dtype, as Python's do."""
    listed = value.sizes if type(value) is Sizes else value
    told = dtype_of(dtype) if type(dtype) is Name else dtype
    if told not in (None, "float32", "float64") or type(listed) not in (tuple, int, float):
        raise Unread("it makes an array of another kind of number")
    return listed


def _sliced(calls: Calls, name: str, args: tuple[Any, ...]) -> Any:
    """``tf.slice(x, begin, size)``, ``tf.strided_slice(x, begin, end, strides)`` with numbers."""
    value, *places = args
    whole = all(type(each) is tuple and all(type(item) is int for item in each) for each in places)
    count = len(places[0]) if places and whole else 0
    takes = (2,) if name == "slice" else (2, 3)
    if type(value) is not Tensor or not count or len(places) not in takes or any(len(each) != count for each in places):
        raise Unread(f"it calls {name} with places that are computed")
    if name == "strided_slice":
        return calls.indexed(value, tuple(slice(*each) for each in zip(*places, strict=True)))
    if any(begin < 0 for begin in places[0]):
        raise Unread("it calls slice with a negative beginning")
    ends = (slice(begin, None if size == -1 else begin + size) for begin, size in zip(*places, strict=True))
    return calls.indexed(value, tuple(ends))


def _backend(calls: Calls, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    declared = backend.FUNCTIONS.get(name)
    if declared is None:
        raise Unread(f"it calls K.{name}, for which there is no rule")
    known = parameters(declared.parameters)
    names = {name for each in known for name in (each.name, *each.others)} | {"name"}
    if len(args) > len(known) or not kwargs.keys() <= names:
        raise Unread(f"it calls K.{name} with arguments that are not known")
    given = bound(declared.parameters, args, {key: value for key, value in kwargs.items() if key != "name"})
    given = {key: dtype_of(value) or value if type(value) is Name else value for key, value in given.items()}
    try:
        return declared.becomes(calls, given)
    except (KeyError, ValueError):
        raise Unread(f"it calls K.{name} without all arguments") from None


def _plain(calls: Calls, name: str, value: Any) -> Any:
    """Python's own functions, of one argument."""
    if name == "abs" and type(value) is Tensor:
        return calls.call("abs", value)
    listed = value.sizes if type(value) is Sizes else value
    if name == "sum" and type(listed) is tuple and listed and all(type(each) is Tensor for each in listed):
        return reduce(lambda one, other: calls.between("+", one, other), listed)
    if name in ("np.prod", "math.prod") and type(listed) is tuple and all(type(each) is int for each in listed):
        return number(prod(listed))
    if name in ("tuple", "list", "len") and type(listed) is tuple:
        return len(listed) if name == "len" else listed
    if type(value) in (int, float) and name in _OF_NUMBERS:
        try:
            return number(_OF_NUMBERS[name](value))
        except (ValueError, OverflowError):  # the logarithm of 0
            pass
    raise Unread(f"it calls {name} in a way that is not read")


_OF_TENSORS: Mapping[str, Callable[[Any], Any]] = {"sqrt": sqrt, "log": log, "exp": exp}
_OF_NUMBERS: Mapping[str, Callable[[Any], Any]] = {
    "int": int,
    "float": float,
    "abs": abs,
    "np.float32": float,
    "np.float64": float,
    **{f"{place}.{name}": function for place in ("math", "np") for name, function in [*_OF_TENSORS.items(), ("log10", log10)]},
}
