"""What the files of attacks.py are made of: documents around one hostile layer, and generators of such layers.

What would happen if a framework built them is a file that appears (the canary).

Each has a *control*: the same document without the hostile bit. What the control cannot do, the attack cannot have been
stopped from doing: every verb has to go as far with the control as it was made to go with the attack.
"""

from __future__ import annotations

import base64
import codecs
import json
import marshal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Layer = dict[str, Any]
Maker = Callable[[str], Layer]

PLAIN = {"output_shape": None, "output_shape_type": "raw", "output_shape_module": None, "arguments": {}, "dtype": "float32"}
"""What tf_keras writes of a Lambda besides its function."""


@dataclass(frozen=True)
class Attack:
    """``layer`` makes the hostile layer's entry from the path of the canary, ``control`` the same without the hostile bit.

    ``code`` is the hazard that it is. ``fires`` is when plain Keras, out of safe mode, makes the canary: when it loads the
    file, or when the model runs; of the others it stops some by itself, and some act elsewhere.
    """

    name: str
    code: str
    layer: Maker
    control: Maker
    dialect: str = "keras2"
    fires: Literal["", "load", "run"] = ""

    def write(self, folder: Path, canary: Path) -> Path:
        return self._written(folder / f"{self.name}.json", self.layer(str(canary)))

    def write_control(self, folder: Path) -> Path:
        return self._written(folder / f"{self.name}-control.json", self.control("nothing"))

    def _written(self, path: Path, layer: Layer) -> Path:
        build = keras3_document if self.dialect == "keras3" else keras2_document
        path.write_text(json.dumps(build(layer)))
        return path

    @property
    def on_constants(self) -> bool:
        """No Keras finishes such a model, not even the control: the output of a call on constants has no history."""
        return "_CONSTANT_VALUE" in json.dumps(self.layer("").get("inbound_nodes"))


def keras2_document(evil: Layer) -> Any:
    """x -> a -> d -> the hostile layer; one that is called on constants is added to d, so that what follows d needs it."""
    layers = [
        {"class_name": "InputLayer", "name": "x", "inbound_nodes": [], "config": {
            "name": "x", "batch_input_shape": [None, 4, 3], "dtype": "float32", "sparse": False, "ragged": False}},
        {"class_name": "Dropout", "name": "a", "inbound_nodes": [[["x", 0, 0, {}]]], "config": {
            "name": "a", "rate": 0.5, "dtype": "float32"}},
        {"class_name": "Dense", "name": "d", "inbound_nodes": [[["a", 0, 0, {}]]], "config": {
            "name": "d", "units": 2, "activation": "relu", "use_bias": True, "dtype": "float32"}},
        {"name": "evil", "inbound_nodes": [[["d", 0, 0, {}]]], **evil, "config": {"name": "evil", **evil["config"]}},
        {"class_name": "TFOpLambda", "name": "end", "config": {"name": "end", "function": "math.add"}, "inbound_nodes": [
            ["d", 0, 0, {"y": ["evil", 0, 0]}]]},
    ]  # fmt: skip
    first = int(evil["class_name"] == "Functional")  # nested models count a call of their own first
    alone = "inbound_nodes" not in evil
    config = {
        "name": "m",
        "layers": layers[:4] if alone else layers,
        "input_layers": [["x", 0, 0]],
        "output_layers": [["evil", first, 0] if alone else ["end", 0, 0]],
    }
    return {"class_name": "Functional", "config": config, "keras_version": "2.15.0", "backend": "tensorflow"}


def keras3_document(evil: Layer) -> Any:
    def tensor(name: str, width: int) -> Layer:
        config = {"shape": [None, 4, width], "dtype": "float32", "keras_history": [name, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": config}

    def node(name: str, width: int) -> list[Layer]:
        return [{"args": [tensor(name, width)], "kwargs": {}}]

    layers = [
        {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "name": "x", "inbound_nodes": [],
         "config": {"batch_shape": [None, 4, 3], "dtype": "float32", "sparse": False, "name": "x"}},
        {"module": "keras.layers", "class_name": "Dropout", "registered_name": None, "name": "a", "inbound_nodes": node("x", 3),
         "config": {"name": "a", "rate": 0.5, "dtype": "float32"}},
        {"module": "keras.layers", "class_name": "Dense", "registered_name": None, "name": "d", "inbound_nodes": node("a", 3),
         "config": {"name": "d", "units": 2, "activation": "relu", "use_bias": True, "dtype": "float32"}},
        {"registered_name": None, "name": "evil", "inbound_nodes": node("d", 2), **evil,
         "config": {"name": "evil", **evil["config"]}},
    ]  # fmt: skip
    first = int(evil["class_name"] == "Functional")
    config = {
        "name": "m",
        "trainable": True,
        "layers": layers,
        "input_layers": [["x", 0, 0]],
        "output_layers": [["evil", first, 0]],
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def source(canary: str) -> str:
    return f"open({canary!r}, 'w').close()"


def bytecode(canary: str) -> str:
    """Marshalled code as ``func_dump`` writes it."""
    code = compile(f"lambda x: [open({canary!r}, 'w').close(), x][1]", "", "eval").co_consts[0]
    return codecs.encode(marshal.dumps(code), "base64").decode("ascii")


def function(name: str, module: str = "builtins") -> Layer:
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def called_on(value: Any, **keywords: Any) -> list[Any]:
    return [[["_CONSTANT_VALUE", -1, value, keywords]]]


def named_lambda(name: str, module: str, argument: Callable[[str], str]) -> Maker:
    def make(canary: str) -> Layer:
        config = {"function": function(name, module), "function_type": "function", "module": module, **PLAIN}
        return {"class_name": "Lambda", "config": config, "inbound_nodes": called_on(argument(canary))}

    return make


def tensorflow(called: str, *arguments: Any, **keywords: Any) -> Maker:
    """A TFOpLambda, on a constant if there is one; CANARY among the arguments becomes the path."""

    def make(canary: str) -> Layer:
        given = [value.replace("CANARY", canary) if isinstance(value, str) else value for value in arguments]
        named = {key: value.replace("CANARY", canary) if isinstance(value, str) else value for key, value in keywords.items()}
        calls = {"inbound_nodes": called_on(given[0], **named)[0]} if given else {"inbound_nodes": [["d", 0, 0, named]]}
        return {"class_name": "TFOpLambda", "config": {"function": called}, **calls}

    return make


def class_method(reference: str, *more: str) -> Maker:
    """An object of a class of TensorFlow, made with the path and more."""

    def make(canary: str) -> Layer:
        config = {"cls_symbol": reference, "method_name": "__call__"}
        given = [called_on(value, kwargs={})[0][0] for value in (canary, *more)]
        return {"class_name": "ClassMethod", "config": config, "inbound_nodes": [given]}

    return make


def layer(class_name: str, make: Callable[[str], Layer] | None = None, /, **config: Any) -> Maker:
    """A layer of Keras 2; ``make`` gives more of its config from the canary."""
    return lambda canary: {"class_name": class_name, "config": {**config, **(make(canary) if make else {})}}


def layer3(class_name: str, make: Callable[[str], Layer] | None = None, /, **config: Any) -> Maker:
    return lambda canary: {"module": "keras.layers", **layer(class_name, make, **config)(canary)}


def lambda_(canary: str) -> Layer:
    return {"class_name": "Lambda", "config": {"function": [bytecode(canary), None, None], "function_type": "lambda", **PLAIN}}


def relu(_: str) -> Layer:
    return {"class_name": "Activation", "config": {"name": "inner", "activation": "relu"}}


def nested(inside: Maker, *shape: int) -> Maker:
    """A model of its own around a layer."""

    def make(canary: str) -> Layer:
        document = keras2_document(inside(canary))
        document["config"]["layers"][0]["config"]["batch_input_shape"] = [None, *shape]
        return {"class_name": "Functional", "config": document["config"]}

    return make


def sequential(inside: Maker) -> Maker:
    return lambda canary: {"class_name": "Sequential", "config": {"layers": [inside(canary)]}}


def within(wrapper: str, key: str, inside: Maker) -> Maker:
    return lambda canary: {"class_name": wrapper, "config": {key: inside(canary)}}


def cells(inside: Maker) -> Maker:
    """A cell among others, two levels down."""
    plain = {"class_name": "LSTMCell", "config": {"units": 2}}
    stack = within("StackedRNNCells", "cells", lambda canary: [plain, inside(canary)])  # type: ignore[arg-type,return-value]
    return within("RNN", "cell", stack)


def lstm_cell(_: str) -> Layer:
    return {"class_name": "LSTMCell", "config": {"units": 2}}


def dropout_wrapper(canary: str) -> Layer:
    visitor = {"dropout_fn": [bytecode(canary), None, None], "dropout_fn_type": "lambda", "dropout_fn_module": None}
    keep = {"input_keep_prob": 1.0, "output_keep_prob": 1.0, "state_keep_prob": 0.5, "variational_recurrent": False}
    inner = {"class_name": "GRUCell", "config": {"units": 2}}
    cell = {"class_name": "DropoutWrapper", "config": {"cell": inner, **keep, **visitor}}
    return {"class_name": "RNN", "config": {"cell": cell}}


def node_def(op: str, *, constants: dict[str, Any] | None = None, **attributes: Any) -> Maker:
    """An operation of TensorFlow's graphs on d; CANARY in a constant or a text of an attribute becomes the path."""

    def text(value: Any, canary: str) -> Any:
        if isinstance(value, str) and "CANARY" in value:
            return base64.b64encode(value.replace("CANARY", canary).encode()).decode()
        if isinstance(value, dict):
            return {key: text(item, canary) for key, item in value.items()}
        return [text(item, canary) for item in value] if isinstance(value, list) else value

    def make(canary: str) -> Layer:
        given = {key: canary if value == "CANARY" else value for key, value in (constants or {}).items()}
        inputs = [f"i{number}" for number in range(len(given) + 1)]
        node = {"name": "n", "op": op, "input": inputs, "attr": text(attributes, canary)}
        return {"class_name": "TensorFlowOpLayer", "config": {"node_def": node, "constants": given}}

    return make


def foreign(class_name: str, module: str, /, **config: Any) -> Maker:
    return lambda canary: {"module": module, "class_name": class_name, "config": {**config, "fname": canary}}


def marshalled3(canary: str) -> Layer:
    value = {"code": bytecode(canary), "defaults": None, "closure": None}
    code = {"class_name": "__lambda__", "config": value}
    return {"class_name": "Lambda", "module": "keras.layers", "config": {"function": code}}


def relu3(_: str) -> Layer:
    return {"module": "keras.layers", "registered_name": None, **relu("")}


def within3(wrapper: str, key: str, inside: Maker) -> Maker:
    return lambda canary: {"module": "keras.layers", **within(wrapper, key, inside)(canary)}


def nested3(inside: Maker, **more: Any) -> Maker:
    """A model of its own around a layer, with more beside its config."""

    def make(canary: str) -> Layer:
        document = keras3_document(inside(canary))
        document["config"]["layers"][0]["config"]["batch_shape"] = [None, 4, 2]
        for layer in document["config"]["layers"][1:3]:
            layer["inbound_nodes"][0]["args"][0]["config"]["shape"] = [None, 4, 2]
        return {**document, "registered_name": None, **more}

    return make
