"""What is seen of a library's layers while their graph is there: what they give, of whatever size, and what they keep."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from configsplit.hazards import ROOTS
from configsplit.runtime.build import variables
from configsplit.runtime.frameworks import Framework
from configsplit.runtime.live.claims import PAIRS, given_by, sized


def seen_classes(leaves: Iterable[tuple[Any, str]], works: Framework) -> dict[str, Any]:
    """As `configsplit.plugins.observed` takes it: of each class that is not Keras's own what was seen of its layers, which are
    given with the names in their configs.

    Where any tensor carries a mask, nothing is said of masks; where none does, no class makes one. Layers of one name that give
    other things, and classes of one name, are told apart by nobody, and left out.
    """
    own = [(layer, name) for layer, name in leaves if type(layer).__module__.partition(".")[0] not in ROOTS]
    masked = any(is_masked(layer, works) for layer, _ in own)
    classes: dict[str, Any] = {}
    for layer, name in own:
        kind = type(layer)
        place = f"{kind.__module__}:{kind.__name__}"
        told = classes.setdefault(kind.__name__, _class(kind, place, masked=masked))
        if told["keras_class"] != place:
            told["keras_class"] = ""
        seen = {"outputs": _outputs(layer, works), "weights": _weights(layer)}
        if told["layers"].setdefault(name, seen) != seen:
            told["layers"][name] = None
    return classes


def _class(kind: type, place: str, *, masked: bool) -> dict[str, Any]:
    names = list(inspect.signature(kind.call).parameters)  # type: ignore[attr-defined]
    masks = sorted(name for name in names if name == "mask" or name.endswith("_mask"))
    rule = "unknown" if masked else "may_pass"
    return {"keras_class": place, "mask": rule, "uses_mask": masks, "training": "training" in names, "layers": {}}


def is_masked(layer: Any, works: Framework) -> bool:
    """Whether a tensor that a layer was called on, or that it gave, carries a mask."""
    told = ((node.arguments.args, node.arguments.kwargs, node.outputs) for node in layer._inbound_nodes)
    tensors = [each for given in told for each in works.flatten(given)]
    return any(getattr(each, "_keras_mask", None) is not None for each in tensors)


def _weights(layer: Any) -> list[Any]:
    return [[str(each.name), [int(size) for size in each.shape], str(each.dtype)] for each in variables(layer)]


def _outputs(layer: Any, works: Framework) -> list[Any] | None:
    """For each output its dtype and shape, in which a size that follows one of what is taken is ``[tensor, axis]``; None where
    that cannot be said, or hangs on the call."""
    told = [_of_call(layer, node, works) for node in layer._inbound_nodes]
    return told[0] if told and all(each == told[0] for each in told) else None


def _of_call(layer: Any, node: Any, works: Framework) -> list[Any] | None:
    for pair in PAIRS:
        try:
            one, other = (_traced(layer, node, works, sizes) for sizes in pair)
        except Exception:  # noqa: BLE001 - code of others, which may not take these sizes
            continue
        return one if one == other else None
    return None


def _traced(layer: Any, node: Any, works: Framework, sizes: Sequence[int]) -> list[Any]:
    """What its ``call`` gives; what a class says of that is held to nothing."""
    given = (list(node.arguments.args), dict(node.arguments.kwargs))
    kind, flat = works.module.KerasTensor, works.flatten(given)
    args, kwargs = works.pack(given, [_sized(each, sizes, kind) for each in flat])
    outputs = given_by(layer, args, kwargs, works)
    where = _where([tuple(each.shape) for each in flat if isinstance(each, kind)], sizes)
    return [[str(each.dtype), [_told(size, where) for size in each.shape]] for each in outputs]


def _sized(each: Any, sizes: Sequence[int], kind: Any) -> Any:
    return kind(sized(each.shape, sizes), each.dtype) if isinstance(each, kind) else each


def _where(shapes: Sequence[Sequence[int | None]], sizes: Sequence[int]) -> Mapping[int, list[int]]:
    """Which size of which tensor each of the sizes stands for first."""
    axes: dict[int, list[int]] = {}
    for number, shape in enumerate(shapes):
        for axis, size in enumerate(shape):
            if size is None:
                axes.setdefault(sizes[min(axis, len(sizes) - 1)], [number, axis])
    return axes


def _told(size: int | None, where: Mapping[int, list[int]]) -> int | list[int]:
    """A size that is open stands for one that was taken; one that is none of these is the layer's own, whatever it takes."""
    if size is None:
        raise ValueError("it cannot tell")
    return where.get(size, size)
