"""Names in a file are whatever somebody wrote: none of them reaches a terminal as a command, or begins a line of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.thinned import in_turn

from configsplit.cli.main import cli

COMMANDS = {
    "title": "\x1b]0;pwned\x07",
    "clear": "\x1b[2J\x1b[H",
    "hidden": "\x1b[8m",
    "one byte": "\x9b2J",
    "right to left": "\u202ednuof\u202c",
    "line": "a\nerror [hazard-none] nothing was found\nproven: all of it",
    "back": "verified\r\x08\x08",
    "separator": "a\u2028proven",
}
LINES: dict[str, list[str]] = {
    "layers": ["layers", "m.json"],
    "inspect": ["inspect", "m.json"],
    "hazards": ["inspect", "m.json", "--hazards"],
    "cuts": ["cuts", "m.json"],
    "validate": ["validate", "m.json"],
    "split": ["split", "m.json", "--at", "p", "--out", "parts"],
    "plan": ["split", "m.json", "--stages", "2", "--out", "stages"],
    "verify": ["verify", "parts"],
    "join": ["join", "parts", "--out", "joined.json"],
    "remove": ["remove", "m.json", "--layer", "NAME", "--out", "removed.json"],
    "extract": ["extract", "m.json", "--to", "last", "--out", "extracted.json"],
    "unknown": ["extract", "m.json", "--to", "nothing", "--out", "no.json"],
    "convert": ["convert", "m.json", "--out", "c.json"],
    "convert back": ["convert", "c.json", "--to", "keras2", "--out", "k2.json"],
    "convert for browsers": ["convert", "c.json", "--to", "tfjs", "--out", "web"],
    "convert for an older": ["convert", "c.json", "--target", "3.6", "--out", "older.json"],
    "no target": ["convert", "c.json", "--target", "NAME", "--out", "none.json"],
    "profile": ["profile", "m.json"],
    "expand": ["expand", "m.json", "--library", "no_such_library", "--out", "g.json"],
    "plot": ["plot", "m.json", "--out", "m.svg"],
    "plot of parts": ["plot", "parts", "--out", "parts.html"],
    "explore": ["explore", "m.json", "--no-open", "--out", "m.html"],
    "batch": ["batch", "r.json", "--zoo", "m.json", "--out", "out", "--dry-run"],
}


def document(name: str) -> dict[str, Any]:
    def dense(called: str) -> dict[str, Any]:
        return {
            "class_name": "Dense",
            "config": {"name": called, "units": 2, "batch_input_shape": [None, 2], "dtype": "float32"},
        }

    strange = {"class_name": name, "config": {"name": f"strange{name}"}}
    layers = [dense("p"), dense(name), dense("q"), strange, dense("last")]
    return {"class_name": "Sequential", "keras_version": "2.15.0", "config": {"name": name, "layers": layers}}


@pytest.mark.parametrize(("command", "json_too"), in_turn([(command, False), (command, True)] for command in COMMANDS))
def test_no_name_is_a_command(command: str, json_too: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = COMMANDS[command]
    Path("m.json").write_text(json.dumps(document(name)))
    Path("r.json").write_text(json.dumps({"recipe": 1, "do": [{"split": {"at": name}}]}))
    told = ""
    for verb, line in LINES.items():
        words = [name if word == "NAME" else word for word in line]
        done = CliRunner().invoke(cli, [*words, *(["--json"] if json_too else [])], color=True)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        said = done.stdout + done.stderr
        assert name not in said, verb
        assert not [letter for letter in "\x07\x08\x9b\r\u2028\u202e\u202c" if letter in said], verb
        assert not any(each.startswith(("error [hazard-none]", "proven: all")) for each in said.splitlines()), verb
        assert _styles(said) == [], verb
        told += said
    assert "strange" in told


def _styles(text: str) -> list[str]:
    """What follows each escape, but for colours and weights that are printed here."""
    found = [each for each in text.split("\x1b")[1:] if not each.startswith(tuple(f"[{number}m" for number in range(3)))]
    return [each for each in found if not each.startswith(tuple(f"[{number}m" for number in range(31, 38)))]


@pytest.mark.parametrize("name", ["größe", "層/一", "a b", "x" * 300])
def test_letters_are_printed_as_they_are(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.json").write_text(json.dumps(document(name)))
    assert name in CliRunner().invoke(cli, ["layers", "m.json"]).stdout
    told = json.loads(CliRunner().invoke(cli, ["layers", "m.json", "--json"]).stdout)
    assert name in [layer["layer"] for layer in told["layers"]]
