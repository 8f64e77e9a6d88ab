"""Preprocessing of numbers, categories and text."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from configsplit.catalog.facts import CallFacts, WeightSpec, agreeing
from configsplit.catalog.rules import (
    Outputs,
    Weights,
    axes_of,
    axis_in,
    compute_dtype,
    declare,
    first_shape,
    impossible,
    known,
    no_weights,
    one_output,
    policy,
    policy_dtype,
    shape_of,
    unknown,
    variable_dtype,
    weight,
)
from configsplit.catalog.values import AXIS, NOT_NONE, WHOLE, Values, number, one_of, or_none, several, whole
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import Shape, TensorSpec, leaves


def encoded_shape(call: CallFacts, shape: Shape, depth: int | None) -> Shape:
    """One-hot adds an axis (or takes the place of a last axis of 1); multi-hot and counts replace the last axis."""
    if not shape:
        return (depth,)
    if call.config.get("output_mode") != "one_hot":
        return (*shape[:-1], depth)
    return (*shape[:-1], depth) if shape[-1] == 1 and len(shape) > 1 else (*shape, depth)


def category_outputs(call: CallFacts) -> Outputs:
    shape = encoded_shape(call, first_shape(call), int(call.config["num_tokens"]))
    return (TensorSpec(shape, compute_dtype(call), sparse=bool(call.config.get("sparse"))),)


def _written_dtype(call: CallFacts, default: str = "int64") -> str:
    """These layers name their output's dtype outright, integers included."""
    return policy_dtype(policy(call.config.get("dtype"))) or default


def discretization_outputs(call: CallFacts) -> Outputs:
    mode, shape = call.config.get("output_mode", "int"), first_shape(call)
    if mode == "int":
        return (TensorSpec(shape, "int32" if call.dialect == "keras3" else _written_dtype(call)),)
    boundaries = call.config.get("bin_boundaries")
    depth = len(boundaries) + 1 if boundaries is not None else int(call.config["num_bins"])
    if mode != "one_hot" and call.dialect == "keras3":
        shape = (shape[0], *shape[2:], depth) if len(shape) >= 2 else (depth,)
    else:
        shape = encoded_shape(call, shape, depth)
    return (TensorSpec(shape, _written_dtype(call, "float32")),)


def hashing_outputs(call: CallFacts) -> Outputs:
    shape, bins = first_shape(call), int(call.config["num_bins"])
    if call.config.get("output_mode", "int") == "int":
        return (TensorSpec(shape, _written_dtype(call)),)
    return (TensorSpec(encoded_shape(call, shape, bins), _written_dtype(call)),)


def crossing_outputs(call: CallFacts) -> Outputs:
    shape, bins = first_shape(call), int(call.config["num_bins"])
    if call.config.get("output_mode", "int") == "int":
        return (TensorSpec(shape, _written_dtype(call)),)
    return (TensorSpec(encoded_shape(call, shape, bins), _written_dtype(call, "float32")),)


def _vocabulary_size(call: CallFacts) -> int:
    """Tokens with mask and out-of-vocabulary ones. Raises ShapeError where the vocabulary is not in the config."""
    config = call.config
    if config.get("pad_to_max_tokens") and config.get("max_tokens"):
        return int(config["max_tokens"])
    if config.get("vocabulary_size"):  # tf.keras records it, special tokens included
        return int(config["vocabulary_size"])
    if not isinstance(config.get("vocabulary"), tuple):
        raise unknown("the size of the vocabulary is not in the config")
    special, words = _tokens(config, _mode(config))
    return len(special) + len([token for token in words if token not in ("", config.get("mask_token"))])


def _tokens(config: FrozenDict, mode: str) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The tokens that stand for masks and unknown words, and the words; a vocabulary may begin with the former or not."""
    before = [config.get("mask_token")] if mode == "int" and config.get("mask_token") is not None else []
    special = (*before, *(config.get("oov_token", "[UNK]"),) * int(config.get("num_oov_indices", 1)))
    vocabulary = config["vocabulary"]
    return special, vocabulary[len(special) :] if vocabulary[: len(special)] == special else vocabulary


def _word_weights(call: CallFacts) -> Weights:
    """The weights of words, special tokens included, of a layer that counts words and weighs them."""
    if _mode(call.config).replace("-", "_") != "tf_idf":
        return ()
    return (weight(call, "idf_weights", _vocabulary_size(call), trainable=False),)


def _counted_dtype(call: CallFacts) -> str:
    """What Keras 3 gives for encoded words, where it declares float32 for all of them."""
    return "float32" if call.config["output_mode"] == "tf_idf" else "int64"


_LOOKED_UP = {"StringLookup": "string", "IntegerLookup": "int64"}
"""The dtype that these have up to TF 2.6, which is that of what they look up; tf.keras passes over it where they encode."""


def lookup_outputs(call: CallFacts) -> Outputs:
    config, shape = call.config, first_shape(call)
    if config.get("output_mode", "int") != "int":
        dtype = _counted_dtype(call) if call.dialect == "keras3" else _written_dtype(call, "float32")
        if call.dialect != "keras3" and dtype == _LOOKED_UP.get(call.class_name):
            dtype = "float32"
        return (TensorSpec(encoded_shape(call, shape, _vocabulary_size(call)), dtype),)
    if call.dialect != "keras3" and config.get("invert"):
        numbers = config.get("vocabulary_dtype", "int64")
        return (TensorSpec(shape, "string" if call.class_name == "StringLookup" else str(numbers)),)
    return (TensorSpec(shape, "int64"),)


def text_outputs(call: CallFacts) -> Outputs:
    config, shape = call.config, first_shape(call)
    if config.get("output_mode", "int") == "int":
        return (TensorSpec((shape[0], config.get("output_sequence_length")), "int64"),)
    size = _vocabulary_size(call)
    if call.dialect != "keras3":
        return (TensorSpec((shape[0], size), "float32"),)
    alone = config.get("split", "whitespace") is None and len(shape) == 1  # no axis of words to count over but the batch's
    return (TensorSpec((size,) if alone else (shape[0], size), _counted_dtype(call)),)


def adapted_shape(call: CallFacts) -> Shape:
    """Raises ShapeError where numbers are kept along an axis that is open or not there."""
    shape, axis = first_shape(call), call.config.get("axis", -1)
    listed = () if axis is None else axis if isinstance(axis, tuple) else (axis,)
    places = [axis_in(int(each), len(shape)) for each in listed]
    learned = call.config.get("mean") is None
    for place in places:
        if shape[place] is None or (learned and places.count(place) > 1):
            raise impossible(f"numbers are kept along axis {place}, which is open, or named twice")
    return shape


def normalization_weights(call: CallFacts) -> Weights:
    """mean, variance and count; none where mean and variance stand in the config."""
    config, shape = call.config, first_shape(call)
    if config.get("mean") is not None:
        return ()
    axes = () if config.get("axis", -1) is None else sorted(axes_of(config.get("axis", -1), len(shape)))
    kept = tuple(known(shape[axis], "the normalized axis") for axis in axes)
    dtype = variable_dtype(call) if call.dialect == "keras3" else compute_dtype(call)
    moments = [WeightSpec(name, kept, dtype, False) for name in ("mean", "variance")]
    return (*moments, WeightSpec("count", (), "int64", False))


def rescaled_outputs(call: CallFacts) -> Outputs:
    """Every tensor, where images come with their labels."""
    specs = leaves(call.args[:1], TensorSpec) or call.inputs[:1]
    return tuple(TensorSpec(shape_of(spec), compute_dtype(call)) for spec in specs)


_CODED = "int one_hot multi_hot count"
_CATEGORIES = {"num_tokens": whole(), "output_mode": one_of("count one_hot multi_hot binary", case=False)}
_HASHED = {"num_bins": whole(), "output_mode": one_of(_CODED, case=False)}
_BINS = {"num_bins": number(0, none=True), "output_mode": one_of(_CODED, case=False)}
_WORDS = {"mask_token": Values("a word, or null", lambda value: value is None or isinstance(value, str))}
_IDS = {"mask_token": number(-inf, none=True)}
_IDS3 = {"mask_token": or_none(WHOLE)}
_LOOKUP = {
    "max_tokens": whole(2, none=True),
    "num_oov_indices": whole(0),
    "output_mode": one_of(f"{_CODED} tf_idf tf-idf binary", case=False),
}

_OUTSIDE = {"oov_method": one_of("farmhash floormod", case=False)}
_TEXT = {
    "standardize": one_of("lower_and_strip_punctuation lower strip_punctuation", none=True, case=False),
    "split": one_of("whitespace character", none=True, case=False),
    "output_mode": one_of(f"{_CODED} tf_idf tf-idf binary", case=False),
    "max_tokens": whole(2, none=True),
    "output_sequence_length": whole(0, none=True),
    "ngrams": or_none(several(WHOLE, 1)),
}


def _is_salt(value: Any) -> bool:
    return value is None or isinstance(value, int) or (isinstance(value, tuple) and len(value) == 2)


_SALT = {"salt": Values("a whole number, or two of them, or null", _is_salt)}


def _thinned(config: FrozenDict) -> str:
    """Whole numbers that stand for categories have no zeros that a sparse tensor could leave out."""
    return "sparse does not go with the output_mode 'int'" if config.get("sparse") and _mode(config) == "int" else ""


def _untyped(config: FrozenDict, *dtypes: str) -> str:
    """Whole numbers that stand for categories come in dtypes of whole numbers."""
    dtype = policy(config.get("dtype"))
    wrong = _mode(config) == "int" and dtype is not None and dtype not in dtypes
    return f"dtype {dtype!r} does not go with the output_mode 'int'" if wrong else ""


def _hashed3(config: FrozenDict) -> str:
    return _thinned(config) or _untyped(config, "int32", "int64")


def _crossed2(config: FrozenDict) -> str:
    return _untyped(config, *_WHOLE_DTYPES)


def _strings2(config: FrozenDict) -> str:
    return _looked_up2(config) or _untyped(config, "int32", "int64", "string")


def _integers2(config: FrozenDict) -> str:
    return _looked_up2(config) or _untyped(config, "int32", "int64")


def _uncounted(config: FrozenDict) -> str:
    needed = config.get("output_mode", "multi_hot") != "int" and config.get("num_tokens") is None
    return "num_tokens is not given" if needed and config.get("max_tokens") is None else ""


def _mode(config: FrozenDict) -> str:
    return str(config.get("output_mode", "int"))


def _binned(config: FrozenDict) -> str:
    neither = all(config.get(key) is None for key in ("bin_boundaries", "num_bins"))
    return "bin_boundaries and num_bins are both null" if neither else _thinned(config)


def _binned2(config: FrozenDict) -> str:
    both = all(config.get(key) is not None for key in ("bin_boundaries", "num_bins"))
    return "bin_boundaries and num_bins exclude each other" if both else _thinned(config)


def _halved(config: FrozenDict) -> str:
    """Mean and variance of Normalization stand in its config both, or are learned both."""
    mean, variance = config.get("mean"), config.get("variance")
    return "mean and variance have to be given both" if (mean is None) != (variance is None) else ""


def _looked_up(config: FrozenDict) -> str:
    """What IntegerLookup and StringLookup ask of keys that go together."""
    padded = config.get("pad_to_max_tokens") and config.get("max_tokens") is None
    return "pad_to_max_tokens needs max_tokens" if padded else _looked_up2(config)


def _looked_up2(config: FrozenDict) -> str:
    """The same in Keras 2, of which some releases padded to no length at all (TF 2.4)."""
    weights, mode = config.get("idf_weights") is not None, _mode(config).replace("-", "_")
    if config.get("invert") and mode != "int":
        return f"invert does not go with the output_mode {mode!r}"
    if weights and mode != "tf_idf":
        return f"idf_weights do not go with the output_mode {mode!r}"
    if not weights and mode == "tf_idf" and config.get("vocabulary") is not None:
        return "a vocabulary needs idf_weights in the output_mode 'tf_idf'"
    return _thinned(config) or _counted(config, mode)


def _counted(config: FrozenDict, mode: str) -> str:
    """A vocabulary has words, each once, and as many as the config says elsewhere."""
    vocabulary = config.get("vocabulary")
    if not isinstance(vocabulary, tuple):
        return ""
    special, words = _tokens(config, mode)
    size, most = len(special) + len(words), config.get("max_tokens")
    if not vocabulary or len(set(words)) < len(words):
        return "the vocabulary is empty" if not vocabulary else "the vocabulary has a word twice"
    if most is not None and size > most:
        return f"the vocabulary has {size} words, max_tokens is {most}"
    written = config.get("vocabulary_size")
    if mode != "int" and not config.get("pad_to_max_tokens") and written not in (None, size):
        return f"the vocabulary has {size} words, vocabulary_size is {written}"
    return ""


def _salted(config: FrozenDict) -> str:
    salted = config.get("salt") is not None and config.get("oov_method", "floormod") != "farmhash"
    return "salt needs the oov_method 'farmhash'" if salted else _looked_up(config)


def _split_up(config: FrozenDict, look: Callable[[FrozenDict], str] = _looked_up) -> str:
    """The same of TextVectorization, which looks its words up with an empty one as the mask."""
    mode = _mode(config)
    if mode != "int" and (config.get("ragged") or config.get("output_sequence_length") is not None):
        return f"ragged and output_sequence_length do not go with the output_mode {mode!r}"
    if mode == "int" and config.get("sparse"):
        return _thinned(config)
    return look(config | {"mask_token": "", "oov_token": "[UNK]", "num_oov_indices": 1, "invert": False})


def _split_up2(config: FrozenDict) -> str:
    if (dtype := policy(config.get("dtype"))) not in (None, "string"):
        return f"dtype is {dtype!r}, not 'string'"
    both = config.get("ragged") and config.get("output_sequence_length") is not None
    return "ragged and output_sequence_length exclude each other" if both else _split_up(config, _looked_up2)


_WHOLE_DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_CROSSED = {"num_bins": whole(0), "output_mode": one_of("int one_hot", case=False)}
_WEIGHED3: dict[str, Any] = {"weights": no_weights, "archived": _word_weights}
_LOOKED3: dict[str, Any] = {"values3": {**_OUTSIDE, **_SALT}, "keras3": {**_WEIGHED3, "conflict": _looked_up}}
_COUNTED3: dict[str, Any] = {"values3": {**_OUTSIDE, **_SALT, **_IDS3}, "keras3": {**_WEIGHED3, "conflict": _salted}}
_LISTED: dict[str, Any] = {"tells_kind": True, "numbers": "coded"}
_WEIGHED: dict[str, Any] = {"weights": _word_weights, **_LISTED}

LAYERS = (
    *declare("Rescaling", rescaled_outputs, values={"scale": NOT_NONE, "offset": NOT_NONE}, keras3={"mask": "passes"}),
    *declare(
        "Normalization",
        one_output(adapted_shape),
        normalization_weights,
        values={"axis": or_none(AXIS)},
        conflict=_halved,
        keras3={"mask": "passes"},
    ),
    *declare(
        "CategoryEncoding", category_outputs, tells_kind=True, limit_key="num_tokens", values=_CATEGORIES, conflict=_uncounted
    ),
    *declare(
        "Discretization", discretization_outputs, values=_BINS, conflict=_binned2, keras3={"conflict": _binned}, **_LISTED
    ),
    *declare(
        "Hashing",
        hashing_outputs,
        values={**_HASHED, **_SALT},
        conflict=_thinned,
        keras3={"conflict": _hashed3},
        **_LISTED,
    ),
    *declare(
        "HashedCrossing",
        crossing_outputs,
        tells_kind=True,
        values=_CROSSED,
        conflict=_crossed2,
        keras3={"conflict": agreeing},
    ),
    *declare("StringLookup", lookup_outputs, values={**_LOOKUP, **_WORDS}, conflict=_strings2, **_LOOKED3, **_WEIGHED),
    *declare("IntegerLookup", lookup_outputs, values={**_LOOKUP, **_IDS}, conflict=_integers2, **_COUNTED3, **_WEIGHED),
    *declare(
        "TextVectorization",
        text_outputs,
        _word_weights,
        tells_kind=True,
        numbers="split",
        values=_TEXT,
        values3={"ngrams": or_none(several(WHOLE))},
        conflict=_split_up2,
        keras3={**_WEIGHED3, "conflict": _split_up},
    ),
)
