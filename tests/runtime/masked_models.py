"""Masked models with a cut that loses a mask, written by Keras itself: a head, and a tail that takes the bare tensors.

Every model is ``tail(head(inputs))`` of the same layers, so the parts are wrong in nothing but the mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splits import Split, name_of


@dataclass(frozen=True)
class Masked:
    """A model to be cut behind ``head``; ``makers`` are the paths of the layers whose masks do not cross."""

    inputs: Sequence[Any]
    head: Callable[..., list[Any]]
    tail: Callable[..., Any]
    makers: Sequence[str]
    whole: Callable[..., Any] | None = None

    def model(self, k: Any) -> Any:
        whole = self.whole or (lambda *given: self.tail(*self.head(*given)))
        return k.Model(list(self.inputs), whole(*self.inputs))

    def cut(self, k: Any, folder: Path) -> Split:
        """Both parts: the tail without masks."""
        split = _split(k, folder).whole(self.model(k), [{"part": 1, "output": 0}])
        crossing = self.head(*self.inputs)
        split.part(k.Model(list(self.inputs), crossing), [{"input": i} for i in range(len(self.inputs))])
        bare = [k.Input(tuple(each.shape)[1:], dtype=name_of(each.dtype)) for each in crossing]
        return split.part(k.Model(bare, self.tail(*bare)), [{"part": 0, "output": i} for i in range(len(bare))])

    def uncut(self, k: Any, folder: Path) -> Split:
        """One part, which is the whole."""
        model = self.model(k)
        split = _split(k, folder).whole(model, [{"part": 0, "output": 0}])
        return split.part(model, [{"input": i} for i in range(len(self.inputs))])


def _split(k: Any, folder: Path) -> Split:
    folder.mkdir()
    return Split(folder, "keras3") if k.__version__.startswith("3") else Split(folder, "keras2", ".h5")


def hierarchical(k: Any) -> Masked:
    """Documents of sentences: ids of rank 3, the mask inside the model that TimeDistributed runs on each sentence."""
    words, vectors = k.Input((6,), dtype="int32"), k.Input((6, 3))
    embedding, lstm = k.layers.Embedding(20, 3, mask_zero=True, name="emb"), k.layers.LSTM(4, name="lstm")
    sentence = k.Model(words, lstm(embedding(words)), name="sentence")
    each, ending = k.Model(words, embedding(words), name="each"), k.Model(vectors, lstm(vectors), name="ending")
    after = k.layers.Bidirectional(k.layers.GRU(3), name="after")
    return Masked(
        inputs=[k.Input((3, 6), dtype="int32", name="ids")],
        head=lambda ids: [k.layers.TimeDistributed(each, name="head")(ids)],
        tail=lambda x: after(k.layers.TimeDistributed(ending, name="tail")(x)),
        whole=lambda ids: after(k.layers.TimeDistributed(sentence, name="td")(ids)),
        makers=["emb"],
    )


def masking(k: Any) -> Masked:
    mask, lstm = k.layers.Masking(-1.0, name="mask"), k.layers.Bidirectional(k.layers.LSTM(3), name="lstm")
    return Masked(inputs=[k.Input((5, 2), dtype="float64", name="x")], head=lambda x: [mask(x)], tail=lstm, makers=["mask"])


def several(k: Any, lost: int) -> Masked:
    """Three masked inputs, each with a value of its own; only one of the masks is lost."""
    inputs = [k.Input((6,), name="ids", dtype="int32"), k.Input((5, 2), name="a"), k.Input((4, 3), name="b", dtype="float16")]
    makers = [k.layers.Embedding(9, 3, mask_zero=True, name="emb")]
    makers += [k.layers.Masking(value, name=f"mask{value}".replace(".", "_")) for value in (7.0, 0.5)]
    users = [k.layers.LSTM(2, name=f"lstm{i}") for i in range(3)]

    def head(*given: Any) -> list[Any]:
        masked = [maker(each) for maker, each in zip(makers, given, strict=True)]
        return [each if i == lost else users[i](each) for i, each in enumerate(masked)]

    def tail(*given: Any) -> Any:
        return k.layers.Concatenate(name="cat")([users[i](each) if i == lost else each for i, each in enumerate(given)])

    return Masked(inputs=inputs, head=head, tail=tail, makers=[makers[lost].name])


def nested(k: Any) -> Masked:
    """The mask is made in a model within a model, on ids that a cast makes of floats."""
    ids = k.Input((6,), dtype="int32")
    inner = k.Model(ids, k.layers.Dropout(0.2)(k.layers.Embedding(9, 3, mask_zero=True, name="emb")(ids)), name="inner")
    middle_in = k.Input((6,), dtype="int32")
    middle, gru = k.Model(middle_in, inner(middle_in), name="middle"), k.layers.GRU(3, name="gru")
    return Masked(
        inputs=[k.Input((6,), name="x", dtype="int32")], head=lambda x: [middle(x)], tail=gru, makers=["middle/inner/emb"]
    )


def sequential(k: Any) -> Masked:
    first = k.Sequential([k.Input((7,), dtype="int32"), k.layers.Embedding(9, 3, mask_zero=True, name="emb")], name="first")
    rest = k.layers.Bidirectional(k.layers.SimpleRNN(3), name="rest")
    return Masked(inputs=[k.Input((7,), dtype="int32", name="x")], head=lambda x: [first(x)], tail=rest, makers=["first/emb"])


def distributed(k: Any) -> Masked:
    """The mask goes through TimeDistributed(Dense); the input is flat and becomes steps by Reshape."""
    reshape, mask = k.layers.Reshape((5, 2), name="steps"), k.layers.Masking(3.0, name="mask")
    dense, lstm = k.layers.TimeDistributed(k.layers.Dense(3), name="dense"), k.layers.LSTM(3, name="lstm")
    return Masked(inputs=[k.Input((10,), name="x")], head=lambda x: [dense(mask(reshape(x)))], tail=lstm, makers=["mask"])


def rank_4(k: Any) -> Masked:
    """Masking of floats of rank 4, inside a Sequential that TimeDistributed runs."""
    mask, lstm = k.layers.Masking(-2.0, name="mask"), k.layers.LSTM(4, name="lstm")
    both = k.Sequential([k.Input((6, 2)), mask, lstm], name="both")
    first, ending = k.Sequential([k.Input((6, 2)), mask], name="first"), k.Sequential([k.Input((6, 2)), lstm], name="ending")
    return Masked(
        inputs=[k.Input((3, 6, 2), name="x")],
        head=lambda x: [k.layers.TimeDistributed(first, name="head")(x)],
        tail=k.layers.TimeDistributed(ending, name="tail"),
        whole=k.layers.TimeDistributed(both, name="td"),
        makers=["mask"],
    )


CASES: dict[str, Callable[[Any], Masked]] = {
    "hierarchical": hierarchical,
    "masking": masking,
    "several-0": lambda k: several(k, 0),
    "several-1": lambda k: several(k, 1),
    "several-2": lambda k: several(k, 2),
    "nested": nested,
    "sequential": sequential,
    "distributed": distributed,
    "rank-4": rank_4,
}
