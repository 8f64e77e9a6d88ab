"""Classes that nobody has declared, one for each thing that a class may do with a mask; made for keras or tf_keras.

Each of these is also there as ``Reg...``, registered under the package name "masked".
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

Call = Callable[..., Any]


def masked_classes(framework: Any) -> dict[str, type]:
    """The classes by every name under which a file may ask for them, as ``custom_objects`` wants it."""
    ops = _operations(framework)
    base = _base(framework)
    scaled = _scaled(base)
    plain = {
        **_of_any_rank(scaled, ops),
        **_pools(base, ops),
        **_blocks(framework, base),
        **_of_sequences(scaled, ops),
        **_of_pairs(base, ops),
        "MyModel": type("MyModel", (framework.Model,), {}),
        "MySequential": type("MySequential", (framework.Sequential,), {}),
    }
    twins = {f"Reg{name}": type(f"Reg{name}", (made,), {}) for name, made in plain.items()}
    for twin in twins.values():
        framework.saving.register_keras_serializable(package="masked")(twin)
    return {**plain, **twins, **{f"masked>{name}": twin for name, twin in twins.items()}}


def _operations(framework: Any) -> SimpleNamespace:
    """What the classes compute with, under the names of Keras 3."""
    if hasattr(framework, "ops"):
        operations = framework.ops
        names = ("cast", "sum", "mean", "softmax", "any", "not_equal", "logical_not", "expand_dims", "flip")
        return SimpleNamespace(**{name: getattr(operations, name) for name in names})
    operations = framework.backend
    return SimpleNamespace(
        **{name: getattr(operations, name) for name in ("cast", "sum", "mean", "softmax", "any", "not_equal", "expand_dims")},
        logical_not=lambda mask: operations.equal(mask, False),
        flip=operations.reverse,
    )


def _base(framework: Any) -> Any:
    class Layer(framework.layers.Layer):  # type: ignore[misc]
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self._autograph = False  # tf_keras would rewrite the code of `call`, which takes long and changes nothing here

        def get_config(self) -> dict[str, Any]:
            """One of its own: Keras 3 leaves the name out of the one that it makes up."""
            return dict(super().get_config())

    return Layer


def _scaled(base: Any) -> Any:
    class Scaled(base):  # type: ignore[misc]
        """One factor for each feature."""

        def build(self, shape: Any) -> None:
            self.scale = self.add_weight(name="scale", shape=(shape[-1],), initializer="ones")
            super().build(shape)

        def compute_output_shape(self, shape: Any) -> Any:
            return shape

    return Scaled


def _weighted(ops: SimpleNamespace, mask: Any, x: Any) -> Any:
    """A mask as numbers of the rank of ``x``."""
    mask = ops.cast(mask, x.dtype)
    while len(mask.shape) < len(x.shape):
        mask = ops.expand_dims(mask, -1)
    return mask


def _no_mask(self: Any, inputs: Any, mask: Any = None) -> None:
    """`compute_mask` of what stops a mask."""


def _no_masks(self: Any, *inputs: Any, **masks: Any) -> None:
    """The same with several tensors."""


def _supporting(base: Any) -> Call:
    def __init__(self: Any, **kwargs: Any) -> None:  # noqa: N807
        base.__init__(self, **kwargs)
        self.supports_masking = True

    return __init__


def _of_any_rank(scaled: Any, ops: SimpleNamespace) -> dict[str, type]:
    def scale(self: Any, x: Any) -> Any:
        return x * self.scale

    def zero(self: Any, x: Any, mask: Any = None) -> Any:
        x = x * self.scale
        return x if mask is None else x * _weighted(ops, mask, x) - 0.2

    def peek(self: Any, x: Any) -> Any:
        mask, x = getattr(x, "_keras_mask", None), x * self.scale
        return x if mask is None else x * _weighted(ops, mask, x)

    def inverted(self: Any, x: Any, mask: Any = None) -> Any:
        return None if mask is None else ops.logical_not(mask)

    def made(self: Any, x: Any, mask: Any = None) -> Any:
        return ops.any(ops.not_equal(x, 0.0), -1) if len(x.shape) > 2 else None

    supports = _supporting(scaled)
    return {
        "PassScale": type("PassScale", (scaled,), {"__init__": supports, "call": scale}),
        "StopScale": type("StopScale", (scaled,), {"call": scale}),
        "ZeroMasked": type("ZeroMasked", (scaled,), {"__init__": supports, "call": zero}),
        "ZeroStop": type("ZeroStop", (scaled,), {"call": zero, "compute_mask": _no_mask}),
        "Invert": type("Invert", (scaled,), {"call": scale, "compute_mask": inverted}),
        "MakeMask": type("MakeMask", (scaled,), {"call": scale, "compute_mask": made}),
        "Peek": type(
            "Peek", (scaled,), {"call": peek, "__doc__": "Looks at the hidden attribute, with no mask in its signature."}
        ),
    }


def _pools(base: Any, ops: SimpleNamespace) -> dict[str, type]:
    def mean(self: Any, x: Any, mask: Any = None) -> Any:
        if mask is None:
            return ops.mean(x, -2)
        weight = _weighted(ops, mask, x)
        return ops.sum(x * weight, -2) / (ops.sum(weight, -2) + 0.1)

    def build(self: Any, shape: Any) -> None:
        self.query = self.add_weight(name="query", shape=(shape[-1],), initializer="ones")
        base.build(self, shape)

    def attend(self: Any, x: Any, mask: Any = None) -> Any:
        score = ops.expand_dims(ops.sum(x * self.query, -1), -1)
        if mask is not None:
            score = score - 1e4 * (1 - _weighted(ops, mask, x))
        return ops.sum(ops.softmax(score, -2) * x, -2)

    def shape_of(self: Any, shape: Any) -> Any:
        return (*shape[:-2], shape[-1])

    own = {"compute_mask": _no_mask, "compute_output_shape": shape_of}
    return {
        "MaskedMean": type("MaskedMean", (base,), {"call": mean, **own}),
        "AttentionPool": type("AttentionPool", (base,), {"build": build, "call": attend, **own}),
    }


def _blocks(framework: Any, base: Any) -> dict[str, type]:
    """Layers that hold a recurrent one: it is given the mask, or finds it by itself on the tensor."""

    def build(self: Any, shape: Any) -> None:
        self.inner = framework.layers.SimpleRNN(shape[-1], return_sequences=True, name="inner")
        self.inner.build(shape)
        base.build(self, shape)

    def told(self: Any, x: Any, mask: Any = None) -> Any:
        return self.inner(x, mask=mask)

    def untold(self: Any, x: Any) -> Any:
        return self.inner(x)

    def shape_of(self: Any, shape: Any) -> Any:
        return shape

    own = {"build": build, "compute_output_shape": shape_of}
    hidden = type("HiddenBlock", (base,), {"call": untold, **own})
    return {
        "Block": type("Block", (base,), {"call": told, **own}),
        "HiddenBlock": hidden,
        "HiddenBlockPass": type("HiddenBlockPass", (hidden,), {"__init__": _supporting(hidden)}),
    }


def _of_sequences(scaled: Any, ops: SimpleNamespace) -> dict[str, type]:
    """Layers that move steps about, and their mask with them."""

    def turned(self: Any, x: Any, mask: Any = None) -> Any:
        return ops.flip(x * self.scale, 1)

    def turned_mask(self: Any, x: Any, mask: Any = None) -> Any:
        return None if mask is None else ops.flip(mask, 1)

    def every_second(self: Any, x: Any, mask: Any = None) -> Any:
        return (x * self.scale)[:, ::2]

    def every_second_mask(self: Any, x: Any, mask: Any = None) -> Any:
        return None if mask is None else mask[:, ::2]

    def every_second_shape(self: Any, shape: Any) -> Any:
        return (shape[0], None if shape[1] is None else (shape[1] + 1) // 2, shape[2])

    def score(self: Any, x: Any) -> Any:
        return ops.sum(x * self.scale, -1)

    def score_shape(self: Any, shape: Any) -> Any:
        return shape[:-1]

    second = {"call": every_second, "compute_mask": every_second_mask, "compute_output_shape": every_second_shape}
    scored = {"__init__": _supporting(scaled), "call": score, "compute_output_shape": score_shape}
    return {
        "Reverse": type("Reverse", (scaled,), {"call": turned, "compute_mask": turned_mask}),
        "EverySecond": type("EverySecond", (scaled,), second),
        "Score": type("Score", (scaled,), scored),
    }


def _of_pairs(base: Any, ops: SimpleNamespace) -> dict[str, type]:
    """Layers of two tensors with a mask for each: in a list, and in Keras 3 also as arguments of their own."""

    def total(x: Any, mask: Any) -> Any:
        return ops.mean(x, 1) if mask is None else ops.sum(x * _weighted(ops, mask, x), 1)

    def mean(self: Any, inputs: Any, mask: Any = None) -> Any:
        first, second = mask if mask is not None else (None, None)
        return total(inputs[0], first) + total(inputs[1], second)

    def crossed(query: Any, value: Any, query_mask: Any, value_mask: Any) -> Any:
        out = query + ops.expand_dims(total(value, value_mask), 1)
        return out if query_mask is None else out * _weighted(ops, query_mask, out)

    def cross(
        self: Any, query: Any, value: Any = None, query_mask: Any = None, value_mask: Any = None, mask: Any = None
    ) -> Any:
        if value is not None:
            return crossed(query, value, query_mask, value_mask)
        return cross_list(self, query, mask)  # in a model that comes from Keras 2

    def cross_list(self: Any, inputs: Any, mask: Any = None) -> Any:
        return crossed(*inputs, *(mask if mask is not None else (None, None)))

    def mean_shape(self: Any, shape: Any) -> Any:
        return shape[0][0], shape[0][2]

    def cross_shape(self: Any, query_shape: Any, value_shape: Any = None) -> Any:
        return query_shape if value_shape is not None else query_shape[0]

    pair: dict[str, Any] = {"call": mean, "compute_mask": _no_mask, "compute_output_shape": mean_shape}
    apart: dict[str, Any] = {"call": cross, "compute_mask": _no_masks, "compute_output_shape": cross_shape}
    listed: dict[str, Any] = {"call": cross_list, "compute_mask": _no_mask}
    new = hasattr(base, "compute_output_spec")
    return {"PairMean": type("PairMean", (base,), pair), "CrossPool": type("CrossPool", (base,), apart if new else listed)}
