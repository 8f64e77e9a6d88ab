"""One model of Keras 3 while it is put together: layers, calls, and where each old tensor is now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from configsplit.inference import Inference
from configsplit.ir.graph import CallRef, Constant, Layer, LayerPath, Model, Node, TensorRef, TensorSpec, Use
from configsplit.ir.recipes import Slot
from configsplit.ir.values import FrozenDict, rebuild
from configsplit.migration.objects import built_in
from configsplit.migration.outcome import Note, Refusal
from configsplit.migration.stored import NOTHING, Stored
from configsplit.migration.units import Surroundings

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


@dataclass
class Building:
    """The state of one model's migration.

    Attributes:
        old: the old model; ``path`` leads to it from the outermost one.
        known: shapes and dtypes of the old tensors.
        tensors: old tensor -> new tensor.
        symbols: old tensors that are shapes, of which Keras 3 makes no tensors.
        samples: old tensors that have a row for each sample that the model is given.
        parts: the names of layers that together take the place of one: (old layer, which part) -> name.
        layers: the new layers by name, in the order in which they were made.
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

    @cached_property
    def counts(self) -> dict[CallRef, int]:
        """How many outputs of each old call anything refers to."""
        found: dict[CallRef, int] = {}
        inner = (use.ref for layer in self.old.layers for node in layer.calls for use in node.uses())
        for ref in (*inner, *self.old.output_refs(), *self.old.input_refs()):
            call = CallRef(ref.layer, ref.call)
            found[call] = max(found.get(call, 1), ref.output + 1)
        return found

    def spec(self, ref: TensorRef) -> TensorSpec:
        """What is known of an old tensor."""
        return TensorSpec() if self.known is None else self.known.specs.get(ref, TensorSpec())

    def weights(self, layer: str) -> Stored:
        return self.stored.get((*self.path, layer), NOTHING)

    def title(self, layer: str) -> str:
        """A layer's name for people, with those of the models around it."""
        return "/".join((*self.path, layer))

    def note(self, layer: str, what: str) -> None:
        self.notes.append(Note(self.title(layer), what))

    # ----------------------------------------------------------------------------------------------------- arguments

    def moved(self, value: Any) -> Any:
        """A structure of arguments with every old tensor as the new one; constants that stand for tensors as themselves."""

        def leaf(item: Any) -> Any:
            if type(item) is Use:
                return Use(self.tensors[item.ref])
            return item.value if type(item) is Constant else item

        return rebuild(value, leaf)

    # --------------------------------------------------------------------------------------------------------- adding

    def free(self, wish: str) -> str:
        """A name that no layer of the new model has, old ones counted."""
        taken = self.layers.keys() | set(self.names.values())
        name, number = wish, 1
        while name in taken:
            number += 1
            name = f"{wish}_{number}"
        return name

    def add(self, name: str, made: Made) -> Made:
        return self.layers.setdefault(name, made)

    def operation(
        self, kind: str, wish: str, args: Iterable[Any], config: Mapping[str, Any] | None = None, *, own: bool = False
    ) -> Use:
        """Call an operation of Keras (``numpy.Multiply``); tensors among the arguments are new ones.

        With ``own`` the name is that of the layer that it takes the place of.
        """
        name = wish if own and wish not in self.layers else self.free(wish)
        home, _, class_name = kind.partition(".")
        entry = FrozenDict(
            {
                "module": f"{OPS}.{home}",
                "class_name": class_name,
                "config": FrozenDict({**(config or {}), "name": name}),
                "registered_name": class_name,
            }
        )
        self.add(name, Made(entry, {0: Node(tuple(args))}))
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

    def outputs_are(self, layer: Layer, call: int, *uses: Use) -> None:
        """Say where the outputs of an old call are now."""
        for number, use in enumerate(uses):
            self.tensors[TensorRef(layer.name, call, number)] = use.ref
