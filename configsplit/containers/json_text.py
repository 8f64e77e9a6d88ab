"""An architecture alone, as JSON text; or the index of weights in shards, where weights are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from configsplit.containers.arrays import Arrays
from configsplit.containers.container import Container
from configsplit.containers.kinds import BOM, decode_text, is_hdf5
from configsplit.containers.opening import Opened
from configsplit.errors import StoreError

if TYPE_CHECKING:
    from configsplit.containers.weights import WeightFile


class JsonText(Container):
    kind = "json"
    written_as = "json"

    @classmethod
    def recognises(cls, opened: Opened) -> bool:
        return opened.head.removeprefix(BOM).lstrip()[:1] in (b"{", b"[", b'"')

    def config_text(self) -> str:
        return decode_text(self.opened.small(self.opened.span), str(self.opened.path))

    def weights(self) -> None:
        return None

    def named_weights(self, architecture: Callable[[], str]) -> Arrays:
        from configsplit.containers.shards import open_shards

        return open_shards(self.opened.path, self.config_text(), self._shard)

    def _shard(self, path: Path) -> WeightFile:
        from configsplit.containers.weights import WeightFile  # the readers of HDF5 are loaded here and not before

        shard = Opened(path, self.opened.files)
        if not is_hdf5(shard):
            raise StoreError("this shard is no HDF5 file", code="weights-shards", where=str(path))
        return self.opened.files.stack.enter_context(WeightFile(shard.span, str(path)))
