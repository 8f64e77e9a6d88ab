"""Sizes that a document leaves open, fixed: the document as if it had been written for inputs of these sizes alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from configsplit.boundaries.costs import sized
from configsplit.boundaries.pricing import Pricing
from configsplit.boundaries.shapes import told
from configsplit.dialects import parse, to_text
from configsplit.errors import ShapeError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Layer, Model, Shape, TensorRef, TensorSpec, Use
from configsplit.inference.inputs import input_spec, recorded_spec
from configsplit.models.document import Document


def fixed(document: Document, given: Mapping[TensorRef, TensorSpec]) -> Document:
    """The document with the sizes of its inputs written into it; ``given`` is what `given_sizes` gave."""
    if not given:
        raise ShapeError("there is no size to fix", code="size-none", hint="give it: --size INPUT=1,224,224,3 --fix-size")
    known = document.infer()
    Pricing(document, document.model, given, known).check()
    model = parse(to_text(fix_sizes(document.model, given, sized(document, document.model, given, known).specs))).model
    made = replace(document, model=model, fixed={**document.fixed, **{ref.layer: spec for ref, spec in given.items()}})
    _check(made, given)
    return made


def _check(document: Document, given: Mapping[TensorRef, TensorSpec]) -> None:
    """Every input is what was asked for, as whoever reads the document will see it."""
    layers = document.model.by_name()
    for ref, spec in given.items():
        resized = input_spec(document.model, layers[ref.layer])
        if resized.shape != spec.shape:
            raise ShapeError(
                f"the document has no place for the size of {ref.layer!r}: it would be {told(resized)}",
                code="size-no-place",
                where=ref.layer,
                hint="build the model on that size and save it again",
            )


# Sizes that a model leaves open, written into its inputs and into what its document says of the tensors behind them.


Specs = Mapping[TensorRef, TensorSpec]

_DECLARED = ("batch_shape", "batch_input_shape")
"""Keys of a config that declare the shape of an input."""


def fix_sizes(model: Model, sizes: Specs, specs: Specs) -> Model:
    """The model with inputs of these shapes; ``specs`` has what flows then.

    A Sequential of Keras 1 and 2 may leave its input to the first layer, or to the model that comes first, however deep.
    """
    shapes = {ref: spec.shape for ref, spec in sizes.items() if spec.shape is not None}

    def told(use: Use) -> Use:
        spec, recorded = specs.get(use.ref, TensorSpec()), recorded_spec(use.recorded)
        return use if recorded is None or recorded.shape == spec.shape or spec.shape is None else Use(use.ref, None, spec)

    layers = [replace(layer, calls=tuple(node.map_uses(told) for node in layer.calls)) for layer in model.layers]
    for ref, shape in shapes.items():
        place = next(number for number, layer in enumerate(layers) if layer.name == ref.layer)
        layers[place] = _declaring(layers[place], shape)
        if layers[place].implicit and place + 1 < len(layers):
            layers[place + 1] = _first(layers[place + 1], shape)
    made = model.with_layers(tuple(layers))
    alone = next(iter(shapes.values())) if len(model.input_refs()) == len(shapes) == 1 else None
    return replace(made, entry=_built(model.entry, alone), config=_built(model.config, alone))


def _declaring(layer: Layer, shape: Shape) -> Layer:
    """An InputLayer of this shape, or a first layer that says what it takes."""
    if layer.spec is not None:
        layer = replace(layer, spec=replace(layer.spec, shape=shape))
    shapes = {key: shape for key in _DECLARED if key in layer.config}
    return replace(layer, entry=layer.entry | {"config": layer.config | shapes}) if shapes else layer


def _first(layer: Layer, shape: Shape) -> Layer:
    """The layer that comes first where no InputLayer does; iterative, models in models."""
    outer: list[Layer] = []
    while layer.model is not None and layer.model.input_refs():
        outer.append(layer)
        name = layer.model.input_refs()[0].layer
        inside = layer.model.by_name()[name]
        layer = inside if not inside.implicit else layer.model.layers[1]
    layer = _declaring(replace(layer, entry=_built(layer.entry, shape)), shape)
    for holder in reversed(outer):
        model = holder.model
        assert model is not None
        layers = tuple(layer if each.name == layer.name else each for each in model.layers)
        made = replace(model, layers=layers, entry=_built(model.entry, shape), config=_built(model.config, shape))
        layer = replace(holder, model=made, entry=_built(holder.entry, shape))
    return layer


def _built(frame: FrozenDict, shape: Shape | None) -> FrozenDict:
    """What a document says of how something was built, on one input of this shape; of several it says nothing any more."""
    changed: dict[str, Any] = {}
    if "build_input_shape" in frame and shape is not None:
        changed["build_input_shape"] = shape
    if isinstance(build := frame.get("build_config"), FrozenDict) and build.get("input_shape") is not None:
        if shape is None:
            return frame.without("build_config")
        changed["build_config"] = build | {"input_shape": shape}
    return frame | changed if changed else frame
