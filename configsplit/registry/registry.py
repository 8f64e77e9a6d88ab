"""The custom objects in force, as a value: made once from installed packages and the user's own files, then passed around."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from configsplit.errors import PluginError
from configsplit.ir.facts import LayerFacts
from configsplit.registry.loading import Declared, class_at, declared_in, installed

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
class Registry:
    """Plug-ins, in the order in which they came.

    ``failures`` are the installed plug-ins that could not be loaded: one broken package must not stop work on models that do
    not need it.
    """

    plugins: tuple[Plugin, ...] = ()
    failures: tuple[PluginError, ...] = ()

    @classmethod
    def discover(cls) -> Registry:
        """All plug-ins that installed packages declare as entry points of the group ``configsplit.custom_objects``.

        Raises:
            PluginError: two packages declare the same class.
        """
        found, failures = installed()
        registry = cls(failures=tuple(failures))
        for declared in found:
            registry = registry._with(declared, "installed")
        return registry

    def load(self, spec: str) -> Registry:
        """This registry and the plug-ins of a ``.py`` file or importable module, which win over installed ones.

        Raises:
            PluginError: the file or module is missing, fails, or declares nothing of use; or a class was given before.
        """
        return self._with(declared_in(spec), "given")

    def _with(self, declared: Declared, place: Literal["installed", "given"]) -> Registry:
        added = [Plugin(facts, declared.source, place, declared.module, declared.folder) for facts in declared.layers]
        fresh = [plugin for plugin in added if plugin not in self.plugins]  # the same file given twice is no conflict
        _refuse_twice((*self.plugins, *fresh), declared.source)
        return replace(self, plugins=(*self.plugins, *fresh))

    def facts(self) -> Mapping[str, LayerFacts]:
        """Class name -> facts; what the user gave wins over what is installed."""
        return {name: plugin.facts for name, plugin in self._in_force().items()}

    def keras_classes(self, framework: Framework) -> dict[str, type[Any]]:
        """Class name -> the real class for a framework, of the plug-ins that have one. This imports the framework.

        Raises:
            PluginError: a class cannot be found where its plug-in says.
            RuntimeUnavailableError: the framework is not installed.
        """
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
