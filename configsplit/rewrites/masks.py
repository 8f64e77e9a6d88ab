"""Hand implicit masks over a boundary: the head gives a mask as a boolean tensor, the tail ties it to its tensor again.

Operation layers compute the mask beside the layer at which it comes about, as that layer computes it. Behind the boundary a
small nested model, which gives back what it takes, is called with ``mask=``: Keras ties the mask to what comes out (Keras 2.4
and later, Keras 3), and from there on it takes the ways that it always took, into whatever layers heed it. So nothing has to
be known of those layers, and outputs stay the same bit for bit. Older releases have neither operation layers nor tensors among
keyword arguments, and cannot say this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from configsplit.catalog.facts import UNDECLARED
from configsplit.catalog.table import class_facts
from configsplit.errors import CutError
from configsplit.graph.calls import call_graph, closure
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import INPUT, CallRef, Layer, Model, Node, TensorRef, TensorSpec, Use, free_name
from configsplit.inference import Inference, Mask, Masks
from configsplit.inference.mask_rules import in_words
from configsplit.rewrites.casts import cast_layer


class Handover(NamedTuple):
    """One tensor that is handed over with its mask; ``takers`` are the calls that take it, grouped by part."""

    ref: TensorRef
    takers: tuple[tuple[CallRef, ...], ...]


class HandedOver(NamedTuple):
    """The model with its handovers.

    Attributes:
        model: the model.
        near: the new calls that compute masks, each with the call beside which it stands.
        far: the new calls that tie a mask to its tensor again, each with a call that takes it.
    """

    model: Model
    near: tuple[tuple[CallRef, CallRef], ...]
    far: tuple[tuple[CallRef, CallRef], ...]


def hand_over(model: Model, handovers: Sequence[Handover], masks: Masks, inference: Inference) -> HandedOver:
    """Insert the handovers; ``masks`` and ``inference`` are those of ``model``. Raises CutError if a mask is computed inside a
    layer, and by no operations outside of it.
    """
    work = MaskTensors(model, masks, inference, upstream=True)
    ties: list[Layer] = []
    instead: dict[tuple[CallRef, TensorRef], TensorRef] = {}
    far: list[tuple[CallRef, CallRef]] = []
    for handover in handovers:
        mask = work.of(handover.ref)
        for calls in handover.takers:
            spec = inference.specs[handover.ref]
            tie = tied(model, Use(handover.ref, spec=spec), Use(mask, spec=work.spec(handover.ref)), spec, work.taken)
            ties.append(tie)
            far.append((CallRef(tie.name), calls[0]))
            instead |= {(call, handover.ref): TensorRef(tie.name) for call in calls}
    layers = tuple(_rewired(layer, instead) for layer in model.layers)
    near = tuple((CallRef(layer.name), home) for layer, home in work.made)
    return HandedOver(model.with_layers((*layers, *(layer for layer, _ in work.made), *ties)), near, tuple(far))


def _rewired(layer: Layer, instead: Mapping[tuple[CallRef, TensorRef], TensorRef]) -> Layer:
    if not any(call.layer == layer.name for call, _ in instead):
        return layer
    calls = []
    for number, node in enumerate(layer.calls):
        call = CallRef(layer.name, number)

        def change(use: Use, call: CallRef = call) -> Use:
            return replace(use, ref=instead.get((call, use.ref), use.ref))

        calls.append(node.map_uses(change))
    return replace(layer, calls=tuple(calls))


def tied(model: Model, use: Use, mask: Use | None, spec: TensorSpec, taken: set[str]) -> Layer:
    """A nested model that gives back what it takes, called on a tensor with a mask, or with the one that is tied to it."""
    name = free_name(f"{use.ref.layer}_with_mask", taken)
    source, out = f"{name}_tensor", f"{name}_same"
    config = {"name": out, "trainable": True, "dtype": _policy(spec.dtype), "activation": "linear"}
    entry: dict[str, Any] = {"class_name": "Activation", "config": FrozenDict(config), "name": out, "inbound_nodes": None}
    inner_use = Use(TensorRef(source), spec=spec)
    shape_key = "batch_shape" if model.dialect == "keras3" else "batch_input_shape"
    taken_as = {shape_key: spec.shape, "dtype": spec.dtype, "sparse": False, "name": source}
    begin: dict[str, Any] = {"class_name": INPUT, "config": FrozenDict(taken_as), "name": source, "inbound_nodes": None}
    if model.dialect == "keras3":
        entry, begin = ({"module": "keras.layers", "registered_name": None, **each} for each in (entry, begin))
    same = Layer(name=out, class_name="Activation", entry=FrozenDict(entry), calls=(Node((inner_use,)),))
    input_layer = Layer(name=source, class_name=INPUT, entry=FrozenDict(begin), calls=(Node(),))
    frame = {"name": name, "trainable": True, "layers": None, "input_layers": None, "output_layers": None}
    held = Model(
        name=name,
        kind="functional",
        layers=(input_layer, same),
        inputs=TensorRef(source),
        outputs=TensorRef(out),
        config=FrozenDict(frame),
        dialect=model.dialect,
    )
    outer: dict[str, Any] = {"class_name": "Functional", "config": None, "name": name, "inbound_nodes": None}
    if model.dialect == "keras3":
        outer = {"module": "keras.src.models.functional", "registered_name": "Functional", **outer}
    node = Node((use,), FrozenDict({} if mask is None else {"mask": mask}))
    return Layer(name=name, class_name="Functional", entry=FrozenDict(outer), calls=(node,), model=held, base=1)


def _policy(dtype: str | None) -> str:
    """A dtype policy under which a layer takes a tensor of this dtype as it is."""
    return dtype if dtype is not None and "float" in dtype else "float32"


def may_come_out(mask: Mask) -> CutError:
    """What is said of a mask that may come out of a class which nobody declared."""
    name, class_name = mask.why
    if mask.doubt:
        return CutError(
            f"a mask may come out of layer {name!r} ({class_name}): {mask.doubt}",
            code="cut-mask-unknown",
            where=name,
            hint=f"cut before {name!r}, or behind the last layer that uses a mask",
        )
    return CutError(
        f"a mask may come out of layer {name!r}: no plug-in declares whether {class_name} {in_words(mask)}",
        code="cut-mask-unknown",
        where=name,
        hint=f"declare it in a plug-in, --custom-objects FILE.py with LAYERS = (LayerFacts(class_name={class_name!r}, "
        "mask='stops', uses_mask=()),) if it has nothing to do with masks",
    )


def cannot_follow(mask: Mask) -> CutError:
    """What is said of a mask that is computed inside a layer."""
    name, class_name = mask.why
    return CutError(
        f"the mask behind layer {name!r} ({class_name}) cannot be computed by ordinary layers",
        code="cut-mask-lost",
        where=name,
        hint=f"cut before {name!r}, or behind the last layer that uses its mask",
    )


@dataclass(slots=True)
class MaskTensors:
    """Masks as tensors of the graph, made when they are asked for, and each once.

    ``made`` has the operation layers, each with the call beside which it stands. Two masks that are computed alike are one;
    with ``upstream`` only where the first comes about before the second: a part can take nothing from a later one.
    """

    model: Model
    masks: Masks
    inference: Inference
    upstream: bool = False
    made: list[tuple[Layer, CallRef]] = field(default_factory=list)
    taken: set[str] = field(init=False)
    _layers: Mapping[str, Layer] = field(init=False)
    _there: dict[tuple[Any, ...], list[tuple[TensorRef, CallRef]]] = field(init=False)
    _done: dict[TensorRef, TensorRef] = field(default_factory=dict)
    _specs: dict[TensorRef, TensorSpec] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.taken = {layer.name for layer in self.model.layers}
        self._layers = self.model.by_name()
        self._there = {}
        for layer in self.model.layers:
            if layer.is_operation and len(layer.calls) == 1 and (key := _key_of(layer)) is not None:
                self._there.setdefault(key, []).append((TensorRef(layer.name), CallRef(layer.name)))

    def of(self, ref: TensorRef) -> TensorRef:
        """The mask of a tensor; those it depends on are made first, from an explicit stack. Raises CutError if no operations
        can compute it, or nobody knows whether there is one.
        """
        todo = [ref]
        while todo:
            mask = self._known(todo[-1])
            needed = [] if mask.kind == "given" else [each for each in mask.sources if each not in self._done]
            if needed:
                todo += needed
            elif (current := todo.pop()) not in self._done:
                self._done[current] = self._make(current, mask)
        return self._done[ref]

    def spec(self, ref: TensorRef) -> TensorSpec:
        """Shape and dtype of the mask of a tensor; it has been made."""
        made = self._done[ref]
        return self._specs.get(made) or self.inference.specs.get(made, TensorSpec())

    def _known(self, ref: TensorRef) -> Mask:
        mask = self.masks.tensors[ref]
        if mask.kind == "unknown":
            raise may_come_out(mask)
        if mask.kind in ("hidden", "entry"):
            raise cannot_follow(mask)
        return mask

    def _make(self, ref: TensorRef, mask: Mask) -> TensorRef:
        sources = [self._done[each] for each in mask.sources if each in self._done]
        home = CallRef(ref.layer, ref.call)
        if mask.kind == "given":
            return mask.sources[0]
        if mask.kind == "same":
            return sources[0]
        if mask.kind == "made":
            return self._begin(ref)
        if mask.kind == "any":
            return self._any(home, sources[0])
        if mask.kind == "joined":
            return self._joined(home, sources, mask.axis)
        if mask.kind == "true":
            turned = self._operation(home, "logical_not", sources[0])
            return self._operation(home, "logical_or", sources[0], second=turned)
        while len(sources) > 1:
            sources[:2] = [self._operation(home, f"logical_{mask.kind}", sources[0], second=sources[1])]
        return sources[0]

    def _begin(self, ref: TensorRef) -> TensorRef:
        """What Embedding and Masking themselves compute (``compute_mask`` of tf_keras 2.21 and Keras 3.15), also at each step
        in TimeDistributed."""
        layer, home = self._layers[ref.layer], CallRef(ref.layer, ref.call)
        taken = layer.calls[ref.call].uses()[0].ref
        steps = (self.inference.facts(layer) or UNDECLARED).wraps == "steps"
        inner = layer.config.get("layer") if steps else layer.entry
        kind = str(inner["class_name"]) if isinstance(inner, FrozenDict) else ""
        config = inner["config"] if isinstance(inner, FrozenDict) else FrozenDict()
        if class_facts(kind).mask_made == "not_zero":
            return self._operation(home, "not_equal", taken, constant=0)
        spec, own = self.inference.specs.get(taken, TensorSpec()), self.inference.specs.get(ref, TensorSpec())
        if spec.dtype != own.dtype and "float" in str(spec.dtype) and own.dtype is not None:
            cast = cast_layer(self.model, taken, spec, own.dtype, self.taken)  # Masking compares in its own dtype
            self.made.append((cast, home))
            taken = TensorRef(cast.name)
            self._specs[taken] = replace(spec, dtype=own.dtype)
        differs = self._operation(home, "not_equal", taken, constant=config.get("mask_value", 0.0))
        return self._any(home, differs)

    def _any(self, home: CallRef, taken: TensorRef) -> TensorRef:
        shape = self._shape(taken)
        axis = {"axis": -1, "keepdims": False} if self.model.dialect == "keras3" else {"axis": -1}
        return self._operation(home, "any", taken, config=axis, shape=None if shape is None else shape[:-1])

    def _joined(self, home: CallRef, sources: list[TensorRef], axis: int) -> TensorRef:
        shapes = [self._shape(each) for each in sources]
        sizes = [None if shape is None else shape[axis] for shape in shapes]
        first = shapes[0]
        shape = None if first is None else (*first[:axis], _sum(sizes), *first[axis + 1 :])
        uses = tuple(Use(each, spec=self._spec(each)) for each in sources)
        return self._enter(home, "concatenate", (uses,), {"axis": axis}, shape)

    def _shape(self, ref: TensorRef) -> tuple[int | None, ...] | None:
        return self._spec(ref).shape

    def _spec(self, ref: TensorRef) -> TensorSpec:
        return self._specs.get(ref) or self.inference.specs.get(ref, TensorSpec())

    def _operation(
        self,
        home: CallRef,
        function: str,
        first: TensorRef,
        *,
        second: TensorRef | None = None,
        constant: float | None = None,
        config: Mapping[str, Any] | None = None,
        shape: tuple[int | None, ...] | None = None,
    ) -> TensorRef:
        more = (
            ()
            if second is None and constant is None
            else (constant if second is None else Use(second, spec=self._spec(second)),)
        )
        uses = (Use(first, spec=self._spec(first)), *more)
        return self._enter(home, function, uses, config or {}, shape or self._shape(first))

    def _enter(
        self,
        home: CallRef,
        function: str,
        args: tuple[Any, ...],
        config: Mapping[str, Any],
        shape: tuple[int | None, ...] | None,
    ) -> TensorRef:
        key = (function, tuple(each.ref if type(each) is Use else each for each in args), config.get("axis"))
        there = self._there.setdefault(key, [])
        for made, beside in reversed(there):
            if not self.upstream or self._comes_first(beside, home):
                return made
        calls = len(self._layers[home.layer].calls)
        name = free_name(f"{home.layer}_{home.call}_mask" if calls > 1 else f"{home.layer}_mask", self.taken)
        if self.model.dialect == "keras3" and (self.model.form == _SINCE_3_11 or function not in ("any", "concatenate")):
            config = {**config, "name": name}
        make = _keras3 if self.model.dialect == "keras3" else _keras2
        self.made.append((make(name, function, args, config), home))
        there.append((TensorRef(name), home))
        self._specs[TensorRef(name)] = TensorSpec(shape, "bool")
        return TensorRef(name)

    def _comes_first(self, call: CallRef, other: CallRef) -> bool:
        """Whether a call is another one, or is needed by it."""
        graph = call_graph(self.model)
        return graph.number[call] in closure([graph.number[other]], graph.before)


_KERAS3 = {"NotEqual": "not_equal", "Any": "any", "LogicalAnd": "logical_and", "LogicalOr": "logical_or"}


def _key_of(layer: Layer) -> tuple[Any, ...] | None:
    """What an operation of Keras 3 computes, if it is one that Keras 3 itself writes down for masks."""
    node, function = layer.calls[0], _KERAS3.get(layer.class_name)
    axis = layer.config.get("axis")
    axis = axis[0] if type(axis) is tuple and len(axis) == 1 else axis
    plain = all(type(each) in (Use, int, float) for each in node.args)
    if function is None or not plain or node.kwargs or layer.config.get("keepdims"):
        return None
    return function, tuple(each.ref if type(each) is Use else each for each in node.args), axis


_SINCE_3_11 = "bare"
"""`Model.form` of documents of Keras 3.11 and later, where every operation takes a name. Before, those with options of their
own do not, and are called by Keras as it likes."""


def _sum(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


_KERAS2 = {
    "not_equal": "math.not_equal",
    "any": "math.reduce_any",
    "logical_and": "math.logical_and",
    "logical_or": "math.logical_or",
    "logical_not": "math.logical_not",
    "concatenate": "concat",
}


def _keras2(name: str, function: str, args: tuple[Any, ...], config: Mapping[str, Any]) -> Layer:
    """An operation layer as TF 2.4 and later write it; entries without ``module`` are read by every one of them."""
    told = FrozenDict({"name": name, "trainable": True, "dtype": "float32", "function": _KERAS2[function]})
    entry = FrozenDict({"class_name": "TFOpLambda", "config": told, "name": name, "inbound_nodes": None})
    first, *more = args
    kwargs = {**({"y": more[0]} if more else {}), **config, "name": None}
    form = "bare" if type(first) is Use else ""
    return Layer(name=name, class_name="TFOpLambda", entry=entry, calls=(Node((first,), FrozenDict(kwargs), form),))


def _keras3(name: str, function: str, args: tuple[Any, ...], config: Mapping[str, Any]) -> Layer:
    class_name = "".join(part.capitalize() for part in function.split("_"))
    entry = FrozenDict(
        {
            "module": "keras.src.ops.numpy",
            "class_name": class_name,
            "config": FrozenDict(config),
            "registered_name": class_name,
            "name": name,
            "inbound_nodes": None,
        }
    )
    return Layer(name=name, class_name=class_name, entry=entry, calls=(Node(args),))
