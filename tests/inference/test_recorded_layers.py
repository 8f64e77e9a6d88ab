"""Every rule for Keras 1 and 2 against what the real classes of old releases said: outputs, weights, masks.

`recorded/record.py` made the files, in those releases; a few hundred layers each, as they describe themselves.
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest

from configsplit.graph.json import FrozenDict, freeze
from configsplit.graph.model import Layer, Model, Node, TensorRef, TensorSpec, Use
from configsplit.inference import BUILT_IN, Inference, trace, traced_masks, weights_of

FILES = sorted((Path(__file__).parent / "recorded").glob("*.json"))
CASES = [
    pytest.param(path.stem, entry, id=f"{path.stem}-{number}-{entry['class_name']}")
    for path in FILES
    for number, entry in enumerate(json.loads(path.read_text()))
]


def _inference(release: str, entry: dict[str, Any]) -> Inference:
    """A model of one layer behind as many inputs as it takes."""
    inputs = [
        Layer(name=f"in_{place}", class_name="InputLayer", spec=TensorSpec(tuple(shape), dtype))
        for place, (shape, dtype) in enumerate(entry["inputs"])
    ]
    uses = tuple(Use(TensorRef(layer.name)) for layer in inputs)
    config = freeze({"class_name": entry["class_name"], "config": entry["config"]})
    assert isinstance(config, FrozenDict)
    args = uses if len(uses) == 1 else (uses,)
    layer = Layer(name="layer", class_name=entry["class_name"], entry=config, calls=(Node(args),))
    told = freeze({"class_name": "Activation", "config": entry["lost"]})  # another layer that writes what this one does not
    assert isinstance(told, FrozenDict)
    beside = Layer(name="beside", class_name="Activation", entry=told, calls=(Node((uses[0],)),))
    outputs = tuple(TensorRef("layer", 0, number) for number in range(len(entry["outputs"])))
    return trace(
        Model(
            name="m",
            kind="functional",
            layers=(*inputs, beside, layer),
            inputs=tuple(TensorRef(layer.name) for layer in inputs),
            outputs=outputs,
            dialect="keras1" if release.startswith("keras-1") else "keras2",
        )
    )


def _outputs(found: Inference) -> list[Any]:
    return [[None if spec.shape is None else list(spec.shape), spec.dtype] for spec in found.outputs()]


FORGOTTEN = {
    ("keras-1.0.8", "TimeDistributedDense"): "without a bias the release lists no weights at all, and saves none",
    ("keras-1.2.2", "PReLU"): "shared_axes are not written, and the release itself cannot load such a file",
    ("keras-1.2.2", "SReLU"): "shared_axes are not written, and the release itself cannot load such a file",
    ("keras-2.0.9", "RNN"): "the configs of cells are not written; the release itself cannot load such a file",
}
"""Where a release does not write what would be needed, or contradicts itself."""


def _forgotten(release: str, entry: dict[str, Any]) -> bool:
    name, config = entry["class_name"], entry["config"]
    if name == "TimeDistributedDense" and config["bias"]:
        return False
    if name in ("PReLU", "SReLU") and 1 not in [size for _, shape, _ in entry["weights"] for size in shape]:
        return False
    if name == "RNN" and not _lacks_units(config["cell"]):
        return False
    return (release, name) in FORGOTTEN


def _lacks_units(cell: dict[str, Any]) -> bool:
    inner = cell["config"].get("cells", [cell])
    return any("units" not in each["config"] for each in inner)


@pytest.mark.parametrize(("release", "entry"), CASES)
def test_outputs_and_weights_are_what_the_release_said(release: str, entry: dict[str, Any]) -> None:
    found = _inference(release, entry)
    if release == "keras-2.0.9" and _forgotten(release, entry):
        assert _outputs(found)[0] == [None, None]  # never a guess
        return
    assert _agree(_outputs(found), entry), found.reasons
    if _forgotten(release, entry):
        return
    weights = weights_of(found, found.model.by_name()["layer"])
    assert weights is not None
    if release.startswith("keras-1"):  # names, gates and order of axes are those of Keras 2
        assert _sizes([(spec.shape, spec.trainable) for spec in weights]) == _sizes([(s, t) for _, s, t in entry["weights"]])
    else:
        assert [spec.shape for spec in weights] == [tuple(shape) for _, shape, _ in entry["weights"]]
        assert [spec.trainable for spec in weights] == [trainable for *_, trainable in entry["weights"]]


def _agree(found: list[Any], entry: dict[str, Any]) -> bool:
    """TensorFlow 1 leaves the -1 of a Reshape open, which its own arithmetic tells."""
    if entry["class_name"] == "Reshape" and None in entry["outputs"][0][0][1:]:
        return [len(shape) for shape, _ in found] == [len(shape) for shape, _ in entry["outputs"]]
    return bool(found == entry["outputs"])


def _sizes(weights: list[tuple[Any, bool]]) -> tuple[int, int]:
    """Parameters that are trainable, and that are not."""
    return sum(prod(shape) for shape, kind in weights if kind), sum(prod(shape) for shape, kind in weights if not kind)


REFUSES_MASKS = ("CuDNNLSTM", "CuDNNGRU")
"""They would hand a mask on, and raise when one arrives."""

MASKED = [case for case in CASES if case.values[1]["masked"] is not None and case.values[1]["class_name"] not in REFUSES_MASKS]


@pytest.mark.parametrize(("release", "entry"), MASKED)
def test_masks_end_where_the_release_ends_them(release: str, entry: dict[str, Any]) -> None:
    rule = BUILT_IN[entry["class_name"]].mask if entry["class_name"] in BUILT_IN else None
    assert rule != "unknown"
    found = _inference(release, entry)
    behind = _behind_masks(found)
    assert (TensorRef("layer") in traced_masks(behind).tensors) == entry["masked"]


def _behind_masks(found: Inference) -> Inference:
    """The same model with Masking between inputs and layer; integers cannot be masked that way, and need not be."""
    layers = []
    for layer in found.model.layers:
        if layer.is_input and found.specs[TensorRef(layer.name)].dtype == "float32":
            masking = freeze({"class_name": "Masking", "config": {}})
            assert isinstance(masking, FrozenDict)
            fresh = Layer(name=f"fresh_{layer.name}", class_name="InputLayer", spec=layer.spec)
            node = Node((Use(TensorRef(fresh.name)),))
            layers += [fresh, Layer(name=layer.name, class_name="Masking", entry=masking, calls=(node,))]
        else:
            layers.append(layer)
    inputs = tuple(TensorRef(layer.name) for layer in layers if layer.is_input)
    model = Model(
        name="m",
        kind="functional",
        layers=tuple(layers),
        inputs=inputs,
        outputs=found.model.outputs,
        dialect=found.model.dialect,
    )
    return trace(model)
