"""What the rules of all families share: shapes, dtypes and window arithmetic as Keras itself computes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any, TypeAlias

from configsplit.catalog.facts import CallFacts, LayerFacts, MaskRule, WeightSpec
from configsplit.catalog.values import Values
from configsplit.errors import ShapeError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec

Outputs: TypeAlias = tuple[TensorSpec, ...]
Weights: TypeAlias = tuple[WeightSpec, ...]
ShapeRule: TypeAlias = Callable[[CallFacts], Shape]
DtypeRule: TypeAlias = Callable[[CallFacts], "str | None"]
WeightRule: TypeAlias = Callable[[CallFacts], Weights]

Ranked: TypeAlias = "Mapping[str, Values] | Callable[[int], Mapping[str, Values]]"

NOTHING: Mapping[str, Any] = FrozenDict()

MODELS = ("Functional", "Model", "Sequential")

FLOATS = ("float16", "bfloat16", "float32", "float64")


def unknown(message: str) -> ShapeError:
    """The error of a rule that cannot tell; `trace` turns it into an unknown tensor and keeps the message."""
    return ShapeError(message, code="shape-unknown")


def impossible(message: str) -> ShapeError:
    """The error of a rule whose inputs no tensors of a model can be."""
    return ShapeError(message, code="shape-contradicted")


def shape_of(spec: TensorSpec) -> Shape:
    """Raises ShapeError where the shape is unknown."""
    if spec.shape is None:
        raise unknown("the shape of an input is unknown")
    return spec.shape


def first_shape(call: CallFacts) -> Shape:
    return shape_of(call.first)


def along_shape(call: CallFacts) -> Shape:
    """The shape of the first input. Raises ShapeError where it has not the axis, or not all of the axes, of the config."""
    shape, axis = first_shape(call), call.config.get("axis", -1)
    for each in () if axis is None else axis if isinstance(axis, tuple) else (axis,):
        axis_in(int(each), len(shape))
    return shape


def known(size: int | None, what: str = "a dimension") -> int:
    """A dimension that has to be a number. Raises ShapeError where it is None."""
    if size is None:
        raise ShapeError(f"{what} of the input is not fixed", code="size-open")
    return size


def axis_of(axis: int, rank: int) -> int:
    """A non-negative axis. Raises ShapeError where the tensor has no such axis."""
    if not -rank <= axis < rank:
        raise unknown(f"axis {axis} does not exist in a tensor of rank {rank}")
    return axis % rank


def axis_in(axis: int, rank: int) -> int:
    """The same of an axis that Keras looks up when it builds the layer, and does not find."""
    if not -rank <= axis < rank:
        raise impossible(f"a tensor of {rank} axes has no axis {axis}")
    return axis % rank


def axes_of(value: Any, rank: int) -> tuple[int, ...]:
    """One axis or several, non-negative, in the order given; all axes for None."""
    if value is None:
        return tuple(range(rank))
    several = value if isinstance(value, (tuple, list)) else (value,)
    return tuple(axis_of(int(axis), rank) for axis in several)


def sizes(value: Any, rank: int) -> tuple[int, ...]:
    """A window, stride or dilation: one number for all spatial axes, or one each."""
    numbers = tuple(int(item) for item in value) if isinstance(value, (tuple, list)) else (int(value),) * rank
    if len(numbers) != rank:
        raise unknown(f"{len(numbers)} numbers are given for {rank} axes")
    return numbers


def product(dims: Iterable[int | None]) -> int | None:
    """The number of elements, None as soon as one dimension is."""
    sizes = list(dims)
    return None if None in sizes else prod(size for size in sizes if size is not None)


def elements(shape: Iterable[int | None]) -> int:
    """The number of elements. Raises ShapeError where a dimension is None."""
    return prod(known(size) for size in shape)


def channels_first(call: CallFacts) -> bool:
    return call.config.get("data_format") == "channels_first"


def split_channels(call: CallFacts, shape: Shape) -> tuple[Shape, int | None]:
    """The spatial dimensions and the channels of an image-like tensor, without its batch."""
    if call.config.get("data_format") == "unknown":
        raise unknown("Keras 1 does not write the layer's dim_ordering, and no other layer of the model tells it")
    if len(shape) < 3:
        raise unknown(f"a tensor of rank {len(shape)} has no spatial axes")
    return (shape[2:], shape[1]) if channels_first(call) else (shape[1:-1], shape[-1])


def with_channels(call: CallFacts, batch: int | None, spatial: Iterable[int | None], channels: int | None) -> Shape:
    return (batch, channels, *spatial) if channels_first(call) else (batch, *spatial, channels)


def window_length(size: int | None, window: int, stride: int, padding: str, dilation: int = 1) -> int | None:
    """Output length of a convolution or pooling along one axis. Raises ShapeError where nothing would be left."""
    if size is None:
        return None
    if padding in ("same", "causal"):
        return (size - 1) // stride + 1
    if padding not in ("valid", "full"):  # Keras 1 has "full" with Theano: every window that touches the tensor
        raise unknown(f"the padding {padding!r} is not known")
    reach = dilation * (window - 1)
    length = (size + (reach if padding == "full" else -reach) - 1) // stride + 1
    if length <= 0:
        raise impossible(f"a window of {window} does not fit into {size}")
    return length


# ---------------------------------------------------------------------------------------------------------------- dtypes


def policy(value: Any) -> str | None:
    """The dtype policy's name, however it is spelt: a string, a Policy, DTypePolicy, quantized policy or policy map."""
    while isinstance(value, dict):
        config = value.get("config")
        if not isinstance(config, dict):
            return None
        value = config.get("name") or config.get("source_name") or config.get("default_policy")
    return value.rpartition("_from_")[2] if isinstance(value, str) else None


def policy_dtype(name: str | None) -> str | None:
    """The compute dtype of a policy: ``mixed_float16`` computes in float16."""
    return None if name is None or name.startswith("_infer") else name.removeprefix("mixed_")


def is_float(dtype: str | None) -> bool:
    return dtype in FLOATS


def compute_dtype(call: CallFacts) -> str:
    """The dtype a layer computes in. A document without dtypes (Keras before 2.3) computes in its input's."""
    declared = policy_dtype(policy(call.config.get("dtype")))
    if declared is not None:
        return declared
    given = call.inputs[0].dtype if call.inputs else None
    return given if given is not None and is_float(given) else "float32"


def kept_dtype(call: CallFacts) -> str | None:
    """The dtype of a layer that only moves numbers: floats are cast to the compute dtype, all else stays as it is."""
    return autocast(call, call.first)


def autocast(call: CallFacts, spec: TensorSpec) -> str | None:
    return compute_dtype(call) if is_float(spec.dtype) else spec.dtype


def declared_dtype(call: CallFacts) -> str | None:
    """The dtype of a layer that computes with integers as with floats in Keras 3, where it takes them at all."""
    return compute_dtype(call) if call.dialect == "keras3" else kept_dtype(call)


def variable_dtype(call: CallFacts) -> str:
    """The dtype of a layer's weights: float32 under a mixed policy."""
    name = policy(call.config.get("dtype"))
    if name is None or name.startswith(("mixed_", "_infer")):
        return "float32"
    return name if is_float(name) else "float32"


# -------------------------------------------------------------------------------------------------------------- building


def weight(call: CallFacts, name: str, *shape: int | None, trainable: bool = True) -> WeightSpec:
    return WeightSpec(name, tuple(known(size) for size in shape), variable_dtype(call), trainable)


def kernel_and_bias(call: CallFacts, kernel: Shape, bias: Shape, name: str = "kernel") -> Weights:
    first = weight(call, name, *kernel)
    return (first, weight(call, "bias", *bias)) if call.config.get("use_bias", True) else (first,)


def no_weights(call: CallFacts) -> Weights:
    return ()


def one_output(shape: ShapeRule, dtype: DtypeRule = compute_dtype) -> Callable[[CallFacts], Outputs]:
    """A rule for a layer with one output, out of one for its shape and one for its dtype."""
    return lambda call: (TensorSpec(shape(call), dtype(call)),)


def first_of_all(call: CallFacts) -> Outputs:
    """The first input as it is."""
    return (call.first,)


def declare(
    names: str,
    outputs: Callable[[CallFacts], Outputs],
    weights: WeightRule = no_weights,
    macs: Callable[[CallFacts], int] | None = None,
    mask: MaskRule = "stops",
    uses_mask: tuple[str, ...] = (),
    *,
    training: bool | None = False,
    values: Ranked = NOTHING,
    values3: Ranked = NOTHING,
    beside: int = 2,
    keras3: Mapping[str, Any] = NOTHING,
    **more: Any,
) -> list[LayerFacts]:
    """One declaration for each of the space-separated class names; ``more`` are further attributes of `LayerFacts`.

    ``values3`` are those that are others in Keras 3. Both may depend on the number of spatial axes, with which a name ends;
    a class of such a name takes tensors that have so many axes ``beside`` them.
    """
    common: dict[str, Any] = {
        "outputs": outputs,
        "weights": weights,
        "macs": macs,
        "mask": mask,
        "uses_mask": uses_mask,
        "training": training,
    }
    return [
        LayerFacts(class_name=name, **common, **_values(name, values, values3, keras3), **{**_ranks(name, beside), **more})
        for name in names.split()
    ]


def _spatial(name: str) -> int:
    return int(match[1]) if (match := re.search(r"(\d)D", name)) else 0


def _ranks(name: str, beside: int) -> dict[str, Any]:
    rank = _spatial(name)
    return {"ranks": (rank + beside, rank + beside)} if rank else {}


def _values(name: str, values: Ranked, values3: Ranked, keras3: Mapping[str, Any]) -> dict[str, Any]:
    rank = _spatial(name)
    old, new = (each(rank) if callable(each) else each for each in (values, values3))
    more = {"values": FrozenDict({**old, **new})} if new else {}
    return {"values": FrozenDict(old), "keras3": FrozenDict({**keras3, **more})}


def on_jax(shape: Callable[[CallFacts], Shape]) -> dict[str, Any]:
    """Of a class of Keras 3 that gives back the very tensor on JAX, though not on TensorFlow, where it changes nothing."""

    def same_tensor(call: CallFacts) -> bool | None:
        return None if shape(call) == call.first.shape else False

    return {"same_tensor": same_tensor}


def wrapped(call: CallFacts, key: str = "layer") -> tuple[str, FrozenDict]:
    """Class name and config of a layer that stands inside another one's config."""
    entry = call.config[key]
    config = entry.get("config")
    return str(entry["class_name"]), config if isinstance(config, FrozenDict) else FrozenDict()


def check_rank(facts: LayerFacts, call: CallFacts) -> None:
    """Raises ShapeError where no such layer takes a tensor of so many axes."""
    shape = call.first.shape if call.inputs else None
    least, most = facts.ranks
    if shape is not None and not (least <= len(shape) and (most is None or len(shape) <= most)):
        wish = str(least) if most == least else f"at least {least}"
        raise impossible(f"it takes tensors of {wish} axes, not of {len(shape)}")


def class_of_keras(entry: Mapping[str, Any]) -> str:
    """The class of a layer or a model inside another one's config; "" where it is nobody's that Keras exports."""
    from configsplit.catalog.constructors import constructor

    name = str(entry["class_name"])
    own = ">" in str(entry.get("registered_name") or name) or ("module" in entry and entry["module"] is None)
    known = name in MODELS or any(constructor(name, dialect) is not None for dialect in ("keras2", "keras3"))
    return name if known and not own else ""
