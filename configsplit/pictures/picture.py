"""What a picture shows, whatever it is drawn as: boxes, lines between them, and boxes that open.

A picture is flat: what is inside a box is another view of the list, so that no depth of nesting matters to anybody who walks
over it. A view stands before those that its boxes open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["", "added", "gone", "changed"]
Kind = Literal["model", "blocks", "block"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """One call of a layer, or what stands for several.

    Attributes:
        name: what a reference calls it within its model: ``layer`` or ``layer@call``.
        layer: the layer's own name; calls of one layer have it in common.
        shape: of what it gives, the batch left out; of several outputs all.
        parameters, macs: numbers in its weights, and multiply-accumulates of one sample; None where nobody can tell.
        part: the part that it stands in.
        mark: what a difference says of it; ``note`` in words.
        hazard: what building it would run or open.
        shared: which other calls have its weights.
        inside: the view that it opens.
        times: how many blocks of one form it stands for.
        layers: how many layer calls it stands for.
    """

    name: str
    layer: str = ""
    class_name: str = ""
    family: str = ""
    shape: str = ""
    parameters: int | None = 0
    macs: int | None = 0
    part: int | None = None
    mark: Mark = ""
    note: str = ""
    hazard: str = ""
    shared: str = ""
    inside: int | None = None
    times: int = 1
    layers: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A tensor on its way from one box to another of the same view.

    Attributes:
        source, target: numbers of boxes; None is the edge of the view: the tensor comes from outside, or goes there.
        name: the reference that names the tensor.
        bytes: of one sample; None where the size is open or unknown.
        output: which output of the source it is; ``argument``: which tensor it is that the target takes.
        crosses: whether it goes from one part to another.
    """

    source: int | None
    target: int | None
    name: str = ""
    shape: str = ""
    bytes: int | None = None
    output: int = 0
    argument: int = 0
    crosses: bool = False
    mark: Mark = ""


@dataclass(frozen=True, slots=True)
class Link:
    """From a box of an old model to one of the new model beside it, with the rules by which the one became the other."""

    source: int
    target: int
    note: str


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn as one graph: a model, a row of blocks of one form, or one of these.

    ``path`` leads to the model that its boxes are layers of, for references from outside: ``encoder/block3/``. ``inputs`` are
    the boxes that take what a model is called with, in order, ``outputs`` the box and the output of it that it gives. Of two
    models side by side ``beside`` is the first box of the right one, and ``links`` lead from the left one to it.
    """

    kind: Kind
    path: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]
    inputs: tuple[int, ...] = ()
    outputs: tuple[tuple[int, int], ...] = ()
    beside: int = 0
    links: tuple[Link, ...] = ()

    @property
    def marked(self) -> bool:
        """Whether a difference has marked anything in it."""
        return any(box.mark for box in self.boxes) or any(line.mark for line in self.lines)


@dataclass(frozen=True, slots=True)
class PartFacts:
    """A part: its file, how many layers it has, numbers in its weights, and lines on what it takes and gives."""

    file: str
    layers: int
    parameters: int
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, its title, and what is said below that.

    Attributes:
        views: the outermost is the first.
        parts: where it shows the parts of a model.
    """

    title: str
    facts: tuple[str, ...]
    views: tuple[View, ...]
    parts: tuple[PartFacts, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether it shows a difference of two models that there is."""
        return any(view.marked for view in self.views)
