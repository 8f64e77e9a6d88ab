"""How the weights of a layer become those of its successor: plain copies, or a few steps on their values, as data."""

from __future__ import annotations

from typing import Any, NamedTuple


class Step(NamedTuple):
    """One step on values: its name (see `configsplit.containers.relayout`), and what it needs to know."""

    name: str
    argument: Any = None


class Recipe(NamedTuple):
    """One weight of a new layer, made of the weights ``sources`` of the old one (numbers in its own order).

    Without steps it is a copy, bit for bit. Without sources its first step makes it.
    """

    sources: tuple[int, ...]
    steps: tuple[Step, ...] = ()

    def __str__(self) -> str:
        """``transpose (1, 0), concatenate 0``; ``copy`` without steps."""
        steps = (step.name if step.argument is None else f"{step.name} {step.argument}" for step in self.steps)
        return ", ".join(steps) or "copy"

    def then(self, name: str, argument: Any = None) -> Recipe:
        """The recipe with one more step."""
        return Recipe(self.sources, (*self.steps, Step(name, argument)))


class Slot(NamedTuple):
    """One dataset below the group of a layer in Keras 3's layout (``vars/0``, ``forward_layer/cell/vars/1``)."""

    place: str
    recipe: Recipe


def copies(count: int) -> tuple[Recipe, ...]:
    """Every weight as it is."""
    return tuple(Recipe((number,)) for number in range(count))
