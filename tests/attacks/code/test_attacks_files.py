"""Every hostile file against every verb that reads one: nothing of it runs, and each verb that reports says what it is."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from attacks import ATTACKS, HARMLESS, Attack
from click.testing import CliRunner, Result
from watching import watching

from configsplit.cli.main import cli
from configsplit.errors import DocumentError
from configsplit.runtime import build, process
from configsplit.runtime.confinement.policy import Limits

NAMES = [attack.name for attack in ATTACKS]


@pytest.fixture(params=ATTACKS, ids=NAMES)
def attack(request: pytest.FixtureRequest) -> Attack:
    found: Attack = request.param
    return found


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    return tmp_path / "outside" / "canary"


def watched(tmp_path: Path, canary: Path, *arguments: Any) -> Result:
    """Run a verb; it must end in a result or a coded error, and leave the world as it was but for its own folder."""
    canary.parent.mkdir(exist_ok=True)
    (tmp_path / "in").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, watching(tmp_path / "in") as seen:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "in"))
        result = CliRunner().invoke(cli, [str(item) for item in arguments], prog_name="configsplit")
    assert not seen, seen
    assert not list(canary.parent.iterdir())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1)
    return result


def test_inspect_and_validate_say_what_it_is(attack: Attack, tmp_path: Path, canary: Path) -> None:
    path = attack.write(tmp_path, canary)
    result = watched(tmp_path, canary, "inspect", path, "--json")
    if result.exit_code == 0:
        assert attack.code in {hazard["code"] for hazard in json.loads(result.stdout)["hazards"]}
    else:
        assert re.search(r"error \[[a-z-]+\]", result.stderr)
    result = watched(tmp_path, canary, "validate", path, "--json")
    assert attack.code in {hazard["code"] for hazard in json.loads(result.stdout)["files"][0]["hazards"]}


def test_cutting_it_runs_nothing_and_warns(attack: Attack, tmp_path: Path, canary: Path) -> None:
    path, parts = attack.write(tmp_path, canary), tmp_path / "in" / "parts"
    result = watched(tmp_path, canary, "split", path, "--at", "d", "--out", parts)
    if result.exit_code == 0:
        manifest = json.loads((parts / "manifest.json").read_text())
        assert any("layers[2]" in warning for warning in manifest["warnings"])
        watched(tmp_path, canary, "verify", parts)
        refused = watched(tmp_path, canary, "verify", parts, "--numeric")
        assert refused.exit_code == 1
        assert "error [hazard-" in refused.stderr
    else:
        assert result.exit_code == 1
        assert "error [document-" in result.stderr
    for verb in (("cuts",), ("layers",)):
        watched(tmp_path, canary, *verb, path)


def test_most_can_be_cut(tmp_path: Path, canary: Path) -> None:
    """The verbs above would prove little if they refused every file for another reason."""
    paths = [attack.write(tmp_path, canary) for attack in ATTACKS]
    ends = Counter(
        watched(tmp_path, canary, "split", path, "--at", "d", "--out", tmp_path / "in" / path.stem).exit_code for path in paths
    )
    assert ends[0] > 30 > ends[1]


@pytest.mark.parametrize("name", [each.name for each in HARMLESS])
def test_the_same_file_without_the_attack_is_no_hazard(name: str, tmp_path: Path, canary: Path) -> None:
    path = next(each for each in HARMLESS if each.name == name).write(tmp_path, canary)
    assert json.loads(watched(tmp_path, canary, "inspect", path, "--json").stdout)["hazards"] == []


def test_nothing_of_it_is_built(attack: Attack, tmp_path: Path, canary: Path) -> None:
    document = json.loads(attack.write(tmp_path, canary).read_text())
    with pytest.raises(DocumentError) as caught:
        build.refuse_hazards(document)
    assert caught.value.code.startswith("hazard-")
    job = {"custom_objects": [], "allow_lambda": False, "steps": [
        {"model": str(tmp_path / f"{attack.name}.json"), "weights": None, "outputs": str(tmp_path / "o.npz")}]}  # fmt: skip
    with pytest.raises(DocumentError) as caught:
        process.run_in_worker(job, tmp_path, limits=Limits(timeout=300))
    assert caught.value.code.startswith("hazard-")
    assert not canary.exists()
