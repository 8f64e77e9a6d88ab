"""Every layer of every network of keras.applications and tf_keras.applications, cut and proven; architectures only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.architectures import NETWORKS, architecture, offered
from support.outcomes import Row, cut
from support.places import everywhere, sliceable

from configsplit.models.document import load

ALL = [(package, name) for package, names in NETWORKS.items() for name in names]


@pytest.mark.exhaustive
@pytest.mark.parametrize("package", NETWORKS)
def test_no_network_is_left_out(package: str) -> None:
    assert set(offered(package)) <= set(NETWORKS[package])


@pytest.mark.exhaustive
@pytest.mark.parametrize(("package", "network"), ALL, ids=lambda item: item)
def test_every_layer_can_be_cut(package: str, network: str, report: Callable[[str, Row], None], tmp_path: Path) -> None:
    document = load(architecture(package, network))
    row = Row(network, files=1, sliceable=sliceable(document.model))
    for place in everywhere(document.model):
        cut(document, place, tmp_path / "out", row)
    report(f"applications-{package}", row)
    assert row.failures == []
    assert not row.refused
    assert row.ends == len(document.model.input_refs()) + len(document.model.output_refs())
    assert row.proven == row.asked - row.ends
