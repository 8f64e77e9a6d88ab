"""Which facts hold for a layer: those of plug-ins first, then those that ship with configsplit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import Any

from configsplit.catalog.classes import is_foreign
from configsplit.catalog.constructors import of_another_class
from configsplit.catalog.facts import UNDECLARED, CallFacts, LayerFacts
from configsplit.catalog.layers import (
    activation,
    attention,
    convolution,
    core,
    images,
    keras1,
    merging,
    normalization,
    preprocessing,
    rare,
    recurrent,
    reshaping,
    sound,
    wrappers,
)
from configsplit.catalog.layers.wrappers import WRAPPERS
from configsplit.catalog.operations import layers
from configsplit.catalog.rules import Outputs, Weights, check_rank, no_weights, unknown
from configsplit.catalog.values import LAYER, whole
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer

_FAMILIES = (activation, attention, convolution, core, images, keras1, layers, merging, normalization)
_MORE = (preprocessing, rare, recurrent, reshaping, sound, wrappers)

_BY_NAME = {facts.class_name: facts for facts in chain.from_iterable(group.LAYERS for group in (*_FAMILIES, *_MORE))}

_MERGE = LayerFacts(
    class_name="Merge",
    outputs=keras1.merge_rule(lambda name: _BY_NAME[name].outputs),
    weights=no_weights,
    mask="passes",
    uses_mask=(),
    merge="mode",
    training=False,
)

_PIPELINE = wrappers.pipeline(lambda name: _BY_NAME[name])

BUILT_IN: Mapping[str, LayerFacts] = MappingProxyType({**_BY_NAME, "Merge": _MERGE, "Pipeline": _PIPELINE})
"""Class name -> facts, of every layer class of Keras 1, 2 and 3 that configsplit knows."""


def _never(call: CallFacts) -> Outputs:
    raise unknown(f"{call.class_name} is known by what it wraps")


_HOLDING = FrozenDict({"layer": LAYER})

_WRAPPED = {
    "TimeDistributed": LayerFacts(
        class_name="TimeDistributed",
        ranks=(3, None),
        outputs=_never,
        mask="passes",
        uses_mask=("mask",),
        wraps="steps",
        training=True,
        of_ragged="ragged",
        values=_HOLDING,
        conflict=wrappers.without_more,
    ),
    "SpectralNormalization": LayerFacts(
        class_name="SpectralNormalization",
        outputs=_never,
        mask="stops",
        uses_mask=(),
        wraps="whole",
        training=True,
        values=_HOLDING | {"power_iterations": whole()},
        conflict=wrappers.without_kernel,
    ),
}
"""The wrappers that are known by the step inwards and the one outwards, see `WRAPPERS`."""

_ALL = {**_WRAPPED, **BUILT_IN}


@cache
def _in_keras3(class_name: str) -> LayerFacts:
    return _ALL[class_name].within("keras3")


def _built_in(class_name: str, dialect: str) -> LayerFacts | None:
    return _in_keras3(class_name) if dialect == "keras3" and class_name in _ALL else _ALL.get(class_name)


def class_facts(class_name: str, dialect: str = "keras3") -> LayerFacts:
    """What holds for a class of Keras in one generation, by its name since Keras 2; the record that says nothing for others."""
    return _built_in(class_name, dialect) or UNDECLARED


def exported_name(class_name: str) -> str:
    """The name under which Keras exports a class, and documents name it; mostly its own."""
    return next((name for name, facts in _ALL.items() if facts.own_name == class_name), class_name)


def idle_keys() -> frozenset[str]:
    """All keys of configs that never did anything, of whatever class."""
    return frozenset(key for facts in _ALL.values() for key in facts.idle_keys)


def ships(facts: LayerFacts) -> bool:
    """Whether a declaration is one of those that ship with configsplit, and no plug-in's."""
    return any(facts is _built_in(facts.class_name, dialect) for dialect in ("keras2", "keras3"))


class Table:
    """The facts in force: plug-ins by registered or class name, then the built-in ones."""

    __slots__ = ("_facts", "_found", "_keras3", "_marks", "outcomes")

    def __init__(self, facts: Mapping[str, LayerFacts] | None = None) -> None:
        self._facts = dict(facts or {})
        self._keras3 = {name: each.within("keras3") for name, each in self._facts.items()}
        self._marks = frozenset(chain.from_iterable(each.marks for each in self._facts.values()))
        self._found: dict[tuple[str, str, str | None, str, bool, frozenset[str]], LayerFacts | None] = {}
        self.outcomes: dict[Any, Any] = {}
        """What rules told of calls, for whoever asks them often."""

    def of(self, layer: Layer, dialect: str) -> LayerFacts | None:
        """The facts of a layer of a document, or None for a class that nobody has declared."""
        entry = layer.entry
        module = entry.get("module", None if dialect == "keras3" else "")
        registered = entry.get("registered_name")
        if type(module) is not str or not (registered is None or type(registered) is str):
            return self._look_up(layer, dialect)  # what it is hangs on more than its names
        another = not module and not registered and of_another_class(layer.class_name, layer.config, dialect)
        marks = self._marks and self._marks.intersection(layer.config)
        key = (layer.class_name, module, registered, dialect, another, marks)
        try:
            return self._found[key]
        except KeyError:
            return self._found.setdefault(key, self._look_up(layer, dialect))

    def _look_up(self, layer: Layer, dialect: str) -> LayerFacts | None:
        entry, given = layer.entry, self._given(dialect)
        names = [str(entry.get("registered_name") or layer.class_name), layer.class_name]
        for name in (*names, *(name.rpartition(">")[2] for name in names)):
            if (facts := given.get(name)) is not None and all(key in layer.config for key in facts.marks):
                return facts
        custom = ("module" in entry and entry["module"] is None) or is_foreign(entry)
        if (
            dialect == "keras3"
            and not custom
            and layers.is_operation(entry.get("module"), layer.class_name, entry.get("config"))
        ):
            return layers.OPERATION
        if custom or any(">" in name for name in names):
            return _built_in(names[0], dialect) if ">" in names[0] else None  # a custom class may have a built-in one's name
        if not entry.get("module") and of_another_class(layer.class_name, layer.config, dialect):
            return None
        return _built_in(_modern_name(layer.class_name, dialect), dialect)

    def named(self, class_name: str, dialect: str) -> LayerFacts | None:
        """The facts of a class that stands inside another layer's config, by the name it has since Keras 2."""
        given = self._given(dialect)
        return given.get(class_name) or given.get(class_name.rpartition(">")[2]) or _built_in(class_name, dialect)

    def _given(self, dialect: str) -> Mapping[str, LayerFacts]:
        return self._keras3 if dialect == "keras3" else self._facts

    def outputs(self, facts: LayerFacts, call: CallFacts) -> Outputs:
        """The outputs of a call. Raises ShapeError, or whatever a rule raises on a config it does not expect."""
        outer, inner = self.unwrap(facts, call)
        for each in outer:
            check_rank(_WRAPPED[each.class_name], each)
        innermost = self._innermost(facts, call, inner)
        check_rank(innermost, inner)
        return outwards(outer, innermost.outputs(inner))

    def weights(self, facts: LayerFacts, call: CallFacts) -> Weights:
        """The weights a layer has after a call; raises as `outputs` does, also where nobody has declared them."""
        outer, inner = self.unwrap(facts, call)
        facts = self._innermost(facts, call, inner)
        if facts.weights is None:
            raise unknown(f"the weights of class {inner.class_name!r} are not declared")
        weights = facts.weights(inner)
        for wrapper in reversed(outer):
            weights = WRAPPERS[wrapper.class_name].weights(wrapper, weights)
        return weights

    def macs(self, facts: LayerFacts, call: CallFacts) -> int:
        """Multiply-accumulate operations of a call for one sample; raises as `outputs` does."""
        outer, inner = self.unwrap(facts, call)
        facts = self._innermost(facts, call, inner)
        macs = facts.macs(inner) if facts.macs is not None else 0
        for wrapper in reversed(outer):
            macs = WRAPPERS[wrapper.class_name].macs(wrapper, macs)
        return macs

    def unwrap(self, facts: LayerFacts, call: CallFacts) -> tuple[list[CallFacts], CallFacts]:
        """The wrappers around a call from the outside in, and the call of the innermost layer."""
        outer: list[CallFacts] = []
        known: LayerFacts | None = facts
        while known is not None and known is _WRAPPED.get(call.class_name):
            outer.append(call)
            call = keras1.modern(WRAPPERS[call.class_name].inner(call))
            known = self.named(call.class_name, call.dialect)
        return outer, call

    def _innermost(self, facts: LayerFacts, call: CallFacts, inner: CallFacts) -> LayerFacts:
        innermost = facts if inner is call else self.named(inner.class_name, inner.dialect)
        if innermost is None:
            raise unknown(f"there is no rule for the wrapped class {inner.class_name!r}")
        return innermost


def outwards(outer: list[CallFacts], outputs: Outputs) -> Outputs:
    """What the wrappers make of the outputs of the innermost layer."""
    for wrapper in reversed(outer):
        outputs = WRAPPERS[wrapper.class_name].outputs(wrapper, outputs)
    return outputs


def _modern_name(class_name: str, dialect: str) -> str:
    return keras1.CLASSES.get(class_name, class_name) if dialect == "keras1" else class_name


# Layer classes about which a document cannot say what comes out, each with the reason; ``--shape`` or a plug-in can.


OPAQUE: Mapping[str, str] = MappingProxyType(
    {
        "ClassMethod": "it runs a method of one of TensorFlow's own classes",
        "DynamicEmbedding": "its table is made while it runs",
        "DynamicLookup": "its table is made while it runs",
        "FlaxLayer": "it holds a Flax module, which is code",
        "JaxLayer": "it holds a JAX function, which is code",
        "ModuleWrapper": "it holds a TensorFlow module, which is code",
        "TFSMLayer": "it holds a SavedModel, which is code in a folder of its own",
        "TorchModuleWrapper": "it holds a PyTorch module, which is code",
    }
)
"""Class name -> why no rule can tell. (A Lambda is code, too, but Keras 2 may keep its output shape beside it.)"""

ABSTRACT: Mapping[str, str] = MappingProxyType(
    {
        "AbstractRNNCell": "a base for cells of one's own",
        "BaseDenseAttention": "the base of the attention layers",
        "BaseImageAugmentationLayer": "the base of augmentation layers",
        "BaseRandomLayer": "the base of random layers",
        "ConvLSTM2DCell": "a cell, which only ConvLSTM2D and ConvRNN2D can run",
        "ConvRecurrent2D": "the base of ConvLSTM2D",
        "PreprocessingLayer": "the base of preprocessing layers",
        "Recurrent": "the base of the recurrent layers",
        "Wrapper": "the base of TimeDistributed and Bidirectional",
    }
)
"""Exported classes that stand in no model by themselves."""


# The family of a layer class, by which pictures colour it: the group that its declaration stands in.


INPUT, MODEL, OTHER, CUSTOM = "input", "model", "other", "custom"

_GROUPS = {
    "convolution": convolution.CONVOLUTION,
    "pooling": convolution.POOLING,
    "dense": tuple(facts for facts in core.BASIC if facts.macs is not None),
    "embedding": core.EMBEDDING,
    "activation": activation.ACTIVATION,
    "dropout": activation.DROPOUT,
    "normalization": normalization.LAYERS,
    "merging": merging.LAYERS,
    "reshaping": reshaping.LAYERS,
    "recurrent": (*recurrent.LAYERS, *wrappers.LAYERS),
    "attention": attention.LAYERS,
    "preprocessing": (*preprocessing.LAYERS, *sound.LAYERS, *images.LAYERS),
    "operation": (*layers.LAYERS, layers.OPERATION),
}

_OF: Mapping[str, str] = MappingProxyType({facts.class_name: name for name, group in _GROUPS.items() for facts in group})

FAMILIES = (INPUT, *_GROUPS, MODEL, OTHER, CUSTOM)
"""Every family, in the order in which legends have them."""


def family(facts: LayerFacts | None) -> str:
    """The family of what is declared so; a class that nobody has declared, or a plug-in alone, is a custom one."""
    if facts is None or not (facts is layers.OPERATION or ships(facts)):
        return CUSTOM
    return _OF.get(facts.class_name, OTHER)
