"""The attack itself: it sees a mask that is lost, draws everything that it says, and gives each number its model."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import masked_tally
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from masked_files import Frame, case, drawn, frame, places
from masked_tally import Tally, difference
from masked_verbs import VERBS, Attempt

from configsplit.testing import masked_models
from configsplit.testing.masked import recipe
from configsplit.testing.masked_building import arrays
from configsplit.testing.masked_sketch import Generation, Spec

pytestmark = pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")

GENERATIONS = pytest.mark.parametrize("generation", ["keras2", "keras3"])


def chain(*layers: Spec, shape: tuple[int, ...], ids: bool) -> Spec:
    named = [{"name": f"layer_{number}", "config": {}, **layer} for number, layer in enumerate(layers)]
    record = {"name": "in_0", "shape": list(shape), "dtype": "int32" if ids else "float32", "ids": ids}
    model = {"class": "Sequential", "name": "chain", "input": record, "begin": "input", "layers": named}
    return {"model": model, "values": [0.0, -1.0], "float64": False}


EMBEDDED = {"class": "Embedding", "config": {"input_dim": 9, "output_dim": 3, "mask_zero": True}}
CHAINS = {
    "built-in": chain(EMBEDDED, {"class": "LSTM", "config": {"units": 3}}, shape=(4,), ids=True),
    "custom": chain(EMBEDDED, {"class": "MaskedMean"}, shape=(4,), ids=True),
    "hidden": chain(EMBEDDED, {"class": "HiddenBlock"}, shape=(4,), ids=True),
    "value": chain(
        {"class": "Masking", "config": {"mask_value": -1.0}}, {"class": "GlobalAveragePooling1D"}, shape=(4, 3), ids=False
    ),
}


@GENERATIONS
@pytest.mark.parametrize("kind", CHAINS)
def test_a_mask_that_is_lost_shows_in_the_numbers(generation: Generation, kind: str) -> None:
    """Layers one by one, fed through numpy: nothing hidden crosses."""
    works: Frame = frame(generation)
    model = works.workshop.build(CHAINS[kind], 1)
    inputs = arrays(CHAINS[kind], [str(getattr(each.dtype, "name", each.dtype)) for each in model.inputs], 1)
    first, second = (each for each in model.layers if type(each).__name__ != "InputLayer")
    crossed = np.asarray(second(np.asarray(first(inputs[0]))))
    assert difference(works.run(model, inputs), works.run(model, inputs), 0) is None
    assert difference(works.run(model, inputs), [crossed], 1e-3) is not None


def test_what_differs_is_counted_as_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def off(made: object, chance: Random, folder: Path) -> Attempt:
        outputs = getattr(made, "outputs")  # noqa: B009
        return Attempt("nothing", outputs, lambda: [each + 1 for each in outputs])

    monkeypatch.setitem(VERBS, "split", off)
    tally = Tally("split", "keras3", "keras", 0.0).run(range(3), tries=1)
    assert len(tally.wrong) == tally.tries == tally.models > 0


@GENERATIONS
def test_most_samples_are_padded(generation: Generation) -> None:
    for number in range(200):
        found = recipe(Random(number), generation)
        model = found["model"]
        records = model["inputs"] if "steps" in model else [model["input"]]
        for record, batch in zip(records, arrays(found, [each["dtype"] for each in records], number), strict=True):
            if record["dtype"] == "bool":
                padded = ~batch
            else:
                steps = batch if record["ids"] else batch[..., 0]
                padded = np.isin(steps, [0] if record["ids"] else found["values"])
            assert np.mean(padded.reshape(len(batch), -1).any(1)) >= 0.5


DRAWN = """
Add AdditiveAttention Attention AttentionPool Average BatchNormalization Bidirectional Block Concatenate Conv1D
ConvLSTM1D CrossPool Dense Dot Dropout Embedding EverySecond Flatten GRU GlobalAveragePooling1D GlobalMaxPooling1D
HiddenBlock HiddenBlockPass Invert LSTM LayerNormalization MakeMask MaskedMean Masking Maximum Minimum Model
MultiHeadAttention Multiply MySequential PairMean PassScale Peek RNN RegMaskedMean RegMyModel Reshape Reverse Score
Sequential SimpleRNN SpatialDropout1D StopScale Subtract TimeDistributed ZeroMasked ZeroStop
cast multiply not_equal reshape stop_gradient transpose
"""
MUST = {"keras2": set(DRAWN.split())}
MUST["keras3"] = MUST["keras2"] | {"GroupQueryAttention"}


@GENERATIONS
def test_everything_is_drawn(generation: Generation) -> None:
    found: set[str] = set()
    nests: set[tuple[str, str]] = set()
    for number in range(600):
        todo = [(recipe(Random(number), generation)["model"], "")]
        for spec, around in todo:
            found.add(spec["class"])
            kind = "graph" if "steps" in spec else "chain" if "layers" in spec else spec["class"]
            nests.add((around, kind))
            inner = [*spec.get("layers", ()), *(step["layer"] for step in spec.get("steps", ()) if "layer" in step)]
            todo += [(each, kind) for each in (*inner, *([spec["held"]] if "held" in spec else []))]
    assert MUST[generation] <= found
    assert {(one, two) for one in ("graph", "chain", "TimeDistributed") for two in ("graph", "chain")} <= nests


def test_a_number_gives_the_same_model_again(tmp_path: Path) -> None:
    assert drawn("keras3", "keras", 5, 0.2) == drawn("keras3", "keras", 5, 0.2)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = case("keras3", "keras", 5, tmp_path / "a"), case("keras3", "keras", 5, tmp_path / "b")
    assert one is not None
    assert two is not None
    assert difference(one.outputs, two.outputs, 0) is None


@GENERATIONS
def test_hypothesis_draws_recipes(generation: Generation) -> None:
    seen: list[str] = []

    @settings(
        max_examples=20, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(found=masked_models(generation))
    def look(found: Spec) -> None:
        seen.append(json.dumps(found))

    look()
    assert len(set(seen)) > 10


def test_places_reach_into_wrapped_models() -> None:
    inner = {"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"name": "d"}}]}}
    outer = {"class_name": "TimeDistributed", "config": {"name": "td", "layer": inner}}
    assert [each.name for each in places({"config": {"layers": [outer]}})] == ["td", "td/d"]


def test_the_table_tells_what_was_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(masked_tally, "ROWS", tmp_path / "rows")
    monkeypatch.setattr(masked_tally, "PAGE", tmp_path / "masks.md")
    other = "| split | Keras 2 `.h5` | 0% | 1 | 1 | 1 | 0 | 0 | 0 | 0 | abc |\n"
    (tmp_path / "masks.md").write_text(f"# Old\n\n| split | Keras 2 `.h5` | 20% | 9 | 9 | 9 | 0 | 0 | 0 | 0 | abc |\n{other}")
    tally = Tally("split", "keras2", "h5", 0.2, models=3, tries=9, identical=5, no_place=2, wrong=["off"])
    tally.refused["cut-mask-unknown"] = 1
    masked_tally.store(tally)
    masked_tally.store(tally)
    counted = f"| split | Keras 2 `.h5` | 20% | 3 | 9 | 5 | 0 | 2 | cut-mask-unknown 1 | 1 | {tally.commit} |\n"
    assert masked_tally.publish().endswith(f"|---|\n{other}{counted}")
    assert masked_tally.publish() == (tmp_path / "masks.md").read_text()
