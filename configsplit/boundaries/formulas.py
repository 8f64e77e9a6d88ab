"""Prices as polynomials in open sizes: fitted to prices at certain sizes, and held against those at others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod

Exponents = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """A price that depends on open sizes: a coefficient for each product of powers of ``names``, the largest product first.

    Exact where the strides of the model divide the sizes; otherwise each layer rounds. Without terms nobody can tell more than
    that it depends on them.
    """

    names: tuple[str, ...]
    terms: tuple[tuple[Exponents, Fraction], ...] = ()

    def __str__(self) -> str:
        return self.told(str)

    def told(self, amount: Callable[[Fraction], str], most: int | None = None) -> str:
        """``16 B × H × W``; of more than ``most`` terms only the first ones, and an ellipsis."""
        if not self.terms:
            return f"depends on {', '.join(self.names)}"
        pieces: list[str] = []
        for powers, coefficient in self.terms[:most]:
            sign = ("" if coefficient > 0 else "-") if not pieces else (" + " if coefficient > 0 else " - ")
            pieces.append(sign + " × ".join([amount(abs(coefficient)), *self._powers(powers)]))
        return "".join(pieces) + (" + …" if most is not None and len(self.terms) > most else "")

    def at(self, sizes: Sequence[int]) -> Fraction:
        """The price at certain sizes, in the order of ``names``."""
        factors = (prod(size**power for size, power in zip(sizes, powers, strict=True)) for powers, _ in self.terms)
        return sum((price * factor for factor, (_, price) in zip(factors, self.terms, strict=True)), Fraction())

    def _powers(self, powers: Exponents) -> list[str]:
        marks = {1: "", 2: "²"}
        return [
            (f"({name})" if "=" in name else name) + marks[power]
            for name, power in zip(self.names, powers, strict=True)
            if power
        ]


Figure = int | Formula


def plain(name: str, figure: Figure) -> dict[str, int | str | None]:
    """A figure as plain values: a number; or null, and the formula beside it."""
    return {name: None, f"{name}_formula": str(figure)} if isinstance(figure, Formula) else {name: figure}


def fitted(
    names: Sequence[str], places: Sequence[int], values: Sequence[int], checks: Mapping[Exponents, int]
) -> Figure | None:
    """The polynomial, of degree ``len(places) - 1`` in each size, that has ``values`` at all combinations of ``places`` (in
    the order of `itertools.product`); a number where it is constant; None where it has not the values of ``checks``."""
    table = dict(zip(product(range(len(places)), repeat=len(names)), map(Fraction, values), strict=True))
    basis = [_lagrange(places, place) for place in places]
    for axis in range(len(names)):
        table = {
            powers: sum(
                (basis[at][powers[axis]] * table[*powers[:axis], at, *powers[axis + 1 :]] for at in range(len(places))),
                Fraction(),
            )
            for powers in table
        }
    terms = sorted(
        ((powers, value) for powers, value in table.items() if value), key=lambda term: (sum(term[0]), term[0]), reverse=True
    )
    formula = Formula(tuple(names), tuple(terms))
    if any(formula.at(sizes) != value for sizes, value in checks.items()):
        return None
    if not any(any(powers) for powers, _ in terms):
        return int(terms[0][1]) if terms else 0
    return formula


def _lagrange(places: Sequence[int], at: int) -> list[Fraction]:
    """Coefficients, the constant one first, of the polynomial that is 1 at one of the places and 0 at the others."""
    terms = [Fraction(1)]
    for place in places:
        if place != at:
            shifted, scale = [Fraction(), *terms], at - place
            terms = [(up - place * down) / scale for up, down in zip(shifted, [*terms, Fraction()], strict=True)]
    return terms
