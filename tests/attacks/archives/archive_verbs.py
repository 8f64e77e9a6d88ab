"""A small model of Keras 3 in every kind of container, and all verbs on it, watched."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.watching import touched, watching

from configsplit.cli.main import cli

MODELS = Path(__file__).resolve().parents[2] / "corpus" / "releases" / "keras-3.15.1"
SECRET = b"\x52\x4b\x9a\x44" * 4
"""1234.3538 as a float, four times: what a file outside holds."""

LINES: dict[str, list[str]] = {
    "inspect": ["inspect", "MODEL", "--json"],
    "validate": ["validate", "MODEL", "--json"],
    "cuts": ["cuts", "MODEL"],
    "layers": ["layers", "MODEL"],
    "split": ["split", "MODEL", "--at", "mid", "--out", "parts"],
    "verify": ["verify", "parts"],
    "join": ["join", "parts", "--out", "joined.keras"],
    "extract": ["extract", "MODEL", "--to", "mid", "--out", "extracted.keras"],
    "insert": ["insert", "MODEL", "--after", "mid", "--donor", "probe.json", "--out", "inserted.keras"],
    "replace": ["replace", "MODEL", "--from", "i2", "--to", "mid", "--donor", "probe.json", "--out", "replaced.keras"],
    "rename": ["rename", "MODEL", "mid=e", "--out", "renamed.keras"],
    "freeze": ["freeze", "MODEL", "--layer", "mid", "--out", "frozen.keras"],
    "weights": ["weights", "MODEL", "--out", "weights.safetensors"],
}
WRITES = ("split", "extract", "insert", "replace", "rename", "freeze", "weights")
"""All of these copy weights; verify and join have nothing to do where nothing was split."""


def place(folder: Path) -> Path:
    (folder / "outside").mkdir()
    (folder / "in").mkdir()
    probe = '{"class_name": "Activation", "module": "keras.layers", "config": {"name": "p", "activation": "tanh"}}'
    (folder / "in" / "probe.json").write_text(probe)
    return folder


def in_container(folder: Path, kind: str, weights: bytes) -> list[str]:
    """The model with these weights, as the words that name it on a command line."""
    if kind == "keras":
        with zipfile.ZipFile(MODELS / "nested2.keras") as good, zipfile.ZipFile(folder / "m.keras", "w") as made:
            for name in ("metadata.json", "config.json"):
                made.writestr(name, good.read(name))
            made.writestr("model.weights.h5", weights)
        return ["m.keras"]
    if kind == "h5":
        (folder / "m.h5").write_bytes(weights)
        return ["m.h5"]
    shutil.copy(MODELS / "nested2.json", folder / "m.json")
    (folder / "m.weights.h5").write_bytes(weights)
    return ["m.json", "--weights", "m.weights.h5"]


def line(verb: str, model: list[str]) -> list[str]:
    words = [each for word in LINES[verb] for each in (model[:1] if word == "MODEL" else [word])]
    words = [word.replace(".keras", ".h5") if model[0] == "m.h5" and word != model[0] else word for word in words]
    return words + (model[1:] if "MODEL" in LINES[verb] and verb not in ("validate", "cuts") else [])


def watched(where: Path, *arguments: str) -> Result:
    """Run a verb: it ends in a result or a coded error, touches nothing outside, and tells nothing of what is there."""
    with pytest.MonkeyPatch.context() as patch, watching(where / "in", where / "outside") as seen:
        patch.setattr(tempfile, "tempdir", str(where / "in"))
        patch.chdir(where / "in")
        with touched(where / "outside") as names:
            result = CliRunner().invoke(cli, arguments, prog_name="configsplit")
    assert names == set()
    assert [event for event in seen if not event.startswith("os.fork ")] == []
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1), result.output
    assert result.exit_code == 0 or code(result) != "", result.output
    assert not any(SECRET in path.read_bytes() for path in (where / "in").rglob("*") if path.is_file())
    return result


def code(result: Result) -> str:
    """With which it was refused."""
    found = re.search(r"""(?:\[|"code": ")([a-z]+[0-9]?-[a-z0-9-]+)""", result.output + result.stderr)
    return found[1] if found else ""
