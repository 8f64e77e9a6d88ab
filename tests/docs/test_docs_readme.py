"""What README.md shows is what happens: every ``console`` block is run, and every ``pycon`` block is a doctest.

The blocks run in order in one folder that holds ``resnet50.keras``, built as `make demo` builds it. Times, and the releases of
the frameworks, may differ from those shown; everything else may not.
"""

from __future__ import annotations

import doctest
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import told

pytestmark = pytest.mark.first

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
MAY_DIFFER = [
    (re.compile(r"\b\d+\.\d+ s\b"), "0.00 s"),
    (re.compile(r"\b(keras|tf_keras|release) \d+\.\d+\.\d+"), r"\1 0.0.0"),
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Each command that is shown, with the output that is shown below it."""
    shown = [piece.partition("\n") for block in blocks("console") for piece in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output) for command, _, output in shown]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with resnet50.keras, in which the commands before have run."""
    made = tmp_path_factory.mktemp("readme")
    spec = importlib.util.spec_from_file_location("demo", ROOT / "examples" / "demo.py")
    assert spec is not None
    assert spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    program = demo.BUILD.replace(str(demo.MODEL), "resnet50.keras")
    subprocess.run([sys.executable, "-c", program], cwd=made, env=demo.QUIET, capture_output=True, check=True, timeout=300)
    return made


@pytest.mark.usefixtures("near_worker")
def test_what_is_shown_is_what_happens(folder: Path) -> None:
    assert commands(), "nothing found: the collection itself is broken"
    for command, shown in commands():
        program, *arguments = command.split()
        assert program == "configsplit", command
        code, said = told(arguments, folder)
        assert plain(said) == plain(shown), command
        assert code == (1 if shown.startswith("error") else 0), command


def plain(text: str) -> str:
    for pattern, instead in MAY_DIFFER:
        text = pattern.sub(instead, text)
    return text.strip()


def test_the_python_that_is_shown_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = doctest.DocTestParser().get_doctest("\n".join(blocks("pycon")), {}, "README.md", None, 0)
    assert found.examples, "nothing found: the collection itself is broken"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(found)
    assert runner.summarize(verbose=False).failed == 0


def test_the_table_of_verbs_is_that_of_their_records() -> None:
    from configsplit.verbs.readme import rows

    assert rows() in README, "run: make generated"


LINKS = re.compile(r"\]\(([^)#:]+)\)")


PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    assert [link for link in LINKS.findall(path.read_text("utf-8")) if not (path.parent / link).exists()] == []
