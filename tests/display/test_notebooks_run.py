"""The notebooks of examples/ run from their first cell to their last, those that need no framework without one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "notebooks"
WITH_KERAS = {"old_file.ipynb"}

RUNNER = """
import ast, json, sys
path, framework = sys.argv[1], sys.argv[2] == "keras"
if not framework:
    sys.modules.update(dict.fromkeys(("keras", "tensorflow", "tf_keras", "jax", "torch")))
names, shown = {}, []
for cell in json.load(open(path, encoding="utf-8"))["cells"]:
    if cell["cell_type"] != "code":
        continue
    tree = ast.parse("".join(cell["source"]))
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, path, "exec"), names)
    if last is not None:
        value = eval(compile(last, path, "eval"), names)
        show = getattr(value, "_repr_mimebundle_", None)
        shown.append([type(value).__name__, show()["text/html"] if show else repr(value)])
print(json.dumps(shown))
"""


def test_there_are_three() -> None:
    assert sorted(path.name for path in FOLDER.glob("*.ipynb")) == ["old_file.ipynb", "surgery.ipynb", "where_to_cut.ipynb"]


@pytest.mark.parametrize("name", ["old_file.ipynb", "surgery.ipynb", "where_to_cut.ipynb"])
def test_a_notebook_runs(name: str) -> None:
    """Each cell, as a notebook does it: what its last line gives is shown. Outputs are not kept in the file."""
    cells = json.loads((FOLDER / name).read_text("utf-8"))["cells"]
    assert not [cell for cell in cells if cell.get("outputs")]
    command = [sys.executable, "-c", RUNNER, name, "keras" if name in WITH_KERAS else "none"]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    shown = dict(json.loads(done.stdout.splitlines()[-1]))
    assert "<iframe" in shown["Plot"]
    assert "data:image/svg+xml" in shown["Document"]
