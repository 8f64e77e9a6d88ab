"""Every hostile file against every verb: nothing of it runs, each verb that reports says what it is, and each goes as far with
it as with the same file without the hostile bit."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from attacks import ATTACKS, CONTROLS, Attack
from click.testing import CliRunner, Result
from support.lines import line_of
from support.watching import watching

from configsplit.cli.main import cli
from configsplit.errors import DocumentError
from configsplit.runtime import build, process
from configsplit.runtime.confinement.policy import Limits
from configsplit.verbs.table import VERBS

LINES: dict[str, list[str]] = {
    "inspect": ["inspect", "MODEL", "--json"],
    "validate": ["validate", "MODEL", "--json"],
    "split": ["split", "MODEL", "--at", "d", "--out", "in/parts"],
    "verify": ["verify", "in/parts"],
    "join": ["join", "in/parts", "--out", "in/joined.json"],
    "cuts": ["cuts", "MODEL"],
    "layers": ["layers", "MODEL"],
    "extract": ["extract", "MODEL", "--to", "END", "--out", "in/extracted.json"],
    "insert": ["insert", "MODEL", "--after", "d", "--donor", "in/probe.json", "--out", "in/inserted.json"],
    "replace": ["replace", "MODEL", "--from", "x", "--to", "a", "--donor", "in/probe.json", "--out", "in/replaced.json"],
    "remove": ["remove", "MODEL", "--layer", "a", "--out", "in/removed.json"],
    "rename": ["rename", "MODEL", "d=e", "--out", "in/renamed.json"],
    "freeze": ["freeze", "MODEL", "--layer", "d", "--out", "in/frozen.json"],
    "convert": ["convert", "MODEL", "--out", "in/converted.json"],
    "convert back": ["convert", "MODEL", "--to", "keras2", "--out", "in/back.json"],
    "convert for browsers": ["convert", "MODEL", "--to", "tfjs", "--out", "in/web"],
    "convert for an older": ["convert", "MODEL", "--target", "3.6", "--out", "in/older.json"],
    "weights": ["weights", "MODEL", "--out", "in/weights.npz"],
    "expand": ["expand", "MODEL", "--library", "no_such_library", "--out", "in/graph.json", "--timeout", "60"],
    "plot": ["plot", "MODEL", "--out", "in/picture.html"],
    "explore": ["explore", "MODEL", "--no-open", "--out", "in/page.html"],
    "profile": ["profile", "MODEL", "--timeout", "60"],
    "batch": ["batch", "in/recipe.yaml", "--zoo", "in/zoo", "--out", "in/batch", "--jobs", "1"],
    "plugins": ["plugins"],
}
"""Each verb's line, in this order; ``batch`` has all the files at once."""
WORDS = {
    "classes": "Activation",
    "at": "d",
    "after": "d",
    "from_": "x",
    "to": "d",
    "layer": "a",
    "names": "d=e",
    "donor": "in/probe.json",
}
"""What options may be that a verb without a line above cannot do without."""
LINES |= {verb: line_of(verb, "MODEL", f"in/{verb}.json", WORDS) for verb in VERBS if verb not in LINES}
CONVERTS = {verb for verb, words in LINES.items() if words[0] == "convert"}
ENDS_OTHERWISE = {*CONVERTS, "weights", "expand", "profile", "batch", "validate"}
"""What converts, runs or judges a model refuses an attack by right, and ``weights`` a model that has none: held against a code
of error, not against the control."""
EACH = [verb for verb in LINES if verb != "batch"]
ALWAYS = ("inspect", "validate", "split", "expand", "profile")
"""Those that tell what an attack is, that build it or that others go on from."""
TURNS = 4


def verbs(case: Attack, *, every: bool) -> list[str]:
    """Every verb, or those of always and a quarter of the others, that meets the next quarter of the attacks."""
    turn = [each.name for each in (*ATTACKS, *CONTROLS)].index(case.name)
    return [verb for number, verb in enumerate(EACH) if every or verb in ALWAYS or (number + turn) % TURNS == 0]


SHARES = pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["some", "every"])


@pytest.fixture(params=ATTACKS, ids=[attack.name for attack in ATTACKS])
def attack(request: pytest.FixtureRequest) -> Attack:
    found: Attack = request.param
    return found


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "probe.json").write_text('{"class_name": "Activation", "config": {"name": "p", "activation": "tanh"}}')
    return tmp_path / "outside" / "canary"


def watched(canary: Path, *arguments: Any) -> Result:
    """Run a verb; it must end in a result or a coded error, and leave the world as it was but for its own folder."""
    folder = canary.parent.parent / "in"
    with pytest.MonkeyPatch.context() as patch, watching(folder, canary.parent) as seen:
        patch.setattr(tempfile, "tempdir", str(folder))
        patch.chdir(folder.parent)
        result = CliRunner().invoke(cli, [str(item) for item in arguments], prog_name="configsplit")
    assert not seen, seen
    assert not list(canary.parent.iterdir())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1)
    assert result.exit_code == 0 or re.search(r"""(\[|"code": ")[a-z]+-[a-z0-9-]+""", result.output), result.output
    return result


def line(verb: str, attack: Attack, model: Path) -> list[str]:
    words = {"MODEL": str(model), "END": "end" if attack.on_constants else "evil"}
    return [words.get(word, word) for word in LINES[verb]]


def hazards(verb: str, result: Result) -> set[str]:
    told = json.loads(result.stdout)
    return {hazard["code"] for hazard in (told["files"][0] if verb == "validate" else told)["hazards"]}


def test_every_verb_is_here() -> None:
    assert {words[0] for words in LINES.values()} == set(VERBS)


TELL = ("inspect", "validate")


@SHARES
def test_nothing_of_it_runs_and_every_verb_goes_all_the_way(attack: Attack, every: bool, tmp_path: Path, canary: Path) -> None:
    """And those that report hazards tell what it is."""
    path = attack.write(tmp_path, canary)
    ends = {verb: watched(canary, *line(verb, attack, path)) for verb in verbs(attack, every=every)}
    assert {verb for verb, end in ends.items() if end.exit_code} <= ENDS_OTHERWISE
    assert all(attack.code in hazards(verb, ends[verb]) for verb in TELL)
    assert "error [hazard-" in ends["profile"].stderr
    assert "error [hazard-" in ends["expand"].stderr
    parts = tmp_path / "in" / "parts"
    assert any("layers[3]" in warning for warning in json.loads((parts / "manifest.json").read_text())["warnings"])
    seen = [watched(canary, "inspect", part, "--json") for part in sorted(parts.glob("part-*.json"))]
    assert attack.code in set().union(*(hazards("inspect", each) for each in seen))
    refused = watched(canary, "verify", parts, "--numeric")
    assert refused.exit_code == 1
    assert "error [hazard-" in refused.stderr


@SHARES
@pytest.mark.parametrize("attack", CONTROLS, ids=[attack.name for attack in CONTROLS])
def test_without_the_hostile_bit_every_verb_goes_as_far(attack: Attack, every: bool, tmp_path: Path, canary: Path) -> None:
    path = attack.write_control(tmp_path)
    for verb in verbs(attack, every=every):
        if verb not in ENDS_OTHERWISE or verb in TELL:
            end = watched(canary, *line(verb, attack, path))
            assert end.exit_code == 0 or verb in ENDS_OTHERWISE
            assert verb not in TELL or hazards(verb, end) == set()


RECIPE = "recipe: 1\ndo:\n  - split: {at: d}\nverify: numeric\n"


def test_a_batch_builds_none_of_them(tmp_path: Path, canary: Path) -> None:
    """One file of each kind in a zoo that is to be run in Keras: each fails by itself, with the hazard as its reason."""
    (tmp_path / "in" / "zoo").mkdir()
    (tmp_path / "in" / "recipe.yaml").write_text(RECIPE)
    kinds = {attack.code: attack for attack in ATTACKS}
    for attack in kinds.values():
        attack.write(tmp_path / "in" / "zoo", canary)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        result = CliRunner().invoke(cli, LINES["batch"])
    assert result.exit_code == 1
    told = dict(re.findall(r"failed +(\w+)\.json: \[([a-z-]+)\]", result.output))
    assert told == {attack.name: attack.code for attack in kinds.values()}
    assert not list(canary.parent.iterdir())


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
