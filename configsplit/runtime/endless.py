"""A graph that tf_keras would rebuild without end is refused instead.

tf_keras puts a call off until the calls that feed it are there, round after round, and never asks whether a round has brought
anything. A file whose calls are counted in another way than tf_keras counts them keeps it busy for ever: TF 1.13 gave the first
call of a Sequential without an input shape the number 1, every later release gives it 0.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from configsplit.errors import DocumentError
from configsplit.runtime.frameworks import Framework

_REBUILDER = "reconstruct_from_config"


@contextlib.contextmanager
def ending(framework: Framework) -> Iterator[None]:
    """Within this block tf_keras raises DocumentError where it would turn in circles; Keras 3 is left as it is."""
    library = importlib.import_module("tf_keras.src.engine.functional") if framework.name == "tf_keras" else None
    original = getattr(library, _REBUILDER, None)
    if library is None or original is None:
        yield
        return

    def rebuilt(config: Any, custom_objects: Any = None, created_layers: Any = None) -> Any:
        return original(config, custom_objects, _Layers(config, created_layers or {}))

    setattr(library, _REBUILDER, rebuilt)
    try:
        yield
    finally:
        setattr(library, _REBUILDER, original)


class _Layers(dict[str, Any]):
    """The layers of a graph that is rebuilt: in every round each is looked up, and what feeds the calls that are put off.

    After more look-ups than two rounds can take there must be a new call, or there never will be one.
    """

    def __init__(self, config: Any, made: Mapping[str, Any]) -> None:
        super().__init__(made)
        self._name = str(config.get("name"))
        self._patience = 2 * _containers(config)
        self._left, self._calls = self._patience, -1

    def __bool__(self) -> bool:
        """An empty one would be replaced by a dict of tf_keras's own."""
        return True

    def __getitem__(self, name: str) -> Any:
        self._left -= 1
        if self._left < 0:
            calls = sum(len(layer.inbound_nodes) for layer in self.values())
            if calls == self._calls:
                raise self._endless()
            self._left, self._calls = self._patience, calls
        return super().__getitem__(name)

    def _endless(self) -> DocumentError:
        return DocumentError(
            f"tf_keras would never finish {self._name!r}: it waits for a call of a layer that never comes, since the "
            "file counts the calls in another way than tf_keras, or is damaged",
            code="runtime-endless",
            where=self._name,
            hint="use --verify proof; or run what `configsplit convert` makes of it",
        )


def _containers(config: Any) -> int:
    """How many lists and mappings there are, in all depths: more than layers, and more than references to calls."""
    todo, count = [config], 0
    while todo:
        item = todo.pop()
        if isinstance(item, (dict, list, tuple)):
            count += 1
            todo.extend(item.values() if isinstance(item, dict) else item)
    return count
