"""Random models: whatever is planned or listed can be carried out, and is proven from the files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.thinned import examples

import configsplit
from configsplit.boundaries.flattened import flattened
from configsplit.dialects import to_text
from configsplit.errors import CutError
from configsplit.models.document import Document
from configsplit.testing import models


def loaded(folder: str, text: str) -> Document:
    path = Path(folder) / "model.json"
    path.write_text(text)
    return configsplit.load(path)


@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
@examples(60)
@given(data=st.data())
def test_every_plan_is_carried_out(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    stages, balance = data.draw(st.integers(1, 4)), data.draw(st.sampled_from(["macs", "params", "bytes"]))
    with tempfile.TemporaryDirectory() as folder:
        document = loaded(folder, to_text(model))
        whole = data.draw(st.booleans())
        calls = calls_in(document, whole=whole)
        if calls < stages:
            with pytest.raises(CutError, match="cannot be made"):
                configsplit.plan(document, stages, whole_nested=whole)
            return
        found = configsplit.plan(document, stages, balance=balance, whole_nested=whole)
        saved = found.save(Path(folder) / "out")
        assert saved.proof.parts == len(found.stages) == stages
        counted = sum(stage.calls for stage in found.stages)  # what no boundary lies in stays closed, and is one
        assert counted == calls if whole else stages <= counted <= max(calls, calls_in(document, whole=True))


def calls_in(document: Document, *, whole: bool) -> int:
    """Calls that some output needs, with nested models opened or each as one."""
    model = document.model if whole else flattened(document).model
    return sum(len(layer.calls) for layer in model.layers if not layer.is_input)


@pytest.mark.parametrize("dialect", ["keras2", "keras3"])
@examples(60)
@given(data=st.data())
def test_every_row_is_carried_out(dialect: str, data: st.DataObject) -> None:
    model = data.draw(models(dialect, masks=False))  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory() as folder:
        document = loaded(folder, to_text(model))
        whole = data.draw(st.booleans())
        rows = configsplit.cuts(document, whole_nested=whole).places
        for row in rows:
            parts = configsplit.split(document, row.at)
            given = [ref for source, ref in zip(parts.split.wires[1], parts[1].inputs, strict=True) if source.part is not None]
            own = document.model.by_name()  # and not what hands masks over
            assert not whole or len([ref for ref in given if ref.layer in own]) == len(row.tensors)
            head = [layer for layer in parts[0].model.layers if not layer.is_input and (not whole or layer.name in own)]
            assert sum(len(layer.calls) for layer in head) == row.before.calls or not whole
            assert whole or len(given) >= len(row.tensors)
        if rows:
            row = data.draw(st.sampled_from(rows))
            assert configsplit.split(document, row.at).save(Path(folder) / "out").proof.parts == 2
