"""Prices of a graph whose sizes may be open: exact where all are known; else what holds for any size, or nothing.

A choice that depends on open sizes is not made: it is tried for several, and refused where they do not agree. A figure is a
formula, fitted to the figures at sizes that strides divide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, product
from math import prod
from typing import TYPE_CHECKING, TypeVar

from configsplit.boundaries.sizes import Open, Specs, filled, open_in, open_sizes, wanted
from configsplit.catalog.facts import WeightSpec
from configsplit.errors import ShapeError
from configsplit.graph.calls import CallGraph, call_graph
from configsplit.graph.model import Model, TensorRef, TensorSpec
from configsplit.graph.references import outputs_used, tensor_name
from configsplit.inference import Inference, explain
from configsplit.models.document import Document

if TYPE_CHECKING:
    from configsplit.boundaries.costs import Costs
    from configsplit.boundaries.formulas import Figure

TRIED = (224, 32, 1024, 64, 96, 160, 299, 512)
"""Sizes for which a choice is tried: images and sequences as they are, and those between them."""

UNEVEN = ((224, 1024), (1024, 224))
"""Tried too, in turns, where several sizes are open."""

_STEPS = (64 * 3 * 7, 64, 16)
"""What formulas are fitted to multiples of: the strides of networks, and their patches, divide the first; the others are for
models that take no sequences as long as that."""

_DOUBLINGS = 12
"""How far sizes are looked for that a model takes: up to some millions, for those that crop thousands at their ends."""

_HELD = (64, 512, 1024)
"""Sizes at which a formula must be right besides: a layer may treat small ones otherwise (cut off what is longer)."""

_MOST_NAMES = {1: 4, 2: 3}
"""How many sizes a formula of a degree may be of: fitting it takes a power of that."""

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Pricing:
    """What the calls of one model cost at the sizes that are given, or at any.

    Attributes:
        given: what the user says of tensors, sizes of inputs among them.
        known: what is inferred without the sizes.
        avoid: tensors that must not cross.
        stored: the weights, as the file has them, of layers whose class does not tell them.
    """

    document: Document
    model: Model
    given: Specs
    known: Inference
    avoid: frozenset[TensorRef] = frozenset()
    stored: Mapping[str, Sequence[WeightSpec]] = field(default_factory=dict)
    _made: dict[tuple[frozenset[tuple[Open, int]], int], Costs | None] = field(default_factory=dict)

    @cached_property
    def graph(self) -> CallGraph:
        return call_graph(self.model)

    @cached_property
    def base(self) -> Inference:
        """What is known at the sizes that are given."""
        from configsplit.boundaries.costs import sized

        return sized(self.document, self.model, self.given, self.known)

    @cached_property
    def opens(self) -> tuple[Open, ...]:
        return open_sizes(self.base)

    @cached_property
    def is_open(self) -> bool:
        """Whether any price may depend on a size that nobody has told."""
        return any(open_in(self._spec(ref)) for ref in self._tensors)

    @cached_property
    def costs(self) -> Costs:
        """Costs at the sizes that are given; where some are open, at the first size that the model takes: for what does not
        depend on them.
        """
        from configsplit.boundaries.costs import Costs

        self.check()
        if not self.is_open:
            return Costs(self.graph, self.base, self.avoid, stored=self.stored)
        if not self.takes_any:
            raise self.needed("the model takes none of the sizes that were tried, and what it costs")
        return next(self.trials())[1]

    def trials(self) -> Iterator[tuple[tuple[int, ...], Costs]]:
        """Costs at every size tried that the model takes."""
        yield from self._tried(self._start, [*((size,) for size in TRIED), *(UNEVEN if len(self.opens) > 1 else ())])

    def _tried(self, start: int, rows: Iterable[Sequence[int]]) -> Iterator[tuple[tuple[int, ...], Costs]]:
        for row in rows:
            sizes = tuple(start + size for size in row)
            costs = self._at({each: sizes[turn % len(sizes)] for turn, each in enumerate(self.opens)}, sizes[0])
            if costs is not None:
                yield sizes, costs

    @cached_property
    def _start(self) -> int:
        """What is added to every size tried: nothing, unless the model crops so much that it takes fewer than two of them."""
        several = 2
        for start in (0, *(_STEPS[0] << number for number in range(_DOUBLINGS))):
            rows = [(size,) for size in (TRIED if start == 0 else TRIED[:several])]
            if len([*islice(self._tried(start, rows), several)]) == several:
                return start
        return 0

    def same(self, choose: Callable[[Costs], Choice], what: str) -> Choice:
        """A choice, if it is the same for every size tried."""
        choice, agreed = self.chosen(choose)
        if not agreed:
            raise self.needed(what)
        return choice

    def chosen(
        self, choose: Callable[[Costs], Choice], key: Callable[[Choice], object] = lambda each: each
    ) -> tuple[Choice, bool]:
        """A choice, and whether it is the same for every size tried: else that for the first one."""
        choices = [choose(self.costs)]
        if not self.is_open:
            return choices[0], True
        seen = [self._prices(self.costs)]
        sizes: set[int] = set()
        for tried, costs in self.trials():
            sizes.update(tried)
            if (prices := self._prices(costs)) not in seen:
                seen.append(prices)
                choices.append(choose(costs))
            if key(choices[-1]) != key(choices[0]):
                return choices[0], False
        return choices[0], len(sizes) > 1

    @cached_property
    def varies(self) -> bool:
        """Whether any price that a choice goes by differs between the sizes tried."""
        return len(self.distinct) > 1

    @cached_property
    def distinct(self) -> list[Costs]:
        """Costs at the sizes tried, those left out that have the same prices as others; one where no price is open."""
        if not self.is_open:
            return [self.costs]
        return list({self._prices(costs): costs for _, costs in reversed(list(self.trials()))}.values())[::-1] or [self.costs]

    def _prices(self, costs: Costs) -> tuple[int, ...]:
        return (*map(costs.price, self.moved), *costs.macs.own)

    @cached_property
    def moved(self) -> tuple[TensorRef, ...]:
        """What a cut can make cross: what calls give to others, inputs left out."""
        return tuple(ref for ref in self.graph.consumers if not self.graph.is_input[self.graph.producer(ref)])

    @property
    def takes_any(self) -> bool:
        """Whether there are costs at all: all sizes are known, or the model takes one of those that are tried."""
        return not self.is_open or next(self.trials(), None) is not None

    @cached_property
    def span(self) -> tuple[int, int]:
        """The smallest and the largest size that was tried."""
        tried = [size for sizes, _ in self.trials() for size in sizes]
        return min(tried), max(tried)

    def needed(self, what: str) -> ShapeError:
        """The error that asks for the sizes on which something depends."""
        if self.opens:
            names = " and ".join(dict.fromkeys(f"{each.ref.layer!r}" for each in self.opens))
            return ShapeError(
                f"{what} depends on the size of {names}, which is open",
                code="size-needed",
                where=self.opens[0].ref.layer,
                hint=f"give it, for prices only: {wanted(self.model, self.opens, self.base.specs)}",
            )
        name = self._name(next(ref for ref in self._tensors if open_in(self._spec(ref))))
        return ShapeError(
            f"{what} depends on the size of {name!r}, which is unknown",
            code="size-needed",
            where=name,
            hint=f"give it: --shape {name}=None,28,28,128",
        )

    def figures(self, make: Callable[[Costs], Sequence[int]]) -> list[Figure]:
        """Figures out of costs, each as a number if it is the same for any size, else as a formula."""
        from configsplit.boundaries.formulas import Formula

        if not self.is_open:
            return list(make(self.costs))
        fitted = self._fitted(make, 1) or [None] * len(make(self.costs))
        if None in fitted and (better := self._fitted(make, 2)):
            fitted = [new if each is None else each for each, new in zip(fitted, better, strict=True)]
        if None in fitted:
            fitted = [new if each is None else each for each, new in zip(fitted, self._constant(make), strict=True)]
        return [Formula(self.names) if each is None else each for each in fitted]

    def _constant(self, make: Callable[[Costs], Sequence[int]]) -> list[Figure | None]:
        """Figures that are the same for every size tried, where no formula can be fitted."""
        columns = zip(*(make(costs) for _, costs in self.trials()), strict=True)
        return [column[0] if len(set(column)) == 1 else None for column in columns]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What formulas call the open sizes."""
        if self.opens:
            return tuple(each.name for each in self.opens)
        return tuple(self._name(ref) for ref in self._tensors if open_in(self._spec(ref)))[:1]

    def _fitted(self, make: Callable[[Costs], Sequence[int]], degree: int) -> list[Figure | None] | None:
        """Formulas of a degree; None where the model does not take the sizes that they are fitted to."""
        from configsplit.boundaries.formulas import fitted

        for step, groups in product(_STEPS, self._groups(_MOST_NAMES[degree])):
            places = [self._start + step * (number + 1) for number in range(degree + 1)]
            corners = [self._together(groups, sizes) for sizes in product(places, repeat=len(groups))]
            check = tuple(self._start + step * (degree + 2 + number) for number in range(len(groups)))
            if None in corners or self._together(groups, check) is None:
                continue
            held = {
                sizes: self._together(groups, sizes)
                for sizes in (check, *((self._start + size,) * len(groups) for size in _HELD))
            }
            columns = zip(*(make(costs) for costs in corners if costs is not None), strict=True)
            rows = {sizes: make(costs) for sizes, costs in held.items() if costs is not None}
            names = ["=".join(each.name for each in group) for group in groups]
            return [
                fitted(names, places, values, {sizes: row[number] for sizes, row in rows.items()})
                for number, values in enumerate(columns)
            ]
        return None

    def _groups(self, most: int) -> Iterator[list[list[Open]]]:
        """Open sizes that are one variable: each for itself; or those on one axis, which several inputs may have to share."""
        if 0 < len(self.opens) <= most:
            yield [[each] for each in self.opens]
        axes: dict[int, list[Open]] = {}
        for each in self.opens:
            axes.setdefault(each.axis, []).append(each)
        if 0 < len(axes) <= most:
            yield list(axes.values())

    def _together(self, groups: Sequence[Sequence[Open]], sizes: Sequence[int]) -> Costs | None:
        return self._at({each: size for group, size in zip(groups, sizes, strict=True) for each in group}, prod(sizes) ** 3)

    def _at(self, sizes: dict[Open, int], loose: int) -> Costs | None:
        """Costs at certain sizes, ``loose`` standing for those that even then nobody knows; None if the model has not them."""
        from configsplit.boundaries.costs import Costs, sized

        key = (frozenset(sizes.items()), loose)
        if key not in self._made:
            specs = {each.ref: self._spec(each.ref) for each in self.opens}
            given = {**self.given, **filled(specs, sizes)}
            inference = sized(self.document, self.model, given, self.known, self._only_recorded)
            fits = not self._lost(inference) and not self._clash(inference)
            self._made[key] = Costs(self.graph, inference, self.avoid, loose, self.stored) if fits else None
        return self._made[key]

    @cached_property
    def _only_recorded(self) -> frozenset[str]:
        """Layers of undeclared classes: of what they give there is only the record, in which a size that follows an open one is
        open, too."""
        return frozenset(each.name for each in self.model.layers if each.model is None and self.known.shape_undeclared(each))

    def _clash(self, inference: Inference) -> tuple[str, str] | None:
        """A layer that cannot take what arrives there at certain sizes, though the document tells a shape of what it gives; and
        why."""

        from configsplit.inference.clashes import clashes_in

        known = clashes_in(self.known)
        return next((("/".join(path), why) for path, why in clashes_in(inference).items() if path not in known), None)

    def _lost(self, inference: Inference) -> TensorRef | None:
        """A tensor that has no shape any more, or one without elements, at certain sizes."""
        for ref in self._tensors:
            shape = inference.specs.get(ref, TensorSpec()).shape
            known = self._spec(ref).shape if inference is not self.base else self.known.specs.get(ref, TensorSpec()).shape
            if (shape is None and known is not None) or any(size is not None and size < 1 for size in (shape or ())[1:]):
                return ref
        return None

    def check(self) -> None:
        """Raises ShapeError where the model cannot have the sizes that are given."""
        if self.base is self.known:
            return
        names = [ref.layer for ref in self.model.input_refs() if ref in self.given]
        if (lost := self._lost(self.base)) is not None:
            why = explain(self.base, lost)
            what = f"{self._name(lost)!r} would have no elements, or no shape" + (f" ({why})" if why else "")
        elif (clash := self._clash(self.base)) is not None:
            what = f"{clash[0]!r} cannot take what arrives there: {clash[1]}"
        else:
            return
        raise ShapeError(
            f"with these sizes of {', '.join(map(repr, names))} {what}",
            code="size-unfit",
            where=names[0] if names else "",
            hint="give sizes that the model accepts",
        )

    @cached_property
    def _tensors(self) -> tuple[TensorRef, ...]:
        return tuple(dict.fromkeys((*self.graph.consumers, *self.graph.outputs)))

    def _spec(self, ref: TensorRef) -> TensorSpec:
        return self.base.specs.get(ref, TensorSpec())

    def _name(self, ref: TensorRef) -> str:
        return tensor_name(ref, self.model.by_name(), outputs_used(self.model))
