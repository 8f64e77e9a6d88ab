"""What is sent out: the source distribution, the page of a package index, the hook, the action, the container."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from setuptools.command.egg_info import FileList

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "corpus" / "releases"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PYTHON = sys.executable
UNSENT = re.compile(
    r"(^|/)(\.git|\.venv|__pycache__|[.]\w+_cache|[.]hypothesis|[.]exhaustive|build|dist|demo-out|[\w-]+[.]egg-info)(/|$)"
)


def test_a_source_distribution_has_all_that_its_tests_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything in the repository but what tools leave there; the packages come by themselves."""
    monkeypatch.chdir(ROOT)
    listed = FileList()
    listed.findall()
    for line in (ROOT / "MANIFEST.in").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            listed.process_template_line(line)
    sent = {Path(name).as_posix().removeprefix("./") for name in listed.files}
    there = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()}
    wanted = {name for name in there if not UNSENT.search(name) and not name.startswith(("configsplit/", "benchmarks/out/"))}
    given = {"pyproject.toml", "setup.py", "MANIFEST.in", "LICENSE", ".git", "PKG-INFO", "setup.cfg"}  # sent by themselves
    assert len(wanted) > 300
    assert sorted(wanted - sent - given) == []


def test_the_page_of_a_package_index_has_no_link_that_leads_nowhere() -> None:
    text = runpy.run_path(str(ROOT / "setup.py"))["description"]()
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    home = PROJECT["urls"]["Homepage"]
    for link in links:
        assert re.match(r"https?://|#", link), link
        if link.startswith(home):
            place = re.sub(r"^/(blob|raw)/main/", "", link.removeprefix(home)).partition("#")[0]
            assert (ROOT / place).exists(), link
    plain = re.sub(r"\]\([^)]*\)", "]()", text)
    assert plain == re.sub(r"\]\([^)]*\)", "]()", (ROOT / "README.md").read_text("utf-8")), "nothing but links is changed"


def hooks() -> dict[str, dict[str, str]]:
    return {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))}


@pytest.mark.parametrize(
    ("hook", "files", "code"),
    [
        ("configsplit-validate", ["keras-3.15.1/residual.keras", "keras-2.3.1/residual.h5"], 0),
        ("configsplit-validate", ["keras-3.15.1/residual.keras", "keras-3.15.1/lambdas.json"], 0),
        ("configsplit-hazards", ["keras-3.15.1/residual.keras", "keras-3.15.1/lambdas.json"], 1),
        ("configsplit-hazards", ["keras-3.15.1/residual.keras"], 0),
    ],
)
def test_a_hook_does_what_it_is_called_for(hook: str, files: list[str], code: int) -> None:
    command = [PYTHON, "-m", *hooks()[hook]["entry"].split()]
    done = subprocess.run([*command, *(str(CORPUS / name) for name in files)], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr


def test_a_hook_sees_models_alone() -> None:
    for hook in hooks().values():
        seen = [
            name
            for name in ("a/m.keras", "m.h5", "m.hdf5", "package.json", "m.weights.h5", "m.keras.md")
            if re.search(hook["files"], name) and not re.search(hook["exclude"], name)
        ]
        assert seen == ["a/m.keras", "m.h5", "m.hdf5"]


@pytest.mark.parametrize(
    ("models", "hazards", "code"),
    [
        ("**/*.keras", "true", 0),
        ("**/*.json", "true", 1),
        ("**/*.json", "false", 0),
        ("nothing.*", "true", 0),
        ("$(touch no)", "true", 1),
    ],
)
def test_the_action_checks_what_it_is_given(tmp_path: Path, models: str, hazards: str, code: int) -> None:
    """Its last step, as the runner of an action runs it; a pattern never becomes a command."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "configsplit").write_text(f'#!/bin/sh\nexec {PYTHON} -m configsplit "$@"\n')
    (tmp_path / "bin" / "configsplit").chmod(0o755)
    (tmp_path / "some where").mkdir()
    for name in ("residual.keras", "lambdas.json"):
        (tmp_path / "some where" / name).write_bytes((CORPUS / "keras-3.15.1" / name).read_bytes())
    step = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["runs"]["steps"][-1]
    environment = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin", "MODELS": models, "HAZARDS": hazards}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    done = subprocess.run(shell, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert "${{" not in step["run"]
    assert not (tmp_path / "no").exists()


def test_the_container_copies_what_there_is_and_runs_as_nobody_in_particular() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    assert set(copied) == let_in
    assert all((ROOT / name).exists() for name in copied)
    last = text.rpartition("\nFROM ")[2]
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE), "not root"
    extras = re.search(r'"\.\[([\w,]+)\]"', text)
    assert extras is not None
    assert set(extras[1].split(",")) <= PROJECT["optional-dependencies"].keys()
    packages = {name.split(".")[0] for name in ("configsplit", "custom_objects", "schemas")}
    assert packages <= set(copied)


def test_what_the_container_copies_can_be_installed_and_run(tmp_path: Path) -> None:
    """From these files alone, laid where pyproject.toml says, with what it says belongs to each package; dependencies are those
    of the tests."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    source, site = tmp_path / "source", tmp_path / "site"
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        *names, target = line.split()
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target)
            else:
                (source / target).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, source / target)
    told = tomllib.loads((source / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    for package in told["packages"]:
        home = max((each for each in told["package-dir"] if f"{package}.".startswith(f"{each}.")), key=len)
        inside = source.joinpath(told["package-dir"][home], *package.removeprefix(home).strip(".").split("."))
        for pattern in ("*.py", *told["package-data"].get(package, ())):
            for file in inside.glob(pattern):
                place = site.joinpath(*package.split("."), file.relative_to(inside))
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)

    def run(*words: str) -> str:
        code = "import configsplit; print(configsplit.__file__); from configsplit.cli.main import main; main()"
        environment = {**os.environ, "PYTHONPATH": str(site)}
        done = subprocess.run(
            [PYTHON, "-c", code, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        first, _, rest = done.stdout.partition("\n")
        assert first == str(site / "configsplit" / "__init__.py")
        return rest

    entry, command = (json.loads(re.findall(rf"^{word} (.*)$", text, re.MULTILINE)[-1]) for word in ("ENTRYPOINT", "CMD"))
    assert entry == ["configsplit"]
    assert run(*command).startswith("Usage: configsplit ")
    assert run("help", "cut-at-input").startswith("cut-at-input (Cuts)")
    assert "valid" in run("validate", str(CORPUS / "keras-3.15.1" / "residual.keras"))
    model = str(CORPUS / "keras-3.15.1" / "residual.keras")
    assert "proven" in run("split", model, "--at", "res", "--out", str(tmp_path / "parts"))
    run("plot", model, "--out", str(tmp_path / "page.html"))
    assert "</html>" in (tmp_path / "page.html").read_text("utf-8")


def test_forms_ask_for_what_is_needed() -> None:
    for name in ("bug.yml", "wish.yml"):
        form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / name).read_text("utf-8"))
        fields = [field for field in form["body"] if field["type"] != "markdown"]
        assert {"name", "description"} <= form.keys()
        assert len({field["id"] for field in fields}) == len(fields)
        assert any(field.get("validations", {}).get("required") for field in fields)
