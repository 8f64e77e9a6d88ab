"""Makes the helpers of the reference tests and the documents of the laws importable."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "cutting"), str(TESTS / "laws")]
