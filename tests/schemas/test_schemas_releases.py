"""Which releases of Keras 3 a document is for: who wrote or loaded it is never denied, and what keeps others is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from support.releases import DATA, installed
from support.thinned import thinned

import configsplit
from configsplit.catalog.releases import minors
from configsplit.cli.main import cli
from configsplit.graph.json import freeze
from configsplit.models.releases import loadable

HERE = Path(__file__).resolve().parents[1]
RELEASES = HERE / "corpus" / "releases"
FAULTS = HERE / "rewrites" / "real_files"
LOADED: dict[str, list[str]] = json.loads((Path(__file__).parent / "loaded_by_releases.json").read_text())
"""Files of the corpus -> the releases that built a model from them, when they were asked."""

WRITTEN = sorted(
    path.relative_to(RELEASES).as_posix() for suffix in ("json", "keras") for path in RELEASES.glob(f"keras-3*/*.{suffix}")
)


@pytest.mark.parametrize("file", thinned(WRITTEN, 80))
def test_the_release_that_wrote_it_is_named(file: str) -> None:
    told = configsplit.validate(RELEASES / file)
    if told.loadable is None:
        assert not told.valid or "in Python code" in told.notes[-1]
        return
    assert ".".join(file.removeprefix("keras-").split("/")[0].split(".")[:2]) in told.loadable.releases


@pytest.mark.parametrize("file", thinned(LOADED, 50))
def test_no_release_that_loads_it_is_denied(file: str) -> None:
    told = configsplit.validate(RELEASES / file)
    assert told.loadable is not None
    assert set(LOADED[file]) <= set(told.loadable.releases)


def chain(*layers: tuple[str, dict[str, Any]], module: str = "keras.layers") -> Any:
    start = {"class_name": "InputLayer", "module": module, "config": {"name": "i", "batch_shape": [None, 4, 4, 3]}}
    entries = [{"class_name": name, "module": module, "config": {"name": name, **config}} for name, config in layers]
    return freeze({"class_name": "Sequential", "module": "keras", "config": {"name": "m", "layers": [start, *entries]}})


LATE = ("RMSNormalization", {"epsilon": 1e-6})
EARLY = ("RandomRotation", {"factor": 0.1, "value_range": [0, 255]})
KINDS: dict[str, tuple[Any, str, str, int]] = {
    "nothing that ever changed": (chain(("Dense", {"units": 2})), "3.0", "3.15", 0),
    "a late class": (chain(LATE), "3.9", "3.15", 1),
    "a late key": (chain(("Dense", {"units": 2, "quantization_config": None})), "3.13", "3.15", 1),
    "a late key of a late class": (chain(("GroupQueryAttention", {"use_gate": False})), "3.14", "3.15", 1),
    "a key that went": (chain(EARLY), "3.0", "3.5", 1),
    "a class of somebody's own": (chain(LATE, module="elsewhere"), "3.0", "3.15", 0),
    "an operation": (chain(("Kaiser", {}), module="keras.src.ops.numpy"), "3.11", "3.14", 1),
    "an initializer": (
        chain(("Dense", {"kernel_initializer": {"module": "keras.initializers", "class_name": "STFT", "config": {}}})),
        "3.7",
        "3.15",
        1,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_keeps_a_release_from_loading_it(kind: str) -> None:
    document, first, last, limits = KINDS[kind]
    told = loadable(document)
    assert (told.releases[0], told.releases[-1], len(told.limits)) == (first, last, limits)
    assert all(each.where.startswith("config.layers[") for each in told.limits)


def test_classes_that_never_met_have_no_release_together() -> None:
    told = loadable(chain(LATE, EARLY))
    assert (told.releases, len(told.limits), str(told)) == ((), 2, "no release of Keras 3")


@pytest.mark.parametrize(
    ("file", "last"),
    [("tl2_3.4.1.keras", "3.10"), ("tl2_3.9.2.keras", "3.10"), ("bottleneck_3.2.1.keras", ""), ("x_dense.keras", "3.15")],
)
def test_how_single_tensors_are_written(file: str, last: str) -> None:
    """As the releases loaded these, when they were asked."""
    told = configsplit.validate(FAULTS / file).loadable
    assert told is not None
    assert (told.releases or ("",))[-1] == last


def test_what_a_verb_writes_of_them_is_for_today(tmp_path: Path) -> None:
    for file, to in (("tl2_3.9.2.keras", "dense_3"), ("bottleneck_3.2.1.keras", "c2")):
        configsplit.extract(configsplit.load(FAULTS / file), to=to).save(tmp_path / file)
        told = configsplit.validate(tmp_path / file).loadable
        assert told is not None
        assert told.releases[-1] == minors()[-1]


def test_older_generations_have_none_of_these() -> None:
    assert configsplit.validate(RELEASES / "tf-2.15" / "residual.keras").loadable is None


def test_the_command_line_tells_them() -> None:
    file = str(FAULTS / "tl2_3.4.1.keras")
    text = CliRunner().invoke(cli, ["validate", file]).stdout
    assert "for Keras 3.0 to 3.10, as far as it shows" in text
    assert "    config.layers[1]: its one output is written as a list" in text
    (found,) = json.loads(CliRunner().invoke(cli, ["validate", "--json", file]).stdout)["files"]
    assert found["loadable"]["releases"][-1] == "3.10"
    assert found["loadable"]["limits"][0]["where"] == "config.layers[1]"
    text = CliRunner().invoke(cli, ["validate", str(FAULTS / "bottleneck_3.2.1.keras")]).stdout
    assert "no release of Keras 3 loads it as it is" in text


def test_the_table_says_of_the_installed_release_what_that_is() -> None:
    """A release that is newer than the table changes nothing in it: make it anew (support/releases.py)."""
    table, found = json.loads(DATA.read_text()), installed()
    last = len(table["releases"]) - 1
    for module, names in table["changes"].items():
        for name, each in names.items():
            there = each.get("in", [0, last])[1] == last
            assert (name in found.get(module, {})) == there, (module, name)
            for key, (_, until) in each.get("keys", {}).items() if there else ():
                assert (key in found[module][name]) == (until == last), (module, name, key)
