"""Every file that was written before Keras 3, converted, and run in tf_keras and in Keras 3: all true, or refused, or named."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.conversion import Bench
from support.conversion_files import old_files, old_releases
from support.numeric_conversion import Verdicts, judge, patched, store


@pytest.mark.exhaustive
@pytest.mark.parametrize("release", old_releases())
def test_every_old_file_computes_the_same(release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts, bench = Verdicts(release), Bench(tmp_path / "work")
    patched(bench, monkeypatch)
    try:
        for file in old_files(release):
            judge(file, tmp_path / "converted.keras", verdicts)
            store(verdicts)
    finally:
        bench.close()
    assert verdicts.wrong == []
    if not release.startswith("keras-1"):
        assert verdicts.identical + verdicts.rounded > 0
