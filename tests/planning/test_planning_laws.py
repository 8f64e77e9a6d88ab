"""Random models: whatever is planned or listed can be carried out, and is proven from the files."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.thinned import examples

import configsplit
from configsplit.dialects import to_text
from configsplit.errors import CutError
from configsplit.graph.model import Model
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
        calls, whole = calls_in(document.model), data.draw(st.booleans())
        if calls[whole] < stages:
            with pytest.raises(CutError, match="cannot be made"):
                configsplit.plan(document, stages, whole_nested=whole)
            return
        found = configsplit.plan(document, stages, balance=balance, whole_nested=whole)
        saved = found.save(Path(folder) / "out")
        assert saved.proof.parts == len(found.stages) == stages
        assert sum(stage.calls for stage in found.stages) == calls[whole]


def calls_in(model: Model) -> tuple[int, int]:
    """Calls with nested models opened, and with each as one."""
    nested = [(layer, calls_in(layer.model)[0] if layer.model else 1) for layer in model.layers if not layer.is_input]
    return sum(len(layer.calls) * inner for layer, inner in nested), sum(len(layer.calls) for layer, _ in nested)


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
