"""Several tensors handed over as one, where a wrapper takes and gives only one: flattened, put in a row, and cut out again.

Nothing is computed on the way, so no bit changes. The layers are such as every Keras since 2.0 has, and stand in .h5 files too,
where operations of Keras 3 cannot stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from configsplit.errors import CutError
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import INPUT, Layer, Model, Node, TensorRef, TensorSpec, Use, free_name
from configsplit.rewrites.casts import cast_layer, is_exact
from configsplit.rewrites.common import redirected
from configsplit.rewrites.part import in_order

_EXACT_AS = {"bool": ("float16", "bfloat16", "float32", "float64", "int8", "int32", "int64")}
"""Dtypes in which the values of another survive, besides wider floats."""


def packed(model: Model, taken: Sequence[TensorSpec], given: Sequence[TensorSpec], where: str) -> Model:
    """The model with one input for all that it takes and one output for all that it gives. ``taken`` and ``given`` describe its
    inputs and outputs; ``where`` names the wrapper, for messages. Raises CutError if a size or dtype does not allow it.
    """
    if len(taken) > 1:
        model = _with_one_input(model, _plan(model, taken, where))
    if len(given) > 1:
        model = _with_one_output(model, _plan(model, given, where), given)
    return in_order(model)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is packed: the size of each tensor, and the dtype of the whole."""

    specs: tuple[TensorSpec, ...]
    sizes: tuple[int, ...]
    dtype: str


def _plan(model: Model, specs: Sequence[TensorSpec], where: str) -> _Plan:
    sizes = []
    for spec in specs:
        if spec.shape is None or None in spec.shape[1:]:
            raise _refused(where, "not all of them have a fixed size")
        sizes.append(prod(size for size in spec.shape[1:] if size is not None))
    dtypes = {str(spec.dtype) for spec in specs}
    wide = next((one for one in sorted(dtypes) if all(_survives(other, one) for other in dtypes)), None)
    if wide is None or "string" in dtypes or (len(dtypes) > 1 and model.dialect != "keras3") or model.dialect == "keras1":
        raise _refused(where, f"their dtypes ({', '.join(sorted(dtypes))}) do not go into one tensor unchanged")
    return _Plan(tuple(specs), tuple(sizes), wide)


def _survives(narrow: str, wide: str) -> bool:
    return narrow == wide or is_exact(narrow, wide) or wide in _EXACT_AS.get(narrow, ())


def _refused(where: str, reason: str) -> CutError:
    return CutError(
        f"several tensors cross inside {where!r}; TimeDistributed hands over one tensor, and {reason}",
        code="cut-not-one-tensor",
        where=where,
        hint=f"cut inside {where!r} where fewer tensors cross, or before or after it",
    )


@dataclass(slots=True)
class _Builder:
    """New layers for a model, under free names."""

    model: Model
    made: list[Layer] = field(default_factory=list)

    def input(self, size: int, dtype: str) -> TensorRef:
        name = self._name("packed")
        self.made.append(Layer(name=name, class_name=INPUT, calls=(Node(),), spec=TensorSpec((None, size), dtype)))
        return TensorRef(name)

    def layer(self, class_name: str, uses: Sequence[Use], dtype: str, **config: Any) -> TensorRef:
        name = self._name(f"packed_{class_name.lower()}")
        full = FrozenDict({"name": name, "trainable": True, "dtype": dtype, **config})
        entry: Mapping[str, Any] = {"class_name": class_name, "config": full, "name": name, "inbound_nodes": None}
        if any("module" in layer.entry for layer in self.model.layers):
            entry = {"module": "keras.layers", **entry, "registered_name": None}
        args = (uses[0] if len(uses) == 1 else tuple(uses),)
        self.made.append(Layer(name=name, class_name=class_name, entry=FrozenDict(entry), calls=(Node(args),)))
        return TensorRef(name)

    def cast(self, ref: TensorRef, spec: TensorSpec, dtype: str) -> TensorRef:
        if spec.dtype == dtype:
            return ref
        taken = {layer.name for layer in (*self.model.layers, *self.made)}
        self.made.append(cast_layer(self.model, ref, spec, dtype, taken))
        return TensorRef(self.made[-1].name)

    def _name(self, wish: str) -> str:
        return free_name(wish, {layer.name for layer in (*self.model.layers, *self.made)})


def _with_one_input(model: Model, plan: _Plan) -> Model:
    build = _Builder(model)
    total, dtype = sum(plan.sizes), plan.dtype
    whole = build.input(total, dtype)
    column = build.layer("Reshape", [Use(whole, spec=TensorSpec((None, total), dtype))], dtype, target_shape=(total, 1))
    instead: dict[TensorRef, TensorRef] = {}
    start = 0
    for old, spec, size in zip(model.input_refs(), plan.specs, plan.sizes, strict=True):
        use = Use(column, spec=TensorSpec((None, total, 1), dtype))
        one = build.layer("Cropping1D", [use], dtype, cropping=(start, total - start - size))
        shape = () if spec.shape is None else spec.shape[1:]
        back = build.layer("Reshape", [Use(one, spec=TensorSpec((None, size, 1), dtype))], dtype, target_shape=shape)
        instead[old] = build.cast(back, replace(spec, dtype=dtype), str(spec.dtype))
        start += size
    gone = {ref.layer for ref in instead}
    kept = model.with_layers(tuple(layer for layer in model.layers if layer.name not in gone))
    moved = redirected(kept, lambda _, ref: instead.get(ref, ref))
    return replace(moved, kind="functional", layers=(*build.made, *moved.layers), inputs=whole)


def _with_one_output(model: Model, plan: _Plan, given: Sequence[TensorSpec]) -> Model:
    build = _Builder(model)
    flat: list[Use] = []
    for ref, spec, size in zip(model.output_refs(), given, plan.sizes, strict=True):
        cast = build.cast(ref, spec, plan.dtype)
        use = Use(cast, spec=replace(spec, dtype=plan.dtype))
        one = build.layer("Reshape", [use], plan.dtype, target_shape=(size,))
        flat.append(Use(one, spec=TensorSpec((None, size), plan.dtype)))
    row = build.layer("Concatenate", flat, plan.dtype, axis=-1)
    return replace(model, layers=(*model.layers, *build.made), outputs=row)
