"""Models with models in them, of every kind that Keras has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def tower(channels: int = 4, name: str = "tower", size: int = 16, dtype: str = "float32") -> Any:
    """A small network with a shortcut."""
    import keras
    from keras import layers

    image = layers.Input((size, size, 3), name=f"{name}_in", dtype=dtype)
    first = layers.Conv2D(channels, 3, padding="same", name="first")(image)
    second = layers.Conv2D(channels, 3, padding="same", name="second")(layers.ReLU(name="relu")(first))
    end = layers.Conv2D(2 * channels, 3, strides=2, name="down")(layers.Add(name="add")([first, second]))
    return keras.Model(image, end, name=name)


def shell() -> Any:
    """The commonest fine-tuned shape."""
    import keras
    from keras import layers

    return keras.Sequential(
        [
            layers.Input((16, 16, 3), name="image"),
            keras.Sequential([layers.RandomFlip(name="flip"), layers.Rescaling(0.5, name="scale")], name="augment"),
            tower(name="base"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(3, name="head"),
        ],
        name="shell",
    )


def functional_shell() -> Any:
    import keras
    from keras import layers

    image = layers.Input((16, 16, 3), name="image")
    seen = tower(name="base")(layers.Rescaling(0.5, name="scale")(image), training=False)
    return keras.Model(image, layers.Dense(3, name="head")(layers.GlobalAveragePooling2D(name="pool")(seen)), name="shell")


def siamese() -> Any:
    """One model called twice."""
    import keras
    from keras import layers

    left, right = layers.Input((16, 16, 3), name="left"), layers.Input((16, 16, 3), name="right")
    twin = tower(name="twin")
    both = layers.Subtract(name="apart")([twin(left), twin(layers.Rescaling(2.0, name="scale")(right))])
    return keras.Model([left, right], layers.Dense(1, name="head")(layers.Flatten(name="flat")(both)), name="siamese")


def in_a_row() -> Any:
    """One model called twice, the second time on what it gave the first time."""
    import keras
    from keras import layers

    inner = layers.Input((8,), name="inner")
    block = keras.Model(inner, layers.Dense(8, name="narrow")(layers.Dense(32, name="wide")(inner)), name="block")
    values = layers.Input((8,), name="values")
    return keras.Model(values, layers.Dense(1, name="head")(block(block(values))), name="in_a_row")


def deep() -> Any:
    """A model in a model in a model; the names are the same at each depth."""
    import keras
    from keras import layers

    made = None
    for depth in range(3):
        values = layers.Input((8,), name="values")
        x = layers.Dense(16, name="wide")(values)
        x = x if made is None else made(layers.Dense(8, name="narrow")(x))
        made = keras.Model(values, layers.Dense(8, name="end")(x), name="inner" if depth < 2 else "deep")
    return made


def two_paths() -> Any:
    """A nested model of two inputs and two outputs that have nothing to do with one another."""
    import keras
    from keras import layers

    one, other = layers.Input((8,), name="one"), layers.Input((8,), name="other")
    small = layers.Dense(2, name="small")(layers.Dense(16, name="wide")(one))
    large = layers.Dense(64, name="large")(layers.Dense(32, name="middle")(other))
    pair = keras.Model([one, other], [small, large], name="pair")
    left, right = layers.Input((8,), name="left"), layers.Input((8,), name="right")
    first, second = pair([left, layers.Dense(8, name="before")(right)])
    first = layers.Dense(4, name="behind")(layers.Dense(32, name="between")(first))
    return keras.Model(
        [left, right], layers.Dense(1, name="head")(layers.Concatenate(name="both")([first, second])), name="two"
    )


def handed_through() -> Any:
    """A nested model that gives back what it was given, too."""
    import keras
    from keras import layers

    inner = layers.Input((8,), name="inner")
    pair = keras.Model(inner, [inner, layers.Dense(32, name="wide")(inner)], name="pair")
    values = layers.Input((8,), name="values")
    same, wide = pair(layers.Dense(8, name="before")(values))
    same = layers.Dense(4, name="behind")(layers.Dense(16, name="between")(same))
    return keras.Model(values, layers.Dense(1, name="head")(layers.Concatenate(name="both")([same, wide])), name="through")


def unused_output() -> Any:
    """A nested model of two outputs, of which one is used."""
    import keras
    from keras import layers

    inner = layers.Input((8,), name="inner")
    wide = layers.Dense(32, name="wide")(inner)
    pair = keras.Model(inner, [layers.Dense(4, name="used")(wide), layers.Dense(64, name="unused")(wide)], name="pair")
    values = layers.Input((8,), name="values")
    used, _ = pair(layers.Dense(8, name="before")(values))
    return keras.Model(values, layers.Dense(1, name="head")(layers.Dense(8, name="behind")(used)), name="unused_output")


def conformed() -> Any:
    """A nested model that is handed another dtype than its input has, which Keras casts in passing."""
    import keras
    from keras import layers

    image = layers.Input((16, 16, 3), name="image", dtype="uint8")
    kept = layers.Rescaling(1.0, name="kept", dtype="float16")(image)
    seen = tower(name="base")(kept)
    return keras.Model(image, layers.Dense(3, name="head")(layers.GlobalAveragePooling2D(name="pool")(seen)), name="conformed")


def masked() -> Any:
    """A mask that is made inside one nested model and used inside another, and outside."""
    import keras
    from keras import layers

    ids = layers.Input((6,), name="ids", dtype="int32")
    embed, drop = layers.Embedding(20, 8, mask_zero=True, name="embed"), layers.Dropout(0.1, name="drop")
    reader = keras.Sequential([layers.Input((6,), dtype="int32"), embed, drop], name="reader")
    steps = layers.Input((6, 8), name="steps")
    inner = layers.LSTM(8, return_sequences=True, name="forth")(layers.Dense(8, name="mix")(steps))
    writer = keras.Model(steps, layers.LSTM(8, return_sequences=True, name="again")(inner), name="writer")
    x = writer(reader(ids))
    return keras.Model(ids, layers.Dense(1, name="head")(layers.GRU(4, name="last")(x)), name="masked")


def over_time() -> Any:
    """A model in TimeDistributed, which stays whole, behind a nested one."""
    import keras
    from keras import layers

    frames = layers.Input((3, 16, 16, 3), name="frames")
    inner = layers.Input((3, 16, 16, 3), name="inner")
    positive = layers.Activation("relu", name="act")(layers.Rescaling(0.5, name="scale")(inner))
    scaled = keras.Model(inner, positive, name="scaled")
    seen = layers.TimeDistributed(tower(name="each"), name="over")(scaled(frames))
    return keras.Model(frames, layers.Dense(1, name="head")(layers.Flatten(name="flat")(seen)), name="over_time")


def branches() -> Any:
    """Nested models side by side, and a shortcut around them."""
    import keras
    from keras import layers

    image = layers.Input((16, 16, 3), name="image")
    x = layers.Conv2D(6, 3, padding="same", name="stem")(image)
    towers = [keras.Sequential([layers.Input((16, 16, 6)), *_blocks(width)], name=f"way{width}")(x) for width in (4, 8)]
    both = layers.Concatenate(name="both")([*towers, layers.MaxPooling2D(2, name="thin")(x)])
    return keras.Model(image, layers.Dense(1, name="head")(layers.Flatten(name="flat")(both)), name="branches")


def _blocks(width: int) -> list[Any]:
    from keras import layers

    return [layers.Conv2D(width, 3, strides=2, padding="same", name="down"), layers.Conv2D(3, 3, padding="same", name="end")]


MODELS: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (
        shell,
        functional_shell,
        siamese,
        in_a_row,
        deep,
        two_paths,
        handed_through,
        unused_output,
        conformed,
        masked,
        over_time,
        branches,
    )
}
