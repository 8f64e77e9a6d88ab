"""A written file is read anew: one whose layers stand in an order that Keras would not compute is never kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.corpus import releases

from configsplit import convert
from configsplit.errors import VerificationError
from configsplit.graph.model import Layer, Model
from configsplit.verbs.convert import Converted

RESIDUAL = releases() / "tf-2.4" / "residual.h5"


def turned(model: Model) -> Model:
    return model.with_layers(tuple(reversed(model.layers)))


def with_model(made: Converted, model: Model) -> Converted:
    return replace(made, migration=replace(made.migration, model=model))


@pytest.mark.parametrize("ending", ["keras", "json"])
def test_layers_in_another_order_are_not_kept(ending: str, tmp_path: Path) -> None:
    made = convert(RESIDUAL)
    assert made.migration.model is not None
    with pytest.raises(VerificationError) as caught:
        with_model(made, turned(made.migration.model)).save(tmp_path / f"new.{ending}")
    assert caught.value.code == "verify-order"
    assert list(tmp_path.iterdir()) == []


def test_nor_inside_a_nested_model(tmp_path: Path) -> None:
    made = convert(releases() / "tf-2.4" / "nested2.h5")
    model = made.migration.model
    assert model is not None
    held = next(layer for layer in model.layers if layer.model is not None and layer.model.kind == "functional")

    def changed(layer: Layer) -> Layer:
        return replace(layer, model=turned(held.model)) if layer is held and held.model is not None else layer

    with pytest.raises(VerificationError, match=f"layers of '{held.name}'"):
        with_model(made, model.with_layers(tuple(map(changed, model.layers)))).save(tmp_path / "new.json", weights=False)


def test_what_convert_makes_is_kept(tmp_path: Path) -> None:
    assert convert(RESIDUAL).save(tmp_path / "new.keras").weights > 0
