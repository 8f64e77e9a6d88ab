"""What stands in a part's file beside document and weights, and changes what Keras makes of them: releases and assets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from configsplit.containers import Asset, Source
from configsplit.errors import VerificationError
from configsplit.graph.model import Model
from configsplit.graph.provenance import Provenance
from configsplit.weights.parts import Weights

_CONVERTED_BY = ("keras_version", "backend")
"""By these attributes Keras decides whether kernels are turned around when it loads a legacy file."""


def prove_surroundings(where: str, opened: Source, source: Source) -> None:
    """Raises VerificationError where a part says another release or backend of its weights than the original."""
    if opened.kind == "keras" and source.metadata_text:
        same = opened.metadata == source.metadata
    elif opened.kind == "h5" and source.kind == "h5":
        same = all(opened.metadata.get(key) == source.metadata.get(key) for key in _CONVERTED_BY)
    else:
        same = all(_said(opened, key) in (None, _said(source, key), source.metadata.get(key)) for key in _CONVERTED_BY)
    if not same:
        raise VerificationError(
            "the part names another release or backend than the original, by which Keras would convert its weights",
            code="verify-weights",
            where=where,
        )


def _said(source: Source, key: str) -> str | None:
    return None if source.weights is None else source.weights.text("", key)


def prove_assets(
    where: str, opened: Source, source: Source, model: Model, origins: Provenance, ours: Weights, theirs: Weights
) -> None:
    """Raises VerificationError where an asset of a part (a vocabulary, say) is not the original's."""
    if opened.kind != "keras" or not (opened.assets or source.assets):
        return
    names = {layer.name for layer in model.layers if not layer.is_input}
    moved = {
        theirs.groups[origin.path]: ours.groups[path]
        for path, origin in origins.layers.items()
        if path[0] in names and path in ours.groups and origin.path in theirs.groups
    }
    wanted = {asset.name: _digest(asset) for asset in Asset.moved(source, moved)}
    found: Mapping[str, str] = {name: _digest(Asset.of(opened, name)) for name in opened.assets}
    if found != wanted:
        wrong = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
        raise VerificationError(f"the asset {wrong[0]!r} is not bit for bit the original's", code="verify-weights", where=where)


def _digest(asset: Asset) -> str:
    made = hashlib.sha256()
    for piece in asset.chunks():
        made.update(piece)
    return made.hexdigest()
