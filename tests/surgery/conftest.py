"""Makes `support` and the helpers of the reference tests importable."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "reference"), str(TESTS / "laws")]
