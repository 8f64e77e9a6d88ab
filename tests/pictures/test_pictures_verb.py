"""``configsplit plot`` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from drawn_models import chain, residual, written

from configsplit.cli.main import cli

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(item) for item in arguments], prog_name="configsplit", catch_exceptions=False)


@pytest.mark.parametrize("suffix", ["svg", "mmd", "dot", "json"])
def test_a_model_is_drawn(suffix: str, tmp_path: Path) -> None:
    done = run("plot", RELEASES / "keras-3.15.1" / "residual.keras", "--out", tmp_path / f"out.{suffix}")
    assert done.exit_code == 0
    assert "residual.keras · Keras 3" in done.stdout
    assert "concatenate" in (tmp_path / f"out.{suffix}").read_text("utf-8")


def test_json_says_what_was_drawn(tmp_path: Path) -> None:
    one, other = written(tmp_path, chain(["a", "b"])), written(tmp_path, chain(["a", "c"]), "other.json")
    done = run("plot", one, other, "--out", tmp_path / "out.svg", "--json")
    told = json.loads(done.stdout)
    assert (told["title"], told["boxes"], told["differs"]) == ("m.json → other.json", 4, True)
    assert told["facts"][:2] == ["1 added", "1 gone"]


def test_parts_and_unfolded_models_are_drawn(tmp_path: Path) -> None:
    model = written(tmp_path, residual(4))
    assert run("split", model, "--at", "b1_1", "--out", tmp_path / "parts").exit_code == 0
    assert run("plot", tmp_path / "parts", "--out", tmp_path / "parts.svg").exit_code == 0
    assert "b1_1 · 8×8×4" in (tmp_path / "parts.svg").read_text("utf-8")
    assert run("plot", model, "--unfold", "--out", tmp_path / "all.dot").exit_code == 0
    assert "b3_out" in (tmp_path / "all.dot").read_text("utf-8")


@pytest.mark.parametrize(("arguments", "code"), [(["--out", "out.gif"], "plot-suffix"), (["--out", "m.json"], "output-exists")])
def test_what_cannot_be_written_is_refused(
    arguments: list[str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, chain(["a"]))
    done = run("plot", "m.json", *arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"error [{code}]" in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["m.json"]


def test_a_page_is_handed_to_the_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of its own among the temporary files; or that of --out, without the browser."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda url: opened.append(url) or True)
    model = written(tmp_path, residual(4))
    told = json.loads(run("explore", model, "--json").stdout)
    assert (opened, told["opened"]) == ([Path(told["file"]).as_uri()], True)
    assert Path(told["file"]).parent.parent == tmp_path
    page = Path(told["file"]).read_text("utf-8")
    assert '"--stages 8"' in page
    done = run("explore", model, "--no-open", "--stages", "1", "--out", tmp_path / "page.html")
    assert (done.exit_code, len(opened)) == (0, 1)
    assert done.stdout.startswith(f"{tmp_path / 'page.html'}: m.json · ")
    assert '"stages":{}' in (tmp_path / "page.html").read_text("utf-8")


def test_a_page_has_the_name_of_one(tmp_path: Path) -> None:
    done = run("explore", written(tmp_path, chain(["a"])), "--out", tmp_path / "page.svg")
    assert (done.exit_code, "error [plot-suffix]" in done.stderr) == (1, True)


def test_without_a_browser_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    done = run("explore", written(tmp_path, chain(["a"])), "--out", tmp_path / "page.html")
    assert (done.exit_code, done.stderr) == (0, "no browser could be opened\n")


def test_a_recipe_draws_models_and_what_steps_have_written(near_jobs: None, tmp_path: Path) -> None:
    (tmp_path / "zoo").mkdir()
    written(tmp_path / "zoo", residual(4), "m.json")
    steps = [
        {"split": {"at": "b1_1"}},
        {"plot": {}, "of": "split"},
        {"plot": {"as": "dot", "unfold": True}, "name": "whole"},
        {"plot": {"convert": True}, "name": "beside"},
    ]
    (tmp_path / "recipe.json").write_text(json.dumps({"recipe": 1, "do": steps}))
    done = run("batch", tmp_path / "recipe.json", "--zoo", tmp_path / "zoo", "--out", tmp_path / "out", "--jobs", "1")
    assert done.exit_code == 0, done.stderr
    folder = next((tmp_path / "out").rglob("whole")).parent
    assert "b1_1 · 8×8×4" in (folder / "plot" / "m.svg").read_text("utf-8")
    assert "b3_out" in (folder / "whole" / "m.dot").read_text("utf-8")
    assert 'class="link ruled"' in (folder / "beside" / "m.svg").read_text("utf-8")
    assert (
        run("batch", tmp_path / "recipe.json", "--zoo", tmp_path / "zoo", "--out", tmp_path / "o2", "--dry-run").exit_code == 0
    )
