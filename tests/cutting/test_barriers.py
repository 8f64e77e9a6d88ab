"""Plans and lists of places keep clear of what `split` would refuse: doubtful kinds and shapes, masks that cannot cross."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from support import corpus

import configsplit
from configsplit.cutting.pipeline.units import components
from configsplit.errors import ConfigSplitError, CutError


def chain(layers: list[dict[str, Any]], first: dict[str, Any]) -> dict[str, Any]:
    """A functional document of Keras 2: one layer behind the other."""
    entries = [{"class_name": "InputLayer", "config": first, "name": first["name"], "inbound_nodes": []}]
    before = first["name"]
    for layer in layers:
        name = layer["config"]["name"]
        entries.append({**layer, "name": name, "inbound_nodes": [[[before, 0, 0, {}]]]})
        before = name
    ends = {"input_layers": [[first["name"], 0, 0]], "output_layers": [[before, 0, 0]]}
    return {"class_name": "Model", "config": {"name": "chain", "layers": entries, **ends}, "keras_version": "2.2.4"}


def document(folder: Path, layers: list[dict[str, Any]], **first: Any) -> configsplit.Document:
    path = folder / "model.json"
    path.write_text(
        json.dumps(chain(layers, {"name": "start", "batch_input_shape": [None, None, 4], "dtype": "float32", **first}))
    )
    return configsplit.load(path)


def layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


DENSE = [layer("Dense", name, units=4) for name in ("a", "b")]
LAST = layer("LSTM", "last", units=8)

CASES: dict[str, tuple[list[dict[str, Any]], dict[str, Any], list[str], str]] = {
    "a tensor that may be ragged": (
        [*DENSE, layer("LayerNormalization", "odd"), LAST],
        {"ragged": True},
        ["a", "b"],
        "cut-tensor-kind",
    ),
    "a tensor of unknown shape": ([*DENSE, layer("Mine", "odd"), LAST], {}, ["a", "b"], "shape-unknown"),
    "a mask that cannot cross": ([*DENSE, layer("Masking", "odd"), LAST], {}, ["a", "b"], "cut-mask-lost"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_best_balance_is_no_reason_to_cut_where_nothing_can(case: str, tmp_path: Path) -> None:
    layers, first, places, code = CASES[case]
    whole = document(tmp_path, layers, **first)
    assert [place.at for place in configsplit.cuts(whole).places] == places
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.split(whole, "odd")
    assert caught.value.code == code
    plan = configsplit.plan(whole, 2, balance="params")  # alone, the last layer would balance best
    assert plan.boundaries[0].tensors in [(place,) for place in places]
    assert plan.save(tmp_path / "parts").proof.parts == 2
    with pytest.raises(ConfigSplitError) as caught:
        configsplit.plan(whole, 4, balance="params")
    assert caught.value.code == code


def test_every_place_of_old_documents_can_be_cut() -> None:
    """Masks do not cross in these releases; what is listed or planned goes round them."""
    tried = 0
    for path in sorted(path for kind in ("keras-1*", "keras-2*", "tf-1*") for path in corpus.releases().glob(f"{kind}/*.json")):
        try:
            whole = configsplit.load(path)
        except ConfigSplitError:
            continue
        places = configsplit.cuts(whole).places
        for place in places:
            configsplit.split(whole, place.at)
            tried += 1
        if places:
            try:
                configsplit.plan(whole, 2, balance="params")
            except CutError as error:
                assert error.code == "plan-too-many-stages"  # noqa: PT017 - one call alone
    assert tried > 60


def test_what_can_reach_one_another_is_one_component() -> None:
    chance = random.Random(5)
    for _ in range(60):
        size = chance.randint(1, 9)
        after = [[chance.randrange(size) for _ in range(chance.randint(0, 2))] for _ in range(size)]
        reach = [{node} for node in range(size)]
        for _ in range(size):
            reach = [set().union(one, *(reach[other] for node in one for other in after[node])) for one in reach]
        wanted = [min(other for other in range(size) if other in reach[node] and node in reach[other]) for node in range(size)]
        assert components(after) == wanted
