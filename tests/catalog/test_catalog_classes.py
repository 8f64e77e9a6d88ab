"""Every layer class that the installed Keras 3 and tf_keras export, held against what is declared of it.

A new release that adds a class, gives one a mask argument or changes what becomes of a mask fails here, by the class's name.
What is asked of a class is asked of the class itself: its call's signature, and a run with a masked input.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from support.layer_cases import CASES, Case

from configsplit.catalog.facts import CallFacts
from configsplit.catalog.layers.wrappers import WRAPPERS
from configsplit.catalog.table import ABSTRACT, BUILT_IN, OPAQUE, class_facts
from configsplit.graph.json import freeze
from configsplit.graph.model import TensorSpec

pytestmark = pytest.mark.filterwarnings("ignore:.*was passed an input with a mask attached:UserWarning")

FRAMEWORKS: dict[str, Any] = {"keras": keras, "tf_keras": tf_keras}
DIALECTS = {"keras": "keras3", "tf_keras": "keras2"}


def _exported(framework: str) -> dict[str, type]:
    """Class name -> class, each class under its own name."""
    layers = FRAMEWORKS[framework].layers
    found = [value for value in vars(layers).values() if inspect.isclass(value) and issubclass(value, layers.Layer)]
    return {cls.__name__: cls for cls in found}


CLASSES = [(framework, name) for framework in FRAMEWORKS for name in sorted(_exported(framework))]


@pytest.mark.parametrize(("framework", "name"), CLASSES)
def test_the_class_is_known(framework: str, name: str) -> None:
    assert name in BUILT_IN or name in WRAPPERS or name in OPAQUE or name in ABSTRACT or name == "InputLayer"


# --- arguments of the call


def parameters(framework: str, name: str) -> list[str]:
    return list(inspect.signature(_exported(framework)[name].call).parameters)


DECLARED = [(framework, name) for framework, name in CLASSES if class_facts(name).class_name]

NOT_USED = {
    ("keras", "Lambda"): "goes to the function, if that takes one, which its code tells and its name does not",
    ("tf_keras", "Lambda"): "goes to the function, if that takes one, which its code tells and its name does not",
    ("keras", "Pipeline"): "goes to its layers",
    ("tf_keras", "BatchNormalization"): "is used in training alone, and by the last releases alone",
}
"""Classes whose call takes a mask that they do not use, and what becomes of it."""


@pytest.mark.parametrize(("framework", "name"), DECLARED)
def test_the_masks_that_a_call_takes_are_declared(framework: str, name: str) -> None:
    """``attention_mask`` is an ordinary tensor of the graph. Before Keras 3 attention reads its masks off the tensors."""
    facts = class_facts(name, DIALECTS[framework])
    taken = {each for each in parameters(framework, name) if each.endswith("mask")} - {"use_causal_mask", "attention_mask"}
    read = {"query_mask", "value_mask", "key_mask"} if facts.attention == "named" and framework == "tf_keras" else set()
    assert taken | read == ({"mask"} if (framework, name) in NOT_USED else set(facts.uses_mask or ()))


@pytest.mark.parametrize(("framework", "name"), sorted(NOT_USED))
def test_an_exception_is_still_one(framework: str, name: str) -> None:
    assert "mask" in parameters(framework, name)
    assert not class_facts(name, DIALECTS[framework]).uses_mask


IGNORED = {
    "Dense": "quantized layers alone do something with it",
    "EinsumDense": "quantized layers alone do something with it",
    "CenterCrop": "draws nothing",
    "Resizing": "draws nothing",
}
"""Classes of Keras 3 whose call takes ``training`` and gives the same whatever it is."""


@pytest.mark.parametrize(("framework", "name"), DECLARED)
def test_whether_a_call_takes_training_is_declared(framework: str, name: str) -> None:
    taken = "training" in parameters(framework, name) and not (framework == "keras" and name in IGNORED)
    assert class_facts(name, DIALECTS[framework]).training == taken


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_what_is_ignored_is_taken(name: str) -> None:
    assert "training" in parameters("keras", name)


@pytest.mark.parametrize(("framework", "name"), DECLARED)
def test_whether_a_call_takes_states_is_declared(framework: str, name: str) -> None:
    assert class_facts(name, DIALECTS[framework]).recurrent == ("initial_state" in parameters(framework, name))


# --- what becomes of a mask, in a run


def _steps(case: Any) -> Iterator[tuple[int, ...]]:
    for spec in case.inputs:
        shape = spec[0] if isinstance(spec[0], tuple) else spec
        yield tuple((4 if place == 0 else 7) if size is None else size for place, size in enumerate(shape))


@cache
def _cases() -> dict[tuple[str, str], Any]:
    """For each class one case with plain float inputs of rank 3, or the first there is; ``None`` has no strings in it."""
    found: dict[tuple[str, str], Any] = {}
    for case in CASES:
        text = any(isinstance(spec[0], tuple) and spec[1] == "string" for spec in case.inputs)
        for framework in FRAMEWORKS:
            if (
                text
                or case.only not in ("", framework)
                or case.kwargs.get("dtype")
                or not hasattr(FRAMEWORKS[framework].layers, case.name)
            ):
                continue
            chosen = FITTING.get(case.name, case)
            if case.name not in RETURNS or case.kwargs.get("return_sequences"):
                found.setdefault((framework, getattr(FRAMEWORKS[framework].layers, case.name).__name__), chosen)
    return found


FITTING = {
    "Softmax": Case("Softmax", {}, ((None, 7),)),
    "BatchNormalization": Case("BatchNormalization", {}, ((None, 7, 4),)),
    "GroupNormalization": Case("GroupNormalization", {"groups": 4}, ((None, 5, 8),)),
}
"""Inputs on which a mask of (batch, steps) fits, for classes whose first case is an image."""

RETURNS = {"LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
"""Whether these hand a mask on depends on what they return: they are asked for sequences."""


def _value(case: Any, number: int, shape: tuple[int, ...]) -> Any:
    spec = case.inputs[number]
    dtype = spec[1] if isinstance(spec[0], tuple) else "float32"
    drawn = np.random.default_rng(number).integers(1, 5, size=shape)
    return tf.constant(drawn.astype(dtype))


def masks_out(framework: str, name: str) -> list[bool]:
    """Whether each output carries a mask when the first input does, all others plain; of a merge, when every input does."""
    case = _cases()[framework, name]
    layer = _exported(framework)[name](**case.kwargs)
    values = [_value(case, number, shape) for number, shape in enumerate(_steps(case))]
    for value in values if case.listed else values[:1]:
        value._keras_mask = tf.constant(np.arange(np.prod(value.shape[:2])).reshape(value.shape[:2]) % 3 > 0)
    outputs = layer(values) if case.listed else layer(*values, **case.call)
    return [getattr(item, "_keras_mask", None) is not None for item in tf.nest.flatten(outputs)]


LOUD = {("tf_keras", "GroupNormalization")}
"""A mask of steps makes the call fail, so that no model that runs has one there."""


@pytest.mark.parametrize(("framework", "name"), sorted(_cases()))
def test_a_mask_goes_where_the_declaration_says(framework: str, name: str) -> None:
    rule = class_facts(name, DIALECTS[framework]).mask
    if (framework, name) in LOUD:
        with pytest.raises(tf.errors.InvalidArgumentError):
            masks_out(framework, name)
        return
    carries = masks_out(framework, name)[0]
    if rule == "makes":
        case = _cases()[framework, name]
        assert carries == ("input_dim" not in case.kwargs or bool(case.kwargs.get("mask_zero")))
        return
    assert carries == (rule == "passes"), f"{name} of {framework}: declared {rule!r}, carries a mask: {carries}"


NOT_RUN = {
    "Bidirectional", "TimeDistributed", "SpectralNormalization", "Wrapper", "RNN", "StackedRNNCells", "LSTMCell", "GRUCell",
    "SimpleRNNCell", "Lambda", "Layer", "InputLayer", "Pipeline", "DenseFeatures", "AbstractRNNCell", "Hashing",
    "HashedCrossing", "StringLookup", "TextVectorization", "Equalization", "MaxNumBoundingBoxes",
}  # fmt: skip
"""Classes that hold layers or functions (tests/inference/test_masks.py has those), take words, or need more than constructor
arguments; what is not known at all is told by `test_the_class_is_known`."""


def test_every_other_class_is_run() -> None:
    known = {name for _, name in CLASSES if name in BUILT_IN or name in WRAPPERS}
    assert known - {name for _, name in _cases()} <= NOT_RUN


@pytest.mark.parametrize("name", ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"])
def test_a_merge_of_one_masked_input_keeps_its_mask_before_keras_3_only(name: str) -> None:
    """Keras 3 gives no mask unless every input has one, and joins them by OR; tf_keras takes those there are, by AND."""
    for framework, kept in (("keras", False), ("tf_keras", True)):
        one, two = (tf.ones((2, 3, 4)) for _ in range(2))
        one._keras_mask = tf.constant([[True, False, True], [True, True, False]])
        layer = _exported(framework)[name]()
        assert (getattr(layer([one, two]), "_keras_mask", None) is not None) == kept
        two._keras_mask = tf.constant([[True, True, False], [False, True, False]])
        both = getattr(layer([one, two]), "_keras_mask", None).numpy()
        first, second = one._keras_mask.numpy(), two._keras_mask.numpy()
        assert (both == ((first & second) if kept else (first | second))).all()


# --- what becomes of tensors and numbers, in a run


@cache
def run(framework: str, name: str) -> tuple[Any, Any]:
    """What the first case of a class takes and gives, of several tensors the first."""
    case = _cases()[framework, name]
    layer = _exported(framework)[name](**case.kwargs)
    values = [_value(case, number, shape) for number, shape in enumerate(_steps(case))]
    outputs = layer(values) if case.listed else layer(*values, **case.call)
    return values, tf.nest.flatten(outputs)[0]


def _runnable(framework: str) -> list[str]:
    return sorted(name for where, name in _cases() if where == framework)


@pytest.mark.parametrize("name", _runnable("keras"))
def test_a_class_that_gives_back_its_very_tensor_is_declared(name: str) -> None:
    """Asked in Keras 3, where attention unties masks from the tensors that it takes."""
    values, given = run("keras", name)
    layer = _exported("keras")[name](**_cases()["keras", name].kwargs)
    config = freeze(keras.saving.serialize_keras_object(layer)["config"])
    specs = tuple(TensorSpec(tuple(each.shape), each.dtype.name) for each in values)
    assert bool(class_facts(name).same_tensor(CallFacts(name, config, specs))) == (given is values[0])


def test_a_linear_activation_gives_back_its_very_tensor() -> None:
    value = tf.ones((2, 3))
    assert keras.layers.Activation("linear")(value) is value
    assert class_facts("Activation").same_tensor(CallFacts("Activation", freeze({"activation": "linear"})))


@pytest.mark.parametrize(("framework", "name"), sorted(_cases()))
def test_numbers_stay_or_move_as_declared(framework: str, name: str) -> None:
    numbers = class_facts(name, DIALECTS[framework]).numbers
    if numbers in ("kept", "moved"):
        values, given = run(framework, name)
        taken, found = ([tf.reshape(each, [-1]).numpy() for each in several] for several in (values, [given]))
        if numbers == "kept":
            assert (taken[0] == found[0]).all()
        assert {*found[0]} <= {0, *np.concatenate(taken)}


@pytest.mark.parametrize("name", _runnable("keras"))
def test_whether_what_is_inside_hears_that_it_is_frozen(name: str) -> None:
    case = _cases()["keras", name]
    layer = _exported("keras")[name](**case.kwargs)
    entry = keras.layers.serialize(layer)
    entry["config"]["trainable"] = False
    try:
        frozen = keras.layers.deserialize(entry)
    except TypeError:  # a class without weights whose arguments do not hold the flag
        assert not class_facts(name).deaf_when_frozen
        return
    values = [_value(case, number, shape) for number, shape in enumerate(_steps(case))]
    frozen(values) if case.listed else frozen(*values, **case.call)
    inner = frozen._flatten_layers(include_self=False)
    deaf = any(each.trainable and each.trainable_weights for each in inner)
    assert class_facts(name).deaf_when_frozen == deaf


# --- keys of configs


def config_of(framework: str, name: str) -> dict[str, Any]:
    case = _cases()[framework, name]
    found = _exported(framework)[name](**case.kwargs).get_config()
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(("framework", "name"), sorted(_cases()))
def test_declared_keys_stand_in_the_config(framework: str, name: str) -> None:
    facts = class_facts(name, DIALECTS[framework])
    config = config_of(framework, name)
    keys = {facts.limit_key, facts.mask_key, facts.code_key} - {""}
    assert keys <= config.keys()
    assert ("return_sequences" in config) == facts.recurrent
    assert ("input_dim" in config) == (facts.limit_key == "input_dim")
    assert ("sparse" in config) <= facts.tells_kind


def test_the_name_of_its_own_is_the_name_of_the_class() -> None:
    for layers in (keras.layers, tf_keras.layers):
        for name, kind in vars(layers).items():
            if name in BUILT_IN and inspect.isclass(kind):
                assert (class_facts(name).own_name or name) == kind.__name__
