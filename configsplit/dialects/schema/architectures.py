"""Whole documents of each generation, nested models, calls and references included: what is published as JSON Schema.

`documents.py` has the frames by which one model at a time is read. These are for whoever holds a whole document against what
a generation writes; a document satisfies at most one of the three. Docstrings become the schemas' descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, RootModel, StrictInt, model_validator
from typing_extensions import TypeAliasType

from configsplit.dialects.schema import layers
from configsplit.dialects.schema.cases import Absent, Case, Cased
from configsplit.dialects.schema.frame import Index, KerasTensorConfig, Name, Wire

WRAPPERS = ("TimeDistributed", "Bidirectional")
Reference = tuple[Name, Index, Index]
Nested = ConfigDict(frozen=True, defer_build=True)

Ends = TypeAliasType("Ends", "Reference | tuple[Ends, ...] | dict[str, Ends]")


class Inputs(RootModel[Ends]):
    """Tensors as [layer, node, tensor], in lists or objects of any depth."""

    model_config = Nested


class FunctionalConfig(Wire):
    """``get_config()`` of a functional model."""

    name: Name
    input_layers: Inputs
    output_layers: Inputs


# ---------------------------------------------------------------- Keras 1


class Keras1Layer(Cased):
    """A layer inside a Sequential of Keras 1."""

    cases: ClassVar[tuple[Case, ...]]


class Keras1Node(RootModel[tuple[Reference, ...]]):
    """A call in Keras 1: a list of [layer, node, tensor]."""

    model_config = Nested


class Keras1Entry(Keras1Layer):
    """A layer of a functional model of Keras 1."""

    name: Name
    inbound_nodes: tuple[Keras1Node, ...]


class Keras1Functional(FunctionalConfig):
    """``get_config()`` of a functional model of Keras 1."""

    layers: tuple[Keras1Entry, ...]


class Keras1Sequential(RootModel[tuple[Keras1Layer, ...]]):
    """``get_config()`` of a Sequential of Keras 1: the bare list of its layers."""

    model_config = Nested


class Keras1Wrapper(Wire):
    """TimeDistributed and Bidirectional of Keras 1."""

    layer: Keras1Layer


Keras1Layer.cases = (
    Case(classes=WRAPPERS, then=Keras1Wrapper),
    Case(has=("layers", "input_layers"), then=Keras1Functional),
    Case(classes=("Sequential",), then=Keras1Sequential),
    *layers.KERAS1,
)


class Keras1Graph(Wire):
    """A model of Keras 1 has its layers in the document."""

    layers: tuple[Any, ...]


class Keras1Document(Keras1Layer):
    """An architecture of Keras 1 (1.0 to 1.2): ``to_json()``, or ``model_config`` of a file."""

    cases = (*Keras1Layer.cases, Case(kind="object", then=Keras1Graph))

    keras_version: Annotated[str, Field(pattern=r"^1\.", description="a release of Keras 1")] | None = None
    backend: Annotated[Any, Absent("Keras 1 does not write the backend")] = None
    module: Annotated[Any, Absent("TensorFlow 2.12 and later write modules")] = None


# ---------------------------------------------------------------- Keras 2


class Keras2Layer(Cased):
    """A layer inside a Sequential of Keras 2."""

    cases: ClassVar[tuple[Case, ...]]


Call2 = TypeAliasType("Call2", "Keras2Reference | tuple[Call2, ...] | dict[str, Call2]")


class Keras2Reference(RootModel[tuple[Name, StrictInt, Any, dict[str, Any]]]):
    """[layer, node, tensor, {keyword arguments}]"""

    model_config = Nested


class Keras2Node(RootModel[Call2]):
    """A call in Keras 2: [layer, node, tensor, {keyword arguments}], in lists or objects of any depth."""

    model_config = Nested


class Keras2Entry(Keras2Layer):
    """A layer of a functional model of Keras 2."""

    name: Name
    inbound_nodes: tuple[Keras2Node, ...]


class Keras2Functional(FunctionalConfig):
    """``get_config()`` of a functional model of Keras 2."""

    layers: tuple[Keras2Entry, ...]


class Keras2SequentialList(RootModel[tuple[Keras2Layer, ...]]):
    """``get_config()`` of a Sequential of Keras 2.0 and 2.1: the bare list of its layers."""

    model_config = Nested


class Keras2Sequential(Wire):
    """``get_config()`` of a Sequential of Keras 2.2 and later."""

    layers: tuple[Keras2Layer, ...]
    dtype: Annotated[Any, Absent("only the Sequential of Keras 3 has it")] = None


class Keras2Code(Wire):
    """A model of Keras 2 whose graph is in Python code: only the version tells that it is one."""

    keras_version: Annotated[str, Field(pattern=r"^2\.", description="a release of Keras 2")]


class Keras2Wrapper(Wire):
    """TimeDistributed and Bidirectional of Keras 2."""

    layer: Keras2Layer


Keras2Layer.cases = (
    Case(classes=WRAPPERS, then=Keras2Wrapper),
    Case(has=("layers", "input_layers"), then=Keras2Functional),
    Case(classes=("Sequential",), kind="array", then=Keras2SequentialList),
    Case(classes=("Sequential",), kind="object", then=Keras2Sequential),
    *layers.KERAS2,
)


class Keras2Document(Keras2Layer):
    """An architecture of Keras 2 (2.0 to 2.3, tf.keras, tf_keras): ``to_json()``, or what a file holds."""

    cases = (*Keras2Layer.cases, Case(kind="object", lacks="layers", then=Keras2Code, whole=True))

    keras_version: Annotated[str, Field(pattern=r"^2\.", description="a release of Keras 2")] | None = None


# ---------------------------------------------------------------- Keras 3


class Keras3Layer(Cased):
    """A layer inside a Sequential of Keras 3."""

    cases: ClassVar[tuple[Case, ...]]


class Keras3Tensor(Wire):
    """A tensor as an argument of a call."""

    class_name: Literal["__keras_tensor__"]
    config: KerasTensorConfig


_TENSOR = "__keras_tensor__"


class Keras3Argument(RootModel[Any]):
    """An argument of a call: anything, with tensors as ``__keras_tensor__`` objects at any depth."""

    model_config = Nested

    @classmethod
    def published(cls) -> dict[str, Any]:
        """The JSON Schema, which pydantic would say as a union."""
        again = {"$ref": f"#/$defs/{cls.__name__}"}
        tensor = {"type": "object", "required": ["class_name"], "properties": {"class_name": {"const": _TENSOR}}}
        reference = {"$ref": f"#/$defs/{Keras3Tensor.__name__}"}
        return {"items": again, "if": tensor, "then": reference, "else": {"additionalProperties": again}}

    @model_validator(mode="after")
    def _check_tensors(self) -> Self:
        todo = [self.root]
        while todo:
            item = todo.pop()
            if isinstance(item, Mapping):
                if item.get("class_name") == _TENSOR:
                    Keras3Tensor.model_validate(item)
                else:
                    todo.extend(item.values())
            elif isinstance(item, (list, tuple)):
                todo.extend(item)
        return self


class Keras3Call(Wire):
    """A call in Keras 3: arguments, with tensors as ``__keras_tensor__`` objects."""

    args: tuple[Keras3Argument, ...]
    kwargs: dict[str, Keras3Argument]


class Keras3Entry(Keras3Layer):
    """A layer or an operation of a functional model of Keras 3."""

    name: Name
    inbound_nodes: tuple[Keras3Call, ...]


class Keras3Functional(FunctionalConfig):
    """``get_config()`` of a functional model of Keras 3."""

    layers: tuple[Keras3Entry, ...]


class Keras3Sequential(Wire):
    """``get_config()`` of a Sequential of Keras 3."""

    layers: tuple[Keras3Layer, ...]
    dtype: Any


class Keras3Code(Wire):
    """A model of Keras 3 whose graph is in Python code."""

    keras_version: Annotated[Any, Absent("Keras 3 keeps its version outside of the document")] = None


class Keras3Wrapper(Wire):
    """TimeDistributed and Bidirectional of Keras 3."""

    layer: Keras3Layer


Keras3Layer.cases = (
    Case(classes=WRAPPERS, then=Keras3Wrapper),
    Case(has=("layers", "input_layers"), then=Keras3Functional),
    Case(classes=("Sequential",), then=Keras3Sequential),
    *layers.KERAS3,
)


class Keras3Document(Keras3Layer):
    """An architecture of Keras 3: ``to_json()``, or what a file holds."""

    cases = (*Keras3Layer.cases, Case(kind="object", lacks="layers", then=Keras3Code, whole=True))

    config: dict[str, Any]
