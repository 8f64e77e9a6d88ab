"""Which classes the minor releases of Keras 3 and of tf.keras have, and which keys their constructors take.

``cd tests && python -m support.releases FOLDER...`` writes configsplit/catalog/releases.json, of the generations that are given
anew. Each folder holds one release (``pip install --no-deps --target FOLDER keras==3.8.0``, ``keras==2.15.0``, or
``tf_keras==2.16.0``), and what it needs besides is installed, here or where the Python of ``PYTHON@FOLDER`` is; it is
imported in a process of its own. Only what is not the same in all of them is kept: ``in``, the first and the last release
that have a class; ``keys``, the first and the last that take a key.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "configsplit" / "catalog" / "releases.json"

_PUBLIC = ("constraints", "dtype_policies", "initializers", "layers", "quantizers", "random", "regularizers")

_BACKENDS = "keras.src.backend."
"""Bases of ``Layer``, which has refused by then what it does not know."""

Found = dict[str, dict[str, list[str]]]


ANY = "*"
"""Stands for every key: the constructor takes ``**kwargs``, and leaves alone what it does not know."""


def keys(made: type) -> list[str]:
    """What a constructor takes, with what it hands on to those of its bases."""
    found: set[str] = set()
    for base in made.__mro__:
        if (init := base.__dict__.get("__init__")) is None:
            continue
        parameters = inspect.signature(init).parameters.values()
        found |= {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
        rest = next((each.name for each in parameters if each.kind is each.VAR_KEYWORD), None)
        if rest is None:
            break
        found |= _looked_for(inspect.unwrap(init), rest)
        if not base.__module__.startswith(_BACKENDS) and _takes_any(inspect.unwrap(init), rest):
            return sorted({*found, ANY} - {"self"})
    return sorted(found - {"self"})


def _looked_for(function: Any, rest: str) -> set[str]:
    """The keys that a constructor takes out of what it takes as ``**rest``."""
    source = inspect.getsource(function) if inspect.isfunction(function) else ""
    return {
        *re.findall(rf"{rest}\.(?:pop|get)\(\s*[\"'](\w+)[\"']", source),
        *re.findall(rf"[\"'](\w+)[\"'] in {rest}\b", source),
    }


def _takes_any(function: Any, rest: str) -> bool:
    """Whether a constructor neither hands on nor refuses what it takes as ``**rest``, whichever keys it looks for in it."""
    if not inspect.isfunction(function):
        return False
    source = inspect.getsource(function)
    return source.count(f"**{rest}") == 1 and not any(used in source for used in (f"if {rest}", f"({rest}"))


def classes(module: ModuleType, *, own: bool = False) -> dict[str, list[str]]:
    """Class name -> its keys, of those that documents may name; with ``own`` without what the module only imports."""
    found = {name: made for name, made in vars(module).items() if inspect.isclass(made)}
    return {name: keys(made) for name, made in found.items() if not own or made.__module__ == module.__name__}


def of_keras2(package: str) -> Found:
    """The layer classes that a release of tf.keras finds by name, whatever it exports, and their keys."""
    for place in (f"{package}.src.layers.serialization", f"{package}.layers.serialization"):
        try:
            serialization = importlib.import_module(place)
        except ModuleNotFoundError:
            continue
        serialization.populate_deserializable_objects()
        known = serialization.LOCAL.ALL_OBJECTS.items()
        return {"keras.layers": {name: keys(made) for name, made in known if inspect.isclass(made)}}
    raise ModuleNotFoundError(package)


def installed(package: str = "keras") -> Found:
    """Module -> class -> keys, of the Keras that is imported here as "keras" or "tf_keras"."""
    keras = importlib.import_module(package)
    return of_keras2(package) if keras.__version__.startswith("2.") else of_keras3(keras)


def of_keras3(keras: ModuleType) -> Found:
    """Module -> class -> keys, of Keras 3."""
    found = {f"keras.{name}": classes(getattr(keras, name)) for name in _PUBLIC if hasattr(keras, name)}
    operations = importlib.import_module("keras.src.ops")
    for each in pkgutil.iter_modules(operations.__path__, "keras.src.ops."):
        if not each.name.endswith("_test"):
            found[each.name] = classes(importlib.import_module(each.name), own=True)
    return found


def _of(place: str) -> tuple[str, Found]:
    """A release in a folder, as it tells of itself."""
    python, _, folder = place.rpartition("@")
    package = "tf_keras" if Path(folder, "tf_keras").is_dir() else "keras"
    code = (
        f"import json, {package}; from support.releases import installed; "
        f"print(json.dumps([{package}.__version__, installed('{package}')]))"
    )
    paths = os.pathsep.join((folder, str(Path(__file__).resolve().parents[1])))
    done = subprocess.run(
        [python or sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ, PYTHONPATH=paths),
    )
    version, found = json.loads(done.stdout.splitlines()[-1])
    return version, found


def changes(releases: Mapping[str, Found]) -> dict[str, Any]:
    """What is not the same in all releases, which stand in order."""
    made: dict[str, Any] = {}
    for module in sorted({module for found in releases.values() for module in found}):
        names = {name for found in releases.values() for name in found.get(module, ())}
        listed = {name: _changed([found.get(module, {}).get(name) for found in releases.values()]) for name in sorted(names)}
        made |= {module: kept} if (kept := {name: each for name, each in listed.items() if each}) else {}
    return made


def _changed(seen: Sequence[list[str] | None]) -> dict[str, Any]:
    """What changed of one class; ``seen`` are its keys in each release, None where there is no such class."""
    there = [number for number, each in enumerate(seen) if each is not None]
    made: dict[str, Any] = {} if len(there) == len(seen) else {"in": [there[0], there[-1]]}
    moved = {}
    for key in sorted({key for each in seen for key in each or ()} - {ANY}):
        takes = [number for number in there if {key, ANY} & {*(seen[number] or ())}]
        if takes != there:
            moved[key] = [takes[0], takes[-1]]
    return {**made, "keys": moved} if moved else made


def main(folders: Sequence[str]) -> None:
    """Write the table."""
    told = dict(sorted(map(_of, folders), key=lambda each: [int(step) for step in each[0].split(".")]))
    table = json.loads(DATA.read_text())
    for major in sorted({version[0] for version in told}):
        these = {version: found for version, found in told.items() if version[0] == major}
        table[f"keras{major}"] = {"releases": list(these), "changes": changes(these)}
    text = "{\n" + ",\n".join(f"{json.dumps(name)}: {_written(table[name])}" for name in sorted(table)) + "\n}\n"
    json.loads(text)
    DATA.write_text(text)


def _written(generation: Mapping[str, Any]) -> str:
    """One generation, a line for each class."""
    lines = [
        f"  {json.dumps(module)}: {{\n"
        + ",\n".join(f"   {json.dumps(name)}: {json.dumps(each)}" for name, each in found.items())
        + "\n  }"
        for module, found in generation["changes"].items()
    ]
    return f'{{\n "releases": {json.dumps(generation["releases"])},\n "changes": {{\n' + ",\n".join(lines) + "\n }\n}"


if __name__ == "__main__":
    main(sys.argv[1:])
