"""A conversion in one picture: the old model on the left, the new one on the right, the rules on the lines between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from configsplit.catalog.keras3.refusals import Migration
from configsplit.graph.model import Layer, LayerPath, Model, walk
from configsplit.pictures.picture import Box, Line, Link, Mark, View

_TOLD = 3
"""Rules that are told of a box that stands for several layers."""


def views_of_conversion(old: Sequence[View], new: Sequence[View], before: Model, migration: Migration) -> tuple[View, ...]:
    """The views of both models, folded or not; layers without an equal on the other side are marked."""
    assert migration.model is not None
    shift, count = len(old), len(old[0].boxes)
    origins = {"/".join(path): "/".join(origin) for path, origin in migration.origins.items()}
    rules = _rules(before, migration)
    left, right = _leaves(old), _leaves(new)
    home = {name: number for number, names in enumerate(left[0]) for name in names}
    links = []
    for number, names in enumerate(right[0]):
        came: dict[int, list[str]] = {}
        for name in names:
            if origins.get(name) in home:
                came.setdefault(home[origins[name]], []).append(name)
        links += [Link(source, count + number, _told(rules.get(name, ()) for name in each)) for source, each in came.items()]
    stays, known = set(origins.values()), set(origins)
    ours = [_marked(view, names, stays, "gone") for view, names in zip(old, left, strict=True)]
    theirs = [_moved(_marked(view, names, known, "added"), shift) for view, names in zip(new, right, strict=True)]
    boxes = (*ours[0].boxes, *theirs[0].boxes)
    lines = (*ours[0].lines, *(_shifted(line, count) for line in theirs[0].lines))
    outermost = View("model", "", boxes, lines, beside=count, links=tuple(links))
    nothing = View("model", "", (), ())  # in the place of the new model's own, so that numbers stay what they are
    return (outermost, *ours[1:], nothing, *theirs[1:])


def _leaves(views: Sequence[View]) -> list[list[tuple[str, ...]]]:
    """Per view and box, the paths of all layers that it stands for, nested models and what is in them."""
    leaves: list[list[tuple[str, ...]]] = [[] for _ in views]
    for number in reversed(range(len(views))):
        for box in views[number].boxes:
            own = (f"{views[number].path}{box.layer}",) if box.layer else ()
            inside = () if box.inside is None else (name for names in leaves[box.inside] for name in names)
            leaves[number].append(tuple(dict.fromkeys((*own, *inside))))
    return leaves


def _rules(before: Model, migration: Migration) -> dict[str, tuple[str, ...]]:
    """What was done to make each new layer: its class, its weights, and what the notes say of the old one."""
    assert migration.model is not None
    old, new = dict(walk(before)), dict(walk(migration.model))
    notes: dict[str, list[str]] = {}
    for note in migration.notes:
        notes.setdefault(note.layer, []).append(note.what)
    return {
        "/".join(path): (
            *_weights(migration, path),
            *_spelling(old.get(origin), new.get(path)),
            *notes.get("/".join(origin), ()),
        )
        for path, origin in migration.origins.items()
    }


def _spelling(old: Layer | None, new: Layer | None) -> tuple[str, ...]:
    """Another class, or else keys of the config that are no more, with those that came."""
    if old is None or new is None:
        return ()
    if old.class_name != new.class_name:
        return (f"{old.class_name} → {new.class_name}",)
    gone, come = ([key for key in one.config if key not in other.config] for one, other in ((old, new), (new, old)))
    if not gone or old.model is not None:
        return ()
    return (f"{_few(gone)} → {_few(come)}" if come else f"without {_few(gone)}",)


def _few(keys: Sequence[str]) -> str:
    return ", ".join(keys[:_TOLD]) + ("…" if len(keys) > _TOLD else "")


def _weights(migration: Migration, path: LayerPath) -> tuple[str, ...]:
    layout = migration.layouts.get(path)
    slots = () if layout is None else layout.slots
    return tuple(f"weight {slot.place.rpartition('/')[2]}: {slot.recipe}" for slot in slots if slot.recipe.steps)


def _told(rules: Iterable[Sequence[str]]) -> str:
    """The rules of several layers, each once."""
    every = list(dict.fromkeys(rule for each in rules for rule in each))
    more = f" and {len(every) - _TOLD} more" if len(every) > _TOLD else ""
    return "; ".join(every[:_TOLD]) + more


def _marked(view: View, names: Sequence[tuple[str, ...]], known: set[str], mark: Mark) -> View:
    boxes = (
        replace(box, mark=mark) if each and known.isdisjoint(each) else box for box, each in zip(view.boxes, names, strict=True)
    )
    return replace(view, boxes=tuple(boxes))


def _moved(view: View, shift: int) -> View:
    return replace(view, boxes=tuple(_inside(box, shift) for box in view.boxes))


def _inside(box: Box, shift: int) -> Box:
    return box if box.inside is None else replace(box, inside=box.inside + shift)


def _shifted(line: Line, count: int) -> Line:
    ends = (None if end is None else end + count for end in (line.source, line.target))
    source, target = ends
    return replace(line, source=source, target=target)
