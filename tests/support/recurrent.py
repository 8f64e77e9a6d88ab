"""LSTM and GRU of tf_keras built for this machine alone.

Wherever tf_keras builds a graph it traces each of them twice: as it runs here, and for GPUs, with all gradients, for TensorFlow
to choose from. Tests run on processors and train nothing: three quarters of the time that such models take was for nothing.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULE = "tf_keras.src.layers.rnn.gru_lstm_utils"


def for_processors_alone() -> None:
    """To be called before tf_keras is imported. What is computed stays the same to the bit."""
    sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        spec.loader.exec_module = functools.partial(_run, spec.loader.exec_module)  # type: ignore[union-attr, method-assign]
        return spec


def _run(real: Any, module: ModuleType) -> None:
    real(module)
    module.function_register = functools.wraps(module.function_register)(lambda *_, **__: None)  # type: ignore[attr-defined]
