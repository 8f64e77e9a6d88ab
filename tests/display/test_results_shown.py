"""Results are short where they are printed, tables in notebooks, and lists of places are sequences."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import configsplit
from configsplit.dialects import to_text
from configsplit.errors import RuntimeUnavailableError
from configsplit.runtime.compare import Comparison, Ran
from configsplit.runtime.reports import NumericReport, OutputReport
from configsplit.verbs.cuts import TwoDevices
from configsplit.verbs.profile import Profile

RESIDUAL = Path(__file__).resolve().parents[1] / "corpus" / "releases" / "keras-3.15.1" / "residual.keras"
BACKBONE = Path(__file__).resolve().parents[1] / "corpus" / "seed" / "resnet152_scale_keras2.0.9.json"


def test_places_are_a_sequence_whose_rows_are_cut_at() -> None:
    found = configsplit.cuts(RESIDUAL)
    assert len(found) == len(found.places) > 3
    assert [*found] == [*found.places]
    assert found[-1] == found.places[-1]
    assert found[1:3].places == found.places[1:3]
    single = found.filter(lambda cut: len(cut.tensors) == 1)
    assert 0 < len(single) < len(found)
    for row in found:
        assert configsplit.split(RESIDUAL, at=row).models == configsplit.split(RESIDUAL, at=row.at).models
    assert len(configsplit.split(RESIDUAL, at=[single[0], single[-1]])) == 3


def test_results_are_printed_in_one_short_line(tmp_path: Path) -> None:
    parts = configsplit.split(RESIDUAL, at="c2")
    frozen = configsplit.freeze(RESIDUAL, before="res")
    saved = parts.save(tmp_path / "parts")
    cuts, plan = configsplit.cuts(RESIDUAL), configsplit.plan(RESIDUAL, 2)
    results = [
        parts,
        parts[0],
        frozen,
        frozen.save(tmp_path / "f.keras"),
        saved,
        configsplit.verify(saved),
        cuts,
        cuts[0],
        plan,
    ]
    results += [configsplit.inspect(RESIDUAL), configsplit.layers(RESIDUAL)[1], configsplit.load(RESIDUAL)]
    results += [configsplit.named_weights(RESIDUAL).save(tmp_path / "w.npz"), configsplit.validate(RESIDUAL)]
    results += [configsplit.validate(tmp_path), configsplit.plan(BACKBONE, 8)]
    results += [Profile(milliseconds={f"l{n}": 1.0 for n in range(99)}, framework="keras", version="3", outermost=("l0",))]
    for result in results:
        assert repr(result).startswith("<")
        assert "\n" not in repr(result)
        assert len(repr(result).replace(str(tmp_path), "")) < 120


def test_tables_in_notebooks_are_small_and_escaped(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    text = to_text(configsplit.load(RESIDUAL).model).replace('"c1"', json.dumps(hostile))
    path = tmp_path / "<b>.json"
    path.write_text(text, "utf-8")
    shown = [configsplit.cuts(path), configsplit.plan(path, 3), configsplit.inspect(path), configsplit.split(path, "c2")[1]]
    for each in shown:
        html = each._repr_html_()
        assert "<table" in html
        assert "<script>" not in html
        assert "<b>.json" not in html
        assert len(html) < 20_000
    assert "&lt;script&gt;" in shown[0]._repr_html_()


def test_places_as_a_table_of_pandas() -> None:
    """Rows as in the sequence, of real numbers; of no rows the same columns, so that a filter of one's own goes on working."""
    pytest.importorskip("pandas", reason="tables of pandas were NOT tested: pip install pandas")
    devices = TwoDevices(head=1e9, tail=1e12, link=1e6)
    for found in (configsplit.cuts(RESIDUAL), configsplit.cuts(RESIDUAL, devices=devices)):
        table = found.to_dataframe()
        assert list(table["at"]) == [cut.at for cut in found]
        assert list(table.index) == list(range(len(found)))
        assert list(table["bytes"]) == [cut.bytes for cut in found]
        assert {str(table[name].dtype) for name in ("bytes", "before_macs", "after_parameters")} == {"int64"}
        assert str(table["imbalance"].dtype) == "float64"
        assert list(table["shapes"]) == [[list(shape or ()) for shape in cut.shapes] for cut in found]
    assert list(table["seconds_total"]) == [cut.latency.total for cut in found if cut.latency]
    smallest = table[table["at"] != ""].sort_values("bytes").iloc[0]
    assert len(configsplit.split(RESIDUAL, at=smallest["at"])) == 2
    found = configsplit.cuts(RESIDUAL)
    none = found.filter(lambda cut: False).to_dataframe()
    assert (len(none), list(none.columns)) == (0, list(found.to_dataframe().columns))
    assert none[none["bytes"] < 10].empty


def test_figures_of_open_sizes_in_a_table(tmp_path: Path) -> None:
    """They are no numbers, and can be compared all the same; the formula stands beside them."""
    pytest.importorskip("pandas", reason="tables of pandas were NOT tested: pip install pandas")
    path = tmp_path / "open.json"
    path.write_text(to_text(configsplit.load(RESIDUAL).model).replace("[null, 8, 8, 3]", "[null, null, null, 3]"), "utf-8")
    table = configsplit.cuts(path).to_dataframe()
    assert (table["imbalance"] > 1).sum() == 0
    assert {str(table[name].dtype) for name in ("bytes", "before_macs", "imbalance")} == {"float64"}
    assert [told for told, size in zip(table["bytes_formula"], table["bytes"], strict=True) if size != size] != []


def test_without_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(RuntimeUnavailableError, match="needs pandas"):
        configsplit.cuts(RESIDUAL).to_dataframe()


def test_proofs_conversions_and_comparisons_in_notebooks(tmp_path: Path) -> None:
    """Each shows the facts that its text on the command line has; a hostile name of a layer stays text."""
    hostile = "<script>alert(1)</script>"
    saved = configsplit.split(RESIDUAL, at="c2").save(tmp_path / "parts")
    frozen = configsplit.freeze(RESIDUAL, before="res").save(tmp_path / "<b>.keras")
    old = RESIDUAL.parents[1] / "keras-2.3.1" / "residual.h5"
    made = configsplit.convert(old)
    written = made.save(tmp_path / "new.keras")
    outputs = (OutputReport(name=hostile, shape=(4, 2), dtype="float32", identical=False, max_abs_difference=0.5),)
    ran = Ran(framework="keras", version="3.15.1")
    compared = Comparison(outputs=outputs, ran=ran, other=ran, inputs=(), given=False, seed=0, tolerance=0.0, seconds=1.0)
    numeric = NumericReport(
        outputs=outputs,
        framework="keras",
        version="3.15.1",
        backend="tensorflow",
        weights="file",
        samples=4,
        seed=0,
        seconds=1.0,
    )
    shown = {
        "part-0.keras": saved,
        "2 parts of residual.keras, proven": configsplit.verify(saved),
        "11 weights proven": configsplit.verify_file(frozen),
        "freeze of residual.keras": frozen,
        "convert of residual.h5": made,
        f"{written.weights} weights": written,
        "0.5 apart": compared,
        "different when run": numeric,
    }
    for words, each in shown.items():
        html = each._repr_html_()
        assert words in html
        assert "<script>" not in html
        assert "<b>.keras" not in html
        assert len(html) < 20_000
    assert "&lt;script&gt;" in compared._repr_html_()
    assert repr(compared) == "<two models, different on 1 output>"
