"""Put a donor into a model: between tensors, in place of what lies there, or on one edge.

The donor's layers come up flat into the graph. Where a name is taken by a layer that stays, the donor's layer gets the first
free of the suffixes _2, _3, ...
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from configsplit.errors import CutError
from configsplit.graph.calls import call_graph, closure
from configsplit.graph.model import CallRef, LayerPath, Model, TensorRef, Use, free_name
from configsplit.graph.provenance import Origin, Provenance, identity
from configsplit.rewrites.common import Rewritten, prune, redirected
from configsplit.rewrites.nested.open import renamed
from configsplit.rewrites.rename import rename_layers


class Attached(NamedTuple):
    """A host with the layers of a donor beside its own: they take tensors of the host, and nothing takes theirs yet.

    ``outputs`` are the donor's outputs as tensors of ``model``; ``names`` gives each of its layers' name there.
    """

    model: Model
    provenance: Provenance
    outputs: tuple[TensorRef, ...]
    names: Mapping[str, str]


def attach(host: Model, donor: Model, starts: Sequence[TensorRef], *, source: int = 1, recorded: bool = True) -> Attached:
    """Bring the donor's layers into the host, fed by ``starts`` in the order of the donor's inputs.

    ``recorded`` keeps what the donor's document says of its tensors; it does not hold where the host's have another shape.
    """
    given = dict(zip(donor.input_refs(), starts, strict=True))
    taken = {layer.name for layer in host.layers}
    fed = {ref.layer for ref in given}
    names = {layer.name: free_name(layer.name, taken) for layer in donor.layers if layer.name not in fed}

    def moved(ref: TensorRef) -> TensorRef:
        return given[ref] if ref in given else ref._replace(layer=names[ref.layer])

    known = {use.ref: use for layer in host.layers for node in layer.calls for use in node.uses() if use.ref in starts}

    def use(old: Use) -> Use:
        if old.ref in given:  # what was said of the donor's input would be taken for the host's tensor
            return known.get(given[old.ref], Use(given[old.ref]))
        return Use(moved(old.ref), old.recorded if recorded else None, old.spec if recorded else None)

    layers = [
        replace(renamed(layer, names[layer.name]), calls=tuple(node.map_uses(use) for node in layer.calls))
        for layer in donor.layers
        if layer.name in names
    ]
    origins: dict[LayerPath, Origin] = {
        (names[layer.name],): Origin((layer.name,), tuple(range(len(layer.calls))), source)
        for layer in donor.layers
        if layer.name in names
    }
    provenance = Provenance({**identity(host).layers, **origins})
    outputs = tuple(moved(ref) for ref in donor.output_refs())
    return Attached(host.with_layers((*host.layers, *layers)), provenance, outputs, names)


def put_in_place(
    attached: Attached, starts: Sequence[TensorRef], ends: Sequence[TensorRef], only: Collection[CallRef] | None = None
) -> Rewritten:
    """Let the donor's outputs stand for the tensors ``ends``; what nothing needs any more vanishes.

    ``only`` limits it to the arguments of some calls; all of them, and the model's outputs, by default.

    Raises:
        CutError: a start is computed from an end.
    """
    instead = dict(zip(ends, attached.outputs, strict=True))
    grafted = set(attached.names.values())
    _check_order(attached.model, starts, ends, grafted)

    def change(call: CallRef | None, ref: TensorRef) -> TensorRef:
        ours = call is not None and call.layer in grafted
        wanted = only is None or call in only
        return instead.get(ref, ref) if wanted and not ours else ref

    kept, origins = prune(redirected(attached.model, change))
    return _named_back(Rewritten(kept, origins.after(attached.provenance)), attached.names)


def _check_order(model: Model, starts: Sequence[TensorRef], ends: Sequence[TensorRef], grafted: set[str]) -> None:
    graph = call_graph(model)
    for end in ends:
        takers = [taker for taker in graph.consumers.get(end, ()) if graph.calls[taker].layer not in grafted]
        behind = closure(takers, graph.after)
        for start in starts:
            if graph.producer(start) in behind:
                raise CutError(
                    f"{start.layer!r} is computed from {end.layer!r}: a replacement cannot start there and end here",
                    code="surgery-order",
                    where=start.layer,
                    hint="--from names the tensors that the donor takes, --to those it replaces: are they swapped?",
                )


def _named_back(done: Rewritten, names: Mapping[str, str]) -> Rewritten:
    """Layers of the donor get their own names where those have become free."""
    there = {layer.name for layer in done.model.layers}
    grafted = set(names.values())
    stays = there - grafted
    wishes: dict[LayerPath, str] = {}
    for own, name in names.items():
        if own != name and name in there and own not in stays and own not in grafted:
            wishes[(name,)] = own
    back = rename_layers(done.model, wishes)
    return Rewritten(back.model, back.provenance.after(done.provenance))
