"""Every import of the source against the two tables of docs/architecture.md."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest
from source_tree import ROOT, File, Import, files, imports

PICTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
RANKS = {name: int(rank) for rank, name in re.findall(r"^\| (\d+) \| `(\w+)` \|", PICTURE, re.MULTILINE)}
ABOVE_ALL = ""

# The one door upward: results of verbs are saved and drawn by rooms above them, which are loaded when that is asked.
DOOR = "configsplit.models.door"

FRAMEWORKS = {"keras", "tf_keras", "tensorflow"}
HOMES = {
    "h5py": {"containers"},
    "click": {"cli"},
    "pydantic": {"dialects", "records", "batches"},
    "jsonschema": {"verbs"},
    "pandas": {"verbs"},
    "numpy": {"containers", "runtime", "testing"},
    "hypothesis": {"testing"},
    "yaml": {"records"},
    "fsspec": {"batches"},
    "distributed": {"batches"},
    "psutil": {"batches"},
    "resvg_py": {"pictures"},
    "rich": {"cli"},
}


def everything() -> list[tuple[File, Import]]:
    return [(file, found) for file in files() for found in imports(file)]


def test_every_room_of_the_house_is_in_the_table() -> None:
    assert {file.package for file in files()} - {ABOVE_ALL} == set(RANKS) - {"schemas"}


def test_the_tests_of_a_room_bear_its_name_or_are_told() -> None:
    table = PICTURE.partition("\n## Where the tests are\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (.*?) \|$", table, re.MULTILINE)
    told = {name for folders, _ in rows for name in re.findall(r"`(\w+)`", folders)}
    tests = ROOT / "tests"
    there = {path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")}
    assert told <= there <= told | set(RANKS)
    assert there | {name for _, rooms in rows for name in re.findall(r"`(\w+)`", rooms)} >= set(RANKS)


def test_every_package_is_installed() -> None:
    """`pyproject.toml` lists them, since two of them stand at the top; a package that is left out is missing in a wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "configsplit").rglob("__init__.py")}
    assert sorted(listed) == sorted(there | {"configsplit.custom_objects", "configsplit.schemas"})


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
    through_the_door = (file.module == DOOR and found.lazy) or (file.package == "models" and found.typing)
    return RANKS[room] < RANKS[file.package] or through_the_door


def test_no_circle_of_files() -> None:
    """Imports inside functions count, but for the door; those for annotations alone do not."""
    known = {file.module.removesuffix(".__init__") for file in files()}
    needs = {
        file.module.removesuffix(".__init__"): {
            module
            for found in imports(file)
            if not found.typing and not (file.module == DOOR and found.lazy)
            for module in _modules_of(found.module, known)
        }
        for file in files()
    }
    while free := {module for module, needed in needs.items() if not needed & needs.keys() - {module}}:
        needs = {module: needed for module, needed in needs.items() if module not in free}
    assert not needs, "each of these stands in a circle or above one: " + ", ".join(sorted(needs))


def _modules_of(module: str, known: set[str]) -> list[str]:
    return [module] if module in known and module != "configsplit" else []


def test_the_package_itself_imports_nothing_heavy_at_once() -> None:
    own = [found for file, found in everything() if file.module == "configsplit.__init__"]
    heads = [found.module for found in own if not (found.typing or found.lazy)]
    assert set(heads) == {"__future__", "functools", "importlib", "typing", "configsplit.verbs.table"}


def test_a_record_of_a_verb_imports_nothing_but_what_records_are_made_of() -> None:
    """So neither what other verbs are, nor what this one does, costs anything when its options are read."""
    records = [(file, found) for file, found in everything() if file.module.startswith("configsplit.verbs.table.")]
    assert len({file.module for file, _ in records}) > 10
    light = {"__future__", "collections.abc", "importlib", "typing", "configsplit.verbs.table.verb"}
    heavy = [(file, found.module) for file, found in records if found.module not in light and not (found.lazy or found.typing)]
    assert not heavy


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


def test_no_room_has_the_name_of_a_public_function() -> None:
    """Python would put the package in the function's place as soon as anything in it is imported."""
    import configsplit

    assert not set(configsplit.__all__) & {file.package for file in files()}


# What not every operating system has. `runtime` confines processes, `batches` runs a pool of them.
OF_THE_SYSTEM = {"fcntl", "resource", "select", "selectors", "signal", "termios", "msvcrt", "pwd", "grp"}
OF_OS = re.compile(
    r"\bos\.(?:fork|wait\w*|kill\w*|getppid|setsid|p(?:read|write)\w*|sendfile|copy_file_range|splice|posix_\w+|O_(?!RDONLY|RDWR)\w+"
    r"|statvfs|uname|ge?te?[ug]id|sync\b|fsync|sched_\w+)|[\"']/proc/"
)
SYSTEM_HOMES = ("configsplit.containers.system.", "configsplit.runtime.confinement.", "configsplit.batches.")


def test_the_operating_system_is_touched_in_one_room() -> None:
    wrong = []
    for file in files():
        if file.module.startswith(SYSTEM_HOMES):
            continue
        wrong += [f"{file!r}:{found.line} imports {found.module}" for found in imports(file) if found.module in OF_THE_SYSTEM]
        lines = enumerate(file.path.read_text("utf-8").splitlines(), 1)
        wrong += [f"{file!r}:{number} {line.strip()}" for number, line in lines if OF_OS.search(line)]
    assert not wrong, "\n".join(wrong)


RENAMED = {
    "numpy": "np",
    "hypothesis.strategies": "st",
    "tensorflow": "tf",
    "configsplit.containers.hdf5.plain_format": "form",  # of which three files take a dozen constants in every line
    "configsplit.verbs.split.split": "split_document",  # the live verbs of the same names do what these do
    "configsplit.verbs.join": "joining",
}
"""What may have another name where it is imported: by custom, or since a module must have a function of that name."""


def test_a_thing_has_one_name() -> None:
    """Two functions of one name are told apart by their modules."""
    found = [
        (f"{file!r}:{node.lineno} {ast.unparse(node)}", f"{getattr(node, 'module', '')}.{name.name}".lstrip("."), name)
        for file in files()
        for node in ast.walk(file.tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in node.names
    ]
    wrong = [line for line, whole, name in found if name.asname not in (None, name.name, RENAMED.get(whole))]
    assert not wrong, "\n".join(wrong)
