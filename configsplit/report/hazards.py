"""What a document must not contain before any framework may see it.

Keras's own safe mode has had a hole in most years (docs/security.md lists the CVEs), and tf_keras applies none to .h5 and
JSON. So the document is searched first, in full, by rules that import and evaluate nothing; safe mode comes on top.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

ROOTS = frozenset({"keras", "tf_keras", "keras_hub"})
# Packages within Keras that hold tools, not model parts: get_file, load_model, enable_unsafe_deserialization, ...
_TOOLS = frozenset({"utils", "saving", "config", "datasets", "export", "legacy_saving", "preprocessing"})
_OUTSIDE = {
    "TFSMLayer": "loads a SavedModel from a path of the file's choosing",
    "TorchModuleWrapper": "unpickles a torch module",
}
# TFOpLambda calls any function of the TensorFlow API by name, TensorFlowOpLayer any op: these reach files or Python.
_TF_REACH = frozenset(
    {
        "io",
        "gfile",
        "raw_ops",
        "saved_model",
        "keras",
        "data",
        "summary",
        "train",
        "py_function",
        "numpy_function",
        "py_func",
        "write_file",
        "read_file",
        "load_library",
        "load_op_library",
        "load_file_system_library",
        "autograph",
        "distribute",
        "config",
    }
)
_TF_OPS = ("WriteFile", "ReadFile", "MatchingFiles", "PyFunc", "EagerPyFunc", "Save", "Restore", "Print")
_CONTAINERS = (dict, list, tuple)
_PATH_KEYS = ("vocabulary", "merges", "proto")


@dataclass(frozen=True, slots=True)
class Hazard:
    """Something that would run code or reach outside if the model were built: a stable code, and where it stands."""

    code: str
    where: str
    message: str
    hint: str


def hazards(document: Any, *, classes: Collection[str] = (), allow_lambda: bool = False) -> Iterator[Hazard]:
    """Search a document (plain or frozen JSON) for anything that could run code or open files when it is built; iterative.

    ``classes`` names the custom classes that are allowed, whatever module they claim; ``allow_lambda`` says that the user
    trusts the file's Lambda code, and excuses nothing else.
    """
    for path, item in _objects(document):
        name = item.get("class_name")
        if not isinstance(name, str):
            continue
        config = item.get("config")
        yield from _lambda(path, name, config, allow_lambda)
        yield from _outside(path, name, config)
        if name not in classes and item.get("registered_name") not in classes:
            yield from _module(path, name, item.get("module"))


_Path = tuple[Any, ...]
"""Where something stands: the path of what holds it, and its key or number there. Few paths are ever put into words."""


def _objects(document: Any) -> Iterator[tuple[_Path, dict[str, Any]]]:
    """Every JSON object, each with its path; what compile() would use at the top is left out: it is never built."""
    todo: list[tuple[_Path, Any]] = [((), document)] if isinstance(document, _CONTAINERS) else []
    while todo:
        path, item = todo.pop()
        if isinstance(item, dict):
            yield path, item
            hidden = () if path else ("compile_config", "training_config")
            inner = [(key, value) for key, value in item.items() if isinstance(value, _CONTAINERS) and key not in hidden]
        else:
            inner = [(number, value) for number, value in enumerate(item) if isinstance(value, _CONTAINERS)]
        todo.extend(((path, key), value) for key, value in reversed(inner) if value)


def _worded(path: _Path) -> str:
    """``config.layers[3].config``."""
    steps: list[str] = []
    while path:
        path, key = path
        steps.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(steps)).removeprefix(".")


def _lambda(path: _Path, name: str, config: Any, allowed: bool) -> Iterator[Hazard]:
    if not allowed and (name == "__lambda__" or (name.split(">")[-1] == "Lambda" and _holds_code(config))):
        yield Hazard(
            "hazard-lambda",
            _worded(path),
            "a Lambda with marshalled Python code, which building the model would run",
            "allow Lambda code only for a file whose author you trust, or put a custom layer in its place",
        )


def _holds_code(config: Any) -> bool:
    """True for bytecode as every release spells it: [code, defaults, closure], or a bare string marked "lambda"."""
    if not isinstance(config, dict):
        return False
    marked = any(config.get(f"{key}_type") in ("lambda", "raw") for key in ("function", "output_shape", "mask"))
    function = config.get("function")
    # Keras 1 and some 2.x files hold raw marshal text where the marker is lost: a function's name is an identifier.
    return marked or isinstance(function, (list, tuple)) or (isinstance(function, str) and not _is_name(function))


def _is_name(text: str) -> bool:
    return text.replace(">", "_").replace(".", "_").isidentifier()


def _outside(path: _Path, name: str, config: Any) -> Iterator[Hazard]:
    if name in _OUTSIDE:
        yield Hazard(
            "hazard-outside-code",
            _worded(path),
            f"the layer class {name} {_OUTSIDE[name]}",
            "such a layer cannot be checked; replace it before you run the model",
        )
    if not isinstance(config, dict):
        return
    for key in _PATH_KEYS:
        if isinstance(config.get(key), str):
            yield Hazard(
                "hazard-vocabulary-path",
                _worded(((path, "config"), key)),
                f"{name} reads its {key} from the path or address {config[key]!r}",
                "put the vocabulary itself (a list) into the file",
            )
    if (tool := _tensorflow_tool(name, config)) is not None:
        yield Hazard(
            "hazard-tensorflow-op",
            _worded(path),
            f"{name} calls {tool!r}, which reaches beyond the model",
            "no model needs this to compute its outputs; remove the layer",
        )


def _tensorflow_tool(name: str, config: dict[str, Any]) -> str | None:
    """The function or op of an op layer, if it is one that reaches files or Python."""
    if name == "TFOpLambda" and isinstance(function := config.get("function"), str):
        return function if set(function.split(".")) & _TF_REACH else None
    node = config.get("node_def") if name == "TensorFlowOpLayer" else None
    op = node.get("op") if isinstance(node, dict) else (node or "")
    return op if isinstance(op, str) and any(bad in op for bad in _TF_OPS) else None


def _module(path: _Path, name: str, module: Any) -> Iterator[Hazard]:
    """A class is looked up by the ``module`` it claims; None means the registry of allowed classes, which is safe."""
    if module is None or (module == "builtins" and name == "function"):
        return
    parts = str(module).split(".")
    if parts[0] in ROOTS and not set(parts) & _TOOLS:
        return
    yield Hazard(
        "hazard-foreign-module",
        _worded(path),
        f"the class {name!r} asks for the module {module!r} to be imported",
        "if it is yours, declare the class with --custom-objects; configsplit never imports what a file names",
    )
