"""What became of every weight of a conversion: copied, laid out anew, or absent, since the old file does not hold it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from configsplit.catalog.table import class_facts
from configsplit.containers.arrays import Arrays
from configsplit.conversion import Migration, Refusal
from configsplit.dialects import read_entry
from configsplit.graph.model import Layer, LayerPath, walk
from configsplit.inference import Inference, trace, weights_of
from configsplit.models.document import Document
from configsplit.models.wrapped import held_by
from configsplit.weights.parts import Weights, merged, weights_in
from configsplit.weights.placement import known_inside

MAY_LACK = "2.2.4-tf"
"""What TensorFlow 1.13 to 2.1 call themselves; the first did not save the weights of layers in lists, not even in ``.h5``."""

_ANEW = "or initialize what is missing: --missing-weights initialize"


@dataclass(frozen=True, slots=True)
class Absent:
    """A layer of which the old file does not hold all weights, or may not: nobody has declared what its class has.

    Whatever an archive does not hold, its own Keras begins anew, too, each time that it loads it (``anew``); it refuses one
    that lacks weights of the layer itself.
    """

    path: LayerPath
    class_name: str
    lost: tuple[str, ...] = ()
    anew: bool = False

    @property
    def reason(self) -> str:
        if self.lost:
            what = f"the file has no weights for {self.lost[0]!r} of the {self.class_name}"
            return f"{what}: the release that wrote it did not save them"
        what = f"the file holds no weights of the {self.class_name}, and no plug-in declares whether it has any"
        return f"{what}; the release that wrote it did not save those of layers in a list of lists"

    def refusal(self) -> Refusal:
        """The refusal of a conversion that would lose what the layer had learnt."""
        first = (
            "convert the .h5 of the same model" if self.lost else "declare the class in a plug-in (--custom-objects FILE.py)"
        )
        code = "convert-weights-lost" if self.lost else "convert-weights-absent"
        return Refusal("/".join(self.path), code, self.reason, f"{first}; {_ANEW}")


def absent(document: Document, migration: Migration, file: Arrays) -> tuple[Absent, ...]:
    """The layers of a conversion whose weights are missing in the old file, or may be."""
    if migration.model is None:
        return ()
    inference = trace(migration.model, document.facts, dialect="keras3", read=read_entry)
    held, may_lack, anew = held_by("keras3"), _may_lack(document, file), file.layout.kind != "legacy"
    lacking: list[Absent] = []
    for path, layer in walk(migration.model, held):
        if not layer.is_input and held(layer) is None:
            lacking += _of_layer(path, layer, known_inside(inference, path[:-1]), migration, document, may_lack)
    return tuple(replace(each, anew=anew and not each.lost) for each in lacking)


def _may_lack(document: Document, file: Arrays) -> bool:
    """Whether the release that wrote the weights left some out and said nothing."""
    return file.layout.kind != "legacy" or (document.dialect == "keras2" and document.release in ("", MAY_LACK))


def _of_layer(
    path: LayerPath, layer: Layer, around: Inference | None, migration: Migration, document: Document, may_lack: bool
) -> Iterator[Absent]:
    layout = migration.layouts.get(path)
    places = () if layout is None else tuple(slot.place for slot in layout.slots)
    facts = document.facts.get(str(layer.entry.get("registered_name"))) or document.facts.get(layer.class_name)
    if facts is not None and facts.keras3_places:
        if lost := sorted({*facts.keras3_places} - {*places}):
            yield Absent(path, layer.class_name, tuple(lost))
        return
    declared = None if around is None else weights_of(around, merged(layer))
    if declared is not None and len(declared) > len(places):
        yield Absent(path, layer.class_name, tuple(spec.name for spec in declared[len(places) :]))
    elif declared is None and not places and may_lack:
        yield Absent(path, layer.class_name)


# Settings that an old release did not write down, and that the weights in the file prove: whether attention has a scale.


def completed(document: Document, file: Arrays) -> Document:
    """The document with what its weights prove: a setting that its config lacks, with which alone the weights are all used."""
    if not any(_lacks(document, layer) for layer in document.model.layers):
        return document
    weights = weights_in(document.model, file)
    layers = tuple(_completed(document, layer, weights) for layer in document.model.layers)
    changed = any(one is not other for one, other in zip(layers, document.model.layers, strict=True))
    return replace(document, model=replace(document.model, layers=layers)) if changed else document


def _lacks(document: Document, layer: Layer) -> str:
    """The setting that a layer's config should have and does not; "" where it lacks none."""
    key = class_facts(layer.class_name, document.dialect).weight_key
    return key if key not in layer.config else ""


def _completed(document: Document, layer: Layer, weights: Weights) -> Layer:
    if not (key := _lacks(document, layer)):
        return layer
    stored = [weights.file.datasets[name].shape for name in weights.datasets((layer.name,))]
    fitting = [value for value in (True, False) if _wants(document, _with(layer, key, value)) == stored]
    return _with(layer, key, fitting[0]) if len(fitting) == 1 else layer


def _with(layer: Layer, key: str, value: bool) -> Layer:
    return replace(layer, entry=layer.entry | {"config": layer.config | {key: value}})


def _wants(document: Document, layer: Layer) -> list[object] | None:
    """The shapes of the weights that a layer would have."""
    layers = tuple(layer if each.name == layer.name else each for each in document.model.layers)
    declared = weights_of(document.infer(model=replace(document.model, layers=layers)), layer)
    return None if declared is None else [spec.shape for spec in declared]
