"""A document as the graph: its frame checked, every reference resolved, nothing lost.

Models are read innermost first from an explicit stack, so that nesting costs no Python stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, count, pairwise
from typing import Any

from configsplit.dialects.detect import Detection, detect, dialect_of
from configsplit.dialects.dialect import Dialect
from configsplit.dialects.envelope import model_kind, no_graph, unwrapped
from configsplit.dialects.frame import hold
from configsplit.dialects.lists_of_one import flat, writes_bare
from configsplit.dialects.recover import NOTHING, Stated, stated
from configsplit.dialects.sound import check
from configsplit.errors import DocumentError, nearest
from configsplit.graph.json import FrozenDict, loads, rebuild
from configsplit.graph.model import CHAINED, Layer, Model, Node, TensorRef, Use, leaves

LIST = "list"
"""`Model.form` of a Sequential whose config is the bare list of its layers (Keras 1, and Keras 2 up to 2.1)."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A model, with the dialect of its document and the evidence for it; ``notes`` say what was put right to read it."""

    model: Model
    detection: Detection
    notes: tuple[str, ...] = ()


def parse(text: str, calls: Iterable[str] = ()) -> Parsed:
    """Read the text of an architecture document.

    Args:
        text: JSON.
        calls: what the user says of calls whose numbers a release has lost: ``subtract=base@0,base@1``.
    """
    document, unpacked = unwrapped(loads(text))
    hold("Envelope", document)
    if model_kind(document) is None:
        raise no_graph(document)
    detection = detect(document)
    repairs: list[str] = []
    said = stated(calls)
    model = _read(document, detection.dialect, repairs, said)
    if said and not any("--calls" in repair for repair in repairs):
        raise DocumentError("no call of this model has lost its number", code="calls-unclear", hint="leave --calls out")
    model = replace(model, entry=_emptied(document, "config"), form=detection.dialect.form(model))
    return Parsed(model, detection, (*unpacked, *repairs))


def read_entry(entry: FrozenDict, dialect: str) -> Model:
    """Read a model that stands inside the config of a layer (TimeDistributed), in the dialect of its document. Raises
    DocumentError if it is damaged.
    """
    return _read(entry, dialect_of(dialect), [])


def _emptied(entry: FrozenDict, *keys: str) -> FrozenDict:
    """The entry with None in the place of what the graph holds; the place itself is kept."""
    return entry | {key: None for key in keys if key in entry}


def _read(document: FrozenDict, dialect: Dialect, notes: list[str], said: Stated = NOTHING) -> Model:
    """Read a model and all that are nested in it, innermost first; what has to be put right is added to ``notes``."""
    entries: list[tuple[FrozenDict, str]] = []
    chained: set[int] = set()
    todo = [(document, "")]
    while todo:
        entry, where = todo.pop()
        entries.append((entry, where))
        inner = [
            (item, f"{where}.layers[{index}].config".lstrip("."))
            for index, item in enumerate(_items(entry))
            if isinstance(item, FrozenDict) and model_kind(item) is not None
        ]
        todo += inner
        if model_kind(entry) == "sequential":
            chained.update(id(item) for item, _ in inner)
    done: dict[int, Model] = {}
    singles = dialect.lists_of_one and not writes_bare(entry for entry, _ in entries)
    for entry, where in reversed(entries):
        try:
            model = _read_one(entry, done, dialect, notes, said)
        except DocumentError as error:
            raise error.within(where) if where else error from None
        done[id(entry)] = flat(model, id(entry) in chained, notes) if singles else model
    return done[id(document)]


def _items(entry: FrozenDict) -> tuple[Any, ...]:
    config = entry["config"]
    items = config if type(config) is tuple else config.get("layers")
    return items if type(items) is tuple else ()


def _read_one(entry: FrozenDict, done: dict[int, Model], dialect: Dialect, notes: list[str], said: Stated) -> Model:
    if model_kind(entry) == "functional":
        model = _functional(entry["config"], done, dialect)
        recovered, repairs = dialect.recovered(model, not (resolved := _is_resolved(model)), said)
        if not (resolved if recovered is model else _is_resolved(recovered)):
            _check_references(recovered)
        model = recovered
        _check_inputs(model)
        check(model)
        notes += repairs
        return model
    return _sequential(entry, done, dialect)


# ---------------------------------------------------------------- functional


def _functional(config: FrozenDict, done: dict[int, Model], dialect: Dialect) -> Model:
    hold(dialect.frame, config)
    names = _unique([item["name"] for item in config["layers"]])
    layers = [_layer(item, index, done, dialect, names) for index, item in enumerate(config["layers"])]
    inputs, outputs = (_ends(config[key], key, names) for key in ("input_layers", "output_layers"))
    bases: dict[str, int] = {}
    if any(layer.model is not None for layer in layers):  # no other is counted from anything but 0
        inner = [use.ref for layer in layers for node in layer.calls for use in node.uses()]
        bases = dialect.bases(layers, inner, [*leaves(inputs, TensorRef), *leaves(outputs, TensorRef)])
        layers = [_rebased(layer, bases, dialect) for layer in layers]
    return Model(
        name=config["name"],
        kind="functional",
        layers=tuple(layers),
        inputs=_shift(inputs, bases),
        outputs=_shift(outputs, bases),
        config=_emptied(config, "layers", "input_layers", "output_layers"),
        dialect=dialect.name,
    )


def _unique(names: list[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in places:
            raise DocumentError(
                f"two layers are named {name!r} (the other is layers[{places[name]}])",
                code="document-duplicate-layer",
                where=f"layers[{index}].name",
            )
        places[name] = index
    return places


def _layer(item: FrozenDict, index: int, done: dict[int, Model], dialect: Dialect, names: dict[str, int]) -> Layer:
    calls: list[Node] = []
    for number, raw in enumerate(item["inbound_nodes"]):
        try:
            calls.append(dialect.read_node(raw, names))
        except DocumentError as error:
            raise error.within(f"layers[{index}].inbound_nodes[{number}]") from None
    model = done.get(id(item))
    if not calls and item["class_name"] == "InputLayer":
        calls = [Node()]
    kept = _emptied(item, "inbound_nodes", *(["config"] if model is not None else []))
    return Layer(name=item["name"], class_name=item["class_name"], entry=kept, calls=tuple(calls), model=model)


def _ends(structure: Any, key: str, names: dict[str, int]) -> Any:
    def leaf(item: Any) -> Any:
        if not _is_end(item):
            raise DocumentError(f"{item!r} is not [layer, node, tensor]", code="document-bad-reference", where=key)
        if item[0] not in names or min(item[1:]) < 0:
            what = f"no layer is named {item[0]!r}" if item[0] not in names else f"{item!r} has a negative number"
            raise DocumentError(what, code="document-unresolved", where=key, hint=nearest(item[0], names))
        return TensorRef(*item)

    return rebuild(structure, leaf, stop=_is_end)


def _is_end(item: Any) -> bool:
    return type(item) is tuple and len(item) == 3 and type(item[0]) is str and type(item[1]) is type(item[2]) is int


def _shift(structure: Any, bases: dict[str, int]) -> Any:
    def leaf(ref: Any) -> Any:
        return ref._replace(call=ref.call - bases.get(ref.layer, 0)) if type(ref) is TensorRef else ref

    return rebuild(structure, leaf)


def _rebased(layer: Layer, bases: dict[str, int], dialect: Dialect) -> Layer:
    base, calls = bases.get(layer.name, 0), layer.calls
    if dialect.node_bases and any(bases.get(use.ref.layer) for node in calls for use in node.uses()):
        calls = tuple(
            node.map_uses(lambda use: replace(use, ref=use.ref._replace(call=use.ref.call - bases.get(use.ref.layer, 0))))
            for node in calls
        )
    return layer if base == layer.base and calls is layer.calls else replace(layer, calls=calls, base=base)


def _is_resolved(model: Model) -> bool:
    calls = {layer.name: len(layer.calls) for layer in model.layers}
    uses = (use.ref for layer in model.layers for node in layer.calls for use in node.uses())
    return all(0 <= ref.call < calls[ref.layer] for ref in chain(uses, model.input_refs(), model.output_refs()))


def _check_references(model: Model) -> None:
    """Every reference names a call that exists."""
    calls = {layer.name: len(layer.calls) for layer in model.layers}
    for index, layer in enumerate(model.layers):
        for number, node in enumerate(layer.calls):
            for use in node.uses():
                if not 0 <= use.ref.call < calls[use.ref.layer]:
                    raise _missing_call(use.ref, calls, f"layers[{index}].inbound_nodes[{number}]")
    for key, refs in (("input_layers", model.input_refs()), ("output_layers", model.output_refs())):
        for ref in refs:
            if not 0 <= ref.call < calls[ref.layer]:
                raise _missing_call(ref, calls, key)


def _check_inputs(model: Model) -> None:
    """Every input of the model is an InputLayer's: Keras cuts the graph at any other, and makes layers that nothing names."""
    layers = model.by_name()
    for ref in model.input_refs():
        layer = layers[ref.layer]
        if not layer.is_input and layer.calls[ref.call].uses():
            raise DocumentError(
                f"the input {ref.layer!r} is not an InputLayer: it is computed from other tensors of the model",
                code="document-input",
                where="input_layers",
                hint="load the model in Keras, which clones it, and save it again",
            )


def _missing_call(ref: TensorRef, calls: dict[str, int], where: str) -> DocumentError:
    return DocumentError(
        f"call {ref.call} of layer {ref.layer!r} is used, but the document records {calls[ref.layer]} calls of it",
        code="document-unresolved",
        where=where,
        hint="the release that wrote the file lost a call, or the file is damaged",
    )


# ---------------------------------------------------------------- Sequential


def _sequential(entry: FrozenDict, done: dict[int, Model], dialect: Dialect) -> Model:
    """A chain as a graph: each layer is called once, on what the one before gives."""
    config = entry["config"]
    listed = type(config) is tuple
    frame = FrozenDict({"layers": config}) if listed else config
    hold("SequentialConfig", frame)
    items = frame["layers"]
    if not items:
        raise DocumentError("the Sequential model has no layers", code="document-no-graph", where="layers")
    names = sequential_names(items)
    _unique(names)
    chain = [
        Layer(
            name=name,
            class_name=item["class_name"],
            entry=_entry(item, done),
            model=(model := done.get(id(item))),
            base=0 if model is None else dialect.nested_base(model),
        )
        for name, item in zip(names, items, strict=True)
    ]
    for index, layer in enumerate(chain[1:], 1):
        if layer.is_input:
            raise DocumentError(
                f"{layer.name!r} is an InputLayer in the middle of a Sequential",
                code="document-bad-reference",
                where=f"layers[{index}]",
                hint="only the first layer of a Sequential may be one; take it out",
            )
    if not chain[0].is_input:
        chain.insert(0, Layer(name=_implicit_name(names), class_name="InputLayer", implicit=True))
    return Model(
        name=str(frame.get("name") or entry.get("name") or "sequential"),
        kind="sequential",
        layers=chain_calls(chain),
        inputs=TensorRef(chain[0].name),
        outputs=TensorRef(chain[-1].name),
        config=FrozenDict() if listed else _emptied(config, "layers"),
        dialect=dialect.name,
        form=LIST if listed else "",
    )


def _entry(item: FrozenDict, done: dict[int, Model]) -> FrozenDict:
    return _emptied(item, "config") if id(item) in done else item


def sequential_names(items: tuple[FrozenDict, ...]) -> list[str]:
    """Each entry's name, else its config's. A nested Sequential of Keras 1 has neither, nor has a custom layer whose class
    writes none: Keras 3 calls that after its class when it loads it."""
    told = [_told_name(item) for item in items]
    taken = {*told}
    for index, item in enumerate(items):
        if not told[index]:
            told[index] = _free_name(str(item["class_name"]), index, taken, custom=_is_custom(item))
            taken.add(told[index])
    return told


def _is_custom(item: FrozenDict) -> bool:
    """Whether Keras 3 says of the class that it is none of its own."""
    module = item.get("module", "keras")
    return ">" in str(item["class_name"]) or not isinstance(module, str) or module.partition(".")[0] != "keras"


def _free_name(class_name: str, index: int, taken: set[str], *, custom: bool) -> str:
    bare = class_name.rpartition(">")[2]
    if not custom:
        return next(name for number in count(index + 1) if (name := f"{bare.lower()}_{number}") not in taken)
    wish = _snake(bare)
    return next(name for number in count() if (name := f"{wish}_{number}" if number else wish) not in taken)


def _told_name(item: FrozenDict) -> str:
    config = item.get("config")
    inner = config.get("name") if isinstance(config, FrozenDict) else None
    return str(item.get("name") or inner or "")


def _snake(class_name: str) -> str:
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", re.sub(r"(.)([A-Z][a-z0-9]+)", r"\1_\2", class_name)).lower()


def _implicit_name(names: list[str]) -> str:
    """The name Keras itself gives to the input of a Sequential: that of its first layer, and ``_input``."""
    name = f"{names[0]}_input"
    while name in names:
        name += "_"
    return name


def chain_calls(chain: list[Layer]) -> tuple[Layer, ...]:
    """The layers of a Sequential with their one call each."""
    called = [replace(chain[0], calls=(Node(),))]
    for before, layer in pairwise(chain):
        called.append(replace(layer, calls=(Node((Use(TensorRef(before.name)),), form=CHAINED),)))
    return tuple(called)
