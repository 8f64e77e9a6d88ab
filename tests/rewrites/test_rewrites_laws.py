"""The laws of surgery, on random graphs: what is put in and taken out again leaves no trace."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.thinned import examples
from surgery_making import NOISE, document, layer_file, reloaded, surface_places, written
from surgery_meaning import Meanings

import configsplit
from configsplit import Document
from configsplit.errors import CutError
from configsplit.graph.equality import differences
from configsplit.graph.model import Model, walk
from configsplit.graph.rebuild_order import rebuild_order
from configsplit.graph.references import outputs_used
from configsplit.testing import models

DIALECTS = pytest.mark.parametrize("dialect", ["keras2", "keras3"])


def names(model: Model) -> tuple[str, ...]:
    return tuple(layer.name for layer in model.layers)


def check_unchanged(before: Document, after: Document) -> None:
    assert differences(before.model, after.model) == []
    assert names(after.model) == rebuild_order(after.model)


@DIALECTS
@examples(60)
@given(data=st.data())
def test_what_is_inserted_and_removed_again_leaves_no_trace(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    place = data.draw(st.sampled_from(surface_places(model)))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        whole = document(model, folder)
        noisy = reloaded(configsplit.insert(whole, layer_file(folder, NOISE), after=place), folder)
        assert differences(whole.model, noisy.model) != []
        check_unchanged(whole, reloaded(configsplit.remove(noisy, "gaussian_noise"), folder, "back"))


@DIALECTS
@examples(60)
@given(data=st.data())
def test_an_equal_donor_changes_nothing_but_names(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    made = [ref for ref in outputs_used(model) if not model.by_name()[ref[0]].is_input]
    layer, call = data.draw(st.sampled_from(made))
    taken = list(dict.fromkeys(written(use.ref) for use in model.by_name()[layer].calls[call].uses()))
    ends = [f"{layer}@{call}:{output}" for output in outputs_used(model)[layer, call]]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        whole = document(model, folder)
        donor = reloaded(configsplit.extract(whole, from_=taken, to=ends), folder, "donor")
        swapped = reloaded(configsplit.replace(whole, donor, from_=taken, to=ends), folder, "swapped")
        alike = Meanings()
        assert alike.of(whole.model) == alike.of(swapped.model)
        assert names(swapped.model) == rebuild_order(swapped.model)


@DIALECTS
@examples(60)
@given(data=st.data())
def test_extracting_everything_changes_nothing(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        whole = document(model, folder)
        inputs = [ref.layer for ref in model.input_refs()]
        try:
            edited = configsplit.extract(whole, from_=inputs)
        except CutError as error:
            assert error.code == "extract-unused"  # noqa: PT017 - an input that no output needs is refused by name
            return
        check_unchanged(whole, reloaded(edited, folder))


@DIALECTS
@examples(60)
@given(data=st.data())
def test_an_extract_means_what_it_meant(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    place = data.draw(st.sampled_from(surface_places(model)))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        whole = document(model, folder)
        edited = configsplit.extract(whole, to=place)
        needed = {layer.name for layer in edited.model.layers}
        upstream = {layer.path[0] for layer in configsplit.layers(whole, before=place)}
        assert needed == upstream
        assert names(edited.model) == rebuild_order(edited.model)


@DIALECTS
@examples(60)
@given(data=st.data())
def test_names_that_are_changed_back_are_what_they_were(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    paths = [path for path, _ in walk(model)]
    chosen = data.draw(st.lists(st.sampled_from(paths), unique=True, min_size=1))
    there = {"/".join(path): f"new_{path[-1]}" for path in chosen}
    back = {
        "/".join((*(f"new_{name}" if path[: n + 1] in chosen else name for n, name in enumerate(path)),)): path[-1]
        for path in chosen
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        whole = document(model, folder)
        renamed = reloaded(configsplit.rename(whole, there), folder)
        assert {path[-1] for path, _ in walk(renamed.model)} >= set(there.values())
        check_unchanged(whole, reloaded(configsplit.rename(renamed, back), folder, "back"))


@DIALECTS
@examples(40)
@given(data=st.data())
def test_what_is_frozen_and_freed_is_trained_again(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    paths = ["/".join(path) for path, layer in walk(model) if not layer.is_input]
    chosen = data.draw(st.lists(st.sampled_from(paths), unique=True, min_size=1))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        marked = reloaded(configsplit.freeze(document(model, folder), layer="*", unfreeze=True), folder, "marked")
        frozen = reloaded(configsplit.freeze(marked, layer=chosen), folder, "frozen")
        told = {layer.name: layer.trainable for layer in configsplit.layers(frozen, after=[], before=[])}
        assert all(told[name] is False for name in chosen if "/" not in name and told[name] is not None)
        check_unchanged(marked, reloaded(configsplit.freeze(frozen, layer=chosen, unfreeze=True), folder, "freed"))


@DIALECTS
@examples(60)
@given(data=st.data())
def test_upstream_and_downstream_are_the_two_sides_of_a_cut(dialect: str, data: st.DataObject) -> None:
    """Every layer that an output needs lies on one side at least, and a tensor's own layer upstream of it."""
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    place = data.draw(st.sampled_from(surface_places(model)))
    with tempfile.TemporaryDirectory() as scratch:
        whole = document(model, Path(scratch))
        before = {layer.path for layer in configsplit.layers(whole, before=place)}
        after = {layer.path for layer in configsplit.layers(whole, after=place)}
        assert (place.rpartition("@")[0],) in before
        assert before | after <= {path for path, _ in walk(model)}
        shared = {layer.name for layer in model.layers if len(layer.calls) > 1}
        assert {path[0] for path in before & after} <= shared
