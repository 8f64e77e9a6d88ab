"""`validate`: hold a file against the published JSON Schemas, and an architecture's references against its layers.

Which schema holds is told from the content. A model is validated one level at a time, so that depth costs no Python stack.
jsonschema is imported here, when it is first needed, and nowhere else.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from configsplit.containers.opening import Files, Opened
from configsplit.containers.source import open_source
from configsplit.dialects import GENERATIONS, detect, dialect_of, parse, read_entry, to_text
from configsplit.dialects.envelope import model_kind, unwrapped
from configsplit.dialects.schema.frame import dotted
from configsplit.errors import ConfigSplitError, DocumentError, Json, StoreError, VerificationError
from configsplit.graph.json import FrozenDict, loads, thaw
from configsplit.graph.model import Model
from configsplit.hazards import Hazard, hazards
from configsplit.inference import trace
from configsplit.inference.clashes import clashing
from configsplit.models.configs import LayerFault, layer_faults
from configsplit.models.made import ModelLike, document_of
from configsplit.models.releases import Loadable, loadable
from configsplit.plugins import Registry
from configsplit.records.yaml_text import YamlError, yaml_values
from configsplit.saving.buildable import check_buildable
from configsplit.verbs.violations import Found, explained

Steps = tuple[str | int, ...]

RECORDS = {"manifest": "manifest_version", "provenance": "provenance_version", "plugins": "failures", "recipe": "do"}
"""Schemas of configsplit's own JSON files -> the key that tells each."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong: where (``layers[17].inbound_nodes[0]``), what, and a stable code."""

    code: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Validation:
    """What became of one file.

    ``schema`` is the published schema that holds for it (``keras3``, ``manifest``), empty where the file could not be read
    that far; ``notes`` are no violations, but what had to be put right to read it; neither are ``hazards``, which a valid file
    may be full of. ``loadable`` says of a valid architecture of Keras 2 or 3 which releases can load it.
    """

    file: str
    schema: str
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()
    hazards: tuple[Hazard, ...] = ()
    loadable: Loadable | None = None

    @property
    def valid(self) -> bool:
        return not self.violations

    def __repr__(self) -> str:
        found = "valid" if self.valid else f"{len(self.violations)} violation{'s' * (len(self.violations) > 1)} of"
        return f"<{self.file}: {found} {self.schema or 'any schema'}>"

    def as_json(self) -> dict[str, Json]:
        return {**asdict(self), "valid": self.valid}


def validate(file: ModelLike) -> Validation:
    """Check one file against its published schema.

    Args:
        file: an architecture (``.json``), a ``.keras`` archive or folder, a whole-model ``.h5``, a ``manifest.json``, a
            provenance record, or a recipe; told apart by content. Or a model in memory: what `load` or another verb gave, or a
            live one.

    Returns:
        Every violation. A file that cannot be read, or is something else, is one violation with the code of that error.

    Raises:
        Nothing: every fault is a violation.

    Example:
        >>> configsplit.validate("model.keras").valid
        True
    """
    try:
        if isinstance(file, (str, os.PathLike)):
            return _validate(Path(file))
        document = document_of(file)
        text = to_text(document.model)
        return _architecture(document.path, loads(text), text, document.release)
    except ConfigSplitError as error:
        return Validation(str(file), "", (_of_error(error),))


def _validate(file: Path) -> Validation:
    try:
        with open_source(file) as source:
            text, release = source.config_text, str(source.metadata.get("keras_version") or "")
    except StoreError as error:
        if error.code != "not-a-model" or (recipe := _recipe(file)) is None:
            raise
        return Validation(str(file), "recipe", _against("recipe", recipe))
    value = loads(text)
    for name, key in RECORDS.items():
        if isinstance(value, FrozenDict) and key in value and "class_name" not in value:
            return Validation(str(file), name, _against(name, thaw(value)))
    return _architecture(file, value, text, release)


# ---------------------------------------------------------------- architectures


def _architecture(file: Path, value: Any, text: str, release: str) -> Validation:
    document, notes = unwrapped(value)
    if model_kind(document) is None:
        return _without_graph(file, document, notes, release)
    name, violations = _found_wrong(document)
    try:
        parsed = parse(text)
    except DocumentError as error:
        if not any(each.where.startswith(error.where) or error.where.startswith(each.where) for each in violations):
            violations.append(_of_error(error))
    else:
        release = release or str(parsed.model.entry.get("keras_version") or "")
        faults = list(layer_faults(parsed.model, Registry.discover(), release))
        notes = (*parsed.notes, *(f"{each.where}: {each.fault.message}" for each in faults if each.fault.older))
        violations += _unbuildable(parsed.model)
        violations += [] if violations else [_of_config(each) for each in faults if not each.fault.older]
        violations += [] if violations else _clashes(parsed.model)
    releases = loadable(document, name) if name in ("keras2", "keras3") and not violations else None
    return Validation(str(file), name, tuple(violations), notes, _hazards(document), releases)


def _of_config(fault: LayerFault) -> Violation:
    return Violation(fault.fault.code, fault.where, fault.said)


def _clashes(model: Model) -> list[Violation]:
    """Layers that take tensors which no such layer can take."""
    clashes = dict.fromkeys(clashing(trace(model, Registry.discover().facts(), read=read_entry)))
    return [
        Violation("shape-contradicted", "/".join(path), f"{path[-1]!r} cannot take its input: {why}") for path, why in clashes
    ]


def _unbuildable(model: Model) -> list[Violation]:
    """What Keras cannot build, though every object of the document is as the schema wants it."""
    try:
        check_buildable("", model, weights=False)
    except VerificationError as error:
        return [_of_error(error)]
    return []


def _hazards(document: FrozenDict) -> tuple[Hazard, ...]:
    return tuple(hazards(document, classes=Registry.discover().names()))


def _found_wrong(document: FrozenDict) -> tuple[str, list[Violation]]:
    """The dialect that the evidence proves, or where it contradicts itself the one that is violated least; and how."""
    try:
        dialects = [detect(document).dialect]
    except DocumentError:
        dialects = list(map(dialect_of, sorted(GENERATIONS)))
    return min(((each.name, list(_levels(each.name, document))) for each in dialects), key=lambda each: len(each[1]))


def _without_graph(file: Path, document: FrozenDict, notes: tuple[str, ...], release: str) -> Validation:
    """A model whose graph is in Python code: only a version, or its absence, tells the dialect."""
    name = "keras2" if str(document.get("keras_version") or release).startswith("2.") else "keras3"
    said = f"the graph of {document['class_name']!r} is in Python code: there is nothing here that could be cut"
    whole = {**({"keras_version": release} if name == "keras2" else {}), **thaw(document)}  # an archive has it beside
    return Validation(str(file), name, _against(name, whole), (*notes, said), _hazards(document))


def _levels(name: str, document: FrozenDict) -> Iterator[Violation]:
    """The violations of each model, nested ones taken out of the model around them and looked at by themselves."""
    todo: list[tuple[FrozenDict, Steps]] = [(document, ())]
    while todo:
        model, path = todo.pop()
        shallow, inner = _shallow(model)
        todo += [(each, (*path, *place)) for place, each in reversed(inner)]
        yield from _against(name, thaw(shallow), path)


def _shallow(model: FrozenDict) -> tuple[FrozenDict, list[tuple[Steps, FrozenDict]]]:
    """A model with the models in it emptied, and these with the way to each."""
    config = model["config"]
    items, way = (config, ("config",)) if type(config) is tuple else (config["layers"], ("config", "layers"))
    if type(items) is not tuple:
        return model, []
    pairs = [_emptied_inside(item, (*way, index)) for index, item in enumerate(items)]
    layers = tuple(made for made, _ in pairs)
    made = model | {"config": layers if type(config) is tuple else config | {"layers": layers}}
    return made, [inner for _, inner in pairs if inner is not None]


def _emptied_inside(item: Any, place: Steps) -> tuple[Any, tuple[Steps, FrozenDict] | None]:
    """A layer with the model emptied that it is, or that wrappers hold at any depth; and that model."""
    wrappers: list[FrozenDict] = []
    while isinstance(item, FrozenDict) and model_kind(item) is None:
        held = item.get("config")
        wrappers.append(item)
        item, place = (held.get("layer") if isinstance(held, FrozenDict) else None), (*place, "config", "layer")
    if not isinstance(item, FrozenDict):
        return wrappers[0] if wrappers else item, None
    made = item | {"config": _emptied(item["config"])}
    for wrapper in reversed(wrappers):
        made = wrapper | {"config": wrapper["config"] | {"layer": made}}
    return made, (place, item)


def _emptied(config: Any) -> Any:
    if type(config) is tuple:
        return ()
    return config | {key: () for key in ("layers", "input_layers", "output_layers") if key in config}


# ---------------------------------------------------------------- schemas


def _against(name: str, value: Any, path: Steps = ()) -> tuple[Violation, ...]:
    """The violations of a value, at the end of a path: the whole document, or a model inside of it."""
    try:
        errors = explained(_validator(name, nested=bool(path)).iter_errors(value))
    except RecursionError:
        errors = [Found((), "nests too deep to be held against a schema")]
    return tuple(
        Violation(code="schema-violation", where=_where(name, (*path, *each.path)), message=each.message) for each in errors
    )


@cache
def _validator(name: str, nested: bool) -> Any:
    from jsonschema import Draft202012Validator

    whole = published(name)
    layer = {"$ref": f"#/$defs/{name.capitalize()}Layer", "$defs": whole.get("$defs", {})}
    return Draft202012Validator(layer if nested else whole)


@cache
def published(name: str) -> dict[str, Any]:
    """A published schema, by name."""
    file = resources.files("configsplit.schemas").joinpath(f"{name}.schema.json")
    if not file.is_file():
        raise StoreError(f"no schema is published for a {name}", code="schema-missing", hint="reinstall configsplit")
    made: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return made


def _where(name: str, path: Steps) -> str:
    """The path as errors of configsplit spell it: an architecture's begins inside the config of the outermost model."""
    if name in GENERATIONS and path[:1] == ("config",) and len(path) > 1:
        path = path[1:] if isinstance(path[1], str) else ("layers", *path[1:])
    return dotted(path)


def _of_error(error: ConfigSplitError) -> Violation:
    return Violation(error.code, error.where, f"{error.message} ({error.hint})" if error.hint else error.message)


def _recipe(file: Path) -> Any:
    """The content of a recipe in YAML; None where the file is none: YAML of an object with the key that only recipes have."""
    try:
        with Files() as files:
            opened = Opened(file, files)
            text = opened.small(opened.span).decode("utf-8")
        value = yaml_values(text)
    except YamlError as error:
        if re.search(r"^recipe\s*:", text, re.MULTILINE) is None:
            return None
        message, hint = f"not YAML: {error}", "check indentation and quotes"
        raise DocumentError(message, code="recipe-yaml", where=str(file), hint=hint) from None
    except (ImportError, StoreError, ValueError):
        return None
    return value if isinstance(value, dict) and RECORDS["recipe"] in value else None
