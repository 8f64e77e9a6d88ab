"""Tensor references as people write them: ``LAYER``, ``LAYER@CALL``, ``LAYER:OUTPUT``, ``LAYER@*``, ``OUTER/INNER``, ``A,B``.

A layer whose own name contains ``@``, ``:``, ``,`` or ``/`` wins over the other reading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from configsplit.errors import TensorReferenceError, closest, did_you_mean
from configsplit.graph.calls import once
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import CallRef, HeldBy, Layer, LayerPath, Model, TensorRef, nested, walk

_SUFFIX = re.compile(r"^(?P<layer>.+?)(?:@(?P<call>\d+|\*))?(?::(?P<output>\d+))?$", re.DOTALL)


@once
def outputs_used(model: Model) -> dict[tuple[str, int], list[int]]:
    """(layer, call) -> the numbers of its outputs that anything in the document refers to; ``[0]`` if nothing does."""
    used: dict[tuple[str, int], list[int]]
    used = {(layer.name, call): [] for layer in model.layers for call in range(len(layer.calls))}
    refs = {use.ref for layer in model.layers for node in layer.calls for use in node.uses()}
    for layer, call, output in refs.union(model.output_refs()):
        used[layer, call].append(output)
    return {call: sorted(outputs) or [0] for call, outputs in used.items()}


class Place(NamedTuple):
    """A tensor, and the calls of nested models that lead to it from the outside in (none for a tensor of the surface)."""

    inside: tuple[CallRef, ...]
    ref: TensorRef


Gives: TypeAlias = Callable[[Place], bool]
"""Whether a call is known to give an output, though nothing in the document uses it."""


def _only_used(place: Place) -> bool:
    return False


def boundary(model: Model, text: str) -> tuple[TensorRef, ...]:
    """The tensors of the model's own layers that ``text`` names; as `places`, but nested models stay closed."""
    matched = places(model, text)
    for place in matched:
        if place.inside:
            raise TensorReferenceError(
                f"{text!r} lies inside the nested model {place.inside[0].layer!r}", code="reference-nested"
            )
    return tuple(place.ref for place in matched)


def places(model: Model, text: str, inside: HeldBy = nested, gives: Gives = _only_used) -> tuple[Place, ...]:
    """The tensors that ``text`` names, in the order given, each once.

    ``inside`` says what can be reached into: nested models alone, or what is in wrappers too. ``gives`` says which outputs can
    be named besides those that something uses; a name without an output means those that are used.

    Raises:
        TensorReferenceError: no such layer, call or output, or a bare name of a layer that is called several times.
    """
    layers = model.by_name()
    pieces = [text] if _find(layers, text) else _pieces(layers, text)
    named = [each for piece in pieces for each in named_by(model, piece.strip())]
    return tuple(dict.fromkeys(place for each in named for place in _descend(model, each, inside, gives)))


def named_by(model: Model, text: str) -> list[str]:
    """The references that a pattern stands for, in the model's order; what is none, or is like no layer, stands for itself."""
    layers = model.by_name()
    if not is_pattern(text) or _find(layers, text):
        return [text]
    try:
        return ["/".join(path) for path in matching(model, text)]
    except TensorReferenceError:
        return [text]


def _descend(model: Model, text: str, inside: HeldBy, gives: Gives) -> Iterable[Place]:
    """Places named by ``OUTER/INNER``, from the outside in, by an explicit stack."""
    places: list[Place] = []
    todo: list[tuple[tuple[CallRef, ...], Model, str]] = [((), model, text)]
    while todo:
        around, within, rest = todo.pop()
        layers = within.by_name()
        outer = None if _find(layers, rest) else _outer(layers, rest)
        if outer is None:
            named = _find(layers, rest)
            if named is None:
                match = _SUFFIX.match(rest)
                raise _unknown(match["layer"] if match else rest, walk(model, inside), [call.layer for call in around])
            places += _tensors(layers, outputs_used(within), named, around, gives)
            continue
        layer, call, inner = outer
        held = inside(layer)
        if held is None:
            raise TensorReferenceError(
                f"layer {layer.name!r} is a {layer.class_name}, not a nested model: {_why_closed(layer)}",
                code="reference-not-nested",
                hint=f"name {layer.name!r} itself, or a layer before or after it",
            )
        todo += [((*around, CallRef(layer.name, number)), held, inner) for number in reversed(_calls(layer, call))]
    return places


_WHY_CLOSED = {
    "Bidirectional": "its two layers run in opposite directions, and each step of one needs all the steps before it",
    "RNN": "what is in its cells exists within one step only, which needs the state that the step before it has left",
    "SpectralNormalization": "the layer in it runs with weights that the wrapper has computed for it",
    "TimeDistributed": "it runs one layer, which has no tensors inside, or a model, which only `split` looks into",
}
"""Why nothing in a wrapper can be a boundary, by class."""


def _why_closed(layer: Layer) -> str:
    known = _WHY_CLOSED.get("RNN" if layer.config.keys() & {"cell", "cells"} else layer.class_name)
    if known is not None:
        return known
    if isinstance(layer.config.get("layer"), FrozenDict):
        return "it runs what it holds in its own way, of which the file does not tell"
    return "nothing inside it can be named"


def _outer(layers: dict[str, Layer], text: str) -> tuple[Layer, str | None, str] | None:
    """(layer, call, the rest) for ``OUTER@CALL/REST``, the longest name of a layer first."""
    slashes = [index for index, letter in enumerate(text) if letter == "/"]
    for index in reversed(slashes):
        place = _find(layers, text[:index])
        if place is not None and place[2] is None:
            return layers[place[0]], place[1], text[index + 1 :]
    return None


def tensor_name(ref: TensorRef, layers: dict[str, Layer], used: dict[tuple[str, int], list[int]]) -> str:
    """The shortest reference that names the tensor."""
    call = f"@{ref.call}" if len(layers[ref.layer].calls) > 1 else ""
    output = f":{ref.output}" if used.get((ref.layer, ref.call), [0]) != [ref.output] or ref.output else ""
    return f"{ref.layer}{call}{output}"


def _pieces(layers: dict[str, Layer], text: str) -> list[str]:
    """Split at commas, but not at those that belong to the name of a layer."""
    pieces: list[str] = []
    for piece in text.split(","):
        if pieces and not _find(layers, pieces[-1].strip()) and _find(layers, f"{pieces[-1]},{piece}".strip()):
            pieces[-1] += f",{piece}"
        else:
            pieces.append(piece)
    return pieces


def _find(layers: dict[str, Layer], text: str) -> tuple[str, str | None, str | None] | None:
    """(layer, call, output) as written, the reading in which most of the text is the layer's name first."""
    if text in layers:
        return text, None, None
    head, _, output = text.rpartition(":")
    if output.isdigit() and head in layers:
        return head, None, output
    match = _SUFFIX.match(text)
    if match and match["layer"] in layers:
        return match["layer"], match["call"], match["output"]
    return None


def _unknown(name: str, layers: Iterable[tuple[LayerPath, Layer]], around: Sequence[str] = ()) -> TensorReferenceError:
    """No layer has a name. Those that are like it are told with all that leads to them; if there are any inside the model that
    was named, those."""
    called: dict[str, list[LayerPath]] = {}
    for path, layer in layers:
        if not layer.implicit:
            for text in dict.fromkeys((path[-1], "/".join(path))):
                called.setdefault(text, []).append(path)
    likely = [name] if name in called else closest(name, called) or closest(name.rpartition("/")[2], called)
    paths = list(dict.fromkeys(path for text in likely for path in called[text]))
    inside = [path for path in paths if path[: len(around)] == tuple(around)]
    hint = did_you_mean(["/".join(path) for path in (inside or paths)[:3]])
    message = f"no layer of the model matches {name!r}" if is_pattern(name) else f"the model has no layer {name!r}"
    return TensorReferenceError(message, code="reference-unknown-layer", hint=hint)


def _tensors(
    layers: dict[str, Layer],
    used: dict[tuple[str, int], list[int]],
    named: tuple[str, str | None, str | None],
    around: tuple[CallRef, ...],
    gives: Gives,
) -> Iterable[Place]:
    name, call, output = named
    for number in _calls(layers[name], call):
        outputs = used[name, number] if output is None else [int(output)]
        for place in (Place(around, TensorRef(name, number, each)) for each in outputs):
            if place.ref.output not in used[name, number] and not gives(place):
                raise TensorReferenceError(
                    f"nothing in the model uses output {output} of {name!r}",
                    code="reference-unknown-output",
                    hint=f"outputs in use: {', '.join(map(str, used[name, number]))}; `configsplit extract --to` makes one of "
                    "the others an output of the model, if its class has it",
                )
            yield place


def _calls(layer: Layer, call: str | None) -> list[int]:
    count = len(layer.calls)
    if call == "*" or (call is None and count == 1):
        return list(range(count))
    listed = ", ".join(f"{layer.name}@{number}" for number in range(count))
    if call is None:
        raise TensorReferenceError(
            f"layer {layer.name!r} is called {count} times",
            code="reference-ambiguous",
            hint=f"say which call: {listed}, or {layer.name}@* for all",
        )
    if int(call) >= count:
        raise TensorReferenceError(
            f"layer {layer.name!r} has no call {call}", code="reference-unknown-call", hint=f"its calls: {listed}"
        )
    return [int(call)]


# Layers as people name them: a name, ``OUTER/INNER``, or a pattern in which ``*`` stands for any part of a name, ``?`` for one
# letter and ``[0-9]`` for one of some.


_JOINT = "\0"

_WILD = re.compile(r"(\*|\?|\[!?[^\]]+\])")


def is_pattern(text: str) -> bool:
    """Whether a name is one that stands for several. ``LAYER@*``, all calls of a layer, is none."""
    return _WILD.search(text.replace("@*", "")) is not None


def _compiled(pattern: str) -> re.Pattern[str]:
    pieces = _WILD.split(pattern)
    return re.compile("".join(_part(piece) if at % 2 else _plain(piece) for at, piece in enumerate(pieces)), re.DOTALL)


def _plain(text: str) -> str:
    return re.escape(text).replace("/", f"[/{_JOINT}]")


def _part(wild: str) -> str:
    if wild in "*?":
        return f"([^{_JOINT}]{'*' if wild == '*' else ''})"
    inside = wild[1:-1].replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
    return f"([^{_JOINT}{inside[1:]}])" if inside.startswith("!") else f"([{inside}])"


def matching(model: Model, pattern: str) -> dict[LayerPath, tuple[str, ...]]:
    """The layers that a pattern names, each with what its wild letters stand for; a layer of that very name wins."""
    paths = [path for path, layer in walk(model) if not layer.implicit]
    exact = [path for path in paths if "/".join(path) == pattern]
    if exact:
        return {min(exact, key=len): ()}
    try:
        matches = [(path, _compiled(pattern).fullmatch(_JOINT.join(path))) for path in paths if is_pattern(pattern)]
    except re.error:  # [z-a]
        matches = []
    hits = {path: match.groups() for path, match in matches if match is not None}
    if not hits:
        raise _unknown(pattern, walk(model))
    return hits


def layer_paths(model: Model, patterns: Iterable[str]) -> list[LayerPath]:
    """All layers that any of the patterns names, each once. Raises TensorReferenceError if a pattern names none."""
    return list(dict.fromkeys(path for pattern in patterns for path in matching(model, pattern)))


def new_names(model: Model, renames: Iterable[tuple[str, str]]) -> dict[LayerPath, str]:
    """The new name of each layer that a pair of patterns names; the stars on both sides correspond."""
    names: dict[LayerPath, str] = {}
    for old, new in renames:
        for path, stars in matching(model, old).items():
            name = _filled(old, new, path, stars)
            if names.setdefault(path, name) != name:
                raise TensorReferenceError(
                    f"{'/'.join(path)!r} would get two names, {names[path]!r} and {name!r}",
                    code="rename-twice",
                    where="/".join(path),
                    hint="name it in one OLD=NEW only",
                )
    return {path: name for path, name in names.items() if name != path[-1]}


def _filled(old: str, new: str, path: LayerPath, stars: tuple[str, ...]) -> str:
    if new.count("*") > len(stars):
        raise TensorReferenceError(
            f"{new!r} has more stars than {old!r}", code="rename-pattern", where=old, hint="for example: block*=stage*"
        )
    given = iter(stars[len(stars) - new.count("*") :])
    name = re.sub(r"\*", lambda _: next(given), new)
    outer = "/".join(path[:-1])
    return name.removeprefix(f"{outer}/") if outer else name
