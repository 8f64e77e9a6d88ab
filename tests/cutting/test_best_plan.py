"""The best plan, held against every plan there is on thousands of small random graphs."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from brute_force import check_heads, crossing, exhaustive, fewest_bytes, graph_of, random_measure, random_model
from support.thinned import thinned

from configsplit.cutting.pipeline.plan import best_plan
from configsplit.cutting.pipeline.search import UNLIMITED, Terms
from configsplit.cutting.pipeline.units import Measure, contracted, units_of
from configsplit.errors import CutError


def check(seed: int, terms: Terms, *, shared: bool, weighed: bool = False, effort: int | None = None) -> None:
    model, price = random_model(seed)
    graph = graph_of(model)
    cost = random_measure(seed, model, graph, shared=shared)
    weight = random_measure(seed + 1, model, graph, shared=shared) if weighed else cost
    units = units_of(graph, price.__getitem__, cost, weight)
    if len(units) < terms.stages:
        return
    best = exhaustive(graph, price, cost, weight, terms)
    try:
        found = best_plan(units, terms) if effort is None else best_plan(units, terms, effort=effort)
    except CutError as error:
        found, reason = None, error.code
    if found is None:
        assert reason == "plan-infeasible"
        assert effort is not None or best is None
        return
    assert best is not None
    check_heads(graph, found.heads)
    assert found.bytes == sum(crossing(graph, head, price) for head in found.heads)
    assert found.bound <= best[0] <= found.largest
    assert found.state == "bounded" or found.largest == best[0]
    assert found.bytes_state == "bounded" or found.bytes == best[1]
    if effort is None:
        assert (found.largest, found.bytes) == best
        assert (found.state, found.bytes_state) == ("optimal", "optimal")


@pytest.mark.parametrize("block", thinned(range(20), 5))
def test_the_plan_is_the_best_of_all(block: int) -> None:
    for seed in range(60 * block, 60 * block + 60):
        for stages in (1, 2, 3, 4):
            check(seed, Terms.equal(stages), shared=False)


@pytest.mark.parametrize("block", thinned(range(10), 4))
def test_shared_layers_are_paid_for_in_each_stage_that_calls_them(block: int) -> None:
    for seed in range(10_000 + 60 * block, 10_000 + 60 * block + 60):
        for stages in (2, 3, 4):
            check(seed, Terms.equal(stages), shared=True)


@pytest.mark.parametrize("block", thinned(range(10), 4))
def test_limits_are_kept(block: int) -> None:
    for seed in range(20_000 + 50 * block, 20_000 + 50 * block + 50):
        chance = random.Random(seed)
        weight, across = chance.choice([10, 20, 30, UNLIMITED]), chance.choice([3, 6, 9, 12, UNLIMITED])
        check(seed, Terms.equal(chance.randint(2, 4), weight=weight, across=across), shared=seed % 2 == 0, weighed=True)


@pytest.mark.parametrize("block", thinned(range(10), 4))
def test_devices_of_different_speeds_and_links(block: int) -> None:
    for seed in range(30_000 + 50 * block, 30_000 + 50 * block + 50):
        chance = random.Random(seed)
        stages = chance.randint(2, 4)
        terms = Terms(
            tuple(Fraction(chance.randint(1, 9), chance.randint(1, 4)) for _ in range(stages)),
            tuple(chance.choice([25, UNLIMITED]) for _ in range(stages)),
            (UNLIMITED,) * (stages - 1),
            tuple(chance.choice([None, Fraction(chance.randint(1, 9), 2)]) for _ in range(stages - 1)),
        )
        check(seed, terms, shared=seed % 2 == 0, weighed=True)


@pytest.mark.parametrize("block", thinned(range(5), 2))
def test_slack_buys_the_fewest_bytes(block: int) -> None:
    for seed in range(50_000 + 40 * block, 50_000 + 40 * block + 40):
        model, price = random_model(seed)
        graph = graph_of(model)
        cost = random_measure(seed, model, graph, shared=seed % 2 == 0)
        units = units_of(graph, price.__getitem__, cost, cost)
        if len(units) < 3:
            continue
        best = exhaustive(graph, price, cost, cost, Terms.equal(3))
        assert best is not None
        found = best_plan(units, Terms.equal(3), slack=Fraction(1, 4))
        check_heads(graph, found.heads)
        allowed = best[0] + best[0] // 4
        assert found.smallest == best[0]
        assert found.largest <= allowed
        assert found.bytes == fewest_bytes(graph, price, cost, 3, allowed)
        assert (found.state, found.bytes_state) == ("optimal", "optimal")


@pytest.mark.parametrize("block", thinned(range(10), 4))
def test_units_that_stay_together_lose_nothing_where_every_stage_has_a_cost(block: int) -> None:
    met = 0
    for seed in range(60_000 + 60 * block, 60_000 + 60 * block + 60):
        model, price = random_model(seed)
        graph = graph_of(model)
        cost = random_measure(seed, model, graph, shared=seed % 2 == 0)
        units = contracted(units_of(graph, price.__getitem__, cost, cost))
        for stages in (2, 3):
            best = exhaustive(graph, price, cost, cost, Terms.equal(stages))
            if best is not None and len(units) >= stages:
                found = best_plan(units, Terms.equal(stages))
                assert found.largest == best[0]
                if cost.of(set(range(len(graph.calls)))) > (stages - 1) * best[0]:
                    assert found.bytes == best[1]
                    met += 1
    assert met > 20


@pytest.mark.parametrize("effort", [0, 10, *(pytest.param(more, marks=pytest.mark.exhaustive) for more in (3, 30, 100))])
def test_a_search_that_gives_up_says_so_and_its_bound_holds(effort: int) -> None:
    for seed in range(40_000, 40_080):
        for stages in (2, 3):
            check(seed, Terms.equal(stages), shared=seed % 2 == 0, effort=effort)


def test_more_stages_than_calls_are_refused() -> None:
    model, price = random_model(1, most=2)
    graph = graph_of(model)
    nothing = Measure([0] * len(graph.calls))
    with pytest.raises(CutError, match="cannot be made") as caught:
        best_plan(units_of(graph, price.__getitem__, nothing, nothing), Terms.equal(9))
    assert caught.value.code == "plan-too-many-stages"
