"""Which generation of Keras wrote a document: proven from its structure, never from a file name or a version string.

Every sign is something that only one generation writes. All signs found must agree; a document that shows signs of two
generations, or of none, is refused with the evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from configsplit.dialects.dialect import Dialect, Generation
from configsplit.errors import DocumentError
from configsplit.graph.json import FrozenDict

GENERATIONS: frozenset[str] = frozenset(get_args(Generation))

_RENAMED = frozenset({"Dense", "LSTM", "GRU", "SimpleRNN", "Dropout", "MaxPooling2D", "AveragePooling2D", "ZeroPadding2D"})
"""Built-in classes of every generation whose keys were renamed between Keras 1 and 2; a custom layer's keys prove nothing."""

_KERAS1_KEYS = frozenset({"output_dim", "init", "p", "border_mode", "dim_ordering"})
_KERAS2_KEYS = frozenset({"units", "kernel_initializer", "rate", "data_format"})
_KERAS1_ONLY = frozenset({"Convolution2D", "Convolution1D", "Merge", "Highway", "MaxoutDense", "TimeDistributedDense"})
_NAMES_OF_ANYBODY = frozenset({"Highway", "MaxoutDense"})
"""Of these the names that people give to classes of their own, too; Keras 1 has ``init`` in their configs."""


_OPERATIONS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})


def dialect_of(generation: str) -> Dialect:
    """The record of a generation of Keras, loaded when a document of it is met."""
    if generation == "keras1":
        from configsplit.dialects.keras1 import KERAS1

        return KERAS1
    if generation == "keras2":
        from configsplit.dialects.keras2 import KERAS2

        return KERAS2
    if generation != "keras3":
        raise KeyError(generation)
    from configsplit.dialects.keras3 import KERAS3

    return KERAS3


@dataclass(frozen=True, slots=True)
class Sign:
    """One piece of evidence: what was seen where, and the generations that write it."""

    dialects: frozenset[str]
    what: str
    where: str


@dataclass(frozen=True, slots=True)
class Detection:
    """The dialect and the evidence for it, strongest first, one sign of each kind."""

    dialect: Dialect
    evidence: tuple[Sign, ...]


_Place = tuple[Any, ...]
"""Where an entry stands: the place of what holds it, and the steps from there. Few are ever put into words."""


def _entries(document: FrozenDict) -> Iterator[tuple[_Place, FrozenDict]]:
    """Every layer entry, nested models and wrapped layers included, with its place; iterative."""
    todo: list[tuple[_Place, Any]] = [((), document)]
    while todo:
        place, entry = todo.pop()
        if not isinstance(entry, FrozenDict):
            continue
        yield place, entry
        config = entry.get("config")
        if isinstance(config, FrozenDict):
            inner = config.get("layers")
            place = (place, ".config") if place else ()
            todo += [((place, f".{key}"), config[key]) for key in ("layer", "cell") if key in config]
        else:
            inner = config
        if type(inner) is tuple:
            todo.extend(((place, ".layers", index), item) for index, item in reversed(list(enumerate(inner))))


def _worded(place: _Place) -> str:
    """``layers[3].config.layer``."""
    steps: list[str] = []
    while place:
        place, *own = place
        steps.append("".join(f"[{step}]" if isinstance(step, int) else step for step in own))
    return "".join(reversed(steps)).removeprefix(".")


def _sign(what: str, where: str, *dialects: str) -> Sign:
    return Sign(frozenset(dialects), what, where)


_SHORT = "references are [layer, node, tensor]"
"""Keras 1 writes these; so do other programs that write documents for Keras 2, which reads them."""


def _spelling(entry: FrozenDict) -> tuple[str, str] | None:
    """How the first call of an entry is spelled, and the generation that spells it so."""
    nodes = entry.get("inbound_nodes")
    if type(nodes) is not tuple or not nodes:
        return None
    node = nodes[0]
    if isinstance(node, FrozenDict) and "args" in node and "kwargs" in node:
        return "nodes are objects with args and kwargs", "keras3"
    if type(node) is tuple and node and type(node[0]) is tuple and node[0] and type(node[0][0]) is str:
        if len(node[0]) == 4 and isinstance(node[0][3], FrozenDict):
            return "references are [layer, node, tensor, kwargs]", "keras2"
        if len(node[0]) == 3:
            return _SHORT, "keras1"
    return None


def _config_signs(entry: FrozenDict, config: FrozenDict, where: str) -> Iterator[Sign]:
    if "batch_shape" in config and entry.get("class_name") == "InputLayer":
        yield _sign("an InputLayer has batch_shape", where, "keras3")
    if "batch_input_shape" in config:
        yield _sign("a layer has batch_input_shape", where, "keras1", "keras2")
    if isinstance(config.get("dtype"), FrozenDict) and config["dtype"].get("class_name") == "DTypePolicy":
        yield _sign("a dtype is a DTypePolicy object", where, "keras3")
    kind = "an InputLayer" if entry.get("class_name") == "InputLayer" else "a first layer"
    if {"batch_input_shape", "input_dtype"} <= config.keys():
        yield _sign(f"{kind} has batch_input_shape and input_dtype", where, "keras1")
    if {"batch_input_shape", "dtype"} <= config.keys():
        yield _sign(f"{kind} has batch_input_shape and dtype", where, "keras2")
    if entry.get("class_name") in _RENAMED:
        if keys := _KERAS1_KEYS & config.keys():
            yield _sign(f"a {entry['class_name']} has {min(keys)}", where, "keras1")
        if keys := _KERAS2_KEYS & config.keys():
            yield _sign(f"a {entry['class_name']} has {min(keys)}", where, "keras2", "keras3")


def _model_signs(entry: FrozenDict, where: str) -> Iterator[Sign]:
    config, class_name, module = entry.get("config"), entry.get("class_name"), entry.get("module")
    names = _KERAS1_ONLY if isinstance(config, FrozenDict) and "init" in config else _KERAS1_ONLY - _NAMES_OF_ANYBODY
    if class_name in names:
        yield _sign(f"the class {class_name}", where, "keras1")
    if type(config) is tuple and class_name == "Sequential":
        yield _sign("a Sequential's config is a list", where, "keras1", "keras2")
    if class_name in _OPERATIONS:
        yield _sign(f"the class {class_name}", where, "keras2")
    if class_name == "Model" and isinstance(config, FrozenDict) and "layers" in config:
        yield _sign("a functional model's class is Model", where, "keras1", "keras2")
    if class_name == "Sequential" and isinstance(config, FrozenDict) and "layers" in config and "dtype" in config:
        yield _sign("a Sequential has a dtype", where, "keras3")
    if module in ("keras.src.models.functional", "keras.src.models.sequential"):
        yield _sign(f"module {module}", where, "keras3")
    if isinstance(module, str) and ("engine.functional" in module or module.startswith("tf_keras.")):
        yield _sign(f"module {module}", where, "keras2")


def _weak_signs(document: FrozenDict) -> Iterator[Sign]:
    """Used only where the structure shows nothing else: version strings lie about minor releases, not about the first digit."""
    version = document.get("keras_version")
    if isinstance(version, str) and version[:2] in ("1.", "2.", "3."):
        yield _sign(f"keras_version is {version}", "keras_version", f"keras{version[0]}")
    elif "keras_version" not in document and document.get("module") == "keras":
        yield _sign("module keras and no keras_version", "module", "keras3")
    config = document.get("config")
    if document.get("class_name") == "Sequential" and isinstance(config, FrozenDict) and "dtype" not in config:
        yield _sign("a Sequential's config is an object without dtype", "config", "keras2")


def _told_by(entry: FrozenDict) -> tuple[Any, ...]:
    """All that the signs of an entry and its config hang on, but for the spelling of its calls."""
    config, names = entry.get("config"), (entry.get("class_name"), entry.get("module"))
    if not isinstance(config, FrozenDict):
        return *names, type(config)
    dtype = config.get("dtype")
    return *names, tuple(config), dtype.get("class_name") if isinstance(dtype, FrozenDict) else None


def signs(document: FrozenDict) -> list[Sign]:
    """All evidence in a document, the first of each kind."""
    seen: dict[str, Sign] = {}
    looked_at: set[Any] = set()
    for place, entry in _entries(document):
        spelled, told_by = _spelling(entry), _told_by(entry)
        if (spelled, told_by) in looked_at:  # entries that show the same follow each other by the thousand
            continue
        where = _worded(place)
        evidence = [_sign(spelled[0], where, spelled[1])] if spelled else []
        if told_by not in looked_at:
            evidence += _model_signs(entry, where)
            if isinstance(entry.get("config"), FrozenDict):
                evidence += _config_signs(entry, entry["config"], where)
        looked_at |= {told_by, (spelled, told_by)}
        for sign in evidence:
            seen.setdefault(sign.what, sign)
    return sorted(seen.values(), key=lambda sign: len(sign.dialects))


def detect(document: FrozenDict) -> Detection:
    """The dialect of a document, with the evidence."""
    evidence = signs(document)
    candidates = GENERATIONS.intersection(*(sign.dialects for sign in evidence))
    if not candidates or str(document.get("keras_version")).startswith("2."):
        evidence = [replace(sign, dialects=sign.dialects | {"keras2"}) if sign.what == _SHORT else sign for sign in evidence]
        candidates = GENERATIONS.intersection(*(sign.dialects for sign in evidence))
    if len(candidates) > 1:
        evidence += _weak_signs(document)
        candidates = candidates.intersection(*(sign.dialects for sign in evidence))
    if len(candidates) == 1:
        return Detection(dialect_of(min(candidates)), tuple(evidence))
    listed = "; ".join(f"{sign.what} ({'/'.join(sorted(sign.dialects))}, {sign.where or 'top'})" for sign in evidence)
    raise DocumentError(
        f"the document does not show which generation of Keras wrote it: {listed or 'no known sign'}",
        code="dialect-ambiguous",
        hint="the document mixes two generations, or is not a Keras architecture",
    )
