"""A library as KerasHub is one: functional models that write hyperparameters, layers made of layers, all registered."""

from __future__ import annotations

from typing import Any

import keras

print("smallhub says hello")  # noqa: T201 - libraries print when they are imported


def registered(kind: type) -> type:
    return keras.saving.register_keras_serializable(package="smallhub")(kind)


@registered
class Scaled(keras.layers.Layer):
    """A layer with a weight of its own: nothing traces that as a layer's."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs * self.scale

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


@registered
class Block(keras.layers.Layer):
    """A block of layers."""

    def __init__(self, width: int, rate: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        self.width, self.rate = width, rate
        self.norm = keras.layers.LayerNormalization(dtype=self.dtype_policy, name="norm")
        self.up = keras.layers.Dense(2 * width, activation="relu", dtype=self.dtype_policy, name="up")
        self.down = keras.layers.Dense(width, dtype=self.dtype_policy, name="down")
        self.drop = keras.layers.Dropout(rate, dtype=self.dtype_policy, name="drop")

    def build(self, shape: Any) -> None:
        self.norm.build(shape)
        self.up.build(shape)
        self.down.build((*shape[:-1], 2 * self.width))
        self.built = True

    def call(self, inputs: Any, scale: float = 1.0, training: Any = None) -> Any:
        inner = self.down(self.up(self.norm(inputs)))
        return inputs + scale * self.drop(inner, training=training)

    def compute_output_shape(self, shape: Any, **_: Any) -> Any:
        return shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width, "rate": self.rate}


@registered
class Forgetful(Block):
    """Its get_config forgets the exponent: what comes back computes something else."""

    def __init__(self, width: int, exponent: int = 1, **options: Any) -> None:
        super().__init__(width, **options)
        self.exponent = exponent

    def call(self, inputs: Any, scale: float = 1.0, training: Any = None) -> Any:
        return super().call(inputs, scale, training) ** self.exponent

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "width": self.width}


@registered
class Lost(Scaled):
    """It is made with a function, which no config holds, and has a weight of its own."""

    def __init__(self, change: Any, **options: Any) -> None:
        super().__init__(**options)
        self.change = change

    def call(self, inputs: Any) -> Any:
        return self.change(super().call(inputs))

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


@registered
class Nameless(keras.layers.Layer):
    """Its constructor takes no name, and it keeps nothing of what it was made with."""

    def __init__(self, width: int, times: int) -> None:
        super().__init__()
        self.inner = keras.layers.Dense(width * times)

    def build(self, shape: Any) -> None:
        self.inner.build(shape)

    def call(self, inputs: Any) -> Any:
        return self.inner(inputs)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


@registered
class Suffixed(Scaled):
    """It is called otherwise than it was asked to be; made of its own config it would be called otherwise again."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name=f"{name}_0", **options)


@registered
class Heads(keras.layers.Layer):
    """A block that asks for sizes, which may be open."""

    def __init__(self, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.width = width
        self.up = keras.layers.Dense(width, name="up")

    def build(self, shape: Any) -> None:
        self.up.build(shape)

    def call(self, inputs: Any) -> Any:
        batch, length = keras.ops.shape(inputs)[:2]
        return keras.ops.transpose(keras.ops.reshape(self.up(inputs), (batch, length, 2, self.width // 2)), (0, 1, 3, 2))

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:2], self.width // 2, 2)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "width": self.width}


@registered
class Liar(keras.layers.Layer):
    """Twice as many steps as it takes, of which it says that they are one; of ``only`` so many, if that is given."""

    def __init__(self, only: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.only = only

    def call(self, inputs: Any) -> Any:
        if self.only and inputs.shape[1] not in (None, self.only):
            raise ValueError(f"I take {self.only}")
        return keras.ops.concatenate([inputs, inputs], axis=1)

    def compute_output_shape(self, shape: Any) -> Any:
        return (shape[0], 1, *shape[2:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "only": self.only}


class Backbone(keras.Model):
    """What writes its hyperparameters, as backbones do."""

    hyper: tuple[str, ...] = ()

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "trainable": self.trainable, **{key: getattr(self, key) for key in self.hyper}}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        config = {
            key: keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
            for key, value in config.items()
        }
        return cls(**config)


@registered
class TextNet(Backbone):
    """Ids to features: an embedding that is used again at the end, blocks, a layer without a plain form."""

    hyper = ("words", "width", "depth", "exponent", "secret")

    def __init__(self, words: int, width: int, depth: int, exponent: int = 1, secret: int = 0, **options: Any) -> None:
        ids = keras.Input((None,), dtype="int32", name="ids")
        self.embedding = keras.layers.ReversibleEmbedding(words, width, name="embedding")
        x = self.embedding(ids)
        for number in range(depth):
            x = Block(width, name=f"block_{number}")(x, scale=0.5)
        x = Forgetful(width, exponent=exponent, name="forgetful")(x)
        x = Lost(lambda x: x * secret, name="lost")(x) if secret else Scaled(name="scaled")(x)
        super().__init__({"ids": ids}, {"features": x, "logits": self.embedding(x, reverse=True)}, **options)
        self.words, self.width, self.depth, self.exponent, self.secret = words, width, depth, exponent, secret


@registered
class Ended(Backbone):
    """Blocks to the very end: one gives both outputs."""

    hyper = ("width",)

    def __init__(self, width: int, **options: Any) -> None:
        given = keras.Input((None, width), name="x")
        first, last = Block(width, name="first"), Block(width, name="last")
        inner = last(first(given))
        super().__init__(given, [last(inner), inner], **options)
        self.width = width


@registered
class OddNet(Backbone):
    """Layers that say too little of themselves, or something false."""

    hyper = ("width", "only")

    def __init__(self, width: int, only: int = 0, **options: Any) -> None:
        given = keras.Input((None, width), name="x")
        x = Suffixed(name="suffixed")(Nameless(width, 2)(given))
        x = Liar(only, name="liar")(Heads(width, name="heads")(x))
        super().__init__(given, keras.layers.Activation("tanh", name="end")(x), **options)
        self.width, self.only = width, only


@registered
class PairNet(Backbone):
    """Two nested models of one class, a shared block, and a head that no graph has."""

    hyper = ("left", "right", "width")

    def __init__(self, left: Any, right: Any, width: int, **options: Any) -> None:
        self.left, self.right = left, right
        inputs = {
            "one": keras.Input((None,), dtype="int32", name="one"),
            "two": keras.Input((None,), dtype="int32", name="two"),
        }
        shared = Block(width, name="shared")
        one = shared(left({"ids": inputs["one"]})["features"])
        two = shared(right({"ids": inputs["two"]})["features"])
        pooled = [keras.layers.GlobalAveragePooling1D(name=f"pool_{name}")(each) for name, each in (("one", one), ("two", two))]
        super().__init__(inputs, keras.layers.Concatenate(name="joined")(pooled), **options)
        self.width = width
        self.unused = keras.layers.Dense(2, name="unused")
        self.unused.build((None, width))

    def get_config(self) -> dict[str, Any]:
        held = {key: keras.saving.serialize_keras_object(getattr(self, key)) for key in ("left", "right")}
        return {"name": self.name, "trainable": self.trainable, "width": self.width, **held}


@registered
class OwnCall(Backbone):
    """A functional model whose class computes something else."""

    hyper = ("width",)

    def __init__(self, width: int, **options: Any) -> None:
        inputs = keras.Input((width,), name="inputs")
        super().__init__(inputs, keras.layers.Dense(width, name="dense")(inputs), **options)
        self.width = width

    def call(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        return 2.0 * super().call(inputs, training=training, mask=mask)
