"""``configsplit cuts`` and ``configsplit profile`` at the prompt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support import corpus

from configsplit.cli.main import cli

RESIDUAL = corpus.releases() / "keras-3.0.5" / "residual.json"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def rows(*arguments: str) -> list[dict[str, object]]:
    done = run("cuts", str(RESIDUAL), "--json", *arguments)
    assert done.exit_code == 0, done.output
    found: list[dict[str, object]] = json.loads(done.stdout)["cuts"]
    return found


def test_the_table_fits_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    done = run("cuts", str(RESIDUAL))
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 110
    assert lines[0].split()[0] == "at"
    assert any("places; bytes, MACs" in line for line in lines[-2:])


def test_json_has_every_figure_of_both_sides() -> None:
    figures = {"calls", "parameters", "weight_bytes", "macs", "peak_activation_bytes"}
    for row in rows():
        assert set(row) == {"at", "through", "tensors", "shapes", "bytes", "input_bytes", "imbalance", "before", "after"}
        assert set(row["before"]) == set(row["after"]) == figures  # type: ignore[call-overload]


def test_filters() -> None:
    every = rows()
    names = [row["at"] for row in every]
    assert [row["at"] for row in rows("--max-tensors", "1")] == [row["at"] for row in every if len(row["tensors"]) == 1]  # type: ignore[arg-type]
    middle = str(next(row["at"] for row in every[2:] if "," not in str(row["at"])))
    before, after = ([row["at"] for row in rows(word, middle)] for word in ("--before", "--after"))
    assert before
    assert after
    assert sorted(map(str, before + after)) == sorted(map(str, names))
    assert all(row["bytes"] <= 200 for row in rows("--max-bytes", "0.2kB"))  # type: ignore[operator]


def test_orders() -> None:
    sizes = [row["bytes"] for row in rows("--sort", "bytes")]
    assert sizes == sorted(sizes)  # type: ignore[type-var]
    balance = [row["imbalance"] for row in rows("--sort", "balance")]
    assert balance == sorted(balance)  # type: ignore[type-var]


def test_two_devices() -> None:
    found = rows("--head-speed", "1M", "--tail-speed", "1G", "--link", "1kB/s")
    times = [row["seconds"]["total"] for row in found]  # type: ignore[index,call-overload]
    assert times == sorted(times)
    assert {"(all on the head)", "(all on the tail)"} <= {str(row["through"]) for row in found}
    assert len(found) == len(rows()) + 2


@pytest.mark.parametrize(
    "arguments",
    [["--link", "1M"], ["--head-speed", "1G"], ["--max-bytes", "much"], ["--sort", "latency", "--input-bytes", "5"]],
)
def test_wrong_usage(arguments: list[str]) -> None:
    assert run("cuts", str(RESIDUAL), *arguments).exit_code == 2


def test_latency_needs_devices() -> None:
    done = run("cuts", str(RESIDUAL), "--sort", "latency", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "cuts-no-devices"


def test_a_profile_is_measured_and_used(near_worker: None, tmp_path: Path) -> None:
    path = tmp_path / "profile.json"
    done = run("profile", str(RESIDUAL), "--out", str(path), "--rounds", "2")
    assert done.exit_code == 0, done.output
    times = json.loads(path.read_text())
    assert times
    assert min(times.values()) >= 0
    assert sum(times.values()) > 0
    assert run("profile", str(RESIDUAL), "--out", str(path), "--rounds", "1").exit_code == 1  # never over another file
    used = ["--balance", "latency", "--profile", str(path), "--json"]
    done = run("split", str(RESIDUAL), "--stages", "2", *used, "--out", str(tmp_path / "out"))
    assert json.loads(done.stdout)["plan"]["unit"] == "ns"
    listed = run("cuts", str(RESIDUAL), "--head-profile", str(path), "--tail-profile", str(path), "--link", "1G", "--json")
    assert listed.exit_code == 0
