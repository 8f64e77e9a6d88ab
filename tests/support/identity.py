"""Rewriting a model whole by an identity plan: every weight goes to the place it came from."""

from __future__ import annotations

from pathlib import Path

from configsplit.containers.arrays import STATE_GROUPS, Arrays
from configsplit.containers.source import Asset, Source
from configsplit.containers.writing import Job, LegacyLayer, Move, prepare_archive, prepare_h5, prepare_weights

HERE = Path(__file__).parent
CORPUS = HERE.parent / "corpus" / "releases"
MODELS = (".keras", ".h5")
WEIGHTS = (".weights.h5", ".weights_only.h5")


def files(corpus: Path = CORPUS) -> list[Path]:
    """Every model file and weights file of a corpus; of the weights those that go with an architecture."""
    found = sorted(path for path in corpus.glob("*/*") if path.suffix in MODELS or path.name.endswith("_dir"))
    return [path for path in found if not path.name.endswith(WEIGHTS) or document(path).exists()]


def document(path: Path) -> Path:
    """The architecture that goes with a file of weights."""
    return path.with_name(path.name.partition(".")[0] + ".json")


def open_arguments(path: Path) -> tuple[Path, Path | None]:
    return (document(path), path) if path.name.endswith(WEIGHTS) else (path, None)


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def layers(weights: Arrays) -> list[LegacyLayer]:
    root = weights.layout.container
    return [LegacyLayer(layer, weights, f"{root}/{layer}".lstrip("/")) for layer in weights.layer_names]


def moves(weights: Arrays) -> list[Move]:
    return [Move(weights, item, item) for item in weights.children("") if item not in STATE_GROUPS]


def identity(source: Source, out: Path) -> Job:
    """The job that rewrites a model (or its weights alone) as it is, without the state of training."""
    weights = source.weights
    assert weights is not None
    if source.kind in ("keras", "dir"):
        assets = [Asset.of(source, asset) for asset in source.assets]
        texts = {"config_text": source.config_text, "metadata_text": source.metadata_text}
        return prepare_archive(out, **texts, items=moves(weights), assets=assets)
    if source.kind == "h5":
        attributes = {"model_config": source.config_text, **source.metadata}
        return prepare_h5(out, attributes=attributes, layers=layers(weights), like=weights)
    if weights.layout.kind == "legacy":
        versions = {key: text for key in ("keras_version", "backend") if (text := weights.text("", key))}
        return prepare_weights(out, layers=layers(weights), attributes=versions, like=weights)
    return prepare_weights(out, items=moves(weights))


def without_state(paths: object) -> list[str]:
    return [path for path in paths if path.split("/")[0] not in STATE_GROUPS]  # type: ignore[attr-defined]
