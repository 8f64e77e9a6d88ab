"""The calls that a function makes while it is read, each as a layer that calls one function of TensorFlow."""

from __future__ import annotations

from typing import Any

from configsplit.catalog.functions import is_dtype
from configsplit.catalog.operations.arguments import arguments, bound, parameters
from configsplit.catalog.tensorflow import table
from configsplit.catalog.tensorflow.call import FULL, piece
from configsplit.conversion.lambdas.marshal import Unread
from configsplit.conversion.lambdas.values import ATOM, Member, Name, Sizes, Tensor, text_of
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import Layer, Node, TensorRef, TensorSpec, Use
from configsplit.inference import RULE_ERRORS

_OTHERWISE = frozenset({"div", "count_nonzero"})
"""Functions that mean something else from release to release; ``tf.image.resize`` and its kin besides."""

_BY_PLACE = frozenset({"mode", "padding"})
"""Parameters that are text and stand at one place in all releases; elsewhere text by place may be a name."""

_PART = "__operators__.getitem"

_MOST_CALLS = 500

OPERATORS: dict[str, tuple[str, int]] = {
    "**": ("pow", 7),
    "*": ("multiply", 6),
    "/": ("truediv", 6),
    "//": ("floordiv", 6),
    "%": ("floormod", 6),
    "@": ("matmul", 6),
    "+": ("add", 5),
    "-": ("subtract", 5),
    "&": ("logical_and", 3),
    "|": ("logical_or", 3),
    "<": ("less", 2),
    "<=": ("less_equal", 2),
    ">": ("greater", 2),
    ">=": ("greater_equal", 2),
}
"""What an operator between tensors calls, and how tightly it binds."""


class Calls:
    """What a function has called so far.

    Attributes:
        owner: the name of the layer whose code is read.
        layers: one for each call, in order.
        assumed: what was taken for granted.
    """

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.layers: list[Layer] = []
        self.specs: dict[TensorRef, TensorSpec] = {}
        self.assumed: dict[str, None] = {}

    # ------------------------------------------------------------------------------ what rules of the backend ask for

    def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of TensorFlow, by its name in the catalog. Raises Unread if there is no rule for it, or not with
        these arguments.
        """
        listed = [*map(text_of, args), *(f"{key}={text_of(value)}" for key, value in kwargs.items() if value is not None)]
        return self._made(function, args, kwargs, f"{function}({', '.join(listed)})", ATOM)

    def spec(self, value: Any) -> TensorSpec:
        return value.spec if type(value) is Tensor else TensorSpec()

    def refuse(self, why: str) -> Unread:
        return Unread(f"a function that it calls {why}")

    def assume(self, what: str) -> None:
        self.assumed[what] = None

    # ----------------------------------------------------------------------------------------------------- operators

    def between(self, symbol: str, left: Any, right: Any) -> Any:
        """``left + right``, one of them a tensor."""
        function, binds = OPERATORS.get(symbol, ("", 0))
        sides = [side for side in (left, right) if type(side) is not Tensor]
        if not function or not all(_is_operand(side) for side in sides):
            raise Unread(f"it computes with a tensor in a way that is not read ({symbol})")
        if symbol in "&|" and any(self.spec(side).dtype != "bool" for side in (left, right)):
            raise Unread("it computes with the bits of numbers")
        text = f"{text_of(left, binds)} {symbol} {text_of(right, binds + 1)}"
        return self._made(function, (left, right), {}, text, binds)

    def negated(self, value: Tensor) -> Any:
        """``-value``."""
        return self._made("negative", (value,), {}, f"-{text_of(value, 7)}", 7)

    def indexed(self, value: Tensor, key: Any) -> Any:
        """``value[key]``."""
        items = key if type(key) is tuple else (key,)
        spec = tuple(map(_place, items))
        text = f"{text_of(value, ATOM)}[{', '.join(text_of(item) for item in items)}]"
        return self._made(_PART, (value,), {"slice_spec": spec}, text, ATOM)

    # ------------------------------------------------------------------------------------------------------- calling

    def _made(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any], text: str, binds: int) -> Any:
        if len(self.layers) >= _MOST_CALLS:
            raise Unread("it calls too many functions")
        declared = table.function(function)
        if declared is None or declared.becomes is None or _changed(function, args):
            raise Unread(f"it calls {function}, for which there is no rule")
        kwargs = {key: value for key, value in kwargs.items() if key != "name"}
        known = {name for each in parameters(declared.parameters) for name in (each.name, *each.others)}
        texts = {name for name, each in zip(declared.names[2:], args[2:], strict=False) if type(each) is str}
        if len(args) > len(declared.names) or not kwargs.keys() <= known or texts - _BY_PLACE:
            raise Unread(f"it calls {function} with arguments that are not known")
        plain = (_plain(args), FrozenDict({key: _plain(value) for key, value in kwargs.items()}))
        if not any(type(leaf) is Tensor for leaf in _leaves(plain)):
            raise Unread(f"it calls {function} on constants alone")
        specs = self._outputs(function, *(rebuild(each, _spec) for each in plain))
        layer = _layer(f"{self.owner}\0{len(self.layers)}", function, bound(declared.parameters, *plain))
        self.layers.append(layer)
        made = tuple(Tensor(TensorRef(layer.name, 0, at), spec, text, binds) for at, spec in enumerate(specs))
        self.specs |= {each.ref: each.spec for each in made}
        return (
            made[0] if len(made) == 1 else tuple(Tensor(each.ref, each.spec, f"{text}[{at}]") for at, each in enumerate(made))
        )

    def _outputs(self, function: str, args: tuple[Any, ...], kwargs: FrozenDict) -> tuple[TensorSpec, ...]:
        declared = table.function(function)
        if declared is None or declared.outputs is None:
            raise Unread(f"it calls {function}, whose shape no rule tells")
        try:
            outputs = declared.outputs(arguments(declared.parameters, args, kwargs, tensorflow=True))
        except RULE_ERRORS as error:
            raise Unread(f"it calls {function}, and no rule tells what comes out ({error})") from None
        if any(spec.shape is None or not is_dtype(spec.dtype or "") for spec in outputs):
            raise Unread(f"it calls {function}, and no rule tells what comes out")
        return tuple(outputs)


def _layer(name: str, function: str, given: dict[str, Any]) -> Layer:
    """A call with its arguments by name, but for the first, as tf.keras records one."""
    first, *rest = given
    kwargs = {key: rebuild(given[key], _use) for key in rest if given[key] is not None}
    class_name = "SlicingOpLambda" if function == _PART else "TFOpLambda"
    entry = FrozenDict({"class_name": class_name, "config": FrozenDict({"name": name, "function": function})})
    node = Node((rebuild(given[first], _use),), FrozenDict(kwargs))
    return Layer(name=name, class_name=class_name, entry=entry, calls=(node,))


def _changed(function: str, args: tuple[Any, ...]) -> bool:
    """Whether a function computes something else in another release, on these arguments."""
    _, _, name = function.rpartition(".")
    if name == "where":  # TensorFlow 1 takes whole rows by a condition of fewer axes
        ranks = [len(each.spec.shape or ()) for each in args if type(each) is Tensor]
        return len(args) != 3 or type(args[0]) is not Tensor or ranks[0] < max(ranks)
    return name in _OTHERWISE or "image.resize" in function


def _is_operand(value: Any) -> bool:
    """Numbers, and arrays of numbers."""
    return type(value) in (int, float, bool) or (
        type(value) is tuple and all(type(leaf) in (int, float) for leaf in _leaves(value))
    )


def _leaves(value: Any) -> list[Any]:
    leaves: list[Any] = []
    rebuild(value, leaves.append)
    return leaves


def dtype_of(name: Name) -> str | None:
    """``tf.float32`` as a dtype's name."""
    dtype = name.path.removeprefix("tf.").removeprefix("np.")
    return dtype if is_dtype(dtype) else None


def _plain(value: Any) -> Any:
    return rebuild(value, _argument)


def _argument(value: Any) -> Any:
    """An argument as documents write it."""
    if type(value) is Sizes and None not in value.sizes:
        return value.sizes
    if type(value) is Name and (dtype := dtype_of(value)) is not None:
        return dtype
    if type(value) in (Name, Member, Sizes, slice) or value is ...:
        raise Unread("it calls a function with something that is neither tensor nor constant")
    return value


def _use(value: Any) -> Any:
    return Use(value.ref) if type(value) is Tensor else value


def _spec(value: Any) -> Any:
    return value.spec if type(value) is Tensor else value


def _place(item: Any) -> Any:
    if item is ...:
        return FULL
    if type(item) is slice and all(end is None or type(end) is int for end in (item.start, item.stop, item.step)):
        return piece(item.start, item.stop, item.step)["config"]
    if item is None or type(item) is int:
        return item
    raise Unread("it takes computed positions")
