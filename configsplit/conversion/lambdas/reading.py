"""What the code of a Lambda layer computes, as calls of functions that are known; or why that cannot be told."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from configsplit.catalog.facts import CallFacts, LayerFacts
from configsplit.catalog.rules import Outputs, is_float, policy, policy_dtype
from configsplit.catalog.table import BUILT_IN, class_facts
from configsplit.conversion.lambdas.calling import Calls
from configsplit.conversion.lambdas.instructions import NOT_PYTHON, NOT_READ, RELEASES
from configsplit.conversion.lambdas.machine import Machine
from configsplit.conversion.lambdas.marshal import Code, Unread, read_code
from configsplit.conversion.lambdas.values import Tensor, number
from configsplit.graph.json import FrozenDict, Number, rebuild
from configsplit.graph.model import Layer, Structure, TensorRef, TensorSpec
from configsplit.inference import RULE_ERRORS

_BASE64 = re.compile(r"[A-Za-z0-9+/\n]*={0,2}\n?")
_REFUSED_FLAGS = {0x04: "any number of arguments", 0x08: "any number of arguments", 0x20: "a generator", 0x280: "a coroutine"}
_REAL = ("float32", "float64")
"""Beside a tensor, numpy's numbers of these take its dtype, as Python's do."""

_OF_KERAS = ("mask", "training")
"""Parameters that Keras itself fills in."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a Lambda computes.

    Attributes:
        layers: one for each function that is called, in order; they refer to each other and to what the Lambda takes.
        specs: shape and dtype of what those give.
        outputs: the tensors that the Lambda gives.
        text: the expression.
        assumed: what was taken for granted.
    """

    layers: tuple[Layer, ...]
    specs: Mapping[TensorRef, TensorSpec]
    outputs: tuple[Tensor, ...]
    text: str
    assumed: tuple[str, ...]


def read(config: FrozenDict, inputs: Structure, name: str) -> Reading:
    """Read the code in a Lambda's config, called on a tensor or a tuple of them; what is made is named after the layer."""
    if config.get("mask") is not None:
        raise Unread("it makes a mask of its own")
    text, defaults, closure = _function(config)
    code = read_code(_bytes(text))
    given = _arguments(code, defaults, config)
    by_release: dict[str, Reading | Unread] = {}
    for release, known in RELEASES.items():
        if known.layout == code.layout:
            by_release[release] = _as(code, release, given, closure, inputs, name)
    readings = [each for each in by_release.values() if isinstance(each, Reading)]
    if not readings:
        raise min((each for each in by_release.values() if isinstance(each, Unread)), key=_says_little)
    if any(other != readings[0] for other in readings):
        raise Unread("its code can be understood in two ways")
    _check_declared(config, inputs, readings[0])
    return readings[0]


def _says_little(error: Unread) -> int:
    """A release whose instructions these are not stumbles over them; the one that wrote them says why it goes no further."""
    return (NOT_READ, NOT_PYTHON).index(str(error)) + 1 if str(error) in (NOT_READ, NOT_PYTHON) else 0


def _as(
    code: Code, release: str, given: Mapping[str, Any], closure: tuple[Any, ...], inputs: Structure, name: str
) -> Reading | Unread:
    """The reading of one release."""
    calls = Calls(name)
    parameter = code.fields["locals"][0]
    try:
        result = Machine(code, release, {**given, parameter: inputs}, closure, calls).run()
        outputs = result if type(result) is tuple else (result,)
        if not outputs or not all(type(each) is Tensor for each in outputs):
            raise Unread("it gives something else than tensors")
    except Unread as error:
        return error
    except RULE_ERRORS as error:
        return Unread(f"it computes in a way that no rule expects ({error})")
    text = outputs[0].text if type(result) is Tensor else ", ".join(each.text for each in outputs)
    return Reading(tuple(calls.layers), calls.specs, outputs, text, tuple(calls.assumed))


# ----------------------------------------------------------------------------------------------- what stands in the config


def _function(config: FrozenDict) -> tuple[str, tuple[Any, ...], tuple[Any, ...]]:
    """The code as text, the defaults of its parameters and the variables around it."""
    function = config.get("function")
    if isinstance(function, FrozenDict) and function.get("class_name") == "__lambda__":
        inner = function.get("config")
        parts = tuple(inner.get(key) for key in ("code", "defaults", "closure")) if isinstance(inner, FrozenDict) else ()
    else:
        parts = function if type(function) is tuple else (function, None, None)
        if config.get("function_type") != "lambda":
            raise Unread("it is a function by name, whose code the file does not hold")
    if len(parts) != 3 or type(parts[0]) is not str:
        raise Unread("its code is not written as Keras writes it")
    return parts[0], *(_listed(part) for part in parts[1:])  # type: ignore[return-value]


def _listed(value: Any) -> tuple[Any, ...]:
    values = constant(value) if value is not None else ()
    if type(values) is not tuple:
        raise Unread("its defaults are not written as Keras writes them")
    return values


def _bytes(text: str) -> bytes:
    """Base 64 since Keras 2.1; before, a character for each byte."""
    try:
        if _BASE64.fullmatch(text):
            return b64decode(text)
        return text.encode("latin1")
    except (binascii.Error, UnicodeEncodeError):
        raise Unread("its code is not written as Keras writes it") from None


def constant(value: Any) -> Any:
    """A constant of a document as a value that code computes with. Raises Unread if it is of another kind than numbers, text,
    and lists of them.
    """

    def leaf(item: Any) -> Any:
        if isinstance(item, Number):
            item = int(item.value) if item.text.lstrip("-").isdigit() else item.value
        if isinstance(item, FrozenDict):
            return rebuild(_inside(item), leaf, stop=lambda each: isinstance(each, FrozenDict))
        return number(item)

    return rebuild(value, leaf, stop=lambda item: isinstance(item, FrozenDict))


def _inside(value: FrozenDict) -> Any:
    """The numbers of an array, or the items of a tuple that is marked as one."""
    config = value.get("config")
    if value.get("class_name") == "__numpy__" and isinstance(config, FrozenDict) and config.get("dtype") in _REAL:
        return config.get("value")
    if value.get("type") == "ndarray" or value.get("class_name") == "__tuple__":
        return value.get("value", value.get("items"))
    raise Unread("a value that it is given is not plain")


def _arguments(code: Code, defaults: tuple[Any, ...], config: FrozenDict) -> dict[str, Any]:
    """What the parameters behind the first are: told by the layer, or by default."""
    flags, count, named = code.fields["flags"], code.fields["arguments"], code.fields["keyword_only"]
    for flag, what in _REFUSED_FLAGS.items():
        if flags & flag:
            raise Unread(f"it is {what}" if flag >= 0x20 else f"it takes {what}")
    names = code.fields["locals"][: count + named]
    if count < 1 or len(names) != count + named or len(defaults) > count or len({*names}) != len(names):
        raise Unread("its parameters are not as Python has them")
    told = config.get("arguments") or {}
    if not isinstance(told, Mapping) or not told.keys() <= {*names[1:]}:
        raise Unread("the layer hands over arguments that it does not take")
    if any(name in _OF_KERAS for name in names):
        raise Unread("it takes a mask, or asks whether the model trains")
    values = dict(zip(names[count - len(defaults) : count], defaults, strict=True))
    values |= {name: constant(value) for name, value in told.items()}
    if missing := [name for name in names[1:] if name not in values]:
        raise Unread(f"nothing tells its parameter {missing[0]!r}")
    return {name: values[name] for name in names[1:]}


# ------------------------------------------------------------------------------------------------------- what is known


def _check_declared(config: FrozenDict, inputs: Structure, reading: Reading) -> None:
    """Raises Unread where the layer says another shape than its code gives, or casts what it takes."""
    dtype = policy_dtype(policy(config.get("dtype")))
    given: list[Tensor] = [inputs] if type(inputs) is Tensor else list(inputs)
    if dtype is not None and any(is_float(each.spec.dtype) and each.spec.dtype != dtype for each in given):
        raise Unread(f"it computes in {dtype}, and is given another dtype")
    shape = config.get("output_shape")
    if type(shape) is not tuple or config.get("output_shape_type", "raw") != "raw" or len(reading.outputs) != 1:
        return
    sizes = (reading.outputs[0].spec.shape or ())[1:]
    same = len(sizes) == len(shape) and all(None in pair or pair[0] == pair[1] for pair in zip(sizes, shape, strict=True))
    if not same:
        raise Unread(f"its code gives {sizes} for each sample, and its output_shape says {shape}")


def outputs(call: CallFacts) -> Outputs:
    """The outputs of a Lambda whose code can be read; else those that its config tells."""
    own = class_facts(call.class_name, "keras2").outputs

    def leaf(spec: Any) -> Any:
        return Tensor(TensorRef("x"), spec, "x") if isinstance(spec, TensorSpec) else spec

    try:
        return tuple(each.spec for each in read(call.config, titled(rebuild(call.args[0], leaf)), "x").outputs)
    except (Unread, LookupError):
        return own(call)


def titled(inputs: Structure) -> Structure:
    """What a Lambda takes, if that is something that can be read: a tensor, or a list of them; each with its name."""
    several = inputs if type(inputs) is tuple else (inputs,)
    if not all(type(each) is Tensor and each.spec.shape is not None and each.spec.dtype for each in several):
        raise Unread("the shape of its input is unknown")
    if any(each.spec.sparse or each.spec.ragged for each in several):
        raise Unread("it takes a tensor that is not dense")
    if type(inputs) is not tuple:
        return replace(inputs, text="x")
    return tuple(replace(each, text=f"x[{at}]") for at, each in enumerate(several))


def reading_facts(*, alone: bool) -> dict[str, LayerFacts]:
    """What holds of the classes that run code of the file, where that is read.

    Args:
        alone: whether none of them has other code in its place, which might do something with masks. What is read does not:
            it takes none, and Keras 2 hands none on, but with the very tensor that it took: Keras 3 would do so too, which
            stands out when the masks are compared, and is refused.
    """
    masks: dict[str, Any] = {"mask": "stops", "uses_mask": ()} if alone else {}
    return {name: replace(facts, outputs=outputs, **masks) for name, facts in BUILT_IN.items() if facts.code_key}
