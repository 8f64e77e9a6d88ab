"""Call numbers that a release of Keras 3 wrote wrongly: put right where only one reading is possible, refused elsewhere.

Two releases are known for it. Keras 3.0 numbers the calls of a layer as they were made, not as they are recorded, so that a
model cut out of another speaks of call 1 of a layer with one call. Keras 3.2.1 writes 0 for every call of a nested Sequential
that is shared. In both, every recorded call is used by something, and calls of a layer are recorded in the order of calling.

Keras 3.0 to 3.10 put an InputLayer ``...CLONE`` in the place of a tensor at which a model was begun, and go on counting it by
the call (3.0, 3.1) or the output that the tensor had where it came from. An InputLayer has one of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from types import MappingProxyType
from typing import Any, TypeAlias

from configsplit.errors import DocumentError
from configsplit.graph.json import rebuild
from configsplit.graph.model import Layer, Model, Node, TensorRef, Use, leaves

_CLONE = "CLONE"
"""What Keras puts behind the name of a tensor to name the InputLayer that takes its place."""

NOTHING: Mapping[Any, Any] = MappingProxyType({})

MOST_READINGS = 4096
"""Readings of one layer's references that are tried; more of them are never unambiguous in practice."""


Stated: TypeAlias = Mapping[tuple[str, int], tuple[tuple[str, int], ...]]
"""What the user says of calls: (layer, call), or ``outputs`` for those of the model -> the calls whose outputs it takes."""

OUTPUTS = "outputs"


def stated(texts: Iterable[str]) -> dict[tuple[str, int], tuple[tuple[str, int], ...]]:
    """``subtract=base@0,base@1`` as `Stated`."""
    calls = {}
    for text in texts:
        taker, _, givers = text.partition("=")
        try:
            calls[_call(taker)] = tuple(map(_call, givers.split(",")))
        except ValueError:
            hint = "write LAYER=GIVER@CALL,GIVER@CALL, calls counted from 0"
            raise DocumentError(f"{text!r} does not say which calls a layer takes", code="calls-syntax", hint=hint) from None
    return calls


def _call(text: str) -> tuple[str, int]:
    """``base@1``; call 0 where none is said. Raises ValueError."""
    name, mark, number = text.rpartition("@")
    if not (name or (text and not mark)):
        raise ValueError(text)
    return (name, int(number)) if mark else (text, 0)


def recovered(model: Model, unresolved: bool, said: Stated = NOTHING) -> tuple[Model, tuple[str, ...]]:
    """The model with its call numbers put right, and what was put right, in sentences; the model itself where all is well.

    Args:
        model: a functional model with the call numbers of its document.
        unresolved: whether it has references to calls that are not recorded. Of them those are put right that have one reading.
        said: what the user says of calls that have lost their numbers.

    Raises:
        DocumentError: the calls of a shared Sequential have lost their numbers, and several readings are possible.
    """
    notes: list[str] = []
    model = _cloned(model, notes)
    for index in _shared_chains(model):
        layer = model.layers[index]
        used = _used(model, layer.name)
        if set(used) == {0} and any(layer.name == giver for takes in said.values() for giver, _ in takes):
            model = _renumbered(model, layer.name, _said_reading(model, layer, said))
            notes.append(f"the calls of {layer.name!r} had lost their numbers; they are read as --calls says")
        elif set(used) == {0}:
            model = _renumbered(model, layer.name, _only_reading(model, layer, len(used), index))
            notes.append(f"the calls of {layer.name!r} had lost their numbers; only one reading is possible")
    model = _recounted(model, notes) if unresolved else model
    return model, tuple(notes)


def _cloned(model: Model, notes: list[str]) -> Model:
    """References to InputLayers that Keras cloned, with the only numbers that such a layer has."""
    clones = {layer.name for layer in model.layers if layer.is_input and layer.name.endswith(_CLONE)}
    wrong = {ref for ref in _references(model) if ref.layer in clones and ref != TensorRef(ref.layer)} if clones else None
    if not wrong:
        return model
    notes += [f"{ref.layer!r} was used as call {ref.call}, output {ref.output}; it has only the first" for ref in sorted(wrong)]
    return _replaced(model, {ref: TensorRef(ref.layer) for ref in wrong})


def _replaced(model: Model, instead: Mapping[TensorRef, TensorRef]) -> Model:
    def use(old: Use) -> Use:
        return replace(old, ref=instead.get(old.ref, old.ref))

    def end(item: Any) -> Any:
        return instead.get(item, item) if type(item) is TensorRef else item

    layers = tuple(replace(layer, calls=tuple(node.map_uses(use) for node in layer.calls)) for layer in model.layers)
    return replace(model, layers=layers, inputs=rebuild(model.inputs, end), outputs=rebuild(model.outputs, end))


def _recounted(model: Model, notes: list[str]) -> Model:
    """The calls that are used are the calls that are recorded, where there are as many: both stand in the order of calling."""
    counts = {layer.name: len(layer.calls) for layer in model.layers if layer.model is None and not layer.is_input}
    for name in dict.fromkeys(ref.layer for ref in _references(model) if ref.call >= counts.get(ref.layer, ref.call + 1)):
        used = _used(model, name)
        recorded = sorted(set(used))
        if len(recorded) == counts[name]:
            model = _renumbered(model, name, map(recorded.index, used))
            notes.append(f"the calls of {name!r} were numbered {recorded}; they are the {len(recorded)} that are recorded")
    return model


def _shared_chains(model: Model) -> list[int]:
    """The places of nested Sequentials that are called several times."""
    nested = ((index, layer) for index, layer in enumerate(model.layers) if layer.model is not None)
    return [index for index, layer in nested if len(layer.calls) > 1 and layer.model and layer.model.kind == "sequential"]


def _references(model: Model) -> Iterator[TensorRef]:
    """Every reference; `_renumbered` visits those to one layer in this order."""
    for layer in model.layers:
        for node in layer.calls:
            yield from (use.ref for use in node.uses())
    yield from leaves(model.inputs, TensorRef)
    yield from leaves(model.outputs, TensorRef)


def _used(model: Model, name: str) -> list[int]:
    return [ref.call for ref in _references(model) if ref.layer == name]


def _renumbered(model: Model, name: str, calls: Iterable[int]) -> Model:
    """The model with the references to one layer given other call numbers, in the order of `_references`."""
    numbers = iter(calls)

    def end(item: Any) -> Any:
        return item._replace(call=next(numbers)) if type(item) is TensorRef and item.layer == name else item

    layers = tuple(
        replace(layer, calls=tuple(_recalled(node, name, numbers) for node in layer.calls)) for layer in model.layers
    )
    return replace(model, layers=layers, inputs=rebuild(model.inputs, end), outputs=rebuild(model.outputs, end))


def _recalled(node: Node, name: str, numbers: Iterator[int]) -> Node:
    """A call with its references to one layer given new numbers, in the order of ``node.uses()``."""
    new = {id(use): next(numbers) for use in node.uses() if use.ref.layer == name}

    def changed(use: Use) -> Use:
        return replace(use, ref=use.ref._replace(call=new[id(use)])) if id(use) in new else use

    return node.map_uses(changed) if new else node


def _only_reading(model: Model, layer: Layer, references: int, index: int) -> tuple[int, ...]:
    calls = range(len(layer.calls))
    readings: list[tuple[int, ...]] = []
    if len(calls) ** references <= MOST_READINGS:
        readings = [
            reading
            for reading in product(calls, repeat=references)
            if set(reading) == set(calls) and _has_an_order(_renumbered(model, layer.name, reading))
        ]
    if len(readings) != 1:
        raise DocumentError(
            f"{len(calls)} calls of the Sequential {layer.name!r} are recorded, but every use names the first",
            code="document-lost-calls",
            where=f"layers[{index}]",
            hint=f"Keras 3.2.1 loses these numbers, and several readings are possible; {_offer(model, layer, readings)}",
        )
    return readings[0]


def _takers(model: Model, name: str) -> list[tuple[str, int]]:
    """Who takes what a layer gives: a call for each reference, in the order of `_references`."""
    takers = [
        (layer.name, number)
        for layer in model.layers
        for number, node in enumerate(layer.calls)
        for use in node.uses()
        if use.ref.layer == name
    ]
    ends = [ref for ref in (*leaves(model.inputs, TensorRef), *leaves(model.outputs, TensorRef)) if ref.layer == name]
    return [*takers, *((OUTPUTS, 0) for _ in ends)]


def _said_reading(model: Model, layer: Layer, said: Stated) -> tuple[int, ...]:
    """The reading that the user states."""
    left = {taker: [call for giver, call in takes if giver == layer.name] for taker, takes in said.items()}
    takers = _takers(model, layer.name)
    missing = next((taker for taker in takers if not left.get(taker)), None)
    reading = () if missing else tuple(left[taker].pop(0) if left[taker] else -1 for taker in takers)
    wrong = missing or next((taker for taker, rest in left.items() if rest), None)
    if wrong or set(reading) != {*range(len(layer.calls))} or not _has_an_order(_renumbered(model, layer.name, reading)):
        told = ", ".join(dict.fromkeys(name if not call else f"{name}@{call}" for name, call in takers))
        raise DocumentError(
            f"--calls does not say which of the {len(layer.calls)} calls of {layer.name!r} each of these takes: {told}",
            code="calls-unclear",
            where=layer.name,
            hint="each call is used by something, and none by what it needs itself",
        )
    return reading


def _offer(model: Model, layer: Layer, readings: list[tuple[int, ...]]) -> str:
    """The reading that is likely, as the user would state it: the calls are taken in the order in which they were made."""
    likely = next((reading for reading in readings if list(reading) == sorted(reading)), None)
    if likely is None:
        return "say the right one: configsplit extract FILE --calls LAYER=GIVER@CALL,GIVER@CALL"
    takes: dict[tuple[str, int], list[str]] = {}
    for taker, call in zip(_takers(model, layer.name), likely, strict=True):
        takes.setdefault(taker, []).append(f"{layer.name}@{call}")
    ends = " --to ".join(dict.fromkeys(ref.layer for ref in leaves(model.outputs, TensorRef)))
    told = " ".join(f"--calls {name}{f'@{call}' if call else ''}={','.join(given)}" for (name, call), given in takes.items())
    return f"say the right one, which is likely this: configsplit extract FILE {told} --to {ends} --out NEW"


def _has_an_order(model: Model) -> bool:
    """Whether the calls can be made one after the other, those of a layer in the order in which they are recorded."""
    waiting = {
        (layer.name, number): {(use.ref.layer, use.ref.call) for use in node.uses()}
        | ({(layer.name, number - 1)} if number else set())
        for layer in model.layers
        for number, node in enumerate(layer.calls)
    }
    takers: dict[tuple[str, int], list[tuple[str, int]]] = {}
    for call, needs in waiting.items():
        for need in needs:
            takers.setdefault(need, []).append(call)
    ready = [call for call, needs in waiting.items() if not needs]
    done = 0
    while ready:
        call = ready.pop()
        done += 1
        for taker in takers.get(call, ()):
            waiting[taker].discard(call)
            if not waiting[taker]:
                ready.append(taker)
    return done == len(waiting)
