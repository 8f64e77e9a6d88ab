"""What the constructors of all layer classes take, read from the installed frameworks and from the files of old releases.

``cd tests && python -m support.constructors`` writes configsplit/catalog/constructors.json. A key is taken where the class
itself builds a layer from a config with it: what its signature says is not all, since ``**kwargs`` goes to base classes that
take some keys more and refuse the rest. CONFIGSPLIT_CORPUS names a folder with files of more releases than tests/corpus has;
what such files once told is kept, since old releases change no more.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

from configsplit.catalog.functions import ACTIVATIONS, CONSTRAINTS, INITIALIZERS, REGULARIZERS
from configsplit.errors import ConfigSplitError
from configsplit.graph.model import walk
from configsplit.models.document import load
from support.corpus import files, names
from support.layer_cases import CASES

DATA = Path(__file__).resolve().parents[2] / "configsplit" / "catalog" / "constructors.json"
RELEASES = DATA.with_name("releases.json")

FRAMEWORKS = {"keras3": "keras", "keras2": "tf_keras"}

_TRIED: tuple[Any, ...] = (None, 1, True, 0.5, "valid", [1], [1, 1], [], "channels_last", {}, [None, 2])
"""A key is unknown where its class takes none of these for it."""

_UNKNOWN = ("Unrecognized keyword arguments", "unexpected keyword argument", "Keyword argument not understood")
"""What is said of a key itself: no other value for it need be tried."""

_TITLES = {"keras": "Keras", "tf_keras": "tf_keras"}

_NOBODY = "nobody_has_this_key"

PLAIN = "inputs"
"""What the call of a class takes that says nothing else."""

_KERAS1 = ("name", "trainable", "input_shape", "batch_input_shape", "input_dtype", "input_dim", "input_length", "weights")
"""What ``Layer`` of Keras 1 and most constructors take besides what their configs have (keras/engine/topology.py, 1.2.2)."""


def samples(framework: Any) -> dict[str, Any]:
    """A layer of each class that the framework exports and that holds no code."""
    layers, found = framework.layers, dict[str, Any]()
    for each in CASES:
        if each.name not in found and each.only in ("", framework.__name__) and hasattr(layers, each.name):
            found[each.name] = getattr(layers, each.name)(**each.kwargs)
    found |= {f"{kind}Cell": getattr(layers, f"{kind}Cell")(2) for kind in ("LSTM", "GRU", "SimpleRNN")}
    found["RNN"] = layers.RNN(layers.LSTMCell(2))
    found["StackedRNNCells"] = layers.StackedRNNCells([layers.LSTMCell(2)])
    found["TimeDistributed"] = layers.TimeDistributed(layers.Dense(2))
    found["Bidirectional"] = layers.Bidirectional(layers.LSTM(2))
    found["SpectralNormalization"] = layers.SpectralNormalization(layers.Dense(2))
    found["InputLayer"] = layers.InputLayer((2,))
    return found


def read(framework: Any) -> dict[str, dict[str, Any]]:
    """Class name -> its keys, and those without which it is not built; also under the other names of a class."""
    found = {name: _constructor(layer) for name, layer in samples(framework).items()}
    common = {*found["Identity"]["keys"]}
    for each in found.values():
        if unwritten := [key for key in each.pop("unwritten") if key not in common]:
            each["unwritten"] = unwritten
    for name in dir(framework.layers):
        kind = getattr(framework.layers, name)
        if isinstance(kind, type) and kind.__name__ in found and getattr(framework.layers, kind.__name__, None) is kind:
            found[name] = found[kind.__name__]
    return dict(sorted(found.items()))


def _constructor(layer: Any) -> dict[str, Any]:
    kind, config = type(layer), layer.get_config()
    wanted = sorted(key for key in (*config, *_named(kind)) if _taken(kind, config, key))
    made: dict[str, Any] = {"keys": sorted(set(wanted))}
    if _taken(kind, config, _NOBODY):
        made = {"keys": sorted(config), "any": True}
    made["required"] = [key for key in _without_default(kind, config) if key in config]
    made["unwritten"] = sorted({*made["keys"]} - config.keys())
    called = _parameters(kind) if hasattr(kind, "call") and kind.__name__ != "InputLayer" else PLAIN
    return made if called == PLAIN else made | {"call": called}


def _parameters(kind: Any) -> str:
    """What a call takes: ``key=`` where it may be left out, by name alone behind ``*``; ``**``: whatever it is given."""
    called = inspect.signature(kind.call).parameters
    outer = inspect.signature(kind.__call__).parameters if _calls_itself(kind) else called
    found = {each.name: _word(each) for each in outer.values() if each.name != "self" and not _gathers(each)}
    inner = [each for each in [*called.values()][2:] if each.name not in found and not _gathers(each)]
    words = [*found.values(), *(["*"] if inner else []), *map(_word, inner)]
    return " ".join([*words, *(["**"] if any(map(_gathers, called.values())) else [])])


def _calls_itself(kind: Any) -> bool:
    """Whether it has a ``__call__`` besides that of every layer."""
    (base,) = (each for each in kind.__mro__ if each.__name__ == "Layer" and "keras" in each.__module__)
    return kind.__call__ is not base.__call__


def _word(parameter: inspect.Parameter) -> str:
    return parameter.name if parameter.default is parameter.empty else f"{parameter.name}="


def _gathers(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


def _named(kind: type) -> set[str]:
    """Every word that a constructor, or one of a base class, has for a parameter or mentions."""
    found = set[str]()
    for each in kind.__mro__[:-1]:
        made = inspect.unwrap(vars(each).get("__init__", object.__init__))
        if hasattr(made, "__code__"):
            found |= {*inspect.signature(made).parameters, *_words(made.__code__)}
    return {name for name in found if re.fullmatch("[a-z][a-z0-9_]*", name)} - {"self", "args", "kwargs"}


def _words(code: CodeType) -> Iterator[str]:
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _words(value)
        yield from (each for each in (value if isinstance(value, (tuple, frozenset)) else (value,)) if isinstance(each, str))


def _taken(kind: Any, config: dict[str, Any], key: str) -> bool:
    if key in config:
        return True
    for value in _TRIED:
        refusal = _refusal(kind, config | {key: value})
        if refusal is None or any(words in str(refusal) for words in _UNKNOWN):
            return refusal is None
    return False


def _refusal(kind: Any, config: dict[str, Any]) -> Exception | None:
    try:
        kind.from_config(dict(config))
    except Exception as error:  # noqa: BLE001  # whatever a constructor raises is its answer
        return error
    return None


def _without_default(kind: Any, config: dict[str, Any]) -> Iterator[str]:
    """Keys without which there is no layer: parameters without a default, and what ``from_config`` looks up."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    needed = {each.name for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD}
    for key in config:
        error = _refusal(kind, {each: value for each, value in config.items() if each != key})
        if error is not None and (key in needed or (isinstance(error, KeyError) and error.args == (key,))):
            yield key


def objects(framework: Any) -> dict[str, list[str]]:
    """What a config may name: functions and classes that a framework finds by their name alone."""
    tables = {
        "activations": ACTIVATIONS,
        "initializers": INITIALIZERS,
        "regularizers": REGULARIZERS,
        "constraints": CONSTRAINTS,
    }
    found = {}
    for kind, known in tables.items():
        module = getattr(framework, kind)
        wanted = {name for each in (*known, *dir(module)) for name in (each, _snake(each)) if not name.startswith("_")}
        found[kind] = sorted(name for name in wanted if _found(module, name))
    return found


def settings(framework: Any) -> dict[str, dict[str, Any]]:
    """What the classes of such objects take; Keras 2 wrote keys that its own last release has forgotten."""
    found = {}
    for kind in ("initializers", "regularizers", "constraints") if framework.__name__ == "keras" else ():
        module = getattr(framework, kind)
        for name in dir(module):
            each = getattr(module, name)
            if isinstance(each, type) and each.__name__ not in ("Initializer", "Regularizer", "Constraint"):
                found[name] = _constructor(each())
    return dict(sorted(found.items()))


def _snake(name: str) -> str:
    return re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _found(module: Any, name: str) -> bool:
    if isinstance(getattr(module, name, None), type):
        return True
    try:
        return callable(module.get(name))
    except Exception:  # noqa: BLE001  # whatever it raises, it has not found it
        return False


# ---------------------------------------------------------------- old releases


Written = dict[tuple[str, str], dict[str, list[set[str]]]]


def written() -> Written:
    """Dialect and class -> release -> the keys of each of its configs."""
    found: Written = {}
    for release in sorted(names(), key=_by_number):
        for file in files(release):
            for dialect, name, keys in _configs(file.path):
                found.setdefault((dialect, name), {}).setdefault(release, []).append(keys)
    return found


def by_release(own: dict[str, Any], releases: dict[str, list[set[str]]], known: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Keys that only older releases wrote, and keys without which they did; each with the last such release that is seen here,
    or that ``known``, the entry of the file as it is, has of files that are not here."""
    pairs = [(release, keys) for release, configs in releases.items() for keys in configs]
    older = [(key, release) for release, keys in pairs for key in keys if key not in own["keys"]]
    older += [(key, release) for key, release in known.get("older", {}).items() if key not in own["keys"]]
    lately = [(key, release) for release, keys in pairs for key in own["keys"] if key not in keys]
    lately += [(key, release) for key, release in known.get("lately", {}).items() if key in own["keys"]]
    both = (("older", _last(older)), ("lately", _last(lately)))
    return {name: dict(sorted(found.items())) for name, found in both if found}


def _last(told: list[tuple[str, str]]) -> dict[str, str]:
    return dict(sorted(told, key=lambda each: _by_number(each[1])))


def _written(own: dict[str, Any], classes: dict[str, dict[str, Any]]) -> set[str]:
    """The settings of a class that its last release writes, those of every class left out."""
    return {*own["keys"]} - {*own.get("unwritten", ())} - {*classes["Identity"]["keys"]}


def _written_early(releases: dict[str, list[set[str]]]) -> set[str]:
    """Keys that the oldest release that models are written back for has written, or one before it."""
    old = (configs for release, configs in releases.items() if _by_number(release) <= _OLDEST or release.startswith("keras"))
    return {"name", "dtype", "trainable", *(key for configs in old for keys in configs for key in keys)}


def _by_number(release: str) -> list[tuple[int, str]]:
    """Keras by itself before TensorFlow's of the same time, as far as order matters: within one generation."""
    return [(int(step), "") if step.isdigit() else (-1, step) for step in re.split(r"(\d+)", release)]


_OLDEST = _by_number("tf-2.4")
"""The oldest release that models are written back for."""


# ------------------------------------------------------------- what means nothing


def neutral(classes: dict[str, dict[str, Any]], made: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Module -> class -> keys that Keras 2 or older releases of Keras 3 do not take -> what each is where nobody says it, which
    is what they did."""
    changed = json.loads(RELEASES.read_text("utf-8"))["keras3"]["changes"]
    wanted = {
        ("keras.layers", name): {*own["keys"]} - {*classes["keras2"].get(name, own)["keys"]}
        for name, own in classes["keras3"].items()
    }
    for module, listed in changed.items():
        for name, each in listed.items():
            wanted.setdefault((module, name), set()).update(each.get("keys", ()))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (module, name), keys in sorted(wanted.items()):
        kind = getattr(importlib.import_module(module), name, None)
        shown = made.get(getattr(kind, "__name__", "")) if module == "keras.layers" else None
        known = ({} if shown is None else shown.get_config()) | defaults(kind)
        if kept := {key: known[key] for key in sorted(keys) if key in known}:
            found.setdefault(module, {})[name] = kept
    return found


def defaults(kind: Any) -> dict[str, Any]:
    """What the parameters of a constructor are where nobody says them, as far as JSON can say it."""
    found = dict[str, Any]()
    for each in getattr(kind, "__mro__", ())[:-1]:
        made = inspect.unwrap(vars(each).get("__init__", object.__init__))
        for parameter in inspect.signature(made).parameters.values() if hasattr(made, "__code__") else ():
            value = list(parameter.default) if isinstance(parameter.default, tuple) else parameter.default
            if isinstance(value, (bool, int, float, str, list, type(None))):
                found.setdefault(parameter.name, value)
    return found


def _configs(path: Path) -> Iterator[tuple[str, str, set[str]]]:
    try:
        document = load(path)
    except ConfigSplitError:
        return
    for _, layer in walk(document.model):
        facts = document.infer().table.of(layer, document.dialect)
        known = layer.is_input or (facts is not None and not (layer.model or layer.is_operation))
        todo: list[Any] = [layer.entry] if known else []
        while todo:
            item = todo.pop()
            if isinstance(item, (list, tuple)):
                todo += item
            elif isinstance(item, dict):
                if {"class_name", "config"} <= item.keys() and isinstance(item["config"], dict):
                    yield document.dialect, item["class_name"], set(item["config"])
                todo += item.values()


# ---------------------------------------------------------------- the file


def made() -> dict[str, Any]:
    """What the file has: each dialect's release, and its classes."""
    old, found, known = written(), dict[str, Any](), json.loads(DATA.read_text("utf-8"))
    for dialect, name in FRAMEWORKS.items():
        framework = importlib.import_module(name)
        classes = read(framework)
        for each, own in classes.items():
            own.update(by_release(own, old.get((dialect, each), {}), known[dialect]["classes"].get(each, {})))
            kept = {*own["required"], *_written(own, classes)}
            if lately := {key: last for key, last in own.pop("lately", {}).items() if key in kept}:
                own["lately"] = lately
            if dialect == "keras2":
                kind = getattr(framework.layers, each)
                early = _written_early(old.get((dialect, kind.__name__), {}))
                told = known[dialect]["classes"].get(each, {}).get("neutral")
                own["neutral"] = {
                    key: value
                    for key, value in sorted(defaults(kind).items())
                    if key in own["keys"] and key not in early and (told is None or key in told)
                }
        found[dialect] = {
            "release": f"{_TITLES[name]} {framework.__version__}",
            **objects(framework),
            "objects": settings(framework),
            "classes": classes,
        }
    tables = {dialect: each["classes"] for dialect, each in found.items()}
    found["keras3"]["neutral"] = neutral(tables, samples(importlib.import_module("keras")))
    keys1 = {name: {*each["keys"]} for name, each in known["keras1"]["classes"].items()}
    for (_, name), releases in ((each, releases) for each, releases in old.items() if each[0] == "keras1"):
        keys1.setdefault(name, {*_KERAS1}).update(key for configs in releases.values() for keys in configs for key in keys)
    keras1 = {name: {"keys": sorted(keys), "required": []} for name, keys in sorted(keys1.items())}
    return {**found, "keras1": {"release": "Keras 1", "classes": keras1}}


def to_text(data: dict[str, Any]) -> str:
    """A line for each class."""
    lines = []
    for dialect, found in sorted(data.items()):
        rows = ",\n".join(f"   {json.dumps(name)}: {json.dumps(each)}" for name, each in found["classes"].items())
        more = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in found.items() if key != "classes")
        lines.append(f' "{dialect}": {{\n{more}  "classes": {{\n{rows}\n  }}\n }}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    DATA.write_text(to_text(made()), "utf-8")
