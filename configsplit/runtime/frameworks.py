"""Which Keras a dialect needs, imported only when it is needed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from configsplit.errors import RuntimeUnavailableError

_OF_DIALECT = {"keras3": "keras", "keras2": "tf_keras"}
_EXTRA = {"keras": "tensorflow", "tf_keras": "legacy"}


@dataclass(frozen=True, slots=True)
class Framework:
    """One imported Keras. ``name`` is "keras" (3, any backend) or "tf_keras"."""

    name: str
    module: ModuleType

    @property
    def version(self) -> str:
        return str(self.module.__version__)

    @property
    def backend(self) -> str:
        return str(self.module.backend.backend())

    @property
    def floatx(self) -> str:
        """The dtype of numbers where nobody says."""
        return str(self.module.backend.floatx())

    @property
    def _tree(self) -> Any:
        return self.module.tree if self.name == "keras" else importlib.import_module("tensorflow").nest

    def flatten(self, structure: Any) -> list[Any]:
        """Leaves of nested inputs or outputs in the framework's own order."""
        return list(self._tree.flatten(structure))

    def pack(self, structure: Any, leaves: Sequence[Any]) -> Any:
        """The reverse of `flatten`."""
        return self._tree.pack_sequence_as(structure, list(leaves))


def framework_name(dialect: str) -> str:
    """The package that runs models of a dialect: "keras" or "tf_keras"."""
    if (name := _OF_DIALECT.get(dialect)) is None:
        raise RuntimeUnavailableError(
            f"neither Keras 3 nor tf_keras runs models of the dialect {dialect!r}",
            code="runtime-no-framework",
            hint="`configsplit convert` makes a Keras 3 model of it, which can be run",
        )
    return name


def framework(name: str) -> Framework:
    """Import "keras" or "tf_keras"."""
    try:
        return Framework(name, importlib.import_module(name))
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"{name} cannot be imported: {error}",
            code="runtime-not-installed",
            hint=f"pip install 'configsplit[{_EXTRA.get(name, 'tensorflow')}]'",
        ) from None
