"""Small whole documents of both dialects, and the way to damage one place in them."""

from __future__ import annotations

import copy
from typing import Any


def _layer2(name: str, kind: str, config: dict[str, Any], nodes: list[Any]) -> dict[str, Any]:
    return {"name": name, "class_name": kind, "config": {"name": name, **config}, "inbound_nodes": nodes}


def _nested2(name: str, nodes: list[Any]) -> dict[str, Any]:
    inner = {
        "name": name,
        "layers": [
            _layer2("i", "InputLayer", {"batch_input_shape": [None, 2], "dtype": "float32"}, []),
            _layer2("e", "Dense", {"units": 2, "kernel_initializer": "zeros"}, [[["i", 0, 0, {}]]]),
        ],
        "input_layers": [["i", 0, 0]],
        "output_layers": [["e", 0, 0]],
    }
    return {"name": name, "class_name": "Model", "config": inner, "inbound_nodes": nodes}


KERAS2: dict[str, Any] = {
    "class_name": "Model",
    "config": {
        "name": "m",
        "layers": [
            _layer2("x", "InputLayer", {"batch_input_shape": [None, 2], "dtype": "float32"}, []),
            _layer2("d", "Dense", {"units": 2, "kernel_initializer": "zeros"}, [[["x", 0, 0, {}]], [["d", 0, 0, {}]]]),
            _nested2("n", [[["d", 1, 0, {}]]]),
            _layer2("s", "Add", {}, [[["d", 0, 0, {}], ["n", 1, 0, {}]]]),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["s", 0, 0], ["d", 1, 0]],
    },
    "keras_version": "2.3.1",
    "backend": "tensorflow",
}


def tensor(name: Any, call: Any = 0, output: Any = 0) -> dict[str, Any]:
    config = {"shape": [None, 2], "dtype": "float32", "keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": config}


def node(*args: Any, **kwargs: Any) -> dict[str, Any]:
    return {"args": list(args), "kwargs": kwargs}


def _layer3(name: str, kind: str, config: dict[str, Any], nodes: list[Any]) -> dict[str, Any]:
    head = {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}}
    return {**head, "registered_name": None, "name": name, "inbound_nodes": nodes}


def _nested3(name: str, nodes: list[Any]) -> dict[str, Any]:
    inner = {
        "name": name,
        "layers": [
            _layer3("i", "InputLayer", {"batch_shape": [None, 2], "dtype": "float32"}, []),
            _layer3("e", "Dense", {"units": 2}, [node(tensor("i"))]),
        ],
        "input_layers": ["i", 0, 0],
        "output_layers": ["e", 0, 0],
    }
    head = {"module": "keras.src.models.functional", "class_name": "Functional", "config": inner}
    return {**head, "registered_name": "Functional", "name": name, "inbound_nodes": nodes}


KERAS3: dict[str, Any] = {
    "module": "keras.src.models.functional",
    "class_name": "Functional",
    "config": {
        "name": "m",
        "layers": [
            _layer3("x", "InputLayer", {"batch_shape": [None, 2], "dtype": "float32"}, []),
            _layer3("d", "Dense", {"units": 2}, [node(tensor("x")), node(tensor("d"))]),
            _nested3("n", [node(tensor("d", 1))]),
            _layer3("s", "Add", {}, [node([tensor("d"), tensor("n")])]),
        ],
        "input_layers": [["x", 0, 0]],
        "output_layers": [["s", 0, 0], ["d", 1, 0]],
    },
    "registered_name": "Functional",
}

DENSE = "config.layers.1"
INNER = "config.layers.2.config"


def changed(document: dict[str, Any], *steps: str, value: Any) -> dict[str, Any]:
    """A copy with one place replaced (or added); steps are keys and indices, joined by dots at will."""
    made = copy.deepcopy(document)
    path = [int(step) if step.isdigit() else step for text in steps for step in text.split(".")]
    here: Any = made
    for step in path[:-1]:
        here = here[step]
    if isinstance(here, list) and path[-1] == len(here):
        here.append(value)
    else:
        here[path[-1]] = value
    return made


def without(document: dict[str, Any], *steps: str) -> dict[str, Any]:
    """A copy without one key."""
    made = copy.deepcopy(document)
    path = [int(step) if step.isdigit() else step for text in steps for step in text.split(".")]
    here: Any = made
    for step in path[:-1]:
        here = here[step]
    del here[path[-1]]
    return made
