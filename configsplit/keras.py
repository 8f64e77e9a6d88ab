"""Live Keras models in and out: the same cuts, without a file in between.

    head, tail = configsplit.keras.split(model, at="conv4_block18_out")

Works with models of Keras 3 (any backend) and of tf_keras. The original is not touched: its configuration is cut as a document,
and the parts are built anew from theirs, with the weights of each layer set by provenance.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from configsplit.algorithms.cuts import Choice
from configsplit.dialects import parse, to_text
from configsplit.documents.cutting import split as split_document
from configsplit.documents.document import Document
from configsplit.errors import WeightsError
from configsplit.ir.graph import LayerPath, Model, walk
from configsplit.ir.provenance import Provenance
from configsplit.registry import Registry
from configsplit.runtime.build import rebuild
from configsplit.runtime.frameworks import Framework, framework


def split(
    model: Any,
    at: str | Iterable[str],
    *,
    boundary: Choice = "smallest",
    shapes: Iterable[str] = (),
    boundary_dtype: str | None = None,
    custom_objects: Mapping[str, type] | None = None,
) -> tuple[Any, ...]:
    """Cut a live model into live models, which run one after another.

    Args:
        model: a functional or Sequential model of Keras 3 or tf_keras, built.
        at, boundary, shapes, boundary_dtype: as for `configsplit.split`.
        custom_objects: classes of the user's own that the model uses, as in Keras.

    Returns:
        The parts. The inputs of each are the original's own inputs that it needs, in their order, then what earlier parts
        give it; its layers carry copies of the original's weights.

    Raises:
        CutError, ShapeError, TensorReferenceError: as `configsplit.split` does.
        DocumentError: the model has no functional configuration.
    """
    works = _framework_of(model)
    document = _document(model, works)
    parts = split_document(document, at, boundary=boundary, shapes=shapes, boundary_dtype=boundary_dtype)
    return tuple(
        rebuild(
            json.loads(to_text(part.model)),
            _weights(part.model, origins, model),
            framework=works,
            classes=dict(custom_objects or {}),
            allow_lambda=True,  # the code is in this very process already
        )
        for part, origins in zip(parts, parts.origins, strict=True)
    )


def _framework_of(model: Any) -> Framework:
    """Models of user classes count by the Keras class that they come from."""
    packages = [base.__module__.partition(".")[0] for base in type(model).__mro__]
    return framework("tf_keras" if "tf_keras" in packages else "keras")


def _document(model: Any, works: Framework) -> Document:
    parsed = parse(model.to_json())
    return Document(
        model=parsed.model,
        detection=parsed.detection,
        path=Path(str(model.name)),
        kind="json",
        release=works.version,
        registry=Registry.discover(),
    )


def _weights(part: Model, origins: Provenance, whole: Any) -> dict[str, list[Any]]:
    """The weights of every layer of a part, also of those inside nested models that it keeps, from where they came."""
    found: dict[str, list[Any]] = {}
    for path, layer in walk(part):
        origin = origins.origin(path)
        if layer.model is None and not layer.is_input and origin is not None:
            found["/".join(path)] = _live_weights(whole, origin.path)
    return found


def _live_weights(whole: Any, path: LayerPath) -> list[Any]:
    layer = whole
    for name in path:
        named = [each for each in [*layer.layers, *getattr(layer, "operations", ())] if each.name == name]
        if not named:
            raise WeightsError(f"the live model has no layer {'/'.join(path)!r}", code="weights-unknown-layer")
        layer = named[0]
    return list(layer.get_weights()) if hasattr(layer, "get_weights") else []
