"""Every import of the source against the two tables of docs/architecture.md."""

from __future__ import annotations

import re

import pytest
from source_tree import ROOT, File, Import, files, imports

PICTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
RANKS = {name: int(rank) for rank, name in re.findall(r"^\| (\d) \| `(\w+)` \|", PICTURE, re.MULTILINE)}
ABOVE_ALL = ""

# The one door between neighbours: a function that was asked to run Keras opens it.
DOORS = {("documents", "runtime")}

FRAMEWORKS = {"keras", "tf_keras", "tensorflow"}
HOMES = {
    "h5py": {"stores"},
    "click": {"cli"},
    "pydantic": {"dialects", "report", "zoo"},
    "jsonschema": {"documents"},
    "numpy": {"stores", "runtime", "testing"},
    "hypothesis": {"testing"},
    "yaml": {"documents", "zoo"},
    "fsspec": {"zoo"},
    "distributed": {"zoo"},
    "psutil": {"zoo"},
    "rich": {"cli"},
}


def everything() -> list[tuple[File, Import]]:
    return [(file, found) for file in files() for found in imports(file)]


def test_every_room_of_the_house_is_in_the_table() -> None:
    assert {file.package for file in files()} - {ABOVE_ALL} == set(RANKS) - {"schemas"}


def test_packages_import_only_lower_ranks() -> None:
    wrong = [f"{file!r}:{found.line} imports {found.module}" for file, found in everything() if not _allowed(file, found)]
    assert not wrong, "\n".join(wrong)


def _allowed(file: File, found: Import) -> bool:
    steps = found.module.split(".")
    if steps[0] != "configsplit" or file.package == ABOVE_ALL:
        return True
    room = steps[1] if len(steps) > 1 else ABOVE_ALL
    if room in (file.package, "__version__", "errors"):
        return True
    if room not in RANKS:
        return False
    through_a_door = (file.package, room) in DOORS and (found.lazy or found.typing)
    return RANKS[room] < RANKS[file.package] or through_a_door


def test_the_package_itself_imports_nothing_heavy_at_once() -> None:
    own = [found for file, found in everything() if file.module == "configsplit.__init__"]
    heads = [found.module for found in own if not (found.typing or found.lazy)]
    assert {module.split(".")[0] for module in heads} <= {"__future__", "importlib", "typing"}


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_is_imported_at_home_only(library: str) -> None:
    wrong = [
        f"{file!r}:{found.line}"
        for file, found in everything()
        if found.module.split(".")[0] == library and file.package not in HOMES[library]
    ]
    assert not wrong, "\n".join(wrong)


def test_frameworks_are_imported_at_home_only() -> None:
    wrong = [
        f"{file!r}:{found.line} imports {found.module}"
        for file, found in everything()
        if found.module.split(".")[0] in FRAMEWORKS and not _may_run_models(file)
    ]
    assert not wrong, "\n".join(wrong)


def _may_run_models(file: File) -> bool:
    return file.package == "runtime" or (file.package == "custom_objects" and file.path.stem.endswith("keras"))


def test_the_table_of_libraries_says_the_same() -> None:
    rows = dict(re.findall(r"^\| (\w+) \| (.*?) \|$", PICTURE, re.MULTILINE))
    for library, homes in HOMES.items():
        assert set(re.findall(r"`(\w+)`", rows[library])) == homes, library
