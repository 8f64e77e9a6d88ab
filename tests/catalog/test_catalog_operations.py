"""Every operation that is declared, against the real one: the parameters by `inspect.signature`, no name that nobody has."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import keras
import pytest
import tensorflow as tf
import tf_keras

from configsplit.catalog.functions import OPERATION_PLACES, is_pure_function, is_pure_node
from configsplit.catalog.operations.arguments import parameters
from configsplit.catalog.operations.layers import snake
from configsplit.catalog.operations.operation_table import KERAS
from configsplit.catalog.tensorflow.declare import Function
from configsplit.catalog.tensorflow.table import FUNCTIONS, NODES, PLACES, function

NOT_SAID = {"name", "kwargs"}
"""Parameters of nearly every function of TensorFlow that change nothing of what is computed."""

LEFT_OUT: dict[str, set[str]] = {
    "__operators__.getitem": {"var"},
    "compat.v1.image.resize": {"align_corners"},
}
"""Parameters that are not declared: a call that gives one is refused."""


def _at(path: str) -> Any:
    found: Any = {"keras": tf_keras}.get(path.partition(".")[0], tf)
    for step in path.removeprefix("keras.").split("."):
        found = getattr(found, step, None)
    return found


@cache
def places(name: str) -> tuple[str, ...]:
    """Where TensorFlow has the function: every name in a document that leads to its declaration."""
    bare = [f"{place}.{name}".removeprefix(".") for place in sorted(PLACES)] if "." not in name else [name]
    both = [f"{before}{each}" for before in ("", "compat.v1.") for each in bare]
    return tuple(each for each in both if callable(_at(each)) and function(each) is FUNCTIONS[name])


def said(called: Callable[..., Any], path: str = "") -> list[str]:
    found = inspect.signature(called).parameters
    return [each for each in found if each not in NOT_SAID and each not in LEFT_OUT.get(path, ())]


def declared(found: Function) -> list[set[str]]:
    return [{each.name, *each.others} for each in parameters(found.parameters)]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_of_tensorflow_takes_what_is_declared(name: str) -> None:
    """By position as in TensorFlow 2; what only TensorFlow 1 has stands among the other names or at the end."""
    found = FUNCTIONS[name]
    known = declared(found)
    assert places(name), "no release has it"
    for path in places(name):
        real = said(_at(path), path)
        assert not {*real} - set().union(*known), path
        if not path.startswith("compat.v1.") and any(not each.startswith("compat.v1.") for each in places(name)):
            assert all(parameter in names for parameter, names in zip(real, known, strict=False)), (path, real)


def _of_nodes(found: Function) -> Iterator[str]:
    for node in found.nodes:
        yield from (each.name for each in parameters(node.inputs or " ".join(found.names)))
        yield from node.attributes.values()


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_no_parameter_of_a_function_is_made_up(name: str) -> None:
    same = [each for each, found in FUNCTIONS.items() if found is FUNCTIONS[name]]
    real = {each for other in same for path in places(other) for each in inspect.signature(_at(path)).parameters}
    real |= {*_of_nodes(FUNCTIONS[name])}
    real |= {"optimize"} if name == "einsum" else set()  # among its keywords
    assert set().union(*declared(FUNCTIONS[name])) <= real


@pytest.mark.parametrize("op", sorted(NODES))
def test_a_node_is_spelled_as_tensorflow_has_it(op: str) -> None:
    """As many inputs as it takes, and attributes under their own names."""
    node, found = NODES[op]
    definition = tf.raw_ops.__dict__[op]
    real = [each for each in inspect.signature(definition).parameters if each != "name"]
    inputs = parameters(node.inputs or " ".join(found.names))
    assert len(inputs) <= len(real)
    types = {"DstT", "squeeze_dims"}  # the first is no argument in every release, the second is called axis there
    assert {*node.attributes} - types <= {*real[1:]}
    assert {each.name for each in inputs} | {*node.attributes.values()} <= {*found.names, "begin", "end", "strides"}


def _classes() -> dict[str, Any]:
    for module in pkgutil.walk_packages(keras.src.ops.__path__, "keras.src.ops."):
        if not module.name.endswith("_test"):
            importlib.import_module(module.name)
    found: dict[str, Any] = {}
    todo = [keras.Operation]
    while todo:
        for cls in todo.pop().__subclasses__():
            if not issubclass(cls, keras.layers.Layer):
                todo.append(cls)
                if cls.__module__ in OPERATION_PLACES or cls.__module__.startswith("keras.src.ops."):
                    found[snake(cls.__name__)] = cls
    return found


CLASSES = _classes()


@pytest.mark.parametrize("name", sorted(KERAS))
def test_an_operation_of_keras_takes_what_is_declared(name: str) -> None:
    """What it is called with, then what it is made with: each in its own order, which documents of Keras 3 keep apart."""
    cls, known = CLASSES[name], parameters(KERAS[name].parameters)
    called = [each for each in inspect.signature(cls.call).parameters.values() if each.kind is not each.VAR_KEYWORD]
    called = called[1:]  # without self
    made = [each for each in said(cls.__init__)[1:] if each != "axes_lengths"]  # those of rearrange have any names
    listed = [each.name for each in called if each.name != "axes_lengths"]
    listed += [each for each in made if each not in listed]
    assert [each.name for each in known] == listed
    assert [each.several for each in known[: len(called)]] == [each.kind is each.VAR_POSITIONAL for each in called]
    assert not any(each.others for each in known)


def test_what_is_declared_is_harmless() -> None:
    assert all(is_pure_function(path) for name in FUNCTIONS for path in places(name))
    assert all(is_pure_node(op) for op in NODES)


@pytest.mark.parametrize(
    "name",
    ["image.transpose", "linalg.normalize", "experimental.numpy.sum", "random.split", "strings.split", "keras.backend.argmax"],
)
def test_a_function_of_the_same_name_elsewhere_is_another(name: str) -> None:
    """``tf.image.transpose`` turns each image; by the rule for ``tf.transpose`` it turned samples into channels."""
    assert callable(_at(name))
    assert function(name) is None
