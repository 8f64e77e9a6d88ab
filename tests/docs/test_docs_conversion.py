"""The tables of docs/conversion.md: what is said of each kind of source and target is what happens."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.bundle_files import Hand
from support.corpus import releases
from support.tfjs_files import as_tfjs

import configsplit
from configsplit.errors import ConfigSplitError
from configsplit.models.document import Document

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conversion.md"
NEW, OLD, OLDEST = releases() / "keras-3.15.1", releases() / "tf-2.13", releases() / "keras-1.2.2"

SOURCES: Mapping[str, Callable[[Path], Document]] = {
    "`.keras` of Keras 3": lambda _: configsplit.load(NEW / "residual.keras"),
    "`.h5` of Keras 3": lambda _: configsplit.load(NEW / "residual.h5"),
    "a folder of Keras 3 (`zipped=False`)": lambda _: configsplit.load(NEW / "residual_dir"),
    "`.json` and `.weights.h5` of Keras 3": lambda _: configsplit.load(
        NEW / "residual.json", weights=NEW / "residual.weights.h5"
    ),
    "`.h5` of Keras 2": lambda _: configsplit.load(OLD / "residual.h5"),
    "`.keras` of Keras 2 (TF 2.12 to 2.15)": lambda _: configsplit.load(OLD / "residual.keras"),
    "`.json` and `.h5` of Keras 2": lambda _: configsplit.load(OLD / "residual.json", weights=OLD / "residual.weights_only.h5"),
    "`model.json` of TensorFlow.js": lambda folder: configsplit.load(as_tfjs(OLD / "residual.h5", folder / "web")),
    "a SavedModel of Keras 2": lambda folder: configsplit.load(Hand(OLD / "residual.h5").write(folder / "saved")),
    "the same as `.zip` or `.tar.gz`": lambda folder: configsplit.load(packed(folder)),
    "`.json` and a checkpoint of Keras 2": lambda folder: configsplit.load(OLD / "residual.json", weights=checkpoint(folder)),
    "`.json` and `.safetensors` or `.npz` of Keras 3": lambda folder: configsplit.load(
        NEW / "residual.json", weights=named(folder)
    ),
    "`.h5` of Keras 1": lambda _: configsplit.load(OLDEST / "residual.h5"),
}


def packed(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder / "packed"), "gztar", Hand(OLD / "residual.h5").write(folder / "saved")))


def checkpoint(folder: Path) -> Path:
    """The variables of a SavedModel are one."""
    return Hand(OLD / "residual.h5").write(folder / "saved") / "variables" / "variables"


def named(folder: Path) -> Path:
    configsplit.named_weights(NEW / "residual.keras").save(folder / "given.safetensors")
    return folder / "given.safetensors"


def both(model: Document, folder: Path) -> None:
    for suffix in ("safetensors", "npz"):
        configsplit.named_weights(model).save(folder / f"w.{suffix}")


TARGETS: Mapping[str, Callable[[Document, Path], object]] = {
    "`convert` to `.keras`": lambda model, folder: configsplit.convert(model).save(folder / "new.keras"),
    "to `.h5`": lambda model, folder: configsplit.convert(model).save(folder / "new.h5"),
    "`--to keras2`": lambda model, folder: configsplit.convert(model, to="keras2").save(folder / "old.h5"),
    "`--to tfjs`": lambda model, folder: configsplit.convert(model, to="tfjs").save(folder / "browser"),
    "`--target 3.6`": lambda model, folder: configsplit.convert(model, target="3.6").save(folder / "older.keras"),
    "`split --format keras`": lambda model, folder: parts(model).save(folder / "a", to="keras"),
    "`--format h5`": lambda model, folder: parts(model).save(folder / "b", to="h5"),
    "`weights` to `.safetensors`, `.npz`": both,
    "to `.weights.h5`": lambda model, folder: configsplit.named_weights(model).save(folder / "w.weights.h5"),
}


def parts(model: Document) -> configsplit.Parts:
    return configsplit.split(model, at=configsplit.cuts(model).places[1].at)


def row(source: str, folder: Path) -> str:
    model, cells = SOURCES[source](folder), []
    for save in TARGETS.values():
        try:
            save(model, folder)
            cells.append("yes")
        except ConfigSplitError as error:
            cells.append(f"`{error.code}`")
    return f"| {source} | {' | '.join(cells)} |"


def test_the_head_has_all_targets() -> None:
    assert f"| from | {' | '.join(TARGETS)} |" in PAGE.read_text("utf-8").splitlines()


@pytest.mark.parametrize("source", SOURCES)
def test_a_row_says_what_happens(source: str, tmp_path: Path) -> None:
    assert row(source, tmp_path) in PAGE.read_text("utf-8").splitlines()


def test_verbs_that_the_page_recommends_exist() -> None:
    text = PAGE.read_text("utf-8").partition("## I have")[2].partition("\n## ")[0]
    named = set(re.findall(r"`configsplit ([a-z]+)", text))
    assert len(named) > 3
    assert named <= {*configsplit.verbs.table.VERBS}
