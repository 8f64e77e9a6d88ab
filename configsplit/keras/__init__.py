"""Live Keras models in and out: the same cuts and the same surgery, without a file in between.

    head, tail = configsplit.keras.split(model, at="conv4_block18_out")
    features = configsplit.keras.extract(model, to=["conv2_block3_out", "avg_pool"])

Works with models of Keras 3 (any backend) and of tf_keras. The original is not touched: its configuration is rewritten as a
document, and the results are built anew from theirs, with the weights of each layer set by provenance. docs/live.md says more.
"""

from collections.abc import Callable
from typing import Any

from configsplit.keras.models import document
from configsplit.keras.split import LiveParts, cut_trace, split, split_saved_model
from configsplit.keras.verbs import (
    cuts,
    edited,
    extract,
    freeze,
    insert,
    inspect,
    join,
    layers,
    looking,
    plan,
    profile,
    remove,
    rename,
    replace,
)
from configsplit.keras.verify import LiveProof, verify
from configsplit.runtime.live.kinds import LiveLayer, LiveModel
from configsplit.verbs.table import VERBS, function, record

__all__ = [
    "LiveLayer",
    "LiveModel",
    "LiveParts",
    "LiveProof",
    "cut_trace",
    "cuts",
    "document",
    "extract",
    "freeze",
    "insert",
    "inspect",
    "join",
    "layers",
    "plan",
    "profile",
    "remove",
    "rename",
    "replace",
    "split",
    "split_saved_model",
    "verify",
]


def __getattr__(name: str) -> Callable[..., Any]:
    """A verb that makes one model of one model, or only looks at one, needs nothing of its own here: its record says that it is
    live."""
    if name in VERBS and (verb := record(name)).live:
        return edited(name) if verb.gives == "file" else looking(function(name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
