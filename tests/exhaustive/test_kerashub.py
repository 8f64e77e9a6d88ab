"""KerasHub's backbones, if it is installed (`pip install 'configsplit[kerashub]'`); the table is in docs/kerashub.md."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import kerashub

import configsplit

pytestmark = pytest.mark.exhaustive
pytest.importorskip("keras_hub")

LLAMA_3_8B = {
    "vocabulary_size": 128256,
    "num_layers": 32,
    "num_query_heads": 32,
    "num_key_value_heads": 8,
    "hidden_dim": 4096,
    "intermediate_dim": 14336,
    "rope_max_wavelength": 500000,
}


@pytest.mark.parametrize("name", kerashub.configs())
def test_no_part_of_a_backbone_gives_other_numbers(name: str) -> None:
    """What is refused, or fails in the library, is told in docs/kerashub.md."""
    row = kerashub.measure([name])[0]
    assert not [key for key in kerashub.KINDS if row[key].startswith("different")]


def test_llama_3_with_8_billion_parameters_is_planned_in_four_stages_of_equal_bytes(tmp_path: Path) -> None:
    """By the library in its confined process, which makes no value of 32 GB of weights."""
    entry = kerashub.configs()["Llama3Backbone"]
    place = tmp_path / "config.json"
    place.write_text(json.dumps({**entry, "config": {**entry["config"], **LLAMA_3_8B}}))
    graph, plugin = configsplit.expand(place, "keras_hub").save(tmp_path / "llama.json")
    document = configsplit.load(graph, custom_objects=[plugin] if plugin else [])
    plan = configsplit.plan(document, 4, balance="bytes", sizes=["token_ids=1,128", "padding_mask=1,128"])
    held = [stage.weight_bytes for stage in plan.stages]
    assert sum(held) == 4 * 8_030_261_248  # the parameters of Llama 3 8B, as published
    assert max(held) < 1.15 * sum(held) / 4
    assert plan.save(tmp_path / "parts", to="json").proof is not None
