"""Masks that come out of classes that nobody declared, and that no record of a functional model of Keras 3 shows: they are
found when the model runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from support.made import flat, run, run_parts, same

import configsplit
from configsplit.errors import CutError
from configsplit.runtime.build import load
from configsplit.runtime.frameworks import framework
from configsplit.testing.masked_building import Workshop

CLASSES = Workshop(keras).objects


class Tokens(keras.layers.Layer):  # type: ignore[misc]
    """Gives what an Embedding in it gives, with the mask that Keras ties to that."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = keras.layers.Embedding(9, 3, mask_zero=True)

    def call(self, ids: Any) -> Any:
        return self.inner(ids)


def saved(folder: Path, user: Any) -> Path:
    inside = keras.Input((4, 3), name="vectors")
    nested = keras.Model(inside, CLASSES["MakeMask"](name="maker")(inside), name="nested")
    outer = keras.Input((4, 3), name="outer")
    keras.Model(outer, user(nested(outer))).save(folder / "model.keras")
    return folder / "model.keras"


@pytest.mark.parametrize("class_name", ["LSTM", "GlobalAveragePooling1D"])
def test_a_record_outside_says_nothing_of_masks_made_inside(class_name: str, tmp_path: Path) -> None:
    config = {"units": 2} if class_name == "LSTM" else {}
    model = configsplit.load(saved(tmp_path, getattr(keras.layers, class_name)(**config, name="user")))
    record = next(layer for layer in model.model.layers if layer.name == "user").calls[0].kwargs
    assert "mask" in record
    assert record["mask"] is None
    with pytest.raises(CutError, match="a mask may come out of layer 'maker'"):
        configsplit.split(model, at="nested/maker").save(tmp_path / "parts")


def test_where_nobody_declared_the_user_either_a_warning_says_so(tmp_path: Path) -> None:
    model = configsplit.load(saved(tmp_path, CLASSES["AttentionPool"](name="user")))
    done = configsplit.split(model, at="nested/maker").save(tmp_path / "parts")
    assert any(each.startswith("masks: no plug-in declares whether MakeMask") for each in done.manifest.warnings)


def functional(path: Path, start: Any, *layers: Any) -> Path:
    steps = start
    for layer in layers:
        steps = layer(steps)
    keras.Model(start, steps).save(path)
    return path


def test_a_block_that_holds_layers_hands_on_the_mask_that_reaches_it(tmp_path: Path) -> None:
    start = keras.Input((4, 3), name="vectors")
    layers = keras.layers.Masking(), CLASSES["Block"](name="block"), keras.layers.LSTM(2, name="lstm")
    whole = functional(tmp_path / "model.keras", start, *layers)
    assert layers[1](layers[0](keras.ops.zeros((1, 4, 3))))._keras_mask is not None
    model = configsplit.load(whole)
    assert model.model.by_name()["lstm"].calls[0].kwargs["mask"] is None
    with pytest.raises(CutError, match="a mask may come out of layer 'block'"):
        configsplit.split(model, at="block").save(tmp_path / "parts")


def test_a_mask_that_may_be_made_in_a_class_is_warned_of(tmp_path: Path) -> None:
    start = keras.Input((4,), dtype="int32", name="ids")
    layers = Tokens(name="tokens"), keras.layers.LSTM(2, name="lstm"), keras.layers.Dense(2, name="out")
    whole = functional(tmp_path / "model.keras", start, *layers)
    assert layers[0](keras.ops.zeros((1, 4), "int32"))._keras_mask is not None
    for at, warned in (("tokens", True), ("lstm", False)):
        done = configsplit.split(configsplit.load(whole), at=at).save(tmp_path / at)
        assert any("masks: no plug-in declares whether Tokens" in each for each in done.manifest.warnings) == warned
        warnings = configsplit.extract(whole, from_=at, to="out").warnings
        assert any("whether Tokens" in each and "'lstm' misses it" in each for each in warnings) == warned


class Looked(keras.layers.Embedding):  # type: ignore[misc]
    pass


class Reader(keras.layers.Layer):  # type: ignore[misc]
    """Reads the mask off its tensor, as the blocks of KerasHub do: no call records it."""

    def call(self, x: Any) -> Any:
        mask = getattr(x, "_keras_mask", None)
        return x if mask is None else x * keras.ops.cast(mask, x.dtype)[..., None]


@pytest.mark.parametrize("user", [Reader, keras.layers.GlobalAveragePooling1D])
def test_settings_that_ask_for_a_mask_are_believed(user: Any, tmp_path: Path) -> None:
    start = keras.Input((4,), dtype="int32", name="ids")
    whole = functional(tmp_path / "model.keras", start, Looked(9, 3, mask_zero=True, name="at"), user(name="user"))
    if user is Reader:
        with pytest.raises(CutError, match="declares whether Looked makes one"):
            configsplit.split(whole, at="at")
    else:
        parts = configsplit.split(whole, at="at").save(tmp_path / "parts")
        assert len(parts.manifest.parts[1].inputs) == 2


class Words(keras.layers.Layer):  # type: ignore[misc]
    """The layer of every tutorial on Transformers: it looks words up, and makes a mask."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.table = keras.layers.Embedding(9, 3)

    def call(self, ids: Any) -> Any:
        return self.table(ids)

    def compute_mask(self, ids: Any, mask: Any = None) -> Any:
        return keras.ops.not_equal(ids, 0)


class Decoder(keras.layers.Layer):  # type: ignore[misc]
    """Takes two tensors, so that Keras writes down no mask."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.attention = keras.layers.MultiHeadAttention(1, 3)

    def call(self, target: Any, context: Any) -> Any:
        return self.attention(target, target) + context


class Scaled(keras.layers.Layer):  # type: ignore[misc]
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, steps: Any) -> Any:
        return steps * 2.0


def two_languages(path: Path, inside: bool) -> Path:
    """A mask is written of one `Words`, for the LSTM, and none of the other."""
    source, target = (keras.Input((4,), dtype="int32", name=name) for name in ("source", "target"))
    context = keras.layers.LSTM(3, return_sequences=True)(Words(name="seen")(source))
    if inside:
        taken = keras.Input((4, 3), name="taken")
        decoder = keras.Model([target, taken], Decoder()(Words(name="other")(target), taken), name="decoder")
        keras.Model([source, target], decoder([target, context])).save(path)
    else:
        keras.Model([source, target], Decoder()(Words(name="other")(target), context)).save(path)
    return path


@pytest.mark.parametrize("inside", [False, True])
def test_a_class_that_is_seen_to_make_a_mask_makes_one_elsewhere_too(inside: bool, tmp_path: Path) -> None:
    path = two_languages(tmp_path / "model.keras", inside)
    whole = keras.models.load_model(path, custom_objects={"Words": Words, "Decoder": Decoder})
    words = [layer for layer in (whole.get_layer("decoder") if inside else whole).layers if isinstance(layer, Words)]
    assert words[-1](keras.ops.ones((1, 4), "int32"))._keras_mask is not None
    with pytest.raises(CutError, match="a mask may come out of layer 'other'") as caught:
        configsplit.split(path, at="decoder/other" if inside else "other")
    assert caught.value.code == "cut-mask-unknown"


def test_a_class_that_hands_on_a_mask_is_not_taken_to_make_one(tmp_path: Path) -> None:
    first, second = (keras.Input((4, 3), name=name) for name in ("first", "second"))
    context = keras.layers.LSTM(3, return_sequences=True)(Scaled(name="masked")(keras.layers.Masking()(first)))
    keras.Model([first, second], Decoder()(Scaled(name="plain")(second), context)).save(tmp_path / "model.keras")
    model = configsplit.load(tmp_path / "model.keras")
    (lstm,) = [layer for layer in model.model.layers if layer.class_name == "LSTM"]
    assert lstm.calls[0].kwargs["mask"] is not None
    assert len(configsplit.split(model, at="plain")) == 2


class Weighed(keras.layers.Layer):  # type: ignore[misc]
    """Uses the mask that it is given, and hands it on."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, steps: Any, mask: Any = None) -> Any:
        return steps if mask is None else steps * keras.ops.cast(mask, steps.dtype)[..., None] + 1.0


def test_a_mask_that_keras_3_gives_as_an_argument_need_not_arrive(tmp_path: Path) -> None:
    layers = keras.layers.Masking(), Scaled(name="at"), Weighed(), keras.layers.LSTM(2)
    path = functional(tmp_path / "model.keras", keras.Input((4, 3)), *layers)
    saved = configsplit.split(path, at="at").save(tmp_path / "parts")
    assert any("whether Scaled ('at') hands on the mask" in each for each in saved.manifest.warnings)
    works, inputs = framework("keras"), [np.pad(np.ones((2, 2, 3), "float32"), ((0, 0), (0, 2), (0, 0)))]
    objects = {"Weighed": Weighed, "Scaled": Scaled}
    (wanted,) = flat(run(load(path, framework=works, classes=objects), inputs, works), works)
    (found,) = flat(run_parts(saved.directory, saved.manifest, inputs, works, objects), works)
    assert same(wanted, found)


def test_one_that_is_read_off_the_tensor_behind_it_has_to(tmp_path: Path) -> None:
    start = keras.Input((4, 3))
    flow = Weighed(name="user")(Scaled(name="at")(keras.layers.Masking()(start)))
    keras.Model(start, keras.layers.MultiHeadAttention(1, 3)(flow, flow)).save(path := tmp_path / "model.keras")
    with pytest.raises(CutError, match="a mask may come out of layer"):
        configsplit.split(path, at="at")


WORKS: Any = framework("tf_keras").module
L: Any = WORKS.layers


class Table(L.Embedding):  # type: ignore[misc]
    pass


class WordEmbedding(L.Layer):  # type: ignore[misc]
    def __init__(self, words: int, width: int, **options: Any) -> None:
        super().__init__(**options)
        self.words, self.width = words, width
        self.table = L.Embedding(words, width)

    def call(self, ids: Any) -> Any:
        return self.table(ids)

    def compute_mask(self, ids: Any, mask: Any = None) -> Any:
        return ids > 0

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "words": self.words, "width": self.width}


class Pool(L.Layer):  # type: ignore[misc]
    def call(self, steps: Any, mask: Any = None) -> Any:
        return steps[:, 0] if mask is None else steps[:, 0] * 0.0


def looked_up(path: Path, table: Any) -> Path:
    """A layer of the user's own that looks words up, before one that may use masks."""
    ids = WORKS.Input((4,), dtype="int32")
    WORKS.Model(ids, Pool(name="pool")(table(ids))).save(path)
    return path


MAKERS: dict[str, Callable[[], Any]] = {
    "its settings say so": lambda: Table(9, 3, mask_zero=True, name="table"),
    "its name says so, and it takes words": lambda: WordEmbedding(9, 3, name="table"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_mask_that_is_likely_is_not_only_warned_of(kind: str, tmp_path: Path) -> None:
    path = looked_up(tmp_path / "model.h5", MAKERS[kind]())
    with pytest.raises(CutError, match="a mask may come out of layer 'table'") as caught:
        configsplit.split(path, at="table")
    assert caught.value.code == "cut-mask-unknown"


def test_an_embedding_that_is_set_to_make_none_is_cut_behind(tmp_path: Path) -> None:
    path = looked_up(tmp_path / "model.h5", Table(9, 3, name="rows"))
    assert len(configsplit.split(path, at="rows")) == 2


class Passing(L.Layer):  # type: ignore[misc]
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def call(self, steps: Any) -> Any:
        return steps * 2.0


def test_so_it_is_where_another_class_hands_it_on(tmp_path: Path) -> None:
    ids = WORKS.Input((4,), dtype="int32")
    end = Pool(name="pool")(Passing(name="passing")(WordEmbedding(9, 3, name="table")(ids)))
    WORKS.Model(ids, end).save(tmp_path / "model.keras")
    with pytest.raises(CutError, match="a mask may come out of layer 'passing'"):
        configsplit.split(tmp_path / "model.keras", at="passing")
