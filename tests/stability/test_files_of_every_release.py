"""Files of our own formats as every release wrote them: this one reads, proves, joins and goes on with all of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.written import WRITTEN

import configsplit
from configsplit.batches.batch import batch
from configsplit.batches.read_recipe import read_recipe
from configsplit.boundaries.costs import read_profile
from configsplit.errors import ConfigSplitError

RELEASES = sorted(path.name for path in WRITTEN.iterdir())
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=RELEASES)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The files of a release, where they may be written beside."""
    return Path(shutil.copytree(WRITTEN / request.param, tmp_path / "old"))


def test_this_release_has_left_its_files() -> None:
    assert configsplit.__version__ in RELEASES, "cd tests && python -m support.written"


def test_numbers_of_the_release_agree() -> None:
    assert f"\nversion: {configsplit.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f'\nversion = "{configsplit.__version__}"\n' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_parts_are_proven_and_joined(old: Path) -> None:
    whole = configsplit.load(old / "residual.keras")
    for folder, parts in (("parts", 3), ("stages", 2), ("batch/models/old.h5/split", 2)):
        found = configsplit.verify(old / folder)
        assert (found.proof.parts, found.proof.weights) == (parts, 11)
    again = configsplit.join(old / "parts").save(old / "again.keras")
    assert again.compared == 11
    assert [layer.name for layer in configsplit.layers(again)] == [layer.name for layer in configsplit.layers(whole)]


def test_records_are_held_against_their_files(old: Path) -> None:
    for name, weights in (("frozen.keras", 11), ("converted.keras", 11)):
        assert configsplit.verify_file(old / name).weights == weights
    file = old / "frozen.keras"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(ConfigSplitError):
        configsplit.verify_file(file)


def test_every_record_and_recipe_is_valid_by_the_schema_of_today(old: Path) -> None:
    files = [*old.rglob("manifest.json"), *old.rglob("*.provenance.json"), *old.glob("recipe.*")]
    assert len(files) >= 7
    assert [each.violations for each in map(configsplit.validate, files)] == [()] * len(files)


def test_profiles_and_devices_are_read(old: Path) -> None:
    times = read_profile(old / "profile.json")
    assert times["c1"] == 1.5
    plan = configsplit.plan(old / "residual.keras", 2, balance="latency", profile=old / "profile.json")
    assert len(plan.stages) == 2
    plan = configsplit.plan(old / "residual.keras", 2, devices=old / "devices.json")
    assert [stage.device for stage in plan.stages] == ["phone", "server"]


def test_a_batch_goes_on_and_its_recipe_means_what_it_meant(old: Path) -> None:
    recipe = read_recipe(old / "recipe.yaml")
    assert [step.verb for step in recipe.do] == ["convert", "split"]
    before = (old / "batch" / "ledger.jsonl").read_text("utf-8")
    summary = batch(old / "recipe.yaml", zoo=old / "zoo", out=old / "batch", jobs=1, resume=True)
    assert summary.outcomes == {"done": 1, "failed": 0, "skipped": 0}
    lines = [
        [json.loads(line) for line in text.splitlines()] for text in (before, (old / "batch" / "ledger.jsonl").read_text())
    ]
    for was, now in zip(*lines, strict=True):
        assert was.keys() <= now.keys(), "lines of a ledger lose no keys"


@pytest.mark.parametrize(
    ("name", "key"), [("parts/manifest.json", "manifest_version"), ("frozen.keras.provenance.json", "provenance_version")]
)
def test_a_newer_version_is_refused_by_its_number(old: Path, name: str, key: str) -> None:
    place = old / name
    told: dict[str, Any] = json.loads(place.read_text("utf-8"))
    place.write_text(json.dumps(told | {key: 99}), "utf-8")
    verify: Any = configsplit.verify if name.startswith("parts") else configsplit.verify_file
    with pytest.raises(ConfigSplitError, match="version") as error:
        verify(old / "parts" if name.startswith("parts") else old / "frozen.keras")
    assert error.value.code in ("manifest-invalid", "provenance-invalid", "manifest-version")
