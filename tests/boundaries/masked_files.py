"""A masked model in a file, what Keras itself makes of it, and a runner of parts that knows nothing but manifest.json."""

from __future__ import annotations

import importlib
import json
import zipfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import h5py
import numpy as np

from configsplit.testing.masked import recipe
from configsplit.testing.masked_building import Arrays, Workshop, arrays
from configsplit.testing.masked_sketch import Generation, Spec

KINDS: tuple[tuple[Generation, str], ...] = (("keras3", "keras"), ("keras3", "h5"), ("keras2", "h5"), ("keras2", "json"))
"""Every dialect with every format in which it is saved: ``json`` with its weights beside it."""

LIVE = "live"
"""No file: the model as Keras built it. Only the names of its layers are read from its JSON."""


class PartError(Exception):
    """Keras cannot load what was written, or cannot run it."""


class Frame:
    """keras or tf_keras with the classes of the masked models; what is asked of it is what users ask."""

    def __init__(self, generation: Generation) -> None:
        self.new = generation == "keras3"
        self.keras: Any = importlib.import_module("keras" if self.new else "tf_keras")
        self.nest: Any = self.keras.tree if self.new else importlib.import_module("tensorflow").nest
        self.workshop = Workshop(self.keras)

    def save(self, model: Any, folder: Path, suffix: str, name: str = "model") -> tuple[Path, Path | None]:
        """The file, and its weights where they are apart."""
        path = folder / f"{name}.{'json' if suffix == LIVE else suffix}"
        if path.suffix != ".json":
            model.save(str(path))
            return path, None
        path.write_text(model.to_json())
        if suffix == LIVE:
            return path, None
        weights = folder / f"{name}.weights.h5"
        model.save_weights(str(weights))
        return path, weights

    def load(self, path: Path, weights: Path | None = None) -> Any:
        objects = self.workshop.objects
        if path.suffix != ".json":
            return self.keras.models.load_model(str(path), compile=False, custom_objects=objects)
        model = self.keras.models.model_from_json(path.read_text(), custom_objects=objects)
        if weights is not None:
            model.load_weights(str(weights))
        return model

    def live(self, model: Any, values: Arrays) -> list[Any]:
        """Outputs as tensors of the framework, with their masks on them."""
        structure = getattr(model, "_inputs_struct" if self.new else "_nested_inputs", None)
        one = values[0] if len(values) == 1 else list(values)
        given = one if structure is None else self.nest.pack_sequence_as(structure, list(values))
        return list(self.nest.flatten(model(given, training=False)))

    def run(self, model: Any, values: Arrays) -> Arrays:
        """Outputs as arrays: nothing hidden is left on them."""
        return [np.asarray(each) for each in self.live(model, values)]

    def run_file(self, path: Path, weights: Path | None, values: Arrays) -> Arrays:
        """
        Raises:
            PartError: Keras does not load or not run it.
        """
        try:
            return self.run(self.load(path, weights), values)
        except Exception as error:
            raise PartError(f"{path.name}: {type(error).__name__}: {error}") from error

    def run_parts(self, folder: Path, values: Arrays) -> Arrays:
        """What the parts in a folder compute, one after the other, from arrays to arrays."""
        manifest = json.loads((folder / "manifest.json").read_text())
        given: list[Arrays] = []

        def fetched(item: Any) -> Any:
            source = item["from"]
            return values[source["input"]] if "input" in source else given[source["part"]][source["output"]]

        for part in manifest["parts"]:
            weights = folder / part["weights"] if part.get("weights") else None
            given.append(self.run_file(folder / part["file"], weights, [fetched(item) for item in part["inputs"]]))
        return [fetched(item) for item in manifest["outputs"]]


@cache
def frame(generation: Generation) -> Frame:
    return Frame(generation)


@dataclass
class Case:
    """A masked model in a file, loaded by Keras again, padded inputs, and what it gives for them."""

    frame: Frame
    suffix: str
    recipe: Spec
    path: Path
    weights: Path | None
    original: Any
    inputs: Arrays
    outputs: Arrays
    places: list[Place] = field(default_factory=list)

    def layer(self, name: str) -> Any:
        """A layer of the surface, or an operation, which Keras 3 does not count among the layers."""
        graph = getattr(self.original, "_functional", None) or self.original
        return next(each for each in getattr(graph, "_operations", graph.layers) if each.name == name)

    def tensors(self, name: str) -> list[Any]:
        """The symbolic outputs of a layer of the surface that is called once."""
        node = self.layer(name)._inbound_nodes[-1]
        return list(self.frame.nest.flatten(node.output_tensors if self.frame.new else node.outputs))

    def intermediate(self, name: str) -> list[Any]:
        """What such a layer gives for the inputs: tensors with their masks on them."""
        return self.frame.live(self.frame.keras.Model(self.original.inputs, self.tensors(name)), self.inputs)


@dataclass(frozen=True)
class Place:
    """A layer by its reference, as the file has it."""

    name: str
    class_name: str
    calls: int

    @property
    def at_surface(self) -> bool:
        return "/" not in self.name


def drawn(generation: Generation, suffix: str, seed: int, custom: float) -> Spec:
    """The recipe of a number."""
    chance = Random(f"{generation}/{suffix}/{seed}/{custom}")
    return recipe(chance, generation, operations=(generation, suffix) != ("keras3", "h5"), custom=custom)


def case(generation: Generation, suffix: str, seed: int, folder: Path, custom: float = 0.2) -> Case | None:
    """The model of a number; None where Keras itself does not build, load or run it."""
    works = frame(generation)
    found = drawn(generation, suffix, seed, custom)
    try:
        built = works.workshop.build(found, seed)
        path, weights = works.save(built, folder, suffix)
        loaded = works.load(path, weights)
        original = built if suffix == LIVE else loaded
        inputs = arrays(found, [str(getattr(each.dtype, "name", each.dtype)) for each in original.inputs], seed)
        if any(len(each.shape) != fed.ndim for each, fed in zip(original.inputs, inputs, strict=True)):
            return None  # tf_keras runs such a model, though its document says another rank
        outputs = works.run(original, inputs)
    except Exception:  # noqa: BLE001 - shapes that do not fit, in as many ways as there are layers
        return None
    return Case(works, suffix, found, path, weights, original, inputs, outputs, places(config_of(path)))


def config_of(path: Path) -> Any:
    """The architecture in a file, read without configsplit."""
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return json.loads(archive.read("config.json"))
    with h5py.File(path) as file:
        return json.loads(file.attrs["model_config"])


def places(config: Any) -> list[Place]:
    """Everything that a file has a name for, inside nested models and wrapped ones too."""
    found: list[Place] = []
    todo = [("", config)]
    for prefix, entry in todo:  # grows while it is read
        for layer in entry["config"]["layers"]:
            inner = layer["config"]
            name, calls = layer.get("name") or inner["name"], max(1, len(layer.get("inbound_nodes", ())))
            found.append(Place(prefix + name, layer["class_name"], calls))
            held = layer if "layers" in inner else inner.get("layer")
            if isinstance(held, dict) and "layers" in held.get("config", ()):
                todo.append((f"{prefix}{name}/" if calls == 1 else f"{prefix}{name}@0/", held))
    return found
