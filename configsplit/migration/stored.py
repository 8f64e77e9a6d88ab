"""What a file of weights holds for each old layer, as far as a migration needs to know it."""

from __future__ import annotations

from dataclasses import dataclass

from configsplit.ir.graph import Shape


@dataclass(frozen=True, slots=True)
class Stored:
    """The weights of one layer, in the order of ``layer.weights``.

    ``names`` are the weights' names in a legacy file (``fc/kernel:0``). ``places`` are their paths below the layer's group in
    a zip archive (``cell/vars/0``), in any order; empty for a legacy file.
    """

    shapes: tuple[Shape, ...] = ()
    names: tuple[str, ...] = ()
    places: tuple[str, ...] = ()

    def part(self, start: int, stop: int) -> Stored:
        """Some of the weights; the places stay as they are, since they tell themselves apart."""
        return Stored(self.shapes[start:stop], self.names[start:stop], self.places)


NOTHING = Stored()
