"""Operations of Keras 3 as functions of TensorFlow, where those compute the same bits: the catalog's tables read backwards.

Keras 3 brings operands to one dtype before it computes, and TensorFlow does not: what it would have cast is cast here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from configsplit.catalog.keras3.refusals import Stop
from configsplit.catalog.operations.arguments import Operand, bound, operand, promoted
from configsplit.catalog.operations.layers import snake
from configsplit.catalog.operations.operation_table import KERAS
from configsplit.catalog.rules import is_float
from configsplit.catalog.tensorflow import shapes
from configsplit.catalog.tensorflow.declare import over_axes, single
from configsplit.catalog.tensorflow.interface import full_name
from configsplit.catalog.tensorflow.table import FUNCTIONS
from configsplit.conversion.keras2.building import Writing, constant
from configsplit.errors import ShapeError
from configsplit.graph.json import FrozenDict, Number
from configsplit.graph.model import Layer, TensorRef, TensorSpec, Use, leaves

_INSTEAD = (
    "put a layer that computes the same in its place (`configsplit replace`), or cut the model there (`configsplit split`)"
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of one operation of Keras 3; ``given`` are its arguments by the declared names, tensors among them new ones."""

    writing: Writing
    layer: Layer
    given: Mapping[str, Any]
    spec: TensorSpec

    def stop(self, reason: str) -> Stop:
        return Stop("convert-operation", f"the operation {self.layer.class_name} {reason}", _INSTEAD)

    def only(self, *names: str) -> None:
        """Raises Stop where it is called with more than these arguments."""
        more = [key for key, value in self.given.items() if value is not None and key not in (*names, "name", "dtype")]
        if more or (self.given.get("dtype") is not None and "dtype" not in names):
            raise self.stop(f"is called with {(more or ['dtype'])[0]}, which has no equivalent in TensorFlow's")

    def static(self, name: str, default: Any = None) -> Any:
        """An argument that no tensor is."""
        value = self.given.get(name)
        if leaves(value):
            raise self.stop(f"takes {name} from a tensor")
        if isinstance(value, Number):
            value = value.value
        return default if value is None else value

    def tensor(self, name: str) -> Use:
        """An argument that a tensor is."""
        value = self.given.get(name)
        if type(value) is not Use:
            raise self.stop(f"takes no tensor as {name}")
        return value

    def dtype(self, use: Use) -> str:
        dtype = self.writing.new_spec(use).dtype
        if dtype is None:
            raise self.stop("takes a tensor of unknown dtype")
        return dtype

    def cast(self, use: Use, dtype: str | None) -> Use:
        """The tensor in another dtype, as Keras 3 brings it there in passing."""
        if dtype is None or self.dtype(use) == dtype:
            return use
        shape = self.writing.new_spec(use).shape
        return self.writing.function("cast", "cast", use, {"dtype": dtype}, TensorSpec(shape, dtype), False)

    def call(self, function: str, first: Any, spec: TensorSpec | None = None, /, **kwargs: Any) -> Use:
        """Call a function of TensorFlow: the last one, unless ``spec`` says what it gives on the way."""
        wish = self.layer.name if spec is None else function.rpartition(".")[2]
        name = self.writing.names[self.layer.name] if spec is None else wish
        return self.writing.function(function, name, first, kwargs, spec or self.spec, spec is None)

    def number_or_tensor(self, name: str, dtype: str) -> Any:
        value = self.given.get(name)
        if type(value) is Use:
            return self.cast(value, dtype)
        if isinstance(value, Number):
            value = value.value
        if type(value) not in (bool, int, float):
            raise self.stop("is called with an array among its operands")
        return constant(value, dtype).value


Rule = Callable[[Operation], Use]


def convert_operation(writing: Writing, layer: Layer, args: tuple[Any, ...], kwargs: FrozenDict, ref: TensorRef) -> Use:
    """One call of an operation; its arguments are tensors of the new model."""
    declared, rule = KERAS.get(snake(layer.class_name)), rules().get(snake(layer.class_name))
    if declared is None or rule is None:
        reason = f"there is no function of TensorFlow that Keras 2 calls for the operation {layer.class_name}"
        raise Stop("convert-operation", reason, _INSTEAD)
    given = bound(declared.parameters, args, {**layer.config.without("name"), **kwargs})
    if len(layer.calls) > 1:
        raise Stop("convert-operation", f"the operation {layer.name} is called several times", _INSTEAD)
    try:
        return rule(Operation(writing, layer, given, writing.spec(ref)))
    except ShapeError as error:
        raise Stop(
            "convert-operation", f"of the operation {layer.class_name} nothing is known: {error.message}", _INSTEAD
        ) from None


@cache
def rules() -> Mapping[str, Rule]:
    """By the name of the operation: those of the catalog that are told by one function alone, and those below."""
    made: dict[str, Rule] = {}
    makers: Mapping[Any, Callable[[str], Rule]] = {single: _unary, over_axes: _reduction, shapes.binary: _binary}
    for name, function in FUNCTIONS.items():
        becomes: Any = function.becomes
        maker = makers.get(getattr(becomes, "func", None))
        if maker is not None and (full := full_name(name)) and not becomes.keywords:
            place = "" if "." in full or full == "stop_gradient" else "math."  # where documents of tf.keras name them
            made.setdefault(snake(becomes.args[0].rpartition(".")[2]), maker(f"{place}{full}"))
    return {**made, **_RULES}


# -------------------------------------------------------------------------------------------------- read off the tables


def _unary(function: str) -> Rule:
    def rule(op: Operation) -> Use:
        first = next(iter(op.given))
        op.only(first)
        use, wanted = op.tensor(first), op.spec.dtype
        if wanted == "bool":
            wanted = "bool" if "logical" in function else op.dtype(use)
            if "logical" not in function and not is_float(wanted):
                raise op.stop(f"is called on {wanted}")
        return op.call(function, op.cast(use, wanted))

    return rule


def _reduction(function: str) -> Rule:
    def rule(op: Operation) -> Use:
        first = next(iter(op.given))
        op.only(first, "axis", "keepdims")
        use = op.cast(op.tensor(first), op.spec.dtype)
        return op.call(function, use, axis=op.static("axis"), keepdims=bool(op.static("keepdims", False)))

    return rule


_EITHER_WAY = frozenset(
    f"math.{name}" for name in ["add", "multiply", "maximum", "minimum", "equal", "not_equal", "logical_and", "logical_or"]
)


def _binary(function: str) -> Rule:
    return lambda op: _of_two(op, function)


def _of_two(op: Operation, function: str, dtype: str | None = None) -> Use:
    """Two operands of one dtype, of which one may be a number."""
    one, other = list(op.given)[:2]
    op.only(one, other)
    pair = [_operand(op, op.given[name]) for name in (one, other)]
    dtype = "bool" if "logical" in function else dtype or promoted(pair, tensorflow=False)
    if dtype is None:
        raise op.stop("takes operands of unknown dtype")
    if function == "math.add" and _is_column(pair[1]):
        raise op.stop("adds a column, which Keras 3 on TensorFlow treats as a row")
    left, right = (op.number_or_tensor(name, dtype) for name in (one, other))
    if type(left) is not Use and function in _EITHER_WAY:
        left, right = right, left
    if type(left) is not Use:
        if dtype not in ("float32", "int32") or type(right) is not Use:
            raise op.stop(f"begins with a number beside {dtype}, which Keras 2 takes for float32 or int32")
        left = constant(left, dtype)
    return op.call(function, left, y=right)


def _operand(op: Operation, value: Any) -> Operand:
    return operand(op.writing.new_spec(value) if type(value) is Use else value)


def _is_column(tensor: Operand) -> bool:
    return len(tensor.shape) > 1 and any(size not in (1, None) for size in tensor.shape[:-1]) and tensor.shape[-1] == 1


# ------------------------------------------------------------------------------------------------------------- the others


def _quotient(op: Operation) -> Use:
    return _of_two(op, "math.truediv", op.spec.dtype)


def _reshape(op: Operation) -> Use:
    name = "newshape" if "newshape" in op.given else "shape"
    op.only("x", name)
    return op.call("reshape", op.tensor("x"), shape=op.static(name))


def _transpose(op: Operation) -> Use:
    op.only("x", "axes")
    return op.call("transpose", op.tensor("x"), perm=op.static("axes"))


def _axis(function: str) -> Rule:
    def rule(op: Operation) -> Use:
        op.only("x", "axis")
        return op.call(function, op.tensor("x"), axis=op.static("axis"))

    return rule


def _listed(function: str, axis: int) -> Rule:
    """Several tensors in one list."""

    def rule(op: Operation) -> Use:
        first = next(iter(op.given))
        op.only(first, "axis")
        uses = op.given[first]
        if type(uses) is not tuple or not all(type(each) is Use for each in uses):
            raise op.stop("takes something other than a list of tensors")
        return op.call(function, tuple(op.cast(each, op.spec.dtype) for each in uses), axis=op.static("axis", axis))

    return rule


def _cast(op: Operation) -> Use:
    op.only("x", "dtype")
    return op.call("cast", op.tensor("x"), dtype=op.spec.dtype)


def _round(op: Operation) -> Use:
    if op.static("decimals", 0):
        raise op.stop("rounds to other places than whole numbers")
    return op.call("round", op.cast(op.tensor("x"), op.spec.dtype))


def _elu(op: Operation) -> Use:
    if op.static("alpha", 1.0) != 1:
        raise op.stop("has an alpha, which TensorFlow's lacks")
    return op.call("nn.elu", op.cast(op.tensor("x"), op.spec.dtype))


def _copy(op: Operation) -> Use:
    op.only("x")
    return op.call("identity", op.tensor("x"))


def _where(op: Operation) -> Use:
    op.only("condition", "x1", "x2")
    dtype = op.spec.dtype
    if dtype is None:
        raise op.stop("takes operands of unknown dtype")
    x, y = (op.number_or_tensor(name, dtype) for name in ("x1", "x2"))
    if type(x) is not Use and type(y) is not Use and dtype not in ("float32", "int32"):
        raise op.stop(f"chooses between numbers of {dtype}, which Keras 2 takes for float32 or int32")
    return op.call("where", op.cast(op.tensor("condition"), "bool"), x=x, y=y)


def _clip(op: Operation) -> Use:
    op.only("x", "x_min", "x_max")
    x, dtype = op.cast(op.tensor("x"), op.spec.dtype), op.spec.dtype or "float32"
    least, most = (constant(op.static(name), dtype).value for name in ("x_min", "x_max"))
    return op.call("clip_by_value", x, clip_value_min=least, clip_value_max=most)


def _softmax(function: str) -> Rule:
    def rule(op: Operation) -> Use:
        op.only("x", "axis")
        return op.call(function, op.cast(op.tensor("x"), op.spec.dtype), axis=op.static("axis", -1))

    return rule


def _gelu(op: Operation) -> Use:
    op.only("x", "approximate")
    return op.call("nn.gelu", op.cast(op.tensor("x"), op.spec.dtype), approximate=bool(op.static("approximate", True)))


def _silu(op: Operation) -> Use:
    op.only("x")
    return op.call("nn.silu", op.cast(op.tensor("x"), op.spec.dtype))


def _leaky(op: Operation) -> Use:
    op.only("x", "negative_slope")
    return op.call("nn.leaky_relu", op.cast(op.tensor("x"), op.spec.dtype), alpha=float(op.static("negative_slope", 0.2)))


def _hard(op: Operation) -> Use:
    """``relu6(x + 3) / 6``, and that times ``x``."""
    op.only("x")
    x, spec = op.cast(op.tensor("x"), op.spec.dtype), op.spec
    bounded = op.call("nn.relu6", op.call("math.add", x, spec, y=3.0), spec)
    if op.layer.class_name == "HardSigmoid":
        return op.call("math.truediv", bounded, y=6.0)
    return op.call("math.multiply", x, y=op.call("math.truediv", bounded, spec, y=6.0))


def _matmul(op: Operation) -> Use:
    """Of matrices alone: Keras 3 folds the batches of others before it multiplies."""
    op.only("x1", "x2")
    pair = [op.cast(op.tensor(name), op.spec.dtype) for name in ("x1", "x2")]
    if not is_float(op.spec.dtype) or any(len(op.writing.new_spec(use).shape or ()) < 2 for use in pair):
        raise op.stop("multiplies something other than matrices of fractions")
    return op.call("linalg.matmul", pair[0], b=pair[1])


def _pad(op: Operation) -> Use:
    op.only("x", "pad_width", "mode", "constant_values")
    mode = str(op.static("mode", "constant"))
    if mode not in ("constant", "reflect", "symmetric"):
        raise op.stop(f"pads by {mode}")
    more = {"constant_values": op.static("constant_values", 0)} if mode == "constant" else {}
    return op.call("pad", op.tensor("x"), paddings=op.static("pad_width"), mode=mode.upper(), **more)


def _getitem(op: Operation) -> Use:
    """What stands between the brackets, as JSON has it."""
    op.only("x", "key")
    key = op.given["key"]
    spec = tuple(map(_slice, key if type(key) is tuple else (key,)))
    if any(each is _UNKNOWN for each in spec):
        raise op.stop("takes its positions from a tensor, or from a list")
    return op.call("__operators__.getitem", op.tensor("x"), slice_spec=spec)


_UNKNOWN = object()


def _slice(item: Any) -> Any:
    if isinstance(item, FrozenDict) and item.get("class_name") == "__slice__":
        return FrozenDict({name: item["config"].get(name) for name in ("start", "stop", "step")})
    if isinstance(item, FrozenDict) and item.get("class_name") == "__ellipsis__":
        return FrozenDict({"class_name": "__ellipsis__"})
    return item if item is None or type(item) is int else _UNKNOWN


def _like(function: str) -> Rule:
    def rule(op: Operation) -> Use:
        op.only("x", "dtype")
        return op.call(function, op.tensor("x"), dtype=op.spec.dtype)

    return rule


def _repeated(function: str, name: str) -> Rule:
    def rule(op: Operation) -> Use:
        op.only("x", "repeats", "axis")
        more = {"axis": op.static("axis")} if function == "repeat" else {}
        return op.call(function, op.tensor("x"), **{name: op.static("repeats")}, **more)

    return rule


_RULES: Mapping[str, Rule] = {
    "prod": _reduction("math.reduce_prod"),
    "divide": _quotient,
    "true_divide": _quotient,
    "reshape": _reshape,
    "transpose": _transpose,
    "expand_dims": _axis("expand_dims"),
    "squeeze": _axis("squeeze"),
    "concatenate": _listed("concat", 0),
    "stack": _listed("stack", 0),
    "cast": _cast,
    "copy": _copy,
    "elu": _elu,
    "round": _round,
    "where": _where,
    "clip": _clip,
    "softmax": _softmax("nn.softmax"),
    "log_softmax": _softmax("nn.log_softmax"),
    "gelu": _gelu,
    "silu": _silu,
    "leaky_relu": _leaky,
    "hard_sigmoid": _hard,
    "hard_silu": _hard,
    "matmul": _matmul,
    "pad": _pad,
    "get_item": _getitem,
    "zeros_like": _like("zeros_like"),
    "ones_like": _like("ones_like"),
    "repeat": _repeated("repeat", "repeats"),
    "tile": _repeated("tile", "multiples"),
}
