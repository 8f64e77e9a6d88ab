"""What is declared of a layer class, built in or custom, so that work offline can go on without the class itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from configsplit.catalog.values import Values
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


MaskRule: TypeAlias = Literal["stops", "passes", "makes", "may_pass", "unknown"]
"""What a class does with an implicit mask: drops it, hands it on, makes one of its own; "may_pass": it makes none, and may drop
or hand on the one that arrives; "unknown": undeclared."""

Made: TypeAlias = Literal["", "not_zero", "differs"]
"""The mask that a class makes: where its input is not 0, or where any number of a step differs from the ``mask_value`` of its
config; "" for any other mask."""

Merge: TypeAlias = Literal["", "numbers", "joined", "mode"]
"""How a class makes one tensor of the tensors in one list: elementwise, joined along the config's ``axis``, or as
the config's ``mode`` says (Keras 1)."""

Attention: TypeAlias = Literal["", "listed", "named"]
"""How a class takes query, value and key: in one list with their masks in another, or each under its name with a mask of its
own (``query_mask``)."""

Wraps: TypeAlias = Literal["", "whole", "steps", "directions"]
"""How a class runs the layer in its config's ``layer``: on what it takes itself, step by step, or forward and backward."""

Numbers: TypeAlias = Literal["changed", "kept", "moved", "coded", "split"]
"""What a class does with the numbers in its input: computes with them; keeps all, in order; moves, drops or adds some; looks
each up or bins it; splits texts into words and looks these up."""

TensorKind: TypeAlias = Literal["dense", "sparse", "ragged", "unknown"]


def never(call: CallFacts) -> bool:
    return False


def always(call: CallFacts) -> bool:
    return True


def agreeing(config: FrozenDict) -> str:
    return ""


def nobody_said(call: CallFacts) -> tuple[TensorSpec, ...]:
    """The rule of a class whose declaration does not say what it gives."""
    raise ShapeError(f"the declaration of {call.class_name} does not say what it gives", code="shape-unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerFacts:
    """What is known of one layer class.

    Attributes:
        class_name: its name in documents, without package (``Scale``).
        outputs: the output tensors of a call, in order. Raise `ShapeError` if the arguments do not determine them. Without it
            shapes come from the document, as for an undeclared class.
        weights: the layer's own weights in the order of ``layer.weights`` (trainable first); None if unknown.
        archived: what archives keep besides ``weights``; ``.h5`` files lack it.
        macs: multiply-accumulate operations of one call for one sample; None counts as 0.
        ranks: the fewest and most axes of the first input tensor, batch included; None: any number.
        rank_bound: whether a layer accepts only tensors with as many axes as the one it was built on.
        input_of: the shape of the input that a config and the shape of the first weight imply; None if they imply none.
        mask: what the class does with an implicit mask that arrives with its first argument.
        mask_key: the config key that switches its own mask on (``mask_zero``); "" if it always makes one.
        mask_made: the mask that it makes.
        uses_mask: the arguments of ``call`` through which it takes masks, usually ``("mask",)``; ``()`` if its output depends
            on none; None if undeclared: it may use any.
        mask_in_training: whether it uses a mask only during training.
        reads_masks: whether it computes with masks that it reads off its input tensors, without an argument.
        unties_masks: whether it removes the masks from its input tensors themselves, so that later calls find none.
        same_tensor: whether a call returns its input tensor itself, and so its mask, at inference; None if that depends on the
            backend or is unknown.
        merge: how it makes one tensor of several.
        attention: how it takes query, value and key.
        wraps: how it runs the layer in its config.
        recurrent: whether it carries states from step to step: its call takes ``initial_state``, and ``return_sequences`` in
            its config says whether it keeps the steps.
        training: whether its call takes ``training``; None if undeclared.
        deaf_when_frozen: whether Keras trains the layers inside it although they were loaded as frozen.
        numbers: what it does with the numbers in its input.
        weight_key: the config key that says whether it has a weight, if early releases did not write it.
        limit_key: the config key with the number of ids that it looks up or counts (``input_dim``).
        tells_kind: whether ``sparse`` and ``ragged`` in its config say which kind of tensor it gives.
        of_sparse: what it makes of a sparse tensor.
        of_ragged: what it makes of a ragged tensor; a recurrent class that does not keep the steps gives a dense one.
        code_key: the config key with Python code that it runs.
        idle_keys: keys without effect that early releases of Keras 3 wrote and later ones refuse.
        values: for config keys, the values that Keras accepts.
        conflict: which combination of values Keras refuses, in words; "" if it accepts them.
        marks: keys that its config always has: a class of the same name whose config lacks one is another class.
        own_name: its real name, if Keras exports it under another.
        keras_class: ``module:Class`` of the real class for Keras 3, imported only when a model is built.
        tf_keras_class: the same for tf_keras.
        keras3_places: where a Keras 3 archive keeps each weight of ``layer.weights``, below the layer's own group
            (``first/vars/0``, ``stack/dense_1/vars/1``): needed to convert a layer that holds layers from an .h5 file.
        keras3: the fields that differ in Keras 3 (``{"mask": "passes"}``), see `within`.
    """

    class_name: str
    outputs: Callable[[CallFacts], tuple[TensorSpec, ...]] = nobody_said
    weights: Callable[[CallFacts], tuple[WeightSpec, ...]] | None = None
    archived: Callable[[CallFacts], tuple[WeightSpec, ...]] | None = None
    macs: Callable[[CallFacts], int] | None = None
    ranks: tuple[int, int | None] = (0, None)
    rank_bound: bool = False
    input_of: Callable[[FrozenDict, Shape], Shape] | None = None
    mask: MaskRule = "unknown"
    mask_key: str = ""
    mask_made: Made = ""
    uses_mask: tuple[str, ...] | None = None
    mask_in_training: bool = False
    reads_masks: bool = False
    unties_masks: bool = False
    same_tensor: Callable[[CallFacts], bool | None] = never
    merge: Merge = ""
    attention: Attention = ""
    wraps: Wraps = ""
    recurrent: bool = False
    training: bool | None = None
    deaf_when_frozen: bool = False
    numbers: Numbers = "changed"
    weight_key: str = ""
    limit_key: str = ""
    tells_kind: bool = False
    of_sparse: TensorKind = "unknown"
    of_ragged: TensorKind = "unknown"
    code_key: str = ""
    idle_keys: tuple[str, ...] = ()
    values: Mapping[str, Values] = field(default_factory=FrozenDict, hash=False)
    conflict: Callable[[FrozenDict], str] = agreeing
    marks: tuple[str, ...] = ()
    own_name: str = ""
    keras_class: str = ""
    tf_keras_class: str = ""
    keras3_places: tuple[str, ...] = ()
    keras3: Mapping[str, Any] = field(default_factory=FrozenDict, hash=False)

    def within(self, dialect: str) -> LayerFacts:
        """The facts in one generation of Keras.

        Args:
            dialect: "keras1", "keras2" or "keras3".

        Returns:
            The facts there.
        """
        return replace(self, **self.keras3, keras3=FrozenDict()) if self.keras3 and dialect == "keras3" else self

    def makes_mask(self, config: FrozenDict) -> bool:
        """Whether a layer makes the mask of its class: what has ``input_dim`` does if it is told to.

        Args:
            config: of the layer.

        Returns:
            True where it makes one.
        """
        key = self.mask_key or ("mask_zero" if "input_dim" in config else "")
        return bool(config.get(key)) if key else True

    def keeps_steps(self, config: FrozenDict) -> bool:
        """Whether a layer gives as many steps as it takes, and with them their mask.

        Args:
            config: of the layer.

        Returns:
            True where it does.
        """
        return not self.recurrent or bool(self._inner(config).get("return_sequences"))

    def masked_outputs(self, config: FrozenDict) -> range:
        """Which outputs carry the mask that is handed on. States are never masked.

        Args:
            config: of the layer.

        Returns:
            Their numbers.
        """
        if not self.keeps_steps(config):
            return range(0)
        return range(2 if self.wraps == "directions" and config.get("merge_mode", "concat") is None else 1)

    def _inner(self, config: FrozenDict) -> Mapping[str, Any]:
        inner = config.get("layer") if self.wraps == "directions" else None
        inner_config = inner.get("config") if isinstance(inner, FrozenDict) else config
        return inner_config if isinstance(inner_config, FrozenDict) else FrozenDict()


UNDECLARED = LayerFacts(class_name="")
"""The facts of an undeclared class."""


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
    """The rule of every layer that keeps its first input's shape and dtype.

    Args:
        call: the call of the layer.

    Returns:
        Shape (batch first) and dtype of its one output.

    Raises:
        IndexError: the call has no tensor among its arguments.
    """
    return (call.first,)


def dims(value: Any) -> tuple[int, ...]:
    """A config value that may be one number or several, as a tuple."""
    return tuple(int(item) for item in value) if isinstance(value, (tuple, list)) else (int(value),)
