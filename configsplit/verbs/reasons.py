"""Why a verb gave what it gave, in words: what ``-v`` prints and ``--log-file`` keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from configsplit.boundaries.shapes import name, told
from configsplit.graph.model import TensorRef, TensorSpec, walk
from configsplit.models.results import Edited
from configsplit.rewrites.split import bytes_per_sample

if TYPE_CHECKING:  # it loads numpy, which surgery of an architecture does not need
    from configsplit.saving.conversion import Converted

MOST = 12
"""Names that a line lists; of more it says how many."""


def reasons(edited: Edited) -> str:
    """What a verb of surgery found and chose.

    Args:
        edited: its result.

    Returns:
        Lines of text.
    """
    return "\n".join(_OF_VERB[edited.verb](edited)) or "nothing changes"


def listed(names: Iterable[str]) -> str:
    """``a, b, c and 4 more``."""
    all_names = [*names]
    more = f" and {len(all_names) - MOST} more" if len(all_names) > MOST else ""
    return ", ".join(all_names[:MOST]) + more


def _tensor(edited: Edited, ref: TensorRef) -> str:
    """``add_3, float32 (None, 56, 56, 256), 3,211,264 bytes a sample``."""
    spec = edited.inference.specs.get(ref, TensorSpec())
    known = spec.shape is not None and None not in spec.shape[1:]
    cost = f"{bytes_per_sample(spec):,} bytes a sample" if known else "its bytes depend on an open size"
    return f"{name(edited.model, ref)}, {told(spec)}, {cost}"


def _gone(edited: Edited) -> list[str]:
    kept = {origin.path[0] for origin in edited.provenance.layers.values() if not origin.source}
    return [layer.name for layer in edited.documents[0].model.layers if layer.name not in kept and not layer.implicit]


def _extracted(edited: Edited) -> list[str]:
    starts, ends = edited.arguments["from"], edited.arguments["to"]
    why = "named" if starts else "an input of the model that the outputs need"
    lines = [f"starts at {_tensor(edited, ref)} ({why})" for ref in edited.model.input_refs()]
    why = "named" if ends else "an output of the model"
    lines += [f"ends at {_tensor(edited, ref)} ({why})" for ref in edited.model.output_refs()]
    gone, count = _gone(edited), len(edited.documents[0].model.layers)
    return [
        *lines,
        f"{len(gone)} of {count} layers do not lie between these and are left out" + (f": {listed(gone)}" if gone else ""),
    ]


def _put_in(edited: Edited) -> list[str]:
    """Which tensors the donor takes, and who takes what it gives."""
    new = {path[0] for path, origin in edited.provenance.layers.items() if origin.source}
    taken, served, as_before = dict[TensorRef, None](), dict[str, None](), list[tuple[TensorRef, str]]()
    for layer in edited.model.layers:
        for ref in (use.ref for node in layer.calls for use in node.uses()):
            if layer.name in new and ref.layer not in new:
                taken[ref] = None
            elif ref.layer in new and layer.name not in new:
                served[layer.name] = None
            elif layer.name not in new:
                as_before.append((ref, layer.name))
    lines = [f"the donor takes {_tensor(edited, ref)}" for ref in taken]
    outputs = [ref.layer for ref in edited.model.output_refs() if ref.layer in new]
    if served:
        lines.append(f"{listed(served)} {'takes' if len(served) == 1 else 'take'} what the donor gives")
    if outputs:
        lines.append(f"{listed(outputs)} of the donor gives an output of the model")
    for ref in taken:
        still = dict.fromkeys(taker for other, taker in as_before if other == ref)
        lines += [f"{name(edited.model, ref)} still goes to {listed(still)}, too"] if still else []
    gone = _gone(edited)
    return [*lines, f"gone, since no output needs them any more: {listed(gone)}"] if gone else lines


def _removed(edited: Edited) -> list[str]:
    document = edited.documents[0]
    kept = {origin.path for origin in edited.provenance.layers.values() if not origin.source}
    gone = [(path, layer) for path, layer in walk(document.model) if path not in kept and not layer.implicit]
    specs = document.infer().specs
    lines = []
    for path, layer in gone:
        shape = f" is {told(specs[TensorRef(layer.name)])} and" if len(path) == 1 and TensorRef(layer.name) in specs else ""
        lines.append(f"{'/'.join(path)} ({layer.class_name}): its input{shape} stands for its output")
    return lines


def _renamed(edited: Edited) -> list[str]:
    pairs = edited.provenance.layers.items()
    return [f"{'/'.join(origin.path)} becomes {'/'.join(path)}" for path, origin in pairs if path[-1] != origin.path[-1]]


_OF_VERB: dict[str, Callable[[Edited], Sequence[str]]] = {
    "extract": _extracted,
    "insert": _put_in,
    "replace": _put_in,
    "remove": _removed,
    "rename": _renamed,
    "join": _renamed,
    "freeze": lambda edited: [f"{edited.frozen} are frozen now"],
}


def of_conversion(made: Converted) -> str:
    """By which rules a conversion came about.

    Args:
        made: the conversion, or what stands in its way.

    Returns:
        Lines of text.
    """
    migration = made.migration
    lines = [f"refused: {each.layer}: {each.reason}" for each in migration.refusals]
    if migration.model is None:
        return "\n".join(lines)
    old = {path: layer.class_name for path, layer in walk(made.document.model)}
    new = {path: layer.class_name for path, layer in walk(migration.model)}
    changed: Counter[str] = Counter()
    for path, origin in migration.origins.items():
        if path in new and origin in old:
            changed["" if new[path] == old[origin] else f"{old[origin]} to {new[path]}"] += 1
    lines.append(f"{changed.pop('', 0)} layers keep their class")
    lines += [f"{count} of class {classes}" for classes, count in sorted(changed.items())]
    return "\n".join([*lines, *(f"{each.layer}: {each.what}" for each in migration.notes)])
