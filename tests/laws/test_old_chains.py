"""Sequentials that begin with a model, drawn at random: what older releases spell in their own way is the same model."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import configsplit
from configsplit.dialects import parse, to_text
from configsplit.errors import CutError
from configsplit.graph.equality import differences
from configsplit.graph.model import walk
from configsplit.inference.inputs import input_spec
from configsplit.saving.buildable import check_buildable
from configsplit.testing import old_chains

DIALECTS = pytest.mark.parametrize("dialect", ["keras2", "keras3"])


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_lists_of_one_are_read_as_they_were_meant(data: st.DataObject) -> None:
    spelt = data.draw(old_chains("keras3"))
    old, today = parse(spelt.old), parse(spelt.today)
    assert "list of one" in old.notes[0]
    assert today.notes == ()
    wraps = any(layer.class_name == "TimeDistributed" for _, layer in walk(today.model))
    assert wraps or differences(old.model, today.model) == []  # the inputs of models in wrappers stay as they are spelt
    again = parse(to_text(old.model))
    assert again.notes == ()
    check_buildable("m.json", again.model, weights=True)


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_a_model_that_comes_first_tells_the_input(data: st.DataObject) -> None:
    spelt = data.draw(old_chains("keras2"))
    old, today = parse(spelt.old).model, parse(spelt.today).model
    assert old.layers[0].implicit
    assert input_spec(old, old.layers[0]) == input_spec(today, today.layers[0])
    assert to_text(old) == spelt.old


@DIALECTS
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_what_is_cut_inside_the_model_can_be_built(dialect: str, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        place = Path(folder) / "m.json"
        place.write_text(data.draw(old_chains(dialect)).old)
        document = configsplit.load(place)
        held = document.model.layers[1]
        assert held.model is not None
        inner = data.draw(st.sampled_from([layer.name for layer in held.model.layers if not layer.is_input]))
        try:
            parts = configsplit.split(document, f"{held.name}/{inner}@*").split.parts
            made = configsplit.extract(document, to=f"{held.name}/{inner}@*").model
        except CutError:
            return
        for model in (*(part.model for part in parts), made):
            check_buildable("m.json", parse(to_text(model)).model, weights=True)
