"""No verb loses a mask unsaid: random masked models, built by real Keras, at random places.

`make test` takes one or two models of each kind, `make exhaustive` hundreds and thousands of the same strategy.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from masked_files import KINDS, LIVE
from masked_live import LIVE_VERBS
from masked_tally import Tally, store
from support.thinned import in_turn

from configsplit.testing.masked_sketch import Generation

pytestmark = [
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask"),  # Keras 3 says so of each that stops one
    pytest.mark.first,
]

CUSTOM = 0.2
"""The share of classes that nobody has declared."""

SHARE = float(os.environ.get("MASKED_MODELS", "1"))
"""The share of their models that the long runs take; all of them take some three hours of one core."""

FILES = pytest.mark.parametrize(("generation", "suffix"), KINDS, ids=[f"{one}-{two}" for one, two in KINDS])
EDITS = [(verb, *kind) for verb in ("extract", "insert", "replace", "remove", "join") for kind in (KINDS[0], KINDS[2])]
SOME_CUTS = in_turn([(*kind, custom) for custom in (0.0, CUSTOM)] for kind in KINDS)
SOME_EDITS = in_turn(EDITS[first : first + 2] for first in range(0, len(EDITS), 2))


@pytest.mark.parametrize(("generation", "suffix", "custom"), SOME_CUTS)
def test_parts_compute_the_same_bits_or_the_cut_is_refused(generation: Generation, suffix: str, custom: float) -> None:
    check(Tally("split", generation, suffix, custom).run(range(3), models=1), models=1)


@pytest.mark.parametrize(("verb", "generation", "suffix"), [*SOME_EDITS, ("convert", "keras2", "h5")])
def test_edits_compute_the_same_bits_or_are_refused_or_warned_of(verb: str, generation: Generation, suffix: str) -> None:
    check(Tally(verb, generation, suffix, CUSTOM).run(range(200, 204), tries=4, models=2), models=2)


@pytest.mark.parametrize(
    ("verb", "generation"), in_turn([(verb, generation) for generation in ("keras2", "keras3")] for verb in LIVE_VERBS)
)
def test_live_models_compute_the_same_bits(verb: str, generation: Generation) -> None:
    check(Tally(verb, generation, LIVE, CUSTOM).run(range(3), tries=2, models=2), models=2)


@pytest.mark.exhaustive
@FILES
@pytest.mark.parametrize("custom", [0.0, CUSTOM])
def test_thousands_of_masked_models_cut_anywhere(generation: Generation, suffix: str, custom: float) -> None:
    """A thousand with classes that nobody has declared, a thousand without."""
    tally = Tally("split", generation, suffix, custom).run(range(20_000, 23_000), tries=1, models=round(1000 * SHARE))
    store(tally)
    check(tally, models=round(1000 * SHARE))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("verb", "generation", "suffix"), [*EDITS, ("convert", "keras2", "h5"), ("convert", "keras2", "json")])
def test_hundreds_of_masked_models_edited(verb: str, generation: Generation, suffix: str) -> None:
    tally = Tally(verb, generation, suffix, CUSTOM).run(range(25_000, 27_000), tries=2, models=round(250 * SHARE))
    store(tally)
    check(tally, models=round(250 * SHARE))


@pytest.mark.exhaustive
@pytest.mark.parametrize("verb", LIVE_VERBS)
@pytest.mark.parametrize("generation", ["keras2", "keras3"])
def test_hundreds_of_live_masked_models(verb: str, generation: Generation) -> None:
    tally = Tally(verb, generation, LIVE, CUSTOM).run(range(28_000, 29_000), tries=2, models=round(100 * SHARE))
    store(tally)
    check(tally, models=round(100 * SHARE))


JAX = """
import sys
sys.path[:0] = sys.argv[1:3]
from masked_tally import Tally, store
verb, suffix, models = sys.argv[3], sys.argv[4], int(sys.argv[5])
tally = Tally(verb, "keras3", suffix, 0.2).run(range(29_000, 29_500), tries=2, models=models)
store(tally)
assert tally.wrong == [], tally.wrong
assert tally.models >= models and tally.identical and tally.backend == "jax"
"""


@pytest.mark.exhaustive
@pytest.mark.parametrize(("verb", "suffix"), [("split", "keras"), ("split", LIVE), ("insert", LIVE)])
def test_tens_of_masked_models_on_jax(verb: str, suffix: str) -> None:
    """In a process of its own: JAX lets other layers keep a mask. Few models: it compiles each operation for each shape."""
    folders, models = (str(Path(__file__).parent), str(Path(__file__).parents[1])), str(round(25 * SHARE))
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", JAX, *folders, verb, suffix, models],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def check(tally: Tally, models: int) -> None:
    assert tally.wrong == [], "\n".join(tally.wrong)
    assert tally.models >= models
    assert tally.identical or tally.verb == "remove"
