"""What each input's numbers are taken for, followed through models that Keras itself wrote down."""

from __future__ import annotations

from typing import Any

import pytest

from configsplit.runtime.input_uses import Reach
from configsplit.runtime.inputs import make_inputs, read_hints


@pytest.fixture(params=["keras3", "keras2"])
def k(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param).module


def reached(k: Any, inputs: Any, outputs: Any) -> tuple[Reach, ...]:
    return read_hints(k.Model(inputs, outputs).to_json()).reached


def test_every_input_has_the_limit_of_its_own_embeddings(k: Any) -> None:
    a, b, c = (k.Input((5,), dtype="int32", name=name) for name in "abc")
    first, second = k.layers.Embedding(100, 2), k.layers.Embedding(10, 2, mask_zero=True)
    outputs = [first(a), first(b), second(b), k.layers.Reshape((5, 1))(c)]
    assert reached(k, [a, b, c], outputs) == (Reach(limit=100), Reach(limit=10, zeros=True), Reach())


def test_ways_that_keep_the_numbers(k: Any) -> None:
    x = k.Input((10,), name="x")
    steps = k.layers.Dropout(0.1)(k.layers.Reshape((5, 2))(x))
    assert reached(k, x, k.layers.Masking(-1.0)(steps)) == (Reach(padding=(-1.0,), step=2),)


def test_ways_that_move_the_numbers(k: Any) -> None:
    x, y = k.Input((5, 2), name="x"), k.Input((5, 3), name="y")
    assert reached(k, [x, y], k.layers.Masking(3.0)(k.layers.Concatenate()([x, y]))) == (Reach(padding=(3.0,)),) * 2


def test_ways_that_end(k: Any) -> None:
    x = k.Input((5, 2), name="x")
    y = k.layers.Masking(-1.0)(x)
    assert reached(k, x, k.layers.Masking(5.0)(k.layers.Dense(2)(y))) == (Reach(padding=(-1.0,), step=2),)


def test_models_within_models_and_wrappers(k: Any) -> None:
    ids = k.Input((6,), dtype="int32")
    sentence = k.Model(ids, k.layers.LSTM(2)(k.layers.Embedding(20, 3, mask_zero=True)(ids)), name="sentence")
    steps = k.Sequential([k.Input((6, 2)), k.layers.Masking(-2.0), k.layers.LSTM(2)], name="steps")
    x, y = k.Input((3, 6), dtype="int32", name="x"), k.Input((3, 6, 2), name="y")
    outputs = [k.layers.TimeDistributed(sentence)(x), k.layers.TimeDistributed(steps)(y)]
    assert reached(k, [x, y], outputs) == (Reach(limit=20, zeros=True), Reach(padding=(-2.0,), step=2))


def test_wrapped_layers(k: Any) -> None:
    x, y = k.Input((3, 6), dtype="int32", name="x"), k.Input((3, 6, 2), name="y")
    outputs = [
        k.layers.TimeDistributed(layer)(taken) for layer, taken in ((k.layers.Embedding(9, 2), x), (k.layers.Masking(4.0), y))
    ]
    assert reached(k, [x, y], outputs) == (Reach(limit=9), Reach(padding=(4.0,), step=2))


def test_behind_a_lookup_ids_are_no_longer_the_input_s(k: Any) -> None:
    words, codes = k.Input((5,), dtype="string", name="words"), k.Input((5,), dtype="int64", name="codes")
    found = k.layers.StringLookup(vocabulary=["red", "dog"], mask_token="[PAD]")(words)
    known = k.layers.IntegerLookup(vocabulary=[700, 800], mask_token=-1)(codes)
    embed = k.layers.Embedding(4, 2, mask_zero=True)
    strings, numbers = reached(k, [words, codes], [embed(found), embed(known)])
    assert (strings.words, strings.blanks, strings.limit) == (("red", "dog"), ("[PAD]",), 0)
    assert (numbers.words, numbers.blanks, numbers.limit) == (("700", "800"), ("-1",), 0)


def test_a_lookup_without_room_for_strangers_is_fed_what_it_knows(k: Any) -> None:
    words, codes = k.Input((5,), dtype="string", name="words"), k.Input((5,), dtype="int64", name="codes")
    found = k.layers.StringLookup(vocabulary=["red", "dog"], num_oov_indices=0)(words)
    known = k.layers.IntegerLookup(vocabulary=[700, 800], num_oov_indices=0)(codes)
    model = k.Model([words, codes], [found, known])
    specs = [{"name": each.name, "shape": (None, 5), "dtype": dtype} for each, dtype in ((words, "string"), (codes, "int64"))]
    texts, numbers = make_inputs(specs, read_hints(model.to_json()), samples=6, seed=0)
    assert set(texts.values.ravel()) == {b"red", b"dog"}
    assert set(numbers.values.ravel()) == {700, 800}


def test_casts_and_computed_ids(k: Any, request: pytest.FixtureRequest) -> None:
    """Through a cast the numbers are the same; of what is computed the limit holds all the same, to be safe."""
    x, y = k.Input((5,), name="x"), k.Input((5,), dtype="int32", name="y")
    if k.__version__.startswith("3"):
        cast, twice = k.ops.cast(x, "int32"), k.ops.add(y, y)
    else:
        cast, twice = k.backend.cast(x, "int32"), y + y
    embed = k.layers.Embedding(8, 2)
    assert reached(k, [x, y], [embed(cast), embed(twice)]) == (Reach(limit=8), Reach(limit=8))


def test_an_undeclared_class_may_look_for_anything(k: Any) -> None:
    class Reader(k.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, vocabulary_size: int, **options: Any) -> None:
            super().__init__(**options)
            self.vocabulary_size = vocabulary_size

        def call(self, x: Any) -> Any:
            return x

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "vocabulary_size": self.vocabulary_size}

    x = k.Input((5,), dtype="int32", name="x")
    assert reached(k, x, k.layers.Embedding(30, 2)(Reader(12)(x))) == (Reach(limit=30, guess=12, zeros=True),)
