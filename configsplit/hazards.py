"""What a document must not contain before any framework may see it: everything that is not known to be harmless.

Keras's own safe mode has had a hole in most years (docs/security.md lists the CVEs), and tf_keras applies none to .h5 and
JSON. So the document is searched first, in full, by rules that import and evaluate nothing. Every reference in it (a class, a
function, an operation, a dtype policy) must stand in the catalog, in a form that Keras writes, or be a plug-in's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from configsplit.catalog.classes import CLASSES, LAMBDA_PLACES, MARKS, OUTSIDE, TYPE_SPECS
from configsplit.catalog.functions import (
    ACTIVATIONS,
    CONSTRAINTS,
    FUNCTION_MODULES,
    INITIALIZERS,
    MEASURES,
    OPERATION_PLACES,
    PROPERTIES,
    REGULARIZERS,
    is_dtype,
    is_pure_function,
    is_pure_node,
)
from configsplit.catalog.table import class_facts
from configsplit.graph.json import Content, FrozenDict, config_kind, content
from configsplit.graph.walking import values_in

ROOTS = frozenset({"keras", "tf_keras"})
"""The packages whose classes are the framework's own; all others are the user's."""

_CONTAINERS = (dict, list, tuple)
_PATH_KEYS = ("vocabulary", "merges", "proto")
_TEXTS = {
    "activation": ACTIVATIONS,
    "initializer": INITIALIZERS,
    "regularizer": REGULARIZERS,
    "constraint": CONSTRAINTS,
}
"""Last word of a key -> the names that may stand there as text."""

_FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda")
_OPERATION_LAYERS = (*_FUNCTION_LAYERS, "TensorFlowOpLayer", "InstanceProperty")
_ATTRIBUTES = frozenset({"b", "f", "i", "s", "shape", "type", "list", "tensor"})  # not "func": the name of a function to call
_MODULES = frozenset(module for places in CLASSES.values() for module in places)


@dataclass(frozen=True, slots=True)
class Hazard:
    """Something that would run code or reach outside if the model were built: a stable code, and where it stands."""

    code: str
    where: str
    message: str
    hint: str


def hazards(document: Any, *, classes: Collection[str] = (), allow_lambda: bool = False) -> Iterator[Hazard]:
    """Search a document (plain or frozen JSON) for anything that is not known to be harmless when it is built; iterative.

    ``classes`` names the custom classes and functions that are allowed; ``allow_lambda`` says that the user trusts the file's
    Lambda code, and excuses nothing else.
    """
    yield from _Search(frozenset(classes), allow_lambda).everything(document)


_Path = tuple[Any, ...]
"""Where something stands: the path of what holds it, and its key or number there. Few paths are ever put into words."""


def _inner(path: _Path, item: Any) -> Iterable[tuple[_Path, Any]]:
    """What a container holds that may hold something, the last first; what compile() would use at the top is never built."""
    if isinstance(item, dict):
        hidden = () if path else ("compile_config", "training_config")
        held = [(key, value) for key, value in item.items() if isinstance(value, _CONTAINERS) and value and key not in hidden]
    else:
        held = [(number, value) for number, value in enumerate(item) if isinstance(value, _CONTAINERS) and value]
    return [((path, key), value) for key, value in reversed(held)]


def _kind(item: Any) -> Content | None:
    """What a layer is, but for its name and its calls; None for what is no layer, or says more than is compared."""
    if type(item) is not FrozenDict or type(config := item.get("config")) is not FrozenDict:
        return None
    said = content([pair for pair in item.items() if pair[0] not in ("config", "inbound_nodes")], "name")
    return None if said is None else (config_kind(config), said)


def _takes_tensors(nodes: Any) -> bool:
    """Whether calls take nothing but tensors, or a list of them, and numbers by name, written as Keras writes them."""
    for node in nodes if type(nodes) is tuple else (None,):
        taken, keywords = node, node.get("kwargs") if type(node) is FrozenDict and len(node) == 2 else None
        if type(keywords) is FrozenDict and "class_name" not in keywords and _NUMBERS.issuperset(map(type, keywords.values())):
            taken = node.get("args")
            taken = taken[0] if type(taken) is tuple and len(taken) == 1 and type(taken[0]) is tuple else taken
        if type(taken) is not tuple or not all(map(_is_tensor, taken)):
            return False
    return True


_REFERENCE = (str, int, int)
_NUMBERS = frozenset({int, float, bool, type(None)})
_FLAT = _NUMBERS | {str}


def _is_tensor(item: Any) -> bool:
    if type(item) is tuple:
        return tuple(map(type, item[:3])) == _REFERENCE and item[0] != "_CONSTANT_VALUE" and item[3:] in ((), ({},))
    if type(item) is not FrozenDict or len(item) != 2 or item.get("class_name") != "__keras_tensor__":
        return False
    if type(config := item.get("config")) is not FrozenDict or "class_name" in config:
        return False
    return all(_FLAT.issuperset(map(type, each) if type(each) is tuple else (type(each),)) for each in config.values())


def _worded(path: _Path) -> str:
    """``config.layers[3].config``."""
    steps: list[str] = []
    while path:
        path, key = path
        steps.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(steps)).removeprefix(".")


def _bare(name: str) -> str:
    return name.rpartition(">")[2]


@dataclass(slots=True)
class _Search:
    """One search: what is allowed, and which Lambdas were reported (their functions need not be reported again)."""

    classes: frozenset[str]
    allow_lambda: bool
    reported: dict[int, _Path] = field(default_factory=dict)
    harmless: set[Content] = field(default_factory=set)
    count: int = 0

    def everything(self, document: Any) -> Iterator[Hazard]:
        """Looks at every JSON object, but for layers that are what another one was, in which nothing was found."""
        todo: list[tuple[_Path, Any]] = [((), document)] if isinstance(document, _CONTAINERS) else []
        begun: list[tuple[int, Content, int]] = []
        while todo:
            while begun and begun[-1][0] == len(todo):  # nothing of it is left
                _, ended, before = begun.pop()
                if self.count == before:
                    self.harmless.add(ended)
            path, item = todo.pop()
            what = _kind(item)
            if what in self.harmless and _takes_tensors(item.get("inbound_nodes", ())):
                continue
            if isinstance(item, dict) and "class_name" in item and item["class_name"] != "__keras_tensor__":
                if what is not None:
                    begun.append((len(todo), what, self.count))
                for hazard in self.object(path, item):
                    self.count += 1
                    yield hazard
            todo.extend(_inner(path, item))

    def object(self, path: _Path, item: dict[str, Any]) -> Iterator[Hazard]:
        name = item["class_name"]
        if not isinstance(name, str):
            yield _unknown(path, repr(name))
        elif name == "__lambda__":
            if not self.allow_lambda and not self._inside_reported(path):
                yield _code(path, "marshalled Python code")
        elif name in ("__typespec__", "TypeSpec"):
            named = [item[key] for key in ("spec_name", "type_spec") if key in item]  # which of the two is asked for, depends
            if not named or any(not isinstance(spec, str) or spec not in TYPE_SPECS for spec in named):
                yield _unknown(path, repr(named))
        elif name == "function":
            yield from self._function(path, item)
        elif name not in MARKS and not self._is_declared(name, item):
            yield from self._built_in(path, name, item)

    def _inside_reported(self, path: _Path) -> bool:
        """Whether something stands in the configuration of a Lambda that was reported."""
        return (
            len(path) == 2 and len(path[0]) == 2 and path[0][1] == "config" and self.reported.get(id(path[0][0])) is path[0][0]
        )

    def _is_declared(self, name: str, item: dict[str, Any]) -> bool:
        """Whether it is a plug-in's class, or one of a library. Releases look for the one name or the other, so that a strange
        pair is none."""
        if name in self.classes or _bare(name) in self.classes or f"{item.get('module')}:{name}" in self.classes:
            return True
        registered = item.get("registered_name")
        return isinstance(registered, str) and registered in self.classes and _bare(registered) == _bare(name)

    def _built_in(self, path: _Path, name: str, item: dict[str, Any]) -> Iterator[Hazard]:
        config = item.get("config")
        settings = config if isinstance(config, dict) else {}
        if _bare(name) in OUTSIDE:
            yield Hazard(
                "hazard-outside-code",
                _worded(path),
                f"the layer class {_bare(name)} {OUTSIDE[_bare(name)]}",
                "such a layer cannot be checked; replace it before you run the model",
            )
            return
        if class_facts(_bare(name)).code_key:
            yield from self._lambda(path, item, settings)
            return
        yield from _class(path, name, item)
        yield from _code_by_type(path, name, settings)
        yield from _paths(path, name, settings)
        yield from self._texts(path, settings)
        if name in _OPERATION_LAYERS:
            yield from _tensorflow(path, name, settings)
        elif name in CLASSES and "inbound_nodes" in item and item.get("module") not in OPERATION_PLACES:
            yield from _constants(path, name, item["inbound_nodes"])

    def _function(self, path: _Path, item: dict[str, Any]) -> Iterator[Hazard]:
        """A function by name. The module that it claims is never asked, and must be one that says nothing."""
        name, module, registered = item.get("config"), item.get("module", "builtins"), item.get("registered_name")
        if isinstance(name, str) and (name in self.classes or _bare(name) in self.classes):
            return
        known = isinstance(name, str) and name in ACTIVATIONS | MEASURES
        known = known and module in FUNCTION_MODULES and registered in (None, "function", name)
        if not known and not self._inside_reported(path):
            yield _strange_function(path, name, module)

    def _texts(self, path: _Path, config: dict[str, Any]) -> Iterator[Hazard]:
        """Names that Keras looks up: activations, initializers, dtypes."""
        for key, value in config.items():
            if not isinstance(value, str):
                continue
            known = _TEXTS.get(key.rpartition("_")[2])
            if known is not None and value not in known and value not in self.classes and _bare(value) not in self.classes:
                yield _strange_function(((path, "config"), key), value, None)
            if key == "dtype" and not is_dtype(value):
                yield _unknown(((path, "config"), key), f"dtype policy {value!r}")

    def _lambda(self, path: _Path, item: dict[str, Any], config: dict[str, Any]) -> Iterator[Hazard]:
        if "module" in item and item["module"] not in LAMBDA_PLACES:
            yield _foreign(path, _bare(str(item.get("class_name"))), item["module"])
        function = config.get("function")
        if isinstance(function, dict) and function.get("class_name") == "function":
            function = function.get("config")
        named = isinstance(function, str) and config.get("function_type", "function") == "function"
        if named and function in self.classes and not _computes_with_code(config):
            return
        if not self.allow_lambda:
            self.reported[id(path)] = path
            kind = "a function by name" if named else "marshalled Python code"
            yield _code(path, kind)
        elif isinstance(config.get("function"), str) and named and function not in ACTIVATIONS:
            yield _strange_function(((path, "config"), "function"), function, config.get("module"))


def _computes_with_code(config: dict[str, Any]) -> bool:
    """Whether a Lambda's output shape or mask is more than numbers."""
    return any(
        config.get(f"{key}_type") not in (None, "raw")
        or any(isinstance(each, (str, dict)) for each in values_in(config.get(key)))
        for key in ("output_shape", "mask")
    )


# ------------------------------------------------------------------------------------------------------- rules, one each


def _class(path: _Path, name: str, item: dict[str, Any]) -> Iterator[Hazard]:
    """A class that Keras has, in a module where it lives; older releases wrote none."""
    if "module" not in item:
        if name not in CLASSES and not _is_operation(name):
            yield _unknown(path, f"class {name!r}")
        return
    module, registered = item["module"], item.get("registered_name")
    known = module in CLASSES.get(name, ()) or (module in OPERATION_PLACES and _is_operation(name))
    if module is None or (not known and module in _MODULES):
        yield _unknown(path, f"class {name!r}")
    elif not known or registered not in (None, name, f"Custom>{name}"):
        yield _foreign(path, name, module)


def _is_operation(class_name: str) -> bool:
    from configsplit.catalog.operations import operation_table  # of 326 operations, of which most models have none
    from configsplit.catalog.operations.layers import snake

    return snake(class_name) in operation_table.KERAS


def _code_by_type(path: _Path, name: str, config: dict[str, Any]) -> Iterator[Hazard]:
    """Any class that keeps a function beside the word that tells how it is written: Keras 1 has several."""
    for key, value in config.items():
        if key.endswith("_type") and value in ("lambda", "python_lambda", "function"):
            yield _code(((path, "config"), key.removesuffix("_type")), f"a function of {name}")


def _paths(path: _Path, name: str, config: dict[str, Any]) -> Iterator[Hazard]:
    for key in _PATH_KEYS:
        if isinstance(config.get(key), str):
            yield Hazard(
                "hazard-vocabulary-path",
                _worded(((path, "config"), key)),
                f"{name} reads its {key} from the path or address {config[key]!r}",
                "put the vocabulary itself (a list) into the file",
            )


def _tensorflow(path: _Path, name: str, config: dict[str, Any]) -> Iterator[Hazard]:
    """An operation layer calls any function or op of TensorFlow by name: those on the list pass."""
    called = _called(name, config)
    if not isinstance(called, str) or not _is_pure(name, called):
        yield Hazard(
            "hazard-tensorflow-op",
            _worded(path),
            f"{name} calls {called!r}, which is not known to be harmless",
            "put a layer or a custom layer in its place",
        )


def _called(name: str, config: dict[str, Any]) -> Any:
    if name in _FUNCTION_LAYERS:
        return config.get("function")
    if name == "InstanceProperty":
        return config.get("attr_name")
    node = config.get("node_def")
    attributes = node.get("attr") or {} if isinstance(node, dict) else None
    if not isinstance(node, dict) or not isinstance(attributes, dict):
        return None
    values = [value for value in attributes.values() if isinstance(value, dict)]
    values += [value["list"] for value in values if isinstance(value.get("list"), dict)]
    plain = all(value.keys() <= _ATTRIBUTES for value in values)
    return node.get("op") if plain and not node.get("device") else None


def _is_pure(name: str, called: str) -> bool:
    if name in _FUNCTION_LAYERS:
        return is_pure_function(called)
    return called in PROPERTIES if name == "InstanceProperty" else is_pure_node(called)


def _constants(path: _Path, name: str, nodes: Any) -> Iterator[Hazard]:
    """Texts among what a layer is called with: operations may take them, Keras's layers take tensors and numbers."""
    for text in _texts_in_calls(nodes):
        yield Hazard(
            "hazard-constant",
            _worded((path, "inbound_nodes")),
            f"{name} is called with the text {text[:60]!r}",
            "layers are called with tensors and numbers; remove the text",
        )


def _texts_in_calls(nodes: Any) -> Iterator[str]:
    todo = [nodes]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if "class_name" not in item:
                yield from (value for value in item.values() if isinstance(value, str))
                todo += [value for value in item.values() if isinstance(value, _CONTAINERS)]
        elif isinstance(item, (list, tuple)):
            reference = len(item) > 2 and isinstance(item[0], str) and isinstance(item[1], int)
            if not reference:
                yield from (value for value in item if isinstance(value, str))
            elif item[0] == "_CONSTANT_VALUE":
                yield from (value for value in item[2:3] if isinstance(value, str))
            todo += [value for value in item if isinstance(value, _CONTAINERS)]


# ------------------------------------------------------------------------------------------------------- how it is said


def _code(path: _Path, what: str) -> Hazard:
    return Hazard(
        "hazard-lambda",
        _worded(path),
        f"a Lambda with {what}, which building the model would run",
        "allow Lambda code only for a file whose author you trust, or put a custom layer in its place",
    )


def _unknown(path: _Path, what: str) -> Hazard:
    return Hazard(
        "hazard-unknown-class",
        _worded(path),
        f"the {what} is not known to be harmless" if " " in what else f"the class {what} is not known to be harmless",
        "if it is yours, declare it with --custom-objects",
    )


def _foreign(path: _Path, name: str, module: Any) -> Hazard:
    return Hazard(
        "hazard-foreign-module",
        _worded(path),
        f"the class {name!r} asks for the module {module!r} to be imported",
        "if it is yours, declare the class with --custom-objects; configsplit never imports what a file names",
    )


def _strange_function(path: _Path, name: Any, module: Any) -> Hazard:
    place = "" if module in (None, "builtins") else f" of the module {module!r}"
    return Hazard(
        "hazard-function",
        _worded(path),
        f"the function {name!r}{place} is not known to be harmless",
        "if it is yours, declare it with --custom-objects",
    )
