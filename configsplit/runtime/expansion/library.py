"""The classes of a library that the user named, and no others: what a file's configuration may speak of."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

from configsplit.errors import PluginError
from configsplit.hazards import ROOTS
from configsplit.plugins.loading import IMPORT_ERRORS
from configsplit.runtime.frameworks import Framework


def import_libraries(names: Sequence[str]) -> None:
    """Import what the user named."""
    for name in names:
        if name.partition(".")[0] in ROOTS:
            raise PluginError(
                "the classes of Keras are known anyway, and this would allow those that run code",
                code="expand-library",
                where=name,
                hint="name the package whose classes the model is made of",
            )
        try:
            importlib.import_module(name)
        except IMPORT_ERRORS as error:
            raise PluginError(
                f"the library cannot be imported: {type(error).__name__}: {error}",
                code="expand-library",
                where=name,
                hint="install it where configsplit is installed, with all that it needs, or put its folder on PYTHONPATH",
            ) from None


def library_classes(names: Sequence[str], works: Framework) -> dict[str, Any]:
    """Every class and function that the libraries register with Keras, by registered name (``package>Name``), and their classes
    of layers, by ``module:Name``. Never by a bare name: theirs may be one that Keras has too.
    """
    registered = works.module.saving.get_custom_objects()
    classes = {name: each for name, each in registered.items() if is_within(str(getattr(each, "__module__", "")), names)}
    base = works.module.layers.Layer
    for module_name, module in list(sys.modules.items()):
        if not is_within(module_name, names):
            continue
        for each in list(vars(module).values()):
            if isinstance(each, type) and issubclass(each, base) and each.__module__ == module_name:
                classes[f"{module_name}:{each.__name__}"] = each
    return classes


def is_within(module: str, names: Sequence[str]) -> bool:
    """Whether a module is one of the libraries, or in one."""
    return any(module == name or module.startswith(f"{name}.") for name in names)
