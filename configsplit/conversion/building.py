"""One model of Keras 3 while it is put together: layers, calls, and where each old tensor is now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.keras3.objects import built_in
from configsplit.catalog.keras3.refusals import Note, Refusal, Replacement
from configsplit.catalog.recipes import Slot
from configsplit.graph.json import FrozenDict, rebuild
from configsplit.graph.model import (
    CallRef,
    Constant,
    Layer,
    LayerPath,
    Model,
    Node,
    Shape,
    Structure,
    TensorRef,
    TensorSpec,
    Use,
    free_name,
)
from configsplit.inference import Inference

OPS = "keras.src.ops"
"""Where Keras keeps its operations, and the only place of its own that it lets a file name."""


@dataclass(slots=True)
class Made:
    """A new layer: its entry, its calls by number, the old layer that it comes from and the weights it takes from it."""

    entry: FrozenDict
    calls: dict[int, Node] = field(default_factory=dict)
    model: Model | None = None
    old: str | None = None
    slots: tuple[Slot, ...] = ()
    old_places: tuple[str, ...] = ()


class OneModel:
    """What both directions know of a model of which another is made."""

    old: Model
    path: LayerPath
    names: Mapping[str, str]
    tensors: Mapping[TensorRef, TensorRef]
    layers: Mapping[str, Any]
    notes: list[Note]

    @cached_property
    def counts(self) -> dict[CallRef, int]:
        """How many outputs of each old call anything refers to."""
        counts: dict[CallRef, int] = {}
        inner = (use.ref for layer in self.old.layers for node in layer.calls for use in node.uses())
        for ref in (*inner, *self.old.output_refs(), *self.old.input_refs()):
            call = CallRef(ref.layer, ref.call)
            counts[call] = max(counts.get(call, 1), ref.output + 1)
        return counts

    def title(self, layer: str) -> str:
        """A layer's name for people, with those of the models around it."""
        return "/".join((*self.path, layer))

    def note(self, layer: str, what: str) -> None:
        self.notes.append(Note(self.title(layer), what))

    def free(self, wish: str) -> str:
        """A name that no layer of the new model has, old ones counted."""
        return free_name(wish, {*self.layers, *self.names.values()})

    def mapped(self, structure: Structure) -> Structure:
        """Inputs or outputs, as the new model calls them."""
        return rebuild(structure, lambda leaf: self.tensors[leaf] if type(leaf) is TensorRef else leaf)


@dataclass
class Building(OneModel):
    """The state of one model's migration.

    Attributes:
        old: the old model; ``path`` leads to it from the outermost one.
        known: shapes and dtypes of the old tensors.
        tensors: old tensor -> new tensor.
        symbols: old tensors that are shapes, of which Keras 3 makes no tensors.
        samples: old tensors that have a row for each sample that the model is given.
        parts: the names of layers that together take the place of one: (old layer, which part) -> name.
        layers: the new layers by name, in the order in which they were made.
        specs: shapes and dtypes of what the code of Lambdas computes on its way.
    """

    old: Model
    path: LayerPath
    known: Inference | None
    around: Surroundings
    stored: Mapping[LayerPath, Stored]
    names: dict[str, str]
    tensors: dict[TensorRef, TensorRef] = field(default_factory=dict)
    symbols: dict[TensorRef, Any] = field(default_factory=dict)
    samples: dict[TensorRef, None] = field(default_factory=dict)
    layers: dict[str, Made] = field(default_factory=dict)
    parts: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    specs: dict[TensorRef, TensorSpec] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------- what is known

    def spec(self, ref: TensorRef) -> TensorSpec:
        """What is known of an old tensor, or of one inside the code of a Lambda."""
        if ref in self.specs:
            return self.specs[ref]
        return TensorSpec() if self.known is None else self.known.specs.get(ref, TensorSpec())

    def weights(self, layer: str) -> Stored:
        return self.stored.get((*self.path, layer), NOTHING)

    # ----------------------------------------------------------------------------------------------------- arguments

    def moved(self, value: Any) -> Any:
        """A structure of arguments with every old tensor as the new one; constants that stand for tensors as themselves."""

        def leaf(item: Any) -> Any:
            if type(item) is Use:
                return Use(self.tensors[item.ref])
            return item.value if type(item) is Constant else item

        return rebuild(value, leaf)

    # --------------------------------------------------------------------------------------------------------- adding

    def add(self, name: str, made: Made) -> Made:
        return self.layers.setdefault(name, made)

    def operation(
        self, kind: str, wish: str, args: Iterable[Any], config: Mapping[str, Any] | None = None, *, own: bool = False
    ) -> Use:
        """Call an operation of Keras (``numpy.Multiply``); tensors among the arguments are new ones.

        With ``own`` the name is that of the layer that it takes the place of.
        """
        name = wish if own and wish not in self.layers else self.free(wish)
        self.add(name, Made(operation_entry(kind, name, config), {0: Node(tuple(args))}))
        return Use(TensorRef(name))

    def layer(self, class_name: str, wish: str, config: Mapping[str, Any], **made: Any) -> str:
        """Add a layer of Keras that the old model did not have; its name."""
        name = self.free(wish)
        full = {"name": name, "dtype": "float32", **config}
        self.add(name, Made(built_in("keras.layers", class_name, full), **made))
        return name

    def call(self, name: str, *args: Any, **kwargs: Any) -> Use:
        """Call a new layer once more; tensors among the arguments are new ones."""
        made = self.layers[name]
        number = len(made.calls)
        made.calls[number] = Node(args, FrozenDict(kwargs))
        return Use(TensorRef(name, number))

    def rename(self, name: str, wish: str) -> None:
        """Give a new layer that was called once another name, which is free."""

        def moved(ref: TensorRef) -> TensorRef:
            return ref._replace(layer=wish) if ref.layer == name else ref

        self.layers = {wish if key == name else key: made for key, made in self.layers.items()}
        made = self.layers[wish]
        made.entry = made.entry | {"config": made.entry["config"] | {"name": wish}}
        for other in self.layers.values():
            other.calls = {at: node.map_uses(lambda use: Use(moved(use.ref))) for at, node in other.calls.items()}
        self.tensors = {old: moved(ref) for old, ref in self.tensors.items()}

    def with_kwargs(self, made: Use, kwargs: Mapping[str, Any]) -> None:
        """Give an operation that was called a moment ago more arguments, by name."""
        calls = self.layers[made.ref.layer].calls
        calls[0] = Node(calls[0].args, calls[0].kwargs | {**kwargs})

    def outputs_are(self, layer: Layer, call: int, *uses: Use) -> None:
        """Say where the outputs of an old call are now."""
        for number, use in enumerate(uses):
            self.tensors[TensorRef(layer.name, call, number)] = use.ref


# What the conversion of one layer with all that stands inside it works on.


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What holds for a whole migration: the dialect, the backend that wrote the weights, plug-ins.

    ``release`` is the one that wrote the file, as far as it says so.
    ``model`` converts a model that stands inside a wrapper; the path is its own.
    ``taken`` says what the layer inside a wrapper takes, by the wrapper's path.
    ``initialize`` says that weights which the file lacks may begin anew.
    ``lambdas`` are what takes the place of code, by the title of its layer; ``read_lambda`` says whether other code is read.
    ``ordering`` is the order of dimensions for layers of Keras 1 that do not write it.
    """

    dialect: str
    backend: str
    facts: Mapping[str, LayerFacts]
    release: tuple[int, ...]
    model: Callable[[FrozenDict, LayerPath], FrozenDict]
    taken: Callable[[LayerPath], TensorSpec]
    initialize: bool = False
    lambdas: Mapping[str, Replacement] = field(default_factory=dict)
    read_lambda: bool = True
    ordering: str | None = None


@dataclass(frozen=True, slots=True)
class Inside:
    """A layer's entry for Keras 3 (without name and calls) and its weights, below its own group.

    ``old_places`` are where an archive of tf.keras has the weights that recipes count by; ``notes`` what was taken for granted.
    """

    entry: FrozenDict
    slots: tuple[Slot, ...] = ()
    old_places: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Unit:
    """One layer of the tree: its old entry, where it stands in its parent's config, its share of the weights."""

    entry: FrozenDict
    stored: Stored
    start: int
    prefix: str
    key: tuple[str, int | None] = ("", None)
    path: LayerPath = ()
    children: list[Unit] = field(default_factory=list)
    made: FrozenDict | None = None
    own: Inside | None = None
    depth: int = 0


# What a file of weights holds for each old layer, as far as a migration needs to know it.


@dataclass(frozen=True, slots=True)
class Stored:
    """The weights of one layer, in the order of ``layer.weights``.

    ``names`` are the weights' names in a legacy file (``fc/kernel:0``). ``places`` are their paths below the layer's group in
    a zip archive (``cell/vars/0``), in any order; empty for a legacy file. ``owner`` is what that calls the layer.
    """

    shapes: tuple[Shape, ...] = ()
    names: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    owner: str = ""

    def part(self, start: int, stop: int) -> Stored:
        """Some of the weights; the places stay as they are, since they tell themselves apart."""
        return replace(self, shapes=self.shapes[start:stop], names=self.names[start:stop])


NOTHING = Stored()


# Names that Keras 3 takes: no ``/`` in them.


def new_names(path: LayerPath, model: Model) -> tuple[dict[str, str], list[Note]]:
    """Old name -> new name for every layer of a model, and what was renamed."""
    taken = {layer.name for layer in model.layers if "/" not in layer.name}
    names: dict[str, str] = {}
    notes: list[Note] = []
    for layer in model.layers:
        name = layer.name
        if "/" in name:
            name = free_name(name.replace("/", "_").strip("_") or "layer", taken)
            notes.append(Note("/".join((*path, layer.name)), f"is now called {name!r}: Keras 3 allows no '/' in a name"))
        names[layer.name] = name
    return names, notes


def operation_entry(kind: str, name: str, config: Mapping[str, Any] | None) -> FrozenDict:
    """An operation of Keras (``numpy.Multiply``) as it stands in documents."""
    home, _, class_name = kind.partition(".")
    return FrozenDict(
        {
            "module": f"{OPS}.{home}",
            "class_name": class_name,
            "config": FrozenDict({**(config or {}), "name": name}),
            "registered_name": class_name,
        }
    )
