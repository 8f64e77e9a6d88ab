"""Hostile files, one generator each: what would happen if a framework built them is a file that appears (the canary)."""

from __future__ import annotations

import base64
import codecs
import json
import marshal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Layer = dict[str, Any]
Maker = Callable[[str], Layer]

NODE = [[["d", 0, 0, {}]]]
PLAIN = {"output_shape": None, "output_shape_type": "raw", "output_shape_module": None, "arguments": {}, "dtype": "float32"}
"""What tf_keras writes of a Lambda besides its function."""


@dataclass(frozen=True)
class Attack:
    """``layer`` makes the hostile layer's entry from the path of the canary; ``code`` is the hazard that it is."""

    name: str
    code: str
    layer: Maker
    dialect: str = "keras2"

    def write(self, folder: Path, canary: Path) -> Path:
        path = folder / f"{self.name}.json"
        build = keras3_document if self.dialect == "keras3" else keras2_document
        path.write_text(json.dumps(build(self.layer(str(canary)))))
        return path


def keras2_document(evil: Layer) -> Any:
    """x -> d -> the hostile layer."""
    layers = [
        {"class_name": "InputLayer", "name": "x", "inbound_nodes": [], "config": {
            "name": "x", "batch_input_shape": [None, 3], "dtype": "float32", "sparse": False, "ragged": False}},
        {"class_name": "Dense", "name": "d", "inbound_nodes": [[["x", 0, 0, {}]]], "config": {
            "name": "d", "units": 2, "activation": "relu", "use_bias": True, "dtype": "float32"}},
        {"name": "evil", "inbound_nodes": NODE, **evil, "config": {"name": "evil", **evil["config"]}},
    ]  # fmt: skip
    config = {"name": "m", "layers": layers, "input_layers": [["x", 0, 0]], "output_layers": [["evil", 0, 0]]}
    return {"class_name": "Functional", "config": config, "keras_version": "2.15.0", "backend": "tensorflow"}


def keras3_document(evil: Layer) -> Any:
    def tensor(name: str, width: int) -> Layer:
        config = {"shape": [None, width], "dtype": "float32", "keras_history": [name, 0, 0]}
        return {"class_name": "__keras_tensor__", "config": config}

    def node(name: str, width: int) -> list[Layer]:
        return [{"args": [tensor(name, width)], "kwargs": {}}]

    layers = [
        {"module": "keras.layers", "class_name": "InputLayer", "registered_name": None, "name": "x", "inbound_nodes": [],
         "config": {"batch_shape": [None, 3], "dtype": "float32", "sparse": False, "name": "x"}},
        {"module": "keras.layers", "class_name": "Dense", "registered_name": None, "name": "d", "inbound_nodes": node("x", 3),
         "config": {"name": "d", "units": 2, "activation": "relu", "use_bias": True, "dtype": "float32"}},
        {"registered_name": None, "name": "evil", "inbound_nodes": node("d", 2), **evil,
         "config": {"name": "evil", **evil["config"]}},
    ]  # fmt: skip
    config = {
        "name": "m",
        "trainable": True,
        "layers": layers,
        "input_layers": [["x", 0, 0]],
        "output_layers": [["evil", 0, 0]],
    }
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": config,
        "registered_name": "Functional",
    }


def _source(canary: str) -> str:
    return f"open({canary!r}, 'w').close()"


def _bytecode(canary: str) -> str:
    """Marshalled code as ``func_dump`` writes it."""
    code = compile(f"lambda x: [open({canary!r}, 'w').close(), x][1]", "", "eval").co_consts[0]
    return codecs.encode(marshal.dumps(code), "base64").decode("ascii")


def _function(name: str, module: str) -> Layer:
    return {"module": module, "class_name": "function", "config": name, "registered_name": "function"}


def _called_on(value: Any, **keywords: Any) -> list[Any]:
    return [[["_CONSTANT_VALUE", -1, value, keywords]]]


def _named_lambda(name: str, module: str, argument: Callable[[str], str]) -> Maker:
    def make(canary: str) -> Layer:
        config = {"function": _function(name, module), "function_type": "function", "module": module, **PLAIN}
        return {"class_name": "Lambda", "config": config, "inbound_nodes": _called_on(argument(canary))}

    return make


def _tensorflow(function: str, *arguments: Any, **keywords: Any) -> Maker:
    """A TFOpLambda; CANARY among the arguments becomes the path."""

    def make(canary: str) -> Layer:
        given = [canary if value == "CANARY" else value for value in arguments]
        named = {key: value.replace("CANARY", canary) if isinstance(value, str) else value for key, value in keywords.items()}
        nodes = _called_on(given[0], **named)[0] if given else [["d", 0, 0, named]]
        return {"class_name": "TFOpLambda", "config": {"function": function}, "inbound_nodes": nodes}

    return make


def _class_method(reference: str, method: str) -> Maker:
    def make(canary: str) -> Layer:
        config = {"cls_symbol": reference, "method_name": method}
        return {"class_name": "ClassMethod", "config": config, "inbound_nodes": _called_on(canary, mode="w")[0]}

    return make


def _in_dense(key: str, value: Callable[[str], Any]) -> Maker:
    return lambda canary: {"class_name": "Dense", "config": {"units": 2, key: value(canary)}}


def _dense3(key: str, value: Callable[[str], Any]) -> Maker:
    return lambda canary: {"module": "keras.layers", "class_name": "Dense", "config": {"units": 2, key: value(canary)}}


def _lambda(canary: str) -> Layer:
    return {"class_name": "Lambda", "config": {"function": [_bytecode(canary), None, None], "function_type": "lambda", **PLAIN}}


def _within(wrapper: str, key: str) -> Maker:
    return lambda canary: {"class_name": wrapper, "config": {key: _lambda(canary)}}


def _dropout_wrapper(canary: str) -> Layer:
    cell = {"class_name": "LSTMCell", "config": {"units": 2}}
    config = {
        "cell": cell,
        "dropout_state_filter_visitor": [_bytecode(canary), None, None],
        "dropout_fn_type": "lambda",
    }
    return {"class_name": "RNN", "config": {"cell": {"class_name": "DropoutWrapper", "config": config}}}


def _node_def(op: str, **attributes: Any) -> Maker:
    def make(canary: str) -> Layer:
        node = {"name": "n", "op": op, "input": ["a", "b"], "attr": attributes}
        return {"class_name": "TensorFlowOpLayer", "config": {"node_def": node, "constants": {"1": canary}}}

    return make


def _foreign(class_name: str, module: str, /, **config: Any) -> Maker:
    return lambda canary: {"module": module, "class_name": class_name, "config": {**config, "fname": canary}}


def _marshalled3(canary: str) -> Layer:
    value = {"code": _bytecode(canary), "defaults": None, "closure": None}
    function = {"class_name": "__lambda__", "config": value}
    return {"module": "keras.layers", "class_name": "Lambda", "config": {"function": function}}


def _compiled(canary: str) -> Layer:
    evil = _function("os.system", "os")
    inner = keras3_document({"module": "keras.layers", "class_name": "Dense", "config": {"units": 2}})
    return {**inner, "compile_config": {"optimizer": evil, "loss": "mse"}}


OUTSIDE = {"filepath": "saved_model", "call_endpoint": "serve"}

ATTACKS = (
    Attack("lambda_exec", "hazard-lambda", _named_lambda("exec", "builtins", _source)),
    Attack("lambda_eval", "hazard-lambda", _named_lambda("eval", "builtins", lambda canary: f"open({canary!r}, 'w')")),
    Attack("lambda_os_system", "hazard-lambda", _named_lambda("os.system", "tf_keras.src.backend", lambda c: f"touch {c}")),
    Attack("lambda_import", "hazard-lambda", _named_lambda("import_module", "importlib", lambda canary: "antigravity")),
    Attack("lambda_bytecode", "hazard-lambda", _lambda),
    Attack("lambda_raw_string", "hazard-lambda", lambda c: {"class_name": "Lambda", "config": {"function": _bytecode(c)}}),
    Attack("lambda_python", "hazard-lambda", lambda c: {
        "class_name": "Lambda", "config": {"function": _bytecode(c), "function_type": "python_lambda"}}),
    Attack("lambda_output_shape", "hazard-lambda", lambda c: {"class_name": "Lambda", "config": {
        "function": "relu", "function_type": "function", "output_shape": [_bytecode(c), None, None],
        "output_shape_type": "lambda"}}),
    Attack("lambda_in_time_distributed", "hazard-lambda", _within("TimeDistributed", "layer")),
    Attack("lambda_in_bidirectional", "hazard-lambda", _within("Bidirectional", "layer")),
    Attack("lambda_in_cell", "hazard-lambda", _within("RNN", "cell")),
    Attack("lambda_keras3", "hazard-lambda", _marshalled3, "keras3"),
    Attack("lambda_keras3_by_name", "hazard-lambda", lambda c: {"module": "keras.layers", "class_name": "Lambda",
        "config": {"function": _function("exec", "builtins")}}, "keras3"),
    Attack("cell_wrapper_bytecode", "hazard-unknown-class", _dropout_wrapper),
    Attack("activation_exec", "hazard-function", _in_dense("activation", lambda c: _function("exec", "builtins"))),
    Attack("activation_os_system", "hazard-function", _in_dense("activation", lambda c: _function("system", "os"))),
    Attack("activation_keras3", "hazard-function", _dense3("activation", lambda c: _function("exec", "builtins")), "keras3"),
    Attack("activation_claims_a_module", "hazard-function", _dense3("activation", lambda c: _function("relu", "os")), "keras3"),
    Attack("initializer_popen", "hazard-foreign-module", _dense3("kernel_initializer", lambda c: {
        "module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", c]}, "registered_name": None}), "keras3"),
    Attack("regularizer_get_file", "hazard-foreign-module", _dense3("kernel_regularizer", lambda c: {
        "module": "keras.utils", "class_name": "get_file", "config": {"fname": c, "origin": "http://127.0.0.1:9/"},
        "registered_name": None}), "keras3"),
    Attack("dtype_policy_foreign", "hazard-foreign-module", _dense3("dtype", lambda c: {
        "module": "os", "class_name": "system", "config": {"command": f"touch {c}"}, "registered_name": None}), "keras3"),
    Attack("dense_from_another_module", "hazard-foreign-module", _foreign("Dense", "keras.src.utils.python_utils"), "keras3"),
    Attack("unsafe_mode", "hazard-foreign-module", _foreign("enable_unsafe_deserialization", "keras.config"), "keras3"),
    Attack("keras_hub", "hazard-foreign-module", _foreign("Backbone", "keras_hub.src.models.backbone"), "keras3"),
    Attack("keras_hub_old", "hazard-foreign-module", _foreign("Backbone", "keras_nlp.models")),
    Attack("registered_name", "hazard-foreign-module", lambda c: {
        "module": "keras.layers", "class_name": "Dense", "registered_name": "os>system", "config": {"units": 2}}, "keras3"),
    Attack("masked_by_a_plug_in", "hazard-unknown-class", lambda c: {
        "class_name": "DropoutWrapper", "registered_name": "Scale", "config": {"cell": {}}}),
    Attack("compile_of_a_nested_model", "hazard-function", _compiled, "keras3"),
    Attack("jax_layer", "hazard-outside-code", _foreign("JaxLayer", "keras.layers"), "keras3"),
    Attack("flax_layer", "hazard-outside-code", _foreign("FlaxLayer", "keras.layers"), "keras3"),
    Attack("saved_model", "hazard-outside-code", _foreign("TFSMLayer", "keras.layers", **OUTSIDE), "keras3"),
    Attack("torch_module", "hazard-outside-code", _foreign("TorchModuleWrapper", "keras.layers", module="gASV"), "keras3"),
    Attack("operation_map", "hazard-foreign-module", _foreign("Map", "keras.src.ops.core"), "keras3"),
    Attack("vocabulary_path", "hazard-vocabulary-path", lambda c: {
        "module": "keras.layers", "class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}, "keras3"),
    Attack("feature_columns", "hazard-unknown-class", lambda c: {"class_name": "DenseFeatures", "config": {
        "feature_columns": [{"class_name": "VocabularyFileCategoricalColumn", "config": {"vocabulary_file": "/etc/passwd"}}]}}),
    Attack("print_to_a_file", "hazard-tensorflow-op", _tensorflow("print", "text", output_stream="file://CANARY")),
    Attack("load_delegate", "hazard-tensorflow-op", _tensorflow("lite.experimental.load_delegate", "CANARY")),
    Attack("filesystem_plugin", "hazard-tensorflow-op", _tensorflow("experimental.register_filesystem_plugin", "CANARY")),
    Attack("load_library", "hazard-tensorflow-op", _tensorflow("load_library", "CANARY")),
    Attack("profiler_server", "hazard-tensorflow-op", _tensorflow("profiler.experimental.server.start", 6009)),
    Attack("profiler_log", "hazard-tensorflow-op", _tensorflow("profiler.experimental.start", "CANARY")),
    Attack("dump_debug_info", "hazard-tensorflow-op", _tensorflow("debugging.experimental.enable_dump_debug_info", "CANARY")),
    Attack("write_file", "hazard-tensorflow-op", _tensorflow("io.write_file", "CANARY", contents="x")),
    Attack("copy_file", "hazard-tensorflow-op", _tensorflow("io.gfile.copy", "/etc/hostname", dst="CANARY")),
    Attack("make_folder", "hazard-tensorflow-op", _tensorflow("compat.v1.gfile.MakeDirs", "CANARY")),
    Attack("numpy_function", "hazard-tensorflow-op", _tensorflow("numpy_function", "CANARY")),
    Attack("resource_loader", "hazard-tensorflow-op", _tensorflow("compat.v1.resource_loader.load_resource", "CANARY")),
    Attack("saved_model_save", "hazard-tensorflow-op", _tensorflow("saved_model.save", export_dir="CANARY")),
    Attack("get_file", "hazard-tensorflow-op", _tensorflow("keras.utils.get_file", "CANARY", origin="http://127.0.0.1:9/")),
    Attack("dunder", "hazard-tensorflow-op", _tensorflow("math.reduce_sum.__globals__", "CANARY")),
    Attack("record_writer", "hazard-unknown-class", _class_method("io.TFRecordWriter", "__init__")),
    Attack("gfile", "hazard-unknown-class", _class_method("io.gfile.GFile", "__init__")),
    Attack("text_file_initializer", "hazard-unknown-class", _class_method("lookup.TextFileInitializer", "__init__")),
    Attack("to_numpy_to_file", "hazard-unknown-class", lambda c: {
        "class_name": "InstanceMethod", "config": {"cls_ref": "Tensor", "method_name": "numpy"}}),
    Attack("node_write_file", "hazard-tensorflow-op", _node_def("WriteFile")),
    Attack("node_python", "hazard-tensorflow-op", _node_def("EagerPyFunc", token={"s": "cHlmdW5jXzA="})),
    Attack("node_copy_to_debugger", "hazard-tensorflow-op", _node_def("Copy", debug_ops_spec={"list": {"s": ["RGVidWc="]}})),
    Attack("node_with_a_function", "hazard-tensorflow-op", _node_def("AddV2", f={"func": {"name": "evil"}})),
    Attack("node_as_bytes", "hazard-tensorflow-op", lambda c: {
        "class_name": "TensorFlowOpLayer", "config": {"node_def": base64.b64encode(b"WriteFile").decode()}}),
    Attack("text_into_a_layer", "hazard-constant", lambda c: {
        "class_name": "Flatten", "config": {}, "inbound_nodes": _called_on(_source(c))}),
)  # fmt: skip

HARMLESS = (
    Attack("harmless_keras2", "", lambda _: {"class_name": "Dense", "config": {"units": 2, "activation": "relu"}}),
    Attack("harmless_keras3", "", lambda _: {
        "module": "keras.layers", "class_name": "Dense", "config": {"units": 2, "activation": "relu"}}, "keras3"),
)  # fmt: skip
"""The same files without the attack: what reports these reports everything."""
