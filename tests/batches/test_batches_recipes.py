"""Recipes: what they may say, what they mean for each model, and how mistakes are answered."""

from __future__ import annotations

import json
import re
import shutil
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
import zoos
from support.tfjs_files import as_tfjs

import configsplit
from configsplit.batches.batch import batch, plan
from configsplit.batches.glob import matches
from configsplit.batches.jobs import settings
from configsplit.batches.read_recipe import checked, read_recipe
from configsplit.batches.recipe import STEPS, text
from configsplit.errors import ConfigSplitError
from configsplit.verbs.table import VERBS

pytestmark = pytest.mark.usefixtures("near_jobs")

KERAS3 = zoos.RELEASES / "keras-3.15.1"
OWN = {"batch", "expand", "explore", "plugins", "profile", "validate"}
"""Verbs that need no step of their own: ``run`` does them."""


def refused(plain: Any) -> ConfigSplitError:
    with pytest.raises(ConfigSplitError) as error:
        checked(plain)
    return error.value


@pytest.mark.parametrize(
    ("plain", "code", "where"),
    [
        ({"do": [{"splitt": {"at": "x"}}]}, "recipe-unknown-key", "recipe: do[0].splitt"),
        ({"do": [{"split": {"att": "x"}}]}, "recipe-unknown-key", "recipe: do[0].split.att"),
        ({"do": [{"split": {}}]}, "recipe-invalid", "recipe: do[0].split"),
        ({"do": [{"split": {"at": "x", "stages": 2}}]}, "recipe-invalid", "recipe: do[0].split"),
        ({"do": [{"split": {"at": "x"}, "freeze": {"layer": "x"}}]}, "recipe-invalid", "recipe: do[0]"),
        ({"do": []}, "recipe-invalid", "recipe: do"),
        ({}, "recipe-invalid", "recipe: do"),
        ({"recipe": 2, "do": [{"inspect": {}}]}, "recipe-invalid", "recipe: recipe"),
        ({"do": [{"inspect": {}}, {"inspect": {}}]}, "recipe-step-name", "recipe: do[1]"),
        ({"do": [{"inspect": {}, "of": "convert"}]}, "recipe-step-of", "recipe: do[0].of"),
        ({"do": [{"inspect": {}, "name": "../up"}]}, "recipe-invalid", "recipe: do[0].name"),
        ({"do": [{"inspect": {}, "name": ".."}]}, "recipe-step-name", "recipe: do[0]"),
        ({"do": [{"inspect": {}}], "limits": {"memory": "much"}}, "recipe-invalid", "recipe: limits.memory"),
        (
            {"do": [{"inspect": {}}], "overrides": [{"models": "a", "do": [{"x": 1}]}]},
            "recipe-unknown-key",
            "recipe: overrides[0].do[0].x",
        ),
        ([], "recipe-invalid", "recipe: "),
    ],
)
def test_mistakes_are_named_with_their_place(plain: Any, code: str, where: str) -> None:
    error = refused(plain)
    assert (error.code, error.where) == (code, where)
    assert error.hint


def test_a_key_is_answered_with_the_nearest() -> None:
    assert "max-tensors" in refused({"do": [{"split": {"at": "x", "max_tensors": 1}}]}).hint


def test_a_value_is_answered_with_the_nearest() -> None:
    error = refused({"do": [{"split": {"at": "x", "boundary": "smalest"}}]})
    assert (error.code, error.where, error.hint) == (
        "recipe-invalid",
        "recipe: do[0].split.boundary",
        "did you mean 'smallest'?",
    )


@pytest.mark.parametrize(
    ("command", "hint"),
    [("freez {model} --layer c1", "did you mean 'freeze'"), ("'", "check its quotes"), ("", "the verbs are split, cuts")],
)
def test_a_command_is_a_verb(command: str, hint: str) -> None:
    error = refused({"do": [{"inspect": {}}, {"run": command}]})
    assert (error.code, error.where) == ("recipe-invalid", "recipe: do[1].run")
    assert error.hint.startswith(hint)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"split": {"at": "x", "balance": "macs"}}, "`balance` goes with `stages`"),
        ({"split": {"stages": 2, "pick": "first"}}, "`pick` goes with `at`"),
        ({"freeze": {"unfreeze": True}}, "say which layers: `before`, `after` or `layer`"),
        ({"extract": {}}, "say where to start or to end: `from`, `to`"),
    ],
)
def test_what_would_mean_nothing_is_refused_before_any_model_is_read(step: dict[str, Any], message: str) -> None:
    assert refused({"do": [step]}).message == message


def test_yaml(tmp_path: Path) -> None:
    place = tmp_path / "recipe.yaml"
    place.write_text("recipe: 1\ndo:\n  - split: {stages: 4 by params}\nlimits: {memory: 2GB, seconds: 60}\n")
    read = read_recipe(place)
    assert read.do[0].split is not None
    assert (read.do[0].split.stages, read.limits.memory) == ("4 by params", 2_000_000_000)
    for bad in ("do: [", "do: 1\ndo: 2\n", "!!python/object/apply:os.system [true]", "a: &a [*a]\n? [x]\n: y"):
        place.write_text(bad)
        with pytest.raises(ConfigSplitError) as error:
            read_recipe(place)
        assert error.value.code in ("recipe-yaml", "recipe-invalid", "recipe-unknown-key")


def test_mistakes_are_told_the_nearest(tmp_path: Path) -> None:
    for plain, hint in (
        ({"do": [{"splitt": {}}]}, "did you mean 'split'"),
        ({"do": [{"xyzzy": {}}]}, "possible keys: convert, "),
    ):
        with pytest.raises(ConfigSplitError) as error:
            read_recipe(zoos.recipe(tmp_path, plain))
        assert error.value.hint.startswith(hint)
    with pytest.raises(ConfigSplitError) as missing:
        read_recipe(tmp_path / "recipee.yaml")
    assert (missing.value.code, missing.value.message) == ("recipe-unreadable", "no such file or folder")
    assert missing.value.hint == f"did you mean '{tmp_path / 'recipe.json'}'?"


def test_the_published_schema_is_that_of_the_code() -> None:
    published = resources.files("configsplit.schemas").joinpath("recipe.schema.json").read_text("utf-8")
    assert published == text(), "run: python -m configsplit.batches.recipe schemas"
    schema = json.loads(published)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    whole = {"recipe": 1, "do": [{"split": {"at": ["a"], "max-tensors": 1}}], "limits": {"memory": "4GB"}}
    assert not list(validator.iter_errors(whole))
    assert list(validator.iter_errors({**whole, "verfiy": "none"}))


@pytest.mark.parametrize("page", ["README.md", "docs/batch.md"])
def test_recipes_that_are_shown_are_recipes(page: str) -> None:
    text = (Path(__file__).resolve().parents[2] / page).read_text("utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]
    assert blocks
    for block in blocks:
        checked({"do": block} if isinstance(block, list) else block)


def test_every_verb_of_the_command_line_can_stand_in_a_recipe() -> None:
    assert set(VERBS) - OWN <= set(STEPS)


@pytest.mark.parametrize(
    ("path", "pattern", "does"),
    [
        ("a/b/c.keras", "*.keras", True),
        ("a/b/c.keras", "a/*.keras", False),
        ("a/b/c.keras", "a/**/*.keras", True),
        ("a/c.keras", "a/**/*.keras", True),
        ("a/b/c.keras", "**/c.*", True),
        ("a/b/c.keras", "**", True),
        ("c1.keras", "c[0-9].keras", True),
        ("cx.keras", "c[!0-9].keras", True),
        ("c1.keras", "c[!0-9].keras", False),
        ("c[.keras", "c[.keras", True),
        ("a/b.keras", "a?b.keras", False),
        ("a\nb.keras", "a*b.keras", True),
        ("weights.h5", "*.weights.h5", False),
    ],
)
def test_patterns(path: str, pattern: str, does: bool) -> None:
    assert matches(path, pattern) is does


def test_of_several_overrides_the_last_one_wins_key_by_key() -> None:
    read = checked(
        {
            "do": [{"inspect": {}}],
            "overrides": [
                {"models": "r*", "verify": "none", "limits": {"seconds": 1}},
                {"models": ["x", "res*"], "verify": "numeric"},
            ],
        }
    )
    chosen = settings(read, "nets/resnet.keras")
    assert (chosen.verify, chosen.limits.seconds, len(chosen.why)) == ("numeric", 1, 2)
    assert settings(read, "vgg.keras").verify == "proof"


def three(tmp_path: Path) -> Path:
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    for name in ("residual.keras", "residual.h5", "residual.json"):
        shutil.copy(KERAS3 / name, zoo / name)
    return zoo


EVERY = [
    {"split": {"at": "half the MACs"}},
    {"split": {"at": "c*", "pick": "last"}, "name": "last"},
    {"verify": {}, "of": "split"},
    {"join": {"format": "json", "weights": False}, "of": "last", "name": "again"},
    {"extract": {"to": "bn1"}},
    {"rename": {"names": ["c1=stem", "bn*=norm*"]}},
    {"freeze": {"before": "norm1"}, "of": "rename"},
    {"split": {"at": "stem"}, "of": "freeze", "name": "chained"},
    {"verify": {}, "of": "freeze", "name": "check"},
    {"remove": {"layer": "noise"}, "of": "insert"},
    {"inspect": {}},
    {"cuts": {"max-tensors": 1, "sort": "bytes"}},
    {"layers": {"before": "bn1"}},
    {"weights": {}},
    {"weights": {"format": "weights.h5"}, "name": "frozen"},
    {"run": "freeze {model} --layer c1 --out {out}/frozen.keras"},
]


@pytest.mark.parametrize(
    ("verb", "rest", "old", "now", "value"),
    [
        ("split", {"at": "c1"}, "to", "format", "json"),
        ("insert", {"after": "c1"}, "model", "donor", "noise.json"),
        ("replace", {"from": "c1", "to": "bn1"}, "model", "donor", "noise.json"),
    ],
)
def test_words_of_earlier_releases_are_understood(
    verb: str, rest: dict[str, str], old: str, now: str, value: str, tmp_path: Path
) -> None:
    """By `batch` and by the schema; but not both words at once."""
    olds, news, both = ({"do": [{verb: {**rest, **dict.fromkeys(words, value)}}]} for words in ([old], [now], [old, now]))
    assert checked(olds) == checked(news)
    assert getattr(checked(olds).do[0].options, now) == value
    assert refused(both).code == "recipe-unknown-key"
    for number, plain in enumerate((olds, news)):
        assert configsplit.validate(zoos.recipe(tmp_path, plain, f"{number}.yaml")).violations == ()
    schema = json.loads((resources.files("configsplit.schemas") / "recipe.schema.json").read_text("utf-8"))
    checker = jsonschema.Draft202012Validator(schema)
    assert checker.is_valid(olds)
    assert checker.is_valid(news)
    if verb != "split":
        assert not checker.is_valid({"do": [{verb: rest}]})
        assert refused({"do": [{verb: rest}]}).code == "recipe-invalid"


def test_every_kind_of_step(tmp_path: Path) -> None:
    zoo = three(tmp_path)
    noise = {"class_name": "GaussianNoise", "config": {"name": "noise", "stddev": 0.1}}
    (tmp_path / "noise.json").write_text(json.dumps(noise))
    insert = {"insert": {"after": "bn1", "donor": "noise.json"}}
    steps = [*EVERY[:9], insert, *EVERY[9:]]
    place = zoos.recipe(tmp_path, {"recipe": 1, "models": {"include": "*.keras"}, "do": steps})
    summary = batch(place, zoo=zoo, out=tmp_path / "out", jobs=1)
    assert summary.outcomes == {"done": 1, "failed": 0, "skipped": 0}, zoos.ledger(tmp_path / "out")["residual.keras"]["error"]
    line = zoos.ledger(tmp_path / "out")["residual.keras"]
    folder = tmp_path / "out" / "models" / "residual.keras"
    assert [item["verb"] for item in line["steps"]] == [next(iter(set(step) & set(STEPS))) for step in steps]
    assert configsplit.verify(folder / "split").proof.weights == 11
    assert configsplit.verify(folder / "last").proof.weights == 11
    assert configsplit.verify(folder / "chained").proof.weights == 11
    assert "stem" in {layer.name for layer in configsplit.load(folder / "rename" / "residual.keras").model.layers}
    assert json.loads((folder / "cuts" / "cuts.json").read_text())["cuts"]
    assert configsplit.verify_file(folder / "run" / "frozen.keras").weights == 11
    for weights in (folder / "weights" / "residual.safetensors", folder / "frozen" / "residual.weights.h5"):
        parts = configsplit.split(configsplit.load(zoo / "residual.json", weights=weights), at="bn1").save(
            tmp_path / weights.name
        )
        assert parts.proof is not None
        assert parts.proof.weights == 11
    assert {item["file"] for item in line["outputs"]} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }


def test_old_models_are_converted_then_cut_and_new_ones_left_out(tmp_path: Path) -> None:
    zoo, out = three(tmp_path), tmp_path / "out"
    shutil.copy(zoos.RELEASES / "keras-2.3.1" / "residual.h5", zoo / "old.h5")
    steps = [{"convert": {}, "missing": "skip"}, {"split": {"at": "half the layers"}, "of": "convert"}]
    batch({"do": steps}, zoo=zoo, out=out, jobs=1)
    found = zoos.ledger(out)
    assert {name for name, line in found.items() if line["outcome"] == "done"} == {"old.h5", "residual.h5"}
    assert {line["outcome"] for name, line in found.items() if name not in ("old.h5", "residual.h5")} == {"skipped"}
    assert found["old.h5"]["dialect"] == "keras2"
    assert configsplit.load(out / "models" / "old.h5" / "convert" / "old.keras").dialect == "keras3"
    assert configsplit.verify(out / "models" / "old.h5" / "split").proof.weights == 11


def test_a_conversion_does_as_its_step_says(tmp_path: Path) -> None:
    zoo, out = tmp_path / "zoo", tmp_path / "out"
    zoo.mkdir()
    shutil.copy(zoos.RELEASES.parent / "conversion" / "keras-1.2.2" / "lambdas.h5", zoo)
    batch({"do": [{"convert": {"read-lambda": False}}]}, zoo=zoo, out=out, jobs=1)
    assert zoos.ledger(out)["lambdas.h5"]["error"]["code"] == "convert-lambda"


def test_how_far_to_verify(near_jobs: None, near_worker: None, tmp_path: Path) -> None:
    """By override: numeric runs original and parts in Keras, and what it found stands in the ledger without its times."""
    zoo, out = three(tmp_path), tmp_path / "out"
    levels = [{"models": "*.h5", "verify": "none"}, {"models": "*.keras", "verify": "numeric"}]
    batch({"do": [{"split": {"at": "half the MACs"}}], "overrides": levels}, zoo=zoo, out=out, jobs=1)
    steps = {name: line["steps"][0] for name, line in zoos.ledger(out).items()}
    assert (steps["residual.h5"]["proof"], steps["residual.h5"]["numeric"]) == (None, None)
    assert (steps["residual.json"]["proof"]["parts"], steps["residual.json"]["numeric"]) == (2, None)
    numeric = steps["residual.keras"]["numeric"]
    assert (numeric["framework"], numeric["outputs"], "seconds" in numeric) == ("keras", ["out"], False)


def test_what_keras_may_take_in_a_step(tmp_path: Path) -> None:
    zoo, out = three(tmp_path), tmp_path / "out"
    step = {"split": {"at": "half the MACs", "timeout": 0.01, "memory": 4}}
    batch({"models": {"include": "*.keras"}, "verify": "numeric", "do": [step]}, zoo=zoo, out=out, jobs=1)
    assert zoos.ledger(out)["residual.keras"]["error"]["code"] == "runtime-timeout"


def test_weights_beside_an_architecture(tmp_path: Path) -> None:
    zoo = three(tmp_path)
    shutil.copy(KERAS3 / "residual.weights.h5", zoo / "residual.weights.h5")
    recipe = {**zoos.PARTS, "models": {"include": "*.json", "weights": "{stem}.weights.h5"}}
    batch(recipe, zoo=zoo, out=tmp_path / "out", jobs=1)
    line = zoos.ledger(tmp_path / "out")["residual.json"]
    assert line["steps"][0]["proof"]["weights"] == 11
    assert line["source"]["weights"]["file"] == "residual.weights.h5"
    (zoo / "residual.weights.h5").unlink()
    assert batch(recipe, zoo=zoo, out=tmp_path / "out", jobs=1, resume=True).kept == 0


@pytest.mark.parametrize(
    ("at", "expected"),
    [("half the MACs", 0.5), ("a quarter of the params", 0.25), ("30% of the layers", 0.3), ("half weights", 0.5)],
)
def test_a_share_is_the_nearest_place_there_is(at: str, expected: float) -> None:
    from configsplit.batches.shares import places_for

    model = configsplit.load(zoos.RELEASES.parent / "seed" / "resnet152_scale_keras2.0.9.json")
    options = {"max_tensors": None, "shapes": ["data=None,224,224,3"], "sizes": (), "whole_nested": False, "pick": "all"}
    found = places_for(model, {"at": [at], **options})
    rows = configsplit.cuts(model, shapes=["data=None,224,224,3"]).places
    unit = {"MACs": "macs", "params": "parameters", "layers": "calls", "weights": "weight_bytes"}[at.split()[-1]]

    def off(row: Any) -> float:
        before, after = getattr(row.before, unit), getattr(row.after, unit)
        return abs(before / (before + after) - expected)

    chosen = next(row for row in rows if row.at == found[0])
    assert off(chosen) == min(off(row) for row in rows if row.at) < 0.02


@pytest.mark.parametrize("at", ["half the mac", "50 % of MACs and", "a third", "three fifths of the layers"])
def test_what_looks_like_a_share_and_is_none_is_told_how_one_is_written(at: str) -> None:
    from configsplit.batches.shares import places_for

    model = configsplit.load(zoos.RELEASES / "keras-3.15.1" / "residual.json")
    options = {"max_tensors": None, "shapes": (), "sizes": (), "whole_nested": False, "pick": "all"}
    with pytest.raises(configsplit.ConfigSplitError, match="neither a layer of the model nor a share") as caught:
        places_for(model, {"at": [at], **options})
    assert (caught.value.code, "`half the MACs`" in caught.value.hint) == ("tag-no-place", True)
    assert places_for(model, {"at": ["halfway"], **options}) == ["halfway"]


def test_a_layer_of_that_very_name_wins_over_a_share(tmp_path: Path) -> None:
    zoo = tmp_path / "zoo"
    zoo.mkdir()
    (zoo / "odd.json").write_text(zoos.architecture("odd", 6).replace('"d1"', '"half the layers"'))
    batch(zoos.PARTS, zoo=zoo, out=tmp_path / "out", jobs=1)
    assert zoos.ledger(tmp_path / "out")["odd.json"]["steps"][0]["at"] == ["half the layers"]


def test_what_a_model_does_not_have_fails_or_skips_it_as_the_recipe_says(tmp_path: Path) -> None:
    zoo = three(tmp_path)
    (zoo / "other.json").write_text(zoos.architecture("other", 3))
    step = {"split": {"at": "bn1"}}
    batch({"do": [step]}, zoo=zoo, out=tmp_path / "fails", jobs=1)
    assert zoos.failures(tmp_path / "fails") == {"other.json": "reference-unknown-layer"}
    batch({"do": [{**step, "missing": "skip"}]}, zoo=zoo, out=tmp_path / "skips", jobs=1)
    assert zoos.ledger(tmp_path / "skips")["other.json"]["outcome"] == "skipped"
    assert "bn1" in zoos.ledger(tmp_path / "skips")["other.json"]["reason"]


def test_limits_of_size_skip(tmp_path: Path) -> None:
    batch({**zoos.PARTS, "limits": {"source": "40kB"}}, zoo=three(tmp_path), out=tmp_path / "out", jobs=1)
    outcomes = {name: line["outcome"] for name, line in zoos.ledger(tmp_path / "out").items()}
    assert outcomes == {"residual.h5": "done", "residual.json": "done", "residual.keras": "skipped"}


def test_layouts(tmp_path: Path) -> None:
    zoo = three(tmp_path)
    done = {"recipe": 1, **zoos.PARTS, "output": {"layout": "{suffix}/{stem}"}}
    batch(done, zoo=zoo, out=tmp_path / "out", jobs=1)
    assert configsplit.verify(tmp_path / "out" / "models" / "keras" / "residual" / "split").proof.weights == 11
    for layout in ("{stem}", "{nothing}", "..", "{stem", ""):
        with pytest.raises(ConfigSplitError) as error:
            batch({**done, "output": {"layout": layout}}, zoo=zoo, out=tmp_path / "bad", jobs=1)
        assert error.value.code == "recipe-layout"
    assert not (tmp_path / "bad").exists()


def test_a_dry_run_says_what_and_why_and_writes_nothing(tmp_path: Path) -> None:
    zoo, out = three(tmp_path), tmp_path / "out"
    (zoo / "bad.keras").write_bytes(b"PK\x03\x04")
    shutil.copy(KERAS3 / "residual.weights.h5", zoo / "residual.weights.h5")
    recipe = {**zoos.PARTS, "overrides": [{"models": "*.h5", "skip": "too old"}]}
    plans, excluded = plan(recipe, zoo=zoo, out=out, jobs=1)
    found = {each.name: each for each in plans}
    assert {name: each.outcome for name, each in found.items()} == {
        "bad.keras": "fail",
        "residual.h5": "skip",
        "residual.json": "do",
        "residual.keras": "do",
    }
    assert found["residual.keras"].steps[0]["at"] == ["bn2"]
    assert "include *.keras" in found["residual.keras"].why
    assert "too old" in found["residual.h5"].why
    assert excluded == {"residual.weights.h5": "*.weights.h5"}
    assert not out.exists()
    batch(recipe, zoo=zoo, out=out, jobs=1)
    before = zoos.snapshot(out)
    assert {each.outcome for each in plan(recipe, zoo=zoo, out=out, jobs=1)[0]} == {"keep", "skip"}
    assert zoos.snapshot(out) == before


def test_the_ledger_has_the_digests_of_the_files_as_they_are(tmp_path: Path) -> None:
    zoo, out = three(tmp_path), tmp_path / "out"
    batch({"do": [{"split": {"at": "bn1"}}, {"rename": {"names": "c1=stem"}}]}, zoo=zoo, out=out, jobs=1)
    for name, line in zoos.ledger(out).items():
        assert line["source"]["sha256"] == sha256((zoo / name).read_bytes()).hexdigest()
        for item in line["outputs"]:
            content = (out / "models" / name / item["file"]).read_bytes()
            assert (item["bytes"], item["sha256"]) == (len(content), sha256(content).hexdigest())


ONE_FOR_A_LIST = [
    {"plugins": "a.py"},
    {"models": {"include": "*.h5", "exclude": "*"}},
    {"do": {"split": {"at": "x", "shape": "x=1,2", "size": "x=3"}}},
    {"do": {"extract": {"from": "a", "to": "b"}}},
    {"retry": {"after": "memory"}},
    {"overrides": [{"models": "x", "plugins": "b.py", "do": {"convert": {"lambda": "f=m:g"}}}]},
]


@pytest.mark.parametrize("part", ONE_FOR_A_LIST, ids=str)
def test_one_item_stands_for_a_list_of_one_in_the_schema_as_well(tmp_path: Path, part: dict[str, Any]) -> None:
    place = tmp_path / "recipe.yaml"
    place.write_text(json.dumps({"do": [{"inspect": {}}], **part}))  # JSON is YAML
    read_recipe(place)
    assert configsplit.validate(place).violations == ()


def test_surgery_writes_what_parts_of_such_a_file_are_written_in(tmp_path: Path) -> None:
    """Weights of Keras 2 stand in no `.keras` archive, whatever kind of file they came in."""
    zoo, out = tmp_path / "zoo", tmp_path / "out"
    zoo.mkdir()
    as_tfjs(zoos.RELEASES / "tf-2.4" / "residual.h5", zoo / "web")
    done = batch({"do": [{"split": {"at": "c2"}}, {"remove": {"layer": "bn1"}}]}, zoo=zoo, out=out, jobs=1)
    assert done.outcomes["done"] == 1
    (line,) = zoos.ledger(out).values()
    written = [Path(item["file"]) for item in line["outputs"] if item["file"].endswith((".h5", ".keras"))]
    assert {place.suffix for place in written} == {".h5"}
    assert {place.parts[0] for place in written} == {"split", "remove"}
