"""What a plan is made of: calls, or groups of calls that stay together, with their costs and the tensors between them.

A call without cost can often be put on one side of a cut for good. Two rules of dominance, each for a call (or group) ``v``
without cost, leave an optimal plan in place:

- *eager*: ``v`` has one predecessor ``u``, and what it gives is no larger than what it alone takes. A cut between ``u`` and
  ``v`` gains by taking ``v`` into the head: the two stay together.
- *lazy*: ``v`` has one successor ``w``, and what it gives is no smaller than all it takes. A cut between ``v`` and ``w`` gains
  by leaving ``v`` behind: the two stay together.

Both keep nested heads nested, and no boundary grows. They only take away stages that cost nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from configsplit.graph.calls import CallGraph, topological
from configsplit.graph.model import TensorRef


@dataclass(frozen=True, slots=True)
class Measure:
    """A cost of sets of calls: ``own`` of each call by itself, and ``shared`` layers, (cost, calls of the layer): such a cost
    is paid once by every set that holds any of the calls. A layer's weights stand once in each part that calls it."""

    own: Sequence[int]
    shared: Sequence[tuple[int, tuple[int, ...]]] = ()

    def of(self, members: set[int]) -> int:
        """The cost of a set."""
        return sum(self.own[member] for member in members) + sum(
            cost for cost, holders in self.shared if not members.isdisjoint(holders)
        )


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor between units: its producer, its size in bytes per sample, and the units that take it."""

    producer: int
    bytes: int
    consumers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Units:
    """Groups of calls in a topological order: every unit comes after its predecessors.

    Attributes:
        calls: per unit, its calls.
        before: per unit, the units that it needs.
        after: per unit, the units that need it.
        tensors: what passes between different units; original inputs are not among them.
        cost: what the plan balances.
        weight: bytes of weights, which limits may bound.
    """

    calls: list[list[int]]
    before: list[list[int]]
    after: list[list[int]]
    tensors: list[Tensor]
    cost: Measure
    weight: Measure
    takes: list[list[int]] = field(default_factory=list)
    gives: list[list[int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.calls)


def units_of(graph: CallGraph, price: Callable[[TensorRef], int], cost: Measure, weight: Measure) -> Units:
    """Every call a unit of its own; InputLayers are none."""
    position = topological(graph)
    order = sorted((call for call in range(len(graph.calls)) if not graph.is_input[call]), key=position.__getitem__)
    number = {call: unit for unit, call in enumerate(order)}
    before = [[number[maker] for maker in graph.before[call] if maker in number] for call in order]
    tensors = [
        Tensor(number[maker], price(ref), tuple(sorted(number[taker] for taker in takers)))
        for ref, takers in graph.consumers.items()
        if (maker := graph.producer(ref)) in number
    ]
    return connected([[call] for call in order], before, tensors, _moved(cost, number), _moved(weight, number))


def _moved(measure: Measure, number: dict[int, int]) -> Measure:
    """A measure of calls as one of units; a shared layer with all its calls in one unit belongs to that unit."""
    own = [0] * (max(number.values(), default=-1) + 1)
    for old, new in number.items():
        own[new] += measure.own[old]
    shared = []
    for cost, holders in measure.shared:
        places = tuple(sorted({number[holder] for holder in holders if holder in number}))
        if len(places) == 1:
            own[places[0]] += cost
        elif places and cost:
            shared.append((cost, places))
    return Measure(own, tuple(shared))


def connected(calls: list[list[int]], before: list[list[int]], tensors: list[Tensor], cost: Measure, weight: Measure) -> Units:
    after: list[list[int]] = [[] for _ in calls]
    for unit, makers in enumerate(before):
        for maker in makers:
            after[maker].append(unit)
    units = Units(calls, before, after, tensors, cost, weight, [[] for _ in calls], [[] for _ in calls])
    for index, tensor in enumerate(tensors):
        units.gives[tensor.producer].append(index)
        for taker in tensor.consumers:
            units.takes[taker].append(index)
    return units


def merged(units: Units, group: Sequence[int]) -> Units:
    """The units with those of one group as one; groups must not make a cycle."""
    order = _quotient_order(units, group)
    number = {name: index for index, name in enumerate(order)}
    place = {unit: number[name] for unit, name in enumerate(group)}
    calls: list[list[int]] = [[] for _ in order]
    needed: list[dict[int, None]] = [{} for _ in order]
    for unit, members in enumerate(units.calls):
        calls[place[unit]] += members
        needed[place[unit]].update((place[maker], None) for maker in units.before[unit] if place[maker] != place[unit])
    tensors = []
    for tensor in units.tensors:
        home = place[tensor.producer]
        takers = tuple(sorted({place[taker] for taker in tensor.consumers} - {home}))
        if takers:
            tensors.append(Tensor(home, tensor.bytes, takers))
    return connected(calls, [list(each) for each in needed], tensors, _moved(units.cost, place), _moved(units.weight, place))


def _quotient_order(units: Units, group: Sequence[int]) -> list[int]:
    """The groups in a topological order (Kahn's algorithm, ties by the first member)."""
    after: dict[int, dict[int, None]] = {name: {} for name in group}
    waiting = dict.fromkeys(group, 0)
    for unit, takers in enumerate(units.after):
        for taker in takers:
            if group[taker] != group[unit] and group[taker] not in after[group[unit]]:
                after[group[unit]][group[taker]] = None
                waiting[group[taker]] += 1
    order = [name for name, count in waiting.items() if count == 0]
    for name in order:  # grows while it is read
        for taker in after[name]:
            waiting[taker] -= 1
            if waiting[taker] == 0:
                order.append(taker)
    return order


# ---------------------------------------------------------------- which units stay together


def contracted(units: Units, *, negligible: int = 0, weighed: bool = False) -> Units:
    """The units after the rules of dominance, applied until none fits any more.

    ``negligible`` is the largest cost that counts as none; above 0 the result is no longer lossless. ``weighed`` says that
    limits bound the bytes of weights, so that a unit with weights is none without cost.
    """
    while True:
        free = _without_cost(units, negligible, weighed)
        group = _joined(units, [unit for unit in free if _partner(units, unit) >= 0])
        if group is None:
            return units
        units = merged(units, group)


def _without_cost(units: Units, negligible: int, weighed: bool) -> list[int]:
    holders = {unit for cost, places in units.cost.shared if cost > negligible for unit in places}
    if weighed:
        holders |= {unit for _, places in units.weight.shared for unit in places}
    return [
        unit
        for unit in range(len(units))
        if units.cost.own[unit] <= negligible and unit not in holders and not (weighed and units.weight.own[unit])
    ]


def _partner(units: Units, unit: int) -> int:
    """The neighbour with which a unit without cost stays, -1 if none."""
    tensors = units.tensors
    makers, takers, takes = units.before[unit], units.after[unit], units.takes[unit]
    given = sum([tensors[index].bytes for index in units.gives[unit]])
    if len(makers) == 1 and given <= sum([tensors[index].bytes for index in takes if len(tensors[index].consumers) == 1]):
        return makers[0]
    if len(takers) == 1 and given >= sum([tensors[index].bytes for index in takes]):
        return takers[0]
    return -1


def _joined(units: Units, movers: Sequence[int]) -> list[int] | None:
    """Groups of one round. A unit that moves must not be one that another joins: its own rule would no longer be checked."""
    group = list(range(len(units)))
    fixed: set[int] = set()
    moved = False
    for unit in movers:
        partner = _partner(units, unit)
        if unit not in fixed and group[partner] == partner:
            group[unit] = partner
            fixed.update((unit, partner))
            moved = True
    return group if moved else None


def runs_joined(units: Units) -> Units:
    """Chains without a branch as one unit each: no plan cuts inside them."""
    group = list(range(len(units)))
    for unit, makers in enumerate(units.before):
        if len(makers) == 1 and len(units.after[makers[0]]) == 1:
            group[unit] = group[makers[0]]
    return merged(units, group)


def in_line(units: Units, order: Sequence[int]) -> Units:
    """The same units with nothing left to choose: each needs the one before it in ``order``, a topological order."""
    place = {unit: index for index, unit in enumerate(order)}
    tensors = [
        Tensor(place[tensor.producer], tensor.bytes, tuple(sorted(place[taker] for taker in tensor.consumers)))
        for tensor in units.tensors
    ]
    before = [[index - 1] if index else [] for index in range(len(order))]
    calls = [units.calls[unit] for unit in order]
    return connected(calls, before, tensors, _moved(units.cost, place), _moved(units.weight, place))


def deep_order(units: Units) -> list[int]:
    """A topological order that finishes a branch before it begins the next: depth-first, the newest unit that is ready."""
    waiting = [len(before) for before in units.before]
    ready = [unit for unit in reversed(range(len(units))) if waiting[unit] == 0]
    order: list[int] = []
    while ready:
        order.append(ready.pop())
        for taker in reversed(units.after[order[-1]]):
            waiting[taker] -= 1
            if waiting[taker] == 0:
                ready.append(taker)
    return order


# Units that no plan may tell apart: where a tensor must not cross, its producer and all that takes it stay in one stage.


def bonded(units: Units, graph: CallGraph, bonds: Collection[TensorRef]) -> Units:
    """The units of `plan_units.units_of` with those as one between which a tensor of ``bonds`` would cross; lossless.

    What lies between two units of a group belongs to it too, and groups that need one another are one: the strongly connected
    components of the graph in which the producer of such a tensor needs its consumers as well.
    """
    if not bonds:
        return units
    number = {call: unit for unit, calls in enumerate(units.calls) for call in calls}
    after = [list(takers) for takers in units.after]
    for ref in bonds:
        if (maker := number.get(graph.producer(ref))) is not None:
            for taker in graph.consumers.get(ref, ()):
                after[number[taker]].append(maker)
    return merged(units, components(after))


def components(after: Sequence[Sequence[int]]) -> list[int]:
    """Per node, the smallest number in its strongly connected component (Kosaraju's algorithm, iterative)."""
    before: list[list[int]] = [[] for _ in after]
    for node, takers in enumerate(after):
        for taker in takers:
            before[taker].append(node)
    numbers = [-1] * len(after)
    for start in reversed(_finished(after)):
        todo = [start] if numbers[start] < 0 else []
        members = []
        while todo:
            node = todo.pop()
            if numbers[node] < 0:
                numbers[node] = start
                members.append(node)
                todo += [other for other in before[node] if numbers[other] < 0]
        smallest = min(members, default=start)
        for node in members:
            numbers[node] = smallest
    return numbers


def _finished(after: Sequence[Sequence[int]]) -> list[int]:
    """The nodes in the order in which a depth-first search is done with them."""
    seen, order = [False] * len(after), []
    for start in range(len(after)):
        stack = [(start, 0)] if not seen[start] else []
        seen[start] = True
        while stack:
            node, position = stack.pop()
            if position == len(after[node]):
                order.append(node)
                continue
            stack.append((node, position + 1))
            taker = after[node][position]
            if not seen[taker]:
                seen[taker] = True
                stack.append((taker, 0))
    return order
