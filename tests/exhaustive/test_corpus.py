"""Every file of every release, cut everywhere, proven, and run where the original can be run.

CONFIGSPLIT_CORPUS names a folder with one folder for each release; without it the small selection in tests/corpus is used.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.corpus import CorpusFile, files, names
from support.frameworks import PLUGINS, FrameworkProcess
from support.matrix import try_file
from support.outcomes import Row

from configsplit.errors import ConfigSplitError
from configsplit.inference import every_mask
from configsplit.models.document import load

PLACES = 40
"""Two models of 150 and 300 layers in a row, made to strain HDF5, are cut at so many of them; all others at every place."""

RUNS = 12
"""So many cuts of one file are run in Keras, evenly spread; most files have fewer."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("release", names())
def test_every_file_of_a_release(
    release: str, report: Callable[[str, Row], None], processes: dict[str, FrameworkProcess], tmp_path: Path
) -> None:
    row = Row(release)
    for file in files(release):
        try_file(file, tmp_path / "work", row, processes, numeric=RUNS, places=PLACES)
        report("corpus", row)
    assert row.proven > 0
    assert row.failures == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("release", names())
def test_every_file_with_masks_on_padded_inputs(
    release: str, report: Callable[[str, Row], None], processes: dict[str, FrameworkProcess], tmp_path: Path
) -> None:
    """What the releases were given has hardly any padding; here every mask is on and off in one batch."""
    row = Row(release)
    for file in filter(_has_masks, files(release)):
        try_file(replace(file, recorded=None), tmp_path / "work", row, processes, numeric=10 * RUNS, places=PLACES, samples=6)
        report("padded", row)
    assert row.failures == []


def _has_masks(file: CorpusFile) -> bool:
    try:
        document = load(file.path, weights=file.weights, custom_objects=[PLUGINS])
        return any(masks.tensors for _, masks in every_mask(document.infer()).values())
    except ConfigSplitError:
        return False
