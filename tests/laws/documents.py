"""Every architecture document of the corpus in this repository, from .json, .keras and .h5 files alike."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from configsplit.containers.source import open_source

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
SEED = CORPUS / "seed" / "resnet152_scale_keras2.0.9.json"

GRAPHLESS = frozenset({"subclassed"})
"""Models that keep their graph in code; a .keras and a .json of them say no more than a name."""

LOST_A_CALL = frozenset({"keras-3.0.5/tied", "keras-3.0.5/trunk_cut"})
"""Keras 3.0 wrote references to call 1 of a layer with one call; Keras itself refuses them ("loops or disconnected nodes")."""

LISTS_OF_ONE = frozenset({"keras-3.0.5/func_in_seq", "keras-3.6.0/func_in_seq", "keras-3.6.0/wrappers"})
"""Keras 3.0 to 3.10 wrote a single output as a list of one; Keras 3.11 misreads that inside a Sequential or a wrapper."""


def texts() -> list[Path]:
    """Every architecture document that stands in a file of its own."""
    found = [path for path in sorted(CORPUS.rglob("*.json")) if path.name != "index.json"]
    return [path for path in found if not path.name.endswith(".weights.json") and path.name != "metadata.json"]


def files() -> list[Path]:
    """Every whole-model file, in which the document stands beside weights."""
    kinds = [*CORPUS.rglob("*.keras"), *CORPUS.rglob("*.h5")]
    return sorted(path for path in kinds if ".weights" not in path.name)


def title(path: Path) -> str:
    return path.relative_to(CORPUS).as_posix().removeprefix("releases/")


def model_name(path: Path) -> str:
    """``keras-3.0.5/tied`` of ``keras-3.0.5/tied.json``."""
    return title(path).rpartition("/")[0] + "/" + path.name.partition(".")[0]


def is_whole(path: Path) -> bool:
    """Whether the file holds a graph, as far as its release did not lose it, in the spelling of today."""
    put_right = LOST_A_CALL | LISTS_OF_ONE
    return model_name(path) not in put_right and path.name.partition(".")[0] not in GRAPHLESS


@cache
def text_of(path: Path) -> str:
    """The document as it stands in the file."""
    if path.suffix == ".json":
        return path.read_text("utf-8")
    with open_source(path) as source:
        return source.config_text
