"""The custom objects in force, as a value: made once from installed packages and the user's own files, then passed around."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from configsplit.catalog.facts import FunctionFacts, LayerFacts
from configsplit.errors import PluginError, check_choice
from configsplit.plugins.loading import Declared, class_at, declared_in, function_at, installed

Framework: TypeAlias = Literal["keras", "tf_keras"]


@dataclass(frozen=True, slots=True)
class Plugin:
    """One declared layer class and where it comes from.

    ``place`` is "installed" or "given" (by the user, on the command line or in a call); ``module`` is where ``module:Class``
    strings without a module look, and ``folder`` where they look for modules that are not installed.
    """

    facts: LayerFacts
    source: str
    place: Literal["installed", "given"] = "given"
    module: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """One declared function and where it comes from; see `Plugin`."""

    facts: FunctionFacts
    source: str
    place: Literal["installed", "given"] = "given"
    module: str = ""
    folder: str = ""


@dataclass(frozen=True, slots=True)
class Registry:
    """Plug-ins, in the order in which they came.

    ``failures`` are the installed plug-ins that could not be loaded: one broken package must not stop work on models that do
    not need it.
    """

    plugins: tuple[Plugin, ...] = ()
    failures: tuple[PluginError, ...] = ()
    functions: tuple[Function, ...] = ()

    @classmethod
    def discover(cls) -> Registry:
        """All plug-ins that installed packages declare as entry points of the group ``configsplit.custom_objects``.

        Returns:
            They, with the errors of those that could not be loaded.

        Raises:
            PluginError: two packages declare the same class.
        """
        plugins, failures = installed()
        registry = cls(failures=tuple(failures))
        for declared in plugins:
            registry = registry._with(declared, "installed")
        return registry

    def load(self, spec: str) -> Registry:
        """This registry and the plug-ins of a ``.py`` file or importable module, which win over installed ones.

        Args:
            spec: the file or module.

        Returns:
            A new registry.

        Raises:
            PluginError: the file or module is missing, fails, or declares nothing of use; or a class was given before.
        """
        return self._with(declared_in(spec), "given")

    def _with(self, declared: Declared, place: Literal["installed", "given"]) -> Registry:
        added = [Plugin(facts, declared.source, place, declared.module, declared.folder) for facts in declared.layers]
        fresh = [plugin for plugin in added if plugin not in self.plugins]  # the same file given twice is no conflict
        _refuse_twice((*self.plugins, *fresh), declared.source)
        return replace(
            self, plugins=(*self.plugins, *fresh), functions=(*self.functions, *_functions(self.functions, declared, place))
        )

    def facts(self) -> Mapping[str, LayerFacts]:
        """What is declared of classes.

        Returns:
            Class name -> facts; what the user gave wins over what is installed.
        """
        return {name: plugin.facts for name, plugin in self._in_force().items()}

    def names(self) -> frozenset[str]:
        """What is the user's own, and known.

        Returns:
            The names of all classes and functions that plug-ins declare.
        """
        return frozenset((*self.facts(), *(function.facts.name for function in self.functions)))

    def keras_objects(self, framework: Framework) -> dict[str, Callable[..., Any]]:
        """The real classes and functions of the plug-ins that have one. This imports the framework.

        Args:
            framework: which Keras.

        Returns:
            Name -> class or function.

        Raises:
            OptionError, PluginError, RuntimeUnavailableError: as `keras_classes` does.
        """
        check_choice("framework", framework, Framework)
        key = "keras_function" if framework == "keras" else "tf_keras_function"
        ordered = sorted(self.functions, key=lambda function: function.place == "given")
        targets = {function.facts.name: (function, getattr(function.facts, key)) for function in ordered}
        functions = {
            name: function_at(target, function.module, function.folder, function.source)
            for name, (function, target) in targets.items()
            if target
        }
        return {**functions, **self.keras_classes(framework)}

    def keras_classes(self, framework: Framework) -> dict[str, type]:
        """The real classes of the plug-ins that have one. This imports the framework.

        Args:
            framework: which Keras.

        Returns:
            Class name -> class.

        Raises:
            OptionError: there is no such framework.
            PluginError: a class cannot be found where its plug-in says.
            RuntimeUnavailableError: the framework is not installed.
        """
        check_choice("framework", framework, Framework)
        key = "keras_class" if framework == "keras" else "tf_keras_class"
        named = {name: (plugin, getattr(plugin.facts, key)) for name, plugin in self._in_force().items()}
        return {
            name: class_at(target, plugin.module, plugin.folder, plugin.source)
            for name, (plugin, target) in named.items()
            if target
        }

    def _in_force(self) -> dict[str, Plugin]:
        ordered = sorted(self.plugins, key=lambda plugin: plugin.place == "given")
        return {plugin.facts.class_name: plugin for plugin in ordered}


def plugins(custom_objects: Iterable[str | Path] = (), registry: Registry | None = None) -> Registry:
    """All that is known: what installed packages declare, and the user's own files and modules.

    Args:
        custom_objects: the files and modules.
        registry: what is installed, where that was looked up before.

    Returns:
        A registry of both.

    Raises:
        PluginError: a file or module is missing, fails, or declares nothing of use; or a class is declared twice.
    """
    registry = Registry.discover() if registry is None else registry
    for spec in custom_objects:
        registry = registry.load(str(spec))
    return registry


def _functions(known: Iterable[Function], declared: Declared, place: Literal["installed", "given"]) -> list[Function]:
    """The functions that a plug-in adds. Raises PluginError where another one of the same place has declared one of them."""
    before = {(function.place, function.facts.name): function for function in known}
    added: list[Function] = []
    for facts in declared.functions:
        function = Function(facts, declared.source, place, declared.module, declared.folder)
        there = before.get((place, facts.name))
        if there is not None and there != function:
            raise PluginError(
                f"the function {facts.name!r} is declared twice: in {there.source} and in {declared.source}",
                code="plugin-duplicate",
                where=declared.source,
                hint="give or install only one of them",
            )
        added += [] if there is not None else [function]
    return added


def _refuse_twice(plugins: Iterable[Plugin], where: str) -> None:
    seen: dict[tuple[str, str], str] = {}
    for plugin in plugins:
        key = (plugin.place, plugin.facts.class_name)
        if key in seen:
            raise PluginError(
                f"the class {plugin.facts.class_name!r} is declared twice: in {seen[key]} and in {plugin.source}",
                code="plugin-duplicate",
                where=where,
                hint="give or install only one of them",
            )
        seen[key] = plugin.source
