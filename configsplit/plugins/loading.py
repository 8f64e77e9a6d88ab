"""Finding and importing plug-in modules, and the classes they name; everything that can go wrong becomes a PluginError."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, cast

from configsplit.catalog.facts import FunctionFacts, LayerFacts
from configsplit.errors import PluginError, RuntimeUnavailableError

_FRAMEWORKS = frozenset({"keras", "tf_keras", "tensorflow"})

IMPORT_ERRORS = (
    ImportError,
    SyntaxError,
    NameError,
    AttributeError,
    TypeError,
    ValueError,
    LookupError,
    OSError,
    RuntimeError,
    AssertionError,
    ArithmeticError,
)
"""What code of others raises while it is imported. Exits and interrupts pass."""


class Declared(NamedTuple):
    """What one plug-in module declares, and where it was found; see `Plugin`."""

    layers: tuple[LayerFacts, ...]
    source: str
    module: str
    folder: str = ""
    functions: tuple[FunctionFacts, ...] = ()


def installed() -> tuple[list[Declared], list[PluginError]]:
    """What every installed entry point declares, in order of names, and the errors of those that cannot be loaded."""
    declared: list[Declared] = []
    failures: list[PluginError] = []
    for point in sorted(points(), key=Point.key):
        source = f"built in with {point.package}" if point.package == "configsplit" else _named(point)
        try:
            module = _imported(point.module, source)
            target = getattr(module, point.attribute) if point.attribute else _layers(module, source)
            functions = () if point.attribute else _functions(module, source)
            declared.append(Declared(_checked(target, source), source, point.module, functions=functions))
        except PluginError as error:
            failures.append(error)
        except AttributeError as error:
            failures.append(PluginError(str(error), code="plugin-no-layers", where=source))
    return declared, failures


def _named(point: Point) -> str:
    return f"entry point {point.name!r} of {point.package or 'an unknown package'}"


def declared_in(spec: str) -> Declared:
    """What a ``.py`` file or importable module declares.

    Raises:
        PluginError: it is missing, fails while it is imported, or declares nothing of use.
    """
    path = Path(spec)
    if path.suffix != ".py" and not path.exists():
        module = _imported(spec, spec)
        layers = _checked(_layers(module, spec), spec)
        return Declared(layers, f"module {spec}", spec, functions=_functions(module, spec))
    if not path.is_file():
        raise PluginError(
            "there is no such plug-in file",
            code="plugin-missing",
            where=spec,
            hint="give a .py file, or a module's dotted name",
        )
    module = _run(path.resolve())
    source = f"file {spec}"
    layers = _checked(_layers(module, source), source)
    return Declared(layers, source, module.__name__, str(path.resolve().parent), _functions(module, source))


def _imported(name: str, where: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise PluginError(
                f"there is no module {error.name!r}",
                code="plugin-missing",
                where=where,
                hint="install the package, or give the path of a .py file",
            ) from None
        raise _failed(error, where) from error
    except IMPORT_ERRORS as error:
        raise _failed(error, where) from error


def _run(path: Path) -> ModuleType:
    """Import a file under a name of its own, so that two files of the same name do not meet."""
    name = f"_configsplit_plugin_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("Python cannot import this file", code="plugin-import", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses in the plug-in look their module up there
    try:
        spec.loader.exec_module(module)
    except IMPORT_ERRORS as error:
        del sys.modules[name]
        raise _failed(error, str(path)) from error
    return module


def _failed(error: BaseException, where: str) -> PluginError:
    return PluginError(
        f"importing the plug-in failed: {type(error).__name__}: {error}",
        code="plugin-import",
        where=where,
        hint="a declaration needs no Keras: keep the real classes in a module of their own, named by keras_class",
    )


def _layers(module: ModuleType, where: str) -> Any:
    if not hasattr(module, "LAYERS") and hasattr(module, "FUNCTIONS"):
        return None
    if not hasattr(module, "LAYERS"):
        raise PluginError(
            "the plug-in declares no LAYERS",
            code="plugin-no-layers",
            where=where,
            hint='add LAYERS = (LayerFacts(class_name="...", outputs=...),)',
        )
    return module.LAYERS


def _functions(module: ModuleType, where: str) -> tuple[FunctionFacts, ...]:
    """The functions that a module declares besides its layers, or instead of any."""
    declared = getattr(module, "FUNCTIONS", ())
    several = (declared,) if isinstance(declared, FunctionFacts) else declared
    if isinstance(several, (tuple, list)) and all(isinstance(item, FunctionFacts) for item in several):
        return tuple(several)
    raise PluginError(
        f"FUNCTIONS is of type {type(declared).__name__}",
        code="plugin-wrong-type",
        where=where,
        hint="FUNCTIONS is a FunctionFacts, or a tuple of them",
    )


def _checked(layers: Any, where: str) -> tuple[LayerFacts, ...]:
    if layers is None:
        return ()
    several = (layers,) if isinstance(layers, LayerFacts) else layers
    if isinstance(several, (tuple, list)) and several and all(isinstance(item, LayerFacts) for item in several):
        return tuple(several)
    raise PluginError(
        f"LAYERS is {_described(layers)}",
        code="plugin-wrong-type",
        where=where,
        hint="LAYERS is a LayerFacts, or a tuple of at least one",
    )


def _described(layers: Any) -> str:
    if not isinstance(layers, (tuple, list)):
        return f"of type {type(layers).__name__}"
    other = next((type(item).__name__ for item in layers if not isinstance(item, LayerFacts)), "")
    return f"a sequence that holds {other}" if other else "empty"


def class_at(target: str, module: str, folder: str, where: str) -> type[Any]:
    """The class that ``module:Class`` names; ``:Class`` is in the plug-in itself, and a module may be a file beside it.

    Raises:
        PluginError: there is no such module or class.
        RuntimeUnavailableError: Keras or tf_keras, which the module needs, is not installed.
    """
    value = _object_at(target, module, folder, where)
    if not isinstance(value, type):
        raise _no_class(target, where, TypeError(f"{target.rpartition(':')[2]} is not a class"))
    return value


def function_at(target: str, module: str, folder: str, where: str) -> Callable[..., Any]:
    """The function that ``module:function`` names; raises as `class_at` does."""
    value = _object_at(target, module, folder, where)
    if not callable(value):
        raise _no_class(target, where, TypeError(f"{target.rpartition(':')[2]} is not a function"))
    return cast("Callable[..., Any]", value)


def _object_at(target: str, module: str, folder: str, where: str) -> Any:
    place, _, name = target.partition(":")
    beside = Path(folder, f"{place}.py") if folder and place else None
    try:
        holder = _run(beside) if beside is not None and beside.is_file() else importlib.import_module(place or module)
        value = getattr(holder, name)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in _FRAMEWORKS:
            raise _no_framework(str(error.name)) from None
        raise _no_class(target, where, error) from error
    except PluginError as error:
        if isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name in _FRAMEWORKS:
            raise _no_framework(error.__cause__.name) from None
        raise
    except IMPORT_ERRORS as error:
        raise _no_class(target, where, error) from error
    return value


def _no_framework(name: str) -> RuntimeUnavailableError:
    return RuntimeUnavailableError(
        f"{name} is not installed",
        code="runtime-missing",
        hint="pip install 'configsplit[tensorflow]' or 'configsplit[legacy]'",
    )


def _no_class(target: str, where: str, error: BaseException) -> PluginError:
    return PluginError(
        f"{target!r} cannot be loaded: {type(error).__name__}: {error}",
        code="plugin-class",
        where=where,
        hint="keras_class, tf_keras_class and the like are written 'package.module:Class'",
    )


# Entry points of the group of plug-ins. ``importlib.metadata`` takes longer to load than all plug-ins that ship here, so the
# usual case, that nobody else declares one, is told from the file names and bytes alone.


GROUP = "configsplit.custom_objects"
"""The entry point group by which installed packages declare plug-ins."""


class Point(NamedTuple):
    """An entry point: what is to be imported, and the package that declares it."""

    name: str
    module: str
    attribute: str
    package: str

    def key(self) -> tuple[str, str]:
        return self.name, f"{self.module}:{self.attribute}" if self.attribute else self.module


_last: list[tuple[Any, list[Point]]] = []
"""What was found last, and the state of all that it was found in: looking takes a quarter of the time of a small model."""


def points() -> list[Point]:
    """All entry points of the group."""
    state = _state()
    for before, last in _last[-1:]:
        if before == state:
            return last
    own = _own_file() if "importlib.metadata" not in sys.modules else None
    last = _installed() if own is None else [*_read(own)]
    _last[:] = [(state, last)]
    return last


def _state() -> Any:
    """What finds packages, where it looks, and since when each of these places has been as it is."""
    finds = getattr(sys.modules.get("importlib.metadata"), "entry_points", None)
    return finds, (*sys.meta_path,), tuple((folder, _changed(folder or ".")) for folder in sys.path)


def _changed(place: str) -> int:
    try:
        return Path(place).stat().st_mtime_ns
    except OSError:
        return 0


def _installed() -> list[Point]:
    from importlib import metadata

    entries = metadata.entry_points(group=GROUP)
    return [Point(point.name, point.module, point.attr or "", point.dist.name if point.dist else "") for point in entries]


def _own_file() -> Path | None:
    """configsplit's own list of entry points, if no other package can have one of the group; None if that is not certain."""
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return None
    own: list[Path] = []
    for folder in dict.fromkeys(sys.path):
        if folder.endswith((".egg", ".whl")) or Path(folder).is_file():
            return None
        files = [path for path in _lists(folder) if GROUP.encode() in path.read_bytes()]
        if not all(path.parent.name.startswith(("configsplit-", "configsplit.egg-info")) for path in files):
            return None
        own += files
    return own[0] if own else None


def _lists(folder: str) -> list[Path]:
    try:
        names = [name for name in os.listdir(folder or ".") if name.endswith((".dist-info", ".egg-info"))]  # noqa: PTH208
    except OSError:
        return []
    places = (Path(folder, name, "entry_points.txt") for name in sorted(names))
    return [place for place in places if place.is_file()]


def _read(path: Path) -> Iterator[Point]:
    """The group's entries of one list: ``name = module`` or ``name = module:attribute``, below ``[group]``."""
    inside = False
    for line in map(str.strip, path.read_text("utf-8").splitlines()):
        if line.startswith("["):
            inside = line == f"[{GROUP}]"
        elif inside and line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            module, _, attribute = value.partition(":")
            yield Point(name.strip(), module.strip(), attribute.strip(), "configsplit")
