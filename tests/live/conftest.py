"""Makes the helpers of this folder importable, and gives each test a Keras."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent)]


@pytest.fixture(params=["keras", "tf_keras"])
def keras(request: pytest.FixtureRequest) -> Any:
    module = importlib.import_module(request.param)
    module.backend.clear_session()
    module.utils.set_random_seed(3)
    return module
