"""Sizes that a document leaves open, fixed: the document as if it had been written for inputs of these sizes alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from configsplit.boundaries.costs import sized
from configsplit.boundaries.pricing import Pricing
from configsplit.boundaries.shapes import told
from configsplit.dialects import parse, to_text
from configsplit.errors import ShapeError
from configsplit.graph.model import TensorRef, TensorSpec
from configsplit.inference.inputs import input_spec
from configsplit.models.document import Document
from configsplit.rewrites.fix_sizes import fix_sizes


def fixed(document: Document, given: Mapping[TensorRef, TensorSpec]) -> Document:
    """The document with the sizes of its inputs written into it; ``given`` is what `given_sizes` gave.

    Raises:
        ShapeError: there is no size, the model does not take one, or the document has no place for it.
    """
    if not given:
        raise ShapeError(
            "no size is given that could be fixed", code="size-none", hint="give it: --size INPUT=1,224,224,3 --fix-size"
        )
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
        found = input_spec(document.model, layers[ref.layer])
        if found.shape != spec.shape:
            raise ShapeError(
                f"the document has no place for the size of {ref.layer!r}: it would be {told(found)}",
                code="size-no-place",
                where=ref.layer,
                hint="build the model on that size and save it again",
            )
