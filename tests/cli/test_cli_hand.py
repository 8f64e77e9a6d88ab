"""The command line in the hand: what is misspelt is told the nearest, what is named is completed, what is long is whole."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import click
import pytest
from command_line import RELEASES, RESIDUAL, process, run

import configsplit
from configsplit.cli.command import command
from configsplit.cli.main import cli, colour
from configsplit.cli.verb_layers import _narrowed, _tree
from configsplit.verbs.table import VERBS, record

NESTED = RELEASES / "keras-3.15.1" / "nested2.keras"


def test_a_misspelt_verb_is_told_the_nearest() -> None:
    for words in (["splitt", RESIDUAL], ["help", "splitt"]):
        found = run(*words)
        assert found.code == 2
        assert "There is no verb 'splitt'. Did you mean 'split'?" in found.err


def test_help_has_every_verb_once() -> None:
    page = run("--help").out
    rows = re.findall(r"^  ([a-z]+)  +[A-Z]", page, re.MULTILINE)
    assert sorted(rows) == sorted([*VERBS, "help", "completion"])
    assert {len(row) for row in re.findall(r"^  [a-z]+  +(?=[A-Z])", page, re.MULTILINE) if "completion" not in row} == {12, 14}


def test_help_has_no_type_of_a_library() -> None:
    for name in VERBS:
        page = run("help", name).out
        assert "RANGE" not in page
        assert "INTEGER" not in page
    assert re.search(r"^  --donor PATH +The fragment", run("help", "insert").out, re.MULTILINE)
    assert "Where Keras runs:\n  --timeout SECONDS" in run("help", "verify").out


@pytest.mark.parametrize(
    ("line", "old", "new"),
    [
        (("split", RESIDUAL, "--at", "c1", "--to", "json", "-o"), "--to", "--format"),
        (("split", RESIDUAL, "--at", "c1", "--to=json", "-o"), "--to", "--format"),
        (("remove", RESIDUAL, "--layer", "activation", "--to", "keras", "-o"), "--to", "--format"),
        (("insert", RESIDUAL, "--after", "c1", "--model", "noise.json", "-o"), "--model", "--donor"),
        (("replace", RESIDUAL, "--from", "c1", "--to", "bn1", "--model", "noise.json", "-o"), "--model", "--donor"),
    ],
)
def test_an_older_spelling_works_as_before_and_a_line_names_that_of_today(
    line: tuple[str, ...], old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("noise.json").write_text('{"class_name": "GaussianNoise", "config": {"stddev": 0.5, "name": "noise"}}')
    at = len(line) - 3 if "=" not in line[-2] else len(line) - 2
    today = (*line[:at], line[at].replace(old, new), *line[at + 1 :])
    olds, news = run(*line, "x.keras", "--json"), run(*today, "x.keras", "--force", "--json")
    assert (olds.code, olds.json) == (news.code, news.json) == (0, news.json)
    assert (olds.err, news.err) == (f"deprecated: {old} is called {new} now\n", "")
    quiet = run(*line, "x.keras", "--force", "--quiet", "--json")
    assert (quiet.code, quiet.err) == (0, "")
    assert quiet.json == news.json
    assert not re.search(rf"{old}(,| {{2,}}| (PATH|\[keras))", run("help", line[0]).out)


@pytest.mark.parametrize(("word", "verb"), [("cut", "split"), ("diff", "plot"), ("summary", "inspect"), ("merge", "join")])
def test_what_people_try_first_leads_to_the_verb(word: str, verb: str) -> None:
    found = run(word, RESIDUAL)
    assert (found.code, f"There is no verb {word!r}. Did you mean {verb!r}?" in found.err) == (2, True)
    assert word not in VERBS
    assert verb in VERBS


def test_what_is_missing_is_said_with_what_it_is_for() -> None:
    found = run("split", RESIDUAL, "--at", "c1")
    assert found.code == 2
    assert "Missing option '--out' / '-o'. The folder to write the parts into." in found.err
    assert f"Example: configsplit {record('split').examples[0]}\n" in found.err
    assert f"Example: configsplit {record('cuts').examples[0]}\n" in run("cuts").err


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (("splitt",), "error: There is no verb 'splitt'. Did you mean 'split'?"),
        (("split", "x", "--out"), "error: Option '--out' requires an argument."),
        (("--lout",), "error: No such option '--lout'."),
        (("split", "x", "--at", "a", "--stages", "2", "-o", "y"), "error: give either --at REF"),
        (("verify", "a", "b"), "error: two models are compared by running them"),
    ],
)
def test_what_was_wrong_is_said_first(words: tuple[str, ...], first: str) -> None:
    found = run(*words)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith(first)
    assert "\n\nUsage: configsplit " in found.err
    assert found.err.endswith(" --help` says more\n")
    assert run().err.startswith("Usage: configsplit")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("my net.keras",), "There is no verb 'my net.keras'. The verb comes first: configsplit inspect 'my net.keras'\n"),
        (("split", "my", "net.keras", "--at", "c1", "-o", "out"), "(net.keras). Quote a path with spaces: 'my net.keras'\n"),
        (("inspect", "my", "net.keras"), "(net.keras). Quote a path with spaces: 'my net.keras'\n"),
        (("split", "my net.keras", "c1", "-o", "out"), "(c1). Name a place with --at LAYER, and several with --at A --at B\n"),
        (("split", "my net.keras", "--at", "c1", "c2", "-o", "out"), "(c2). Name a place with --at LAYER"),
        (("inspect", "my net.keras", "c1"), "Got unexpected extra argument (c1)\n"),
        (("split", "my net.keras", "--layer", "c1", "-o", "out"), "No such option '--layer'. Did you mean '--at'?"),
        (("split", "my net.keras", "--stages", "two", "-o", "out"), "'two' is not a valid whole number."),
        (("cuts", "my net.keras", "--link", "fast"), "'fast' is not a number above 0 such as 1e6"),
    ],
)
def test_what_people_write_is_answered_with_what_they_meant(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my net.keras").write_bytes(RESIDUAL.read_bytes())
    monkeypatch.chdir(tmp_path)
    found = run(*words)
    assert (found.code, said in found.err) == (2, True), found.err


@pytest.mark.parametrize("words", [("inspect",), ("layers",), ("cuts",), ("split", "--at", "c1", "-o", "out")])
def test_a_missing_file_is_named_once(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = run(words[0], "none.keras", *words[1:])
    assert (found.code, found.err.partition("\n")[0]) == (1, "error [file-missing] none.keras: no such file or folder")


def test_a_config_in_the_place_of_a_file_is_told(tmp_path: Path) -> None:
    given = '{"class_name": "GaussianNoise", "config": {"stddev": 0.1}}'
    found = run("insert", RESIDUAL, "--after", "c1", "--donor", given, "-o", tmp_path / "out.keras")
    assert (found.code, "write it into a .json file" in found.err) == (1, True)
    (tmp_path / "noise.json").write_text(given, "utf-8")
    assert "GaussianNoise keeps its graph in code, or is a single layer" in run("inspect", tmp_path / "noise.json").err


def test_a_pattern_that_matches_nothing_is_told(tmp_path: Path) -> None:
    found = run("split", RESIDUAL, "--at", "nothing*", "-o", tmp_path / "out")
    assert (found.code, "no layer of the model matches 'nothing*'" in found.err) == (1, True)


def test_a_misspelt_path_is_told_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "resnet50.keras").write_bytes(RESIDUAL.read_bytes())
    (tmp_path / "notes.txt").write_text("none", "utf-8")
    found = run("inspect", tmp_path / "resnet5.h5")
    assert f"[file-missing] {tmp_path}/resnet5.h5: no such file or folder" in found.err
    assert f"did you mean '{tmp_path}/resnet50.keras'?" in found.err
    assert "did you mean" not in run("inspect", tmp_path / "vgg.h5").err
    assert "[file-missing]" in run("verify", tmp_path / "parts").err


def test_a_misspelt_option_is_told_the_nearest() -> None:
    found = run("split", RESIDUAL, "--att", "c1")
    assert found.code == 2
    assert "--at" in found.err.partition("No such option")[2].partition("Did you mean")[2]


def test_help_says_what_a_code_means() -> None:
    page = run("help", "cut-at-input")
    assert (page.code, page.err) == (0, "")
    assert page.out.startswith("cut-at-input (Cuts)\n")
    assert "nothing lies before it" in page.out
    assert "What to do: Cut at a layer behind it." in page.out
    wrong = run("help", "cut-at-imput")
    assert (wrong.code, wrong.out) == (2, "")
    assert "Did you mean 'cut-at-input'?" in wrong.err


@pytest.mark.parametrize("name", VERBS)
def test_help_has_two_examples_that_are_command_lines(name: str) -> None:
    examples = record(name).examples
    assert len(examples) >= 2
    help_ = run("help", name)
    assert help_.out == run(name, "--help").out
    for example in examples:
        assert f"  configsplit {example}\n" in help_.out
        verb, *words = [word.strip("'") for word in re.findall(r"'[^']*'|\S+", example)]
        assert verb == name
        made = command(name)
        context = made.make_context(name, words, parent=click.Context(cli))
        given = {parameter: value for parameter, value in context.params.items() if parameter != "quiet"}
        wrong = record(name).misused(given, {option.keyword: option.flags for option in record(name).command_options()})
        assert wrong is None


def test_short_options_and_quiet(tmp_path: Path) -> None:
    out = tmp_path / "out.keras"
    assert run("freeze", RESIDUAL, "--layer", "c1", "-o", out, "-q") == run("plugins", "-q")
    assert out.is_file()
    assert "output-exists" in run("freeze", RESIDUAL, "--layer", "c1", "-o", out, "-q").err
    assert "proven" in run("freeze", RESIDUAL, "--layer", "c1", "-o", out, "-f").out
    as_json = run("freeze", RESIDUAL, "--layer", "c1", "-o", out, "-f", "-q", "--json")
    assert as_json.json["file"] == str(out)


def test_evidence_is_told_when_it_is_asked_for() -> None:
    assert "because" not in run("inspect", RESIDUAL).out
    assert "because" in run("inspect", RESIDUAL, "-v").out
    assert "release 3.15.1" in run("inspect", RESIDUAL).out.splitlines()[0]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("configsplit fr", ["freeze"]),
        ("configsplit comp", ["completion"]),
        ("configsplit help re", ["replace", "remove", "rename"]),
        ("configsplit split MODEL --bal", ["--balance"]),
        ("configsplit split MODEL --at b", ["bn1", "bn2"]),
        ("configsplit split MODEL --at res,b", ["res,bn1", "res,bn2"]),
        ("configsplit split --at b", []),
        ("configsplit extract MODEL --from c1 --to b", ["bn1", "bn2"]),
        ("configsplit freeze MODEL --layer b", ["bn1", "bn2"]),
        ("configsplit rename MODEL b", ["bn1=", "bn2="]),
        ("configsplit split NESTED --at mid/inner/d", ["mid/inner/d0"]),
        ("configsplit split /dev/null --at b", []),
    ],
)
def test_completion_names_verbs_options_and_layers(line: str, wanted: list[str], tmp_path: Path) -> None:
    words = line.replace("MODEL", str(RESIDUAL)).replace("NESTED", str(NESTED))
    asked = {"_CONFIGSPLIT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    found = process(cwd=tmp_path, environment=asked)
    assert [item.partition(",")[2] for item in found.out.splitlines() if item] == wanted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_complete(shell: str) -> None:
    told = run("completion", shell)
    assert told.code == 0
    assert f"_CONFIGSPLIT_COMPLETE={shell}_complete" in told.out
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=told.out, text=True, check=False).returncode == 0


def test_what_the_environment_says_of_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    assert colour() is None
    monkeypatch.setenv("CLICOLOR", "0")
    assert colour() is False
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    assert colour() is True
    monkeypatch.setenv("NO_COLOR", "1")
    assert colour() is False


def test_colours_are_forced_and_forbidden(tmp_path: Path) -> None:
    assert "\x1b[" in process("inspect", RESIDUAL, cwd=tmp_path, environment={"CLICOLOR_FORCE": "1"}).out
    forbidden = process("inspect", RESIDUAL, cwd=tmp_path, environment={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"})
    assert "\x1b[" not in forbidden.out


def test_patterns_name_tensors(tmp_path: Path) -> None:
    parts = run("split", RESIDUAL, "--at", "bn?", "-o", tmp_path / "parts", "--json").json["manifest"]["parts"]
    assert [part["outputs"][0]["tensor"] for part in parts[:-1]] == ["bn1", "activation"]
    one = run("layers", RESIDUAL, "--before", "bn[12]", "--json").json
    assert one["layers"] == run("layers", RESIDUAL, "--before", "bn1", "--before", "bn2", "--json").json["layers"]
    found = run("layers", NESTED, "--before", "mid/*d[01]", "--json").json
    both = run("layers", NESTED, "--before", "mid/inner/d0", "--before", "mid/d1", "--json").json
    assert found["layers"] == both["layers"]
    assert "c1 is stem1 now" in run("rename", RESIDUAL, "c[0-9]=stem*", "-o", tmp_path / "r.keras").out
    assert "insert-one-tensor" in run("insert", RESIDUAL, "--after", "bn?", "--model", RESIDUAL, "-o", tmp_path / "i.keras").err
    for nothing in ("bn[!12]", "bn[^12]3", "bn[z-a]", "x*"):
        assert "reference-unknown-layer" in run("split", RESIDUAL, "--at", nothing, "-o", tmp_path / "none").err


def test_places_are_named_in_full_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    found = configsplit.cuts(RESIDUAL)
    told = run("cuts", RESIDUAL).out
    for cut in found:
        assert re.search(rf"^{re.escape(cut.at)} ", told, re.MULTILINE)
    row = next(line for line in told.splitlines() if line.startswith(f"{found[0].at} "))
    shape = "×".join(map(str, (found[0].shapes[0] or ())[1:]))
    assert f"{len(found[0].tensors)}: {shape}" in row
    top = run("cuts", RESIDUAL, "--top", "2").out
    assert f"{len(found) - 2} more: --top {len(found)} shows all" in top
    assert len([line for line in top.splitlines() if line.startswith(tuple(cut.at for cut in found))]) == 2


def test_bytes_are_drawn_along_the_model() -> None:
    told = run("cuts", RESIDUAL, "--sort", "bytes").out
    bars = told.partition("bytes along the model  ")[2].partition("\n")[0]
    sizes = [cut.bytes for cut in configsplit.cuts(RESIDUAL)]
    assert len(bars) == len(sizes)
    assert [bars[at] == "█" for at in range(len(bars))] == [size == max(sizes) for size in sizes]  # type: ignore[type-var]
    assert "bytes along" not in run("cuts", RESIDUAL, "--max-tensors", "0").out


def test_a_name_wider_than_the_terminal_has_a_line_of_its_own() -> None:
    from configsplit.cli.verb_cuts import _lines

    long = "a_name_of_which_nothing_may_be_missing_since_it_is_what_at_takes"
    found = configsplit.cuts(configsplit.rename(RESIDUAL, {"bn1": long}))
    lines = _lines(found, len(found), 80)
    assert long in lines
    assert "left out for want of room: params, weights, peak (--json has them)" in lines
    assert max(map(len, lines)) <= 80
    assert all(cut.at in lines or any(line.startswith(f"{cut.at} ") for line in lines) for cut in found)


def test_layers_say_shape_and_takers_and_freezing_how_much(tmp_path: Path) -> None:
    told = run("layers", RESIDUAL).out
    assert re.search(r"^activation +Activation +\S+×\S+ .*c2, res$", told, re.MULTILINE)
    found = run("layers", NESTED, "--json").json["layers"]
    shown = {layer["layer"]: layer for layer in found}
    assert shown["mid/d1"]["takers"] == ["mid_add"]
    assert shown["mid/inner/d0"]["shape"][0] is None
    leaves = configsplit.layers(RESIDUAL)
    counted = sum(layer.parameters or 0 for layer in leaves)
    own = next(layer.parameters for layer in leaves if layer.name == "c1")
    told = run("freeze", RESIDUAL, "--layer", "c1", "-o", tmp_path / "f.keras").out
    assert f"frozen  1 of {len(leaves)} layers, {own:,} of {counted:,} parameters" in told


def test_nested_models_are_a_tree_where_a_person_looks() -> None:
    paths = [("a",), ("m",), ("m", "x"), ("m", "n"), ("m", "n", "k"), ("m", "z"), ("b",), ("far", "r")]
    assert _tree(paths) == ["a", "m", "├─ x", "├─ n", "│  └─ k", "└─ z", "b", "far/r"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            ("split", RESIDUAL, "-o", "x", "--at"),
            "Option '--at' requires an argument.\n\nUsage: configsplit split [OPTIONS] MODEL",
        ),
        (("split", RESIDUAL, "-o", "x", "--stages", 0), "0 is not in the range 1 or more."),
        (("split", RESIDUAL, "-o", "x", "--at", "c1", "--timeout", 0), "0.0 is not in the range above 0."),
        (("split", RESIDUAL, "-o", "x", "--stages", 2, "--slack", 2000), "is not in the range 0 to 1000."),
        (("split", RESIDUAL, "-o", "x", "--at", "c1", "--boundary", "smalest"), "Did you mean 'smallest'?"),
        (("cuts", RESIDUAL, "--sort", "byte"), "Did you mean 'bytes'?"),
        (("cuts", RESIDUAL, "--link", "3MB"), "for two devices give --link, --head-speed (or --head-profile) and --tail-speed"),
    ],
)
def test_what_is_wrong_with_an_option_is_said_in_words(line: tuple[object, ...], told: str) -> None:
    found = run(*line)
    assert (found.code, found.out) == (2, "")
    assert told in found.err


def test_the_wrong_way_round_is_said(tmp_path: Path) -> None:
    found = run("extract", RESIDUAL, "--from", "res", "--to", "c1", "-o", tmp_path / "x.keras").failed("extract-missing")
    assert "res is computed from c1\n  hint: exchange them: --from 'c1' --to 'res'" in found.err
    beside = run("extract", RESIDUAL, "--from", "c2", "--to", "c1", "-o", tmp_path / "x.keras").failed("extract-missing")
    assert "exchange" in beside.err
    other = run("extract", RESIDUAL, "--from", "c1", "--to", "concatenate", "-o", tmp_path / "x.keras").failed(
        "extract-missing"
    )
    assert "concatenate also needs image: add it to --from" in other.err


def test_a_part_alone_is_told_to_be_proven_with_the_others(tmp_path: Path) -> None:
    assert run("split", RESIDUAL, "--at", "c1", "-o", tmp_path / "parts").code == 0
    alone = run("verify", tmp_path / "parts" / "part-0.keras").failed("provenance-missing")
    assert "hint: give the folder of the parts" in alone.err
    assert (
        "give a folder that `configsplit split` wrote, or such a file"
        in run("verify", RESIDUAL).failed("provenance-missing").err
    )


def test_the_help_of_batch_has_a_whole_recipe(tmp_path: Path) -> None:
    recipes = re.findall(r'"(do: \[.*?\])"', " ".join(run("help", "batch").out.split()))
    assert len(recipes) == 2
    for number, recipe in enumerate(recipes):
        (tmp_path / f"{number}.yaml").write_text(recipe)
        assert run("validate", tmp_path / f"{number}.yaml").code == 0


def test_who_takes_a_layer_is_shortened_on_a_narrow_terminal_and_nothing_else() -> None:
    name, takers = "a_name_of_a_layer_that_is_rather_long", ", ".join(f"taker_{number}" for number in range(9))
    rows = [("layer", "class", "taken by"), (name, "Conv2D", takers), ("b", "Dense", "")]
    assert _narrowed(rows, 200) == rows
    assert _narrowed(rows, 80)[1] == (name, "Conv2D", f"{takers[:32]}…")
    assert _narrowed(rows, 20)[1] == (name, "Conv2D", f"{takers[:11]}…"), "the name is what --at takes"
    assert _narrowed([], 80) == []
