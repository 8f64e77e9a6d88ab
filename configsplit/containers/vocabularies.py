"""The vocabularies of a SavedModel of Keras 2, put into its configs, which lack them: Keras takes them out when it saves.

They are in the tables of ``bundle/words.py``; the weights of words (``output_mode="tf_idf"``) in a variable of the bundle. In
TensorFlow 2.3 to 2.5 a table also has the word that stands for masks, and up to 2.4 that for unknown words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from configsplit.catalog.keras3.configs import RENAMED
from configsplit.catalog.table import class_facts
from configsplit.containers.bundle.words import INNER, Table, Words, words_of_file
from configsplit.graph.json import FrozenDict

_TUPLES = ("__tuple__", "TensorShape")
_GIVEN = "has_input_vocabulary"
"""What SavedModels alone say: that the vocabulary was not counted. Beside a vocabulary it is a matter of course."""
_LAST = (1 << 63) - 1
"""The number of a mask in TensorFlow 2.5, where a layer gives no numbers."""
_NOWHERE = "lies in the operations, and in no constant of them and no file"

Place = tuple[str, ...]
"""The names of the nested models around a layer, from the outside in, and its own."""


class Lookup(NamedTuple):
    """A layer whose config lacks its vocabulary: where it stands, the steps to it from the model, its config."""

    place: Place
    steps: tuple[str, ...]
    config: FrozenDict

    @property
    def inverted(self) -> bool:
        return bool(self.config.get("invert"))

    @property
    def weighs(self) -> bool:
        """Whether it has a weight for each word."""
        return str(self.config.get("output_mode")).startswith("tf")

    @property
    def counts(self) -> bool:
        """Whether its words are numbers; they have an encoding otherwise."""
        return "vocabulary_dtype" in self.config and self.config["vocabulary_dtype"] != "string"

    @property
    def mask(self) -> Any:
        return self.config.get("mask_token", None if "num_oov_indices" in self.config else "")

    @property
    def special(self) -> tuple[Any, ...]:
        """What stands before its words: the mask, if it gives numbers, and what unknown words are taken for."""
        numbers, unknown = self.config.get("output_mode", "int") == "int", self.config.get("num_oov_indices", 1)
        masks = numbers and self.mask is not None
        return (*(self.mask,) * masks, *(self.config.get("oov_token", "[UNK]"),) * (unknown if type(unknown) is int else 0))


def lookup_of(place: Place, steps: tuple[str, ...], entry: FrozenDict) -> Lookup:
    """A layer by its entry, with the keys of its config as they are called today."""
    keys = RENAMED.get(str(entry.get("class_name")), {})
    return Lookup(place, steps, FrozenDict({keys.get(key, key): value for key, value in entry["config"].items()}))


def lacks_words(entry: FrozenDict) -> bool:
    """Whether the entry of a layer is of one that looks words up, and does not say which, or names a file of the machine that
    saved it; TensorFlow 2.3 to 2.5 do not even write that it does not say."""
    config = entry.get("config")
    if not isinstance(config, FrozenDict) or not isinstance(config.get("vocabulary"), str | None):
        return False
    looks_up = class_facts(str(entry.get("class_name"))).numbers in ("coded", "split")
    return "vocabulary" in config or (looks_up and ("max_tokens" in config or "max_values" in config))


def known_words(lookup: Lookup, table: Table | None, file: Callable[[str], memoryview], weights: Sequence[float] | None) -> Any:
    """What the config of a layer is to say, so that Keras makes the same table of it.

    Args:
        lookup: the layer.
        table: what its table is filled from.
        file: reads a file in ``assets/``.
        weights: of its words, the special ones among them, and behind them what no word has; None where there are none.

    Returns:
        A FrozenDict of the settings; a text that says why there are none.

    Raises:
        Damaged: a file is no text.
    """
    words = _words(lookup, table, file)
    if words is None:
        return _NOWHERE
    special = lookup.special
    if lookup.mask in words or len({*words}) < len(words) or any(str(word).endswith("\0") for word in words):
        return "has the word for the mask, a word twice, or one with a zero behind it, which Keras takes from no config"
    if lookup.inverted and lookup.config.get("oov_token") in words:
        return "has the word that it gives for unknown numbers, which Keras takes from no config"
    if not lookup.weighs:
        return FrozenDict(vocabulary=(*special, *words) if words[: len(special)] == special else words)
    known = len(special) + len(words)
    if None in special or weights is None or len(weights) < known:
        return "goes with weights of its words that are not there, or not as many"
    return FrozenDict(vocabulary=(*special, *words), idf_weights=tuple(weights[:known]))


def _words(lookup: Lookup, table: Table | None, file: Callable[[str], memoryview]) -> Words | None:
    if table is None:
        return None
    first = len(lookup.special)
    if table.file:
        words = words_of_file(file(table.file), lookup.counts)
        size = lookup.config.get("vocabulary_size")
        return words if words and size in (None, first + len(words)) else None
    words, numbers = (table.values, table.keys) if lookup.inverted else (table.keys, table.values)
    special = {*enumerate(lookup.special), (_LAST, lookup.mask)}
    numbered = sorted(each for each in zip(numbers or (), words or (), strict=True) if each not in special)
    in_order = [number for number, _ in numbered] == [*range(first, first + len(numbered))]
    found: Any = tuple(word for _, word in numbered)
    return found if found and in_order else None


def steps_to_weights(lookup: Lookup) -> Iterator[tuple[str, ...]]:
    """The steps by which the weights of its words may be found."""
    inner = ((), *((each,) for each in (*INNER, "_vectorize_layer")))
    return ((*lookup.steps, *each, name) for each in inner for name in ("idf_weights", "tf_idf_weights"))


class Filled(NamedTuple):
    """A config with its vocabularies, and of the layers that still lack theirs: name -> why."""

    config: Any
    lost: Mapping[str, str]


def filled(config: FrozenDict, told: Mapping[Place, Any]) -> Filled:
    """The config with vocabularies, and with lists in place of tuples and shapes, which SavedModels write as objects.

    Args:
        config: the entry of the outermost model.
        told: of layers, what `known_words` has found. One that stands in two models is told of once.
    """
    done: list[Any] = []
    lost: dict[str, str] = {}
    todo: list[tuple[Any, Place, bool]] = [(config, (), False)]
    while todo:
        item, around, has_children = todo.pop()
        while isinstance(item, FrozenDict) and item.get("class_name") in _TUPLES and isinstance(item.get("items"), tuple):
            item = item["items"]
        if not isinstance(item, FrozenDict | tuple):
            done.append(item)
        elif not has_children:
            inside = around if item is config.get("config") else (*around, *_model_name(item))
            todo.append((item, around, True))
            todo += [(each, inside, False) for each in reversed(item.values() if isinstance(item, FrozenDict) else item)]
        else:
            start = len(done) - len(item)
            made = FrozenDict(zip(item, done[start:], strict=True)) if isinstance(item, FrozenDict) else (*done[start:],)
            if isinstance(made, FrozenDict) and lacks_words(made):
                name = str(made["config"].get("name"))
                its = _told(told, (*around, name))
                if isinstance(its, FrozenDict):
                    made = made | {"config": _to_no_length(made["config"]).without(_GIVEN) | its}
                else:
                    lost[name] = str(its)
            done[start:] = [made]
    return Filled(done[0], lost)


def _to_no_length(config: FrozenDict) -> FrozenDict:
    """TensorFlow 2.3 and 2.4 pad by default, which does nothing where the number of words is open; later ones refuse it."""
    padded = config.get("pad_to_max_tokens") and config.get("max_tokens") is None
    return config | {"pad_to_max_tokens": False} if padded else config


def _model_name(item: Any) -> tuple[str, ...]:
    return (str(item["name"]),) if isinstance(item, FrozenDict) and "layers" in item and "name" in item else ()


def _told(told: Mapping[Place, Any], place: Place) -> Any:
    """By its place; or by its name, where all layers of that name have the same words."""
    if place in told:
        return told[place]
    named: Iterable[Any] = [words for each, words in told.items() if each[-1] == place[-1]]
    words = next(iter(named), _NOWHERE)
    return words if all(each == words for each in named) else "may be that of any of several layers of the name"
