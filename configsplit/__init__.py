"""Cut any Keras model file at any layer: exactly, with proof, and without Keras.

    import configsplit

    model = configsplit.load("resnet152.keras")
    parts = configsplit.split(model, at="conv4_block18_out")
    parts.save("out/")

Everything heavy is imported when it is first used: ``import configsplit`` loads neither Keras, TensorFlow, h5py nor jsonschema.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from configsplit.documents.cutting import Parts as Parts
    from configsplit.documents.cutting import split as split
    from configsplit.documents.document import Document as Document
    from configsplit.documents.document import load as load
    from configsplit.documents.inspecting import inspect as inspect
    from configsplit.documents.proof import verify as verify
    from configsplit.errors import ConfigSplitError as ConfigSplitError

__version__ = "0.1.0"

_HOMES = {
    "ConfigSplitError": "configsplit.errors",
    "Document": "configsplit.documents.document",
    "Parts": "configsplit.documents.cutting",
    "inspect": "configsplit.documents.inspecting",
    "load": "configsplit.documents.document",
    "split": "configsplit.documents.cutting",
    "verify": "configsplit.documents.proof",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
