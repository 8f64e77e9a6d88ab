"""What verbs say while they are under way: progress on a terminal, what was decided and why, the log file, Python's logging."""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import configsplit
from configsplit.cli.main import cli
from configsplit.telling import decided, listening

MODEL = Path(__file__).resolve().parents[1] / "corpus" / "releases" / "keras-3.15.1" / "residual.keras"


def run(*arguments: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, [str(each) for each in arguments])
    return done.exit_code, done.stdout, done.stderr


def test_a_cut_says_among_what_it_chose(tmp_path: Path) -> None:
    """Two boundaries go through c1: what is said of each is what a cut there gives."""
    code, out, err = run("split", MODEL, "--at", "c1", "-o", tmp_path / "a", "-v")
    assert code == 0
    assert "decided" not in out
    assert "dialect is Keras 3, by module keras.src" in err
    for choice in ("smallest", "early", "late"):
        parts = configsplit.split(MODEL, at="c1", boundary=choice)
        line = next(line for line in err.splitlines() if choice in line)
        names = {tensor.name for tensor in parts.save(tmp_path / choice).manifest.parts[0].outputs}
        assert set(line.partition(" through ")[2].partition(": ")[0].split(", ")) == names
    assert "smallest, taken" in err


def test_each_verb_of_surgery_says_what_it_found_and_why(tmp_path: Path) -> None:
    donor, branch = tmp_path / "donor.keras", ("--from", "activation", "--to", "bn2")
    lines = {
        ("extract", MODEL, *branch, "-o", donor): [
            "starts at activation, float32 (any, 8, 8, 4), 1,024 bytes a sample (named)",
            "9 of 11 layers do not lie between these and are left out: image, c1, bn1, activation, res,",
        ],
        ("extract", MODEL, "--to", "c2", "-o", tmp_path / "a.keras"): ["starts at image, ", "(an input of the model that"],
        ("insert", MODEL, "--donor", donor, "--after", "bn1", "-o", tmp_path / "b.keras"): [
            "the donor takes bn1, float32 (any, 8, 8, 4)",
            "activation takes what the donor gives",
        ],
        ("replace", MODEL, "--donor", donor, *branch, "-o", tmp_path / "c.keras"): [
            "activation still goes to res, too",
            "gone, since no output needs them any more: c2, bn2",
        ],
        ("remove", MODEL, "--layer", "bn2", "-o", tmp_path / "d.keras"): [
            "bn2 (BatchNormalization): its input is float32 (any, 8, 8, 4) and stands for its output"
        ],
        ("rename", MODEL, "c1=stem", "-o", tmp_path / "e.keras"): ["decided: c1 becomes stem"],
        ("freeze", MODEL, "--before", "c2", "--layer", "bn*", "-o", tmp_path / "f.keras"): [
            "--layer bn* names 2 layers",
            "--before c2 names 5 layers",
            "5 of 11 layers, 280 of 296 parameters are frozen now",
        ],
        ("convert", MODEL, "-o", tmp_path / "g.keras"): ["11 layers keep their class"],
    }
    for arguments, wanted in lines.items():
        code, out, err = run(*arguments, "-v")
        assert (code, "decided" in out) == (0, False), err
        assert [line for line in wanted if line not in err] == [], arguments[0]


def test_joins_say_what_was_put_together(tmp_path: Path) -> None:
    configsplit.split(MODEL, at="res").save(tmp_path / "parts")
    _, _, err = run("join", tmp_path / "parts", "-o", tmp_path / "whole.keras", "-v")
    assert "2 parts, wired as the manifest says, have the graph of residual.keras; no layer stands in two of them" in err
    for name, ends in (("a", ("--to", "max_pooling2d")), ("b", ("--from", "max_pooling2d"))):
        run("extract", MODEL, *ends, "-o", tmp_path / f"{name}.keras")
    _, _, err = run("join", tmp_path / "a.keras", tmp_path / "b.keras", "-o", tmp_path / "row.keras", "-v")
    assert "takes max_pooling2d, float32 (any, 4, 4, 7) (by position)" in err


def test_a_plan_says_what_it_was_held_against(tmp_path: Path) -> None:
    _, _, err = run("split", MODEL, "--stages", 3, "-o", tmp_path / "a", "-v")
    made = configsplit.plan(MODEL, 3)
    assert f"the largest has {made.largest} MACs" in err or f"the largest has {made.largest} {made.unit}" in err
    assert f"({made.state})" in err


@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_the_log_file_has_everything(tmp_path: Path, quiet: tuple[str, ...]) -> None:
    log = tmp_path / "log"
    run("split", MODEL, "--at", "bn1", "-o", tmp_path / "a", "--log-file", log, *quiet)
    code, _, err = run("split", MODEL, "--at", "no\nsuch", "-o", tmp_path / "b", "--log-file", log, *quiet)
    assert code == 1
    assert "reference-unknown-layer" in err
    lines = log.read_text("utf-8").splitlines()
    kinds = [line.split()[2] for line in lines]
    assert set(kinds) == {"began", "doing", "decided", "said"}
    assert kinds.count("began") == 2, "a second run is appended"
    text = "\n".join(lines)
    for wanted in (
        "writing 2 parts, and proving them",
        "cut 1 through bn1",
        "proven: the 2 parts",
        "error [reference-unknown-layer]",
    ):
        assert wanted in text


def test_a_log_file_that_cannot_be_written(tmp_path: Path) -> None:
    code, _, err = run("inspect", MODEL, "--log-file", tmp_path / "no" / "log")
    assert (code, "log-unwritable" in err) == (1, True)


def test_json_stays_one_document(tmp_path: Path) -> None:
    code, out, _ = run("split", MODEL, "--at", "bn1", "-o", tmp_path / "a", "-v", "--json", "--log-file", tmp_path / "log")
    assert (code, json.loads(out)["verified"]) == (0, "proof")


def test_a_terminal_shows_what_is_being_done_and_only_for_the_time(tmp_path: Path) -> None:
    """With a patience of nothing every step is shown; what is left on the terminal in the end is the result alone."""
    code = (
        "import configsplit.cli.progress as progress, configsplit.telling as telling, time\n"
        "progress.AFTER = 0.01\n"
        "whole = telling._tell\n"
        "telling._tell = lambda kind, words: (whole(kind, words), time.sleep(0.2))\n"
        "from configsplit.cli.main import main; main()"
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", code, "split", str(MODEL), "--at", "bn1", "-o", str(tmp_path / "a")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    out, _ = process.communicate(timeout=300)
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert process.returncode == 0
    assert "proven" in out
    assert "\r\x1b[Kreading residual.keras (" in seen
    assert "\r\x1b[Kwriting 2 parts, and proving them (" in seen
    assert seen.rpartition("\r\x1b[K")[2] == "", "the line is gone"


def test_the_logger_of_a_program_that_has_one(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "configsplit"):
        configsplit.split(MODEL, at="bn1")
    told = [(record.levelname, record.message) for record in caplog.records]
    assert ("DEBUG", "cutting") in told
    assert any(level == "INFO" and "cut 1 through bn1" in message for level, message in told)


def test_words_are_made_only_for_who_listens() -> None:
    heard: list[str] = []
    decided(lambda: pytest.fail("nobody listens"))
    with listening(lambda kind, words: heard.append(f"{kind} {words}")):
        decided(lambda: "it")
    decided(lambda: pytest.fail("nobody listens any more"))
    assert heard == ["decided it"]
