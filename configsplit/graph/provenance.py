"""Where every layer and call of a rewritten model came from: the only thing that weights follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from configsplit.graph.model import LayerPath, Model


@dataclass(frozen=True, slots=True)
class Origin:
    """The layer ``path`` of source number ``source``; call k of the new layer was call ``calls[k]`` of that one."""

    path: LayerPath
    calls: tuple[int, ...] = ()
    source: int = 0


@dataclass(frozen=True, slots=True)
class Provenance:
    """New layer path -> origin. A layer that is missing is fresh. A nested model that was kept whole has one entry, which
    speaks for everything inside it."""

    layers: Mapping[LayerPath, Origin]

    def origin(self, path: LayerPath) -> Origin | None:
        """The origin of a layer, also of one inside a nested model that was kept whole."""
        for length in range(len(path), 0, -1):
            if (origin := self.layers.get(path[:length])) is not None:
                rest = path[length:]
                return origin if not rest else Origin((*origin.path, *rest), (), origin.source)
        return None

    def told_apart(self) -> set[LayerPath]:
        """Layers inside which something has an origin of its own."""
        return {path[:length] for path in self.layers for length in range(1, len(path))}

    def renamed(self, names: Mapping[LayerPath, LayerPath]) -> Provenance:
        """The same for a result some of whose layers have other paths."""
        return Provenance({names.get(path, path): origin for path, origin in self.layers.items()}) if names else self

    def after(self, earlier: Provenance) -> Provenance:
        """The origins in the source of an earlier rewrite, whose result this rewrite was given.

        Origins from other sources than number 0 are left as they are: they are no results of the earlier rewrite.
        """
        return self.through({0: (earlier, 0)})

    def through(self, earlier: Mapping[int, tuple[Provenance | None, int]]) -> Provenance:
        """The origins in the sources of earlier rewrites, whose results were the sources of this one.

        Args:
            earlier: by the number of a source: the rewrite that made it (None: it is a source still), and the number that its
                first source has now. Sources that are left out stay what they are.
        """
        composed: dict[LayerPath, Origin] = {}
        for path, origin in self.layers.items():
            before, start = earlier.get(origin.source, (None, origin.source))
            if before is None:
                composed[path] = replace(origin, source=start)
            elif (first := before.origin(origin.path)) is not None:
                calls = tuple(first.calls[call] for call in origin.calls) if first.calls else origin.calls
                composed[path] = Origin(first.path, calls, start + first.source)
        for number, (before, start) in earlier.items():
            moved = self.moved(number)
            for path, origin in before.layers.items() if before else ():  # what was told apart in a nested model stays so
                above = next((path[:length] for length in range(len(path) - 1, 0, -1) if path[:length] in moved), None)
                if above is not None and path not in moved:
                    place = (*moved[above], *path[len(above) :])
                    composed.setdefault(place, replace(origin, source=start + origin.source))
        return Provenance(composed)

    def moved(self, source: int) -> dict[LayerPath, LayerPath]:
        """Where each layer of a source is now."""
        return {origin.path: path for path, origin in self.layers.items() if origin.source == source}


def identity(model: Model) -> Provenance:
    """Every layer came from itself."""
    return unmoved((layer.name, tuple(range(len(layer.calls)))) for layer in model.layers)


def unmoved(layers: Iterable[tuple[str, tuple[int, ...]]]) -> Provenance:
    """Every layer came from itself, with some of its calls; equal numbers of calls are one object for all layers."""
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    found = (((name,), known.setdefault(calls, calls)) for name, calls in layers)
    return Provenance({path: Origin(path, calls) for path, calls in found})
