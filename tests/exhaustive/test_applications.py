"""Every layer of every network of keras.applications and tf_keras.applications, cut and proven; architectures only.

The Keras of each loads the parts of some of the cuts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.architectures import NETWORKS, architecture, offered
from support.corpus import CorpusFile
from support.frameworks import FrameworkProcess
from support.matrix import Loads
from support.outcomes import Row, cut
from support.places import everywhere, inside, sliceable, spread

from configsplit.models.document import load

LOADED = 3
"""The parts of so many cuts of a network are loaded: each takes seconds, and gigabytes for some."""

ALL = [(package, name) for package, names in NETWORKS.items() for name in names]


@pytest.mark.exhaustive
@pytest.mark.parametrize("package", NETWORKS)
def test_no_network_is_left_out(package: str) -> None:
    assert set(offered(package)) <= set(NETWORKS[package])


@pytest.mark.exhaustive
@pytest.mark.parametrize(("package", "network"), ALL, ids=lambda item: item)
def test_every_layer_can_be_cut(
    package: str, network: str, report: Callable[[str, Row], None], processes: dict[str, FrameworkProcess], tmp_path: Path
) -> None:
    path = architecture(package, network)
    document = load(path)
    row = Row(network, files=1, sliceable=sliceable(document.model))
    loads, loaded = (
        Loads(CorpusFile(path, None, None), document.dialect, processes, row),
        spread(inside(document.model), LOADED),
    )
    for place in everywhere(document.model):
        saved = cut(document, place, tmp_path / "out", row)
        if saved is not None and place in loaded:
            loads.add(place, saved)
    report(f"applications-{package}", row)
    assert row.failures == []
    assert not row.refused
    assert row.ends == len(document.model.input_refs()) + len(document.model.output_refs())
    assert row.proven == row.asked - row.ends
    assert row.loaded == 2 * LOADED
