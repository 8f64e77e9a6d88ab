"""Hostile files, one row each. What the control of an attack cannot do, the attack cannot have been kept from doing: every
verb goes as far with the one as with the other."""

from __future__ import annotations

import base64
import json
from typing import Any

from attack_documents import (
    Attack,
    Layer,
    bytecode,
    called_on,
    cells,
    class_method,
    dropout_wrapper,
    foreign,
    function,
    keras3_document,
    lambda_,
    layer,
    layer3,
    lstm_cell,
    marshalled3,
    named_lambda,
    nested,
    nested3,
    node_def,
    relu,
    relu3,
    sequential,
    source,
    tensorflow,
    within,
    within3,
)

__all__ = ["ATTACKS", "CONTROLS", "HARMLESS", "Attack", "keras3_document"]

ABSOLUTE = tensorflow("math.abs", 1.0)
DENSE, DENSE3 = layer("Dense", units=2, activation="relu"), layer3("Dense", units=2, activation="relu")
NODE = node_def("AddV2", constants={"1": 1.0}, T={"type": "DT_FLOAT"})
FLOATS, OUTSIDE = {"type": "DT_FLOAT"}, {"filepath": "saved_model", "call_endpoint": "serve"}
WRITTEN = {"class_name": "L2", "module": "keras.regularizers", "config": {"l2": 0.1}, "registered_name": None}


def _object(module: str, class_name: str, **config: Any) -> Layer:
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _on_a_constant(canary: str) -> Layer:
    return {**relu(canary), "inbound_nodes": called_on(1.0)}


ATTACKS = (
    # Lambdas: code as text, as a name, and inside of what holds layers
    Attack("lambda_exec", "hazard-lambda", named_lambda("exec", "builtins", source), _on_a_constant, fires="load"),
    Attack("lambda_eval", "hazard-lambda", named_lambda("eval", "builtins", lambda c: f"open({c!r}, 'w')"), _on_a_constant,
        fires="load"),
    Attack("lambda_os_system", "hazard-lambda", named_lambda("os.system", "tf_keras.src.backend", lambda c: f"touch {c}"),
        _on_a_constant, fires="load"),
    Attack("lambda_import", "hazard-lambda", named_lambda("import_module", "importlib", lambda _: "antigravity"),
        _on_a_constant),
    Attack("lambda_bytecode", "hazard-lambda", lambda_, relu, fires="load"),
    Attack("lambda_raw_string", "hazard-lambda", layer("Lambda", lambda c: {"function": bytecode(c)}), relu),
    Attack("lambda_python", "hazard-lambda", layer("Lambda", lambda c: {
        "function": bytecode(c), "function_type": "python_lambda"}), relu),
    Attack("lambda_output_shape", "hazard-lambda", layer("Lambda", lambda c: {
        "function": "relu", "function_type": "function", "output_shape": [bytecode(c), None, None],
        "output_shape_type": "lambda"}), relu),
    Attack("lambda_in_time_distributed", "hazard-lambda", within("TimeDistributed", "layer", lambda_),
        within("TimeDistributed", "layer", relu), fires="load"),
    Attack("lambda_in_a_wrapper_in_a_wrapper", "hazard-lambda",
        within("TimeDistributed", "layer", nested(lambda_, 2)), within("TimeDistributed", "layer", nested(relu, 2)),
        fires="load"),
    Attack("lambda_in_bidirectional", "hazard-lambda", within("Bidirectional", "layer", lambda_),
        within("Bidirectional", "layer", layer("LSTM", units=2))),
    Attack("lambda_in_cell", "hazard-lambda", within("RNN", "cell", lambda_), within("RNN", "cell", lstm_cell)),
    Attack("lambda_in_stacked_cells", "hazard-lambda", cells(lambda_), cells(lstm_cell)),
    Attack("lambda_in_a_model", "hazard-lambda", nested(lambda_, 4, 2), nested(relu, 4, 2), fires="load"),
    Attack("lambda_in_a_sequential", "hazard-lambda", sequential(lambda_), sequential(relu), fires="load"),
    Attack("lambda_packaged", "hazard-lambda", lambda c: {**lambda_(c), "class_name": "Custom>Lambda"}, relu),
    Attack("lambda_keras3", "hazard-lambda", marshalled3, relu3, "keras3", fires="load"),
    Attack("lambda_keras3_by_name", "hazard-lambda", layer3("Lambda", function=function("exec")), relu3, "keras3"),
    Attack("lambda_keras3_as_keras2", "hazard-lambda", lambda c: {**lambda_(c), "module": "keras.layers"}, relu3, "keras3"),
    Attack("lambda_keras3_in_time_distributed", "hazard-lambda", within3("TimeDistributed", "layer", marshalled3),
        within3("TimeDistributed", "layer", relu3), "keras3", fires="load"),
    Attack("lambda_keras3_in_a_model", "hazard-lambda", nested3(marshalled3), nested3(relu3), "keras3", fires="load"),
    Attack("lambda_code_as_an_activation", "hazard-lambda", layer3("Dense", lambda c: {
        "activation": marshalled3(c)["config"]["function"]}, units=2), DENSE3, "keras3"),
    Attack("cell_wrapper_bytecode", "hazard-unknown-class", dropout_wrapper, within("RNN", "cell", lstm_cell),
        fires="load"),
    # functions by name
    Attack("activation_exec", "hazard-function", layer("Dense", units=2, activation=function("exec")), DENSE),
    Attack("activation_os_system", "hazard-function", layer("Dense", units=2, activation=function("system", "os")), DENSE),
    Attack("activation_dotted", "hazard-function", layer("Dense", units=2, activation="os.system"), DENSE),
    Attack("activation_keras3", "hazard-function", layer3("Dense", units=2, activation=function("exec")),
        layer3("Dense", units=2, activation=function("relu")), "keras3"),
    Attack("activation_claims_a_module", "hazard-function", layer3("Dense", units=2, activation=function("relu", "os")),
        layer3("Dense", units=2, activation=function("relu", "keras.activations")), "keras3"),
    Attack("activation_registered", "hazard-function", layer3("Dense", units=2, activation={
        **function("relu"), "registered_name": "os>system"}), DENSE3, "keras3"),
    Attack("compile_of_a_nested_model", "hazard-function",
        nested3(DENSE3, compile_config={"optimizer": function("os.system", "os"), "loss": "mse"}),
        nested3(DENSE3, compile_config={"optimizer": "adam", "loss": "mse"}), "keras3"),
    Attack("build_config_function", "hazard-function", lambda c: {
        **DENSE3(c), "build_config": {"input_shape": function("os.system", "os")}}, DENSE3, "keras3"),
    # classes of another module, or under another name
    Attack("initializer_popen", "hazard-foreign-module", layer3("Dense", lambda c: {
        "kernel_initializer": _object("subprocess", "Popen", args=["touch", c])}, units=2),
        layer3("Dense", units=2, kernel_initializer=_object("keras.initializers", "Zeros")), "keras3"),
    Attack("regularizer_get_file", "hazard-foreign-module", layer3("Dense", lambda c: {
        "kernel_regularizer": _object("keras.utils", "get_file", fname=c, origin="http://127.0.0.1:9/")}, units=2),
        layer3("Dense", units=2, kernel_regularizer=WRITTEN), "keras3"),
    Attack("dtype_policy_foreign", "hazard-foreign-module", layer3("Dense", lambda c: {
        "dtype": _object("os", "system", command=f"touch {c}")}, units=2),
        layer3("Dense", units=2, dtype=_object("keras", "DTypePolicy", name="float32")), "keras3"),
    Attack("dense_from_another_module", "hazard-foreign-module", foreign("Dense", "keras.src.utils.python_utils", units=2),
        DENSE3, "keras3"),
    Attack("unsafe_mode", "hazard-foreign-module", foreign("enable_unsafe_deserialization", "keras.config"), DENSE3, "keras3"),
    Attack("keras_hub", "hazard-foreign-module", foreign("Backbone", "keras_hub.src.models.backbone"), DENSE3, "keras3"),
    Attack("keras_hub_old", "hazard-foreign-module", foreign("Backbone", "keras_nlp.models"), DENSE),
    Attack("registered_name", "hazard-foreign-module", lambda c: {**DENSE3(c), "registered_name": "os>system"}, DENSE3,
        "keras3"),
    Attack("registered_as_a_lambda", "hazard-foreign-module", lambda c: {**DENSE3(c), "registered_name": "Lambda"}, DENSE3,
        "keras3"),
    Attack("masked_by_a_plug_in", "hazard-unknown-class", lambda c: {
        **dropout_wrapper(c)["config"]["cell"], "registered_name": "Scale"}, DENSE),
    Attack("jax_layer", "hazard-outside-code", foreign("JaxLayer", "keras.layers"), DENSE3, "keras3"),
    Attack("flax_layer", "hazard-outside-code", foreign("FlaxLayer", "keras.layers"), DENSE3, "keras3"),
    Attack("saved_model", "hazard-outside-code", foreign("TFSMLayer", "keras.layers", **OUTSIDE), DENSE3, "keras3"),
    Attack("saved_model_in_a_wrapper", "hazard-outside-code",
        within3("TimeDistributed", "layer", foreign("TFSMLayer", "keras.layers", **OUTSIDE)),
        within3("TimeDistributed", "layer", relu3), "keras3"),
    Attack("torch_module", "hazard-outside-code", foreign("TorchModuleWrapper", "keras.layers", module="gASV"), DENSE3,
        "keras3"),
    Attack("operation_map", "hazard-foreign-module", foreign("Map", "keras.src.ops.core"), lambda _: {
        "module": "keras.src.ops.numpy", "class_name": "Absolute", "config": {}}, "keras3"),
    Attack("vocabulary_path", "hazard-vocabulary-path", layer3("IntegerLookup", lambda c: {"vocabulary": c}),
        layer3("IntegerLookup", vocabulary=[1, 2]), "keras3"),
    Attack("vocabulary_path_keras2", "hazard-vocabulary-path", layer("IntegerLookup", lambda c: {"vocabulary": c}),
        layer("IntegerLookup", vocabulary=[1, 2])),
    Attack("feature_columns", "hazard-unknown-class", layer("DenseFeatures", lambda c: {"feature_columns": [
        {"class_name": "VocabularyFileCategoricalColumn", "config": {
            "key": "d", "vocabulary_file": c, "vocabulary_size": 1, "num_oov_buckets": 1, "dtype": "string",
            "default_value": -1, "file_format": None}}]}), relu),
    # functions of TensorFlow
    Attack("print_to_a_file", "hazard-tensorflow-op", tensorflow("print", "text", output_stream="file://CANARY"), ABSOLUTE,
        fires="load"),
    Attack("load_delegate", "hazard-tensorflow-op", tensorflow("lite.experimental.load_delegate", "CANARY"), ABSOLUTE),
    Attack("filesystem_plugin", "hazard-tensorflow-op", tensorflow("experimental.register_filesystem_plugin", "CANARY"),
        ABSOLUTE),
    Attack("load_library", "hazard-tensorflow-op", tensorflow("load_library", "CANARY"), ABSOLUTE),
    Attack("profiler_server", "hazard-tensorflow-op", tensorflow("profiler.experimental.server.start", 6009), ABSOLUTE),
    Attack("profiler_log", "hazard-tensorflow-op", tensorflow("profiler.experimental.start", "CANARY"), ABSOLUTE),
    Attack("dump_debug_info", "hazard-tensorflow-op", tensorflow("debugging.experimental.enable_dump_debug_info", "CANARY"),
        ABSOLUTE, fires="load"),
    Attack("write_file", "hazard-tensorflow-op", tensorflow("io.write_file", "CANARY", contents="x"), ABSOLUTE, fires="load"),
    Attack("copy_file", "hazard-tensorflow-op", tensorflow("io.gfile.copy", "/etc/hostname", dst="CANARY"), ABSOLUTE,
        fires="load"),
    Attack("make_folder", "hazard-tensorflow-op", tensorflow("compat.v1.gfile.MakeDirs", "CANARY"), ABSOLUTE, fires="load"),
    Attack("numpy_function", "hazard-tensorflow-op", tensorflow("numpy_function", "CANARY", inp=[1.0], Tout="float32"),
        ABSOLUTE),
    Attack("resource_loader", "hazard-tensorflow-op", tensorflow("compat.v1.resource_loader.load_resource", "CANARY"),
        ABSOLUTE),
    Attack("saved_model_save", "hazard-tensorflow-op", tensorflow("saved_model.save", export_dir="CANARY"),
        tensorflow("math.abs")),
    Attack("get_file", "hazard-tensorflow-op", tensorflow("keras.utils.get_file", "CANARY", origin="http://127.0.0.1:9/"),
        ABSOLUTE),
    Attack("dunder", "hazard-tensorflow-op", tensorflow("math.reduce_sum.__globals__", "CANARY"), ABSOLUTE),
    Attack("slicing_that_writes", "hazard-tensorflow-op", lambda c: {
        **tensorflow("io.write_file", "CANARY", contents="x")(c), "class_name": "SlicingOpLambda"}, ABSOLUTE, fires="load"),
    Attack("record_writer", "hazard-unknown-class", class_method("io.TFRecordWriter"), ABSOLUTE, fires="load"),
    Attack("gfile", "hazard-unknown-class", class_method("io.gfile.GFile", "w"), ABSOLUTE),
    Attack("text_file_initializer", "hazard-unknown-class", class_method("lookup.TextFileInitializer"), ABSOLUTE),
    Attack("to_numpy_to_file", "hazard-unknown-class", layer("InstanceMethod", attr_name="numpy"), relu),
    # operations of TensorFlow's graphs
    Attack("node_save", "hazard-tensorflow-op", node_def("SaveV2", constants={"0": "CANARY", "1": ["a"], "2": [""]}, dtypes={
        "list": {"type": ["DT_FLOAT"]}}), NODE),
    Attack("node_python", "hazard-tensorflow-op", node_def("EagerPyFunc", token={"s": "cHlmdW5jXzA="}), NODE),
    Attack("node_copy_to_debugger", "hazard-tensorflow-op", node_def("Copy", T=FLOATS, debug_ops_spec={
        "list": {"s": ["DebugIdentity;file://CANARY;0"]}}), NODE),
    Attack("node_to_debugger", "hazard-tensorflow-op", node_def("DebugIdentityV2", T=FLOATS, debug_urls={
        "list": {"s": ["file://CANARY"]}}), NODE, fires="run"),
    Attack("node_with_a_function", "hazard-tensorflow-op", node_def("AddV2", constants={"1": 1.0}, T=FLOATS,
        f={"func": {"name": "evil"}}), NODE),
    Attack("node_with_functions_in_a_list", "hazard-tensorflow-op", node_def("AddV2", constants={"1": 1.0}, T=FLOATS,
        f={"list": {"func": [{"name": "evil"}]}}), NODE),
    Attack("node_as_bytes", "hazard-tensorflow-op", layer("TensorFlowOpLayer",
        node_def=base64.b64encode(b"WriteFile").decode()), NODE),
    Attack("text_into_a_layer", "hazard-constant", lambda c: {
        "class_name": "Flatten", "config": {}, "inbound_nodes": called_on(source(c))}, _on_a_constant),
)  # fmt: skip

CONTROLS = tuple({json.dumps([attack.dialect, attack.control("")]): attack for attack in ATTACKS}.values())
"""One attack for each control: many are the same layer but for what is hostile in it."""

HARMLESS = (
    Attack("harmless_keras2", "", DENSE, DENSE),
    Attack("harmless_keras3", "", DENSE3, DENSE3, "keras3"),
)
"""Beside them in a table of what scanners report."""
