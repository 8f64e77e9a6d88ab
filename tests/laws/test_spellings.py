"""Models in the spellings of several releases, drawn at random: one graph, cut and written alike."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import configsplit
from configsplit.dialects import parse, to_text
from configsplit.errors import CutError, ShapeError
from configsplit.graph.equality import differences
from configsplit.graph.model import Model
from configsplit.saving.buildable import check_buildable
from configsplit.testing import Spelling, spellings

KINDS = pytest.mark.parametrize("kind", get_args(Spelling))


def classes(model: Model) -> list[str]:
    return [layer.class_name for layer in model.layers]


@KINDS
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_another_spelling_is_read_as_the_same_graph(kind: Spelling, data: st.DataObject) -> None:
    spelt = data.draw(spellings(kind))
    old, today = parse(spelt.old), parse(spelt.today)
    assert old.detection.dialect is today.detection.dialect
    assert bool(old.notes) == (kind == "cloned input" and spelt.old != spelt.today)
    if kind == "nameless":  # the names that Keras makes up
        assert classes(old.model) == classes(today.model)
        assert len({layer.name for layer in old.model.layers}) == len(old.model.layers)
    else:
        assert differences(old.model, today.model) == []
    if kind != "cloned input":
        assert to_text(old.model) == spelt.old  # and is written as it was
    else:
        again = parse(to_text(old.model))
        assert (again.notes, differences(again.model, today.model)) == ((), [])


@KINDS
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_it_is_cut_alike(kind: Spelling, data: st.DataObject) -> None:
    spelt = data.draw(spellings(kind))
    cuts = []
    with TemporaryDirectory() as folder:
        documents = []
        for name, text in (("old", spelt.old), ("today", spelt.today)):
            (place := Path(folder) / f"{name}.json").write_text(text)
            documents.append(configsplit.load(place))
        count = len(documents[0].model.layers)
        at = data.draw(st.integers(1, count - 1))
        for document in documents:
            name = document.model.layers[at].name
            try:
                parts = configsplit.split(document, f"{name}@*", shapes=_said(document)).split.parts
            except (CutError, ShapeError) as error:
                cuts.append((error.code, []))
                continue
            for part in parts:
                check_buildable("m.json", parse(to_text(part.model)).model, weights=True)
            cuts.append(("", [classes(part.model) for part in parts]))
    assert cuts[0] == cuts[1]


def _said(document: configsplit.Document) -> list[str]:
    """The shapes of classes that nobody has declared: all tensors have one shape."""
    unknown = {ref.layer for ref in document.infer().reasons} if document.model.kind == "sequential" else set()
    return [f"{name}=None,3,4" for name in sorted(unknown)]
