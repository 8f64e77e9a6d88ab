"""Every verb at a random place of a masked model: what it must compute, and what the files that it wrote compute."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, get_args

import numpy as np
from masked_files import Case, Place, frame

import configsplit
from configsplit.cutting.minimum_cut import Choice
from configsplit.testing.masked_building import Arrays

BOUNDARIES: tuple[Choice, ...] = get_args(Choice)


class NothingToDoError(Exception):
    """The model has no place for this."""


@dataclass(frozen=True)
class Attempt:
    """What was asked for, in words; what is right; how to compute what came out; and the warnings that were given."""

    asked: str
    right: Arrays
    got: Callable[[], Arrays]
    warnings: tuple[str, ...] = ()
    close: float = 0.0


Verb = Callable[[Case, Random, Path], Attempt]


def _document(case: Case) -> Any:
    return configsplit.load(case.path, weights=case.weights)


def anywhere(case: Case, chance: Random) -> str:
    """Any tensor of any layer, seldom an input, seldom the last, for there is little to see there."""
    pool = [each for each in case.places if each.class_name != "InputLayer"]
    last = [each for each in pool if each.at_surface][-1:]
    few = [each for each in pool if each not in last]
    place = chance.choice(case.places if chance.random() < 0.1 else few if few and chance.random() < 0.8 else pool)
    return place.name if place.calls == 1 else f"{place.name}@{chance.randrange(place.calls)}"


def at_surface(case: Case, chance: Random) -> Place:
    pool = [each for each in case.places if each.at_surface and each.calls == 1 and each.class_name != "InputLayer"]
    if not pool:
        raise NothingToDoError
    return chance.choice(pool)


def _cut(case: Case, chance: Random) -> tuple[str, Any]:
    at = [anywhere(case, chance) for _ in range(chance.choice((1, 1, 1, 2)))]
    if chance.random() < 0.06:
        at[0] += f",{anywhere(case, chance)}"
    boundary = chance.choice(BOUNDARIES)
    return f"split --at {' --at '.join(at)} --boundary {boundary}", configsplit.split(_document(case), at, boundary=boundary)


def split(case: Case, chance: Random, folder: Path) -> Attempt:
    asked, parts = _cut(case, chance)
    saved = parts.save(folder / "parts")
    configsplit.verify(folder / "parts")
    open_ = tuple(each for each in saved.manifest.warnings if each.startswith("masks: "))
    return Attempt(asked, case.outputs, lambda: case.frame.run_parts(folder / "parts", case.inputs), open_)


def join(case: Case, chance: Random, folder: Path) -> Attempt:
    asked, parts = _cut(case, chance)
    parts.save(folder / "parts")
    return _edited(case, f"{asked}; join", configsplit.join(folder / "parts"), folder)


def _edited(case: Case, asked: str, edited: Any, folder: Path) -> Attempt:
    saved = edited.save(folder / f"edited.{case.suffix}")
    return Attempt(
        asked, case.outputs, lambda: case.frame.run_file(saved.path, saved.weights, case.inputs), tuple(edited.warnings)
    )


def extract(case: Case, chance: Random, folder: Path) -> Attempt:
    """Up to a tensor, or from one. What takes over at a masked tensor is fed its mask too, if it has an input for it."""
    place = at_surface(case, chance).name
    if len(case.tensors(place)) > 1:  # of several outputs only those in use are named
        raise NothingToDoError
    if chance.random() < 0.4:
        return _head(case, place, folder)
    edited = configsplit.extract(_document(case), from_=place)
    saved = edited.save(folder / f"tail.{case.suffix}")
    tensors = case.intermediate(place)
    masks = [mask for each in tensors if (mask := getattr(each, "_keras_mask", None)) is not None]
    fed = [np.asarray(each) for each in (*tensors, *masks)][: len(edited.model.input_refs())]
    got = lambda: case.frame.run_file(saved.path, saved.weights, fed)  # noqa: E731
    return Attempt(f"extract --from {place}", case.outputs, got, tuple(edited.warnings))


def _head(case: Case, place: str, folder: Path) -> Attempt:
    edited = configsplit.extract(_document(case), to=place)
    saved = edited.save(folder / f"head.{case.suffix}")
    names = [each.name.partition(":")[0] for each in case.original.inputs]
    wanted = [ref.layer for ref in edited.model.input_refs()]
    fed = case.inputs if len(wanted) == len(names) else [case.inputs[names.index(name)] for name in wanted]
    right = [np.asarray(each) for each in case.intermediate(place)]
    return Attempt(f"extract --to {place}", right, lambda: case.frame.run_file(saved.path, saved.weights, fed))


FRAGMENTS = (("Activation", {"activation": "linear"}), ("Dropout", {"rate": 0.5}))
"""They change nothing, and hand masks on."""


def insert(case: Case, chance: Random, folder: Path) -> Attempt:
    fragment, after = folder / "fragment.json", anywhere(case, chance)
    entry = fragment_for(case, chance)
    fragment.write_text(json.dumps(entry))
    edited = configsplit.insert(_document(case), fragment, after=after)
    done = _edited(case, f"insert {entry['class_name']} --after {after}", edited, folder)
    widens = entry["config"]["dtype"] == "float64"

    def got() -> Arrays:
        """What is put in may have widened what it was given."""
        return [new.astype(old.dtype) if widens else new for old, new in zip(done.right, done.got(), strict=True)]

    return dataclasses.replace(done, got=got)


def fragment_for(case: Case, chance: Random) -> dict[str, Any]:
    class_name, config = chance.choice(FRAGMENTS)
    dtype = "float64" if case.recipe["float64"] or case.recipe.get("policy") else "float32"
    return {"class_name": class_name, "config": {"name": "put_in", "dtype": dtype, **config}}


def remove(case: Case, chance: Random, folder: Path) -> Attempt:
    layer = removable(case, chance)
    return _edited(case, f"remove --layer {layer}", configsplit.remove(_document(case), layer), folder)


def removable(case: Case, chance: Random) -> str:
    pool = [each.name for each in case.places if each.class_name in ("Dropout", "GaussianNoise", "SpatialDropout1D")]
    if not pool:
        raise NothingToDoError
    return chance.choice(pool).replace("@0/", "/")


def replace(case: Case, chance: Random, folder: Path) -> Attempt:
    """A layer by its equal: a model of that layer alone, built by Keras, which knows of no mask."""
    place = at_surface(case, chance).name
    layer = case.layer(place)
    tensors, names = _arguments(case, layer)
    if _told(case, layer) or not names or len(set(names)) != len(names) or not hasattr(layer, "get_config"):
        raise NothingToDoError
    path, weights = _donor(case, layer, tensors, folder)
    edited = configsplit.replace(_document(case), path, from_=names, to=[place], donor_weights=weights)
    return _edited(case, f"replace --from {','.join(names)} --to {place}", edited, folder)


def _arguments(case: Case, layer: Any) -> tuple[list[Any], list[str]]:
    """The tensors among the arguments of the only call, and their references."""
    node, flat = layer._inbound_nodes[-1], case.frame.nest.flatten
    given = flat(node.arguments.args if case.frame.new else node.call_args)
    tensors = [each for each in given if hasattr(each, "_keras_history")]
    return tensors, [_reference(case, *each._keras_history) for each in tensors]


def _told(case: Case, layer: Any) -> bool:
    """Whether the call is given a tensor by keyword: a mask, which a model of the layer alone does not take."""
    node = layer._inbound_nodes[-1]
    given = case.frame.nest.flatten(node.arguments.kwargs if case.frame.new else node.call_kwargs)
    return any(hasattr(each, "_keras_history") for each in given)


def _reference(case: Case, layer: Any, node: int, output: int) -> str:
    """Calls counted as the file counts them: those in this model alone."""
    graph = getattr(case.original, "_functional", None) or case.original
    if case.frame.new:
        keys = [f"{id(layer)}_ib-{number}" for number in range(len(layer._inbound_nodes))]
        node = sum(key in graph._nodes for key in keys[:node])
    elif isinstance(layer, case.frame.keras.Model):
        node -= 1
    return f"{layer.name}@{node}:{output}"


def _donor(case: Case, layer: Any, tensors: list[Any], folder: Path) -> tuple[Path, Path | None]:
    keras, workshop = case.frame.keras, case.frame.workshop
    inputs = [keras.Input(tuple(each.shape[1:]), dtype=str(getattr(each.dtype, "name", each.dtype))) for each in tensors]
    try:
        with keras.saving.custom_object_scope(workshop.objects):
            twin = type(layer).from_config(layer.get_config())
        spec = {"class": type(layer).__name__} | ({"by_position": True} if type(layer).__name__ in _SEVERAL else {})
        made = keras.Model(inputs if len(inputs) > 1 else inputs[0], workshop.called(twin, spec, inputs, {}), name="donor")
        twin.set_weights(layer.get_weights())
        return case.frame.save(made, folder, case.suffix, "donor")
    except Exception as error:  # a layer that Keras 3 or tf_keras does not save alone
        raise NothingToDoError from error


_SEVERAL = frozenset({"MultiHeadAttention", "GroupedQueryAttention"})


def convert(case: Case, chance: Random, folder: Path) -> Attempt:
    """Other kernels, so numbers are close; a mask that is lost shows in the second digit."""
    made = configsplit.convert(_document(case))
    made.save(folder / "converted.keras")
    got = lambda: frame("keras3").run_file(folder / "converted.keras", None, case.inputs)  # noqa: E731
    return Attempt("convert", case.outputs, got, tuple(note.what for note in made.notes), close=3e-5)


VERBS: dict[str, Verb] = {
    "split": split,
    "extract": extract,
    "insert": insert,
    "replace": replace,
    "remove": remove,
    "join": join,
    "convert": convert,
}
