"""docs/inference.md is what the rules make of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MAKER = ROOT / "tests" / "inference" / "inference_page.py"


def test_the_page_is_up_to_date() -> None:
    code = f"import sys; sys.path.insert(0, {str(MAKER.parent)!r}); import inference_page; print(inference_page.page(), end='')"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    kept = (ROOT / "docs" / "inference.md").read_text("utf-8")
    assert kept == made, f"make it anew: python {MAKER.relative_to(ROOT)}"
