"""The graph that `expand` wrote of a model whose own file holds none: the document, and where its weights lie in that file.

A class of a library names the groups of its weights as it likes: after itself, where the graph has a plain functional model,
and after its attributes. What is called otherwise there stands in ``weights_at``: the name of an array in this document's
layout -> its name in the file that is given as weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from configsplit.containers.addresses import V3, Layout
from configsplit.containers.arrays import ArrayInfo, Arrays, groups_above
from configsplit.containers.container import Container
from configsplit.containers.hdf5.plain_format import Attribute
from configsplit.containers.kinds import decode_text
from configsplit.containers.opening import Opened
from configsplit.containers.system.window import Span
from configsplit.errors import StoreError
from configsplit.graph.json import FrozenDict, dumps, loads

if TYPE_CHECKING:
    import numpy as np

_HEAD = re.compile(rb'\s*\{\s*"weights_at"\s*:')


class Expanded(Container):
    kind = "expanded"
    written_as = "json"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return _HEAD.match(opened.head) is not None

    @cached_property
    def _record(self) -> FrozenDict:
        where = str(self.opened.path)
        record: FrozenDict = loads(decode_text(self.opened.small(self.opened.span), where))
        at: Any = record.get("weights_at")
        sound = isinstance(at, FrozenDict) and all(isinstance(name, str) for name in at.values())
        if not sound or record.keys() != {"weights_at", "model"} or len(set(at.values())) < len(at):
            hint = "write it again with `configsplit expand`"
            raise StoreError("`expand` did not write this file", code="expanded-damaged", where=where, hint=hint)
        return record

    def config_text(self) -> str:
        return dumps(self._record["model"])

    def weights(self) -> None:
        return None

    def weights_at(self) -> Mapping[str, str]:
        at: Mapping[str, str] = self._record["weights_at"]
        return at


def expanded_text(document: Any, weights_at: Mapping[str, str]) -> str:
    """What is written of a document whose weights are called otherwise in their file."""
    return dumps({"weights_at": dict(weights_at), "model": document}, indent=1) + "\n"


class RenamedArrays(Arrays):
    """The arrays of a file under the names that a document has for them; what it has no name for is left out.

    Raises:
        StoreError: the file lacks one of them.
    """

    in_order = False
    renamed = True

    def __init__(self, held: Arrays, weights_at: Mapping[str, str]) -> None:
        self.held, self._at = held, dict(weights_at)
        self.where, self.size = held.where, held.size
        self.datasets: dict[str, ArrayInfo] = {}
        for name, stored in self._at.items():
            if stored not in held.datasets:
                hint = "give the weights that the model was expanded with"
                raise StoreError("there is no such array", code="weights-missing", where=f"{self.where}:{stored}", hint=hint)
            self.datasets[name] = held.datasets[stored]
        self.groups = groups_above(self.datasets)

    @property
    def layout(self) -> Layout:
        return V3

    def _stored(self, path: str) -> str:
        self.check_there(path)
        return self._at.get(path, "")

    def place(self, path: str) -> Span | None:
        return self.held.place(self._stored(path))

    def read(self, path: str) -> np.ndarray[Any, Any]:
        return self.held.read(self._stored(path))

    def type_key(self, path: str) -> bytes:
        return self.held.type_key(self._stored(path))

    def plain_attributes(self, path: str) -> Mapping[str, Attribute]:
        return self.held.plain_attributes(self._at[path]) if path in self._at else {}

    def attribute_strings(self, attribute: Attribute) -> list[bytes]:
        return self.held.attribute_strings(attribute)

    def handle(self, path: str) -> Any:
        return self.held.handle(self._at[path]) if path in self._at else None
