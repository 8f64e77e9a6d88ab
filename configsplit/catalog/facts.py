"""What is declared of a layer class, built in or custom, so that work offline can go on without the class itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from configsplit.errors import ShapeError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, Structure, TensorSpec, leaves


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call as a rule sees it: the layer's config, and the call's arguments with TensorSpec in place of tensors.

    ``config`` is the layer's own ``config`` object as the document has it; ``args`` and ``kwargs`` are nested tuples and
    FrozenDicts. ``dialect`` is "keras1", "keras2" or "keras3".
    """

    class_name: str
    config: FrozenDict
    args: tuple[Structure, ...] = ()
    kwargs: FrozenDict = field(default_factory=FrozenDict)
    dialect: str = "keras3"

    @property
    def inputs(self) -> list[TensorSpec]:
        """All tensors among the arguments, flattened in Keras's order."""
        return [*leaves(self.args, TensorSpec), *leaves(self.kwargs, TensorSpec)]

    @property
    def first(self) -> TensorSpec:
        """The first tensor argument. Raises IndexError where the call has none."""
        return self.inputs[0]


@dataclass(frozen=True, slots=True)
class WeightSpec:
    """One weight of a layer: its name within the layer ("kernel"), shape, dtype, and whether it is trainable by kind."""

    name: str
    shape: Shape
    dtype: str = "float32"
    trainable: bool = True


MaskRule: TypeAlias = Literal["stops", "passes", "makes", "unknown"]
"""What a class does with an implicit mask: drops it, hands it on, makes one of its own, or nobody has said."""


def nobody_said(call: CallFacts) -> tuple[TensorSpec, ...]:
    """The rule of a class of which nothing was declared that tells what it gives."""
    raise ShapeError(f"the declaration of {call.class_name} does not tell what it gives", code="shape-unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What is known of one layer class.

    Attributes:
        class_name: name as it stands in documents, without package (``Scale``).
        outputs: the call's output tensors, in order. Raise `ShapeError` where the arguments do not tell them. Without it the
            document has to tell, as for a class that nobody declared.
        weights: the layer's own weights in the order of ``layer.weights`` (trainable first); None where unknown.
        macs: multiply-accumulate operations of one call for one sample; None counts as 0.
        mask: what the class does with an implicit mask that arrives with its first argument.
        uses_mask: the arguments of ``call`` by which the class takes masks, ``("mask",)`` in most cases, where what it
            computes hangs on them; ``()`` if it takes none; None where nobody has said, so that it may use any.
        keras_class: ``module:Class`` of the real class for Keras 3, imported only when a model is built.
        tf_keras_class: the same for tf_keras.
        keras3_places: where an archive of Keras 3 keeps each weight of ``layer.weights``, below the layer's own group
            (``first/vars/0``, ``stack/dense_1/vars/1``): needed to convert a layer that holds layers from an .h5 file.
    """

    class_name: str
    outputs: Callable[[CallFacts], tuple[TensorSpec, ...]] = nobody_said
    weights: Callable[[CallFacts], tuple[WeightSpec, ...]] | None = None
    macs: Callable[[CallFacts], int] | None = None
    mask: MaskRule = "unknown"
    uses_mask: tuple[str, ...] | None = None
    keras_class: str = ""
    tf_keras_class: str = ""
    keras3_places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFacts:
    """A function that a model's config names (as an activation, say), and where the real one is.

    Attributes:
        name: the name as it stands in documents, with its package: ``research>reg_act``.
        keras_function: ``module:function`` for Keras 3, imported only when a model is built.
        tf_keras_function: the same for tf_keras.
    """

    name: str
    keras_function: str = ""
    tf_keras_function: str = ""


def same_as_input(call: CallFacts) -> tuple[TensorSpec, ...]:
    """The rule of every layer that keeps its first input's shape and dtype."""
    return (call.first,)


def dims(value: Any) -> tuple[int, ...]:
    """A config value that may be one number or several, as a tuple."""
    return tuple(int(item) for item in value) if isinstance(value, (tuple, list)) else (int(value),)
