"""The last steps of one model: chain or graph, masks as tensors, shapes written down, layers in Keras's own order."""

from __future__ import annotations

from dataclasses import replace

from configsplit.catalog.keras3.refusals import Refusal
from configsplit.catalog.table import class_facts
from configsplit.conversion.building import OPS, Building, Made
from configsplit.conversion.masks import with_masks
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import OPERATION_MODULES, Layer, Model, Shape, Structure, TensorRef, TensorSpec, Use
from configsplit.graph.rebuild_order import rebuild_order
from configsplit.inference import trace, trail

BARE = "bare"
"""The form of a document of Keras 3.11 and later: a single input or output stands without a list."""


def finish(building: Building) -> Model | None:
    """The new model; None where it lacks a shape, which the list of refusals says then."""
    old = building.old
    if old.kind == "sequential" and _is_chain(building):
        chain = told_shapes(_chain(building), building)
        return None if building.refusals else chain
    model = Model(
        name=_model_name(building),
        kind="functional",
        layers=tuple(_layer(name, made) for name, made in building.layers.items()),
        inputs=single(building.mapped(old.inputs)),
        outputs=single(building.mapped(old.outputs)),
        config=FrozenDict(
            {
                "name": _model_name(building),
                "trainable": old.config.get("trainable", True),
                "layers": None,
                "input_layers": None,
                "output_layers": None,
            }
        ),
        entry=_frame("functional"),
        dialect="keras3",
        form=BARE,
    )
    model = with_masks(model, building)
    model = _described(model, building)
    if building.refusals:
        return None
    by_name = model.by_name()
    return model.with_layers(tuple(by_name[name] for name in rebuild_order(model)))


def _model_name(building: Building) -> str:
    return building.old.name.replace("/", "_") or "model"


def _frame(kind: str) -> FrozenDict:
    if kind == "sequential":
        return FrozenDict({"module": "keras", "class_name": "Sequential", "config": None, "registered_name": None})
    module = "keras.src.models.functional"
    return FrozenDict({"module": module, "class_name": "Functional", "config": None, "registered_name": "Functional"})


def _layer(name: str, made: Made) -> Layer:
    nodes = tuple(made.calls[number] for number in sorted(made.calls))
    model = made.model
    entry = made.entry | {"name": name, "inbound_nodes": None}
    base = int(model is not None and model.kind == "functional")
    return Layer(name=name, class_name=str(entry["class_name"]), entry=entry, calls=nodes, model=model, base=base)


def single(structure: Structure) -> Structure:
    """Before Keras 3 a single tensor and a list of one were written alike, and meant the tensor."""
    return structure[0] if type(structure) is tuple and len(structure) == 1 else structure


# ----------------------------------------------------------------------------------------------------------------- chains


def _is_chain(building: Building) -> bool:
    """Whether a Sequential is one still: every layer once, on what the one before gives, and no operation among them."""
    before: TensorRef | None = None
    for name, made in building.layers.items():
        if len(made.calls) != 1 or str(made.entry.get("module") or "").startswith(OPERATION_MODULES):
            return False
        node = made.calls[0]
        uses = node.uses()
        if node.kwargs or [use.ref for use in uses] != ([] if before is None else [before]):
            return False
        if before is not None and (len(node.args) != 1 or type(node.args[0]) is not Use):
            return False
        before = TensorRef(name)
    return True


def _chain(building: Building) -> Model:
    old = building.old
    layers = [_layer(name, made) for name, made in building.layers.items()]
    first = layers[0]
    implicit = first.entry["config"].get("batch_shape") is None
    if implicit:
        layers[0] = replace(first, implicit=True)
    config = {"name": _model_name(building), "trainable": old.config.get("trainable", True), "dtype": "float32", "layers": None}
    if implicit and (shape := old.config.get("build_input_shape")) is not None:
        config["build_input_shape"] = shape
    return Model(
        name=_model_name(building),
        kind="sequential",
        layers=tuple(layers),
        inputs=TensorRef(layers[0].name),
        outputs=TensorRef(layers[-1].name),
        config=FrozenDict(config),
        entry=_frame("sequential"),
        dialect="keras3",
        form=BARE,
    )


# ----------------------------------------------------------------------------------------------------------------- shapes


def _described(model: Model, building: Building) -> Model:
    """The model with the shape and dtype of every argument, which Keras 3 wants written.

    What the rules for Keras 3 infer of the new model is held against what was known of the old one: they must agree.
    """
    facts = building.around.facts
    old = {new: building.spec(ref) for ref, new in building.tensors.items()}
    inference = trace(model, facts, dialect="keras3")
    traced = inference.specs
    unknown = {
        ref: old[ref] for ref, spec in traced.items() if spec.shape is None and old.get(ref, TensorSpec()).shape is not None
    }
    if unknown:
        inference = trace(model, facts, unknown, dialect="keras3")
        traced = inference.specs
    needed = dict.fromkeys(use.ref for layer in model.layers for node in layer.calls for use in node.uses())
    for ref in needed:
        _check(building, ref, traced.get(ref, TensorSpec()), old.get(ref, TensorSpec()))
    lost = dict.fromkeys((trail(inference, ref) or [ref])[-1].layer for ref in needed if traced[ref].shape is None)
    for name in lost:
        building.note(name, "its output shape is unknown: none is written, and Keras 3 asks the class itself")

    def fill(use: Use) -> Use:
        return replace(use, spec=traced.get(use.ref))

    layers = tuple(replace(layer, calls=tuple(node.map_uses(fill) for node in layer.calls)) for layer in model.layers)
    return model.with_layers(layers)


def _check(building: Building, ref: TensorRef, new: TensorSpec, old: TensorSpec) -> None:
    if old.shape is not None and not (_agree(old, new) and _same_kind(building, ref, old, new)):
        building.refusals.append(
            Refusal(
                building.title(ref.layer),
                "convert-shape-changed",
                f"{ref.layer!r} gives {old.shape} of {old.dtype} in the old model, and would give {new.shape} of {new.dtype}",
                "this is a defect of configsplit, please report it",
            )
        )


def _agree(old: TensorSpec, new: TensorSpec) -> bool:
    if new.shape is None or old.shape is None or len(new.shape) != len(old.shape):
        return False
    return all(one is None or other is None or one == other for one, other in zip(old.shape, new.shape, strict=True))


def _same_kind(building: Building, ref: TensorRef, old: TensorSpec, new: TensorSpec) -> bool:
    """Whether an operation still gives whole numbers or fractions; layers say it themselves (Keras 2.0 said it wrong)."""
    made = building.layers.get(ref.layer)
    if made is None or old.dtype is None or new.dtype is None or not str(made.entry.get("module")).startswith(OPS):
        return True
    return _kind(old.dtype) == _kind(new.dtype)


def _kind(dtype: str) -> str:
    """``int`` for ``int64`` and ``uint8``: what of a dtype must not change on the way."""
    return dtype.rstrip("0123456789").removeprefix("u").replace("bfloat", "float")


# A Sequential whose file does not say what it takes: each layer is told the shape that its own weights imply.


def told_shapes(model: Model, building: Building) -> Model:
    """The outermost model with a ``build_config`` for every layer with weights, if nothing says what it takes.

    Keras builds each layer by itself then, and loads its weights; the model itself stays open for any batch and length.
    """
    if building.path or not model.layers[0].implicit or "build_input_shape" in model.config:
        return model
    weighted = [layer for layer in model.layers if building.layers[layer.name].slots]
    if not weighted:
        return model
    given = _implied(weighted[0], building)
    specs = {} if given is None else trace(model, building.around.facts, {TensorRef(model.layers[0].name): given}).specs
    before = {layer.name: specs.get(use.ref, TensorSpec()).shape for layer in model.layers for use in layer.calls[0].uses()}
    unknown = [layer.name for layer in weighted if before[layer.name] is None]
    if given is not None and before[weighted[0].name] != given.shape:
        unknown = [weighted[0].name]  # the layers before it change what the model takes
    if unknown:
        building.refusals.append(
            Refusal(
                building.title(unknown[0]),
                "convert-shape-unknown",
                "the file lacks the shape of the model's input, so Keras 3 could not build this layer to load its weights",
                f"give it: --shape {model.layers[0].name}=None,28,28,3",
            )
        )
        return model
    building.note(
        weighted[0].name, f"the file lacks the shape of the model's input; its weights imply {before[weighted[0].name]}"
    )
    return model.with_layers(tuple(_told(layer, before[layer.name]) if layer in weighted else layer for layer in model.layers))


def _told(layer: Layer, shape: Shape | None) -> Layer:
    return replace(layer, entry=layer.entry | {"build_config": FrozenDict({"input_shape": shape})})


def _implied(layer: Layer, building: Building) -> TensorSpec | None:
    """What a layer takes, as far as its config and the shape of its first weight imply it."""
    rule = class_facts(layer.class_name).input_of
    shapes = building.weights(building.layers[layer.name].old or "").shapes
    return TensorSpec(rule(layer.config, shapes[0]), "float32") if rule is not None and shapes else None
