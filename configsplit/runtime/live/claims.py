"""What layers claim of the tensors that they give, held against what their code gives.

Keras asks a class with a ``compute_output_shape`` or ``compute_output_spec`` of its own, believes what it says, and writes it
into files; nothing there is lost where that is false. The parts of a cut model begin with what was said.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeAlias

from configsplit.errors import DocumentError
from configsplit.graph.model import TensorSpec
from configsplit.hazards import ROOTS
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.inputs import Hints, make_inputs
from configsplit.runtime.live.layers import inner_layers
from configsplit.runtime.live.signature import takes_training
from configsplit.runtime.live.unchanged import at_inference
from configsplit.runtime.worker import to_tensor

PAIRS = (
    ((3, 7, 11, 13, 17), (5, 10, 14, 19, 23)),
    ((3, 224, 352, 416, 544), (5, 320, 448, 608, 736)),
)
"""What open sizes are, axis by axis, while a layer is asked what it gives: twice, so that what is computed from them is not
taken for a size of its own. The second two are for what halves them."""
SIZES = (
    *(sizes for pair in PAIRS for sizes in pair),
    *((2 + size % 3, size) for size in (8, 16, 4, 32, 64, 2, 1, 96, 7, 1024)),
)
"""What is tried where a layer has to take the sizes of others; the last of them goes for all further axes."""
NO_SPECS: Mapping[int, TensorSpec] = MappingProxyType({})
_TENSOR = "__keras_tensor__"
Seen: TypeAlias = dict[int, tuple[Any, list[TensorSpec]]]
"""By the id of a symbolic tensor that tensor, and what stood in its place."""


def says_itself(layer: Any, works: Framework) -> bool:
    """Whether a class has code of its own that tells what it gives. Nothing holds it to what its ``call`` does."""
    kind, base = type(layer), works.module.layers.Layer
    names = ("compute_output_spec", "compute_output_shape", "compute_output_signature")
    return any(getattr(kind, name, None) is not getattr(base, name, None) for name in names)


def sized(shape: Sequence[int | None], sizes: Sequence[int]) -> tuple[int, ...]:
    """A shape with sizes in the place of those that are open."""
    return tuple(sizes[min(axis, len(sizes) - 1)] if size is None else size for axis, size in enumerate(shape))


def true_shape(symbol: Any, true: Mapping[int, TensorSpec]) -> tuple[int | None, ...]:
    """The shape of a symbolic tensor, as far as that is known better."""
    shape = true[id(symbol)].shape if id(symbol) in true else None
    return tuple(symbol.shape) if shape is None else shape


def tensors_like(
    symbols: Sequence[Any], sizes: Sequence[int], works: Framework, *, values: bool, true: Mapping[int, TensorSpec] = NO_SPECS
) -> list[Any]:
    """Tensors of these sizes like those that a layer was called on, or like what these truly were, with values or without."""
    shapes = [(sized(true_shape(each, true), sizes), str(each.dtype)) for each in symbols]
    if not values:
        return [works.module.KerasTensor(shape, dtype) for shape, dtype in shapes]
    specs = [{"name": "", "shape": shape, "dtype": dtype} for shape, dtype in shapes]
    return [to_tensor(each, works) for each in make_inputs(specs, Hints(ids=2), samples=1, seed=0)]


def given_by(layer: Any, args: Any, kwargs: Any, works: Framework, *, values: bool = False) -> list[Any]:
    """What the code of a layer gives at inference: run on values, or else traced, whatever its class says of itself.

    A call that is written down may have a ``training`` that Keras does not hand on.
    """
    if values:
        return works.flatten(at_inference(layer, args, kwargs, works))
    kept = kwargs if takes_training(layer) else {name: each for name, each in kwargs.items() if name != "training"}
    return works.flatten(works.module.Operation.compute_output_spec(layer, *args, **kept))


def corrected(said: TensorSpec, seen: Sequence[TensorSpec], *, known: bool = False) -> TensorSpec:
    """What is said of a tensor, without what was seen to be otherwise: such a size is open, or that which was seen each time if
    all sizes of what the layer took are ``known`` but for the batch."""
    if not seen or said.shape is None:
        return said
    ranks = {len(each.shape or ()) for each in seen}
    if ranks != {len(said.shape)}:
        return TensorSpec((None,) * ranks.pop() if len(ranks) == 1 else None, seen[0].dtype)
    sizes = ({(each.shape or ())[axis] for each in seen} for axis in range(len(said.shape)))
    known = known and len(seen) > 1
    shape = tuple(_size(size, now, known=known) for size, now in zip(said.shape, sizes, strict=True))
    return replace(said, shape=shape, dtype=seen[0].dtype)


def _size(said: int | None, seen: set[int | None], *, known: bool) -> int | None:
    if said is None or seen == {said}:
        return said
    return next(iter(seen)) if known and len(seen) == 1 else None


def hold_records(document: dict[str, Any], model: Any, works: Framework, *, values: bool = True) -> None:
    """Put right what a document records of its tensors where a layer's class claims what its code does not do.

    Args:
        document: the entry of a functional model; what is false in it is replaced.
        model: the model that Keras makes of it.
        works: its Keras, 3.
        values: whether its weights have values, so that it can be run; else it is traced.

    Raises:
        DocumentError: as `true_specs`.
    """
    true = true_specs(model, works, values=values)
    for record, tensor in _records(document, model) if true else ():
        if (spec := true.get(id(tensor))) is not None:
            record["shape"], record["dtype"] = list(spec.shape or ()), spec.dtype


def true_specs(model: Any, works: Framework, *, values: bool) -> dict[int, TensorSpec]:
    """By the id of each tensor of a functional model, and of models in it, what it is; none where no class claims anything."""
    claiming = [layer for layer in inner_layers(model) if _is_others(layer) and says_itself(layer, works)]
    if not claiming:
        return {}
    runs: list[Seen] = []
    for sizes in SIZES:
        seen: Seen = {}
        try:
            _follow(model, tensors_like(model.inputs, sizes, works, values=values), seen, works, values=values)
        except Exception:  # noqa: BLE001 - code of others, which may not take these sizes
            continue
        runs.append(seen)
        if len(runs) == 2:
            break
    if not runs:
        raise DocumentError(
            f"a {type(claiming[0]).__name__} declares its own output shapes, and they cannot be checked: the model accepts no "
            "size that was tried",
            code="expand-shapes",
            where=str(claiming[0].name),
            hint="give sizes that it takes: --size INPUT=1,224,224,3",
        )
    true = {}
    for number, (symbol, _) in runs[0].items():
        said = TensorSpec(tuple(symbol.shape), str(symbol.dtype))
        true[number] = corrected(said, [spec for seen in runs for spec in seen.get(number, (None, ()))[1]])
    return true


def _is_others(layer: Any) -> bool:
    return type(layer).__module__.partition(".")[0] not in ROOTS


def _is_graph(layer: Any) -> bool:
    """Whether it is a functional model that runs its graph."""
    if not hasattr(layer, "_nodes_by_depth"):
        return False
    return next(base for base in type(layer).__mro__ if "call" in vars(base)).__module__.partition(".")[0] in ROOTS


def _follow(model: Any, given: Sequence[Any], seen: Seen, works: Framework, *, values: bool) -> None:
    """Run a graph layer by layer, models in it likewise; ``found`` has what each of its tensors is."""
    running = [_run(model, given, seen, works, values=values)]
    outputs: list[Any] | None = None
    while running:
        try:
            inner, tensors = running[-1].send(outputs)
            running.append(_run(inner, tensors, seen, works, values=values))
            outputs = None
        except StopIteration as done:
            running.pop()
            outputs = done.value


def _run(
    model: Any, given: Sequence[Any], seen: Seen, works: Framework, *, values: bool
) -> Generator[tuple[Any, list[Any]], Any, list[Any]]:
    """What a graph gives; for each model in it it asks for what that gives."""
    symbols = list(model.inputs)
    at = {id(tensor): each for tensor, each in zip(model.inputs, given, strict=True)}
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if node.is_input or any(id(tensor) not in at for tensor in node.input_tensors):
                continue
            args, kwargs = node.arguments.fill_in(at)
            if _is_graph(node.operation):
                outputs = yield node.operation, works.flatten(args[0])
            elif values or any(map(_is_others, inner_layers(node.operation))):
                outputs = given_by(node.operation, args, kwargs, works, values=values)
            else:
                outputs = works.flatten(node.operation.compute_output_spec(*args, **kwargs))
            at.update(zip(map(id, node.outputs), outputs, strict=False))  # some say that they give more than they do
            symbols += node.outputs
    for symbol in symbols:
        if (tensor := at.get(id(symbol))) is not None:
            dtype = works.module.backend.standardize_dtype(tensor.dtype)
            seen.setdefault(id(symbol), (symbol, []))[1].append(TensorSpec(tuple(tensor.shape), dtype))
    return [at[id(tensor)] for tensor in model.outputs]


def _records(document: dict[str, Any], model: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each record of a tensor in a document, and that tensor of the model that Keras made of it."""
    todo = [(document, model)]
    while todo:
        entry, live = todo.pop()
        held = {each.name: each for each in (*live.layers, *live.operations)}
        mine = {id(node) for nodes in live._nodes_by_depth.values() for node in nodes}
        for item in entry["config"]["layers"]:
            layer = held[item["name"]]
            nodes = [node for node in layer._inbound_nodes if id(node) in mine]
            for told, node in zip(item["inbound_nodes"], nodes, strict=False):
                records = (each["config"] for each in tensors_of_entry(told))
                yield from zip(records, node.arguments.keras_tensors, strict=True)
            if _is_graph(layer) and "input_layers" in item["config"]:
                todo.append((item, layer))


def tensors_of_entry(node: Any) -> Iterator[dict[str, Any]]:
    """The tensors of a call as it is written, in the order in which Keras flattens arguments."""
    todo = [node["kwargs"], node["args"]]
    while todo:
        item = todo.pop()
        if isinstance(item, dict) and item.get("class_name") == _TENSOR:
            yield item
        elif isinstance(item, dict):
            todo += [item[key] for key in sorted(item, reverse=True)]
        elif isinstance(item, list):
            todo += reversed(item)
