"""What people put around an architecture hides nothing: what is searched for hazards is what the framework gets to see."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attacks import ATTACKS
from click.testing import CliRunner, Result
from test_attacks_files import canary

from configsplit.cli.main import cli

__all__ = ["canary"]

ATTACK = next(each for each in ATTACKS if each.name == "lambda_bytecode")
WRAPPINGS: dict[str, Callable[[Any], Any]] = {
    "text": json.dumps,
    "text_in_text": lambda document: json.dumps(json.dumps(document)),
    "below_a_key": lambda document: {"model": document},
    "text_below_a_key": lambda document: {"model_config": json.dumps(document)},
    "below_what_compile_uses": lambda document: {"compile_config": document},
    "below_what_training_uses": lambda document: {"training_config": document},
    "in_a_list": lambda document: [document],
    "its_config_alone": lambda document: document["config"],
}


def run(folder: Path, name: str, document: Any) -> Result:
    (path := folder / f"{name}.json").write_text(json.dumps(WRAPPINGS[name](document)))
    return CliRunner().invoke(cli, ["profile", str(path), "--timeout", "300"], prog_name="configsplit")


@pytest.mark.parametrize("name", WRAPPINGS)
def test_nothing_of_it_is_built(name: str, tmp_path: Path, canary: Path) -> None:
    done = run(tmp_path, name, json.loads(ATTACK.write(tmp_path, canary).read_text()))
    assert done.exit_code == 1
    assert f"error [{ATTACK.code}]" in done.stderr
    assert not canary.exists()


@pytest.mark.parametrize("name", WRAPPINGS)
def test_without_the_hostile_bit_it_is_run(name: str, near_worker: None, tmp_path: Path) -> None:
    dense = [{"class_name": "Dense", "config": {"name": each, "units": 2, "batch_input_shape": [None, 2]}} for each in "ab"]
    document = {"class_name": "Sequential", "config": {"name": "m", "layers": dense}, "keras_version": "2.15.0"}
    done = run(tmp_path, name, document)
    assert done.exit_code == 0, done.output
