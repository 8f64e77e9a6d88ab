"""The best pipeline of N stages: nested heads H1 < H2 < ..., the largest stage as small as it can be, then the fewest bytes.

In general this is NP-hard (with N = 2 and independent calls it is the partition problem), yet the graphs of real networks are
narrow. The search goes from coarse to fine; each step knows how good a plan there is already, and looks only at heads that may
be part of a better one (`plan_places`):

1. *in line*: the calls in a fixed order, so that a plan is a partition of a chain;
2. *runs*: chains without a branch stay together;
3. *coarse*: calls of next to no cost stay with their neighbours;
4. *lossless*: calls of no cost stay with their neighbours where that cannot do harm (`plan_units`);
5. *all*: every legal head.

A step that would take too long is left out. If the last one went through, the plan is optimal; if the one before did, too, as
long as every stage must have a cost. Else it is the best that was found, beside a bound that no plan can pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from math import ceil, floor
from typing import Literal, get_args

from configsplit.cutting.pipeline.improve import polished, price_of
from configsplit.cutting.pipeline.places import Budget, Lattice, Place, lattice, segments, thinned
from configsplit.cutting.pipeline.search import Chain, ChainSearch, Terms
from configsplit.cutting.pipeline.units import Units, contracted, deep_order, in_line, runs_joined
from configsplit.errors import CutError

State = Literal["optimal", "bounded"]

Proof = Literal["no", "with-cost", "yes"]
"""What a step of the search proves if it goes through: nothing, all but stages without cost, everything."""

_PROOFS: tuple[Proof, ...] = get_args(Proof)

EFFORT = 40_000
"""Branches of the enumeration that one step may take, and a tenth of the comparisons of the search."""


CROWD = 1_000
"""Places of one window in one segment that the search compares with one another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best plan.

    Attributes:
        heads: nested sets of calls, one for each boundary; InputLayers are in none.
        largest: time (cost, for stages that are all alike) of the slowest stage or link.
        smallest: the smallest ``largest`` that was found; the plan's own, if it has no slack.
        bytes: sum of the bytes across each boundary; a tensor that passes over a stage counts at each boundary it crosses.
        state: whether ``smallest`` is proven to be the smallest possible.
        bytes_state: whether ``bytes`` is proven to be the least for a largest stage of ``smallest``, slack included.
        bound: no plan has a smaller largest stage.
    """

    heads: tuple[frozenset[int], ...]
    largest: int
    smallest: int
    bytes: int
    state: State
    bytes_state: State
    bound: int


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of the search. ``exact`` says what its result proves if it goes through."""

    units: Callable[[], Units]
    exact: Proof = "no"


def best_plan(units: Units, terms: Terms, *, slack: Fraction = Fraction(0), effort: int = EFFORT) -> Best:
    """The best plan for calls that are each a unit of their own (`units_of`).

    With ``slack`` (0.05 for 5%) the largest stage may exceed the smallest possible by so much, for fewer bytes across.
    """
    if len(units) < terms.stages:
        raise CutError(
            f"{terms.stages} stages cannot be made of {len(units)} layer calls",
            code="plan-too-many-stages",
            hint=f"ask for {len(units)} stages at most",
        )
    result = _searched(units, terms, effort)
    best = _best(units, terms, result)
    if best.state == "bounded":
        best = _better(units, terms, best, effort)
    return _cheaper(units, terms, best, floor(best.largest * (1 + slack)), effort) if slack else best


def _searched(units: Units, terms: Terms, effort: int) -> _Found:
    result, gave_up = _Found(lower_bound(units, terms)), False
    for step in _steps(units, terms):
        if gave_up and step.exact == "no":
            continue
        through = _improve(step, terms, result, effort)
        stop = not through and step.exact != "no"
        if stop or result.state == "yes" or (result.chain is not None and _proven(units, terms, result, result.chain.largest)):
            break
        gave_up = gave_up or not through
    return result


def _better(units: Units, terms: Terms, best: Best, effort: int) -> Best:
    """What moving single boundaries makes of a plan that is not proven."""
    place = {call: unit for unit, calls in enumerate(units.calls) for call in calls}

    def two(part: Units, pair: Terms, largest: int | None) -> frozenset[int] | None:
        result = _Found(lower_bound(part, pair))
        for step in _steps(part, pair):
            act = partial(_improve, step, pair, result) if largest is None else partial(_cheapen, step, pair, largest, result)
            if not act(effort // 30) or result.state != "no":
                break
        return _heads(result.lattice, result.chain)[0] if result.chain and result.lattice else None

    heads = polished(units, terms, [{place[call] for call in head} for head in best.heads], two)
    largest, across = price_of(units, terms, heads)
    if (largest, across) >= (best.largest, best.bytes):
        return best
    moved = tuple(frozenset(call for unit in head for call in units.calls[unit]) for head in heads)
    state: State = "optimal" if largest == best.bound else "bounded"
    return replace(best, heads=moved, largest=largest, smallest=largest, bytes=across, state=state)


def _cheaper(units: Units, terms: Terms, best: Best, allowed: int, effort: int) -> Best:
    """The plan with the fewest bytes in which no stage takes longer than allowed."""
    cheap = _Found(best.bound)
    for step in _steps(units, terms):
        if not _cheapen(step, terms, allowed, cheap, effort) or _proven(units, terms, cheap, allowed):
            break
    proven = _proven(units, terms, cheap, allowed)
    if cheap.chain is None or cheap.lattice is None or cheap.chain.bytes > best.bytes:
        return best
    return replace(
        best,
        heads=_heads(cheap.lattice, cheap.chain),
        largest=cheap.chain.largest,
        bytes=cheap.chain.bytes,
        bytes_state="optimal" if proven else "bounded",
    )


@dataclass(slots=True)
class _Found:
    """The best chain so far, with the lattice that its places belong to, and what has been proven of it."""

    bound: int
    chain: Chain | None = None
    lattice: Lattice | None = None
    state: Proof = "no"

    def proved(self, proof: Proof) -> None:
        """Remember the strongest proof."""
        self.state = max(self.state, proof, key=_PROOFS.index)


def _steps(units: Units, terms: Terms) -> Iterator[_Step]:
    if len(segments(units)) > len(units):  # a chain: there is nothing to leave out
        yield _Step(lambda: units, "yes")
        return
    total = units.cost.of(set(range(len(units))))
    yield _Step(lambda: in_line(units, range(len(units))))
    yield _Step(lambda: in_line(units, deep_order(units)))
    for share, joined in ((20, True), (200, False)):
        yield _Step(partial(_coarse, units, total // (terms.stages * share), terms.weighed, joined))
    yield _Step(lambda: contracted(units, weighed=terms.weighed), "with-cost")
    yield _Step(lambda: units, "yes")


def _coarse(units: Units, negligible: int, weighed: bool, joined: bool) -> Units:
    """Units of next to no cost stay with their neighbours; if ``joined``, chains without a branch stay together too."""
    small = contracted(units, negligible=negligible, weighed=weighed)
    return contracted(runs_joined(small), negligible=negligible, weighed=weighed) if joined else small


def _improve(step: _Step, terms: Terms, result: _Found, effort: int) -> bool:
    """Look for a better chain in one step of the search, first near the bound, where few places have a chance.

    Where there is none, and the step misses nothing, the bound rises; where there is one, it is the best of the step. False if
    the step took too long: finer ones would, too.
    """
    whole = lattice(step.units())
    worst = result.chain.largest if result.chain else terms.longest([whole.head[-1]] * terms.stages, _all_bytes(whole, terms))
    exact = step.exact if len(whole.units) >= terms.stages else "no"
    budget, ties = _budgets(whole, effort)
    for share in (64, 16, 8, 4, 2, 1):
        target = result.bound + (worst - result.bound) // share
        every = whole.places(terms.windows(target), budget)
        if every is None:
            return False
        places = thinned(every, terms.windows(target), CROWD)
        exact = exact if len(places) == len(every) else "no"
        search = ChainSearch(whole, places, terms, ties)
        chain = search.minimise(result.bound, target)
        if chain is not None and not _worse(chain, result.chain):
            result.chain, result.lattice = chain, whole
        if ties.left < 0:
            return False
        if chain is not None or target == worst:
            break
        if exact == "yes" or (exact == "with-cost" and not terms.bounded):
            result.bound = min(target + 1, worst)
    result.proved(exact)
    return True


def _cheapen(step: _Step, terms: Terms, largest: int, result: _Found, effort: int) -> bool:
    """Look for fewer bytes in one step of the search, for stages that may take up to ``largest``; False as for `_improve`."""
    whole = lattice(step.units())
    budget, ties = _budgets(whole, effort)
    every = whole.places(terms.windows(largest), budget)
    if every is None:
        return False
    places = thinned(every, terms.windows(largest), CROWD)
    chain = ChainSearch(whole, places, terms, ties).best(largest)
    if chain is not None and (result.chain is None or chain.bytes < result.chain.bytes):
        result.chain, result.lattice = chain, whole
    if len(places) == len(every) and ties.left >= 0 and len(whole.units) >= terms.stages:
        result.proved(step.exact)
    return True


def _budgets(whole: Lattice, effort: int) -> tuple[Budget, Budget]:
    """For the enumeration, and for the comparisons. Long chains of small segments are cheap, and must always go through."""
    return Budget(effort + 30 * len(whole.marks)), Budget(10 * effort + 30 * len(whole.marks))


def _all_bytes(whole: Lattice, terms: Terms) -> list[int]:
    """More bytes than can cross any boundary."""
    return [sum(tensor.bytes for tensor in whole.units.tensors)] * (terms.stages - 1)


def _worse(chain: Chain, other: Chain | None) -> bool:
    return other is not None and (chain.largest, chain.bytes) > (other.largest, other.bytes)


def lower_bound(units: Units, terms: Terms) -> int:
    """What the largest stage takes at least: the mean of all, or the largest single call (Hansen and Lih 1992)."""
    total = units.cost.of(set(range(len(units))))
    held = list(units.cost.own)
    for cost, members in units.cost.shared:
        for member in members:
            held[member] += cost
    return max(ceil(total / sum(terms.pace)), ceil(max(held, default=0) / max(terms.pace)))


def _proven(units: Units, terms: Terms, result: _Found, largest: int) -> bool:
    """Whether no other plan is better: everything was searched, or everything but stages without cost, for which there is
    no room: the other stages could not hold it all."""
    if result.state != "with-cost":
        return result.state == "yes"
    return units.cost.of(set(range(len(units)))) > sum(sorted(terms.costs(largest))[1:])


def _best(units: Units, terms: Terms, result: _Found) -> Best:
    chain = result.chain
    proven = result.state == "yes" or (chain is not None and _proven(units, terms, result, chain.largest))
    if chain is None or result.lattice is None:
        raise CutError(
            f"no plan of {terms.stages} stages {'keeps' if proven else 'was found that keeps'} to the limits",
            code="plan-infeasible",
            hint="allow larger boundaries or stages, or ask for more stages",
        )
    optimal = proven or chain.largest == result.bound or (result.state == "with-cost" and not terms.bounded)
    return Best(
        heads=_heads(result.lattice, chain),
        largest=chain.largest,
        smallest=chain.largest,
        bytes=chain.bytes,
        state="optimal" if optimal else "bounded",
        bytes_state="optimal" if proven else "bounded",
        bound=chain.largest if optimal else result.bound,
    )


def _heads(whole: Lattice, chain: Chain) -> tuple[frozenset[int], ...]:
    return tuple(_calls(whole, place) for place in chain.places)


def _calls(whole: Lattice, place: Place) -> frozenset[int]:
    first = whole.marks[place.segment]
    inside = (first + bit for bit in range(place.mask.bit_length()) if place.mask >> bit & 1)
    return frozenset(call for unit in (*range(first), *inside) for call in whole.units.calls[unit])
