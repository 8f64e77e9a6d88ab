"""What must not reach a framework, each found at its place; and real files, which must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from configsplit.errors import DocumentError
from configsplit.runtime.documents import examine
from configsplit.runtime.hazards import refuse_hazards

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
    ("hazard-outside-code", layer("TFSMLayer", {"filepath": "x"}, module="keras.layers")),
    ("hazard-outside-code", layer("TorchModuleWrapper", {"module": "x"}, module="keras.layers")),
    ("hazard-vocabulary-path", layer("StringLookup", {"vocabulary": "/etc/passwd"}, module="keras.layers")),
    ("hazard-tensorflow-op", layer("TFOpLambda", {"function": "io.write_file"})),
    ("hazard-tensorflow-op", layer("TensorFlowOpLayer", {"node_def": {"op": "ReadFile"}})),
]


@pytest.mark.parametrize(("code", "document"), HOSTILE)
def test_hostile_documents_are_refused(code: str, document: Any) -> None:
    with pytest.raises(DocumentError) as caught:
        refuse_hazards(document)
    assert caught.value.code == code
    assert caught.value.where.startswith("config.layers[0]")
    assert caught.value.hint


def test_trust_in_lambdas_excuses_nothing_else() -> None:
    for code, document in HOSTILE:
        if code == "hazard-lambda":
            refuse_hazards(document, allow_lambda=True)
        else:
            with pytest.raises(DocumentError):
                refuse_hazards(document, allow_lambda=True)


def test_allowed_classes_may_claim_any_module() -> None:
    document = layer("Scale", {}, module="research.layers", registered_name="research>Scale")
    for allowed in (["Scale"], ["research>Scale"]):
        refuse_hazards(document, classes=allowed)
    with pytest.raises(DocumentError):
        refuse_hazards(document, classes=["Other"])


def test_harmless_documents_pass() -> None:
    refuse_hazards(layer("Lambda", {"function": "relu", "function_type": "function"}))
    refuse_hazards(layer("StringLookup", {"vocabulary": ["a"]}, module="keras.layers"))
    refuse_hazards(layer("Dense", {"activation": {"module": "builtins", "class_name": "function", "config": "relu"}}))
    refuse_hazards({"class_name": "Functional", "config": {}, "compile_config": {"class_name": "L", "module": "mine"}})
    refuse_hazards(layer("TFOpLambda", {"function": "math.multiply"}))


def test_the_search_has_no_limit_of_depth() -> None:
    document: Any = {"class_name": "__lambda__"}
    for _ in range(50_000):
        document = [document]
    with pytest.raises(DocumentError):
        refuse_hazards(document)


@pytest.mark.parametrize("release", ["keras-2.3.1", "tf-2.4", "tf_keras-2.21", "keras-3.15.1"])
def test_of_real_files_only_lambdas_are_refused(release: str) -> None:
    refused = {}
    for path in sorted((RELEASES / release).glob("*.json")):
        if path.name != "index.json" and not path.name.endswith("weights.json"):
            try:
                refuse_hazards(examine(path).document())
            except DocumentError as error:
                refused[path.stem] = error.code
    assert refused == {"lambdas": "hazard-lambda"}
