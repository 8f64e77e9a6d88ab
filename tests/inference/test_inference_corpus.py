"""Documents as real releases wrote them, against the shapes of the outputs those releases computed (``outputs.json``)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from live import forgetful

from configsplit.dialects import parse
from configsplit.inference import trace
from configsplit.plugins import Registry

CORPUS = Path(__file__).parents[1] / "corpus" / "releases"
OUTPUTS = json.loads((Path(__file__).parent / "outputs.json").read_text())
FACTS = {**Registry.discover().facts()}
FACTS["RegScale"] = replace(FACTS["Scale"], class_name="RegScale")


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_outputs_are_what_the_release_computed(name: str) -> None:
    model = parse((CORPUS / f"{name}.json").read_text()).model
    found = trace(forgetful(model), FACTS)
    expected = OUTPUTS[name]
    outputs = found.outputs()
    assert len(outputs) == len(expected)
    for spec, (shape, dtype) in zip(outputs, expected, strict=True):
        if spec.shape is None:
            assert found.reasons  # a class that nobody declared; never a guess
            continue
        assert len(spec.shape) == len(shape)
        assert all(size in (None, real) for size, real in zip(spec.shape, shape, strict=True))
        assert spec.dtype == dtype


KERAS3 = sorted(path for path in CORPUS.glob("keras-3*/*.json") if f"{path.parent.name}/{path.stem}" in OUTPUTS)


@pytest.mark.parametrize("path", KERAS3, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_rules_agree_with_what_keras_3_recorded(path: Path) -> None:
    model = parse(path.read_text()).model
    recorded, told = trace(model, FACTS).specs, trace(forgetful(model), FACTS).specs
    assert {ref: spec for ref, spec in told.items() if spec.shape is not None and spec != recorded[ref]} == {}
