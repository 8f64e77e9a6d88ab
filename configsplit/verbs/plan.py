"""`plan`: a pipeline of N stages, the largest as small as it can be, then the fewest bytes across the boundaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import get_args

from configsplit.boundaries.carrying import Carried, carried_out
from configsplit.boundaries.costs import Costs, read_profile
from configsplit.boundaries.doubts import opened_shapes
from configsplit.boundaries.fixing import fixed
from configsplit.boundaries.flattened import Flattened, flattened
from configsplit.boundaries.forbidden import Forbidden, forbidden, with_masks
from configsplit.boundaries.formulas import Figure, Formula
from configsplit.boundaries.masks import needed
from configsplit.boundaries.pricing import Pricing
from configsplit.boundaries.sizes import apart, moved
from configsplit.cutting.minimum_cut import partition
from configsplit.cutting.pipeline.plan import Best, best_plan
from configsplit.cutting.pipeline.search import UNLIMITED, Terms
from configsplit.cutting.pipeline.units import Measure, bonded, units_of
from configsplit.errors import CutError, check_choice, check_number, nearest_choice
from configsplit.graph.calls import CallGraph
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.inference import Inference, traced_masks
from configsplit.inference.tensor_kinds import with_kinds
from configsplit.models.document import Document, Said
from configsplit.models.made import ModelLike, document_of
from configsplit.models.wrapped import told_shapes
from configsplit.rewrites.casts import Wider
from configsplit.rewrites.masks import cannot_follow
from configsplit.rewrites.nested.surface import Told
from configsplit.rewrites.split import Split, assemble
from configsplit.telling import decided, doing
from configsplit.verbs.file_weights import stored_weights
from configsplit.verbs.planned import UNITS, Balance, Boundary, Device, Plan, Stage, State, read_devices, terms
from configsplit.verbs.split import as_parts
from configsplit.weights.implied import told_by_weights


@dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for."""

    balance: Balance
    terms: Terms
    profile: Mapping[str, float] | None
    devices: tuple[Device, ...]
    slack: Fraction

    def measure(self, costs: Costs, seen: Flattened) -> Measure:
        """What is balanced."""
        if self.balance == "latency":
            return seen.milliseconds(costs, self.profile or {})
        return {"params": costs.parameters, "macs": costs.macs, "bytes": costs.weights}[self.balance]

    @property
    def unit(self) -> str:
        return "ns" if self.terms.pace and not self.terms.alike else UNITS[self.balance]


def plan(
    model: ModelLike,
    stages: int,
    *,
    balance: Balance = "macs",
    profile: str | Path | Mapping[str, float] | None = None,
    devices: str | Path | Sequence[Device] = (),
    max_boundary_bytes: int | None = None,
    max_stage_bytes: int | None = None,
    slack: float = 0.0,
    shapes: Said = (),
    opened: Iterable[str] = (),
    sizes: Said = (),
    fix_size: bool = False,
    boundary_dtype: Wider | None = None,
    whole_nested: bool = False,
) -> Plan:
    """The best way to cut a model into a pipeline of stages. Nothing is written before ``save`` of the result.

    Args:
        model: a file, a loaded model, or the result of another verb.
        stages: how many parts.
        balance: what to balance: parameters, multiply-accumulates, bytes of weights, or measured milliseconds.
        profile: for ``latency``: milliseconds of each layer, or a file of them.
        devices: the device of each stage, or a file that lists them.
        max_boundary_bytes: maximum bytes per sample across any boundary.
        max_stage_bytes: maximum bytes of weights in any stage.
        slack: by how much the largest stage may exceed the smallest possible, for fewer bytes across: 0.05 for 5%.
        shapes: as for `split`. The shape of an input affects costs only: the parts keep that of the document.
        opened, sizes, fix_size: as for `split`.
        boundary_dtype: as for `split`.
        whole_nested: never cut inside a nested model.

    Returns:
        The plan: its stages and boundaries with what each costs (bytes and multiply-accumulates of one sample, milliseconds for
        ``latency``), its parts, and whether it is proven optimal.

    Raises:
        CutError: no plan meets the limits, or the arguments do not fit the model. Or that many stages need
            a cut through a tensor that may be sparse or ragged, or whose mask cannot cross.
        ShapeError: the shape of a tensor that crosses is unknown; or the best plan depends on a size that is open.

    Example:
        >>> plan = configsplit.plan("model.keras", 2)
        >>> [stage.macs for stage in plan.stages]
        [6912, 9230]
    """
    if boundary_dtype is not None:
        check_choice("boundary_dtype", boundary_dtype, Wider)
    wish = _wish(stages, balance, profile, devices, max_boundary_bytes, max_stage_bytes, slack)
    document = document_of(model)
    said = told_shapes(document, shapes) + told_shapes(document, opened_shapes(document, opened))
    told, sized = apart(document, [*said, *told_by_weights(document, said)], sizes)
    document = fixed(document, sized) if fix_size else document
    seen = _seen(document, told, wish, whole=whole_nested or stages == 1)
    return _planned(seen, _ground(seen, sized), wish, boundary_dtype)


def pipelines(document: Document, most: int, sizes: Said = ()) -> Iterator[Plan]:
    """The plans of 2 stages, of 3, and so on, as `plan` makes them by multiply-accumulates; the model is read and priced once.

    Args:
        document: a model.
        most: the most stages; the plans end before, where the model has no more.
        sizes: as for `plan`.

    Returns:
        One plan after the other.

    Raises:
        CutError, ShapeError: as `plan` does for 2 stages.
    """
    told, sized = apart(document, told_by_weights(document, []), sizes)
    seen = flattened(document, told)
    ground = _ground(seen, sized)
    for stages in range(2, most + 1):
        wish = _wish(stages, "macs", None, (), None, None, 0.0)
        try:
            planned = _planned(seen, ground, wish, None)
        except CutError:
            if stages == 2:
                raise
            return
        yield planned


def _planned(seen: Flattened, ground: _Ground, wish: _Wish, dtype: Wider | None) -> Plan:
    doing(f"planning {wish.terms.stages} stages")
    work = _around_masks(seen, _work(seen, ground, wish), ground, wish)
    done = carried_out(seen, work.best.heads)
    if done.masked:
        work = replace(work, best=replace(work.best, bytes_state="bounded"))  # masks that cross were not priced
    made = _described(seen, work, done, wish, dtype)
    decided(lambda: _why(made))
    return made


def _why(made: Plan) -> str:
    """What the plan was held against."""
    at = "; ".join(", ".join(boundary.tensors) for boundary in made.boundaries)
    return (
        f"{len(made.stages)} stages by {made.balance}, cut at {at}: the largest has {made.largest} {made.unit}, no plan "
        f"less than {made.bound} ({made.state}); {made.bytes} bytes a sample across, the fewest of these ({made.bytes_state})"
    )


def _seen(document: Document, told: Sequence[Told], wish: _Wish, *, whole: bool) -> Flattened:
    """The model with its nested models opened; balanced by times, those whose layers were measured one by one."""
    if wish.profile is None:
        return flattened(document, told, whole=whole)
    measured = tuple(wish.profile)
    return flattened(document, told, lambda path: any(key.startswith(f"{'/'.join(path)}/") for key in measured), whole=whole)


def _around_masks(seen: Flattened, work: _Work, ground: _Ground, wish: _Wish) -> _Work:
    """The same plan, or another where a mask that is needed behind one of its boundaries cannot be handed over."""
    masks = traced_masks(work.inference)
    if not masks.heeded() or not needed(_parts(seen, work), masks):
        return work
    kept_clear = with_masks(Forbidden(), seen.document, work.inference)
    closed = frozenset(ref for ref in masks.heeded() if masks.tensors[ref].kind == "hidden")
    if not kept_clear.masked and not closed:
        return work
    lost = kept_clear.lost or cannot_follow(masks.tensors[min(closed)])
    return _work(seen, ground, wish, Forbidden(masked=kept_clear.masked | closed, lost=lost))


def _wish(
    stages: int,
    balance: Balance,
    profile: str | Path | Mapping[str, float] | None,
    devices: str | Path | Sequence[Device],
    boundary: int | None,
    stage: int | None,
    slack: float,
) -> _Wish:
    if balance not in get_args(Balance):
        hint = nearest_choice(str(balance), get_args(Balance))
        raise CutError(f"stages cannot be balanced by {balance!r}", code="plan-balance", where="balance", hint=hint)
    check_number("stages", stages, 1, whole=True)
    check_number("slack", slack, 0)
    if (profile is None) == (balance == "latency"):
        raise CutError(
            "a profile and --balance latency need each other",
            code="plan-profile",
            hint="`configsplit profile MODEL --out profile.json` measures one; --balance latency --profile profile.json",
        )
    times = read_profile(profile) if isinstance(profile, (str, Path)) else profile
    listed = read_devices(devices) if isinstance(devices, (str, Path)) else tuple(devices)
    return _Wish(balance, terms(stages, listed, balance, boundary, stage), times, listed, Fraction(str(slack)))


@dataclass(frozen=True, slots=True)
class _Ground:
    """What plans of any number of stages go by: what the calls cost, and where no boundary may lie."""

    pricing: Pricing
    inference: Inference
    kept_clear: Forbidden


def _ground(seen: Flattened, sizes: Mapping[TensorRef, TensorSpec]) -> _Ground:
    document, whole = seen.document, seen.flat.whole
    inference, doubtful = with_kinds(document.infer_given(whole.given, whole.model))
    given = {**whole.given, **moved(sizes, document.model, whole.model)}
    pricing = Pricing(document, whole.model, given, inference, doubtful, stored_weights(seen, inference))
    return _Ground(pricing, inference, replace(forbidden(inference, doubtful), nameless=seen.nameless))


@dataclass(frozen=True, slots=True)
class _Work:
    """A plan of one form of the model, and the parts that come out of it."""

    pricing: Pricing
    best: Best
    agreed: bool
    inference: Inference


def _work(seen: Flattened, ground: _Ground, wish: _Wish, more: Forbidden | None = None) -> _Work:
    """The best plan that cuts nowhere where `split` would refuse."""
    graph, pricing, inference, kept_clear = seen.graph, ground.pricing, ground.inference, ground.kept_clear
    if min(wish.terms.bytes, default=UNLIMITED) < UNLIMITED and pricing.is_open:
        raise pricing.needed("which boundaries keep to the limit of bytes")
    kept_clear = replace(kept_clear, masked=more.masked, lost=more.lost) if more else kept_clear

    measure = partial(wish.measure, seen=seen)

    def choose(costs: Costs) -> Best:
        every = units_of(graph, costs.price, measure(costs), costs.weights)
        units = bonded(every, graph, kept_clear.all)
        if len(units) < wish.terms.stages <= len(every):
            kept_clear.refuse(inference)
            units = every  # the shape that nobody can tell is named when the parts are built
        return best_plan(units, wish.terms, slack=wish.slack)

    best, agreed = pricing.chosen(choose, key=lambda each: each.heads)
    if not agreed and not _settled(pricing, wish, measure):
        raise pricing.needed(f"the best plan of {wish.terms.stages} stages")
    return _Work(pricing, best if agreed else replace(best, bytes_state="bounded"), agreed, inference)


def _settled(pricing: Pricing, wish: _Wish, measure: Callable[[Costs], Measure]) -> bool:
    """Whether what is balanced is the same for any size: then only bytes depend on it."""
    links = any(link is not None for link in wish.terms.link)
    return not pricing.varies or (not links and len({(*measure(costs).own,) for costs in pricing.distinct}) == 1)


def _parts(seen: Flattened, work: _Work) -> Split:
    """What the plan makes of the flat graph."""
    heads = [set(head) for head in work.best.heads]
    return assemble(seen.model, seen.graph, partition(seen.graph, heads), work.inference.specs)


def _described(seen: Flattened, work: _Work, done: Carried, wish: _Wish, dtype: str | None) -> Plan:
    document, pricing, best, graph = seen.document, work.pricing, work.best, seen.graph
    edges = [frozenset[int](), *best.heads, frozenset(call for call in range(len(graph.calls)) if not graph.is_input[call])]
    members = [set(outer - inner) for inner, outer in pairwise(edges)]
    stages = _stages(seen, pricing, members, wish)
    spent, settled = [stage.cost for stage in stages], _settled(pricing, wish, partial(wish.measure, seen=seen))
    known = [each for each in spent if isinstance(each, int)]
    largest, smallest, bound = (best.largest, best.smallest, best.bound) if settled else (_alone(spent, wish, pricing),) * 3
    (across,) = pricing.figures(lambda costs: [sum(_crossing_bytes(costs, best.heads))])
    tried, uncounted = work.agreed and pricing.varies and len(spent) > 1, seen.paths(_uncounted(pricing.costs, wish))
    states: list[State] = [best.state, best.bytes_state]
    if uncounted and wish.balance != "latency":
        states = ["bounded", "bounded"]
    if tried:
        states = [
            "tried" if state == "optimal" and goes else state for state, goes in zip(states, (not settled, True), strict=True)
        ]
    return Plan(
        document=document,
        balance=wish.balance,
        unit=wish.unit,
        stages=stages,
        boundaries=_boundaries(seen, pricing, best.heads),
        largest=largest,
        smallest=smallest,
        bound=bound,
        state=states[0],
        bytes=across,
        bytes_state=states[1],
        imbalance=(max(known) * len(spent) / (sum(known) or 1) if any(known) else 1.0) if settled else None,
        uncounted=uncounted,
        undeclared=tuple(name for name in seen.paths(pricing.costs.undeclared) if name in uncounted),
        tried=pricing.span if tried else None,
        parts=as_parts(document, done.sliced, dtype),
    )


def _uncounted(costs: Costs, wish: _Wish) -> tuple[str, ...]:
    """Layers of which nobody can tell what is balanced; where that is weights, the file tells those that it has."""
    return costs.unweighed if wish.balance in ("bytes", "params") else costs.uncounted


def _alone(spent: Sequence[Figure], wish: _Wish, pricing: Pricing) -> Figure:
    """The largest stage where that depends on open sizes: known only if there is no other."""
    return spent[0] if len(spent) == 1 and wish.terms.alike else Formula(pricing.names)


def _stages(seen: Flattened, pricing: Pricing, members: Sequence[set[int]], wish: _Wish) -> tuple[Stage, ...]:
    measures: tuple[Callable[[Costs], Measure], ...] = (lambda costs: wish.measure(costs, seen), lambda costs: costs.macs)
    spent, macs = (pricing.figures(lambda costs, of=of: list(map(of(costs).of, members))) for of in measures)  # type: ignore[misc]
    return tuple(
        Stage(
            device=wish.devices[number].name if wish.devices else None,
            calls=len(calls),
            cost=spent[number],
            parameters=pricing.costs.parameters.of(calls),
            weight_bytes=pricing.costs.weights.of(calls),
            macs=macs[number],
            closed=_closed(seen, calls),
        )
        for number, calls in enumerate(members)
    )


def _closed(seen: Flattened, calls: set[int]) -> tuple[str, ...]:
    layers, ordered = seen.model.by_name(), [seen.graph.calls[call] for call in sorted(calls)]
    return tuple(seen.call_names[call] for call in ordered if layers[call.layer].model is not None)


def _boundaries(seen: Flattened, pricing: Pricing, heads: Sequence[frozenset[int]]) -> tuple[Boundary, ...]:
    bytes_ = pricing.figures(lambda costs: _crossing_bytes(costs, heads))
    boundaries = []
    for head, size in zip(heads, bytes_, strict=True):
        names = tuple(seen.names[ref] for ref in _crossing(pricing.graph, head))
        boundaries.append(Boundary(tensors=names, bytes=size))
    return tuple(boundaries)


def _crossing(graph: CallGraph, head: frozenset[int]) -> list[TensorRef]:
    made = [(ref, takers) for ref, takers in graph.consumers.items() if graph.producer(ref) in head]
    crossing = [ref for ref, takers in made if not head.issuperset(takers)]
    return sorted(crossing, key=lambda ref: (graph.producer(ref), ref.output))


def _crossing_bytes(costs: Costs, heads: Sequence[frozenset[int]]) -> list[int]:
    return [sum(map(costs.price, _crossing(costs.graph, head))) for head in heads]
