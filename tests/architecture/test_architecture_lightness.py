"""What a fresh process has loaded after an import or a verb: nothing that it did not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.thinned import in_turn

RELEASES = Path(__file__).resolve().parents[1] / "corpus" / "releases"
HEAVY = {"keras", "tf_keras", "tensorflow", "h5py", "jsonschema", "numpy", "pydantic"}
REPORT = """
import sys
{code}
sys.stderr.write("LOADED " + " ".join(sorted({{name.split(".")[0] for name in sys.modules}})))
"""
FILES = ("keras-3.15.1/residual.keras", "tf-2.13/residual.keras", "tf-2.4/residual.h5", "keras-2.3.1/residual.h5")
HOW = ("none", "proof")
"""To verify."""
COMMAND = """
from configsplit.cli.main import cli
try:
    cli({arguments!r}, prog_name="configsplit")
except SystemExit as end:
    assert not end.code, end.code
"""


def loaded(code: str, folder: Path) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(code=code)], capture_output=True, text=True, cwd=folder, timeout=300, check=True
    )
    return set(done.stderr.rpartition("LOADED ")[2].split())


def test_the_import_is_light(tmp_path: Path) -> None:
    modules = loaded("import configsplit", tmp_path)
    assert "configsplit" in modules
    assert not modules & (HEAVY | {"click"})


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_is_light(arguments: list[str], tmp_path: Path) -> None:
    assert not loaded(COMMAND.format(arguments=arguments), tmp_path) & HEAVY


@pytest.mark.parametrize("verb", ["split", "verify", "inspect", "plugins", "batch"])
def test_help_of_a_verb_is_light(verb: str, tmp_path: Path) -> None:
    assert not loaded(COMMAND.format(arguments=[verb, "--help"]), tmp_path) & HEAVY


@pytest.mark.parametrize("verb", ["inspect", "layers", "cuts"])
@pytest.mark.parametrize("file", ["keras-3.15.1/residual.json", "tf-2.4/residual.json", "keras-1.2.2/residual.json"])
def test_looking_at_a_sound_file_needs_no_pydantic(verb: str, file: str, tmp_path: Path) -> None:
    assert not loaded(COMMAND.format(arguments=[verb, str(RELEASES / file)]), tmp_path) & HEAVY


@pytest.mark.parametrize(
    ("release", "verify"), in_turn([(release, how) for how in HOW] for release in ("keras-3.0.5", "keras-2.3.1", "tf-2.4"))
)
def test_cutting_json_needs_neither_keras_nor_hdf5_nor_numpy(release: str, verify: str, tmp_path: Path) -> None:
    model = str(RELEASES / release / "residual.json")
    modules = loaded(COMMAND.format(arguments=["split", model, "--at", "c2", "--out", "out", "--verify", verify]), tmp_path)
    assert (tmp_path / "out" / "manifest.json").is_file()
    assert not modules & HEAVY


@pytest.mark.parametrize(
    "arguments",
    [
        ["freeze", "--before", "res", "--out", "out.json"],
        ["extract", "--to", "c2", "--out", "out.json"],
        ["rename", "c2=other", "--out", "out.json"],
        ["layers", "--before", "c2"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_surgery_of_json_needs_neither_hdf5_nor_numpy(arguments: list[str], tmp_path: Path) -> None:
    verb, *rest = arguments
    model = str(RELEASES / "keras-2.3.1" / "residual.json")
    modules = loaded(COMMAND.format(arguments=[verb, model, *rest]), tmp_path)
    assert (tmp_path / "out.json").is_file() == ("out.json" in rest)
    assert not modules & HEAVY


@pytest.mark.parametrize(("file", "verify"), in_turn([(file, how) for how in HOW] for file in FILES))
def test_weights_as_keras_writes_them_are_cut_without_hdf5_and_numpy(file: str, verify: str, tmp_path: Path) -> None:
    model = str(RELEASES / file)
    modules = loaded(COMMAND.format(arguments=["split", model, "--at", "c2", "--out", "out", "--verify", verify]), tmp_path)
    assert (tmp_path / "out" / "manifest.json").is_file()
    assert not modules & HEAVY


@pytest.mark.parametrize("suffix", ["html", "svg", "png", "mmd", "dot", "json"])
def test_a_picture_needs_neither_hdf5_nor_numpy(suffix: str, tmp_path: Path) -> None:
    model = str(RELEASES / "keras-3.15.1" / "residual.keras")
    modules = loaded(COMMAND.format(arguments=["plot", model, "--out", f"out.{suffix}"]), tmp_path)
    assert (tmp_path / f"out.{suffix}").is_file()
    assert not modules & HEAVY


@pytest.mark.parametrize(
    ("most", "arguments"),
    [
        (10, ["--help"]),
        (135, ["inspect", "residual.json"]),
        (165, ["split", "residual.json", "--at", "c2", "--out", "out", "--no-weights"]),
        (165, ["split", "residual.keras", "--at", "c2", "--out", "out"]),
    ],
)
def test_few_modules_are_loaded(most: int, arguments: list[str], tmp_path: Path) -> None:
    """Each costs a millisecond, whether it is used or not."""
    given = [str(RELEASES / "keras-3.15.1" / each) if each.startswith("residual") else each for each in arguments]
    code = (
        COMMAND.format(arguments=given) + "print(*(name for name in sys.modules if name.partition('.')[0] == 'configsplit'))\n"
    )
    done = subprocess.run([sys.executable, "-c", "import sys" + code], capture_output=True, text=True, cwd=tmp_path, check=True)
    modules = done.stdout.splitlines()[-1].split()
    assert "configsplit.cli.main" in modules
    assert len(modules) <= most, modules


@pytest.mark.parametrize("arguments", [["split", "MODEL", "--at", "c2", "--out", "out"], ["inspect", "MODEL"], ["plugins"]])
def test_no_verb_loads_a_framework(arguments: list[str], tmp_path: Path) -> None:
    model = str(RELEASES / "keras-3.0.5" / "residual.keras")
    given = [model if item == "MODEL" else item for item in arguments]
    assert not loaded(COMMAND.format(arguments=given), tmp_path) & {"keras", "tf_keras", "tensorflow"}
