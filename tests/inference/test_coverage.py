"""Every layer class that Keras ever exported has a rule, or stands in a list with the reason why there can be none."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pytest
from live import FRAMEWORKS
from support.layer_cases import CASES

from configsplit.catalog.layers.keras1 import CLASSES
from configsplit.catalog.layers.wrappers import WRAPPERS
from configsplit.catalog.table import ABSTRACT, BUILT_IN, OPAQUE

HERE = Path(__file__).parent
GENERATIONS: dict[str, list[str]] = json.loads((HERE / "layer_classes.json").read_text())
"""What each generation exported: read from the classes of its releases, 1.0.0 to 2.3.1, TF 1.15, 2.6 to 2.15, 3.0.0 to 3.15."""

LIVE = {"keras": "Keras 3.0 to 3.15", "tf_keras": "tf.keras 1.13 to 2.15, tf_keras"}
GRAPH = {"InputLayer"}
"""Known to the graph itself."""


def has_rule(name: str) -> bool:
    return CLASSES.get(name, name) in BUILT_IN or name in WRAPPERS or name in GRAPH


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_exported_class_has_a_rule_or_a_reason(generation: str) -> None:
    names = GENERATIONS[generation]
    assert len(names) > 60
    assert [name for name in names if not has_rule(name) and name not in OPAQUE and name not in ABSTRACT] == []


def test_no_class_has_both_a_rule_and_a_reason_to_have_none() -> None:
    assert [name for name in (*OPAQUE, *ABSTRACT) if has_rule(name)] == []
    assert not set(OPAQUE) & set(ABSTRACT)


def _exported(framework: Any) -> set[str]:
    """Layer classes under their own names, experimental ones included."""
    spaces = [framework.layers]
    if experimental := getattr(framework.layers, "experimental", None):
        spaces += [experimental, experimental.preprocessing]
    found = [value for space in spaces for value in vars(space).values() if inspect.isclass(value)]
    return {cls.__name__ for cls in found if issubclass(cls, framework.layers.Layer)}


@pytest.mark.parametrize("name", LIVE)
def test_the_list_has_what_the_installed_keras_exports(name: str) -> None:
    assert _exported(FRAMEWORKS[name]) - set(GENERATIONS[LIVE[name]]) == set()


RECORDED = {
    entry["class_name"] for path in sorted((HERE / "recorded").glob("*.json")) for entry in json.loads(path.read_text())
}

ELSEWHERE = {
    "AddLoss": "test_rare_layers",
    "AddMetric": "test_rare_layers",
    "BatchNormalizationV1": "test_inference_corpus",
    "Bidirectional": "test_wrappers",
    "ConvRNN2D": "test_recorded_layers",
    "DenseFeatures": "test_rare_layers",
    "DeviceWrapper": "its config is that of DropoutWrapper, and it needs a device",
    "DropoutWrapper": "test_recorded_layers, inside RNN",
    "ResidualWrapper": "test_recorded_layers, inside RNN",
    "PeepholeLSTMCell": "test_recorded_layers, inside RNN",
    "CategoryCrossing": "only TF 2.2 to 2.7 have it: test_rare_layers",
    "Equalization": "hands its symbolic input out again, so that Keras cannot make a model of it",
    "GRUCell": "test_rare_layers",
    "GroupedQueryAttention": "exported as GroupQueryAttention",
    "InputLayer": "every model",
    "InstanceMethod": "test_rare_layers",
    "InstanceProperty": "test_rare_layers",
    "LSTMCell": "test_rare_layers",
    "Lambda": "test_lambda_layers_tell_what_their_config_does",
    "Layer": "test_a_bare_layer_hands_its_input_on",
    "MaxNumBoundingBoxes": "test_rare_layers",
    "Pipeline": "test_rare_layers",
    "RNN": "test_wrappers",
    "SequenceFeatures": "test_rare_layers",
    "SimpleRNNCell": "test_rare_layers",
    "SlicingOpLambda": "test_operations",
    "SpectralNormalization": "test_wrappers",
    "StackedRNNCells": "test_rare_layers",
    "SyncBatchNormalization": "is BatchNormalization on several devices",
    "TFOpLambda": "test_operations",
    "TensorFlowOpLayer": "test_inference_corpus",
    "TimeDistributed": "test_wrappers",
}
"""Where the classes are held against the real ones that stand neither in the plain cases nor in the recordings."""


def test_every_rule_is_held_against_the_real_class_somewhere() -> None:
    everywhere = {name for names in GENERATIONS.values() for name in names if has_rule(name)}
    tested = {case.name for case in CASES} | RECORDED
    assert everywhere - tested == set(ELSEWHERE) - tested
