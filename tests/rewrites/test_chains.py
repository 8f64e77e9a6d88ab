"""What a verb gives, the next verb takes: in memory, told by the files that the weights came from."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from os import PathLike
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from support.thinned import in_turn
from surgery_making import NOISE, layer_file
from test_random_numeric import run, run_parts

import configsplit
import configsplit.keras
from configsplit import Document, Edited
from configsplit.cli.main import cli
from configsplit.errors import DocumentError, OptionError
from configsplit.models.made import Result
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"
RESIDUAL = RELEASES / "keras-3.15.1" / "residual.keras"
NESTED = RELEASES / "keras-3.15.1" / "nested2.keras"
OLD = RELEASES / "keras-2.3.1" / "residual.h5"

EDITS: dict[str, Callable[[str | PathLike[str] | Document | Result, Path], Edited]] = {
    "extract": lambda model, _: configsplit.extract(model, to="res"),
    "insert": lambda model, noise: configsplit.insert(model, noise, after="c1"),
    "replace": lambda model, noise: configsplit.replace(model, noise, from_="c2", to="bn2"),
    "remove": lambda model, _: configsplit.remove(model, "activation*"),
    "rename": lambda model, _: configsplit.rename(model, ["bn1=normal"]),
    "freeze": lambda model, _: configsplit.freeze(model, before="res"),
}
ONCE = ("replace", "remove", "rename")
"""A second time, what they name is gone."""

PAIRS = [pair for pair in itertools.product(EDITS, EDITS) if pair[0] != pair[1] or pair[0] not in ONCE]


@pytest.mark.parametrize(
    ("first", "second", "source"), in_turn([(*pair, source) for source in (RESIDUAL, OLD)] for pair in PAIRS), ids=str
)
def test_a_chain_gives_what_it_gives_by_way_of_files(first: str, second: str, source: Path, tmp_path: Path) -> None:
    suffix = source.suffix
    noise = layer_file(tmp_path, NOISE)
    between = EDITS[first](source, noise)
    made = EDITS[second](between, noise)
    assert not list(tmp_path.glob(f"*{suffix}"))
    assert [document.path.name for document in made.documents if document.path != noise] == [source.name]
    chained = made.save(tmp_path / f"out{suffix}")
    again = EDITS[second](between.save(tmp_path / f"between{suffix}"), noise).save(tmp_path / f"again{suffix}")
    assert chained.path.read_bytes() == again.path.read_bytes()
    told = json.loads((tmp_path / f"out{suffix}.provenance.json").read_text("utf-8"))
    assert ([step["verb"] for step in told["steps"]], told["verb"]) == ([first], second)
    assert configsplit.verify_file(chained).weights == chained.compared


@pytest.mark.parametrize("first", EDITS)
def test_what_was_changed_is_cut_and_proven(first: str, tmp_path: Path) -> None:
    changed = EDITS[first](RESIDUAL, layer_file(tmp_path, NOISE))
    parts = configsplit.split(changed, at="c2")
    saved = parts.save(tmp_path / "parts")
    assert saved.proof is not None
    assert saved.proof.weights == configsplit.verify(saved).proof.weights
    assert configsplit.verify_file(saved.directory / "whole.keras").record.verb == first
    whole = (saved.directory / "whole.keras").read_bytes()
    for joined in (configsplit.join(*parts), configsplit.join(parts), configsplit.join(saved)):
        assert joined.save(tmp_path / "joined.keras", force=True).path.read_bytes() == whole
    parts.save(tmp_path / "parts", force=True)
    assert {path.name for path in saved.directory.iterdir()} == {
        *("manifest.json", "part-0.keras", "part-1.keras", "whole.keras", "whole.keras.provenance.json")
    }


def test_a_part_is_a_model(tmp_path: Path) -> None:
    head, tail = configsplit.split(RESIDUAL, at="c2")
    for number, (part, names) in enumerate(((head, "c1"), (tail, "bn2"))):
        one = part.save(tmp_path / f"{number}.keras")
        frozen = configsplit.freeze(part, layer=names).save(tmp_path / f"frozen-{number}.keras")
        assert one.compared == frozen.compared == configsplit.verify_file(frozen).weights
        assert one.compared
        halves = configsplit.split(part, at=names)
        assert configsplit.verify(halves.save(tmp_path / f"halves-{number}")).proof.parts == 2
    assert len(repr(head)) < 60
    assert "<table" in head._repr_html_()


def test_a_nested_model_taken_apart_stays_told_apart(tmp_path: Path) -> None:
    inner = next(layer.name for layer in configsplit.layers(NESTED) if "/" in layer.name and layer.parameters)
    renamed = configsplit.rename(NESTED, {inner: "other"})
    frozen = configsplit.freeze(renamed, layer=f"{inner.rpartition('/')[0]}/other")
    saved = frozen.save(tmp_path / "out.keras")
    assert saved.compared == configsplit.verify_file(saved).weights
    told = {"/".join(came.layer): "/".join(came.origin) for came in saved.record.layers}
    assert told[f"{inner.rpartition('/')[0]}/other"] == inner


def test_copies_in_parts_are_held_against_each_other_in_a_chain(tmp_path: Path) -> None:
    siamese = RELEASES / "keras-3.15.1" / "siamese.keras"
    shared = next(layer.name for layer in configsplit.layers(siamese) if layer.calls > 1)
    folder = configsplit.split(siamese, at=f"{shared}@0").save(tmp_path / "parts")
    joined = configsplit.join(folder)
    if len(folder.manifest.shared_layers) == 0:
        pytest.fail("the cut was to divide the calls of the shared layer")
    chained = configsplit.rename(joined, {shared: "twin"})
    assert {path[-1] for path, _ in chained.copies} >= {"twin"}
    assert chained.save(tmp_path / "out.keras").compared


def test_a_conversion_is_a_model_whose_file_stands_beside_what_is_made_of_it(tmp_path: Path) -> None:
    converted = configsplit.convert(OLD)
    saved = configsplit.freeze(converted, layer="c1").save(tmp_path / "out.keras")
    assert configsplit.verify_file(saved).weights == saved.compared
    assert configsplit.verify_file(tmp_path / "out.source.keras").record.verb == "convert"
    parts = configsplit.split(converted, at="c1").save(tmp_path / "parts")
    assert configsplit.verify(parts).proof.weights
    assert configsplit.verify_file(parts.directory / "whole.keras").record.verb == "convert"
    frozen = configsplit.convert(configsplit.freeze(OLD, layer="c1"))
    assert configsplit.verify_file(frozen.save(tmp_path / "frozen.keras").path).record.verb == "convert"


def test_verbs_that_only_look_take_results_too() -> None:
    frozen = configsplit.freeze(str(RESIDUAL), before="res")
    whole = configsplit.load(RESIDUAL)
    assert configsplit.cuts(frozen).places == configsplit.cuts(whole).places
    assert configsplit.plan(frozen, 2).boundaries == configsplit.plan(RESIDUAL, 2).boundaries
    assert configsplit.inspect(frozen).parameters == configsplit.inspect(RESIDUAL).parameters
    assert [layer.trainable for layer in configsplit.layers(frozen) if layer.name == "c1"] == [False]


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(OptionError, match="an object of type int is not the path of a file"):
        configsplit.load(3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="an object of type int is not a model") as caught:
        configsplit.layers(3)  # type: ignore[arg-type]
    assert caught.value.code == "model-unknown"


def test_parameters_by_their_earlier_names_are_understood(tmp_path: Path) -> None:
    noise, whole = layer_file(tmp_path, NOISE), configsplit.load(RESIDUAL)
    wanted = configsplit.insert(whole, noise, after="c1").model
    for given in ({"model": noise}, {"fragment": noise}):
        with pytest.warns(DeprecationWarning, match="donor= now"):
            assert configsplit.insert(whole, after="c1", **given).model == wanted  # type: ignore[call-arg]
    with pytest.warns(DeprecationWarning, match="model= now"):
        assert configsplit.insert(document=whole, model=noise, after="c1").model == wanted  # type: ignore[call-arg]
    assert configsplit.insert(model=whole, donor=noise, after="c1").model == wanted


def test_keras_computes_the_same_of_a_chain(tmp_path: Path) -> None:
    """Renamed, frozen, cut at two places: none of it changes a bit of what comes out."""
    works, images = framework("keras"), np.random.default_rng(0).random((2, 8, 8, 3), dtype=np.float32)
    shape = configsplit.inspect(RESIDUAL).inputs[0]["shape"]
    images = np.random.default_rng(0).random((2, *(size or 8 for size in shape[1:])), dtype=np.float32)
    wanted = run(load(RESIDUAL, framework=works, classes={}), [images], works)
    chain = configsplit.freeze(configsplit.rename(RESIDUAL, ["c*=conv*"]), before="res")
    saved = configsplit.split(chain, at=["conv1", "res"]).save(tmp_path / "parts")
    given = run_parts(saved.directory, saved.manifest, [images], works)
    assert all(np.array_equal(one, other) for one, other in zip(wanted, given, strict=True))
    again = configsplit.join(*configsplit.split(chain, at="res")).save(tmp_path / "whole.keras")
    given = run(load(again.path, framework=works, classes={}), [images], works)
    assert all(np.array_equal(one, other) for one, other in zip(wanted, given, strict=True))


def test_a_live_model_gives_live_models() -> None:
    works = framework("keras")
    live = load(RESIDUAL, framework=works, classes={})
    frozen = configsplit.freeze(live, before="res")
    assert isinstance(frozen, works.module.Model)  # type: ignore[unreachable]
    head, tail = configsplit.split(frozen, at="res")
    assert isinstance(head, works.module.Model)
    assert len(configsplit.layers(live)) == len(configsplit.layers(RESIDUAL))
    assert tail.count_params() + head.count_params() == live.count_params()


def test_verbs_that_only_look_take_live_models() -> None:
    live = load(RESIDUAL, framework=framework("keras"), classes={})
    assert [cut.at for cut in configsplit.cuts(live)] == [cut.at for cut in configsplit.cuts(RESIDUAL)]
    assert configsplit.plan(live, 2).boundaries == configsplit.plan(RESIDUAL, 2).boundaries
    found = configsplit.inspect(live)
    assert (found.parameters, found.parameters_from) == (configsplit.inspect(RESIDUAL).parameters, "the file's weights")


def test_one_word_for_one_thing_in_files_live_and_on_the_command_line(tmp_path: Path) -> None:
    """What is put in is a donor, and a format is a format; the words of earlier releases still do."""
    works, noise = framework("keras"), {"class_name": "GaussianNoise", "config": {"stddev": 0.5, "name": "noise"}}
    live = load(RESIDUAL, framework=works, classes={})
    wanted = [layer.name for layer in configsplit.keras.insert(live, noise, after="c1").layers]
    assert [layer.name for layer in configsplit.insert(live, donor=noise, after="c1").layers] == wanted
    with pytest.warns(DeprecationWarning, match="donor= now"):
        assert [layer.name for layer in configsplit.keras.insert(live, fragment=noise, after="c1").layers] == wanted
    parts = configsplit.split(RESIDUAL, "c1")
    assert parts.save(tmp_path / "a", format="json").manifest.parts[0].file == "part-0.json"
    with pytest.warns(DeprecationWarning, match="format= now"):
        assert parts.save(tmp_path / "b", to="json").manifest.parts[0].file == "part-0.json"
    for number, flags in enumerate((("--donor", "--format"), ("--model", "--to"))):
        words = ["insert", RESIDUAL, "--after", "c1", flags[0], layer_file(tmp_path, noise), "-o", tmp_path / f"{number}.keras"]
        assert CliRunner().invoke(cli, [*map(str, words), flags[1], "keras"]).exit_code == 0
        words = ["split", RESIDUAL, "--at", "c1", flags[1], "json", "-o", tmp_path / f"parts-{number}"]
        assert CliRunner().invoke(cli, [*map(str, words)]).exit_code == 0
    assert (tmp_path / "0.keras").read_bytes() == (tmp_path / "1.keras").read_bytes()


def test_a_donor_may_be_live_where_the_model_is_a_file_and_a_file_where_that_is_live(tmp_path: Path) -> None:
    works = framework("keras")
    keras = works.module
    probe = keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Conv2D(4, 1, name="probe")], name="probes")
    live, file = load(RESIDUAL, framework=works, classes={}), tmp_path / "probe.keras"
    probe.save(str(file))
    saved = configsplit.insert(RESIDUAL, probe, after="c1").save(tmp_path / "out.keras")
    assert configsplit.verify_file(saved).weights == saved.compared
    images = np.random.default_rng(0).random((2, 8, 8, 3), dtype=np.float32)
    wanted = run(load(saved.path, framework=works, classes={}), [images], works)
    for donor in (probe, file, configsplit.freeze(file, layer="probe"), configsplit.load(file)):
        given = run(configsplit.insert(live, donor, after="c1"), [images], works)
        assert all(np.array_equal(one, other) for one, other in zip(wanted, given, strict=True))
    joined = configsplit.join(configsplit.split(live, at="res"))
    assert joined.count_params() == live.count_params()


@pytest.mark.parametrize("source", [RESIDUAL, OLD], ids=str)
def test_a_layer_given_in_memory_is_the_same_as_in_a_file(source: Path, tmp_path: Path) -> None:
    """A config as a dict; and the file that is kept of it is what a verification reads again."""
    suffix = source.suffix
    by_file = configsplit.insert(source, layer_file(tmp_path, NOISE), after="c1").save(tmp_path / f"by_file{suffix}")
    edited = configsplit.insert(source, NOISE, after="c1")
    given = edited.save(tmp_path / f"given{suffix}")
    assert given.path.read_bytes() == by_file.path.read_bytes()
    kept = json.loads((tmp_path / f"given{suffix}.provenance.json").read_text("utf-8"))["sources"][1]["file"]
    assert json.loads((tmp_path / kept).read_text("utf-8")) == NOISE
    assert configsplit.verify_file(given.path).layers == configsplit.verify_file(by_file.path).layers
    parts = configsplit.split(configsplit.freeze(edited, before="res"), at="c1").save(tmp_path / "parts")
    assert configsplit.verify(parts).proof.layers == 12


def test_a_live_layer_goes_into_a_file(near_worker: None, tmp_path: Path) -> None:
    import keras

    noise = keras.layers.GaussianNoise(0.5, name="noise")
    noisy = configsplit.insert(RESIDUAL, noise, after="c1").save(tmp_path / "noisy.keras")
    assert keras.models.load_model(noisy.path).get_layer("noise").stddev == 0.5
    assert configsplit.compare(RESIDUAL, noisy.path).identical
    built = keras.layers.Dense(7, name="seven")
    built.build((None, 7))
    learnt = keras.layers.StringLookup(name="words")
    learnt.adapt(["a", "b"])
    for lookup in (learnt, keras.layers.TimeDistributed(learnt)):
        with pytest.raises(DocumentError, match="has a vocabulary"):  # Keras counts it as no weight
            configsplit.insert(RESIDUAL, lookup, after="c1")
    with pytest.raises(DocumentError, match="has weights") as caught:
        configsplit.insert(RESIDUAL, donor=built, after="c1")
    assert (caught.value.code, caught.value.where) == ("live-not-keras", "seven")
    with pytest.raises(DocumentError) as no_layer:
        configsplit.insert(RESIDUAL, {"layers": []}, after="c1")
    assert no_layer.value.code == "fragment-invalid"


def test_two_models_in_memory_are_compared(near_worker: None) -> None:
    """Neither stands in a file: each is written for the comparison alone, and gone behind it."""
    renamed = configsplit.rename(RESIDUAL, ["bn1=normal"])
    live = framework("keras").module.models.load_model(RESIDUAL)
    assert configsplit.compare(live, renamed).identical
    branch = configsplit.extract(RESIDUAL, from_="activation", to="bn2")
    assert not configsplit.compare(RESIDUAL, configsplit.insert(RESIDUAL, branch, after="bn1")).identical
