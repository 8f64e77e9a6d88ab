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
    from configsplit import keras as keras
    from configsplit.documents.converting import Converted as Converted
    from configsplit.documents.converting import convert as convert
    from configsplit.documents.cutting import split as split
    from configsplit.documents.document import Document as Document
    from configsplit.documents.document import load as load
    from configsplit.documents.edited import Edited as Edited
    from configsplit.documents.edited import Parts as Parts
    from configsplit.documents.inspecting import inspect as inspect
    from configsplit.documents.joining import join as join
    from configsplit.documents.marking import freeze as freeze
    from configsplit.documents.marking import layers as layers
    from configsplit.documents.marking import rename as rename
    from configsplit.documents.planning import plan as plan
    from configsplit.documents.pricing import cuts as cuts
    from configsplit.documents.profiling import profile as profile
    from configsplit.documents.provenance import verify_file as verify_file
    from configsplit.documents.surgery import extract as extract
    from configsplit.documents.surgery import insert as insert
    from configsplit.documents.surgery import remove as remove
    from configsplit.documents.surgery import replace as replace
    from configsplit.documents.validating import validate as validate
    from configsplit.documents.verifying import verify as verify
    from configsplit.errors import ConfigSplitError as ConfigSplitError
    from configsplit.zoo.batch import batch as batch

__version__ = "0.1.0"

_HOMES = {
    "ConfigSplitError": "configsplit.errors",
    "Converted": "configsplit.documents.converting",
    "Document": "configsplit.documents.document",
    "Edited": "configsplit.documents.edited",
    "Parts": "configsplit.documents.edited",
    "batch": "configsplit.zoo.batch",
    "convert": "configsplit.documents.converting",
    "cuts": "configsplit.documents.pricing",
    "extract": "configsplit.documents.surgery",
    "freeze": "configsplit.documents.marking",
    "insert": "configsplit.documents.surgery",
    "inspect": "configsplit.documents.inspecting",
    "join": "configsplit.documents.joining",
    "layers": "configsplit.documents.marking",
    "load": "configsplit.documents.document",
    "plan": "configsplit.documents.planning",
    "profile": "configsplit.documents.profiling",
    "remove": "configsplit.documents.surgery",
    "rename": "configsplit.documents.marking",
    "replace": "configsplit.documents.surgery",
    "split": "configsplit.documents.cutting",
    "validate": "configsplit.documents.validating",
    "verify": "configsplit.documents.verifying",
    "verify_file": "configsplit.documents.provenance",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name == "keras":
        return import_module("configsplit.keras")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
