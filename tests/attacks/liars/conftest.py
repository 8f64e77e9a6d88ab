"""Models as files, cut and run in real Keras: what the parts give is held against what the file gives."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
from support.frameworks import FrameworkProcess, Original, process_for
from support.matrix import inputs_of

import configsplit
from configsplit.saving.parts import Saved

Held = Callable[..., list[str]]


@pytest.fixture
def held(processes: dict[str, FrameworkProcess], tmp_path: Path) -> Held:
    """Split a file and run whole and parts: what differs, in words. The ``saved`` split is handed to ``look``."""

    def run(path: Path, at: str, *, boundary: str = "smallest", look: Callable[[Saved], None] = lambda _: None) -> list[str]:
        document = configsplit.load(path)
        folder = tmp_path / f"{at}-{boundary}".replace("/", "-")
        saved = configsplit.split(document, [at], boundary=boundary).save(folder / "parts")  # type: ignore[arg-type]
        look(saved)
        process = process_for(processes, document.dialect)
        original = Original(process, path, folder / "run", tensors=inputs_of(document), samples=3)
        return original.differences(saved.directory, saved.manifest)

    return run
