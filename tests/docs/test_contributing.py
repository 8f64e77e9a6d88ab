"""The recipes of CONTRIBUTING.md are carried out: each diff is put into a copy of the package, and what was promised works."""

from __future__ import annotations

import bz2
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
RELEASES = ROOT / "tests" / "corpus" / "releases"
DOCUMENT = RELEASES / "keras-3.15.1" / "residual.json"


@dataclass(frozen=True)
class House:
    """A copy of the project in which a recipe was carried out."""

    root: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run Python on the copy alone: the folder comes before everything that is installed."""
        paths = os.pathsep.join((str(self.root), str(self.root / "tests")))
        environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def call(self, *arguments: str) -> str:
        """What a command of the copy prints; it must succeed."""
        done = self.run("-m", "configsplit", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python(self, code: str) -> str:
        done = self.run("-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def copied(folder: Path) -> House:
    for name in ("configsplit", "custom_objects", "schemas", "docs"):
        shutil.copytree(ROOT / name, folder / name)  # with bytecode, where there is some: it holds for what stays unchanged
    (folder / "custom_objects").rename(folder / "configsplit" / "custom_objects")
    (folder / "schemas").rename(folder / "configsplit" / "schemas")
    (folder / "tests" / "docs").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "docs" / "test_docs_errors.py", folder / "tests" / "docs")
    (folder / "tests" / "support").mkdir()
    for name in ("__init__.py", "error_pages.py"):
        shutil.copy(ROOT / "tests" / "support" / name, folder / "tests" / "support")
    (folder / "custom_objects").mkdir()
    house = House(folder)
    assert house.python("import configsplit; print(configsplit.__file__)") == str(folder / "configsplit" / "__init__.py")
    return house


def recipe(title: str) -> str:
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```diff\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)[0]


def carry_out(house: House, title: str) -> None:
    """Apply the diff of a section."""
    for sign, name, body in re.findall(r"^(---|\+\+\+) (\S+)\n((?:(?!--- |\+\+\+ ).*\n)*)", recipe(title), re.MULTILINE):
        lines, place = body.splitlines(), house.root / name
        after = [line[1:] for line in lines if not line.startswith("-")]
        if sign == "+++":
            assert not place.exists(), name
            place.write_text("\n".join(after) + "\n", "utf-8")
            continue
        text = place.read_text("utf-8")
        before = [line[1:] for line in lines if not line.startswith("+")]
        for short in [line for line in before if line.endswith("…")]:
            whole = next(line for line in text.splitlines() if line.startswith(short.removesuffix("…")))
            before, after = ([whole if line == short else line for line in each] for each in (before, after))
        old, new = ("".join(f"{line}\n" for line in each) for each in (before, after))
        assert text.count(old) == 1, f"{name} has these lines {text.count(old)} times:\n{old}"
        place.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return copied(tmp_path / "house")


def written(folder: Path, old: str, **new: object) -> str:
    """residual.json of Keras 3, with other keys in the entry of a layer."""
    value = json.loads(DOCUMENT.read_text("utf-8"))
    entry = next(layer for layer in value["config"]["layers"] if layer["config"]["name"] == old)
    entry |= new
    (folder / "model.json").write_text(json.dumps(value), "utf-8")
    return str(folder / "model.json")


def test_a_layer_class(house: House, tmp_path: Path) -> None:
    """Nobody knows it before; then it is counted, harmless, and what it gives is inferred where no document says it."""
    old = json.loads((RELEASES / "keras-2.3.1" / "residual.json").read_text("utf-8"))
    layer = next(layer for layer in old["config"]["layers"] if layer["class_name"] == "Activation")
    layer["class_name"] = "Gate"
    name = layer["config"]["name"]
    (tmp_path / "model.json").write_text(json.dumps(old), "utf-8")
    split = ("split", str(tmp_path / "model.json"), "--at", name, "--out", str(tmp_path / "out"))
    refused = house.run("-m", "configsplit", *split)
    assert "error [shape-unknown]" in refused.stderr
    carry_out(house, "A layer class")
    assert "proven" in house.call(*split)
    told = json.loads(house.call("inspect", split[1], "--json"))
    assert (told["hazards"], told["uncounted"]) == ([], [])


def test_an_operation(house: House, tmp_path: Path) -> None:
    """As the last layer, whose output no document describes."""
    model = written(tmp_path, "out", module="keras.src.ops.numpy", class_name="Wobble", config={"name": "out"})
    before = json.loads(house.call("inspect", model, "--json"))
    assert {each["code"] for each in before["hazards"]} == {"hazard-foreign-module"}
    assert before["outputs"] == [{"name": "out", "shape": None, "dtype": None}]
    carry_out(house, "An operation")
    after = json.loads(house.call("inspect", model, "--json"))
    assert after["hazards"] == []
    assert after["outputs"] == [{"name": "out", "shape": [None, 7], "dtype": "float32"}]


def test_a_container(house: House, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.write_bytes(bz2.compress(DOCUMENT.read_bytes()))
    split = ("split", str(model), "--at", "c2", "--out", str(tmp_path / "out"))
    assert "error [not-a-model]" in house.run("-m", "configsplit", *split).stderr
    carry_out(house, "A container")
    assert "proven" in house.call(*split)
    assert "proven" in house.call("verify", str(tmp_path / "out"))
    model.write_bytes(model.read_bytes()[:20] + b"not packed at all")
    assert "error [archive-damaged]" in house.run("-m", "configsplit", "inspect", str(model)).stderr


def test_a_dialect_key(house: House, tmp_path: Path) -> None:
    """RepeatVector with another word for `n`, in a document that records no shapes."""
    chain = [
        {"class_name": "InputLayer", "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "i"}},
        {"class_name": "RepeatVector", "config": {"name": "r", "times": 3}},
        {"class_name": "Flatten", "config": {"name": "f"}},
    ]
    layers = [{"module": "keras.layers", "registered_name": None, **layer} for layer in chain]
    frame = {"module": "keras", "class_name": "Sequential", "registered_name": None}
    model = tmp_path / "model.json"
    model.write_text(json.dumps(frame | {"config": {"name": "m", "layers": layers}}), "utf-8")
    split = ("split", str(model), "--at", "r", "--out", str(tmp_path / "out"))
    assert house.run("-m", "configsplit", *split).returncode == 1
    carry_out(house, "A dialect key")
    assert "gives" in house.call(*split)
    told = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    assert told["parts"][0]["outputs"][0]["shape"] == [None, 3, 4]


def test_a_field_of_the_manifest(house: House, tmp_path: Path) -> None:
    split = ("split", str(DOCUMENT), "--at", "c2", "--out")
    house.call(*split, str(tmp_path / "old"))
    carry_out(house, "A field of the manifest")
    house.call(*split, str(tmp_path / "new"))
    told = json.loads((tmp_path / "new" / "manifest.json").read_text("utf-8"))
    assert all(part["size"] == len(sizes(tmp_path / "new" / part["file"])) for part in told["parts"])
    assert all("proven" in house.call("verify", str(tmp_path / each)) for each in ("old", "new"))
    schema = house.python("from configsplit.verbs.schemas import text; print(text('manifest'))")
    assert '"size"' in schema


def sizes(document: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(document.read_text("utf-8"))["config"]["layers"]
    return found


def test_a_verb(house: House, tmp_path: Path) -> None:
    carry_out(house, "A verb")
    model, out = str(RELEASES / "keras-3.15.1" / "residual.keras"), tmp_path / "pruned.keras"
    assert re.search(r"^ +prune +Take out the layers that only training needs\.$", house.call("--help"), re.MULTILINE)
    assert "--class CLASS" in house.call("prune", "--help")
    assert "proven" in house.call("prune", model, "--class", "BatchNormalization", "--out", str(out))
    kept = json.loads(house.call("layers", str(out), "--json"))["layers"]
    assert "BatchNormalization" not in {layer["class"] for layer in kept}
    assert house.run("-m", "configsplit", "prune", model, "--out", str(out)).returncode == 2
    python = (
        "import configsplit, configsplit.keras\n"
        f"made = configsplit.prune(configsplit.load({model!r}), ['BatchNormalization'])\n"
        "print(len(made.model.layers), callable(configsplit.keras.prune), 'prune' in configsplit.__all__)"
    )
    assert house.python(python) == f"{len(kept)} True True"
    (tmp_path / "recipe.json").write_text(json.dumps({"do": [{"prune": {"class": "BatchNormalization"}}]}), "utf-8")
    house.call("batch", str(tmp_path / "recipe.json"), "--zoo", model, "--out", str(tmp_path / "zoo"), "--jobs", "1", "--json")
    assert (tmp_path / "zoo" / "residual.keras").is_file()
    assert '"prune"' in house.python("from configsplit.batches.recipe import text; print(text())")
    assert "| `configsplit prune` |" in house.python("from configsplit.verbs.readme import rows; print(rows())")


def test_what_is_chosen_and_how_it_is_written(house: House, tmp_path: Path) -> None:
    """Four changes that do not meet: each shows in what one command more prints or writes."""
    model = str(RELEASES / "keras-3.15.1" / "residual.keras")
    split = ("split", model, "--force", "--out", str(tmp_path / "out"))
    for title in CHOSEN:
        carry_out(house, title)
    told = json.loads(house.call(*split, "--stages", "2", "--balance", "calls", "--json"))
    assert told["plan"]["unit"] == "calls"
    assert sum(stage["cost"] for stage in told["plan"]["stages"]) == sum(stage["calls"] for stage in told["plan"]["stages"])
    assert "proven" in house.call(*split, "--at", "c2", "--boundary", "fewest")
    with zipfile.ZipFile(tmp_path / "out" / "part-1.keras") as parts, h5py.File(parts.open("model.weights.h5")) as weights:
        found: list[Any] = []
        weights.visititems(lambda _, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        assert {item.compression for item in found if item.shape} == {"gzip"}
    assert "proven" in house.call(*split, "--at", "c2", "--to", "yaml")
    assert {each.suffix for each in (tmp_path / "out").glob("part-?.*")} == {".yaml", ".h5"}
    assert "proven" in house.call("verify", str(tmp_path / "out"))


CHOSEN = ("What stages are balanced by", "How a boundary is chosen", "A format of parts", "How HDF5 is written")


def test_a_hazard(house: House, tmp_path: Path) -> None:
    entry = {"class_name": "Activation", "config": {"name": "a", "activation": "relu", "home": "http://example.org"}}
    code = f"from configsplit.hazards import hazards; print([(each.code, each.where) for each in hazards({entry!r})])"
    assert house.python(code) == "[]"
    carry_out(house, "A hazard")
    assert house.python(code) == "[('hazard-address', 'config.home')]"
    the_page_is_right(house)


def test_an_error(house: House, tmp_path: Path) -> None:
    carry_out(house, "An error")
    arguments = ("remove", str(DOCUMENT), "--layer", "*", "--out", str(tmp_path / "out.json"))
    done = house.run("-m", "configsplit", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error [remove-everything] *: nothing would be left of the model\n  hint: ")
    the_page_is_right(house)
    assert "name the layers that are to go" in house.call("help", "remove-everything").lower()


def the_page_is_right(house: House) -> None:
    """After `make generated`, as the recipe says."""
    assert house.run("-m", "support.error_pages").returncode == 0
    done = house.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "documented or page_says", "tests/docs/test_docs_errors.py"
    )
    assert done.returncode == 0, done.stdout


def test_every_recipe_that_can_be_run_is_run() -> None:
    shown = [section.partition("\n")[0] for section in PAGE.split("\n## ")[1:] if "```diff" in section]
    tests = Path(__file__).read_text("utf-8")
    assert [title for title in shown if f'carry_out(house, "{title}")' not in tests and title not in CHOSEN] == []
    assert len(shown) == 12


def test_no_change_needs_more_than_three_files() -> None:
    shown = [section.partition("\n")[0] for section in PAGE.split("\n## ")[1:] if "```diff" in section]
    changed = {title: set(re.findall(r"^(?:---|\+\+\+) (\S+)$", recipe(title), re.MULTILINE)) for title in shown}
    assert {title: names for title, names in changed.items() if not 0 < len(names) <= 3} == {}


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:configsplit|tests|docs|catalog|verbs|batch|cli)/[\w/.-]+)`", PAGE)))
)
def test_every_place_that_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / "configsplit" / path).exists() or "NAME" in path


HOUSE = (ROOT / "docs" / "architecture.md").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?!\w+\.(?:py|md)`)[\w/]+(?:/|\.py|\.md))`", HOUSE))))
def test_every_file_of_the_house_is_there(path: str) -> None:
    """Named by its end, as in `cutting/minimum_cut.py`, or from the root."""
    assert (ROOT / path).exists() or any((ROOT / "configsplit").rglob(path.rstrip("/")))
