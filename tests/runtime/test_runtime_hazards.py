"""What must not reach a framework, each found at its place; and real files, which must."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.plugins import LAYERS

from configsplit.errors import DocumentError
from configsplit.graph.json import loads
from configsplit.hazards import hazards
from configsplit.runtime.build import refuse_hazards
from configsplit.runtime.examine import examine

CODE = ["4wEAAAAA", None, None]
RELEASES = Path(__file__).parents[1] / "corpus" / "releases"


def layer(class_name: str, config: Any, **more: Any) -> dict[str, Any]:
    return {"class_name": "Functional", "config": {"layers": [{"class_name": class_name, "config": config, **more}]}}


HOSTILE = [
    ("hazard-lambda", layer("Lambda", {"function": {"class_name": "__lambda__", "config": {"code": "x"}}})),
    ("hazard-lambda", layer("Lambda", {"function": CODE, "function_type": "lambda"})),
    ("hazard-lambda", layer("Lambda", {"function": CODE})),
    ("hazard-lambda", layer("Lambda", {"function": "\xe3\x01\x00\x00", "function_type": "lambda"})),
    ("hazard-lambda", layer("Lambda", {"function": "f", "output_shape": CODE, "output_shape_type": "lambda"})),
    ("hazard-lambda", layer("TimeDistributed", {"layer": {"class_name": "Lambda", "config": {"function": CODE}}})),
    ("hazard-lambda", layer("Dense", {"activation": {"class_name": "__lambda__", "config": {}}}, module="keras.layers")),
    ("hazard-foreign-module", layer("system", {}, module="os")),
    ("hazard-foreign-module", layer("Dense", {}, module="kerasx.layers")),
    ("hazard-foreign-module", layer("get_file", {}, module="keras.utils")),
    ("hazard-foreign-module", layer("enable_unsafe_deserialization", {}, module="keras.config")),
    ("hazard-foreign-module", layer("Block", {}, module="builtins")),
    ("hazard-foreign-module", layer("Dense", {}, module="keras.src.utils")),
    ("hazard-foreign-module", layer("Dense", {}, module="keras.layers", registered_name="os>system")),
    ("hazard-lambda", layer("Lambda", {"function": "relu", "function_type": "function"})),
    ("hazard-lambda", layer("Lambda", {"function": {"class_name": "function", "config": "exec", "module": "builtins"}})),
    ("hazard-lambda", layer("Bidirectional", {"layer": {"class_name": "RNN", "config": {"cell": [layer("Lambda", {})]}}})),
    ("hazard-lambda", layer("Merge", {"mode": "x", "mode_type": "lambda"})),
    ("hazard-lambda", layer("Lambda", {"function": "x", "function_type": "python_lambda"})),
    ("hazard-unknown-class", layer("Block", {})),
    ("hazard-unknown-class", layer("Dense", {}, module=None)),
    ("hazard-unknown-class", layer("ResidualWrapper", {"cell": {}, "residual_fn": CODE, "residual_fn_type": "function"})),
    ("hazard-unknown-class", layer("TimeDistributed", {"layer": {"class_name": ["Dense"], "config": {}}})),
    ("hazard-unknown-class", layer("Dense", {"dtype": "os.system"})),
    ("hazard-unknown-class", layer("InstanceMethod", {"cls_ref": "Tensor", "method_name": "numpy"})),
    ("hazard-function", layer("Dense", {"activation": "os.system"})),
    ("hazard-function", layer("Dense", {"activation": {"class_name": "function", "config": "exec", "module": "builtins"}})),
    ("hazard-function", layer("Dense", {"activation": {"class_name": "function", "config": "relu", "module": "os"}})),
    ("hazard-function", layer("Dense", {"kernel_initializer": "deserialize"})),
    ("hazard-constant", layer("Dense", {}, inbound_nodes=[[["_CONSTANT_VALUE", -1, "import os", {}]]])),
    ("hazard-constant", layer("Dense", {}, inbound_nodes=[{"args": ["import os"], "kwargs": {}}])),
    ("hazard-outside-code", layer("TFSMLayer", {"filepath": "x"}, module="keras.layers")),
    ("hazard-outside-code", layer("TorchModuleWrapper", {"module": "x"}, module="keras.layers")),
    ("hazard-vocabulary-path", layer("StringLookup", {"vocabulary": "/etc/passwd"}, module="keras.layers")),
    ("hazard-tensorflow-op", layer("TFOpLambda", {"function": "io.write_file"})),
    ("hazard-tensorflow-op", layer("TensorFlowOpLayer", {"node_def": {"op": "ReadFile"}})),
    ("hazard-tensorflow-op", layer("TensorFlowOpLayer", {"node_def": {"op": "Copy"}})),
    ("hazard-tensorflow-op", layer("TensorFlowOpLayer", {"node_def": {"op": "Add", "attr": {"f": {"func": {"name": "x"}}}}})),
    ("hazard-tensorflow-op", layer("TensorFlowOpLayer", {"node_def": "a serialized protocol buffer"})),
    *(
        ("hazard-tensorflow-op", layer("TFOpLambda", {"function": name}))
        for name in (
            "print",
            "lite.experimental.load_delegate",
            "experimental.register_filesystem_plugin",
            "profiler.experimental.server.start",
            "debugging.experimental.enable_dump_debug_info",
            "io.gfile.copy",
            "compat.v1.io.gfile.copy",
            "numpy_function",
            "keras.utils.get_file",
            "map_fn",
            "load_library",
            "",
            "math.reduce_sum.__class__",
        )
    ),
]


@pytest.mark.parametrize(("code", "document"), HOSTILE)
def test_hostile_documents_are_refused(code: str, document: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        refuse_hazards(document)
    assert caught.value.code == code
    assert caught.value.where.startswith("config.layers[0]")
    assert caught.value.hint


def _dense(name: Any, *taken: Any, **config: Any) -> dict[str, Any]:
    known = {"name": name, "units": 4, "kernel_initializer": {"class_name": "Zeros", "config": {}}, **config}
    nodes = [{"args": list(taken), "kwargs": {}}] if taken else []
    return {"module": "keras.layers", "class_name": "Dense", "config": known, "name": name, "inbound_nodes": nodes}


def _tensor(of: Any, **more: Any) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "dtype": "float32", "keras_history": of, **more}}


def test_what_is_like_a_harmless_layer_hides_nothing() -> None:
    """A layer of a kind that was searched is not searched again: every way in which it can differ, against a search of all."""
    hidden = {"class_name": "__lambda__", "config": {}}
    twins = [
        *(_dense(f"plain_{number}", _tensor(["x", 0, 0])) for number in range(3)),
        _dense("text", _tensor(["x", 0, 0]), "import os"),
        _dense("in_tensor", _tensor(["x", 0, 0], dtype=hidden)),
        _dense("in_shape", _tensor(["x", 0, 0], shape=[hidden])),
        _dense("in_history", _tensor([hidden, 0, 0])),
        _dense("as_config", {"class_name": "__keras_tensor__", "config": hidden}),
        _dense(hidden, _tensor(["x", 0, 0])),
        _dense("other", _tensor(["x", 0, 0]), kernel_initializer={"class_name": "Zeros", "config": {"x": hidden}}),
        {**_dense("wider", _tensor(["x", 0, 0])), "build_config": {"input_shape": [hidden]}},
        {**_dense("foreign", _tensor(["x", 0, 0])), "module": "os"},
        {**_dense("keywords", _tensor(["x", 0, 0])), "inbound_nodes": [{"args": [], "kwargs": {"mask": "import os"}}]},
        _dense("plain_again", _tensor(["x", 0, 0])),
    ]
    found = sorted(each.where for each in hazards(loads(json.dumps({"class_name": "Functional", "config": {"layers": twins}}))))
    assert [where.removeprefix("config.layers")[:3].rstrip("]") for where in found] == [
        *("[10", "[11", "[12"),
        *(f"[{number}" for number in (3, 4, 5, 6, 7, 8, 8, 9)),
    ]


def test_harmless_kinds_are_left_out_of_documents_alone() -> None:
    """Every hostile layer twice among harmless ones: frozen as the document is, and plain, where nothing is left out."""
    bad = [each for _, document in HOSTILE for each in document["config"]["layers"]]
    layers = [_dense(f"dense_{number}") for number in range(4)] + [each for one in bad for each in (one, _dense("d"), one)]
    text = json.dumps({"class_name": "Functional", "config": {"layers": layers}})
    found, everything = ([(each.code, each.where) for each in hazards(read(text))] for read in (loads, json.loads))
    assert found == everything
    assert len({where.partition("]")[0] for _, where in found}) == 2 * len(bad)


def test_calls_with_numbers_and_lists_of_tensors_hide_nothing() -> None:
    """Such calls of a kind that was searched are passed over, as long as there is nothing else in them."""
    x, hidden = _tensor(["x", 0, 0]), {"class_name": "__lambda__", "config": {}}
    plain = [
        {"args": [x], "kwargs": {"mask": None, "training": False, "k": 1.5}},
        {"args": [[x, x]], "kwargs": {}},
        {"args": [[x, x]], "kwargs": {"axis": -1}},
    ]
    hostile = [
        {"args": [x], "kwargs": {"mask": "import os"}},
        {"args": [x], "kwargs": {"mask": None, "a": hidden}},
        {"args": [x], "kwargs": {"class_name": None}},
        {"args": [x], "kwargs": {"class_name": 3}},
        {"args": [x], "kwargs": {"a": [hidden]}},
        {"args": [[x, "import os"]], "kwargs": {}},
        {"args": [[x, hidden]], "kwargs": {"mask": None}},
        {"args": [[x, [x, hidden]]], "kwargs": {}},
        {"args": [[hidden]], "kwargs": {}},
        {"args": [[x], "import os"], "kwargs": {}},
        {"args": [x], "kwargs": {}, "more": hidden},
    ]
    wide = {"build_config": {"input_shape": [[None, 4], [None, 4]]}}
    calls = [*plain, *plain, *hostile]
    layers = [
        {**_dense(f"dense_{number}"), **more, "inbound_nodes": [call]}
        for more in ({}, wide)
        for number, call in enumerate(calls)
    ]
    layers += [{**_dense("in_array"), "build_config": {"input_shape": [[None, 4], [hidden, 4]]}, "inbound_nodes": [plain[0]]}]
    text = json.dumps({"class_name": "Functional", "config": {"layers": layers}})
    found, everything = ([(each.code, each.where) for each in hazards(read(text))] for read in (loads, json.loads))
    assert found == everything
    assert len({where.partition("]")[0] for _, where in found}) == 2 * len(hostile) + 1


def test_trust_in_lambdas_excuses_code_and_nothing_else() -> None:
    trusted = [document for code, document in HOSTILE if code == "hazard-lambda" and '"4wEAAAAA"' in json.dumps(document)]
    assert len(trusted) == 4
    for document in trusted:
        if '"function": "f"' not in json.dumps(document):
            refuse_hazards(document, allow_lambda=True)
    for code, document in HOSTILE:
        if code != "hazard-lambda":
            with pytest.raises(DocumentError):
                refuse_hazards(document, allow_lambda=True)


@pytest.mark.parametrize("module", ["builtins", "tf_keras.src.backend", "os", None])
def test_trust_in_lambdas_does_not_cover_functions_by_name(module: str | None) -> None:
    for function in ("exec", "os.system", "f"):
        reference = {"class_name": "function", "config": function, "module": module, "registered_name": "function"}
        for config in ({"function": reference}, {"function": function, "function_type": "function", "module": module}):
            with pytest.raises(DocumentError) as caught:
                refuse_hazards(layer("Lambda", config), allow_lambda=True)
            assert caught.value.code == "hazard-function"


def test_allowed_classes_may_claim_any_module() -> None:
    document = layer("Scale", {}, module="research.layers", registered_name="research>Scale")
    for allowed in (["Scale"], ["research>Scale"]):
        refuse_hazards(document, classes=allowed)
    with pytest.raises(DocumentError):
        refuse_hazards(document, classes=["Other"])


def test_a_plug_ins_function_may_be_a_lambdas() -> None:
    for function in ("mine", {"class_name": "function", "config": "mine", "module": "builtins", "registered_name": "function"}):
        document = layer("Lambda", {"function": function, "function_type": "function", "output_shape": [None, 2]})
        refuse_hazards(document, classes=["mine"])
        with pytest.raises(DocumentError):
            refuse_hazards(document, classes=["other"])


def test_a_plug_ins_registered_name_does_not_cover_another_class() -> None:
    document = layer("DropoutWrapper", {}, registered_name="Scale")
    with pytest.raises(DocumentError):
        refuse_hazards(document, classes=["Scale"])


@pytest.mark.parametrize(
    "document",
    [
        layer("StringLookup", {"vocabulary": ["a"]}, module="keras.layers"),
        layer("Dense", {"activation": {"module": "builtins", "class_name": "function", "config": "relu"}}),
        {"class_name": "Functional", "config": {}, "compile_config": {"class_name": "L", "module": "mine"}},
        layer("TFOpLambda", {"function": "math.multiply"}),
    ],
)
def test_harmless_documents_pass(document: Any) -> None:
    refuse_hazards(document)
    assert list(hazards(document)) == []


def test_the_search_has_no_limit_of_depth() -> None:
    document: Any = {"class_name": "__lambda__"}
    for _ in range(50_000):
        document = [document]
    with pytest.raises(DocumentError):
        refuse_hazards(document)


@pytest.mark.parametrize("release", ["keras-2.3.1", "tf-2.4", "tf_keras-2.21", "keras-3.15.1"])
def test_of_real_files_only_lambdas_are_refused(release: str) -> None:
    refused, known = {}, {*(facts.class_name for facts in LAYERS), "Scale", "Sub", "_M", "research>reg_act"}
    for path in sorted((RELEASES / release).glob("*.json")):
        if path.name != "index.json" and not path.name.endswith("weights.json"):
            try:
                refuse_hazards(examine(path).document(), classes=known)
            except DocumentError as error:
                refused[path.stem] = error.code
    assert refused == {"lambdas": "hazard-lambda"}


@pytest.mark.parametrize(("name", "codes"), [("tf.NoneTensorSpec", ["hazard-unknown-class"]), ("tf.TensorSpec", [])])
def test_a_specification_of_two_names_is_known_by_both(name: str, codes: list[str]) -> None:
    """Which of the two a release asks for, depends on how it reads the file."""
    spec = {"class_name": "TypeSpec", "spec_name": "TensorSpec", "type_spec": name, "serialized": [[None], "float32"]}
    layer = {"class_name": "InputLayer", "config": {"name": "x", "type_spec": spec}}
    assert [hazard.code for hazard in hazards({"class_name": "Sequential", "config": {"layers": [layer]}})] == codes
