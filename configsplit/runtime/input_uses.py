"""What becomes of each input's numbers: which layers look them up, or look among them for padding, and on which way.

Followed in the graph of the document, through nested models and wrappers, so that every input can be given numbers that its
own layers make something of: ids that are in range, and the padding that they know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

from configsplit.catalog.facts import CallFacts, LayerFacts
from configsplit.catalog.operations.layers import OPERATION, operation_arguments, snake
from configsplit.catalog.table import ships
from configsplit.graph.json import FrozenDict, Number
from configsplit.graph.model import CallRef, Layer, Node, TensorRef, Use, leaves
from configsplit.graph.walking import values_in
from configsplit.inference import Inference, weights_of
from configsplit.inference.known import RULE_ERRORS, called


class Way(IntEnum):
    """How an input's numbers come to a place. The way to a place is the worst of its steps; of several ways the best counts."""

    KEPT = 0  # the same numbers in the same order, in whatever shape
    MOVED = 1  # some of the numbers, or among others, or in another order
    CODED = 2  # through a lookup: known words and numbers are ids there, and a mask token is 0
    CHANGED = 3  # computed with, or handled by a class that nobody has declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What the numbers of one input are taken for.

    Attributes:
        limit: ids below it are valid in every layer that looks them up; 0 where none does.
        certain: of these the smallest to which the very numbers come, not what is computed from them.
        guess: the same for undeclared layers, by the names in their configs: it may as well be a number of features.
        zeros: whether 0 is padding somewhere: to an Embedding with ``mask_zero``, or perhaps to an undeclared layer.
        padding: the numbers by which a Masking knows padding.
        step: so many numbers in a row are one step to Masking; 0 where their order is lost on the way.
        words: what lookups know; ``blanks`` are their mask tokens.
        strict: whether a lookup refuses what it does not know.
        vectorized: whether a TextVectorization takes it, to which a text is a sequence of words.
    """

    limit: int = 0
    certain: int = field(default=0, compare=False)
    guess: int = 0
    zeros: bool = False
    padding: tuple[float, ...] = ()
    step: int = 0
    words: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ()
    strict: bool = False
    vectorized: bool = False


_KEPT = frozenset(
    {
        "cast", "expand_dims", "squeeze", "reshape", "identity", "ravel", "copy", "stop_gradient", "to_int32", "to_int64",
    }
)  # fmt: skip
_MOVED = frozenset(
    {
        "transpose", "swapaxes", "moveaxis", "concatenate", "concat", "stack", "get_item", "getitem", "slice", "strided_slice",
        "repeat", "tile", "split", "unstack", "take", "gather", "flip", "hstack", "vstack", "pad", "broadcast_to",
    }
)  # fmt: skip
"""Operations; of layers their declarations tell."""

_WAYS = {"kept": Way.KEPT, "moved": Way.MOVED, "coded": Way.CODED, "split": Way.CODED}
_LIMIT_KEYS = ("input_dim", "num_tokens", "vocabulary_size", "vocab_size")
_WORDS_EACH = 20

_Key: TypeAlias = tuple[int, TensorRef]


class _Sink(NamedTuple):
    """What one call makes of the numbers that arrive at it."""

    limits: tuple[int, ...] = ()
    guesses: tuple[int, ...] = ()
    zeros: bool = False
    padding: tuple[float, ...] = ()
    step: int = 0
    words: tuple[str, ...] = ()
    blanks: tuple[str, ...] = ()
    strict: bool = False
    vectorized: bool = False


@dataclass(slots=True)
class _Flow:
    """Where numbers go from each tensor, in the model and all that are nested in it, and what takes them there."""

    steps: dict[_Key, list[tuple[_Key, Way]]] = field(default_factory=dict)
    sinks: dict[_Key, list[_Sink]] = field(default_factory=dict)

    def go(self, source: _Key, target: _Key, way: Way) -> None:
        self.steps.setdefault(source, []).append((target, way))


def reaches(inference: Inference) -> tuple[Reach, ...]:
    """One for each input of the model, in the order of its inputs."""
    flow = _flow(inference)
    return tuple(_gathered(flow, (id(inference), ref)) for ref in inference.model.input_refs())


def _flow(outermost: Inference) -> _Flow:
    """Calls of one nested model count as one: what enters by any of them is taken to come out of all."""
    flow = _Flow()
    for _, inference in outermost.levels():
        layers = inference.model.by_name()
        for ref, outputs in _outputs(inference).items():
            inner = inference.inner.get(ref) or inference.wrapped.get(ref)
            if inner is None:
                _through(flow, inference, layers[ref.layer], ref, outputs)
            else:
                _within(flow, inference, layers[ref.layer], ref, inner)
    return flow


def _outputs(inference: Inference) -> dict[CallRef, list[TensorRef]]:
    tensors: dict[CallRef, list[TensorRef]] = {}
    for tensor in inference.specs:
        tensors.setdefault(CallRef(tensor.layer, tensor.call), []).append(tensor)
    return tensors


def _taken(node: Node) -> list[TensorRef]:
    """The tensors whose numbers a call takes; a mask is none of them."""
    return [use.ref for use in (*leaves(node.args), *leaves(node.kwargs.without("mask", "attention_mask")))]


def _within(flow: _Flow, inference: Inference, layer: Layer, ref: CallRef, inner: Inference) -> None:
    outside, inside = id(inference), id(inner)
    taken = leaves(called(layer)[ref.call].args, Use)
    for use, entry in zip(taken, inner.model.input_refs(), strict=False):
        flow.go((outside, use.ref), (inside, entry), Way.KEPT)
    for number, given in enumerate(inner.model.output_refs()):
        flow.go((inside, given), (outside, TensorRef(*ref, number)), Way.KEPT)


def _through(flow: _Flow, inference: Inference, layer: Layer, ref: CallRef, outputs: Iterable[TensorRef]) -> None:
    place = id(inference)
    taken = _taken(called(layer)[ref.call])
    if not taken:
        return
    call = _innermost(inference, layer, ref)
    sink, way = _sink(inference, layer, call), _way(inference, layer, call)
    for source in taken:
        if sink != _Sink():
            flow.sinks.setdefault((place, source), []).append(sink)
        if way is not None:
            for target in outputs:
                flow.go((place, source), (place, target), way)


def _innermost(inference: Inference, layer: Layer, ref: CallRef) -> CallFacts:
    """The call of the layer inside all wrappers."""
    call = inference.call(layer, ref.call)
    facts = inference.facts(layer)
    try:
        return call if facts is None else inference.table.unwrap(facts, call)[1]
    except RULE_ERRORS:
        return call


def _declared(inference: Inference, layer: Layer, call: CallFacts) -> LayerFacts | None:
    """What is declared of the class that is called; None where nobody has said what becomes of the numbers that it takes."""
    facts = inference.facts(layer)
    if facts is not OPERATION and call.class_name != layer.class_name:
        facts = inference.table.named(call.class_name, call.dialect)
    told = facts is not None and (facts is OPERATION or ships(facts) or facts.numbers != "changed" or facts.limit_key)
    return facts if told else None


def _operation(inference: Inference, layer: Layer, call: CallFacts) -> str:
    """The operation's name in lower case, empty for a layer."""
    if inference.facts(layer) is OPERATION:
        return snake(call.class_name)
    if call.class_name in ("TFOpLambda", "SlicingOpLambda"):
        return str(call.config.get("function")).rpartition(".")[2]
    if call.class_name == "TensorFlowOpLayer":
        node = call.config.get("node_def")
        return snake(str(node.get("op"))) if isinstance(node, FrozenDict) else "unknown"
    return ""


def _way(inference: Inference, layer: Layer, call: CallFacts) -> Way | None:
    """How a call hands on the numbers that it takes; None where they end, as in a product with weights."""
    facts, name = _declared(inference, layer, call), _operation(inference, layer, call)
    if facts is None:
        return Way.CHANGED
    for names, way in ((_KEPT, Way.KEPT), (_MOVED, Way.MOVED)):
        if name in names:
            return way
    if (told := _WAYS.get(facts.numbers)) is not None:
        return told
    return None if weights_of(inference, layer) else Way.CHANGED


def _sink(inference: Inference, layer: Layer, call: CallFacts) -> _Sink:
    if (facts := _declared(inference, layer, call)) is None:
        return _guessed(call.config)
    if name := _operation(inference, layer, call):
        return _Sink(_depth(call)) if name == "one_hot" else _Sink()
    config = call.config
    if facts.limit_key:
        zeros = facts.mask_made == "not_zero" and facts.makes_mask(config)
        return _Sink(_number_in(config, (facts.limit_key,)), zeros=zeros)
    if facts.mask_made == "differs":
        shape = call.first.shape if call.inputs else None
        return _Sink(padding=_values_in(config) or (0.0,), step=(shape[-1] or 0) if shape else 0)
    if facts.numbers in ("coded", "split"):
        known = config.get("vocabulary")
        words = tuple(map(str, known[:_WORDS_EACH])) if isinstance(known, tuple) else ()
        blank = config.get("mask_token", config.get("mask_value"))
        blanks, strict = () if blank is None else (str(blank),), config.get("num_oov_indices") == 0
        return _Sink(words=words, blanks=blanks, strict=strict, vectorized=facts.numbers == "split")
    return _Sink()


def _depth(call: CallFacts) -> tuple[int, ...]:
    """How many numbers ``one_hot`` knows: of any other it makes zeros, as if it were none."""
    try:
        return (operation_arguments(call).number(1),)
    except RULE_ERRORS:
        return ()


def _guessed(config: FrozenDict) -> _Sink:
    """What an undeclared layer may do with numbers, as far as the names in its config tell, also of layers that it holds."""
    guesses: list[int] = []
    padding: list[float] = []
    for item in _objects(config):
        guesses += _number_in(item, _LIMIT_KEYS)
        padding += _values_in(item)
    return _Sink(guesses=tuple(guesses), zeros=True, padding=tuple(padding))


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    return (item for item in values_in(value) if isinstance(item, FrozenDict))


def _number_in(config: Mapping[str, Any], keys: Iterable[str]) -> tuple[int, ...]:
    return tuple(value for key in keys if type(value := config.get(key)) is int and value > 0)


def _values_in(config: Mapping[str, Any]) -> tuple[float, ...]:
    value = config.get("mask_value")
    return (float(value),) if isinstance(value, (int, float, Number)) else ()


def _gathered(flow: _Flow, start: _Key) -> Reach:
    best, todo = {start: Way.KEPT}, [start]
    while todo:
        key = todo.pop()
        for target, way in flow.steps.get(key, ()):
            arriving = max(way, best[key])
            if target not in best or arriving < best[target]:
                best[target] = arriving
                todo.append(target)
    return _reach([(way, sink) for key, way in best.items() for sink in flow.sinks.get(key, ())])


def _reach(ways: list[tuple[Way, _Sink]]) -> Reach:
    own = [(way, sink) for way, sink in ways if way is not Way.CODED]
    maskings = [(way, sink) for way, sink in own if sink.padding]
    in_order = bool(maskings) and all(way is Way.KEPT for way, _ in maskings)
    read = [sink for way, sink in ways if way <= Way.MOVED]
    return Reach(
        limit=min((limit for _, sink in own for limit in sink.limits), default=0),
        certain=min((limit for way, sink in own if way <= Way.MOVED for limit in sink.limits), default=0),
        guess=min((guess for _, sink in own for guess in sink.guesses), default=0),
        zeros=any(sink.zeros for _, sink in own),
        padding=_once(value for _, sink in maskings for value in sink.padding),
        step=max(sink.step for _, sink in maskings) if in_order else 0,
        words=_once(word for sink in read for word in sink.words),
        blanks=_once(blank for sink in read for blank in sink.blanks),
        strict=any(sink.strict for sink in read),
        vectorized=any(sink.vectorized for sink in read),
    )


def _once(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))
