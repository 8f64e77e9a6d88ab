"""Hostile recipes, tables and zoos: each ends soon in a coded error, writes nothing outside of its output, and a text that
lacks the hostile bit goes all the way.

A recipe names plug-ins and verbs, so it is a program of whoever wrote it; what is held here is that reading one, or telling
whether it is valid, runs nothing of it, and that its names for files lead nowhere else.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from support.limits import limited, most_resident
from support.thinned import in_turn
from support.watching import watching

from configsplit.cli.main import cli

SECONDS, MEMORY = 20.0, 300 << 20
WORKER = "configsplit.batches.worker"
"""A batch starts its workers."""
END = "do:\n  - cuts: {}\n"


def laughs(levels: int, key: str = "") -> str:
    """Nested lists, each of which has the one before ten times over by an alias."""
    text = "&l0 [x, x, x, x, x, x, x, x, x, x]"
    for level in range(1, levels):
        text = f"&l{level} [{text}{f', *l{level - 1}' * 9}]"
    return key + text


@dataclass(frozen=True)
class Attack:
    """``text`` is the hostile recipe, ``control`` the same without the hostile bit. ``valid`` says that the schema of recipes
    cannot know what is wrong with it."""

    name: str
    code: str
    text: str
    control: str
    valid: bool = False


ATTACKS = (
    Attack("laughs_for_a_word", "recipe-yaml", f"verify: {laughs(9)}\n{END}", f"verify: none\n{END}"),
    Attack("laughs_for_patterns", "recipe-yaml", f"models: {{include: {laughs(9)}}}\n{END}",
        f"models: {{include: ['*.json']}}\n{END}"),
    Attack("laughs_as_a_key", "recipe-yaml", f"? {laughs(9)}\n: 1\n{END}", END),
    Attack("laughs_beside_it", "recipe-yaml", f"{laughs(9, 'x: ')}\n{END}", END),
    Attack("alias_of_itself", "recipe-yaml", f"models: &a {{include: *a}}\n{END}",
        f"models: {{include: ['*.json']}}\n{END}"),
    Attack("merged_keys", "recipe-yaml", f"verify: &a none\n<<: {{recipe: 1}}\n{END}", f"verify: &a none\n{END}"),
    Attack("a_key_twice", "recipe-yaml", f"verify: none\nverify: numeric\n{END}", f"verify: none\n{END}"),
    Attack("very_many_keys", "recipe-yaml", f"x: {{{', '.join(f'k{number}' for number in range(60_000))}}}\n{END}", END),
    Attack("very_deep", "recipe-yaml", f"x: {'[' * 60_000}\n{END}", END),
    Attack("object_of_python", "recipe-yaml", f"verify: !!python/object/apply:os.system ['touch CANARY']\n{END}",
        f"verify: none\n{END}"),
    Attack("name_of_python", "recipe-yaml", f"verify: !!python/name:os.system\n{END}", f"verify: none\n{END}"),
    Attack("module_of_python", "recipe-yaml", f"verify: !!python/module:antigravity\n{END}", f"verify: none\n{END}"),
    Attack("no_number", "recipe-yaml", f"limits: {{seconds: !!int x}}\n{END}", f"limits: {{seconds: !!int 60}}\n{END}"),
    Attack("number_of_5000_digits", "recipe-yaml", f"limits: {{seconds: {'9' * 5000}}}\n{END}",
        f"limits: {{seconds: 99}}\n{END}"),
    Attack("no_day", "recipe-yaml", f"verify: 2001-99-99\n{END}", f"verify: none\n{END}"),
    Attack("no_time", "recipe-yaml", f"verify: !!timestamp x\n{END}", f"verify: none\n{END}"),
    Attack("no_truth", "recipe-yaml", f"verify: !!bool x\n{END}", f"verify: none\n{END}"),
    Attack("zero_byte", "recipe-yaml", f"verify: no\0ne\n{END}", f"verify: none\n{END}"),
    Attack("pattern_that_is_none", "glob-invalid", f"models: {{exclude: ['[z-a]*']}}\n{END}",
        f"models: {{exclude: ['[x-z]*']}}\n{END}", True),
    Attack("override_of_no_pattern", "glob-invalid", f"overrides: [{{models: ['[z-a]'], skip: x}}]\n{END}",
        f"overrides: [{{models: ['[x-z]'], skip: x}}]\n{END}", True),
    Attack("layout_upwards", "recipe-layout", f"output: {{layout: '../../{{stem}}'}}\n{END}",
        f"output: {{layout: 'up/{{stem}}'}}\n{END}", True),
    Attack("layout_of_an_attribute", "recipe-layout", f"output: {{layout: '{{path.__class__}}'}}\n{END}",
        f"output: {{layout: '{{path}}'}}\n{END}", True),
    Attack("layout_of_a_billion", "recipe-layout", f"output: {{layout: '{{path:>999999999}}'}}\n{END}",
        f"output: {{layout: '{{path}}'}}\n{END}", True),
    Attack("step_upwards", "recipe-step-name", "do:\n  - {cuts: {}, name: '..'}\n",
        "do:\n  - {cuts: {}, name: '..a'}\n", True),
    Attack("step_below_another", "recipe-invalid", "do:\n  - {cuts: {}, name: ../a}\n", "do:\n  - {cuts: {}, name: a}\n"),
    Attack("step_with_a_line", "recipe-invalid", 'do:\n  - {cuts: {}, name: "a\\n"}\n',
        "do:\n  - {cuts: {}, name: a}\n", True),
    Attack("no_verb", "recipe-invalid", "do:\n  - {run: 'sh -c true'}\n", "do:\n  - {run: 'inspect {model}'}\n", True),
)  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "in" / "zoo").mkdir(parents=True)
    (tmp_path / "in" / "zoo" / "m.json").write_text(json.dumps(DENSE))
    return tmp_path


DENSE = {"class_name": "Sequential", "keras_version": "2.15.0", "backend": "tensorflow", "config": {"name": "m", "layers": [
    {"class_name": "Dense", "config": {"name": name, "units": 2, "batch_input_shape": [None, 2], "dtype": "float32"}}
    for name in "ab"
]}}  # fmt: skip


def watched(place: Path, *arguments: str) -> Result:
    """Run a verb under limits; it must end in a result or a coded error, and change nothing but its own folder."""
    before = most_resident()
    with pytest.MonkeyPatch.context() as patch, watching(place / "in", place / "outside") as seen:
        patch.setattr(tempfile, "tempdir", str(place / "in"))
        patch.chdir(place / "in")
        with limited(SECONDS, MEMORY):
            result = CliRunner().invoke(cli, arguments, prog_name="configsplit")
    assert [event for event in seen if WORKER not in event] == []
    assert most_resident() - before < MEMORY
    assert not list((place / "outside").iterdir())
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1)
    assert result.exit_code == 0 or re.search(r"""\[[a-z]+-[a-z0-9-]+\]|violation""", result.output), result.output
    return result


def recipe(place: Path, text: str) -> str:
    (place / "in" / "r.yaml").write_text("recipe: 1\n" + text.replace("CANARY", str(place / "outside" / "canary")))
    return "r.yaml"


BATCH = ("--zoo", "zoo", "--out", "out", "--jobs", "1")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_a_hostile_recipe_is_refused_for_what_it_is(attack: Attack, place: Path) -> None:
    done = watched(place, "batch", recipe(place, attack.text), *BATCH)
    assert done.exit_code == 1
    assert f"error [{attack.code}]" in done.stderr
    assert sorted(path.name for path in (place / "in").iterdir()) == ["r.yaml", "zoo"]
    done = watched(place, "validate", "r.yaml", "--json")
    told = json.loads(done.stdout)["files"][0]
    assert told["valid"] is attack.valid
    if attack.code == "recipe-yaml":
        assert [each["code"] for each in told["violations"]] == ["recipe-yaml"]


@pytest.mark.parametrize("attack", {each.control: each for each in ATTACKS}.values(), ids=lambda attack: attack.name)
@pytest.mark.usefixtures("near_jobs")
def test_without_the_hostile_bit_it_goes_all_the_way(attack: Attack, place: Path) -> None:
    """One of the attacks that have the same control."""
    done = watched(place, "batch", recipe(place, attack.control), *BATCH, "--dry-run")
    assert done.exit_code == 0, done.output
    assert watched(place, "validate", "r.yaml").exit_code == 0


def test_nothing_that_a_recipe_names_is_run_to_tell_whether_it_is_valid(place: Path) -> None:
    """Its plug-ins are imported by the batch that its user starts, as by a command line that names them."""
    (place / "in" / "evil.py").write_text(f"open({str(place / 'outside' / 'canary')!r}, 'w')\n")
    text = "plugins: [evil.py]\ndo:\n  - {run: 'inspect {model} --custom-objects evil.py'}\n"
    done = watched(place, "validate", recipe(place, text))
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("weights", ["../outside/w.h5", "/etc/passwd", "..", "sub/../../x.h5"])
@pytest.mark.usefixtures("near_jobs")
def test_weights_of_a_recipe_stand_beside_the_model(weights: str, place: Path) -> None:
    """What leads elsewhere is no name, and is not opened."""
    done = watched(place, "batch", recipe(place, f"models: {{weights: '{weights}'}}\n{END}"), *BATCH)
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", ["{out}.json", "{weights}.json", "[m]*.json", "--out=x.json", "$(touch y).json", "a b;c.json"])
def test_names_of_models_are_names_alone(name: str, place: Path) -> None:
    """Files of a zoo whose names are patterns, options, or what a step fills in."""
    (place / "in" / "zoo" / "m.json").rename(place / "in" / "zoo" / name)
    text = recipe(place, "do:\n  - {run: 'freeze {model} --layer a --out {out}/f.json', name: f}\n  - split: {at: a}\n")
    done = watched(place, "batch", text, *BATCH)
    assert done.exit_code == 0, done.output
    made = {path.relative_to(place / "in" / "out" / "models").as_posix() for path in (place / "in" / "out").rglob("*.json")}
    assert {f"{name}/f/f.json", f"{name}/split/manifest.json"} <= made
    assert sorted(path.name for path in (place / "in").iterdir()) == ["out", "r.yaml", "zoo"]


FORGED = {
    "models": ("models", "outside"),
    "a folder below": ("models/m.json", "outside"),
    "ledger": (".staging-ledger.jsonl", "outside/precious"),
    "report": (".staging-report.html", "outside/precious"),
    "run log": ("run.jsonl", "outside/precious"),
}


@pytest.mark.parametrize(
    ("link", "more"), in_turn([(link, more) for more in ([], ["--resume"], ["--force"])] for link in FORGED), ids=str
)
@pytest.mark.usefixtures("near_jobs")
def test_links_in_the_target_are_not_written_through(link: str, more: list[str], place: Path) -> None:
    """The output of a batch that came with somebody's files, with links to elsewhere and a run log that speaks of them."""
    name, target = FORGED[link]
    precious = place / "outside" / "precious"
    precious.write_text("precious\n")
    out = place / "in" / "out"
    (out / name).parent.mkdir(parents=True)
    gone = {
        "model": "precious",
        "key": "",
        "folder": "models/precious",
        "staging": None,
        "result": {"outcome": "done"},
        "run": {},
    }
    if link != "run log":
        (out / "run.jsonl").write_text(json.dumps(gone) + "\n")
    (out / name).symlink_to(place / target)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place / "in")
        done = CliRunner().invoke(cli, ["batch", recipe(place, "do:\n  - split: {at: a}\n"), *BATCH, *more])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert [path.name for path in (place / "outside").iterdir()] == ["precious"]
    assert precious.read_text() == "precious\n"
    assert done.exit_code in (0, 1)


def test_a_target_without_links_is_gone_on_with(place: Path) -> None:
    text = recipe(place, "do:\n  - split: {at: a}\n")
    for more in ([], ["--resume"], ["--force"]):
        assert watched(place, "batch", text, *BATCH, *more).exit_code == 0
    assert (place / "in" / "out" / "models" / "m.json" / "split" / "manifest.json").is_file()


def test_links_in_the_zoo_lead_in_no_circle(place: Path) -> None:
    (place / "in" / "zoo" / "self").symlink_to(".")
    (place / "in" / "zoo" / "up").symlink_to("..")
    (place / "in" / "zoo" / "gone.json").symlink_to("nowhere")
    (place / "in" / "zoo" / "loop.json").symlink_to("loop.json")
    done = watched(place, "batch", recipe(place, END), *BATCH)
    assert re.search(r"failed +gone\.json: \[file-missing\]", done.output), done.output
    assert re.search(r"failed +loop\.json: \[[a-z-]+\]", done.output), done.output


TABLES = {
    "laughs": laughs(9),
    "no number": "a: !!int x",
    "a key twice": "a: 1\na: 2",
    "python": "!!python/name:os.system",
    "deep": "[" * 60_000,
}


@pytest.mark.parametrize("suffix", ["json", "yaml"])
@pytest.mark.parametrize("table", TABLES)
def test_hostile_tables_of_devices_and_times(table: str, suffix: str, place: Path) -> None:
    (place / "in" / f"t.{suffix}").write_text(TABLES[table])
    for more in (
        ["--stages", "2", "--devices", f"t.{suffix}"],
        ["--stages", "2", "--balance", "latency", "--profile", f"t.{suffix}"],
    ):
        done = watched(place, "split", "zoo/m.json", *more, "--out", "out")
        assert "error [table-syntax]" in done.stderr
    (place / "in" / f"t.{suffix}").write_text('{"a": 1.5, "b": 2.5}')
    done = watched(
        place, "split", "zoo/m.json", "--stages", "2", "--balance", "latency", "--profile", f"t.{suffix}", "--out", "out"
    )
    assert done.exit_code == 0, done.output
