"""Cut any Keras model file at any layer: exactly, with proof, and without Keras.

    import configsplit

    model = configsplit.load("resnet152.keras")
    parts = configsplit.split(model, at="conv4_block18_out")
    parts.save("out/")

or, with the file opened once:

    with configsplit.reading("resnet152.keras") as model:
        configsplit.split(model, at="conv4_block18_out").save("out/")

Every verb is a function here, and takes a path, a loaded model, the result of another verb, or a live model. What it needs
is imported when it is first used: ``import configsplit`` loads neither Keras, TensorFlow, h5py nor jsonschema.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from configsplit.verbs.table import VERBS, function

if TYPE_CHECKING:
    from configsplit import keras as keras
    from configsplit.batches.batch import batch as batch
    from configsplit.errors import ConfigSplitError as ConfigSplitError
    from configsplit.keras.either import cuts as cuts
    from configsplit.keras.either import extract as extract
    from configsplit.keras.either import freeze as freeze
    from configsplit.keras.either import insert as insert
    from configsplit.keras.either import inspect as inspect
    from configsplit.keras.either import join as join
    from configsplit.keras.either import layers as layers
    from configsplit.keras.either import plan as plan
    from configsplit.keras.either import profile as profile
    from configsplit.keras.either import remove as remove
    from configsplit.keras.either import rename as rename
    from configsplit.keras.either import replace as replace
    from configsplit.keras.either import split as split
    from configsplit.keras.either import verify as verify
    from configsplit.models.document import Document as Document
    from configsplit.models.document import load as load
    from configsplit.models.document import reading as reading
    from configsplit.models.results import Edited as Edited
    from configsplit.models.results import Part as Part
    from configsplit.models.results import Parts as Parts
    from configsplit.saving.conversion import Converted as Converted
    from configsplit.verbs.compare import compare as compare
    from configsplit.verbs.convert import convert as convert
    from configsplit.verbs.expand import expand as expand
    from configsplit.verbs.explore import explore as explore
    from configsplit.verbs.plot import plot as plot
    from configsplit.verbs.validate import validate as validate
    from configsplit.verbs.verify_file import verify_file as verify_file
    from configsplit.verbs.weights import named_weights as named_weights

__version__ = "0.1.0"

_OTHERS = {
    "ConfigSplitError": "configsplit.errors",
    "Converted": "configsplit.saving.conversion",
    "Document": "configsplit.models.document",
    "Edited": "configsplit.models.results",
    "Part": "configsplit.models.results",
    "Parts": "configsplit.models.results",
    "compare": "configsplit.verbs.compare",
    "load": "configsplit.models.document",
    "named_weights": "configsplit.verbs.weights",
    "plan": "configsplit.verbs.plan",
    "reading": "configsplit.models.document",
    "verify_file": "configsplit.verbs.verify_file",
}
"""Public names besides the verbs."""

_PACKAGES = {"plugins", "weights"}
"""Verbs that are called as a package is: `configsplit.plugins` is what plug-ins import, `named_weights` is the other."""

__all__ = ["__version__", *sorted({*_OTHERS, *VERBS} - _PACKAGES)]


def __getattr__(name: str) -> Any:
    if name == "keras":
        return import_module("configsplit.keras")
    if name not in __all__:
        from configsplit.errors import closest

        near = [] if name.startswith("_") else closest(name, __all__)
        told = f"; did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{told}", name=name)
    value = function(name) if name in VERBS else getattr(import_module(_OTHERS[name]), name)
    fetching = partial(import_module, "configsplit.batches.fetching")
    if name in VERBS or name in ("compare", "named_weights", "plan"):
        from configsplit.verbs.public import fetched_of, public, with_addresses

        live = public(name, value, partial(import_module, "configsplit.keras"))
        value = with_addresses(live, fetched_of(name, value), fetching)
    elif name in ("load", "reading"):
        from configsplit.verbs.public import with_addresses

        value = with_addresses(value, ("path", "weights"), fetching)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
