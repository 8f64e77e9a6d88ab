"""No numeric verification is blind to a mask: parts that lose one differ, and what was not exercised is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from masked_models import CASES, masking
from splits import Split
from support.thinned import thinned

from configsplit.cli.numeric_lines import numeric_lines
from configsplit.runtime import numeric
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.inputs import make_inputs, read_hints
from configsplit.runtime.observed_masks import watched

DIALECTS = ("keras3", "keras2")


@pytest.fixture(params=DIALECTS)
def works(request: pytest.FixtureRequest) -> Framework:
    found: Framework = request.getfixturevalue(request.param)
    found.module.utils.set_random_seed(7)
    return found


@pytest.fixture
def _unexplained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which part differs first is asked elsewhere; to find out, the original is run twice more."""
    monkeypatch.setattr(numeric, "_explain", lambda job: (None, True))


@pytest.mark.usefixtures("_unexplained")
@pytest.mark.parametrize(
    ("works", "case"), thinned([(dialect, case) for dialect in DIALECTS for case in CASES], 2), indirect=["works"]
)
def test_a_part_that_loses_a_mask_is_found_out(works: Framework, tmp_path: Path, verify: Any, case: str) -> None:
    """With four samples, and with one; the same model uncut is identical, and everything in it exercised. Some of all cases;
    `make exhaustive` has the others."""
    k = works.module
    masked = CASES[case](k)
    cut, uncut = masked.cut(k, tmp_path / "cut"), masked.uncut(k, tmp_path / "uncut")
    for samples in (4, 1):
        assert not verify(cut, samples=samples).identical, samples
    report = verify(uncut)
    assert report.identical
    seen = {mask.name: mask for mask in report.masks}
    assert report.unexercised == ()
    for maker in masked.makers:
        assert any(name == maker or name.endswith(f"/{maker}") for name in seen), seen
    lines = numeric_lines(report)
    assert "verified in part" not in lines[0]
    assert lines[1] == f"  exercised: {len(seen)} of {len(seen)} masks seen both ways, on and off"


def test_the_report_counts_what_the_samples_hold(works: Framework, tmp_path: Path, verify: Any) -> None:
    split = masking(works.module).uncut(works.module, tmp_path / "m")
    text = masking(works.module).model(works.module).to_json()
    inputs = make_inputs(split.manifest["inputs"], read_hints(text), samples=5, seed=3)[0].values
    padded = int((inputs == -1).all(axis=2).sum())
    report = verify(split, samples=5, seed=3)
    assert list(report.as_json()["masks"]) == [{"where": "layer", "name": "mask", "kept": 25 - padded, "padded": padded}]
    assert report.as_json()["unexercised"] == []


def test_a_mask_that_no_sample_meets_is_named(works: Framework, tmp_path: Path, verify: Any) -> None:
    """What Dense gives is never 1e30, whatever it is fed."""
    k = works.module
    x = k.Input((5, 2), name="x")
    y = k.layers.LSTM(2)(k.layers.Masking(1e30, name="mask")(k.layers.Dense(2)(x)))
    model = k.Model(x, y)
    (tmp_path / "m").mkdir()
    suffix, dialect = (".keras", "keras3") if works.name == "keras" else (".h5", "keras2")
    split = Split(tmp_path / "m", dialect, suffix).whole(model, [{"part": 0, "output": 0}]).part(model, [{"input": 0}])
    report = verify(split)
    assert report.identical
    assert report.unexercised == ("the mask of 'mask' never left anything out",)
    first, *rest = numeric_lines(report)
    assert "verified in part" in first
    assert rest == [
        "  exercised: 0 of 1 masks seen both ways, on and off",
        "  not exercised: the mask of 'mask' never left anything out",
    ]


def test_boolean_inputs_and_masks_between_the_parts_are_counted(works: Framework, tmp_path: Path, verify: Any) -> None:
    k = works.module
    x, m = k.Input((5, 2), name="x"), k.Input((5,), dtype="bool", name="m")
    lstm, last = k.layers.LSTM(3, return_sequences=True, name="lstm"), k.layers.LSTM(2, name="last")
    y = lstm(x, mask=m)
    split = Split(tmp_path, *(("keras3",) if works.name == "keras" else ("keras2", ".h5")))
    split.whole(k.Model([x, m], last(y, mask=m)), [{"part": 1, "output": 0}])
    split.part(k.Model([x, m], [y, k.layers.Dropout(0.1, name="through", dtype="bool")(m)]), [{"input": 0}, {"input": 1}])
    a, b = k.Input((5, 3), name="a"), k.Input((5,), dtype="bool", name="b")
    split.part(k.Model([a, b], last(a, mask=b)), [{"part": 0, "output": 0}, {"part": 0, "output": 1}])
    report = verify(split)
    assert report.identical
    assert {(mask.where, mask.name, mask.both_ways) for mask in report.masks} == {("input", "m", True), ("boundary", "b", True)}
    assert numeric_lines(report)[1].endswith(
        "1 of 1 boolean tensors between the parts seen both ways; 1 of 1 boolean inputs seen both ways"
    )


def test_masks_of_classes_that_nobody_declared_are_seen(works: Framework) -> None:
    k = works.module

    class Positive(k.layers.Layer):  # type: ignore[misc, name-defined]
        """Leaves out what is negative, whatever mask arrives."""

        supports_masking = True

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.supports_masking = True

        def call(self, x: Any) -> Any:
            return x * 1.0

        def compute_mask(self, x: Any, mask: Any = None) -> Any:
            return x[..., 0] > 0

    x = k.Input((5, 2), name="x")
    masked = k.layers.Masking(9.0, name="first")(x)
    model = k.Model(x, k.layers.LSTM(2)(Positive(name="second")(Positive(name="positive")(masked))))
    values = np.random.default_rng(0).standard_normal((4, 5, 2)).astype(np.float32)
    values[0, 0] = 9
    with watched(works) as watch:
        model(values)
    kept = int((values[..., 0] > 0).sum()) - 1  # what Masking has left out is 0
    assert {each["layer"]: (each["kept"], each["padded"]) for each in watch.masks()} == {
        "first": (19, 1),
        "positive": (kept, 20 - kept),
        "second": (kept, 20 - kept),
    }


def test_watching_ends_with_its_block(works: Framework) -> None:
    before = works.module.layers.Layer.__call__
    with watched(works):
        assert works.module.layers.Layer.__call__ is not before
        with pytest.raises(ValueError, match="shape"):
            works.module.layers.Dense(2)(np.zeros(()))
    assert works.module.layers.Layer.__call__ is before


@pytest.mark.parametrize("throughout", [False, True])
def test_outputs_that_are_no_numbers_are_told(keras3: Framework, tmp_path: Path, verify: Any, throughout: bool) -> None:
    """NaN equals NaN bit for bit, but says little."""
    k = keras3.module
    x = k.Input((6,), name="x")
    model = k.Model(x, k.ops.sqrt(-1.0 - x * x) if throughout else k.ops.sqrt(x))
    split = Split(tmp_path, "keras3").whole(model, [{"part": 0, "output": 0}]).part(model, [{"input": 0}])
    report = verify(split)
    assert report.identical
    assert (report.outputs[0].nan == 24) is throughout
    assert report.outputs[0].nan > 0
    assert report.unexercised == (("'out0' is NaN throughout",) if throughout else ())
    assert f"  note: {report.outputs[0].nan} numbers of 'out0' are NaN" in "\n".join(numeric_lines(report))
