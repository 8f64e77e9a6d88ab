"""A layer's config held against what the constructor of its class takes: keys, and values that Keras is known to refuse."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from configsplit.catalog.classes import words
from configsplit.catalog.constructors import OBJECTS, Constructor, constructor, names_of, settings_of
from configsplit.catalog.facts import LayerFacts
from configsplit.catalog.layers.keras1 import CLASSES
from configsplit.catalog.values import EMPTY, NOTHING, TRUTH, UNFILLED, WHOLE, Values, number, one_of, or_none, whole
from configsplit.errors import closest
from configsplit.graph.json import FrozenDict
from configsplit.graph.model import INPUT, Node

_BESIDE_A_SHAPE = {
    "keras2": {"input_shape": EMPTY, "batch_size": or_none(WHOLE), "input_tensor": NOTHING, "type_spec": NOTHING},
    "keras3": dict.fromkeys(("shape", "input_shape", "batch_size", "input_tensor"), NOTHING),
}
"""Keys of an InputLayer that its ``batch_shape`` leaves no room for."""

_SHAPE = Values("a list of sizes", lambda value: not isinstance(value, (int, float)))
_OF_EVERY_LAYER = {
    "keras2": {
        "dynamic": or_none(TRUTH),
        "trainable": or_none(TRUTH),
        "input_shape": _SHAPE,
        "batch_input_shape": _SHAPE,
        "weights": UNFILLED,
        "rng_type": one_of("stateful stateless legacy_stateful", none=True, case=False),
    },
    "keras3": {
        "trainable": TRUTH,
        "use_cudnn": Values("'auto', true or false", lambda value: value is None or value in ("auto", True, False)),
    },
}
"""Keys that several classes have, where they have them."""

_BOUND = ("kernel_constraint", "embeddings_constraint", "depthwise_constraint")
"""What the weights of a layer with ``lora_rank`` cannot have."""

_POLICIES = ("DTypePolicy", "FloatDTypePolicy", "Policy", "PolicyV1")


@dataclass(frozen=True, slots=True)
class ConfigFault:
    """What is wrong with a config: a code of docs/errors.md, the key, and what to do.

    ``older``: it is so for the files of older releases of this generation, which are none the worse for it.
    """

    code: str
    key: str
    message: str
    hint: str = ""
    older: bool = False


def config_faults(
    facts: LayerFacts, class_name: str, config: FrozenDict, dialect: str, own: Collection[str] = ()
) -> Iterator[ConfigFault]:
    """What Keras would refuse of a config; ``own`` are names of the user's own functions and classes."""
    taken = constructor(class_name, dialect)
    if taken is not None:
        yield from _unknown(taken, class_name, config, _elsewhere(class_name, dialect))
        yield from _missing(taken, class_name, config)
    if dialect == "keras1":
        return  # its values are declared in the words of Keras 2
    for key, value in config.items():
        if (wanted := facts.values.get(key)) is not None and (taken is None or key in taken.keys) and not wanted.takes(value):
            yield _refused(class_name, key, value, f"should be {wanted.wish}", near(value, wanted.names))
        yield from _unnamed(class_name, key, value, dialect, own)
    yield from _of_every_layer(class_name, config, dialect, facts.values)
    if not (why := _safely(facts, config)):
        return
    yield ConfigFault("config-value", "", f"{class_name}: {why}", "change one of them")


def _elsewhere(class_name: str, dialect: str) -> list[Constructor]:
    """The class in the other generations: of the same name, or of the one that it had in Keras 1."""
    first = [class_name, *(old for old, new in CLASSES.items() if new == class_name)]
    names = {"keras1": first, "keras2": [CLASSES.get(class_name, class_name)], "keras3": [CLASSES.get(class_name, class_name)]}
    known_as = (constructor(name, each) for each, known in names.items() if each != dialect for name in known)
    return [each for each in known_as if each is not None]


def _unknown(
    taken: Constructor, class_name: str, config: FrozenDict, elsewhere: Collection[Constructor] = ()
) -> Iterator[ConfigFault]:
    for key in config:
        if key in taken.keys or taken.any:
            continue
        if (release := taken.older.get(key)) is not None:
            said = f"{class_name} of {taken.release} does not take the key {key!r}, which {release} wrote"
            yield ConfigFault("config-key-unknown", key, said, "leave it out for that release", older=True)
            continue
        theirs = " and ".join(dict.fromkeys(each.release for each in elsewhere if key in each.keys))
        said = f"{class_name} of {taken.release} takes no key {key!r}{theirs and f', which is one of {theirs}'}"
        yield ConfigFault("config-key-unknown", key, said, near(key, taken.keys) or f"it takes {listed(taken.keys)}")


def _missing(taken: Constructor, class_name: str, config: FrozenDict) -> Iterator[ConfigFault]:
    for key in taken.required:
        if key in config:
            continue
        if (release := taken.lately.get(key)) is not None:
            said = f"{class_name} of {taken.release} cannot do without the key {key!r}, which {release} did not write yet"
            yield ConfigFault("config-key-missing", key, said, "convert the model, or load it in its own release", older=True)
        else:
            said = f"{class_name} of {taken.release} cannot do without the key {key!r}"
            yield ConfigFault("config-key-missing", key, said, f"add it: {key!r}: ...")


def _refused(class_name: str, key: str, value: Any, wish: str, hint: str) -> ConfigFault:
    return ConfigFault("config-value", key, f"{class_name}: {key!r} {wish}, is {value!r}", hint)


def _unnamed(class_name: str, key: str, value: Any, dialect: str, own: Collection[str]) -> Iterator[ConfigFault]:
    """A function or a class that nobody has."""
    kind = OBJECTS.get(key.rpartition("_")[2], "")
    known = names_of(kind, dialect) if kind else frozenset()
    if known and not (value is None or isinstance(value, str) or (isinstance(value, FrozenDict) and "class_name" in value)):
        yield _refused(class_name, key, value, "should be a name, an object with its class_name, or null", "")
        return
    name = _named(value)
    if name in known and isinstance(value, FrozenDict) and isinstance(value.get("config"), FrozenDict):
        yield from _misset(class_name, key, name, value["config"], dialect)
    if not known or name is None or name in known or name in own or ">" in name:
        return  # a package before the name: somebody registered it
    if kind == "activations" and isinstance(value, FrozenDict) and constructor(name, dialect) is not None:
        return  # a layer, which is held by itself
    hint = near(name, known) or f"it has {listed(known)}"
    yield ConfigFault(
        "config-value", key, f"{class_name}: Keras has nothing called {name!r} among its {kind} ({key!r})",
        f"{hint}; what is your own is declared in a plug-in: --custom-objects FILE.py",
    )  # fmt: skip


def _misset(class_name: str, key: str, name: str, config: FrozenDict, dialect: str) -> Iterator[ConfigFault]:
    """What Keras refuses of an object that the config of a layer holds."""
    taken = settings_of(name, dialect)
    if taken is not None:
        yield from _unknown(taken, name, config)
        yield from _missing(taken, name, config)
    for each, value in config.items():
        wanted = OBJECT_VALUES.get(name, {}).get(each) if dialect == "keras3" else None
        if wanted is not None and not wanted.takes(value):
            yield _refused(class_name, f"{key}/{each}", value, f"should be {wanted.wish}", near(value, wanted.names))


def _named(value: Any) -> str | None:
    """The name of an object, as a word or in an entry; None where it comes from somewhere else than Keras."""
    if isinstance(value, str):
        return value
    if not isinstance(value, FrozenDict) or not isinstance(value.get("class_name"), str):
        return None
    function = value["class_name"] == "function"
    module = value.get("module", None if function else "keras")
    name = value["config"] if function else value["class_name"]
    foreign = not isinstance(module, str) or module.partition(".")[0] not in ("keras", "tf_keras")
    return None if foreign or not isinstance(name, str) else name


def input_faults(config: FrozenDict, dialect: str) -> Iterator[ConfigFault]:
    """What Keras would refuse of an input."""
    taken = constructor(INPUT, dialect)
    if taken is not None and config:
        yield from _unknown(taken, INPUT, config)
        yield from _missing(taken, INPUT, config)
    dtype = _policy_name(config.get("dtype"))
    if dtype in MIXED or not (_may_be_policy(dtype, dialect) or (dialect == "keras2" and not dtype)):
        yield _refused(INPUT, "dtype", dtype, "should be a dtype", near(dtype, DTYPES))
    yield from _misnamed(INPUT, config, dialect)
    for key, wanted in _BESIDE_A_SHAPE.get(dialect, {}).items():
        if key in config and not wanted.takes(config[key]):
            yield _refused(INPUT, key, config[key], f"should be {wanted.wish}, beside the shape of the whole batch", "")


def _policy_name(value: Any) -> Any:
    """The name in a policy of Keras; what else may stand for a dtype as it is."""
    known = (
        isinstance(value, FrozenDict) and value.get("class_name") in _POLICIES and isinstance(value.get("config"), FrozenDict)
    )
    return value["config"].get("name") if known else value


def _may_be_policy(value: Any, dialect: str) -> bool:
    """Keras 2 takes numbers of dtypes as well, and its own dtype in place of what counts as none."""
    if isinstance(value, FrozenDict):
        return isinstance(value.get("class_name"), str) and "config" in value
    if value is None or (dialect == "keras2" and (not value or isinstance(value, int))):
        return True
    return isinstance(value, str) and is_policy(value)


def _misnamed(class_name: str, config: FrozenDict, dialect: str) -> Iterator[ConfigFault]:
    """Keras 2 makes up the name of an input in place of what counts as none."""
    name = config.get("name")
    made_up = dialect == "keras2" and class_name == INPUT and not name
    if dialect != "keras1" and not (isinstance(name, str) or name is None or made_up):
        yield _refused(class_name, "name", name, "should be text", "")


def _of_every_layer(class_name: str, config: FrozenDict, dialect: str, declared: Collection[str]) -> Iterator[ConfigFault]:
    """Keys that any layer may have; of those that are declared for its class, that was said already."""
    policy = _policy_name(config.get("dtype"))
    if not _may_be_policy(policy, dialect):
        known = sorted((*DTYPES, *MIXED))
        yield _refused(class_name, "dtype", policy, "should be a dtype or a policy", near(policy, known))
    yield from _misnamed(class_name, config, dialect)
    for key, wanted in _OF_EVERY_LAYER.get(dialect, {}).items():
        if key in config and key not in declared and not wanted.takes(config[key]):
            yield _refused(class_name, key, config[key], f"should be {wanted.wish}", near(config[key], wanted.names))
    rank = config.get("lora_rank")
    if rank and not whole().takes(rank):
        yield _refused(class_name, "lora_rank", rank, "should be a whole number of at least 1, or null", "")
    if rank and (key := next((key for key in _BOUND if config.get(key)), "")):
        yield ConfigFault("config-value", key, f"{class_name}: lora_rank and {key} exclude each other", "leave one of them out")


def _safely(facts: LayerFacts, config: FrozenDict) -> str:
    """What does not go together; values of other kinds were named already, or are none of this rule's."""
    try:
        return facts.conflict(config)
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return ""


def near(name: Any, known: Collection[str]) -> str:
    """A hint with the names that are nearest to one that nobody has; "" where none is near."""
    matches = closest(name, sorted(known)) if isinstance(name, str) else []
    return f"did you mean {', '.join(map(repr, matches))}?" if matches else ""


def listed(names: Collection[str]) -> str:
    """Some of the names that there are."""
    sorted_names = sorted(names)
    return ", ".join(sorted_names[:12]) + (", ..." if len(sorted_names) > 12 else "")


# What Keras 3 takes as the values of initializers and regularizers, where it refuses others when it makes them.


_PENALTY = number(0, inf, none=True)
_SEEDED = {"seed": Values("a whole number, or null", lambda value: not isinstance(value, (str, float)))}
_SCALED = {
    "scale": number(0, above=True),
    "mode": one_of("fan_in fan_out fan_avg", case=False),
    "distribution": one_of("normal uniform truncated_normal untruncated_normal", case=False),
    **_SEEDED,
}

OBJECT_VALUES: Mapping[str, Mapping[str, Values]] = {
    "L1": {"l1": _PENALTY},
    "L2": {"l2": _PENALTY},
    "L1L2": {"l1": _PENALTY, "l2": _PENALTY},
    "VarianceScaling": _SCALED,
    **dict.fromkeys(("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform"), _SEEDED),
    **dict.fromkeys(("Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal"), _SEEDED),
}
"""Class -> key -> the values that it takes."""


# The names of dtypes and of dtype policies.


DTYPES = words("""
    float16 bfloat16 float32 float64 half float double float8_e4m3fn float8_e5m2 bool string int int4 int8 int16 int32 int64
    uint4 uint8 uint16 uint32 uint64 complex64 complex128 qint8 quint8 qint16 quint16 qint32 variant resource
    """)
"""What TensorFlow or Keras calls a dtype."""

MIXED = words("mixed_float16 mixed_bfloat16")


def is_policy(name: str) -> bool:
    """Whether a name may be that of a dtype policy: a dtype, a mixed one, a quantized one, or one that is yet to be found."""
    return name in DTYPES or name in MIXED or "_from_" in name or name.startswith("_infer")


# Calls of a layer held against what its class takes when it is called: arguments that it lacks, and that it does not know.


_EVERY = "training"
"""What every layer may be called with, of Keras 2 and 3: what has no use for it never sees it."""

MODEL = "inputs training= mask="
"""What a model takes when it is called."""


def call_faults(class_name: str, node: Node, dialect: str) -> Iterator[ConfigFault]:
    """What a class of Keras would not be called with; nothing where nobody has looked."""
    taken = constructor(class_name, dialect)
    if taken is not None and dialect != "keras1":  # whose constructors stand in old files, and the calls nowhere
        yield from _unfit(f"{class_name} of {taken.release}", taken.call, node)


def model_faults(name: str, node: Node, dialect: str) -> Iterator[ConfigFault]:
    """The same of a nested model."""
    if dialect != "keras1":
        yield from _unfit(f"the model {name!r}", MODEL, node)


def _unfit(called: str, parameters: str, node: Node) -> Iterator[ConfigFault]:
    """``parameters`` as `Constructor.call` has them."""
    words = parameters.split()
    names = [word.removesuffix("=") for word in words if not word.startswith("*")]
    places = names[: words.index("*")] if "*" in words else names
    given = places[: len(node.args)]
    if "**" not in words:
        if len(node.args) > len(places):
            said = f"{called} is called with {len(node.args)} arguments, and takes {len(places)} without their names"
            yield ConfigFault("call-argument", "", said, f"it takes {listed(names)}")
        for key in node.kwargs:
            if key not in (*names, _EVERY):
                said = f"{called} is called with {key!r}, which it does not take"
                yield ConfigFault("call-argument", key, said, near(key, names) or f"it takes {listed(names)}")
    for key in (key for key in given if key in node.kwargs):
        yield ConfigFault("call-argument", key, f"{called} is called with two values for {key!r}", "leave one of them out")
    for key in (word for word in words if word in names and word not in given and node.kwargs.get(word) is None):
        yield ConfigFault("call-argument", key, f"{called} is called without {key!r}", f"it takes {listed(names)}")
