"""Where samples are padded: in every way within one batch, in part in the first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from configsplit.runtime.padding import KINDS, across, kinds, padding


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("count", range(1, 14))
@pytest.mark.parametrize("shift", range(4))
def test_at_least_half_of_the_samples_are_padded(count: int, shift: int) -> None:
    found = kinds(count, shift)
    assert sorted(found) == sorted(KINDS[number % len(KINDS)] for number in range(count))
    assert 2 * sum(kind != "none" for kind in found) >= count


@pytest.mark.parametrize("seed", range(20))
def test_four_samples_are_padded_right_left_in_the_middle_throughout_and_not_at_all(seed: int) -> None:
    right, left, whole, none = padding(rng(seed), (4, 9))
    assert right[-1]
    assert not right[0]
    assert left.tolist() == [True, False, False, False, True, False, False, False, False]
    assert whole.all()
    assert not none.any()


@pytest.mark.parametrize("shape", [(1, 2), (1, 7), (2, 5), (1, 3, 6), (2, 2, 2), (1, 2, 3, 4), (2,), (2, 1)])
@pytest.mark.parametrize("shift", range(3))
@pytest.mark.parametrize("seed", range(10))
def test_one_or_two_samples_are_padded_in_part(shape: tuple[int, ...], shift: int, seed: int) -> None:
    made = padding(rng(seed), shape, shift)
    assert made.shape == shape
    assert 0 < made.sum() < made.size


def test_the_sentences_of_a_document_are_padded_each_in_its_own_way() -> None:
    document = padding(rng(), (1, 4, 6))[0]
    assert {(bool(row.any()), bool(row.all())) for row in document} == {(True, False), (True, True), (False, False)}


def test_inputs_are_padded_independently() -> None:
    one, other = (padding(rng(shift), (4, 8), shift) for shift in range(2))
    assert [bool(a.all()) for a in one] != [bool(b.all()) for b in other]
    assert ((one & ~other).any(), (~one & other).any()) == (True, True)


@pytest.mark.parametrize("seed", range(5))
def test_slices_along_every_axis(seed: int) -> None:
    made = across(rng(seed), (4, 5, 6))
    assert (made[0].any(axis=1) == made[0].all(axis=1)).all()
    assert (made[1].any(axis=0) == made[1].all(axis=0)).all()
    assert 0 < made[:2].sum() < made[:2].size


def test_same_seed_same_padding() -> None:
    def drawn(seed: int) -> Any:
        return padding(rng(seed), (6, 30)).tolist()

    assert drawn(3) == drawn(3) != drawn(4)
